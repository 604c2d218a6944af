# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands around every request, as plain ASGI: prefixes, request ids, size and pace of bodies, one log line,
figures, and ``Connection: close`` while the service drains."""

from __future__ import annotations

import asyncio
import os
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ansible_collections.selfhosted.langgraph.services.control_plane import logs
from ansible_collections.selfhosted.langgraph.services.control_plane.answers import BodyTooLarge, BodyTooSlow
from ansible_collections.selfhosted.langgraph.services.control_plane.metrics import Metrics
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings

BODY_PAUSE = 20.0  # seconds that a client may pause within a body
DISCARDED, DISCARD_SECONDS = 256 * 1024 * 1024, 10.0  # of a body that is refused
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Answers are of one moment and may hold secrets: nobody keeps them, and nobody takes them for something else.
_EVERY_ANSWER = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
NO_ROUTE = "none"  # the route of what leads nowhere: paths as labels would be without end


class Frame:
    """The outermost application: hands on ``scope["control_plane"]`` (``Request`` below) to the routes."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._prefixes, self._max_body = settings.prefixes, settings.max_body
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(self._strip(scope), _request_id(scope), self._max_body, receive)
        scope["control_plane"] = request
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = [*message["headers"], *_EVERY_ANSWER, (b"x-request-id", request.id)]
                if self.draining or request.unread():
                    headers.append((b"connection", b"close"))
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, request.receive, answer)
        except Exception:  # noqa: BLE001 - the application has answered it; this is the place to tell the log
            logs.LOGGER.exception("request failed", extra={"fields": {"request_id": request.id.decode()}})
        finally:
            self._metrics.in_flight.dec()
            seconds = time.perf_counter() - started
            self._metrics.answered(scope["method"], request.route, status, seconds)
            logs.access(request.id.decode(), scope["method"], request.route, status, seconds)

    def _strip(self, scope: Scope) -> str:
        """Take the prefix off the path that the request came by, and give it."""
        path: str = scope["path"]
        for prefix in self._prefixes:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                scope["path"] = path[len(prefix) :] or "/"
                return prefix
        return ""


class Request:
    """What the service knows of a request beside its ASGI scope."""

    def __init__(self, prefix: str, request_id: bytes, max_body: int, receive: Receive) -> None:
        self.prefix, self.id, self.route = prefix, request_id, NO_ROUTE
        self.max_body = max_body
        self._receive, self._size, self._more = receive, 0, True

    async def receive(self) -> Message:
        """The next part of the body, if it comes in time and fits."""
        if not self._more:
            return await self._receive()
        message = await self._next()
        if self._size > self.max_body:
            await self.discard()
            raise too_large(self.max_body)
        return message

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(BODY_PAUSE):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow(
                f"The body of the request did not go on for {BODY_PAUSE:g} seconds; send it again."
            ) from None
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        self._size += len(message.get("body", b""))
        return message

    async def discard(self) -> None:
        """Read what is left of a body that is refused, within limits: many clients listen only once they have sent
        all of it.
        """
        most = self._size + DISCARDED
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while self._more and self._size < most:
                    await self._next()
        except (TimeoutError, BodyTooSlow):
            return

    @property
    def gone(self) -> bool:
        """Whether the client has closed its connection, as far as uvicorn knows. ASGI's own way to ask is to wait for
        it, which is no way to ask for hundreds who wait.
        """
        cycle = getattr(self._receive, "__self__", None)
        return bool(getattr(cycle, "disconnected", False))

    def unread(self) -> bool:
        """Whether part of a body that was refused is left in the connection, so that nothing can follow in it."""
        return self._more and self._size > self.max_body


def too_large(limit: int) -> BodyTooLarge:
    """The error for a body of more than ``limit`` bytes."""
    return BodyTooLarge(f"The body of the request is bigger than {limit} bytes; send less.", limit=limit)


def header(scope: Scope, name: bytes) -> str | None:
    """A header of the request (its name in lower case); None if it has none of that name."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            given: bytes = value
            return given
    return os.urandom(12).hex().encode()
