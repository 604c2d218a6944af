# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real listener for tests: ``python -m ...services.listener run`` as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener import processes
from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess


class ListenerDaemon(ServiceProcess):
    """A listener. settings: what its file says; ``state_dir`` and the rest are in ``home``, unless given. ``env``:
    further environment.
    """

    service = "listener"

    def __init__(
        self, api_url: str, key: str, inventory: Path | str, env: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        super().__init__()
        self.key_file = self.home / "key"
        self.key_file.write_text(key)
        self.port = free_port()
        self.env = dict(env or {})
        self.settings: dict[str, Any] = {
            "api_url": api_url,
            "api_key_file": str(self.key_file),
            "inventory": str(inventory),
            "state_dir": str(self.home / "state"),
            "port": self.port,
            "drift_interval": 0,
            **settings,
        }

    # -- life --------------------------------------------------------------------------------------------------------

    @property
    def config(self) -> Path:
        """The file of its settings."""
        return self.home / "listener.json"

    def write(self, **settings: Any) -> None:
        """Write the settings, some of them changed."""
        self.settings.update(settings)
        self.config.write_text(json.dumps(self.settings))

    def command(self, word: str) -> subprocess.CompletedProcess[str]:
        """A command of the program to its end."""
        self.write()
        argv = self.program(word, "--config", str(self.config))
        return subprocess.run(argv, env=self._environment(), capture_output=True, text=True, check=False, timeout=120)

    def start(self, wait: bool = True, seconds: float = 60) -> ListenerDaemon:
        """Start it, and wait until the control plane has answered it (wait=False: do not)."""
        self.write()
        said = self.launch(["run", "--config", str(self.config)], self._environment())
        if wait:
            self.until(lambda: '"the control plane answers"' in self.log[said:], seconds)
        return self

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}

    def remove(self) -> None:
        """End it and its runs, whatever they do, and leave nothing behind."""
        self.kill()
        for run in self.runs():
            processes.kill(run)
        super().remove()

    # -- looking -----------------------------------------------------------------------------------------------------

    def runs(self) -> list[str]:
        """Claim ids of the runs whose directories are there."""
        found = []
        for owner in (Path(self.settings["state_dir"]) / "runs").glob("*/owner.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                found.append(json.loads(owner.read_text())["run"])
        return found

    def left(self) -> dict[int, str]:
        """Processes of the runs that this listener began, of all its lives: pid -> claim id."""
        began = {line["claim_id"] for line in self.lines("work begins")}
        return {pid: run for pid, run in processes.marked().items() if run in began}

    def ask(self, path: str = "/ok") -> tuple[int, str]:
        """Status and body of its endpoint."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def is_up(self) -> bool:
        """Whether its endpoint answers: it has begun, and knows what to do with a signal."""
        try:
            self.ask()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def health(self) -> dict[str, Any]:
        """What ``/ok`` says."""
        answer: dict[str, Any] = json.loads(self.ask()[1])
        return answer


@contextlib.contextmanager
def running_listener(*args: Any, **options: Any) -> Iterator[ListenerDaemon]:
    """A listener for a ``with`` block."""
    daemon = ListenerDaemon(*args, **options)
    try:
        yield daemon.start()
    finally:
        daemon.remove()
