# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: all routes, the errors that no route answers itself, and what stands around every request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.services.control_plane import answers, openapi
from ansible_collections.selfhosted.langgraph.services.control_plane.api import (
    administration,
    deployments,
    health,
    listeners,
    listening,
    logs,
    not_offered,
    revisions,
    sources,
    work,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.limits import Frame
from ansible_collections.selfhosted.langgraph.services.control_plane.service import Service
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings

PARTS = (deployments, revisions, logs, work, listening, listeners, sources, administration, health, not_offered)


class Application(FastAPI):
    """FastAPI with a document of our own."""

    def openapi(self) -> dict[str, Any]:
        settings: Settings = self.state.settings
        return openapi.document(self, settings.api_path)


def create_app(settings: Settings | None = None) -> Application:
    """The application; without settings it can only be looked at (its OpenAPI)."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service: Service = app.state.service
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = Application(
        title=openapi.TITLE,
        version=openapi.VERSION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _http_error, RecordsError: _records_error, Exception: _failure},
    )
    app.state.settings = settings or Settings(dsn="", encryption_key_file="")
    if settings is not None:
        app.state.service = Service(settings)
    # In one list: an included router costs each request a search of its own.
    app.router.routes.extend(route for part in PARTS for route in part.ROUTES.router.routes)
    return app


def framed(app: Application) -> Frame:
    """The application as it is served."""
    service: Service = app.state.service
    return Frame(app, service.settings, service.metrics)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    sentence = {
        404: "There is nothing at this address; the API is under /api-host/v2, and /api-host/docs lists it.",
        405: "This address does not know that method; /api-host/docs lists those that it knows.",
    }.get(error.status_code, str(error.detail))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_input")
    return answers.plain_error(error.status_code, code, sentence, headers)


def _methods(request: Request) -> set[str]:
    """All methods of the path that was asked for; the router tells only those of the first route that fits."""
    routes = [route for part in PARTS for route in part.ROUTES.router.routes if isinstance(route, APIRoute)]
    path = next((route.path for route in routes if route.matches(request.scope)[0] != Match.NONE), None)
    return {
        method for route in routes if route.path == path and route.include_in_schema for method in route.methods or ()
    }


async def _records_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RecordsError)
    return answers.error(error)


async def _failure(request: Request, _error: Exception) -> Response:
    """Told in the log by ``Frame``."""
    request_id = request.scope["control_plane"].id.decode()
    return answers.plain_error(
        500, "internal_error", f"The control plane failed; its log says more under request id {request_id}."
    )
