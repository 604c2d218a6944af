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
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.adapters import adapter, for_each_adapter, options, records_database, shared_control_plane
from tests.support.control_plane import ControlPlane

__all__ = ["adapter", "options", "records_database", "shared_control_plane"]

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
    for_each_adapter(metafunc, "open_again")


@pytest.fixture
def backstage(records_database: str) -> Iterator[Backstage]:
    stage = Backstage(records_database)
    yield stage
    stage.close()


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
