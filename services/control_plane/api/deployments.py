# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/deployments``: as the vendor has it, with ``dry_run``, ``if_changed`` and ``If-Match`` on top."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import deployments as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import sources
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import deployments as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    DryRun,
    Flag,
    IfMatch,
    Limit,
    Offset,
    Plan,
    SearchText,
    Uuids,
    ids_of,
    version_of,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform, service_of

ROUTES = Routes("deployments")


def tagged(content: dict[str, Any], status: int = 200) -> Json:
    """A record with its version, for ``If-Match``."""
    return Json(content, status_code=status, headers={"etag": f'"{content["version"]}"'})


@ROUTES.on("GET", "/v2/deployments", operations.list_deployments, schemas.DeploymentsList, errors=(404,))
async def list_deployments(
    request: Request,
    limit: Limit = 20,
    offset: Offset = 0,
    name_contains: Annotated[SearchText | None, Query(description="Part of the name; empty is no filter.")] = None,
    name: Annotated[SearchText | None, Query(description="The whole name.")] = None,
    status: schemas.DeploymentStatus | None = None,
    remote_reconciled: Annotated[Flag | None, Query(description="All are, by listeners.")] = None,
    tag_value_ids: Annotated[SearchText | None, Query(description="There are no tags here.")] = None,
    image_version: SearchText | None = None,
    deployment_type: schemas.DeploymentType | None = None,
    deployment_ids: Annotated[Uuids | None, Query(description="At most 100 ids, with commas.")] = None,
    url: SearchText | None = None,
    agent_id: Annotated[SearchText | None, Query(description="There are no agents here.")] = None,
    agent_environment: Annotated[SearchText | None, Query(description="There are no agents here.")] = None,
    listener: Annotated[SearchText | None, Query(description="Name or id of the listener.")] = None,
) -> Response:
    """The newest first."""
    filters = operations.Filters(
        name=name,
        name_contains=name_contains,
        status=status,
        remote_reconciled=remote_reconciled,
        tag_value_ids=tag_value_ids,
        image_version=image_version,
        deployment_type=deployment_type,
        deployment_ids=ids_of(deployment_ids),
        url=url,
        agent_id=agent_id,
        agent_environment=agent_environment,
        listener=listener,
    )
    return Json(await perform(request, operations.list_deployments, filters, limit, offset))


@ROUTES.on(
    "POST",
    "/v2/deployments",
    operations.create_deployment,
    schemas.ChangedDeployment,
    status=201,
    errors=(400, 404, 409),
    also={200: Plan},
    has_body=True,
)
async def create_deployment(
    request: Request, body: schemas.DeploymentCreateRequest, dry_run: DryRun = False
) -> Response:
    """With ``dry_run``: 200 with the plan."""
    answer = await perform(request, operations.create_deployment, body.given(), dry_run)
    return Json(answer) if dry_run else tagged(answer, 201)


@ROUTES.on(
    "DELETE",
    "/v2/deployments",
    operations.delete_deployments,
    schemas.RemovedList,
    errors=(404,),
    also={207: schemas.RemovedList},
)
async def delete_deployments(
    request: Request, deployment_ids: Annotated[list[UUID], Query(min_length=1, max_length=100)]
) -> Response:
    """207 when some of them could not be deleted, 404 when there are none of them."""
    ids = list(dict.fromkeys(str(one) for one in deployment_ids))
    well, answer = await perform(request, operations.delete_deployments, ids)
    return Json(answer, status_code=200 if well else 207)


@ROUTES.on("GET", "/v2/deployments/free-count", operations.count_free_deployments, schemas.FreeCount)
async def count_free_deployments(request: Request) -> Response:
    """Always 0."""
    return Json(await perform(request, operations.count_free_deployments))


@ROUTES.on("PATCH", "/v2/deployments/free-count", operations.count_free_deployments, shown=False)
@ROUTES.on("DELETE", "/v2/deployments/free-count", operations.count_free_deployments, shown=False)
async def no_deployment() -> Response:
    """It looks like the path of a deployment, and is none."""
    raise HTTPException(405)


@ROUTES.on("GET", "/v2/deployments/{deployment_id}", operations.get_deployment, schemas.Deployment, errors=(404,))
async def get_deployment(request: Request, deployment_id: UUID) -> Response:
    """With an ``ETag`` for ``If-Match``."""
    return tagged(await perform(request, operations.get_deployment, str(deployment_id)))


@ROUTES.on(
    "PATCH",
    "/v2/deployments/{deployment_id}",
    operations.update_deployment,
    schemas.ChangedDeployment | Plan,
    errors=(400, 404, 409),
    has_body=True,
)
async def patch_deployment(
    request: Request,
    deployment_id: UUID,
    body: schemas.DeploymentPatchRequest,
    dry_run: DryRun = False,
    if_changed: Annotated[Flag, Query(description="Make no revision if nothing differs.")] = False,
    if_match: IfMatch = None,
) -> Response:
    """With ``dry_run``: just the plan."""
    answer = await perform(
        request,
        operations.update_deployment,
        str(deployment_id),
        body.given(),
        dry_run=dry_run,
        if_changed=if_changed,
        version=version_of(if_match),
    )
    return Json(answer) if dry_run else tagged(answer)


@ROUTES.on(
    "DELETE",
    "/v2/deployments/{deployment_id}",
    operations.delete_deployment,
    status=204,
    errors=(404, 409),
    also={200: Plan},
)
async def delete_deployment(
    request: Request,
    deployment_id: UUID,
    force: Annotated[Flag, Query(description="Give up hosts that are gone.")] = False,
    skip_dump: Annotated[Flag, Query(description="Delete without a last dump of the database.")] = False,
    dry_run: DryRun = False,
    if_match: IfMatch = None,
) -> Response:
    """Done later by whoever applies; until then it answers as AWAITING_DELETE. With ``dry_run``: 200 with the plan."""
    plan = await perform(
        request,
        operations.delete_deployment,
        str(deployment_id),
        force=force,
        skip_dump=skip_dump,
        dry_run=dry_run,
        version=version_of(if_match),
    )
    return Response(status_code=204) if plan is None else Json(plan)


@ROUTES.on(
    "PATCH",
    "/v2/deployments/{deployment_id}/deployment-tier",
    operations.update_deployment,
    schemas.ChangedDeployment,
    errors=(400, 404, 409),
    has_body=True,
    summary="Change a deployment's tier, which is only kept and shown",
)
async def patch_deployment_tier(request: Request, deployment_id: UUID, body: schemas.DeploymentTierRequest) -> Response:
    """Kept and shown; nothing here is sized by it."""
    return tagged(await perform(request, operations.update_deployment, str(deployment_id), body.given()))


@ROUTES.on(
    "PATCH",
    "/v2/deployments/{deployment_id}/resource-tiers",
    operations.update_deployment,
    schemas.ChangedDeployment,
    errors=(400, 404, 409),
    has_body=True,
    summary="Change a deployment's tiers, which are only kept and shown",
)
async def patch_resource_tiers(request: Request, deployment_id: UUID, body: schemas.ResourceTiersRequest) -> Response:
    """Kept and shown; nothing here is sized by them."""
    if body.compute_tier is None and body.database_tier is None:
        raise InvalidInput("Neither compute_tier nor database_tier was given; give one of them.", field="compute_tier")
    return tagged(await perform(request, operations.update_deployment, str(deployment_id), body.given()))


@ROUTES.on(
    "GET",
    "/v2/deployments/{deployment_id}/secrets",
    operations.reveal_secrets,
    schemas.RevealedSecrets,
    errors=(404,),
)
async def reveal_secrets(
    request: Request,
    deployment_id: UUID,
    number: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Of this revision; else the latest.")] = None,
) -> Response:
    """In clear; leaves an audit entry."""
    return Json(await perform(request, operations.reveal_secrets, str(deployment_id), number))


@ROUTES.on(
    "POST",
    "/v2/deployments/{deployment_id}/push-token",
    operations.make_push_token,
    schemas.PushToken,
    errors=(400, 404),
    has_body=True,
)
async def make_push_token(
    request: Request, deployment_id: UUID, body: schemas.PushTokenRequest | None = None
) -> Response:
    """A user and token of the registry that the control plane is set up with."""
    answer = await perform(request, operations.make_push_token, str(deployment_id))
    if body is None or not body.supports_registry_username:
        answer.pop("username")
    return Json(answer)


@ROUTES.on(
    "POST",
    "/v2/deployments/{deployment_id}/upload-url",
    sources.begin_upload,
    schemas.UploadUrl,
    errors=(400, 404),
    has_body=True,
)
async def make_upload_url(
    request: Request, deployment_id: UUID, body: schemas.UploadUrlRequest | None = None
) -> Response:
    """An address to PUT one source to, within an hour."""
    upload = await perform(request, sources.begin_upload, str(deployment_id))
    answer = {
        "upload_url": f"{base_url(request)}/v2/uploads/{upload['upload_id']}?token={upload['token']}",
        "object_path": upload["object_path"],
        "expires_at": upload["expires_at"],
    }
    if body is not None and body.supports_upload_headers:
        answer["upload_headers"] = {"Content-Type": "application/gzip"}
    return Json(answer)


def base_url(request: Request) -> str:
    """The address of the API: as it is set up, else as the request came."""
    settings = service_of(request).settings
    if settings.public_url:
        base = settings.public_url
        return f"{base}{'' if base.endswith(settings.base_path) else settings.base_path}/api-host"
    host = request.headers.get("host") or f"{settings.host}:{settings.port}"
    return f"{request.scope['scheme']}://{host}{request.scope['control_plane'].prefix}"
