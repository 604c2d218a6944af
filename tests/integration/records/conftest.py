# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance suite of the records: everything goes through the fixture ``records``, one run for each adapter.

What the interface cannot do (let time pass, read the tables) is done by ``backstage``, which knows the database
behind it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.postgres import PostgresServer

ADAPTERS = ("postgres", "http")
OWNER: Any = {
    "host": "controller.test",
    "boot_id": "b",
    "pid": 4711,
    "start_time": 1,
    "user": "alice",
    "label": "alice@controller",
}
OTHER: Any = {**OWNER, "pid": 4712, "user": "bob", "label": "bob@controller"}


class Backstage:
    """The database behind the records."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of a query."""
        cursor = self._connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []

    def lapse(self, name: str) -> None:
        """Let the lease of a deployment run out."""
        self.rows(
            "update control_plane.deployments set lease_until = clock_timestamp() - interval '1 second' "
            "where name = %s and claim_id is not null",
            name,
        )

    def everything(self) -> str:
        """All that stands in the tables, as text."""
        tables = self.rows("select table_name from information_schema.tables where table_schema = 'control_plane'")
        found = [self.rows(f"select t::text as line from control_plane.{table['table_name']} t") for table in tables]
        return "\n".join(row["line"] for rows in found for row in rows)

    def close(self) -> None:
        self._connection.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of the interface once for each adapter."""
    if "open_again" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("postgres_only")
        metafunc.parametrize("adapter", ["postgres"] if marker else ADAPTERS, indirect=True)


@pytest.fixture
def adapter(request: pytest.FixtureRequest) -> str:
    """The adapter of the test; what does not say is about Postgres."""
    return str(getattr(request, "param", "postgres"))


@pytest.fixture(scope="session")
def shared_control_plane(
    postgres_server: PostgresServer, records_template: str, key_file: Path
) -> Iterator[ControlPlane]:
    """One control plane for all tests over HTTP, over a database of its own: to start one for each takes too long."""
    name = postgres_server.create_database(records_template)
    with running_control_plane(postgres_server.dsn(name), key_file) as service:
        yield service
    postgres_server.drop_database(name)


@pytest.fixture
def records_database(
    adapter: str, request: pytest.FixtureRequest, postgres_server: PostgresServer, records_template: str
) -> Iterator[str]:
    """The dsn of a database that holds empty records; through a control plane it is that of all such tests."""
    if adapter == "http":
        service: ControlPlane = request.getfixturevalue("shared_control_plane")
        empty(service.dsn)
        yield service.dsn
        return
    name = postgres_server.create_database(records_template)
    yield postgres_server.dsn(name)
    postgres_server.drop_database(name)


def empty(dsn: str) -> None:
    """Leave nothing in the records but the schema, the default workspace and the keys of the organization."""
    with psycopg.connect(dsn) as database:
        tables = [
            f"control_plane.{row[0]}"
            for row in database.execute(
                "select table_name from information_schema.tables where table_schema = 'control_plane' "
                "and table_name not in ('schema_info', 'encryption_check', 'api_key_pepper')"
            )
        ]
        for table, kept in (("workspaces", "name = 'default'"), ("api_keys", "organization")):
            database.execute(f"create temporary table kept_{table} as select * from control_plane.{table} where {kept}")
        database.execute("update kept_workspaces set secrets_in_clear = false, default_listener_id = null")
        database.execute(f"truncate {', '.join(tables)} cascade")
        for table in ("workspaces", "api_keys"):
            database.execute(f"insert into control_plane.{table} select * from kept_{table}")


@pytest.fixture
def backstage(records_database: str) -> Iterator[Backstage]:
    stage = Backstage(records_database)
    yield stage
    stage.close()


@pytest.fixture
def options(adapter: str, request: pytest.FixtureRequest, records_database: str, key_file: Path) -> dict[str, Any]:
    """The options that lead to the records."""
    if adapter == "http":
        service: ControlPlane = request.getfixturevalue("shared_control_plane")
        return {"api_url": service.url, "api_key": service.key, "workspace": "default", "actor": "tests"}
    return {"dsn": records_database, "encryption_key_file": str(key_file), "actor": "tests"}


@pytest.fixture
def open_again(options: dict[str, Any]) -> Iterator[Callable[..., Records]]:
    """Open the records (again): options replace the usual ones."""
    opened: list[Records] = []

    def open_(**other: Any) -> Records:
        records = open_records({**options, **other})
        opened.append(records)
        return records

    yield open_
    for records in opened:
        records.close()


@pytest.fixture
def revealing(adapter: str, request: pytest.FixtureRequest, open_again: Callable[..., Records]) -> Records:
    """The records, for somebody who may see the values of secrets."""
    if adapter == "postgres":
        return open_again()
    service: ControlPlane = request.getfixturevalue("shared_control_plane")
    return open_again(api_key=service.make_key("revealing", "admin", "default", permissions=["secrets:reveal"]))


@pytest.fixture
def records(open_again: Callable[..., Records]) -> Records:
    """The records, empty."""
    return open_again()


def refused(words: str, field: str) -> str:
    """A pattern for the refusal of a field: in the words of the records, or as the schema of the API says it."""
    return rf"{words}|^{field}\S* is refused by the control plane: \S.*\.$"


def tarball(content: str = "graph = 1\n") -> io.BytesIO:
    """A source."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("agent.py")
        info.size = len(content.encode())
        archive.addfile(info, io.BytesIO(content.encode()))
    stream.seek(0)
    return stream


def create(records: Records, name: str = "chat", content: str = "graph = 1\n", **desired: Any) -> dict[str, Any]:
    """A deployment with a first revision."""
    sha256 = records.put_source(tarball(content))["sha256"]
    return records.apply_deployment({"name": name, "source_sha256": sha256, **desired})["deployment"]


def update(records: Records, name: str = "chat", **desired: Any) -> dict[str, Any]:
    """A change that makes a revision; gives the revision."""
    made = records.apply_deployment({"name": name, **desired})["revision"]
    assert made is not None
    return made


def claim(records: Records, *names: str, owner: Any = None, **options: Any) -> Claim:
    """The one claim on named deployments, or the only due one."""
    claims = records.claim(list(names) or None, owner=OWNER if owner is None else owner, **options)
    assert len(claims) == 1, claims
    return claims[0]


def key_of(claimed: Claim) -> tuple[str, int]:
    """What a claim is known by."""
    return claimed["public"]["claim_id"], claimed["public"]["epoch"]


def deploy(records: Records, name: str = "chat", url: str = "http://127.0.0.1:8000") -> Claim:
    """Claim and finish what is pending."""
    claimed = claim(records, name)
    records.report(*key_of(claimed), "DEPLOYED", url=url, release=True)
    return claimed


def status_of(records: Records, name: str = "chat", number: int | None = None) -> str:
    """The status of a revision."""
    revision = records.revision(name, number)
    assert revision is not None
    status: str = revision["status"]
    return status
