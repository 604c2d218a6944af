# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to a process of this host, and the figures in what it says of itself."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from typing import NamedTuple

LARGEST = 4 * 1024 * 1024
_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? ([^ ]+)")
_STATUS = re.compile(r'(?:^|,)\s*(?:status|status_code|http_status_code)="(\d+)"')
REQUESTS = ("lg_api_http_requests_total",)
# The histogram of latencies is in milliseconds, in some versions in seconds.
LATENCY = {"lg_api_http_requests_latency": 1.0, "lg_api_http_requests_latency_seconds": 1000.0}
PENDING, ACTIVE = "lg_api_num_pending_runs", "lg_api_workers_active"


class Answer(NamedTuple):
    """Status 0 and why, or what was answered."""

    status: int
    text: str


async def ask(port: int, path: str, seconds: float) -> Answer:
    """GET a path of a process of this host."""
    try:
        return await asyncio.wait_for(_ask(port, path), seconds)
    except asyncio.TimeoutError:  # noqa: UP041 - Python 3.9
        return Answer(0, f"no answer within {seconds:g} s")
    except (OSError, ValueError, EOFError) as error:
        return Answer(0, getattr(error, "strerror", None) or str(error) or type(error).__name__)


async def _ask(port: int, path: str) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LARGEST)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        data = await reader.read(LARGEST)
        while len(data) < LARGEST:
            more = await reader.read(LARGEST - len(data))
            if not more:
                break
            data += more
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    head, _blank, body = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Answer(0, "an answer that is not HTTP")
    return Answer(int(words[1]), body.decode("utf-8", "replace"))


class Counters(NamedTuple):
    """What a process has counted so far, and what is now; None for what it does not say."""

    requests: float | None = None
    errors: float | None = None
    latency: float | None = None
    answered: float | None = None
    pending: float | None = None
    active: float | None = None


def parse(text: str) -> Counters:
    """The counters in a text of Prometheus' format."""
    sums: dict[str, float] = {}

    def add(key: str, value: float) -> None:
        sums[key] = sums.get(key, 0.0) + value

    for line in text.splitlines():
        found = _SERIES.match(line)
        if found is None:
            continue
        name, labels = found[1], found[2] or ""
        try:
            value = float(found[3])
        except ValueError:
            continue
        if not math.isfinite(value):
            continue
        if name in REQUESTS:
            add("requests", value)
            status = _STATUS.search(labels)
            add("errors", value if status and status[1].startswith("5") else 0.0)
        elif name.endswith("_sum") and name[:-4] in LATENCY:
            add("latency", value * LATENCY[name[:-4]])
        elif name.endswith("_count") and name[:-6] in LATENCY:
            add("answered", value)
        elif name == PENDING:
            add("pending", value)
        elif name == ACTIVE:
            add("active", value)
    return Counters(**sums)


def grown(new: float | None, old: float | None) -> float:
    """By how much a counter grew; one that is smaller than before began anew."""
    if new is None:
        return 0.0
    return new - old if old is not None and new >= old else new
