# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/listeners``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import listeners as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import listeners as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    DryRun,
    IfMatch,
    Limit,
    Offset,
    Plan,
    SearchText,
    version_of,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform

ROUTES = Routes("listeners")
_PATH = "/v2/listeners/{listener_id}"


@ROUTES.on("GET", "/v2/listeners", operations.list_listeners, schemas.ListenersList)
async def list_listeners(
    request: Request,
    limit: Limit = 20,
    offset: Offset = 0,
    compute_id: Annotated[SearchText | None, Query(description="Just the one of this name.")] = None,
) -> Response:
    """By their names."""
    return Json(await perform(request, operations.list_listeners, limit, offset, compute_id))


@ROUTES.on(
    "POST",
    "/v2/listeners",
    operations.create_listener,
    schemas.ChangedListener,
    status=201,
    errors=(400, 409),
    also={200: Plan},
    has_body=True,
)
async def create_listener(request: Request, body: schemas.ListenerCreateRequest, dry_run: DryRun = False) -> Response:
    """With ``dry_run``: 200 with the plan."""
    answer = await perform(request, operations.create_listener, body.given(), dry_run)
    return Json(answer, status_code=200 if dry_run else 201)


@ROUTES.on("GET", _PATH, operations.get_listener, schemas.Listener, errors=(404,))
async def get_listener(request: Request, listener_id: UUID) -> Response:
    """By its id."""
    return Json(await perform(request, operations.get_listener, str(listener_id)))


@ROUTES.on(
    "PATCH",
    _PATH,
    operations.update_listener,
    schemas.ChangedListener | Plan,
    errors=(400, 404, 409),
    has_body=True,
)
async def patch_listener(
    request: Request,
    listener_id: UUID,
    body: schemas.ListenerPatchRequest,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> Response:
    """With ``dry_run``: just the plan."""
    return Json(
        await perform(
            request,
            operations.update_listener,
            str(listener_id),
            body.given(),
            dry_run=dry_run,
            version=version_of(if_match),
        )
    )


@ROUTES.on("DELETE", _PATH, operations.delete_listener, status=204, errors=(404, 409), also={200: Plan})
async def delete_listener(
    request: Request, listener_id: UUID, dry_run: DryRun = False, if_match: IfMatch = None
) -> Response:
    """409 while deployments use it. With ``dry_run``: 200 with the plan."""
    version = version_of(if_match)
    plan = await perform(request, operations.delete_listener, str(listener_id), dry_run=dry_run, version=version)
    return Response(status_code=204) if plan is None else Json(plan)
