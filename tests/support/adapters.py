# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tests over both adapters of the records: straight to Postgres, and through a real control plane.

Fixtures (import them in a conftest, which calls ``for_each_adapter`` from its ``pytest_generate_tests``): ``adapter``,
``shared_control_plane``, ``records_database`` (of the adapter), ``options`` (what ``open_records`` and modules take).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.postgres import PostgresServer

ADAPTERS = ("postgres", "http")


def for_each_adapter(metafunc: pytest.Metafunc, fixture: str) -> None:
    """Run a test that uses this fixture once for each adapter; one marked ``postgres_only`` or ``http_only`` once."""
    if fixture in metafunc.fixturenames:
        only = [adapter for adapter in ADAPTERS if metafunc.definition.get_closest_marker(f"{adapter}_only")]
        metafunc.parametrize("adapter", only or ADAPTERS, indirect=True)


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
def options(adapter: str, request: pytest.FixtureRequest, records_database: str, key_file: Path) -> dict[str, Any]:
    """The options that lead to the records."""
    if adapter == "http":
        service: ControlPlane = request.getfixturevalue("shared_control_plane")
        return {"api_url": service.url, "api_key": service.key, "workspace": "default", "actor": "tests"}
    return {"dsn": records_database, "encryption_key_file": str(key_file), "actor": "tests"}
