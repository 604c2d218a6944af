# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the listener that need neither a control plane nor Ansible."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.services.listener import launch, processes, runs
from ansible_collections.selfhosted.langgraph.services.listener.api import Api, _encoded
from ansible_collections.selfhosted.langgraph.services.listener.backoff import Backoff
from ansible_collections.selfhosted.langgraph.services.listener.endpoint import Figures
from ansible_collections.selfhosted.langgraph.services.listener.identity import is_gone, own
from ansible_collections.selfhosted.langgraph.services.listener.inventory import Inventory
from ansible_collections.selfhosted.langgraph.services.listener.leases import Leases, now
from ansible_collections.selfhosted.langgraph.services.listener.runs import Told
from ansible_collections.selfhosted.langgraph.services.listener.settings import parse
from tests.unit.listener.test_listener_settings import LEAST

# -- which host -------------------------------------------------------------------------------------------------------

INVENTORY = Inventory(
    {"langgraph_servers": ["a", "b", "c"], "empty": [], "odd": ["x:y"]},
    {"a": {}, "b": {}, "c": {}, "gone": {}, "x:y": {}},
)


def test_a_deployment_stays_where_it_is_else_goes_where_the_fewest_are() -> None:
    choose = INVENTORY.choose
    assert choose("langgraph_servers", "b", {"b": 9}, "chat") == "b"
    assert choose("renamed", "b", {"b": 9}, "chat") == "b"
    assert choose("langgraph_servers", None, {"a": 2, "b": 1}, "chat") == "c"
    assert choose("langgraph_servers", None, {}, "chat") == "a"


@pytest.mark.parametrize(
    ("group", "current", "said"),
    [
        ("gpu", None, "wants the host group gpu, which the listener's inventory lacks"),
        ("empty", None, "which has no host"),
        ("odd", None, "which has no host"),
        ("{{ lookup('pipe', 'id') }}", None, "which the listener's inventory lacks"),
        ("langgraph_servers", "z", "is on host z, which the listener's inventory lacks"),
        ("langgraph_servers", "x:y", "is on host x:y"),
    ],
)
def test_what_the_inventory_lacks_is_named(group: str, current: str | None, said: str) -> None:
    with pytest.raises(InvalidInput, match="Deployment chat ") as error:
        INVENTORY.choose(group, current, {}, "chat")
    assert said in str(error.value)


# -- pauses, figures, events ------------------------------------------------------------------------------------------


def test_pauses_grow_to_a_bound_and_begin_again() -> None:
    pause = Backoff(1, 8)
    assert [full / 2 <= pause.next() <= full for full in (1, 2, 4, 8, 8)] == [True] * 5
    pause.reset()
    assert pause.next() <= 1


def test_figures_are_text_for_prometheus() -> None:
    figures = Figures()
    figures.declare("work_total", "counter", "Work.")
    figures.add("work_total", action="apply", outcome="done")
    figures.add("work_total", action="apply", outcome="done")
    figures.declare("running", "gauge", "Runs.")
    text = figures.text({"running": 1.0})
    assert 'langgraph_listener_work_total{action="apply",outcome="done"} 2\n' in text
    assert "# TYPE langgraph_listener_running gauge\nlanggraph_listener_running 1\n" in text


def event(kind: str, stdout: str = "", **data: Any) -> dict[str, Any]:
    """An event as ansible-runner tells it."""
    return {"event": kind, "stdout": stdout, "event_data": data}


def test_events_say_step_failure_and_changes() -> None:
    told = Told()
    told.take(event("playbook_on_task_start", "TASK [Stage]\n", task="Stage"))
    told.take(
        event(
            "runner_on_ok",
            task="Route",
            host="web",
            res={"changed": True, "actions": ["add", "move"], "diff": {"after": "x\ny"}},
        )
    )
    told.take(event("runner_on_ok", task="Same", host="web", res={"changed": False}))
    told.take(event("runner_on_failed", task="Try", ignore_errors=True, res={"msg": "never mind"}))
    assert (told.step, told.message) == ("Stage", "")
    assert told.changes == [{"task": "Route", "host": "web", "message": "add; move", "diff": "+ x\n+ y"}]
    told.take(
        event("runner_on_unreachable", "fatal: [web]\n", task="Stage", res={"msg": "no route to web", "code": "x"})
    )
    assert (told.failed_task, told.message, told.code) == ("Stage", "no route to web", "x")
    assert list(told.tail) == ["TASK [Stage]", "fatal: [web]"]


def test_what_a_run_says_is_bounded() -> None:
    told = Told()
    for number in range(1000):
        told.take(
            event("runner_on_ok", "x" * 5000, task=str(number), host="h", res={"changed": True, "msg": "y" * 9999})
        )
    assert len(told.tail) == runs.TAIL_LINES
    assert len(told.tail[0]) == 2000
    assert len(told.changes) == 200
    assert len(told.changes[0]["message"]) == 2000


# -- processes --------------------------------------------------------------------------------------------------------


def wait_until(good: Any, seconds: float = 10) -> None:
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_of_a_run_is_found_and_ended_wherever_it_went(tmp_path: Path) -> None:
    mark = f"run-{os.getpid()}"
    script = "trap '' TERM; setsid sleep 60 & sleep 60 & wait"
    process = subprocess.Popen(["/bin/sh", "-c", script], env={**os.environ, processes.MARK: mark})
    try:
        wait_until(lambda: len(processes.of_run(mark)) == 3)
        processes.end(mark, process.pid, 0.2)
        assert processes.of_run(mark) == []
        assert process.wait(5) == -9
    finally:
        processes.kill(mark)


def test_a_program_that_the_launcher_began_ends_with_its_parent(tmp_path: Path) -> None:
    mark, pid_file = f"launched-{os.getpid()}", tmp_path / "pid"
    parent = (
        "import os, subprocess, sys, time\n"
        f"words = [sys.executable, '-I', '-S', {launch.__file__!r}, {str(pid_file)!r}, str(os.getpid())]\n"
        "subprocess.Popen([*words, 'sleep', '60'])\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], env={**os.environ, processes.MARK: mark})
    try:
        wait_until(lambda: pid_file.exists() and pid_file.read_text())
        pid = int(pid_file.read_text())
        wait_until(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes())
        process.kill()
        process.wait(5)
        wait_until(lambda: processes.of_run(mark) == [])
    finally:
        processes.kill(mark)


def test_what_the_dead_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    settings = parse({**LEAST, "state_dir": str(tmp_path)})
    mine = runs.Run(settings, tmp_path / "runs" / "mine", "run-mine", own())
    mine.prepare()
    theirs = runs.Run(settings, tmp_path / "runs" / "theirs", "run-theirs", {**own(), "start_time": 1})
    theirs.prepare()
    before = runs.Run(settings, tmp_path / "runs" / "before", "run-before", {**own(), "boot_id": "another"})
    before.prepare()
    (tmp_path / "runs" / "junk").mkdir()
    assert runs.sweep(settings.runs, is_gone) == ["run-before", "run-theirs"]
    assert sorted(os.listdir(settings.runs)) == ["junk", "mine"]
    mine.remove()


def test_a_run_that_is_ended_before_its_process_is_there_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    playbook = tmp_path / "long.yml"
    task = {"ansible.builtin.command": "sleep 300"}
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    settings = parse(
        {**LEAST, "state_dir": str(tmp_path), "playbook": str(playbook), "inventory": [str(tmp_path / "hosts")]}
    )
    (tmp_path / "hosts").write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    run = runs.Run(settings, tmp_path / "runs" / "early", str(uuid.uuid4()), own())
    run.prepare()
    configuration = run._configuration

    def end_meanwhile(*args: Any) -> Any:
        found = configuration(*args)
        run.end("handed back")
        return found

    monkeypatch.setattr(run, "_configuration", end_meanwhile)
    with runs.Executor(1) as pool:
        result = asyncio.run(asyncio.wait_for(run.execute(pool, {}, check=False), 60))
    assert result.rc != 0
    assert not result.told.failed_task  # it did not come to its end by itself
    assert result.ended == "handed back"
    assert processes.of_run(run.claim_id) == []
    run.remove()


def test_a_directory_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no directory")
    run = runs.Run(parse({**LEAST, "state_dir": str(tmp_path)}), tmp_path / "runs" / "x", "run-x", own())
    with pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
        run.prepare()


def test_a_clock_that_differs_is_known(tmp_path: Path) -> None:
    async def look(date: str | None) -> float:
        api = Api(parse({**LEAST, "api_url": "http://127.0.0.1:1", "api_key_file": str(tmp_path / "key")}))
        api._look_at_clock(date)
        await api.close()
        return api.clock_ahead

    (tmp_path / "key").write_text("key")
    hour = datetime.now(UTC) + timedelta(hours=1)
    assert asyncio.run(look(format_datetime(hour, usegmt=True))) == pytest.approx(3600, abs=5)
    assert asyncio.run(look("yesterday")) == 0
    assert asyncio.run(look(None)) == 0


# -- leases -----------------------------------------------------------------------------------------------------------


def test_a_lease_that_nobody_renews_is_lost_before_its_end_and_once(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("key")
    leases = Leases(
        parse({**LEAST, "api_url": "http://127.0.0.1:1/api-host", "api_key_file": str(key), "lease_margin": 15})
    )
    said: list[tuple[str, float]] = []
    asked = now()
    lease = leases.hold("claim", 1, 16.0, asked, lambda why: said.append((why, now() - asked)))
    leases.start()
    try:
        wait_until(lambda: said)
        assert "about to end" in said[0][0]
        assert 0.9 <= said[0][1] < 10
        lease.lose("again")
        assert len(said) == 1
        leases.release("claim")
        assert leases.held() == []
    finally:
        leases.stop()


def test_an_answer_that_nobody_foresaw_ends_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leases = Leases(parse({**LEAST, "state_dir": str(tmp_path), "lease_margin": 15}))
    said: list[str] = []

    def ask(_body: Any) -> Any:
        raise TypeError("nobody foresaw this")

    monkeypatch.setattr(leases, "_ask", ask)
    leases.start()
    leases.hold("first", 1, 60.0, None, print)
    wait_until(lambda: "nobody foresaw" in caplog.text)
    leases.hold("second", 1, 15.5, None, said.append)
    wait_until(lambda: said)
    assert leases.alive
    leases.stop()
    wait_until(lambda: not leases.alive)


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d", "\\u0000 in words", "naïve \U0001f600", "\x00"])
def test_whatever_a_program_printed_can_be_sent(text: str) -> None:
    body = {"entries": [{"message": text}], "health": {"message": text}, "epoch": 3, "none": None}
    sent = json.loads(_encoded(body).decode())
    assert sent == json.loads(_encoded(sent).decode())
    shown = sent["entries"][0]["message"]
    assert shown == sent["health"]["message"]
    assert "\x00" not in shown
    assert len(shown) == len(text)
    if text.isprintable():
        assert shown == text


def test_a_claim_of_a_long_poll_counts_from_its_arrival_and_is_renewed_at_once(tmp_path: Path) -> None:
    leases = Leases(parse({**LEAST, "state_dir": str(tmp_path)}))
    before = now()
    waited = leases.hold("waited", 1, 60.0, None, print)
    asked = leases.hold("asked", 1, 60.0, before - 1, print)
    assert before + 60 <= waited.until <= now() + 60
    assert waited.renew_at <= now()
    assert asked.until == before + 59
    assert asked.renew_at > now() + 10
