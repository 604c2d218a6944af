# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database that goes and comes back, more requests than places, and restarts that fail no request."""

from __future__ import annotations

import collections
import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.integration.control_plane.conftest import IMAGE
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.ports import listens
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.staging import until


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A Postgres that the test may stop."""
    with running_postgres() as server:
        yield server


def create(service: ControlPlane, name: str) -> tuple[int, Any]:
    body: dict[str, Any] = {"name": name, "source": "external_docker", "source_config": {"resource_spec": {}}}
    body |= {"source_revision_config": {"image_uri": IMAGE}, "secrets": [{"name": "K", "value": "V"}]}
    with service.client() as client:
        answer = client.post("/v2/deployments", json=body)
        return answer.status_code, answer


def blocked(dsn: str) -> int:
    """How many statements in this database wait for a lock."""
    with psycopg.connect(dsn) as connection:
        waiting = connection.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone()
    return waiting[0] if waiting else 0


class Load:
    """Threads that do the same again and again, and count what becomes of it."""

    def __init__(self, threads: int, work: Callable[[int], Any]) -> None:
        self.results: collections.Counter[Any] = collections.Counter()
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(work, number)) for number in range(threads)]

    def _run(self, work: Callable[[int], Any], number: int) -> None:
        count = number
        while not self._stop.is_set():
            try:
                result = work(count)
            except Exception as error:
                result = f"{type(error).__name__}: {error}"
            with self._lock:
                self.results[result] += 1
            count += len(self._threads)

    def more(self, count: int, result: Any = None) -> None:
        """Wait until so many more have ended, with this result if one is given."""

        def ended() -> int:
            with self._lock:
                return self.results.total() if result is None else self.results[result]

        before = ended()
        assert until(lambda: ended() >= before + count), self.results

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_postgres_restarted_under_load(own_postgres: PostgresServer, key_file: Path) -> None:
    dsn = own_postgres.dsn(own_postgres.create_database())
    with running_control_plane(dsn, key_file, pool_size=4) as service:
        late: list[float] = []

        def work(number: int) -> int:
            began = time.monotonic()
            status, answer = create(service, f"demo-{number}")
            late.append(time.monotonic() - began)
            if status == 503:
                assert answer.headers["retry-after"]
                assert answer.json()["code"] == "records_unavailable"
            return status

        with Load(6, work) as load:
            load.more(12)
            own_postgres.stop()
            load.more(1, 503)
            with service.client("") as client:
                assert client.get("/ok").status_code == 200
                assert client.get("/ok?check_db=1").status_code == 503
            own_postgres.start()
            deadline = time.monotonic() + 10
            while create(service, f"after-{int(time.monotonic() * 1000)}")[0] != 201:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            load.more(12)
        # 409: it was committed, and the answer to the first try was lost on its way to the client's next one.
        assert set(load.results) <= {201, 503}, load.results
        assert max(late) < 8
        # Nothing half-written: each deployment has its revision, and they are as many as were answered, or those of
        # which the answer was lost.
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "select count(*), count(latest_revision_id), count(queued_revision_id) from control_plane.deployments"
            ).fetchone()
        assert row is not None
        assert row[0] == row[1] == row[2] >= load.results[201]
        assert "request failed" not in service.log


def test_a_poll_outlives_a_restart_of_postgres(own_postgres: PostgresServer, key_file: Path) -> None:
    dsn = own_postgres.dsn(own_postgres.create_database())
    with running_control_plane(dsn, key_file) as service, ThreadPoolExecutor(3) as threads:

        def poll() -> Any:
            body = {"owner": {"host": "h", "boot_id": "b"}, "wait_seconds": 30, "limit": 1}
            return service.ask("POST", "/v2/work/claim", body)["claims"]

        waiting = [threads.submit(poll) for _number in range(3)]
        time.sleep(1)
        own_postgres.stop()
        time.sleep(3)
        assert not any(one.done() for one in waiting)
        own_postgres.start()
        deadline = time.monotonic() + 10
        for number in range(3):
            while create(service, f"demo-{number}")[0] != 201:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert [len(one.result(timeout=10)) for one in waiting] == [1, 1, 1]


def test_a_service_that_starts_before_its_database(own_postgres: PostgresServer, key_file: Path) -> None:
    dsn = own_postgres.dsn(own_postgres.create_database())
    service = ControlPlane(dsn, key_file)
    try:
        service.key = service.bootstrap()
        own_postgres.stop()
        service.start()
        with service.client() as client:
            assert client.get("/ok").status_code == 200
            assert client.get("/v2/deployments").status_code == 503
            own_postgres.start()
            deadline = time.monotonic() + 10
            while client.get("/v2/deployments").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    finally:
        service.remove()


def test_more_requests_than_places(records_database: str, key_file: Path) -> None:
    with running_control_plane(records_database, key_file, pool_size=2, statement_timeout=6) as service:
        assert create(service, "demo")[0] == 201
        with service.client() as client:
            path = f"/v2/deployments/{client.get('/v2/deployments').json()['resources'][0]['id']}"
        with psycopg.connect(records_database) as blocker:
            blocker.execute("select 1 from control_plane.deployments for update")
            began = time.monotonic()

            def change(number: int) -> tuple[int, float]:
                with service.client() as client:
                    status = client.patch(path, json={"display_name": f"name {number}"}).status_code
                return status, time.monotonic() - began

            with ThreadPoolExecutor(12) as threads:
                waiting = [threads.submit(change, number) for number in range(12)]
                assert until(lambda: blocked(records_database) == 2)
                with service.client("") as client:
                    assert client.get("/ok").status_code == 200
                answers = [one.result() for one in waiting]
            blocker.rollback()
        # Two held the places until their statements timed out; the others did not wait for them.
        assert {status for status, _seconds in answers} == {503}
        assert sorted(seconds for _status, seconds in answers)[9] < 5
        with service.client() as client:
            assert client.patch(path, json={"display_name": "free again"}).status_code == 200


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_a_restart_under_load_fails_no_request(records_database: str, key_file: Path) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = listening.getsockname()[1]
    pair = [ControlPlane(records_database, key_file, listening=listening) for _number in range(2)]
    try:
        pair[0].start()
        pair[1].key = pair[0].key
        pair[1].start()
        headers = {"X-Api-Key": pair[0].key, "content-type": "application/json"}
        kept = threading.local()

        def work(number: int) -> Any:
            """One request over a connection that is kept, as a proxy does; a new one only when the server said so."""
            if getattr(kept, "connection", None) is None or number % 50 == 0:
                kept.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            if number % 7 == 0:
                body = {"name": f"demo-{number}", "source": "internal_source", "source_config": {}}
                body |= {"source_revision_config": {}, "secrets": []}
                kept.connection.request("POST", "/v2/deployments", json.dumps(body), headers)
            else:
                kept.connection.request("GET", "/v2/deployments?limit=5", headers=headers)
            answer = kept.connection.getresponse()
            answer.read()
            if answer.getheader("connection") == "close":
                kept.connection.close()
                kept.connection = None
            return answer.status

        with Load(8, work) as load:
            for service in pair:
                load.more(100)
                assert service.stop() == 0
                service.start()
            load.more(100)
        assert set(load.results) == {200, 201}, load.results
    finally:
        for service in pair:
            service.remove()
        listening.close()


def test_a_request_that_is_being_answered_is_answered(records_database: str, key_file: Path) -> None:
    with running_control_plane(records_database, key_file) as service:
        assert create(service, "demo")[0] == 201
        with service.client() as client:
            path = f"/v2/deployments/{client.get('/v2/deployments').json()['resources'][0]['id']}"
        with psycopg.connect(records_database) as blocker, ThreadPoolExecutor(1) as thread:
            blocker.execute("select 1 from control_plane.deployments for update")

            def change() -> Any:
                with service.client() as client:
                    return client.patch(path, json={"display_name": "late"})

            answer = thread.submit(change)
            assert until(lambda: blocked(records_database) == 1)
            service.send(signal.SIGTERM)
            assert until(lambda: not listens(service.port))
            blocker.rollback()
            assert answer.result().status_code == 200
            assert answer.result().headers["connection"] == "close"
        assert service.process is not None
        assert service.process.wait(15) == 0


def test_instances_that_start_at_once_migrate_once(empty_database: str, key_file: Path) -> None:
    services = [ControlPlane(empty_database, key_file) for _number in range(3)]
    try:
        for service in services:
            service.start(wait=False)
        deadline = time.monotonic() + 20
        while not all('"serving"' in service.log for service in services):
            assert time.monotonic() < deadline, [service.log for service in services]
            time.sleep(0.1)
        records = open_records({"dsn": empty_database, "encryption_key_file": str(key_file)})
        assert records.schema_status()["up_to_date"]
        records.close()
    finally:
        for service in services:
            service.remove()


def test_systemd_hears_of_start_and_end(records_database: str, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0lgcp-notify-test")
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", "@lgcp-notify-test")
        with running_control_plane(records_database, key_file) as service:
            assert systemd.recv(100) == b"READY=1"
            service.send(signal.SIGTERM)
            assert systemd.recv(100) == b"STOPPING=1"
