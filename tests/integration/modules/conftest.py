# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules over real records: called in this process, or by ansible-playbook."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.adapters import adapter, for_each_adapter, records_database, shared_control_plane
from tests.support.control_plane import ControlPlane

MODULES = "ansible_collections.selfhosted.langgraph.plugins.modules"
__all__ = ["adapter", "records_database", "shared_control_plane"]

PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
# Options of the connection, by their variables.
CONNECTION = {
    "dsn": "LANGGRAPH_RECORDS_DSN",
    "encryption_key_file": "LANGGRAPH_RECORDS_ENCRYPTION_KEY_FILE",
    "api_url": "LANGGRAPH_HOST_URL",
    "api_key": "LANGSMITH_API_KEY",
    "workspace": "LANGSMITH_TENANT_ID",
}

Call = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No connection from outside, and claim files below the test's own directory."""
    for name in CONNECTION.values():
        monkeypatch.delenv(name, raising=False)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of the modules once for each adapter."""
    for_each_adapter(metafunc, "connection")


@pytest.fixture
def connection(adapter: str, request: pytest.FixtureRequest, records_database: str, key_file: Path) -> dict[str, str]:
    """The options that lead to empty records; through the control plane, with the key of an admin of a workspace."""
    if adapter == "http":
        service: ControlPlane = request.getfixturevalue("shared_control_plane")
        return {"api_url": service.url, "api_key": service.make_key("modules", "admin", "default")}
    return {"dsn": records_database, "encryption_key_file": str(key_file)}


@pytest.fixture
def records(records_database: str, key_file: Path) -> Iterator[Records]:
    """The records themselves, to look at what modules did."""
    opened = open_records({"dsn": records_database, "encryption_key_file": str(key_file)})
    yield opened
    opened.close()


@pytest.fixture
def call(connection: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Call:
    """Call a module in this process: the result of a success, or of a failure with ``failed`` in it."""

    def _call(module: str, *, check: bool = False, bare: bool = False, **params: Any) -> dict[str, Any]:
        main = importlib.import_module(f"{MODULES}.{module}").main
        options = {"_ansible_check_mode": check, "_ansible_diff": True, **({} if bare else connection), **params}
        capsys.readouterr()
        with patch_module_args(options), pytest.raises(SystemExit):
            main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return _call


@pytest.fixture
def ok(call: Call) -> Call:
    """Call a module that must succeed."""

    def _ok(module: str, **params: Any) -> dict[str, Any]:
        result = call(module, **params)
        assert not result.get("failed"), result.get("msg")
        return result

    return _ok


@pytest.fixture
def fails(call: Call) -> Callable[..., dict[str, Any]]:
    """Call a module that must fail with one sentence."""

    def _fails(module: str, **params: Any) -> dict[str, Any]:
        result = call(module, **params)
        assert result.get("failed"), result
        assert result["msg"].endswith("."), result["msg"]
        assert "\n" not in result["msg"], result["msg"]
        assert result["code"], result
        return result

    return _fails


@pytest.fixture
def snapshot(connection: dict[str, str], records_database: str) -> Callable[[], dict[str, str]]:
    """Everything that is in the database, a digest for each table: to show that nothing was written."""

    def _snapshot() -> dict[str, str]:
        with psycopg.connect(records_database) as database:
            tables = [
                row[0]
                for row in database.execute(
                    "select table_name from information_schema.tables where table_schema = 'control_plane' order by 1"
                )
            ]
            return {table: _digest(database, table) for table in tables}

    return _snapshot


def _digest(database: psycopg.Connection[Any], table: str) -> str:
    # That a key was used is no change.
    row = "(to_jsonb(t) - 'last_used_at')::text"
    query = f"select coalesce(md5(string_agg({row}, '|' order by {row})), '') from control_plane.{table} t"
    found = database.execute(query).fetchone()
    return str(found[0]) if found else ""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory that can be deployed."""
    directory = tmp_path / "agent"
    (directory / "agent").mkdir(parents=True)
    (directory / "langgraph.json").write_text(
        json.dumps({"dependencies": ["."], "graphs": {"agent": "./agent/graph.py:graph"}})
    )
    (directory / "agent" / "graph.py").write_text("graph = None\n")
    return directory


@dataclass
class Playbook:
    """A playbook of a test and how to run it."""

    directory: Path
    env: Mapping[str, str]
    arguments: list[str] = field(default_factory=list)

    def command(self, tasks: list[dict[str, Any]], *arguments: str) -> list[str]:
        """The command line that runs these tasks on localhost."""
        path = self.directory / "playbook.json.yml"
        path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        return [str(PLAYBOOK), "-i", "localhost,", "-c", "local", str(path), *self.arguments, *arguments]

    def run(self, tasks: list[dict[str, Any]], *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            self.command(tasks, *arguments), env=dict(self.env), capture_output=True, text=True, timeout=90, check=False
        )

    def start(self, tasks: list[dict[str, Any]], *arguments: str) -> subprocess.Popen[str]:
        """Start and go on."""
        return subprocess.Popen(
            self.command(tasks, *arguments),
            env=dict(self.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@pytest.fixture
def playbook(connection: dict[str, str], tmp_path: Path) -> Playbook:
    """ansible-playbook with the records in its environment and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    env = {
        **os.environ,
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / ".ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        **{CONNECTION[name]: value for name, value in connection.items()},
    }
    return Playbook(tmp_path, env)
