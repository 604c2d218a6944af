# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work protocol as playbooks use it: claims that live and die with ansible-playbook, and the log of a run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from tests.integration.modules.conftest import CONNECTION
from tests.support.control_plane import running_control_plane
from tests.support.renewers import renewers, wait_until

Call = Callable[..., dict[str, Any]]
SECRET = "canary-of-playbooks {{ 7 * 7 }} $(id)"
TEMPLATE = "{{ lookup('ansible.builtin.pipe', 'printf PWN%s ED') }}"

CLAIM = {"name": "Claim", "selfhosted.langgraph.work_claim": {}, "register": "work"}
# Goes on until a test ends it; the minute is for a test that was killed itself.
HOLD = {"name": "Hold", "ansible.builtin.shell": "touch '{{ playbook_dir }}/holding' && exec sleep 60"}
ONE = "{{ work.claims[0].claim_file }}"


def report(name: str, **options: Any) -> dict[str, Any]:
    """A task that reports on the first claim."""
    return {"name": name, "selfhosted.langgraph.work_report": {"claim_file": ONE, **options}}


@pytest.fixture
def chat(ok: Call, source: Path) -> None:
    """A deployment that is due, full of what must not be a template."""
    ok(
        "deployment",
        name="chat",
        source_directory=str(source),
        env={"GREETING": TEMPLATE},
        secrets={"KEY": SECRET},
        display_name=TEMPLATE,
        comment=TEMPLATE,
    )


@pytest.fixture
def held(playbook: Any, chat: None, records: Records) -> Iterator[subprocess.Popen[str]]:
    """An ansible-playbook that has claimed the deployment and goes on for long."""
    process = playbook.start([CLAIM, HOLD])

    # The task after the claim runs: ansible-core loses an interrupt that comes while it forks one.
    def is_held() -> bool:
        deployment = records.deployment("chat")
        held = deployment and deployment["claim"]["held"] and renewers(bytes(playbook.directory))
        return bool(held and (playbook.directory / "holding").exists())

    try:
        wait_until(is_held, 30)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL the ansible-playbook process alone, then what it left."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def claim_directories(tmp_path: Path) -> list[Path]:
    """Directories of claims that are there."""
    return list((tmp_path / "run" / "selfhosted-langgraph").glob("*"))


def test_who_holds_it_is_said(held: Any, fails: Call) -> None:
    result = fails("work_claim", deployments=["chat"])
    holder = re.escape(f"Deployment chat is being worked on by ansible-playbook {held.pid} of ")
    assert re.match(
        holder + r"\S+ on \S+ since \d\d:\d\d:\d\d UTC; wait, or set langgraph_takeover: true\.$", result["msg"]
    )


def test_killed_with_sigkill_and_claimed_again_at_once(
    held: Any, ok: Call, playbook: Any, tmp_path: Path, records: Records
) -> None:
    (old,) = claim_directories(tmp_path)
    kill(held)
    # Without waiting for the lease and without takeover; only the row may be locked for a moment by the end of the
    # old one.
    claims: list[Any] = []

    def claimed() -> bool:
        claims.extend(ok("work_claim")["claims"])
        return bool(claims)

    wait_until(claimed, 5)
    assert [claim["deployment"]["name"] for claim in claims] == ["chat"]
    wait_until(lambda: not renewers(bytes(playbook.directory)))
    assert not old.exists()
    assert Path(claims[0]["claim_file"]).exists()
    # The end of the old one does not touch the new claim.
    assert records.renew(claims[0]["claim_id"], claims[0]["epoch"])["seconds_left"] > 50


def test_interrupted_from_the_keyboard(held: Any, playbook: Any, tmp_path: Path, records: Records) -> None:
    os.killpg(held.pid, signal.SIGINT)
    held.wait(20)
    wait_until(lambda: not renewers(bytes(playbook.directory)))
    assert claim_directories(tmp_path) == []
    deployment = records.deployment("chat")
    assert deployment is not None
    assert not deployment["claim"]["held"]


def test_a_whole_run_shows_no_secret_and_runs_no_template(
    playbook: Any, chat: None, records: Records, ok: Call, tmp_path: Path
) -> None:
    tasks = [
        CLAIM,
        {"name": "Show", "ansible.builtin.debug": {"var": "work"}},
        {
            "name": "Source",
            "selfhosted.langgraph.work_source": {"claim_file": ONE},
            "register": "fetched",
        },
        report("Deploying", status="DEPLOYING", host_key="h", queue_count=1),
        report("Deployed", status="DEPLOYED", url="http://h/chat", release=True),
        {
            "name": "Again",
            "selfhosted.langgraph.deployment": {
                "name": "chat",
                "secrets": {"KEY": SECRET.replace("{", "").replace("}", "")},
            },
            "diff": True,
        },
        {"name": "Look", "selfhosted.langgraph.revision_info": {"deployment": "chat"}, "register": "seen"},
        {"name": "Show all", "ansible.builtin.debug": {"var": "seen"}},
    ]
    run = playbook.run(tasks, "-vvv")
    assert run.returncode == 0, run.stdout + run.stderr
    output = run.stdout + run.stderr
    assert "canary-of-playbooks" not in output
    assert "PWNED" not in output
    deployment = records.deployment("chat")
    assert deployment is not None
    assert (deployment["active_revision_number"], deployment["latest_revision_number"]) == (1, 2)
    assert deployment["display_name"] == TEMPLATE
    wait_until(lambda: not renewers(bytes(playbook.directory)))
    assert claim_directories(tmp_path) == []


def test_check_mode_of_a_whole_run(playbook: Any, chat: None, snapshot: Callable[[], Any], tmp_path: Path) -> None:
    before = snapshot()
    tasks = [
        CLAIM,
        {"name": "Source", "selfhosted.langgraph.work_source": {"claim_file": ONE}},
        report("Deploying", status="DEPLOYING", host_key="h", queue_count=1),
        # The end without a release: what is left is removed all the same.
    ]
    run = playbook.run(tasks, "--check", "--diff")
    assert run.returncode == 0, run.stdout + run.stderr
    assert snapshot() == before
    wait_until(lambda: not renewers(bytes(playbook.directory)))
    assert claim_directories(tmp_path) == []


def test_the_end_of_a_playbook_gives_back_what_it_did_not_release(
    playbook: Any, chat: None, records: Records, tmp_path: Path
) -> None:
    run = playbook.run([CLAIM, {"name": "Fail", "ansible.builtin.fail": {"msg": "No."}}])
    assert run.returncode == 2
    wait_until(lambda: not renewers(bytes(playbook.directory)))
    deployment = records.deployment("chat")
    assert deployment is not None
    assert not deployment["claim"]["held"]
    assert claim_directories(tmp_path) == []


@pytest.mark.http_only
def test_the_default_execution_environment_of_awx_is_enough(
    playbook: Any, connection: dict[str, str], source: Path, tmp_path: Path, ok: Call
) -> None:
    """A whole run where neither the driver of Postgres nor cryptography can be imported."""
    for name in ("psycopg", "psycopg_binary", "cryptography", "yarl", "httpx", "requests"):
        (tmp_path / "without" / name).mkdir(parents=True)
        (tmp_path / "without" / name / "__init__.py").write_text("raise ImportError('not in this environment')\n")
    playbook.env["PYTHONPATH"] = str(tmp_path / "without")
    playbook.env["ANSIBLE_CALLBACKS_ENABLED"] = "selfhosted.langgraph.work_log"
    tasks = [
        {
            "name": "Deploy",
            "selfhosted.langgraph.deployment": {
                "name": "chat",
                "source_directory": str(source),
                "secrets": {"KEY": SECRET},
            },
        },
        CLAIM,
        {"name": "Source", "selfhosted.langgraph.work_source": {"claim_file": ONE}},
        report("Deploying", status="DEPLOYING", host_key="h", queue_count=1),
        report("Deployed", status="DEPLOYED", url="http://h/chat", release=True),
        {"name": "Look", "selfhosted.langgraph.revision_info": {"deployment": "chat", "number": 1}},
    ]
    run = playbook.run(tasks, "-vvv")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lines of the log were not posted" not in run.stderr
    assert connection["api_key"] not in run.stdout + run.stderr
    (found,) = ok("revision_info", deployment="chat", number=1, logs="build")["revisions"]
    assert found["status"] == "DEPLOYED"
    assert found["logs"]


def test_the_connection_comes_from_the_action_group(playbook: Any, chat: None, connection: dict[str, str]) -> None:
    for name in CONNECTION.values():
        playbook.env.pop(name, None)
    block = {
        "name": "With defaults",
        "module_defaults": {"group/selfhosted.langgraph.records": {**connection, "actor": "ticket 7"}},
        "block": [{"name": "Look", "selfhosted.langgraph.deployment_info": {"name": "chat"}}],
    }
    run = playbook.run([block, {"name": "Without", "selfhosted.langgraph.deployment_info": {"dsn": ""}}])
    assert "ok=1 " in run.stdout
    assert "failed=1 " in run.stdout
    assert "No records given: set the option api_url or dsn" in run.stdout


def test_the_log_of_a_run(playbook: Any, chat: None, ok: Call, records: Records) -> None:
    playbook.env["ANSIBLE_CALLBACKS_ENABLED"] = "selfhosted.langgraph.work_log"
    tasks = [
        {"name": "Before", "ansible.builtin.debug": {"msg": "not ours"}},
        CLAIM,
        {"name": "Build", "ansible.builtin.command": f"echo {SECRET[:19]}", "changed_when": True},
        {"name": "Skip", "ansible.builtin.debug": {"msg": "x"}, "when": False},
        {"name": "Ignored", "ansible.builtin.fail": {"msg": "Not so bad."}, "ignore_errors": True},
        {"name": "Kept secret", "ansible.builtin.fail": {"msg": SECRET[:19]}, "no_log": True, "ignore_errors": True},
        report("Deploying", status="DEPLOYING"),
        {"name": "Start", "ansible.builtin.command": "true"},
        report("Deployed", status="DEPLOYED", url="http://h/chat", release=True),
        {"name": "After", "ansible.builtin.debug": {"msg": "not ours"}},
    ]
    run = playbook.run(tasks)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "WARNING" not in run.stderr, run.stderr
    logs = {
        kind: [
            (line["level"], line["message"])
            for line in ok("revision_info", deployment="chat", number=1, logs=kind)["revisions"][0]["logs"]
        ]
        for kind in ("build", "deploy")
    }
    assert logs["build"] == [
        ("INFO", "Claim: changed on localhost"),
        ("INFO", "Build: changed on localhost"),
        ("WARNING", "Ignored: failed, ignored on localhost: Not so bad."),
        ("WARNING", "Kept secret: failed, ignored on localhost"),
        ("INFO", "Deploying: changed on localhost"),
    ]
    assert logs["deploy"] == [
        ("INFO", "Start: changed on localhost"),
        ("INFO", "Deployed: changed on localhost"),
    ]


@pytest.mark.postgres_only
def test_a_log_that_cannot_be_posted_disturbs_nobody(playbook: Any, chat: None, postgres_server: Any) -> None:
    playbook.env["ANSIBLE_CALLBACKS_ENABLED"] = "selfhosted.langgraph.work_log"
    playbook.env["LANGGRAPH_WORK_LOG_FLUSH_TIMEOUT"] = "4"
    tasks = [
        CLAIM,
        {"name": "Go on", "ansible.builtin.command": "true"},
    ]
    # The table is gone: whatever is posted fails.
    with psycopg.connect(playbook.env["LANGGRAPH_RECORDS_DSN"]) as database:
        tables = database.execute(
            "select table_name from information_schema.tables where table_schema = 'control_plane' and table_name "
            "like '%log%'"
        ).fetchall()
        for (table,) in tables:
            database.execute(f"alter table control_plane.{table} rename to {table}_away")
    started = time.monotonic()
    run = playbook.run(tasks)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lines of the log were not posted" in run.stderr
    assert time.monotonic() - started < 30


@pytest.mark.http_only
def test_a_control_plane_that_goes_away_disturbs_no_run(
    playbook: Any, chat: None, records_database: str, key_file: Path, tmp_path: Path
) -> None:
    playbook.env["ANSIBLE_CALLBACKS_ENABLED"] = "selfhosted.langgraph.work_log"
    playbook.env["LANGGRAPH_WORK_LOG_FLUSH_TIMEOUT"] = "4"
    with running_control_plane(records_database, key_file) as own:
        assert own.process is not None
        playbook.env["LANGGRAPH_HOST_URL"] = own.url
        started = time.monotonic()
        tasks = [
            CLAIM,
            {"name": "Lose it", "ansible.builtin.command": f"kill -9 {own.process.pid}"},
            {"name": "Go on", "ansible.builtin.command": "true"},
            {**report("Say so", status="DEPLOYING"), "ignore_errors": True},
        ]
        run = playbook.run(tasks)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"The control plane at {own.url} refuses the connection" in run.stdout + run.stderr
    assert "lines of the log were not posted" in run.stderr
    assert time.monotonic() - started < 45
    wait_until(lambda: not renewers(bytes(playbook.directory)), 30)
    assert claim_directories(tmp_path) == []
