# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the control plane's service: its answers against a bare application, lists against the size of the table,
how soon one who waits has new work, and the memory of all that."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import httpx
import psycopg
import uvloop

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from tests.benchmarks.figures import Figure, by_turns, percentile
from tests.benchmarks.load import Connection, by_turns_of, rate, request, seconds_of
from tests.benchmarks.records import MODEL, Desk
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.ports import free_port

CONNECTIONS = 10
REQUESTS = 1000  # of one record, in a round; lists are a tenth of it
SMALL, LARGE = 100, 10_000
WAITING = 500
COMMITS = 200
WAIT_SECONDS = 55
RAMP = 0.01  # seconds between one who begins to wait and the next
PAUSE = 0.02  # seconds after a claim, in which its holder asks again
MIB = 1024 * 1024


def service(desk: Desk, database: str) -> contextlib.AbstractContextManager[ControlPlane]:
    """One instance on a database, for a ``with`` block."""
    return running_control_plane(desk.server.dsn(database), desk.key_file)


@contextlib.contextmanager
def bare(desk: Desk, database: str) -> Iterator[int]:
    """The bare application on a database; its port."""
    port = free_port()
    words = [sys.executable, "-m", "tests.benchmarks.bare", desk.server.dsn(database), str(port)]
    process = subprocess.Popen(words, cwd=Path(__file__).parent.parent.parent)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/deployments?limit=1").raise_for_status()
                break
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def api(desk: Desk, rounds: int) -> list[Figure]:
    """All figures of the service."""
    small, large = (desk.database(size, due=False) for size in (SMALL, LARGE))
    with service(desk, large) as ours, bare(desk, large) as base:
        figures = answers(desk, large, ours, base, rounds)
        with service(desk, small) as other:
            figures.append(list_speed(ours, other, rounds))
    with service(desk, desk.database(1, due=False)) as idle:
        figures += memory(idle)
    database = desk.database(1, due=False)
    with service(desk, database) as waited:
        figures.append(wake_ups(desk, database, waited))
    return figures


def asked(plane: ControlPlane, path: str, body: bytes = b"") -> bytes:
    """A request to the service."""
    headers = {"X-Api-Key": plane.key, "X-Work-Protocol": "1"}
    return request("127.0.0.1", path, headers, body, "POST" if body else "GET")


def answers(desk: Desk, database: str, ours: ControlPlane, base: int, rounds: int) -> list[Figure]:
    """Requests per second of one record and of a page of 100, by turns with the bare application."""
    with psycopg.connect(desk.server.dsn(database)) as connection:
        found = [str(row[0]) for row in connection.execute("select id from control_plane.deployments order by id")]
    ids = random.Random(1).sample(found, 500)
    offsets = range(0, 1000, 100)
    kinds = {
        "GET one deployment": (
            [asked(ours, f"/v2/deployments/{key}") for key in ids],
            [request("127.0.0.1", f"/deployments/{key}", {}) for key in ids],
            REQUESTS,
        ),
        f"list 100 of {LARGE:,}": (
            [asked(ours, f"/v2/deployments?limit=100&offset={offset}") for offset in offsets],
            [request("127.0.0.1", f"/deployments?limit=100&offset={offset}", {}) for offset in offsets],
            REQUESTS // 10,
        ),
    }
    figures = []
    for name, (theirs, plain, count) in kinds.items():
        mine, bared = by_turns(
            rounds,
            partial(seconds_for, ours.port, theirs, count),
            partial(seconds_for, base, plain, count),
        )
        rates = [count / statistics.median(series) for series in (mine, bared)]
        detail = f"{rates[0]:.0f} / {rates[1]:.0f} requests per s, {CONNECTIONS} connections; n={rounds} x {count}"
        figures.append(
            Figure(f"{name}: requests per second / bare FastAPI", 0.5, rates[0] / rates[1], detail, least=True)
        )
    return figures


def seconds_for(port: int, requests: list[bytes], count: int) -> float:
    """Seconds of so many requests."""
    return count / rate(port, requests, count, CONNECTIONS)


def list_speed(large: ControlPlane, small: ControlPlane, rounds: int) -> Figure:
    """p95 of a page of the list, one request after the other, against the size of the table."""
    pages = [f"/v2/deployments?limit=20&offset={offset}" for offset in range(0, SMALL, 20)]
    places = [(plane.port, [asked(plane, page) for page in pages]) for plane in (large, small)]
    by_turns_of(places, 50)
    p95 = [percentile(taken, 0.95) * 1000 for taken in by_turns_of(places, 300 * rounds)]
    last = asked(large, f"/v2/deployments?limit=20&offset={LARGE - 20}")
    end = percentile(seconds_of(large.port, [last], 100, 1), 0.95) * 1000
    detail = f"{p95[0]:.2f} / {p95[1]:.2f} ms; the last page of {LARGE:,}: {end:.2f} ms; n={300 * rounds}"
    return Figure(f"p95 of list at {LARGE:,} deployments x 10 revisions / at {SMALL}", 1.3, p95[0] / p95[1], detail)


async def until_waiting(plane: ControlPlane, count: int) -> None:
    """Until so many polls wait, as the service itself says; after a minute it is an error."""
    wanted = f"control_plane_waiting_polls {float(count)}"
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while wanted not in (await client.get(f"{plane.url}/metrics")).text:
            await asyncio.sleep(0.1)


def memory(plane: ControlPlane) -> list[Figure]:
    """Resident memory of one instance, and what waiting polls add to it."""
    seconds_of(plane.port, [asked(plane, "/v2/deployments")], 100, CONNECTIONS)
    rest = plane.resident_memory()

    async def wait() -> int:
        poll = claim(plane)
        connections, waits = [], []
        for _number in range(WAITING):
            connections.append(await Connection.open(plane.port))
            waits.append(asyncio.create_task(connections[-1].ask(poll)))
            await asyncio.sleep(RAMP)
        await until_waiting(plane, WAITING)
        assert not any(task.done() for task in waits), [task.result() for task in waits if task.done()][:1]
        size = plane.resident_memory()
        for task in waits:
            task.cancel()
        for connection in connections:
            connection.close()
        return size

    waiting = uvloop.run(wait())
    return [
        Figure("one instance at rest, resident memory in MB", 150, rest / MIB, f"{rest / MIB:.1f} MB"),
        Figure(
            f"what {WAITING} waiting polls add to it, in MB",
            20,
            (waiting - rest) / MIB,
            f"{waiting / MIB:.1f} MB with {WAITING} polls, {rest / MIB:.1f} MB without",
        ),
    ]


def claim(plane: ControlPlane, listener: str | None = None) -> bytes:
    """A long poll."""
    owner = {"host": "benchmark", "boot_id": "none", "label": "benchmark"}
    body = {"owner": owner, "limit": 1, "wait_seconds": WAIT_SECONDS, **({"listener": listener} if listener else {})}
    return asked(plane, "/v2/work/claim", json.dumps(body).encode())


def wake_ups(desk: Desk, database: str, plane: ControlPlane) -> Figure:
    """Milliseconds from a commit until a claimer has the claim: the others wait for the same work, or for their own."""
    with plane.client() as client:
        for number in range(WAITING):
            body = {"compute_type": "hosts", "compute_id": f"rack-{number}", "compute_config": {}}
            client.post("/v2/listeners", json=body).raise_for_status()
    # who waits without a listener waits for the same work
    kinds = {"the same": [None] * WAITING, "their own": [f"rack-{number}" for number in range(WAITING)]}
    with desk.records(database) as records:
        series = {name: uvloop.run(commits(plane, records, others)) for name, others in kinds.items()}
    p99 = {name: percentile(taken, 0.99) * 1000 for name, taken in series.items()}
    details = []
    for name, taken in series.items():
        middle = statistics.median(taken) * 1000
        details.append(f"others wait for {name} work: p99 {p99[name]:.1f}, median {middle:.1f} ms, n={len(taken)}")
    title = f"record committed -> a long-polling claimer has the claim, p99 in ms, {WAITING} others waiting"
    return Figure(title, 100, max(p99.values()), "; ".join(details))


def commit(records: Records, change: Mapping[str, object]) -> float:
    """Write a revision down; when that was done."""
    records.apply_deployment(change)
    return time.perf_counter()


async def commits(plane: ControlPlane, records: Records, others: list[str | None]) -> list[float]:
    """Seconds from each of COMMITS commits to the answer that holds its claim."""
    got: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def poll(data: bytes) -> None:
        connection = await Connection.open(plane.port)
        try:
            while True:
                status, body = await connection.ask(data)
                at = time.perf_counter()
                assert status == 200, body
                if b'"claims":[]' not in body:
                    got.put_nowait((at, body))
        finally:
            connection.close()

    polls = []
    for listener in [None, *others]:
        polls.append(asyncio.create_task(poll(claim(plane, listener))))
        await asyncio.sleep(RAMP)
    await until_waiting(plane, len(polls))
    connection = await Connection.open(plane.port)
    taken = []
    for number in range(COMMITS):
        change = {**MODEL, "env": {"NUMBER": f"{others[0]}-{number}"}}
        committed = await asyncio.to_thread(commit, records, change)
        at, body = await asyncio.wait_for(got.get(), 30)
        taken.append(at - committed)
        public = json.loads(body)["claims"][0]["public"]
        names = {name: public[name] for name in ("claim_id", "epoch")}
        report = json.dumps({**names, "status": "DEPLOYED", "release": True}).encode()
        status, said = await connection.ask(asked(plane, "/v2/work/report", report))
        assert status == 200, said
        await asyncio.sleep(PAUSE)
    failed = [task.exception() for task in polls if task.done()]
    assert not failed, failed[0]
    for task in polls:
        task.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    return taken
