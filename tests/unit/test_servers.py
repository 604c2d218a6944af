# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running servers, the parts without I/O: names, unit texts, statuses, log lines, connection addresses, start.py."""

from __future__ import annotations

import importlib.util
import json
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _services_supervisor as supervisor
from ansible_collections.selfhosted.langgraph.plugins.module_utils import _services_systemd as systemd
from ansible_collections.selfhosted.langgraph.plugins.module_utils._gate import readable
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import host_paths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_module import database_uri, redis_uri
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import ServiceError, check_name
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import (
    Made,
    Revision,
    Steps,
    connections_digest,
    made_for,
)

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles/langgraph_server"
ID = "0c0ffee0-0000-4000-8000-000000000003"


# -- services --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["langgraph-chat-1a2b3c4d-api-blue", "x@", "x-queue-blue@2"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a@1@2", "a;b", "{{ x }}", "../x", "a\nb"])
def test_bad_names(name: str) -> None:
    with pytest.raises(ServiceError, match="not a valid name"):
        check_name(name)


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({"ActiveState": "active", "SubState": "running", "MainPID": "7"}, {"active": True, "pid": 7}),
        ({"ActiveState": "deactivating", "MainPID": "7"}, {"active": True}),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "2"},
            {"retrying": True, "restarts": 2},
        ),
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "3"},
            {"failed": True, "result": "exit-code 3"},
        ),
        ({"ActiveState": "inactive", "LoadState": "not-found"}, {"active": False, "installed": False}),
        ({"LoadState": "loaded", "UnitFileState": "enabled"}, {"installed": True, "enabled": True}),
        ({"ExecMainStartTimestamp": "@1700000000"}, {"started_at": 1700000000.0}),
    ],
)
def test_what_systemd_says(props: dict[str, str], expected: dict[str, Any]) -> None:
    text = "\n".join(f"{name}={value}" for name, value in props.items())
    status = systemd.status_from(systemd.parse_show(text))
    assert {name: getattr(status, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"statename": "RUNNING", "pid": 7}, {"active": True, "pid": 7}),
        ({"statename": "STARTING", "pid": 7}, {"active": True, "starting": True}),
        ({"statename": "BACKOFF", "pid": 0}, {"active": False, "retrying": True}),
        ({"statename": "FATAL"}, {"failed": True}),
        ({"statename": "EXITED", "exitstatus": 3}, {"failed": True, "result": "EXITED 3"}),
        ({"statename": "EXITED", "exitstatus": 0}, {"failed": False}),
        ({"statename": "STOPPED"}, {"failed": False, "active": False}),
    ],
)
def test_what_supervisor_says(info: dict[str, Any], expected: dict[str, Any]) -> None:
    status = supervisor.status_from(info, enabled=True)
    assert {name: getattr(status, name) for name in expected} == expected
    assert status.enabled


@pytest.mark.parametrize("text", ["[program:x]\ncommand=y\n", "[program:x]\ncommand=y", "[program:x]\nautostarts=no\n"])
def test_line_that_enables_a_program_is_no_part_of_its_text(text: str) -> None:
    assert supervisor.without_autostart(supervisor.with_autostart(text, True)) == text
    assert supervisor.without_autostart(supervisor.with_autostart(supervisor.with_autostart(text, True), False)) == text


def test_unknown_unit_file_directory_is_no_error(tmp_path: Path) -> None:
    def run(argv: list[str]) -> tuple[int, str, str]:
        return 0, "LoadState=not-found\nActiveState=inactive\n" if "show" in argv else "", ""

    services = systemd.SystemdServices(run, str(tmp_path))
    assert services.status("langgraph-x").installed is False
    assert services.list("langgraph-x") == []
    assert services.remove("langgraph-x") is False


def test_systemd_reads_a_text_once(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def run(argv: list[str]) -> tuple[int, str, str]:
        seen.append(argv)
        return 0, "LoadState=loaded\nNeedDaemonReload=no\n" if "show" in argv else "", ""

    services = systemd.SystemdServices(run, str(tmp_path))
    assert services.install("a", "[Service]\n") is True
    assert services.install("a", "[Service]\n") is False
    assert seen.count(["systemctl", "daemon-reload"]) == 1
    assert not [argv for argv in seen if "start" in argv or "restart" in argv]


# -- units and steps -------------------------------------------------------------------------------------------------


def test_units_say_what_they_were_made_for(tmp_path: Path) -> None:
    paths = host_paths(str(tmp_path), "chat-1a2b3c4d", "supervisor", str(tmp_path)).revision(4)
    paths.units.mkdir(parents=True)
    (paths.units / "api.unit").write_text("x-__COLOUR__ connections-__CONNECTIONS__.json\n")
    revision = Revision(4, ID, paths, "abc123")
    text = revision.text("api", "green")
    assert text.endswith("x-green connections-abc123.json\n")
    assert made_for(text) == revision.made == Made(4, ID, "abc123")
    with pytest.raises(HostError, match="stage revision 4 again"):
        revision.text("queue", "green")


@pytest.mark.parametrize("text", [None, "", "[Unit]\n", "# langgraph revision x y connections z\n"])
def test_units_of_others_are_not_ours(text: str | None) -> None:
    assert made_for(text) is None


def test_digest_of_connections_does_not_depend_on_their_order() -> None:
    assert connections_digest({"a": "1", "b": "2"}) == connections_digest({"b": "2", "a": "1"})
    assert connections_digest({"a": "1"}) != connections_digest({"a": "2"})


def test_steps_only_note_in_check_mode() -> None:
    done: list[int] = []
    steps = Steps(None, check=True)
    steps.do("one", lambda: done.append(1))
    assert (done, steps.actions) == ([], ["one"])
    steps = Steps(None, check=False)
    steps.do("one", lambda: done.append(1), lambda: done.append(2))
    assert done == [1, 2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain text", "plain text"),
        ('{"event": "hello", "level": "info", "timestamp": "T"}', "T info hello"),
        ('{"event": "no", "exception": "Traceback\\nError: x"}', "no\nTraceback\nError: x"),
        ("[1, 2]", "[1, 2]"),
        ("3", "3"),
    ],
)
def test_log_lines_for_people(line: str, expected: str) -> None:
    assert readable(line) == expected


# -- connections -----------------------------------------------------------------------------------------------------

DATABASE = {
    "slug": "chat-1a2b3c4d",
    "database_uri": None,
    "database_host": "127.0.0.1",
    "database_port": 5432,
    "database_name": "chat-1a2b3c4d",
    "database_user": "chat",
    "database_password": None,
    "database_sslmode": None,
}
REDIS = {
    "slug": "x",
    "redis_uri": None,
    "redis_host": "h",
    "redis_port": 6379,
    "redis_user": None,
    "redis_password": None,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "postgresql://chat@127.0.0.1:5432/chat-1a2b3c4d"),
        ({"database_password": "p@ss/w:rd %"}, "postgresql://chat:p%40ss%2Fw%3Ard%20%25@127.0.0.1:5432/chat-1a2b3c4d"),
        ({"database_host": "::1"}, "postgresql://chat@[::1]:5432/chat-1a2b3c4d"),
        ({"database_sslmode": "require"}, "postgresql://chat@127.0.0.1:5432/chat-1a2b3c4d?sslmode=require"),
        ({"database_host": "/run/pg"}, "postgresql://chat@/chat-1a2b3c4d?host=%2Frun%2Fpg&port=5432"),
        ({"database_uri": "postgresql://whole"}, "postgresql://whole"),
    ],
)
def test_database_address(given: dict[str, Any], expected: str) -> None:
    assert database_uri({**DATABASE, **given}) == expected


def test_missing_database_is_named() -> None:
    with pytest.raises(HostError, match="set database_uri, or database_host and database_user"):
        database_uri({**DATABASE, "database_host": "", "database_user": None})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "redis://h:6379/0"),
        ({"redis_password": "a/b"}, "redis://default:a%2Fb@h:6379/0"),
        ({"redis_user": "u", "redis_password": "x"}, "redis://u:x@h:6379/0"),
        ({"redis_uri": "redis://whole"}, "redis://whole"),
    ],
)
def test_redis_address(given: dict[str, Any], expected: str) -> None:
    assert redis_uri({**REDIS, **given}) == expected


# -- the role and its start module -----------------------------------------------------------------------------------


def start_module() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("start", ROLE / "files/flavours/langgraph/start.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_start_takes_its_port_from_its_slot(tmp_path: Path) -> None:
    start = start_module()
    (tmp_path / "ports.json").write_text(json.dumps({"api": {"blue": 1}, "queue": {"green-2": 2}}))
    common = ["--revision-dir", "r", "--connections", str(tmp_path / "c.json")]
    assert start.parse(["api", *common, "--slot", "blue"]).port == 1
    assert start.parse(["queue", *common, "--slot", "green-2", "--jobs", "3"]).port == 2
    with pytest.raises(SystemExit):
        start.parse(["api", *common, "--slot", "green"])
    with pytest.raises(SystemExit):
        start.parse(["api", *common])


def test_start_hands_on_only_what_belongs_to_the_host() -> None:
    environ = {"PATH": "p", "LC_ALL": "C.UTF-8", "OPENAI_API_KEY": "k", "PYTHONPATH": "/x", "LANGSMITH_API_KEY": "k"}
    assert start_module().inherited(environ) == {"PATH": "p", "LC_ALL": "C.UTF-8"}


def test_pools_of_start_add_up_to_what_the_flavour_says() -> None:
    flavour = yaml.safe_load((ROLE / "vars/flavours/langgraph.yml").read_text())["__langgraph_server_flavour"]
    start = start_module()
    pools = ("PG_POOL_SIZE", "PG_MAX_OVERFLOW", "CHECKPOINTER_POOL_SIZE", "STORE_POOL_SIZE")
    assert {name: flavour["env"][name] for name in pools} == {name: start.DEFAULTS[name] for name in pools}
    migration = 1
    assert sum(int(flavour["env"][name]) for name in pools) + migration == flavour["connections_per_process"]
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    assert defaults["langgraph_server_connections_per_process"] == flavour["connections_per_process"]


def test_role_knows_every_flavour_and_the_version_of_the_collection() -> None:
    internal = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    assert internal["__langgraph_server_flavours"] == sorted(p.stem for p in (ROLE / "vars/flavours").glob("*.yml"))
    for name in internal["__langgraph_server_flavours"]:
        assert (ROLE / "files/flavours" / name / "start.py").is_file()
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert internal["__langgraph_server_version"] == version
