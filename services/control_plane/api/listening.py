# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/work``: what the processes of a listener tell besides their work. See docs/work-protocol.md."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.api.work import ERRORS, Protocol, check_protocol
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import listening as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import listening as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform

ROUTES = Routes("work")


@ROUTES.on("POST", "/v2/work/heartbeat", operations.keep_heartbeat, schemas.Heartbeat, errors=ERRORS, has_body=True)
async def keep_heartbeat(request: Request, body: schemas.HeartbeatRequest, protocol: Protocol = None) -> Response:
    """A process of a listener is there; it counts for 30 seconds."""
    check_protocol(protocol)
    process = body.given()["process"]
    return Json(await perform(request, operations.keep_heartbeat, body.listener, process))


@ROUTES.on("POST", "/v2/work/served", operations.list_served, schemas.Served, errors=ERRORS, has_body=True)
async def list_served(request: Request, body: schemas.ServedRequest, protocol: Protocol = None) -> Response:
    """What a listener serves, or has to."""
    check_protocol(protocol)
    return Json(await perform(request, operations.list_served, body.listener))


@ROUTES.on("POST", "/v2/work/observations", operations.observe_servers, schemas.Observed, errors=ERRORS, has_body=True)
async def observe_servers(request: Request, body: schemas.ObservationsRequest, protocol: Protocol = None) -> Response:
    """Health, logs and figures of running servers; each line is kept once."""
    check_protocol(protocol)
    asked = body.given()["observations"]
    return Json(await perform(request, operations.observe_servers, body.listener, asked))
