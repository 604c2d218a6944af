# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs and figures: the paths of v2, those of v1 that every client uses, and metrics."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import logs as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.operations.logs import Lines
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import logs as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    Cursor,
    Moment,
    SearchText,
    cursor_of,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform

ROUTES = Routes("logs")
_Limit = Annotated[int, Query(ge=1, le=1000)]
_After = Annotated[Cursor | None, Query(description="A next_offset of the same order.")]
_RunId = Annotated[SearchText | None, Query(description="Runs are not told apart here: lines of all are answered.")]


async def _read(request: Request, deployment: UUID, revision: UUID | None, lines: Lines) -> Response:
    answer = await perform(request, operations.read_logs, str(deployment), str(revision) if revision else None, lines)
    return Json(answer)


@ROUTES.on("GET", "/v2/deployments/{deployment_id}/logs", operations.read_logs, schemas.LogsResponse, errors=(404,))
async def read_deployment_logs(
    request: Request,
    deployment_id: UUID,
    type: schemas.LogType,
    start_time: Moment | None = None,
    end_time: Moment | None = None,
    order: schemas.Order = "asc",
    limit: _Limit = 50,
    offset: _After = None,
    query: SearchText | None = None,
    level: schemas.LogLevel | None = None,
    run_id: _RunId = None,
) -> Response:
    """Of all revisions of the deployment."""
    lines = Lines(type, order, limit, cursor_of(offset), level, query, start_time, end_time)
    return await _read(request, deployment_id, None, lines)


@ROUTES.on(
    "GET",
    "/v2/deployments/{deployment_id}/revisions/{revision_id}/logs",
    operations.read_logs,
    schemas.LogsResponse,
    errors=(404,),
)
async def read_revision_logs(
    request: Request,
    deployment_id: UUID,
    revision_id: UUID,
    type: schemas.LogType,
    start_time: Moment | None = None,
    end_time: Moment | None = None,
    order: schemas.Order = "asc",
    limit: _Limit = 50,
    offset: _After = None,
    query: SearchText | None = None,
    level: schemas.LogLevel | None = None,
    run_id: _RunId = None,
) -> Response:
    """Of one revision."""
    lines = Lines(type, order, limit, cursor_of(offset), level, query, start_time, end_time)
    return await _read(request, deployment_id, revision_id, lines)


@ROUTES.on("GET", "/v2/deployment-logs", operations.read_logs, schemas.DeploymentLogs, errors=(404,))
async def read_logs_of_any(
    request: Request,
    deployment_id: UUID,
    revision_id: UUID | None = None,
    log_type: schemas.UpperLogType = "DEPLOY",
    start_time: Moment | None = None,
    end_time: Moment | None = None,
    sort_order: schemas.Order = "asc",
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: _After = None,
    query: SearchText | None = None,
    level: schemas.LogLevel | None = None,
    run_id: _RunId = None,
) -> Response:
    """The same lines in pages."""
    kind: schemas.LogType = "build" if log_type == "BUILD" else "deploy"
    lines = Lines(kind, sort_order, page_size, cursor_of(cursor), level, query, start_time, end_time)
    answer = await perform(
        request, operations.read_logs, str(deployment_id), str(revision_id) if revision_id else None, lines
    )
    return Json({"items": answer["logs"], "next_cursor": answer["next_offset"]})


def _asked(kind: schemas.LogType, body: schemas.ProjectLogsRequest) -> Lines:
    return Lines(
        kind,
        body.order,
        body.limit,
        cursor_of(body.offset),
        body.level,
        body.query,
        body.start_time,
        body.end_time,
    )


@ROUTES.on(
    "POST",
    "/v1/projects/{deployment_id}/revisions/{revision_id}/build_logs",
    operations.read_logs,
    schemas.LogsResponse,
    errors=(404,),
    has_body=True,
)
async def read_build_logs(
    request: Request, deployment_id: UUID, revision_id: UUID, body: schemas.ProjectLogsRequest
) -> Response:
    """The build log of a revision."""
    return await _read(request, deployment_id, revision_id, _asked("build", body))


@ROUTES.on(
    "POST",
    "/v1/projects/{deployment_id}/revisions/{revision_id}/deploy_logs",
    operations.read_logs,
    schemas.LogsResponse,
    errors=(404,),
    has_body=True,
)
async def read_deploy_logs(
    request: Request, deployment_id: UUID, revision_id: UUID, body: schemas.ProjectLogsRequest
) -> Response:
    """The deploy log of a revision."""
    return await _read(request, deployment_id, revision_id, _asked("deploy", body))


@ROUTES.on(
    "POST",
    "/v1/projects/{deployment_id}/deploy_logs",
    operations.read_logs,
    schemas.LogsResponse,
    errors=(404,),
    has_body=True,
)
async def read_all_deploy_logs(request: Request, deployment_id: UUID, body: schemas.ProjectLogsRequest) -> Response:
    """The deploy log of all revisions of a deployment."""
    return await _read(request, deployment_id, None, _asked("deploy", body))


@ROUTES.on(
    "GET",
    "/v2/deployments/{deployment_id}/metrics",
    operations.read_metrics,
    schemas.SamplesList,
    errors=(404,),
)
async def read_metrics(
    request: Request,
    deployment_id: UUID,
    name: Annotated[SearchText | None, Query(max_length=255)] = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=10000)] = 1000,
) -> Response:
    """Figures that listeners reported, of the last days."""
    return Json(await perform(request, operations.read_metrics, str(deployment_id), name or None, since, until, limit))
