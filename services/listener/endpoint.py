# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``GET /ok`` and ``GET /metrics`` on loopback, without a framework: two answers need none."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

_SECONDS = 5.0
_LONGEST_HEAD = 8192

Answer = tuple[int, str, str]  # status, content type, body


class Endpoint:
    """A small server for whoever watches the listener."""

    def __init__(self, health: Callable[[], tuple[bool, dict[str, Any]]], metrics: Callable[[], str]) -> None:
        self._health, self._metrics = health, metrics
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_LONGEST_HEAD)

    async def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _SECONDS)
            status, kind, body = self._answer(head.split(b"\r\n", 1)[0].decode("latin-1"))
            data = body.encode()
            writer.write(
                f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode()
                + data
            )
            await asyncio.wait_for(writer.drain(), _SECONDS)
        writer.close()

    def _answer(self, line: str) -> Answer:
        method, path = [*line.split(" "), "", ""][:2]
        path = path.partition("?")[0]
        if method != "GET":
            return 405, "text/plain", "GET only\n"
        if path == "/ok":
            good, body = self._health()
            return 200 if good else 503, "application/json", json.dumps(body) + "\n"
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", self._metrics()
        return 404, "text/plain", "there are /ok and /metrics\n"


class Figures:
    """Counters and gauges in the text format of Prometheus."""

    def __init__(self) -> None:
        self._counters: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._help: dict[str, tuple[str, str]] = {}

    def declare(self, name: str, kind: str, text: str) -> None:
        """What a figure means."""
        self._help[name] = (kind, text)

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        """Count."""
        key = (name, tuple(sorted(labels.items())))
        self._counters[key] = self._counters.get(key, 0) + value

    def text(self, gauges: dict[str, float]) -> str:
        """All of them. gauges: those that are read now."""
        values = dict(self._counters)
        values.update({(name, ()): value for name, value in gauges.items()})
        lines = []
        for name, (kind, text) in self._help.items():
            lines += [f"# HELP langgraph_listener_{name} {text}", f"# TYPE langgraph_listener_{name} {kind}"]
            for (found, labels), value in values.items():
                if found == name:
                    shown = ",".join(f'{key}="{item}"' for key, item in labels)
                    lines.append(
                        f"langgraph_listener_{name}{{{shown}}} {value:g}"
                        if shown
                        else f"langgraph_listener_{name} {value:g}"
                    )
        return "\n".join(lines) + "\n"
