# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""records_schema, listener and the info modules."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key

Call = Callable[..., dict[str, Any]]


@pytest.mark.postgres_only
def test_schema_from_nothing(empty_database: str, tmp_path: Path, call: Call) -> None:
    options: dict[str, Any] = {
        "bare": True,
        "dsn": empty_database,
        "generate_key": True,
        "encryption_key_file": str(tmp_path / "keys" / "records.key"),
    }
    predicted = call("records_schema", check=True, **options)
    with psycopg.connect(empty_database) as database:
        schemas = database.execute("select 1 from pg_namespace where nspname = 'control_plane'").fetchall()
    assert schemas == []
    assert not (tmp_path / "keys").exists()

    made = call("records_schema", **options)
    assert (made["changed"], made["diff"], made["applied"]) == (True, predicted["diff"], predicted["applied"])
    assert predicted["changed"]
    assert made["version"] == made["code_version"]
    assert made["key_generated"]
    key = tmp_path / "keys" / "records.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_text()

    again = call("records_schema", **options)
    assert (again["changed"], again["applied"], again["key_generated"]) == (False, [], False)
    assert key.read_text() == before


@pytest.mark.postgres_only
def test_a_new_key_for_old_records_is_refused(connection: dict[str, str], tmp_path: Path, fails: Call) -> None:
    path = tmp_path / "new.key"
    result = fails("records_schema", encryption_key_file=str(path), generate_key=True)
    assert "another key" in result["msg"]
    assert result["code"] == "encryption_key"
    assert not path.exists()


@pytest.mark.postgres_only
def test_rotating_keys(
    ok: Call, connection: dict[str, str], tmp_path: Path, snapshot: Callable[[], Any], fails: Call
) -> None:
    ok("deployment", name="chat", image_uri="r/i:1", secrets={"KEY": "canary-of-keys"})
    assert not ok("records_schema", rotate_keys=True)["changed"]
    old = Path(connection["encryption_key_file"]).read_text()
    path = tmp_path / "keys"
    path.write_text(generate_key() + "\n" + old)
    options: dict[str, Any] = {"encryption_key_file": str(path), "rotate_keys": True}
    before = snapshot()
    predicted = ok("records_schema", check=True, **options)
    assert snapshot() == before
    real = ok("records_schema", **options)
    assert real["changed"]
    assert (predicted["diff"], predicted["reencrypted"]) == (real["diff"], real["reencrypted"])
    assert not ok("records_schema", **options)["changed"]
    path.write_text(path.read_text().splitlines()[0] + "\n")
    new = {"encryption_key_file": str(path)}
    assert not ok("deployment", name="chat", secrets={"KEY": "canary-of-keys"}, **new)["changed"]
    assert fails("deployment", name="chat", secrets={"KEY": "other"})["code"] == "encryption_key"


@pytest.mark.postgres_only
def test_a_key_needs_a_place(connection: dict[str, str], fails: Call) -> None:
    assert "encryption_key_file" in fails("records_schema", encryption_key_file="", generate_key=True)["msg"]


@pytest.mark.postgres_only
def test_a_schema_that_is_too_new(connection: dict[str, str], fails: Call) -> None:
    with psycopg.connect(connection["dsn"]) as database:
        database.execute("update control_plane.schema_info set version = 99, minimum_code = 99")
    for module in ("records_schema", "deployment_info", "listener_info"):
        result = fails(module)
        assert result["code"] == "schema_too_new"
        assert "99" in result["msg"]


@pytest.mark.postgres_only
def test_without_a_schema_the_next_step_is_named(empty_database: str, fails: Call) -> None:
    result = fails("deployment_info", dsn=empty_database)
    assert result["code"] == "schema_missing"
    assert "records_schema" in result["msg"]


@pytest.mark.postgres_only
@pytest.mark.parametrize(
    ("dsn", "code"),
    [
        ("", "invalid_input"),
        ("not a dsn", "invalid_input"),
        ("host=127.0.0.1 port=1 dbname=x", "records_unavailable"),
    ],
)
def test_records_that_cannot_be_reached(fails: Call, dsn: str, code: str) -> None:
    assert fails("listener_info", dsn=dsn)["code"] == code


@pytest.mark.postgres_only
def test_a_wrong_password_is_not_shown(postgres_server: Any, fails: Call) -> None:
    result = fails("listener_info", dsn=postgres_server.tcp_dsn("postgres", password="wrong-canary"))
    assert result["code"] == "records_unavailable"
    assert "wrong-canary" not in str(result)


def test_listener_life(ok: Call, call: Call, snapshot: Callable[[], Any]) -> None:
    steps: list[tuple[dict[str, Any], bool]] = [
        ({"compute_type": "hosts", "compute_config": {"host_groups": ["a", "b"]}}, True),
        ({"compute_type": "hosts", "compute_config": {"host_groups": ["a", "b"]}}, False),
        ({}, False),
        ({"compute_type": "", "version": "0.1.0"}, True),
        ({"compute_config": {"k8s_namespaces": ["c"]}}, True),
        ({"state": "absent"}, True),
        ({"state": "absent"}, False),
    ]
    for options, changed in steps:
        before = snapshot()
        predicted = ok("listener", check=True, compute_id="main", **options)
        assert snapshot() == before
        real = ok("listener", compute_id="main", **options)
        assert real["changed"] is changed
        assert (predicted["changed"], predicted["diff"]) == (real["changed"], real["diff"])
        if not changed:
            assert snapshot() == before
    assert ok("listener_info")["listeners"] == []


def test_listener_info(ok: Call) -> None:
    for name in ("b", "a", "c"):
        ok("listener", compute_id=name, compute_config={"host_groups": [name]})
    assert [item["compute_id"] for item in ok("listener_info")["listeners"]] == ["a", "b", "c"]
    assert [item["compute_id"] for item in ok("listener_info", limit=1, offset=1)["listeners"]] == ["b"]
    (found,) = ok("listener_info", compute_id="b")["listeners"]
    assert found["compute_config"]["host_groups"] == ["b"]
    assert ok("listener_info", compute_id=found["id"])["listeners"] == [found]
    assert ok("listener_info", compute_id="nope")["listeners"] == []


def test_bad_listeners(ok: Call, fails: Call) -> None:
    assert "no valid name" in fails("listener", compute_id="-x")["msg"]
    ok("listener", compute_id="main", compute_type="hosts")
    assert "cannot be changed" in fails("listener", compute_id="main", compute_type="k8s")["msg"]
    ok("deployment", name="chat", listener="main")
    assert "still has" in fails("listener", compute_id="main", state="absent")["msg"]


def test_deployment_info_filters_and_pages(ok: Call) -> None:
    for name in ("chat-a", "chat-b", "search"):
        ok("deployment", name=name, env={"A": name}, secrets={"K": "canary-in-info"})
    names = [item["name"] for item in ok("deployment_info")["deployments"]]
    assert sorted(names) == ["chat-a", "chat-b", "search"]
    assert names == ["search", "chat-b", "chat-a"]
    assert [d["name"] for d in ok("deployment_info", name_contains="chat", limit=1)["deployments"]] == ["chat-b"]
    assert [d["name"] for d in ok("deployment_info", limit=2, offset=2)["deployments"]] == ["chat-a"]
    assert ok("deployment_info", status="READY")["deployments"] == []
    found = ok("deployment_info", name="search")
    assert found["deployments"][0]["env"] == {"A": "search"}
    assert found["deployments"][0]["secrets"] == {"K": "********"}
    assert "canary-in-info" not in str(found)
    assert ok("deployment_info", name="search", status="READY")["deployments"] == []
    assert ok("deployment_info", name="nope")["deployments"] == []


@pytest.mark.postgres_only
def test_a_workspace_that_is_not_there(fails: Call, records: Any, ok: Call) -> None:
    assert "team" in fails("deployment_info", workspace="team")["msg"]
    records.apply_workspace({"name": "team"})
    ok("deployment", workspace="team", name="chat")
    assert ok("deployment_info")["deployments"] == []
    assert len(ok("deployment_info", workspace="team")["deployments"]) == 1
