# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook for one claim: ansible-runner in a thread, in a private directory that is gone afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_runner.config.runner import RunnerConfig
from ansible_runner.runner import Runner

from ansible_collections.selfhosted.langgraph.services.listener import launch, processes
from ansible_collections.selfhosted.langgraph.services.listener.environment import ansible_environment
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings

TAIL_LINES = 60  # of what Ansible printed, for a run that died
_LONGEST_LINE = 2000
_MOST_CHANGES = 200
TERMINATE_SECONDS = 10.0  # between SIGTERM and SIGKILL
#: Codes of failures that say nothing of the revision.
PASSING = ("records_unavailable", "unauthenticated", "stale_claim")
PID_FILE, OWNER_FILE, WORK_DIR = "pid", "owner.json", "work"


@dataclass
class Told:
    """What the events of a run said. ``step``: the task it is at. ``changes``: tasks that changed (or would)."""

    step: str = ""
    failed_task: str = ""
    message: str = ""
    code: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    def take(self, event: Mapping[str, Any]) -> None:
        """One event of ansible-runner."""
        for line in str(event.get("stdout") or "").splitlines():
            if line.strip():
                self.tail.append(line[:_LONGEST_LINE])
        data = event.get("event_data") or {}
        kind = event.get("event")
        if kind == "playbook_on_task_start":
            self.step = str(data.get("task") or "")
        elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            self._fail(data)
        elif kind == "runner_on_ok":
            self._change(data)

    def _fail(self, data: Mapping[str, Any]) -> None:
        result = data.get("res") or {}
        code = str(result.get("code") or "")
        if self.code in PASSING and not code:
            return  # the playbook's own summary of it
        self.failed_task = str(data.get("task") or "")
        self.message = str(result.get("msg") or f"The task {self.failed_task} failed.")
        self.code = code

    def _change(self, data: Mapping[str, Any]) -> None:
        result = data.get("res") or {}
        if not result.get("changed") or len(self.changes) >= _MOST_CHANGES:
            return
        message = result.get("msg") if isinstance(result.get("msg"), str) else ""
        actions = result.get("actions")
        if not message and isinstance(actions, list):
            message = "; ".join(str(action) for action in actions)
        self.changes.append(
            {
                "task": str(data.get("task") or ""),
                "host": str(data.get("host") or ""),
                "message": str(message)[:_LONGEST_LINE],
                "diff": _short_diff(result.get("diff")),
            }
        )


def _short_diff(diff: Any) -> str:
    """A diff as a few lines of text."""
    items = diff if isinstance(diff, list) else [diff]
    lines: list[str] = []
    for item in items:
        if isinstance(item, dict):
            for mark, name in (("-", "before"), ("+", "after")):
                text = item.get(name)
                text = text if isinstance(text, str) else json.dumps(text, indent=1, sort_keys=True) if text else ""
                lines += [f"{mark} {line}" for line in text.splitlines()[:20]]
    return "\n".join(lines)[:_LONGEST_LINE]


@dataclass(frozen=True)
class Result:
    """How a run ended. ``rc``: of ansible-playbook, None after a signal. ``ended``: why we ended it, "" if not."""

    rc: int | None
    seconds: float
    ended: str
    told: Told


class Run:
    """One run. ``claim_id`` marks its processes; ``directory`` is its own (0700)."""

    def __init__(self, settings: Settings, directory: Path, claim_id: str, owner: Mapping[str, Any]) -> None:
        self.settings = settings
        self.directory = directory
        self.claim_id = claim_id
        self.owner = dict(owner)
        self.told = Told()
        self.ended = ""
        self._early = False

    @property
    def work_dir(self) -> Path:
        """Where the claim's file is."""
        return self.directory / WORK_DIR

    def prepare(self) -> None:
        """Make the directory; OSError when the disk is full."""
        self.directory.mkdir(mode=0o700, parents=True)
        self.work_dir.mkdir(mode=0o700)
        for name in ("project", "ansible"):
            (self.directory / name).mkdir(mode=0o700)
        (self.directory / OWNER_FILE).write_text(json.dumps({**self.owner, "run": self.claim_id}), encoding="utf-8")

    def remove(self) -> None:
        """Leave nothing of it: neither a process nor a file."""
        processes.kill(self.claim_id)
        shutil.rmtree(self.directory, ignore_errors=True)

    async def execute(self, pool: ThreadPoolExecutor, variables: Mapping[str, str], *, check: bool) -> Result:
        """Run it to its end. variables: ids and names of the inventory only, as they are templates to Ansible."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        rc = await loop.run_in_executor(pool, self._run, dict(variables), check)
        return Result(rc, time.monotonic() - began, self.ended, self.told)

    def end(self, why: str, patience: float = TERMINATE_SECONDS) -> None:
        """End it, from any thread; blocks until nothing of it is left. The first reason counts."""
        self.ended = self.ended or why
        self._early = not processes.of_run(self.claim_id)
        processes.end(self.claim_id, self._pid(), patience)

    def _pid(self) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.directory / PID_FILE).read_text())
        return None

    def _run(self, variables: dict[str, str], check: bool) -> int | None:
        """In a thread: the exit status of ansible-playbook; None when a signal ended it."""
        if self.ended:
            return None
        runner = Runner(
            self._configuration(variables, check),
            event_handler=self._event,
            cancel_callback=self._look,
            remove_partials=True,
        )
        runner.run()
        rc: int | None = runner.rc
        return rc

    def _event(self, event: dict[str, Any]) -> bool:
        self.told.take(event)
        return False  # nobody reads it from a file

    def _look(self) -> bool:
        """At least once a second. What was ended when there was no process of it yet is ended now."""
        if self._early:
            processes.kill(self.claim_id)
        return False  # the runner itself ends nothing: it knows one process of the run only

    def _configuration(self, variables: dict[str, str], check: bool) -> RunnerConfig:
        config = RunnerConfig(
            private_data_dir=str(self.directory),
            playbook=self.settings.playbook,
            inventory=list(self.settings.inventory),
            extravars=variables,
            cmdline="--check --diff" if check else "",
            envvars={},
            settings={"pexpect_timeout": 1},
            suppress_output_file=True,
            ident="run",
        )
        config.prepare()
        config.suppress_ansible_output = True  # the daemon's own lines are its output
        environment = ansible_environment(self.settings, self.directory / "ansible")
        # ansible-runner's own variables (its callback) besides those of the run; nothing else of the daemon's.
        own = {
            name: value
            for name, value in config.env.items()
            if name.startswith(("ANSIBLE_CALLBACK", "ANSIBLE_STDOUT", "AWX_"))
        }
        config.env = {
            **environment,
            **own,
            "ANSIBLE_CALLBACKS_ENABLED": environment["ANSIBLE_CALLBACKS_ENABLED"],
            "LANGGRAPH_WORK_DIR": str(self.work_dir),
            processes.MARK: self.claim_id,
        }
        launcher = [sys.executable, "-I", "-S", launch.__file__, str(self.directory / PID_FILE), str(os.getpid())]
        config.command = [*launcher, sys.executable, "-m", "ansible", "playbook", *config.command[1:]]
        return config


class Executor(ThreadPoolExecutor):
    """Threads for runs: the kernel binds the life of a child to the thread that made it, and these stay."""


def sweep(runs: Path, is_dead: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    """End and remove what processes that are dead left behind; the ids of those runs."""
    found = []
    with suppress(FileNotFoundError):
        for directory in sorted(runs.iterdir()):
            try:
                owner = json.loads((directory / OWNER_FILE).read_text(encoding="utf-8"))
                run, dead = str(owner["run"]), is_dead(owner)
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if dead:
                processes.kill(run)
                shutil.rmtree(directory, ignore_errors=True)
                found.append(run)
    return found
