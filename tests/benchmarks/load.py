# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP requests that cost their sender little: bytes over kept connections, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import uvloop


def request(host: str, path: str, headers: Mapping[str, str], body: bytes = b"", method: str = "GET") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{key}: {value}" for key, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One kept connection; answers have to tell their length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """To a server of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**24))

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._writer.write(data)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        for line in head.split(b"\r\n")[1:]:
            if line[:15].lower() == b"content-length:":
                return status, await self._reader.readexactly(int(line[15:]))
        raise ValueError(f"an answer of unknown length: {head[:200]!r}")

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def seconds_of(port: int, requests: list[bytes], count: int, connections: int) -> list[float]:
    """Seconds of each of ``count`` requests, taken in turn from the list, over so many connections at once.

    Any answer but a 200 is an error.
    """

    async def work() -> list[float]:
        taken: list[float] = []
        numbers = iter(range(count))

        async def one() -> None:
            connection = await Connection.open(port)
            for number in numbers:
                started = time.perf_counter()
                status, body = await connection.ask(requests[number % len(requests)])
                taken.append(time.perf_counter() - started)
                if status != 200:
                    raise RuntimeError(f"the server answered {status}: {body[:300]!r}")
            connection.close()

        await asyncio.gather(*(one() for _number in range(connections)))
        return taken

    return uvloop.run(work())


def rate(port: int, requests: list[bytes], count: int, connections: int) -> float:
    """Requests per second, see ``seconds_of``."""
    started = time.perf_counter()
    seconds_of(port, requests, count, connections)
    return count / (time.perf_counter() - started)


def by_turns_of(places: list[tuple[int, list[bytes]]], count: int) -> list[list[float]]:
    """Seconds of ``count`` requests to each of the ports, one at a time and a port after the other, so that what else
    the machine does meets all of them alike.
    """

    async def work() -> list[list[float]]:
        connections = [await Connection.open(port) for port, _requests in places]
        taken: list[list[float]] = [[] for _number in places]
        for number in range(count):
            order = range(len(places)) if number % 2 else reversed(range(len(places)))
            for index in order:
                requests = places[index][1]
                started = time.perf_counter()
                status, body = await connections[index].ask(requests[number // 2 % len(requests)])
                taken[index].append(time.perf_counter() - started)
                if status != 200:
                    raise RuntimeError(f"the server answered {status}: {body[:300]!r}")
        for connection in connections:
            connection.close()
        return taken

    return uvloop.run(work())
