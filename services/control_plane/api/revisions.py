# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/deployments/{id}/revisions``, and what compares and activates them."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.api.deployments import tagged
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import revisions as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import deployments as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    DryRun,
    Flag,
    IfMatch,
    Limit,
    Offset,
    version_of,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform

ROUTES = Routes("revisions")
_STATUSES = "|".join(get_args(schemas.RevisionStatus))
_Number = Annotated[int, Query(ge=1, le=2**31 - 1)]


@ROUTES.on(
    "GET",
    "/v2/deployments/{deployment_id}/revisions",
    operations.list_revisions,
    schemas.RevisionsList,
    errors=(404,),
)
async def list_revisions(
    request: Request,
    deployment_id: UUID,
    limit: Limit = 20,
    offset: Offset = 0,
    status: Annotated[
        str | None, Query(pattern=rf"^(({_STATUSES})(,({_STATUSES}))*)?$", description="Statuses, with commas.")
    ] = None,
    remote_reconciled: Annotated[Flag | None, Query(description="All are, by listeners.")] = None,
    number: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Just this one.")] = None,
) -> Response:
    """The newest first."""
    statuses = status.split(",") if status else None
    return Json(
        await perform(
            request,
            operations.list_revisions,
            str(deployment_id),
            limit,
            offset,
            status=statuses,
            remote_reconciled=remote_reconciled,
            number=number,
        )
    )


@ROUTES.on(
    "POST",
    "/v2/deployments/{deployment_id}/revisions",
    operations.create_revision,
    schemas.CreatedRevision,
    status=201,
    errors=(400, 404, 409),
    has_body=True,
)
async def create_revision(
    request: Request, deployment_id: UUID, body: schemas.RevisionCreateRequest, if_match: IfMatch = None
) -> Response:
    """Even if nothing differs."""
    version = version_of(if_match)
    answer = await perform(request, operations.create_revision, str(deployment_id), body.given(), version)
    return Json(answer, status_code=201)


@ROUTES.on(
    "GET",
    "/v2/deployments/{deployment_id}/revisions/{revision_id}",
    operations.get_revision,
    schemas.RevisionInFull,
    errors=(404,),
)
async def get_revision(request: Request, deployment_id: UUID, revision_id: UUID) -> Response:
    """With the lock that its build resolved."""
    return Json(await perform(request, operations.get_revision, str(deployment_id), str(revision_id)))


@ROUTES.on(
    "PATCH",
    "/v2/deployments/{deployment_id}/revisions/{revision_id}",
    operations.pin_revision,
    schemas.CreatedRevision,
    errors=(404, 409),
    has_body=True,
)
async def patch_revision(
    request: Request, deployment_id: UUID, revision_id: UUID, body: schemas.RevisionPatchRequest
) -> Response:
    """Pin it, so that hosts keep it, or no longer."""
    return Json(await perform(request, operations.pin_revision, str(deployment_id), str(revision_id), body.pinned))


@ROUTES.on(
    "POST",
    "/v2/deployments/{deployment_id}/revisions/{revision_id}/redeploy",
    operations.redeploy_revision,
    schemas.ChangedDeployment,
    errors=(400, 404, 409),
    has_body=True,
)
async def redeploy_revision(
    request: Request, deployment_id: UUID, revision_id: UUID, body: schemas.RedeployRequest | None = None
) -> Response:
    """A new revision that repeats this one; of a git source, what its ref says now."""
    message = body.message if body else None
    return tagged(await perform(request, operations.redeploy_revision, str(deployment_id), str(revision_id), message))


@ROUTES.on(
    "POST",
    "/v2/deployments/{deployment_id}/revisions/{revision_id}/interrupt",
    operations.interrupt_revision,
    schemas.CreatedRevision,
    errors=(404, 409),
)
async def interrupt_revision(request: Request, deployment_id: UUID, revision_id: UUID) -> Response:
    """At once while it waits; else whoever works on it is asked to stop."""
    return Json(await perform(request, operations.interrupt_revision, str(deployment_id), str(revision_id)))


@ROUTES.on("GET", "/v2/deployments/{deployment_id}/diff", operations.diff_revisions, schemas.Difference, errors=(404,))
async def diff_revisions(request: Request, deployment_id: UUID, left: _Number, right: _Number) -> Response:
    """Of any two, by their numbers."""
    return Json(await perform(request, operations.diff_revisions, str(deployment_id), left, right))


@ROUTES.on(
    "POST",
    "/v2/deployments/{deployment_id}/rollback",
    operations.rollback_deployment,
    schemas.Rollback,
    status=201,
    errors=(400, 404, 409),
    also={200: schemas.Rollback | schemas.Plan},
    has_body=True,
)
async def rollback_deployment(
    request: Request,
    deployment_id: UUID,
    body: schemas.RollbackRequest,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> Response:
    """200 when that revision runs already or is about to (or with ``dry_run``: just the plan)."""
    answer = await perform(
        request,
        operations.rollback_deployment,
        str(deployment_id),
        body.number,
        body.secrets,
        body.message,
        dry_run=dry_run,
        version=version_of(if_match),
    )
    return Json(answer, status_code=201 if answer.get("revision") else 200)
