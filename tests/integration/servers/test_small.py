# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flavour small: its process, and the role with it on a host that has neither uv nor Postgres nor Redis."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible_runs import Controller, Run
from tests.support.ports import free_port, listens
from tests.support.servers import Supervisor
from tests.support.staging import ROOT, WORKSPACE, project, tarball, until

ROLE = "selfhosted.langgraph.langgraph_server"
START = ROOT / "roles/langgraph_server/files/flavours/small/start.py"
SLUG = "small-1a2b3c4d"


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and text of an answer; (0, "") when there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


# -- the process -------------------------------------------------------------------------------------------------------


class Process:
    """start.py as a platform starts it."""

    def __init__(self, home: Path, role: str = "api", port: int = 0, **env: str) -> None:
        self.port = port or free_port()
        (home / "1").mkdir(exist_ok=True)
        (home / "1" / "env.json").write_text(json.dumps({"LANGSMITH_HOST_REVISION_ID": "of-this-test", **env}))
        (home / "1" / "meta.json").write_text(json.dumps({"number": 1}))
        (home / "ports.json").write_text(json.dumps({role: {"blue": self.port}}))
        (home / "epoch").write_text("7\n")
        paths = ["--revision-dir", str(home / "1"), "--connections", str(home / "c.json")]
        self.popen = subprocess.Popen(
            [sys.executable, str(START), role, *paths, "--slot", "blue", "--drain-timeout", "5"],
            cwd=home,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            text=True,
        )

    def serving(self) -> Process:
        assert until(lambda: ask(self.port, "/ok")[0] == 200), self.popen.poll()
        return self

    def end(self) -> tuple[int, str]:
        """Exit status and log, after SIGTERM."""
        self.popen.send_signal(signal.SIGTERM)
        out = self.popen.communicate(timeout=20)[0]
        return self.popen.returncode, out


def test_process_answers_as_a_server_does(tmp_path: Path) -> None:
    api = Process(tmp_path, MARK="1", TOKEN="never shown", SMALL_SHOW="MARK, OTHER").serving()
    assert json.loads(ask(api.port, "/info")[1])["host"]["host_revision_id"] == "of-this-test"
    assert ask(api.port, "/ok?check_db=1") == (200, '{"ok":true}')
    assert json.loads(ask(api.port, "/env")[1]) == {"MARK": "1", "OTHER": None}
    assert ask(api.port, "/status/503")[0] == 503
    assert ask(api.port, "/nothing")[0] == 404
    assert ask(api.port, "/log/two%20words")[0] == 200
    figures = ask(api.port, "/metrics")[1]
    assert 'status="500"} 1' in figures
    assert "lg_api_http_requests_latency_seconds_count" in figures
    status, log = api.end()
    assert status == 0
    assert [line for line in map(json.loads, log.splitlines()) if line["event"] == "two words"]
    assert "never shown" not in log


def test_queue_process_answers_for_its_health_alone(tmp_path: Path) -> None:
    queue = Process(tmp_path, "queue").serving()
    assert ask(queue.port, "/info")[0] == 404
    assert "lg_api_workers_max" in ask(queue.port, "/metrics")[1]
    assert queue.end()[0] == 0


def test_each_start_is_one_line_that_says_whose_it_is(tmp_path: Path) -> None:
    for worker in (None, 7):
        (tmp_path / "work.lock").write_text(json.dumps({"pid": 1, "epoch": worker}) if worker else "")
        Process(tmp_path).serving().end()
    found = [json.loads(line) for line in (tmp_path / "starts.log").read_text().splitlines()]
    assert [line["worker"] for line in found] == [None, 7]
    assert {(line["role"], line["slot"], line["number"], line["epoch"]) for line in found} == {("api", "blue", 1, 7)}
    assert {line["revision"] for line in found} == {"of-this-test"}


def test_answer_in_flight_ends_before_the_process(tmp_path: Path) -> None:
    api = Process(tmp_path).serving()
    client = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
    client.request("GET", "/sleep/2")
    assert ask(api.port, "/ok")[0] == 200, "connections are taken in their order"
    api.popen.send_signal(signal.SIGTERM)
    assert until(lambda: not listens(api.port)), "the port is closed at once"
    assert api.popen.poll() is None
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (200, b"awake\n")
    assert api.popen.wait(20) == 0


def test_start_that_fails_has_a_status(tmp_path: Path) -> None:
    broken = Process(tmp_path, SMALL_START_FAILS="1")
    assert "SMALL_START_FAILS" in broken.popen.communicate(timeout=20)[0]
    assert broken.popen.returncode == 3
    first = Process(tmp_path).serving()
    second = Process(tmp_path, port=first.port)
    assert f"port {first.port}" in second.popen.communicate(timeout=20)[0]
    assert second.popen.returncode == 3
    assert first.end()[0] == 0


def test_slow_start_answers_late(tmp_path: Path) -> None:
    slow = Process(tmp_path, SMALL_START_SECONDS="0.7")
    began = time.monotonic()
    slow.serving()
    assert time.monotonic() - began > 0.5
    slow.end()


# -- the role ----------------------------------------------------------------------------------------------------------


class Bare:
    """A host with supervisord and nothing else."""

    def __init__(self, base: Path) -> None:
        self.base, self.home = base, base / "langgraph" / SLUG
        self.source = tarball(base / "source.tar.gz", {**project(), "requirements.txt": "not-there==1\n"})
        self.supervisor = Supervisor(base / "sv")
        (base / "hosts").write_text("localhost ansible_connection=local\n")
        self.ports = {
            "api": {"blue": free_port(), "green": free_port()},
            "queue": {"blue-1": free_port(), "green-1": free_port()},
        }
        variables = {
            "ansible_python_interpreter": sys.executable,
            "langgraph_platform": "supervisor",
            "langgraph_root": str(base / "langgraph"),
            "langgraph_supervisor_dir": str(base / "sv"),
            "langgraph_server_drain_timeout": 5,
            "langgraph_server_gate_timeout": 5,
            "langgraph_server_uv": "/nonexistent/uv",
            "langgraph_server_flavour": "small",
            "langgraph_server_ports": self.ports,
        }
        self.controller = Controller(base, base / "hosts", variables)

    def role(self, entry: str, number: int, *arguments: str, **variables: Any) -> Run:
        identity = {"id": str(uuid.UUID(int=number)), "number": number, "langgraph_config_path": "langgraph.json"}
        deployment = {"slug": SLUG, "name": "small", "id": str(uuid.UUID(int=7)), "workspace_id": WORKSPACE}
        return self.controller.tasks(
            [{"name": entry, "ansible.builtin.include_role": {"name": ROLE, "tasks_from": entry}}],
            *arguments,
            langgraph_server_claim={"epoch": None, "deployment": deployment, "revision": identity},
            langgraph_server_env={"MARK": str(number), **variables.pop("env", {})},
            **variables,
        )

    def revision(self, number: int, *arguments: str, **variables: Any) -> Run:
        return self.role("revision", number, *arguments, langgraph_server_source=str(self.source), **variables)

    def mark(self) -> str | None:
        text = ask(self.ports["api"]["blue"], "/env")[1]
        return json.loads(text)["MARK"] if text else None

    def starts(self) -> list[tuple[int, str, str]]:
        lines = map(json.loads, (self.home / "starts.log").read_text().splitlines())
        return [(line["number"], line["role"], line["slot"]) for line in lines]


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    base = Path(tempfile.mkdtemp(prefix="lgb-", dir="/tmp"))
    found = Bare(base)
    try:
        yield found
    finally:
        found.supervisor.stop()
        shutil.rmtree(base, ignore_errors=True)


def test_role_serves_it_without_packages_database_or_redis(bare: Bare) -> None:
    predicted = bare.revision(1, "--check").ok()
    assert predicted.result("units of the revision")["needs"] == {"postgres": False, "redis": False}
    staged = bare.revision(1).ok().result("units of the revision")
    assert staged["needs"] == {"postgres": False, "redis": False}
    assert staged["lock"] == ""
    assert [text for text in staged["findings"] if "not installed" in text], staged["findings"]
    assert bare.mark() == "1"
    assert bare.starts() == [(1, "api", "blue"), (1, "queue", "blue-1")]
    assert not (bare.base / "langgraph" / "builders").exists()
    again = bare.revision(1).ok()
    assert again.changed == 0, again.changed_tasks


def test_next_revision_takes_over_and_a_broken_one_does_not(bare: Bare) -> None:
    before = len(bare.starts())
    bare.revision(2).ok()
    assert bare.mark() == "2"
    assert bare.starts()[before:] == [(2, "api", "green"), (2, "api", "blue"), (2, "queue", "green-1")]
    assert "ended by itself" in bare.revision(3, env={"SMALL_START_FAILS": "1"}).failed()
    assert bare.mark() == "2"


def test_absent_leaves_the_fence_and_what_was_never_made(bare: Bare) -> None:
    for _again in range(2):
        removed = bare.role("absent", 2).ok().result("Stop and remove the server")
        assert removed["needs"] == {"postgres": False, "redis": False}
    assert sorted(path.name for path in bare.home.iterdir()) == ["needs.json", "work.lock"]
    assert not list((bare.base / "sv" / "conf.d").iterdir())
