# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/work``: the protocol of those who apply revisions. See docs/work-protocol.md."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import ProtocolTooOld
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import WORK_PROTOCOL
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
_ERRORS = (400, 404, 409, 426)


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


@ROUTES.on("POST", "/v2/work/claim", operations.claim_work, claims.Claims, errors=_ERRORS, has_body=True)
async def claim_work(request: Request, body: schemas.ClaimRequest, protocol: Protocol = None) -> Response:
    """Named deployments, or what is due; waits for it up to ``wait_seconds``."""
    check_protocol(protocol)
    asked = {key: value for key, value in body.given().items() if value is not None}

    async def attempt() -> dict[str, Any]:
        return await perform(request, operations.claim_work, asked)

    if not body.wait_seconds or body.deployments is not None or body.preview:
        return Json(await attempt())
    place = await perform(request, operations.find_place, body.listener)
    wakeups = service_of(request).wakeups

    async def alive() -> bool:
        return not await request.is_disconnected()

    answer = await wakeups.until(place, body.wait_seconds, attempt, lambda found: bool(found["claims"]), alive)
    if answer["claims"] and await request.is_disconnected():
        # Nobody is there to work on it: somebody else may at once.
        await perform(request, operations.release_work, answer["claims"])
    return Json(answer)


@ROUTES.on("POST", "/v2/work/renew", operations.renew_claim, schemas.Renewed, errors=_ERRORS, has_body=True)
async def renew_claim(request: Request, body: schemas.RenewRequest, protocol: Protocol = None) -> Response:
    """The lease goes on from now."""
    check_protocol(protocol)
    return Json(await perform(request, operations.renew_claim, str(body.claim_id), body.epoch))


@ROUTES.on("POST", "/v2/work/report", operations.report_work, schemas.Reported, errors=_ERRORS, has_body=True)
async def report_work(request: Request, body: schemas.ReportRequest, protocol: Protocol = None) -> Response:
    """How far the work is; ``release`` ends the claim."""
    check_protocol(protocol)
    report = {key: value for key, value in body.given().items() if key not in ("claim_id", "epoch")}
    return Json(await perform(request, operations.report_work, str(body.claim_id), body.epoch, report))


@ROUTES.on("POST", "/v2/work/place", operations.place_servers, schemas.Placed, errors=_ERRORS, has_body=True)
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


@ROUTES.on("POST", "/v2/work/logs", operations.append_logs, schemas.Appended, errors=_ERRORS, has_body=True)
async def append_logs(request: Request, body: schemas.AppendLogsRequest, protocol: Protocol = None) -> Response:
    """Lines of a log, each kept once."""
    check_protocol(protocol)
    asked = body.given()
    return Json(await perform(request, operations.append_logs, str(body.id), body.type, asked["entries"]))


@ROUTES.on("POST", "/v2/work/metrics", operations.append_metrics, schemas.Appended, errors=_ERRORS, has_body=True)
async def append_metrics(request: Request, body: schemas.AppendMetricsRequest, protocol: Protocol = None) -> Response:
    """Figures of the claim's deployment."""
    check_protocol(protocol)
    asked = body.given()
    return Json(await perform(request, operations.append_metrics, str(body.claim_id), asked["samples"]))
