# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources: uploads by a token, and the store by SHA-256."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.services.control_plane.answers import Json
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import sources as operations
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import deployments as schemas
from ansible_collections.selfhosted.langgraph.services.control_plane.service import perform, service_of

ROUTES = Routes("sources")
_AUTHOR = "an upload token"  # as it stands in audit entries
_Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@ROUTES.on(
    "PUT",
    "/v2/uploads/{upload_id}",
    None,
    schemas.Uploaded,
    errors=(400, 403, 409, 503),
    has_body=True,
    summary="Receive a source at an address of upload-url",
    extra=_BODY,
)
async def put_upload(
    request: Request,
    upload_id: UUID,
    token: Annotated[str, Query(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")],
) -> Response:
    """A gzip-compressed tar archive, to an address of ``upload-url``, without an API key. Once."""
    service = service_of(request)
    database = service.database

    def begin(records: PostgresRecords) -> int:
        size: int = records.open_upload(str(upload_id), token)["max_size"]
        return size

    limit = min(await database.without_caller(begin, _AUTHOR), service.settings.max_upload)
    done = False
    try:
        async with service.receiver.received(request, limit) as stream:
            stored = await database.without_caller(
                lambda records: records.finish_upload(str(upload_id), stream), _AUTHOR
            )
            done = True
    finally:
        if not done:
            await database.without_caller(lambda records: records.abandon_upload(str(upload_id)), _AUTHOR)
    return Json(stored)


@ROUTES.on(
    "PUT",
    "/v2/sources/{sha256}",
    operations.put_source,
    schemas.StoredSource,
    errors=(400,),
    has_body=True,
    extra=_BODY,
)
async def put_source(request: Request, sha256: _Sha256) -> Response:
    """A gzip-compressed tar archive with this SHA-256."""
    service = service_of(request)
    async with service.receiver.received(request, service.settings.max_upload) as stream:
        return Json(await perform(request, operations.put_source, sha256, stream))


@ROUTES.on("HEAD", "/v2/sources/{sha256}", operations.has_source, status=200, also={404: None})
async def has_source(request: Request, sha256: _Sha256) -> Response:
    """Whether it is stored."""
    there = await perform(request, operations.has_source, sha256)
    return Response(status_code=200 if there else 404)


@ROUTES.on(
    "GET",
    "/v2/sources/{sha256}",
    operations.open_source,
    None,
    errors=(404,),
    extra={"x-content": {"200": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_source(request: Request, sha256: _Sha256) -> Response:
    """Its bytes."""
    size = await perform(request, operations.open_source, sha256)

    async def chunks() -> AsyncIterator[bytes]:
        number = 0
        while chunk := await perform(request, operations.read_chunk, sha256, number):
            yield chunk
            number += 1

    return StreamingResponse(chunks(), media_type="application/gzip", headers={"content-length": str(size)})
