# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook killed with SIGKILL at any step: run again at once, and it converges; one whole revision serves."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator

import httpx
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.e2e.stack import GRAPHS, Stack
from tests.e2e.test_bad_input import look

ECHO = GRAPHS / "echo"
SMALL = GRAPHS / "small"


def mark(url: str) -> str:
    """Which revision answers: its variable MARK (flavour small)."""
    found: str = httpx.get(f"{url}/env", timeout=10).raise_for_status().json()["MARK"]
    return found


class Witness(threading.Thread):
    """Asks again and again which revision serves; an answer that is neither the old nor the new one is kept."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.marks: list[str] = []
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            with contextlib.suppress(httpx.HTTPError):  # without a proxy clients wait a moment at the switch
                self.marks.append(mark(self.url))
            self._end.wait(0.05)

    def stop(self) -> list[str]:
        self._end.set()
        self.join(60)
        return self.marks


@pytest.fixture(scope="module")
def steps(supervisor: Stack) -> list[str]:
    """The tasks of one apply of a new revision that do something: each is a module of the collection."""
    supervisor.serve("killed", SMALL, env={"MARK": "0"}, flavour="small")
    supervisor.create("killed", SMALL, env={"MARK": "1"})
    whole = supervisor.apply("killed").ok()
    found = [
        task
        for task, _host, result in whole.results
        if str(result.get("action")).startswith("selfhosted.langgraph.") and not result.get("skipped")
    ]
    assert len(found) >= 8, found
    return found


@pytest.mark.timeout(600)
def test_killed_at_each_step(supervisor: Stack, steps: list[str]) -> None:
    url = supervisor.url("killed")
    for number, step in enumerate(steps, start=2):
        old, new = str(number - 1), str(number)
        with records(supervisor) as found:  # as the module would do it, which takes longer
            found.apply_deployment({"name": "killed", "env": {"MARK": new}})
        witness = Witness(url)
        witness.start()
        kill_at(supervisor, "killed", step, 0.1 * (number % 6))
        supervisor.apply("killed").ok()
        marks = witness.stop()
        assert marks, f"the witness got no answer at all: {step}"
        assert set(marks) <= {old, new}, (step, marks)
        assert mark(url) == new, step
        with records(supervisor) as found:
            revision = found.revision("killed")
        assert revision is not None
        assert revision["number"] == number + 1
        assert revision["status"] == "DEPLOYED", step
    again = supervisor.apply("killed").ok()
    assert again.changed == 0, again.changed_tasks
    supervisor.forget("killed")


@pytest.mark.timeout(600)
def test_killed_while_database_and_redis_are_made(supervisor: Stack) -> None:
    """These two steps are not for flavour small."""
    supervisor.create("killed-both", ECHO, env={"MARK": "1"})
    for step in ("Role and database of the deployment", "Redis of the deployment"):
        kill_at(supervisor, "killed-both", step, 0.3)
    supervisor.apply("killed-both").ok()
    assert look(supervisor.url("killed-both"), "MARK") == {"MARK": "1"}
    again = supervisor.apply("killed-both").ok()
    assert again.changed == 0, again.changed_tasks
    supervisor.forget("killed-both")


@contextlib.contextmanager
def records(stack: Stack) -> Iterator[Records]:
    """The records of the installation."""
    found = open_records(stack.records_options)
    try:
        yield found
    finally:
        found.close()


def kill_at(stack: Stack, name: str, step: str, seconds: float) -> None:
    """Start an apply and kill it, so many seconds after a task of this name has begun."""
    running = stack.start_apply(name)
    assert running.reach_task(step), "".join(running.lines)
    # The banner stands before the task begins; some tenths of a second later it is at work.
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.process.wait(seconds)
    running.kill()


def test_a_stale_claim_is_refused(supervisor: Stack) -> None:
    supervisor.serve("stale", SMALL, env={"MARK": "1"}, flavour="small")
    slug = supervisor.record("stale")["slug"]
    root = supervisor.controller.variables["langgraph_root"]
    epoch = int(supervisor.host(f"cat {root}/{slug}/epoch"))
    supervisor.host(f"echo {epoch + 1000} > {root}/{slug}/epoch")
    supervisor.create("stale", SMALL, env={"MARK": "2"})
    message = supervisor.apply("stale").failed()
    assert str(epoch + 1000) in message
    assert mark(supervisor.url("stale")) == "1"
    supervisor.host(f"echo {epoch} > {root}/{slug}/epoch")
    supervisor.module("revision", deployment="stale", number=1, state="active")
    supervisor.apply("stale").ok()
    supervisor.forget("stale")
