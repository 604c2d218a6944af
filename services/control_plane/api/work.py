# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/work``: the protocol of those who apply revisions. See docs/work-protocol.md."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    InvalidInput,
    ProtocolTooOld,
    RecordsError,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import WORK_PROTOCOL
from ansible_collections.selfhosted.langgraph.services.control_plane import answers
from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import work as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import claims
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import work as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform, service_of

ROUTES = Routes("work")
Protocol = Annotated[
    int | None,
    Header(
        alias="X-Work-Protocol",
        ge=0,
        le=1000,
        description=f"The version of the work protocol that the client speaks; this server speaks {WORK_PROTOCOL}.",
    ),
]
ERRORS = (400, 404, 409, 426)


def check_protocol(protocol: int | None) -> None:
    """ProtocolTooOld unless client and server understand each other."""
    if protocol is not None and protocol != WORK_PROTOCOL:
        old = "client" if protocol < WORK_PROTOCOL else "server"
        raise ProtocolTooOld(
            f"The client speaks version {protocol} of the work protocol, the control plane version {WORK_PROTOCOL}; "
            f"upgrade the {old}.",
            client_protocol=protocol,
            server_protocol=WORK_PROTOCOL,
        )


@ROUTES.on("POST", "/v2/work/claim", operations.claim_work, claims.Claims, errors=ERRORS, has_body=True)
async def claim_work(request: Request, body: schemas.ClaimRequest, protocol: Protocol = None) -> Response:
    """Named deployments, or what is due; waits for it up to ``wait_seconds``."""
    check_protocol(protocol)
    asked = {key: value for key, value in body.given().items() if value is not None}
    if body.wait_seconds and body.check_older_than is not None:
        raise InvalidInput(
            "wait_seconds was given with check_older_than: checks are not waited for; give one of them.",
            field="wait_seconds",
        )
    if not body.wait_seconds or body.deployments is not None or body.preview:
        return Json(await perform(request, operations.claim_work, asked))
    return Poll(body.wait_seconds, asked)


class Poll(Response):
    """An answer that is found while it is sent: what the request was read with is given back before the waiting."""

    def __init__(self, seconds: float, asked: dict[str, Any]) -> None:
        super().__init__()
        self._seconds, self._asked = seconds, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: Response
        try:
            answer = Json(await self._claims(Request(scope, receive)))
        except RecordsError as failure:
            answer = answers.error(failure)
        await answer(scope, receive, send)

    async def _claims(self, request: Request) -> dict[str, Any]:
        async def attempt() -> dict[str, Any]:
            return await perform(request, operations.claim_work, self._asked)

        frame = request.scope["control_plane"]

        place = await perform(request, operations.find_place, self._asked.get("listener"))
        wakeups = service_of(request).wakeups
        found = await wakeups.until(
            place, self._seconds, attempt, lambda made: bool(made["claims"]), lambda: not frame.gone
        )
        if found["claims"] and frame.gone:
            # Nobody is there to work on it: somebody else may at once.
            await perform(request, operations.release_work, found["claims"])
        return found


@ROUTES.on("POST", "/v2/work/renew", operations.renew_claim, schemas.Renewed, errors=ERRORS, has_body=True)
async def renew_claim(request: Request, body: schemas.RenewRequest, protocol: Protocol = None) -> Response:
    """The lease goes on from now."""
    check_protocol(protocol)
    return Json(await perform(request, operations.renew_claim, str(body.claim_id), body.epoch))


@ROUTES.on("POST", "/v2/work/report", operations.report_work, schemas.Reported, errors=ERRORS, has_body=True)
async def report_work(request: Request, body: schemas.ReportRequest, protocol: Protocol = None) -> Response:
    """How far the work is; ``release`` ends the claim."""
    check_protocol(protocol)
    report = {key: value for key, value in body.given().items() if key not in ("claim_id", "epoch")}
    return Json(await perform(request, operations.report_work, str(body.claim_id), body.epoch, report))


@ROUTES.on("POST", "/v2/work/place", operations.place_servers, schemas.Placed, errors=ERRORS, has_body=True)
async def place_servers(request: Request, body: schemas.PlaceRequest, protocol: Protocol = None) -> Response:
    """Ports of the deployment on a host, the same ones each time."""
    check_protocol(protocol)
    wanted = [
        {key: value for key, value in port.items() if value is not None} for port in body.given().get("wanted", ())
    ]
    first, last = body.port_range
    return Json(
        await perform(
            request, operations.place_servers, str(body.claim_id), body.epoch, body.host_key, wanted, (first, last)
        )
    )


@ROUTES.on("POST", "/v2/work/logs", operations.append_logs, schemas.Appended, errors=ERRORS, has_body=True)
async def append_logs(request: Request, body: schemas.AppendLogsRequest, protocol: Protocol = None) -> Response:
    """Lines of a log, each kept once."""
    check_protocol(protocol)
    asked = body.given()
    return Json(await perform(request, operations.append_logs, str(body.id), body.type, asked["entries"]))


@ROUTES.on("POST", "/v2/work/metrics", operations.append_metrics, schemas.Appended, errors=ERRORS, has_body=True)
async def append_metrics(request: Request, body: schemas.AppendMetricsRequest, protocol: Protocol = None) -> Response:
    """Figures of the claim's deployment."""
    check_protocol(protocol)
    asked = body.given()
    return Json(await perform(request, operations.append_metrics, str(body.claim_id), asked["samples"]))
