# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run playbooks as a user does, as a process, and read what they did."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
BANNER = re.compile(r"^TASK \[(.*?)\] \*+$")


@dataclass(frozen=True)
class Run:
    """What a playbook run did. ``results``: (task name, host, result) in order; ``output``: what it printed."""

    rc: int
    output: str
    results: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    stats: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Tasks that changed something, over all hosts."""
        return sum(host["changed"] for host in self.stats.values())

    @property
    def changed_tasks(self) -> list[str]:
        """Names of the tasks that changed something."""
        return [task for task, _host, result in self.results if result.get("changed")]

    def result(self, task: str) -> dict[str, Any]:
        """The last result of the task whose name ends with ``task`` and that was not skipped."""
        found = [result for name, _host, result in self.results if name.endswith(task) and not result.get("skipped")]
        assert found, f"no task '{task}' ran; there were {[name for name, _h, _r in self.results]}"
        return found[-1]

    def ok(self) -> Run:
        """This run, which succeeded."""
        assert self.rc == 0, self.output[-6000:]
        return self

    def failed(self) -> str:
        """The messages of a run that failed, joined."""
        assert self.rc != 0, "the run should have failed\n" + self.output[-3000:]
        return "\n".join(str(result.get("msg", "")) for _t, _h, result in self.results if result.get("failed"))


@dataclass(frozen=True)
class Controller:
    """A control node: where playbooks start. ``variables`` are what a user would keep in group_vars."""

    home: Path
    inventory: Path
    variables: Mapping[str, Any]
    env: Mapping[str, str] = field(default_factory=dict)

    def _command(self, playbook: str, arguments: Sequence[str], variables: Mapping[str, Any]) -> list[str]:
        merged = {**self.variables, **variables}
        return [
            str(BIN / "ansible-playbook"),
            "-i",
            str(self.inventory),
            playbook,
            "-e",
            json.dumps(merged),
            *arguments,
        ]

    def _environment(self, callback: str) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_STDOUT_CALLBACK": callback,
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_INTERPRETER_PYTHON": "auto_silent",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            **self.env,
        }

    def playbook(
        self,
        playbook: str,
        *arguments: str,
        timeout: float = 600,
        env: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> Run:
        """Run a playbook (a path, or a name of the collection's) to its end."""
        name = (
            playbook if "/" in playbook or playbook.endswith((".yml", ".json")) else f"selfhosted.langgraph.{playbook}"
        )
        done = subprocess.run(
            self._command(name, arguments, variables),
            env={**self._environment("ansible.posix.json"), **(env or {})},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return _read(done.returncode, done.stdout, done.stderr)

    def tasks(
        self, tasks: Sequence[Mapping[str, Any]], *arguments: str, hosts: str = "localhost", **variables: Any
    ) -> Run:
        """Run tasks written down in a play; values are files' content, templates work as in any playbook."""
        play = [{"hosts": hosts, "gather_facts": False, "tasks": list(tasks)}]
        path = self.home / f"play-{abs(hash(json.dumps(play, default=str)))}.json"
        path.write_text(json.dumps(play))
        return self.playbook(str(path), *arguments, **variables)

    def start(self, playbook: str, *arguments: str, **variables: Any) -> Running:
        """Start a playbook and follow its tasks while it runs."""
        return Running(
            self._command(f"selfhosted.langgraph.{playbook}", arguments, variables),
            self._environment("default"),
            self.home,
        )


class Running:
    """A playbook that runs; ``banners`` are the tasks it has begun."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: Path) -> None:
        self.banners: list[str] = []
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            env={**env, "PYTHONUNBUFFERED": "1"},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                if match := BANNER.match(line.strip()):
                    self.banners.append(match.group(1))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def reach(self, count: int, timeout: float = 120) -> bool:
        """Wait until ``count`` tasks have begun; False when the run ended before."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self.banners) >= count or not self._reader.is_alive() or self.process.poll() is not None,
                timeout,
            )
            return len(self.banners) >= count

    def reach_task(self, name: str, timeout: float = 120) -> bool:
        """Wait until a task whose name ends so has begun; False when the run ended before."""
        with self._changed:
            self._changed.wait_for(
                lambda: any(banner.endswith(name) for banner in self.banners) or self.process.poll() is not None,
                timeout,
            )
            return any(banner.endswith(name) for banner in self.banners)

    def kill(self) -> None:
        """SIGKILL to ansible-playbook and all of its process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def wait(self, timeout: float = 600) -> int:
        """Exit status, once it has ended."""
        rc = self.process.wait(timeout)
        self._reader.join(10)
        return rc


def _read(rc: int, out: str, err: str) -> Run:
    start = out.find("{")
    try:
        data = json.loads(out[start:]) if start >= 0 else {}
    except ValueError:
        data = {}
    results = tuple(
        (task["task"]["name"], host, result)
        for play in data.get("plays", [])
        for task in play["tasks"]
        for host, result in task["hosts"].items()
    )
    return Run(rc=rc, output=out + err, results=results, stats=data.get("stats", {}))
