# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real listener for tests: ``python -m ...services.listener run`` as a process of its own."""

from __future__ import annotations

import contextlib
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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener import processes
from tests.support.postgres import free_port

MODULE = "ansible_collections.selfhosted.langgraph.services.listener"


class ListenerDaemon:
    """One process of the listener (or several after each other, by ``start`` and ``stop`` or ``kill``).

    config: its settings; ``state_dir`` and the rest of its files are in a short directory of its own, unless given.
    ``env``: further environment. log: all that the process said.
    """

    def __init__(
        self, api_url: str, key: str, inventory: Path | str, env: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lgl-", dir="/tmp"))
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
        self.process: subprocess.Popen[bytes] | None = None

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
        argv = [sys.executable, "-m", MODULE, word, "--config", str(self.config)]
        return subprocess.run(argv, env=self._environment(), capture_output=True, text=True, check=False, timeout=120)

    def start(self, wait: bool = True, seconds: float = 60) -> ListenerDaemon:
        """Start it, and wait until the control plane has answered it (wait=False: do not)."""
        self.write()
        said = len(self.log)
        log = open(self.home / "log", "ab")  # noqa: SIM115 - belongs to the process
        argv = [sys.executable, "-m", MODULE, "run", "--config", str(self.config)]
        self.process = subprocess.Popen(argv, env=self._environment(), stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.until(lambda: '"the control plane answers"' in self.log[said:], seconds)
        return self

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}

    def until(self, good: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until something is as it should be; fails when the process ends or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = good()
            if found:
                return found
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the listener ended with {self.process.returncode}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        """A signal to the process."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, and wait for the end; its exit code."""
        if self.process is None:
            return 0
        self.send(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the listener did not end within {seconds} s:\n{self.log[-4000:]}") from None
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL: it cannot clear up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        """End it, whatever it does, and leave nothing behind."""
        self.kill()
        for run in self.runs():
            processes.kill(run)
        shutil.rmtree(self.home, ignore_errors=True)

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def log(self) -> str:
        """All that the processes said."""
        path = self.home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def lines(self, message: str = "") -> list[dict[str, Any]]:
        """The lines of the log, or those with this message."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if not message or line["message"] == message]

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
