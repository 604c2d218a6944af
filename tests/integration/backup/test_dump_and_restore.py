# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All records into a file and back: nothing is lost, nothing is half done, nothing is overwritten unasked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_dump import ASIDE, Database, dump, restore
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.postgres import binaries

PG_DUMP, PG_RESTORE = str(binaries() / "pg_dump"), str(binaries() / "pg_restore")


@pytest.fixture(autouse=True)
def readable_by_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says about Postgres must not count."""
    monkeypatch.setenv("PGHOST", "wrong.invalid")
    monkeypatch.setenv("PGDATABASE", "wrong")


@pytest.fixture
def fill(key_file: Path) -> Callable[..., None]:
    def _fill(dsn: str, *names: str) -> None:
        records = open_records({"dsn": dsn, "encryption_key_file": str(key_file)})
        for name in names:
            image = {"source": "external_docker", "image_uri": f"registry.example.org/{name}:1"}
            records.apply_deployment({"name": name, "secrets": {"TOKEN": f"secret of {name}"}, **image})
        records.close()

    return _fill


def everything(dsn: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'control_plane' order by 1"
        ).fetchall()
        return {
            name: [row[0] for row in connection.execute(f"select t::text from control_plane.{name} t order by 1")]
            for (name,) in names
        }


def schemas(dsn: str) -> set[str]:
    return Database(dsn).schemas()


def test_every_row_comes_back(
    records_database: str, empty_database: str, fill: Callable[..., None], tmp_path: Path, key_file: Path
) -> None:
    fill(records_database, "chat", "mail")
    path = tmp_path / "backups" / "records.dump"
    done = dump(Database(records_database), path, PG_DUMP, check=False)
    assert done["bytes"] == path.stat().st_size > 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert b"secret of chat" not in path.read_bytes()
    back = restore(Database(empty_database), path, PG_RESTORE, replace=False, check=False)
    assert (back["sha256"], back["replaced"]) == (done["sha256"], None)
    assert everything(empty_database) == everything(records_database)
    assert sum(map(len, everything(empty_database).values())) > 5
    records = open_records({"dsn": empty_database, "encryption_key_file": str(key_file)})
    assert {found["name"] for found in records.deployments()} == {"chat", "mail"}
    records.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["records.dump"]


def test_check_mode_writes_nothing(records_database: str, empty_database: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "records.dump"
    assert dump(Database(records_database), path, PG_DUMP, check=True) == {"path": str(path)}
    assert not path.parent.exists()
    dump(Database(records_database), path, PG_DUMP, check=False)
    restore(Database(empty_database), path, PG_RESTORE, replace=False, check=True)
    assert schemas(empty_database) == set()


def test_records_are_replaced_only_when_told(records_database: str, fill: Callable[..., None], tmp_path: Path) -> None:
    fill(records_database, "chat")
    path = tmp_path / "records.dump"
    dump(Database(records_database), path, PG_DUMP, check=False)
    fill(records_database, "late")
    before = everything(records_database)
    for check in (True, False):
        with pytest.raises(
            HostError, match=r"holds records already .2 deployments, 2 revisions.; restore into an empty"
        ):
            restore(Database(records_database), path, PG_RESTORE, replace=False, check=check)
    assert everything(records_database) == before
    done = restore(Database(records_database), path, PG_RESTORE, replace=True, check=False)
    assert done["replaced"] == {"deployments": 2, "revisions": 2}
    assert "late" not in str(everything(records_database)["deployments"])
    assert schemas(records_database) == {"control_plane"}


def test_a_restore_that_fails_leaves_the_old_records(
    records_database: str, fill: Callable[..., None], tmp_path: Path
) -> None:
    fill(records_database, "chat", "mail")
    path = tmp_path / "records.dump"
    dump(Database(records_database), path, PG_DUMP, check=False)
    before = everything(records_database)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 200])  # the table of contents is whole, the data is not
    with pytest.raises(HostError, match="cannot be restored"):
        restore(Database(records_database), path, PG_RESTORE, replace=True, check=False)
    assert everything(records_database) == before
    assert schemas(records_database) == {"control_plane"}


@pytest.mark.parametrize("replace", [False, True])
def test_a_killed_restore_is_put_right_by_the_next(
    records_database: str, fill: Callable[..., None], tmp_path: Path, replace: bool
) -> None:
    fill(records_database, "chat")
    path = tmp_path / "records.dump"
    dump(Database(records_database), path, PG_DUMP, check=False)
    before = everything(records_database)
    with psycopg.connect(records_database, autocommit=True) as connection:
        connection.execute(f"alter schema control_plane rename to {ASIDE}")
    if replace:
        restore(Database(records_database), path, PG_RESTORE, replace=True, check=False)
    else:
        with pytest.raises(HostError, match=r"holds records already .1 deployments"):
            restore(Database(records_database), path, PG_RESTORE, replace=False, check=False)
    assert everything(records_database) == before
    assert schemas(records_database) == {"control_plane"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"program": "/nowhere/pg_dump"},
            "/nowhere/pg_dump is not on this host; install the client programs of Postgres",
        ),
        ({"dsn": "host=/nowhere dbname=x user=y"}, "Postgres /nowhere:5432/x says: "),
        ({"dsn": "nonsense"}, "dsn is malformed"),
        ({"target": "there"}, "there is such a file already; choose another path"),
        ({"target": "there/below"}, "; choose another path"),
    ],
)
def test_a_dump_that_cannot_be(records_database: str, tmp_path: Path, change: dict[str, str], words: str) -> None:
    (tmp_path / "there").write_text("mine")
    database = Database(change.get("dsn", records_database))
    target = tmp_path / change.get("target", "records.dump")
    with pytest.raises(HostError) as raised:
        dump(database, target, change.get("program", PG_DUMP), check=False)
    assert words in str(raised.value)
    assert (tmp_path / "there").read_text() == "mine"
    assert os.listdir(tmp_path) == ["there"]


def test_an_empty_database_is_not_dumped(empty_database: str, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="holds no records; correct dsn"):
        dump(Database(empty_database), tmp_path / "records.dump", PG_DUMP, check=False)


@pytest.mark.parametrize("content", [None, b"", b"no dump", b"PGDMP"])
def test_what_is_no_dump_is_not_restored(empty_database: str, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "records.dump"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HostError, match="The records cannot be restored from"):
        restore(Database(empty_database), path, PG_RESTORE, replace=True, check=False)
    assert schemas(empty_database) == set()


def test_the_password_is_no_argument(postgres_server: Any, records_database: str, tmp_path: Path) -> None:
    """Over TCP with a password; a program that stands for pg_dump writes down how it was called."""
    spy, said = tmp_path / "spy", tmp_path / "said"
    spy.write_text(f'#!/bin/sh\necho "$@" > {said}\nexec {PG_DUMP} "$@"\n')
    spy.chmod(0o755)
    with psycopg.connect(records_database) as connection:
        name = connection.info.dbname
    dump(Database(postgres_server.tcp_dsn(name)), tmp_path / "records.dump", str(spy), check=False)
    assert "postgres-test-password" not in said.read_text()
