# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema, the encryption keys, and what is said when the records cannot be reached."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _migration_1
from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    EncryptionKeyError,
    InvalidInput,
    RecordsError,
    RecordsUnavailable,
    SchemaMissing,
    SchemaTooNew,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._migrations import CODE_VERSION
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEFAULT_WORKSPACE_ID
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.postgres import PASSWORD, PostgresServer, running_postgres

from .conftest import OWNER, Backstage, claim, create, key_of, update

CANARY = "canary-value-8c1f"
_DRAFT_OF_1 = (
    '{"repo_ref": null, "image_uri": null, "langgraph_config_path": "langgraph.json", "resource_spec": {}, '
    '"env": {"A": "1"}, "flavour": "langgraph", "api_version": null, "source_sha256": null, "secret_names": []}'
)

# -- schema ------------------------------------------------------------------------------------------------------------


def test_migrate(empty_database: str, key_file: Path) -> None:
    records = open_records({"dsn": empty_database, "encryption_key_file": str(key_file)})
    assert records.schema_status() == {
        "version": 0,
        "code_version": CODE_VERSION,
        "minimum_code": 0,
        "up_to_date": False,
    }
    with pytest.raises(SchemaMissing, match="holds no records yet; run the module records_schema first"):
        records.deployments()
    done = records.migrate()
    assert (done["changed"], done["applied"], done["up_to_date"]) == (True, list(range(1, CODE_VERSION + 1)), True)
    again = records.migrate()
    assert (again["changed"], again["applied"]) == (False, [])
    assert [workspace["name"] for workspace in records.workspaces()] == ["default"]
    records.close()


def test_records_of_schema_1_go_on(empty_database: str, key_file: Path) -> None:
    """A draft and a revision as code of version 1 wrote them."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(_migration_1.SQL)
        connection.execute("insert into control_plane.schema_info (version, minimum_code) values (1, 1)")
        connection.execute(
            "insert into control_plane.deployments (id, workspace_id, name, slug, source, status, draft) values "
            "('00000000-0000-4000-8000-0000000000d1', %(w)s, 'draft', 'draft-1', 'internal_source', 'UNUSED', "
            "%(draft)s), "
            "('00000000-0000-4000-8000-0000000000d2', %(w)s, 'chat', 'chat-1', 'external_docker', 'READY', null)",
            {"w": DEFAULT_WORKSPACE_ID, "draft": _DRAFT_OF_1},
        )
        connection.execute(
            "insert into control_plane.revisions (id, workspace_id, deployment_id, number, kind, author, status, "
            "image_uri, resource_spec, env, secret_names, flavour) values ('00000000-0000-4000-8000-0000000000e1', "
            "%s, '00000000-0000-4000-8000-0000000000d2', 1, 'create', 'alice', 'DEPLOYED', 'r.test/x:1', '{}', '{}', "
            "'{}', 'image')",
            [DEFAULT_WORKSPACE_ID],
        )
        connection.execute(
            "update control_plane.deployments set latest_revision_id = '00000000-0000-4000-8000-0000000000e1' "
            "where name = 'chat'"
        )
    records = open_records({"dsn": empty_database, "encryption_key_file": str(key_file)})
    assert records.migrate()["applied"] == list(range(2, CODE_VERSION + 1))
    draft, chat = records.deployment("draft"), records.deployment("chat")
    assert draft is not None
    assert chat is not None
    assert (draft["env"], draft["secret_references"], draft["shareable"]) == ({"A": "1"}, [], False)
    assert (chat["secret_references"], chat["source_config"]["install_command"]) == ([], None)
    assert update(records, "chat", env={"B": "2"})["number"] == 2
    records.close()


def test_many_migrations_at_once(empty_database: str, key_file: Path) -> None:
    done: list[Any] = []

    def migrate() -> None:
        records = open_records({"dsn": empty_database, "encryption_key_file": str(key_file)})
        done.append(records.migrate()["applied"])
        records.close()

    threads = [threading.Thread(target=migrate) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[]] * 5 + [list(range(1, CODE_VERSION + 1))]


def set_schema(backstage: Backstage, version: int, minimum_code: int) -> None:
    backstage.rows("update control_plane.schema_info set version = %s, minimum_code = %s", version, minimum_code)


@pytest.mark.postgres_only
def test_a_newer_schema_that_still_serves_this_code(backstage: Backstage, open_again: Callable[..., Records]) -> None:
    set_schema(backstage, CODE_VERSION + 1, CODE_VERSION)
    records = open_again()
    create(records)
    assert records.migrate()["applied"] == []
    assert records.schema_status()["up_to_date"]


@pytest.mark.postgres_only
def test_a_schema_newer_than_the_code(backstage: Backstage, open_again: Callable[..., Records]) -> None:
    set_schema(backstage, CODE_VERSION + 2, CODE_VERSION + 1)
    for call in (lambda records: records.deployments(), lambda records: records.migrate()):
        with pytest.raises(
            SchemaTooNew, match=rf"have schema {CODE_VERSION + 2}, which serves code {CODE_VERSION + 1} and newer"
        ) as caught:
            call(open_again())
        assert caught.value.extra["code_version"] == CODE_VERSION
    assert not open_again().schema_status()["up_to_date"]


@pytest.mark.postgres_only
def test_an_older_schema(backstage: Backstage, open_again: Callable[..., Records]) -> None:
    set_schema(backstage, 0, 0)
    with pytest.raises(SchemaMissing, match="run the module records_schema"):
        open_again().deployments()


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.postgres_only
def test_a_wrong_key_is_found_at_once(open_again: Callable[..., Records], tmp_path: Path) -> None:
    create(open_again())
    wrong = tmp_path / "wrong.key"
    wrong.write_text(generate_key())
    for call in (lambda records: records.deployments(), lambda records: records.migrate()):
        with pytest.raises(
            EncryptionKeyError, match=r"No key in the encryption key file .*/wrong\.key fits these records"
        ):
            call(open_again(encryption_key_file=str(wrong)))
    with pytest.raises(EncryptionKeyError, match=r"nowhere\.key cannot be read"):
        open_again(encryption_key_file=str(tmp_path / "nowhere.key")).deployments()


@pytest.mark.postgres_only
def test_without_a_key_what_needs_no_secret_works(open_again: Callable[..., Records]) -> None:
    create(open_again(), secrets={"K": CANARY})
    records = open_again(encryption_key_file="")
    assert records.deployment("chat")["secrets"] == {"K": "********"}  # type: ignore[index]  # it is there
    assert records.plan_deployment({"name": "chat", "env": {"A": "1"}}).changed
    update(records, env={"A": "1"})
    for call in (
        lambda: records.apply_deployment({"name": "chat", "secrets": {"K": "x"}}),
        lambda: records.claim(owner=OWNER),
    ):
        with pytest.raises(EncryptionKeyError, match="encryption_key_file is missing"):
            call()


@pytest.mark.postgres_only
def test_rotation(open_again: Callable[..., Records], key_file: Path, tmp_path: Path) -> None:
    records = open_again()
    create(records, secrets={"K": CANARY})
    records.apply_deployment({"name": "empty", "secrets": {"K": CANARY}})
    claimed = claim(records)
    new, both, only_new = generate_key(), tmp_path / "both.key", tmp_path / "new.key"
    both.write_text(f"{new}\n{key_file.read_text()}")
    only_new.write_text(new)
    assert open_again(encryption_key_file=str(both)).rotate_keys() == {"changed": True, "reencrypted": 5}
    assert open_again(encryption_key_file=str(both)).rotate_keys() == {"changed": False, "reencrypted": 0}
    after = claim(open_again(encryption_key_file=str(only_new)), "chat", takeover=True)
    assert after["private"] == claimed["private"]
    with pytest.raises(EncryptionKeyError):
        open_again().deployments()


def test_a_key_is_remembered_when_something_is_encrypted(empty_database: str, tmp_path: Path) -> None:
    """Reading with a key file (as check mode does) writes nothing."""
    keys = [tmp_path / "1.key", tmp_path / "2.key"]
    for path in keys:
        path.write_text(generate_key())
    open_records({"dsn": empty_database}).migrate()
    first = open_records({"dsn": empty_database, "encryption_key_file": str(keys[0])})
    assert first.deployments() == []
    second = open_records({"dsn": empty_database, "encryption_key_file": str(keys[1])})
    second.apply_deployment({"name": "chat", "secrets": {"K": CANARY}})
    with pytest.raises(EncryptionKeyError, match=r"1\.key fits"):
        first.apply_deployment({"name": "other", "secrets": {"K": CANARY}})
    assert [found["name"] for found in second.deployments()] == ["chat"]
    first.close()
    second.close()


# -- no secret anywhere ------------------------------------------------------------------------------------------------


def test_no_secret_value_in_the_database_or_in_answers(records: Records, backstage: Backstage) -> None:
    shown: list[Any] = []
    desired = {"name": "chat", "secrets": {"K": CANARY}}
    shown.append(records.plan_deployment(desired))
    shown.append(create(records, secrets={"K": CANARY}))
    shown.append(records.apply_deployment({"name": "chat", "secrets": {"K": CANARY + "2", "L": CANARY}}))
    shown.append(records.plan_deployment({"name": "chat", "secrets": {}}))
    claimed = claim(records)
    passwords = [claimed["private"]["database_password"], claimed["private"]["redis_password"]]
    shown.append(claimed["public"])
    shown.append(records.report(*key_of(claimed), "DEPLOYED", release=True))
    update(records, secrets={"K": CANARY + "3"})
    shown.append(records.activate_revision("chat", 2, "of_revision"))
    shown += [records.deployment("chat"), records.revisions("chat"), records.claim(["chat"], owner=OWNER)[0]["public"]]
    for bad in ({"PORT": CANARY}, {"1": CANARY}, {"A": CANARY + "\x00"}, {"A": [CANARY]}):
        with pytest.raises(RecordsError) as caught:
            records.apply_deployment({"name": "chat", "secrets": bad})
        shown += [str(caught.value), caught.value.extra, caught.value.args]
    text = repr(shown) + backstage.everything()
    for secret in (CANARY, *passwords):
        assert secret is not None
        assert secret not in text


def test_audit(records: Records, backstage: Backstage) -> None:
    create(records, env={"A": "1"}, secrets={"K": CANARY})
    update(records, env={"A": "2"}, secrets={"K": CANARY + "2"})
    claimed = claim(records)
    records.report(*key_of(claimed), "DEPLOYED", release=True)
    records.pin_revision("chat", 2)
    records.delete_deployment("chat")
    entries = backstage.rows(
        "select * from control_plane.audit_entries where kind in ('deployment', 'revision') order by id"
    )
    assert [entry["action"] for entry in entries] == ["create", "update", "claim", "report", "pin", "delete"]
    assert all(entry["actor"].startswith("tests (") for entry in entries)
    assert all(entry["session_user_name"] == "postgres" for entry in entries)
    change = entries[1]
    assert change["before"] == {"name": "chat", "env": {"A": "1"}, "secrets": {"K": "********"}}
    assert change["after"] == {"name": "chat", "env": {"A": "2"}, "secrets": {"K": "******** (changed)"}}
    assert entries[3]["after"]["status"] == "DEPLOYED"


def test_a_refused_change_leaves_no_audit_entry(records: Records, backstage: Backstage) -> None:
    create(records)
    before = backstage.everything()
    with pytest.raises(RecordsError):
        records.activate_revision("chat", 9)
    with pytest.raises(RecordsError):
        records.apply_deployment({"name": "chat", "source_sha256": "b" * 64})
    assert backstage.everything() == before


def test_changes_wake_who_waits(records: Records, records_database: str) -> None:
    with psycopg.connect(records_database, autocommit=True) as waiting:
        waiting.execute("listen control_plane_work")
        made = create(records)
        heard = list(waiting.notifies(timeout=5, stop_after=1))
        assert made["id"] in heard[0].payload
        claimed = claim(records)
        update(records, env={"A": "2"})
        records.report(*key_of(claimed), "DEPLOYED", release=True)
        events = [notice.payload.split('"event": ')[1] for notice in waiting.notifies(timeout=5, stop_after=2)]
        assert events == ['"revision"}', '"released"}']


# -- not to be reached -------------------------------------------------------------------------------------------------


def unavailable(dsn: str) -> str:
    """What is said about records that cannot be reached: one sentence, no password."""
    with pytest.raises(RecordsUnavailable) as caught:
        open_records({"dsn": dsn}).deployments()
    said = str(caught.value)
    assert PASSWORD not in said
    assert CANARY not in said
    assert "\n" not in said
    assert said.endswith(".")
    return said


def test_access_is_denied(postgres_server: PostgresServer) -> None:
    tcp = postgres_server.tcp_dsn
    assert "refuses the user or password; check both" in unavailable(tcp("postgres", password=CANARY))
    assert "has no database of that name" in unavailable(tcp("nowhere"))
    assert "refuses the user or password" in unavailable(tcp("postgres", user="nobody"))
    assert "does not know the user" in unavailable(postgres_server.dsn("postgres", user="nobody"))


def test_nobody_answers(postgres_server: PostgresServer) -> None:
    assert "is not running there; start it" in unavailable(f"postgresql://a:{CANARY}@127.0.0.1:1/x")
    assert "is not running there" in unavailable("host=/tmp/no-such-directory dbname=x")
    assert "unknown host name" in unavailable(f"postgresql://a:{CANARY}@no-such-host.invalid/x")


@pytest.mark.parametrize(
    "dsn", [f"postgresql://a:{CANARY}@h:port/x", f"password {CANARY}", f"postgresql://{CANARY}@[", f"x={CANARY}"]
)
def test_a_malformed_dsn_is_not_repeated(dsn: str) -> None:
    with pytest.raises((InvalidInput, RecordsUnavailable)) as caught:
        open_records({"dsn": dsn}).deployments()
    assert CANARY not in str(caught.value)
    with pytest.raises(InvalidInput, match="No records given"):
        open_records({"dsn": ""})


def test_no_rights(postgres_server: PostgresServer, records_database: str) -> None:
    postgres_server.execute("drop role if exists visitor")
    postgres_server.execute("create role visitor login")
    assert "does not let this user use the records" in unavailable(
        records_database.replace("user=postgres", "user=visitor")
    )


def test_out_of_connections_down_and_back(key_file: Path) -> None:
    with running_postgres(max_connections="6", superuser_reserved_connections="0") as server:
        dsn = server.dsn(server.create_database())
        records = open_records({"dsn": dsn, "encryption_key_file": str(key_file)})
        records.migrate()
        held = []
        try:
            while True:
                held.append(psycopg.connect(server.dsn("postgres")))
        except psycopg.OperationalError:
            pass
        assert "is out of connections; raise max_connections" in unavailable(dsn)
        for connection in held:
            connection.close()
        server.stop()
        with pytest.raises(RecordsUnavailable):
            records.deployments()
        assert "is not running there" in unavailable(dsn)
        server.start()
        assert records.deployments() == []  # the same object opens a new connection
        records.close()
