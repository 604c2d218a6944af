# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A graph that counts its own executions, so that tests see lost and doubled runs.

Input: `id` (names the piece of work), `seconds` (how long the node works; a tick is streamed every `TICK` seconds),
`fail` (raise at the end). Each execution leaves a line `started` and a line `finished`: in the file that the
environment variable COUNTER_FILE names (one JSON object a line), else in table `counted` of the server's own database.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from typing import Any

import psycopg
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

TICK = 0.2
TABLE = (
    "CREATE TABLE IF NOT EXISTS counted"
    " (id text, execution text, event text, version text, at timestamptz DEFAULT now())"
)


class Work(TypedDict, total=False):
    id: str
    seconds: float
    fail: bool
    done: str
    version: str


def record(work: str, execution: str, event: str) -> None:
    version = os.environ.get("COUNTER_VERSION", "")
    path = os.environ.get("COUNTER_FILE")
    if path:
        line = {"id": work, "execution": execution, "event": event, "version": version, "at": time.time()}
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, (json.dumps(line) + "\n").encode())
        finally:
            os.close(descriptor)
        return
    uri = os.environ["DATABASE_URI"].replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(uri) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(20260001)")
        connection.execute(TABLE)
        connection.execute(
            "INSERT INTO counted (id, execution, event, version) VALUES (%s, %s, %s, %s)",
            (work, execution, event, version),
        )


async def count(state: Work) -> dict[str, Any]:
    execution = str(uuid.uuid4())
    await asyncio.to_thread(record, state["id"], execution, "started")
    write = get_stream_writer()
    end = time.monotonic() + state.get("seconds", 0)
    while (left := end - time.monotonic()) > 0:
        write({"left": round(left, 2)})
        await asyncio.sleep(min(TICK, left))
    if state.get("fail"):
        raise RuntimeError(f"work {state['id']} was told to fail")
    await asyncio.to_thread(record, state["id"], execution, "finished")
    return {"done": execution, "version": os.environ.get("COUNTER_VERSION", "")}


builder = StateGraph(Work)
builder.add_node("count", count)
builder.add_edge(START, "count")
builder.add_edge("count", END)
graph = builder.compile()
