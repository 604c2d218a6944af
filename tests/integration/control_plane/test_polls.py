# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long polls: woken at once, one for each piece of work, without a stampede, and never left hanging."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.control_plane.conftest import OWNER, Place
from tests.support.control_plane import ControlPlane, running_control_plane

WAITING = 300


async def poll(client: httpx.AsyncClient, seconds: float = 30, **body: Any) -> tuple[float, list[dict[str, Any]]]:
    """When it was answered, and what it got."""
    answer = await client.post("/v2/work/claim", json={"owner": OWNER, "wait_seconds": seconds, **body})
    assert answer.status_code == 200, answer.text
    return time.monotonic(), answer.json()["claims"]


def client_of(place: Place, service: ControlPlane | None = None) -> httpx.AsyncClient:
    headers = {"X-Api-Key": place.service.key, "X-Tenant-Id": place.id}
    url = (service or place.service).url
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=70, limits=httpx.Limits(max_connections=None))


async def until_waiting(service: ControlPlane, count: int) -> None:
    """Wait until so many polls wait."""
    deadline = time.monotonic() + 20
    async with httpx.AsyncClient() as client:
        while True:
            text = (await client.get(f"{service.url}/metrics")).text
            waiting = next(line for line in text.splitlines() if line.startswith("control_plane_waiting_polls "))
            if float(waiting.split()[1]) == count:
                return
            assert time.monotonic() < deadline, waiting
            await asyncio.sleep(0.05)


def test_work_wakes_a_poll_at_once(place: Place) -> None:
    async def run() -> float:
        async with client_of(place) as client:
            waiting = asyncio.create_task(poll(client))
            await until_waiting(place.service, 1)
            await asyncio.to_thread(place.create)
            created = time.monotonic()
            answered, claims = await waiting
            assert [claim["public"]["deployment"]["name"] for claim in claims] == ["demo"]
            return answered - created

    assert asyncio.run(run()) < 1


def test_due_work_that_is_given_to_a_listener_wakes_its_poll(place: Place) -> None:
    made = place.create()
    place.listener("rack-1")

    async def run() -> float:
        async with client_of(place) as client:
            waiting = asyncio.create_task(poll(client, listener="rack-1"))
            await until_waiting(place.service, 1)
            body = {"listener": "rack-1"}
            answer = await asyncio.to_thread(place.admin.patch, f"/v2/deployments/{made['id']}", json=body)
            assert (answer.status_code, answer.json()["listener"], answer.json()["revision"]) == (200, "rack-1", None)
            given = time.monotonic()
            answered, claims = await waiting
            assert [claim["public"]["deployment"]["name"] for claim in claims] == ["demo"]
            return answered - given

    assert asyncio.run(run()) < 1


def test_each_piece_of_work_wakes_one_of_many(place: Place, tables: Any) -> None:
    async def run() -> None:
        async with client_of(place) as client:
            polls = [asyncio.create_task(poll(client, limit=1)) for _number in range(WAITING)]
            await until_waiting(place.service, WAITING)
            for number in range(5):
                await asyncio.to_thread(place.create, f"demo-{number}")
            done, rest = await asyncio.wait(polls, timeout=2)
            assert sum(len(task.result()[1]) for task in done) == 5
            assert len(rest) == WAITING - 5
            # Their memory, and that nothing of the pool is held by them.
            assert (await client.get("/ok?check_db=1")).status_code == 200
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    asyncio.run(run())
    names = [
        row["record_name"]
        for row in tables(
            "select record_name from control_plane.audit_entries where workspace_id = %s and action = 'claim'", place.id
        )
    ]
    assert sorted(names) == [f"demo-{number}" for number in range(5)]


def test_one_that_may_take_all_takes_all(place: Place) -> None:
    async def run() -> None:
        async with client_of(place) as client:
            waiting = asyncio.create_task(poll(client))
            await until_waiting(place.service, 1)
            await asyncio.to_thread(place.create, "first")
            assert len((await waiting)[1]) == 1
            await asyncio.to_thread(place.create, "second")
            await asyncio.to_thread(place.create, "third")
            assert len((await poll(client))[1]) == 2

    asyncio.run(run())


def test_a_poll_hears_of_its_own_listener_and_workspace_only(place: Place, other_place: Place) -> None:
    place.listener("rack-1")
    second = place.listener("rack-2")

    async def run() -> None:
        async with client_of(place) as client:
            first = asyncio.create_task(poll(client, 2, listener="rack-1"))
            wanted = asyncio.create_task(poll(client, 20, listener="rack-2"))
            nobodys = asyncio.create_task(poll(client, 2))
            await until_waiting(place.service, 3)
            await asyncio.to_thread(other_place.create)
            config = {"resource_spec": {}, "listener_id": second["id"]}
            await asyncio.to_thread(lambda: place.create("placed", source_config=config))
            assert len((await wanted)[1]) == 1
            assert (await first)[1] == (await nobodys)[1] == []

    asyncio.run(run())


def test_a_poll_ends_empty_when_its_time_is_over(place: Place) -> None:
    async def run() -> None:
        async with client_of(place) as client:
            began = time.monotonic()
            answered, claims = await poll(client, 1.5)
            assert claims == []
            assert 1.4 < answered - began < 3

    asyncio.run(run())


def test_work_that_becomes_due_by_time_is_found(place: Place, tables: Any) -> None:
    place.create()
    place.claim()

    async def run() -> None:
        async with client_of(place) as client:
            waiting = asyncio.create_task(poll(client, 20, owner={**OWNER, "host": "elsewhere.test"}))
            await until_waiting(place.service, 1)
            # As if a minute had passed; no NOTIFY tells of it.
            tables(
                "update control_plane.deployments set lease_until = now() where workspace_id = %s returning 1", place.id
            )
            assert len((await waiting)[1]) == 1

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 10


def test_a_client_that_has_gone_takes_nothing_along(place: Place) -> None:
    async def run() -> None:
        async with client_of(place) as first, client_of(place) as second:
            gone = asyncio.create_task(poll(first, limit=1))
            await until_waiting(place.service, 1)
            stays = asyncio.create_task(poll(second, limit=1))
            await until_waiting(place.service, 2)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            await asyncio.to_thread(place.create)
            assert len((await asyncio.wait_for(stays, 3))[1]) == 1

    asyncio.run(run())


def test_words_that_mean_nothing_wake_nobody_for_long(place: Place, database: str) -> None:
    async def run() -> None:
        async with client_of(place) as client:
            waiting = asyncio.create_task(poll(client, 4))
            await until_waiting(place.service, 1)
            with psycopg.connect(database, autocommit=True) as connection:
                for payload in ("", "{", "[]", "{}", '{"workspace": 1, "listener": []}', "x" * 7000):
                    connection.execute("select pg_notify('control_plane_work', %s)", [payload])
                connection.execute(
                    "select pg_notify('control_plane_work', %s)",
                    [f'{{"workspace": "{place.id}", "listener": null, "deployment": "x", "event": "y"}}'],
                )
            assert (await waiting)[1] == []
            # It hears as well as before.
            heard = asyncio.create_task(poll(client))
            await until_waiting(place.service, 1)
            await asyncio.to_thread(place.create)
            created = time.monotonic()
            answered, claims = await heard
            assert len(claims) == 1
            assert answered - created < 1

    asyncio.run(run())


def test_clients_that_have_gone_are_forgotten(place: Place) -> None:
    async def run() -> None:
        async with client_of(place) as client:
            gone = [asyncio.create_task(poll(client, 50)) for _number in range(5)]
            await until_waiting(place.service, 5)
            for task in gone:
                task.cancel()
            await asyncio.gather(*gone, return_exceptions=True)
            await until_waiting(place.service, 0)

    asyncio.run(run())


def test_without_the_connection_that_hears_work_is_found_all_the_same(place: Place, database: str) -> None:
    async def run() -> None:
        async with client_of(place) as client:
            waiting = asyncio.create_task(poll(client, 20))
            await until_waiting(place.service, 1)
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %%' "
                    "and datname = current_database()"
                )
                place_task = asyncio.to_thread(place.create)
                await place_task
            assert len((await asyncio.wait_for(waiting, 8))[1]) == 1

    asyncio.run(run())


@pytest.mark.parametrize("waiting", [1, 40])
def test_the_end_of_the_service_ends_polls_well(records_database: str, key_file: Path, waiting: int) -> None:
    async def run(service: ControlPlane) -> None:
        headers = {"X-Api-Key": service.key}
        async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=70) as client:
            polls = [asyncio.create_task(poll(client, 50)) for _number in range(waiting)]
            await until_waiting(service, waiting)
            began = time.monotonic()
            service.send(signal.SIGTERM)
            for answered, claims in await asyncio.gather(*polls):
                assert claims == []
                assert answered - began < 2

    with running_control_plane(records_database, key_file) as service:
        asyncio.run(run(service))
        assert service.process is not None
        assert service.process.wait(10) == 0
