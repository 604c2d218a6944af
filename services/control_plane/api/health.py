# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the service lives and is ready, its figures, and the page about it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from typing import Annotated, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AccessDenied
from ansible_collections.selfhosted.langgraph.services.control_plane import metrics, pages
from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.limits import header
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import Answer
from ansible_collections.selfhosted.langgraph.services.control_plane.service import service_of

ROUTES = Routes("health")


class Health(Answer):
    """The service answers."""

    ok: Literal[True]


@ROUTES.on("GET", "/ok", None, Health, errors=(503,), summary="Whether the service lives")
async def ok(
    request: Request,
    check_db: Annotated[Literal["0", "1", "false", "true"], Query(description="Ask the database as well.")] = "0",
) -> Response:
    """With ``check_db=1``: 503 when the database does not answer."""
    if check_db in ("1", "true"):
        await service_of(request).database.check()
    return Json({"ok": True})


@ROUTES.on("GET", "/metrics", None, None, shown=False)
async def figures(request: Request) -> Response:
    """From the same host, or with any key; for everybody if it is set up so."""
    service = service_of(request)
    if not service.settings.metrics_open and not _local(request):
        with contextlib.suppress(AccessDenied):  # a key of no certain workspace is a key
            await service.identities.caller(request.scope)
    return Response(service.metrics.text(), media_type=metrics.CONTENT_TYPE)


def _local(request: Request) -> bool:
    """Whether the client is on this host, and no proxy speaks for another one."""
    if request.client is None:
        return True
    try:
        loopback = ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
    return loopback and header(request.scope, b"x-forwarded-for") is None


@ROUTES.on("GET", "/docs", None, None, shown=False)
async def docs(request: Request) -> Response:
    """The API for people; nothing of it comes from elsewhere."""
    document = await asyncio.to_thread(request.app.openapi)
    return HTMLResponse(pages.docs(document), headers={"content-security-policy": pages.POLICY})


@ROUTES.on("GET", "/openapi.json", None, None, shown=False)
async def openapi(request: Request) -> Response:
    """The API for programs."""
    return Json(await asyncio.to_thread(request.app.openapi))
