# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: who may come in, what a body must be, how errors are answered; the same for all of them, told once.

A route names its operation. From it follow its permission (checked before the body is read, and again by the operation
itself), its entry in the OpenAPI, and what it can answer besides.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.services.control_plane import answers, permissions
from ansible_collections.selfhosted.langgraph.services.control_plane.limits import header, too_large
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import Error
from ansible_collections.selfhosted.langgraph.services.control_plane.service import service_of

MAX_DEPTH = 64  # of JSON
CLIENT_GONE = 499

_DESCRIPTIONS = {
    400: "What was asked for is never allowed, or does not fit the record.",
    401: "The API key is missing, unknown, revoked or expired.",
    403: "The API key may not do this.",
    404: "There is no such record in the workspace.",
    408: "The body stopped coming.",
    409: "The record's state does not allow it, or it was changed meanwhile.",
    413: "The body is too big.",
    426: "Client and server speak different versions of the work protocol.",
    503: "The database cannot be reached, or is too busy; try again after the time in Retry-After.",
}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    503: {"Retry-After": {"schema": {"type": "integer"}}},
}


class StrictRequest(Request):
    """A request whose JSON is what the standard says: no NaN, no bytes that are no UTF-8, no nesting without end."""

    async def json(self) -> Any:
        body = await self.body()
        text = ""
        try:
            text = body.decode()
            value = json.loads(text, parse_constant=_refuse, parse_float=_number)
            _check_depth(value)
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error) if isinstance(error, _Refused) else "not valid", text, 0) from None
        return value


class _Refused(ValueError):
    pass


def _refuse(constant: str) -> Any:
    raise _Refused(f"{constant} is no JSON")


def _number(text: str) -> float | int:
    """A number with a point or an exponent; without a fraction it is an integer, as JSON Schema has it."""
    value = float(text)
    if not math.isfinite(value):
        raise _Refused("a number is too big")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _check_depth(value: Any) -> None:
    level = [value]
    for _depth in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise _Refused("it is nested too deeply")


class ControlRoute(APIRoute):
    """A route that lets in, names itself to logs and figures, and answers errors."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        template, extra = self.path, self.openapi_extra or {}
        operation = extra.get("x-operation")
        has_body = self.body_field is not None

        async def handler(request: Request) -> Response:
            scope = request.scope
            frame = scope["control_plane"]
            frame.route = template
            try:
                if operation is not None:
                    frame.caller = await service_of(request).identities.caller(scope)
                    frame.caller.check(operation)
                if has_body:
                    length = header(scope, b"content-length")
                    if length is not None and length.isdigit() and int(length) > frame.max_body:
                        await frame.discard()
                        raise too_large(frame.max_body)
                    request = StrictRequest(scope, request.receive)
                    await request.body()
                return await handle(request)
            except RecordsError as failure:
                return answers.error(failure)
            except RequestValidationError as invalid:
                return answers.invalid_request(invalid.errors())
            except ClientDisconnect:
                return Response(status_code=CLIENT_GONE)

        return handler


class Routes:
    """Routes of one part of the API."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(route_class=ControlRoute, redirect_slashes=False)
        self._tag = tag

    def on(
        self,
        method: str,
        path: str,
        operation: Callable[..., Any] | None,
        answer: Any = None,
        *,
        status: int = 200,
        errors: tuple[int, ...] = (),
        also: dict[int, Any] | None = None,
        has_body: bool = False,
        summary: str | None = None,
        extra: dict[str, Any] | None = None,
        shown: bool = True,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a function for a path.

        operation: whose permission is needed (None: none, and no key). answer: the schema of the usual answer (None:
        nothing is answered but the status). errors: statuses with an ``Error``. also: other answers by status.
        has_body: the route reads a body.
        """
        openapi: dict[str, Any] = {**(extra or {})}
        codes = set(errors)
        if operation is not None:
            name = operation.__name__
            openapi |= {"x-operation": name, "x-permission": list(permissions.OPERATIONS[name])}
            summary = summary or (operation.__doc__ or name).partition("\n")[0].rstrip(".")
            codes |= {401, 403, 503}
        else:
            openapi["security"] = []
        if has_body:
            codes |= {408, 413}
        responses: dict[int | str, dict[str, Any]] = {}
        for code in sorted(codes):
            responses[code] = {"model": Error, "description": _DESCRIPTIONS[code]}
            if code in _HEADERS:
                responses[code]["headers"] = _HEADERS[code]
        for code, model in (also or {}).items():
            responses[code] = {"model": model} if model is not None else {"description": "Nothing."}
        return self.router.api_route(
            path,
            methods=[method],
            status_code=status,
            response_model=answer,
            response_class=answers.Json if answer is not None else Response,
            responses=responses,
            tags=[self._tag],
            summary=summary,
            openapi_extra=openapi,
            include_in_schema=shown,
        )
