# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces, API keys, audit entries, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.api.deployments import tagged
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import administration as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import administration as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    Cursor,
    DryRun,
    IfMatch,
    Limit,
    Moment,
    NameOrId,
    Offset,
    Plan,
    SearchText,
    cursor_of,
    version_of,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform

ROUTES = Routes("administration")
_NameOrId = Annotated[NameOrId, Path()]
_WORKSPACE, _KEY = "/v2/workspaces/{name_or_id}", "/v2/api-keys/{name_or_id}"


@ROUTES.on("GET", "/v2/whoami", operations.who_am_i, schemas.WhoAmI)
async def who_am_i(request: Request) -> Response:
    """Who the key speaks for, and where."""
    return Json(await perform(request, operations.who_am_i))


@ROUTES.on("GET", "/v2/workspaces", operations.list_workspaces, schemas.WorkspacesList)
async def list_workspaces(request: Request, limit: Limit = 20, offset: Offset = 0) -> Response:
    """All for a key of the organization, else its own."""
    return Json(await perform(request, operations.list_workspaces, limit, offset))


@ROUTES.on(
    "POST",
    "/v2/workspaces",
    operations.create_workspace,
    schemas.ChangedWorkspace,
    status=201,
    errors=(400, 404, 409),
    also={200: Plan},
    has_body=True,
)
async def create_workspace(request: Request, body: schemas.WorkspaceCreateRequest, dry_run: DryRun = False) -> Response:
    """With ``dry_run``: 200 with the plan."""
    answer = await perform(request, operations.create_workspace, body.given(), dry_run)
    return Json(answer) if dry_run else tagged(answer, 201)


@ROUTES.on("GET", _WORKSPACE, operations.get_workspace, schemas.Workspace, errors=(404,))
async def get_workspace(request: Request, name_or_id: _NameOrId) -> Response:
    """By its name or id."""
    return tagged(await perform(request, operations.get_workspace, name_or_id))


@ROUTES.on(
    "PATCH",
    _WORKSPACE,
    operations.update_workspace,
    schemas.ChangedWorkspace | Plan,
    errors=(400, 404, 409),
    has_body=True,
)
async def patch_workspace(
    request: Request,
    name_or_id: _NameOrId,
    body: schemas.WorkspacePatchRequest,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> Response:
    """With ``dry_run``: just the plan."""
    version = version_of(if_match)
    answer = await perform(
        request, operations.update_workspace, name_or_id, body.given(), dry_run=dry_run, version=version
    )
    return Json(answer) if dry_run else tagged(answer)


@ROUTES.on("DELETE", _WORKSPACE, operations.delete_workspace, status=204, errors=(404, 409), also={200: Plan})
async def delete_workspace(
    request: Request, name_or_id: _NameOrId, dry_run: DryRun = False, if_match: IfMatch = None
) -> Response:
    """409 unless it is empty. With ``dry_run``: 200 with the plan."""
    version = version_of(if_match)
    plan = await perform(request, operations.delete_workspace, name_or_id, dry_run=dry_run, version=version)
    return Response(status_code=204) if plan is None else Json(plan)


@ROUTES.on("GET", "/v2/api-keys", operations.list_api_keys, schemas.ApiKeysList)
async def list_api_keys(request: Request, limit: Limit = 20, offset: Offset = 0) -> Response:
    """By their names."""
    return Json(await perform(request, operations.list_api_keys, limit, offset))


@ROUTES.on(
    "POST",
    "/v2/api-keys",
    operations.create_api_key,
    schemas.CreatedApiKey,
    status=201,
    errors=(400, 404, 409),
    also={200: Plan},
    has_body=True,
)
async def create_api_key(request: Request, body: schemas.ApiKeyCreateRequest, dry_run: DryRun = False) -> Response:
    """The key itself is in this answer alone. With ``dry_run``: 200 with the plan."""
    answer = await perform(request, operations.create_api_key, body.given(), dry_run)
    return Json(answer) if dry_run else tagged(answer, 201)


@ROUTES.on("GET", _KEY, operations.get_api_key, schemas.ApiKey, errors=(404,))
async def get_api_key(request: Request, name_or_id: _NameOrId) -> Response:
    """By its name or id."""
    return tagged(await perform(request, operations.get_api_key, name_or_id))


@ROUTES.on(
    "PATCH",
    _KEY,
    operations.update_api_key,
    schemas.ChangedApiKey | Plan,
    errors=(400, 404, 409),
    has_body=True,
)
async def patch_api_key(
    request: Request,
    name_or_id: _NameOrId,
    body: schemas.ApiKeyPatchRequest,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> Response:
    """The key itself stays. With ``dry_run``: just the plan."""
    version = version_of(if_match)
    answer = await perform(
        request, operations.update_api_key, name_or_id, body.given(), dry_run=dry_run, version=version
    )
    return Json(answer) if dry_run else tagged(answer)


@ROUTES.on("DELETE", _KEY, operations.delete_api_key, status=204, errors=(404, 409), also={200: Plan})
async def delete_api_key(
    request: Request, name_or_id: _NameOrId, dry_run: DryRun = False, if_match: IfMatch = None
) -> Response:
    """Revoked at once. With ``dry_run``: 200 with the plan."""
    version = version_of(if_match)
    plan = await perform(request, operations.delete_api_key, name_or_id, dry_run=dry_run, version=version)
    return Response(status_code=204) if plan is None else Json(plan)


@ROUTES.on("GET", "/v2/audit", operations.read_audit, schemas.AuditEntries)
async def read_audit(
    request: Request,
    kind: SearchText | None = None,
    record: Annotated[SearchText | None, Query(description="An id or a name.")] = None,
    action: SearchText | None = None,
    actor: Annotated[SearchText | None, Query(description="Part of who did it.")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[Cursor | None, Query(description="A next_offset.")] = None,
) -> Response:
    """Who did what, the newest first."""
    filters = {"kind": kind, "record": record, "action": action, "actor": actor, "since": since, "until": until}
    return Json(await perform(request, operations.read_audit, limit, cursor_of(offset), filters))
