# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serving: sockets that systemd (or a test) hands over, readiness, and an end that fails no request.

On SIGTERM the process stops to accept at once (whoever shares its socket goes on), ends waiting polls with an empty
answer, and answers everything that comes over its connections with ``Connection: close``. Clients that keep a
connection open without using it get a few seconds; then uvicorn's own shutdown follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from types import FrameType

import uvicorn

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable
from ansible_collections.selfhosted.langgraph.services.common.systemd import notify
from ansible_collections.selfhosted.langgraph.services.control_plane import logs
from ansible_collections.selfhosted.langgraph.services.control_plane.app import create_app, framed
from ansible_collections.selfhosted.langgraph.services.control_plane.bootstrap import check
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings

KEEP_ALIVE = 75  # seconds; longer than proxies keep a connection, so that it is they who close it
IDLE_SECONDS = 5.0  # that a connection may stay silent while the service drains
_FIRST_FD = 3  # of systemd's socket activation


def inherited_sockets(settings: Settings) -> list[socket.socket] | None:
    """Sockets that the process was started with; None: there are none, so that it binds its own."""
    numbers: list[int] = []
    if settings.fd is not None:
        numbers = [settings.fd]
    elif os.environ.get("LISTEN_PID") == str(os.getpid()):
        count = os.environ.get("LISTEN_FDS", "0")
        numbers = list(range(_FIRST_FD, _FIRST_FD + (int(count) if count.isdigit() else 0)))
    return [socket.socket(fileno=number) for number in numbers] or None


class Server(uvicorn.Server):
    """uvicorn with an end in two steps."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app = create_app(settings)
        self._frame = framed(self._app)
        config = uvicorn.Config(
            self._frame,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_keep_alive=KEEP_ALIVE,
            ws="none",
            backlog=2048,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        places = [server_socket.getsockname() for server in self.servers for server_socket in server.sockets]
        logs.LOGGER.info("serving", extra={"fields": {"addresses": [str(place) for place in places]}})
        notify("READY=1")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the end; a second SIGINT hurries it."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True

    async def main_loop(self) -> None:
        """uvicorn's, which ends when a signal came; then the drain, within which the Date header goes on."""
        await super().main_loop()
        if not self.started:
            return
        notify("STOPPING=1")
        logs.LOGGER.info("draining")
        self._frame.draining = True
        for server in self.servers:
            server.close()
        self._app.state.service.wakeups.drain()
        await self._drain()

    async def _drain(self) -> None:
        began = time.monotonic()
        state = self.server_state
        while state.connections and not self.force_exit:
            passed = time.monotonic() - began
            if passed >= self._settings.drain_seconds or (passed >= IDLE_SECONDS and not state.tasks):
                break
            await self.on_tick(0)
            await asyncio.sleep(0.05)
        left = self._settings.drain_seconds - (time.monotonic() - began)
        self.config.timeout_graceful_shutdown = max(1, round(left))


def serve(settings: Settings) -> int:
    """Serve until a signal ends it; the exit code. What no waiting will mend is raised before anything is served."""
    logs.set_up(settings.log_level)
    with contextlib.suppress(RecordsUnavailable):
        check(settings)
    server = Server(settings)
    server.run(inherited_sockets(settings))
    return 0 if server.started else 1
