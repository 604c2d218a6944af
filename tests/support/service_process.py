# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of the collection as a process of a test's own: its log, its signals, its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

SERVICES = "ansible_collections.selfhosted.langgraph.services"


class ServiceProcess:
    """One process of a service (or several after each other, by ``start`` and ``stop`` or ``kill``).

    service: its package below services. home: a short directory of its own, with its log.
    """

    service = ""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lg-", dir="/tmp"))
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def program(cls, *words: str) -> list[str]:
        """The command line of the service's program."""
        return [sys.executable, "-m", f"{SERVICES}.{cls.service}", *words]

    # -- life --------------------------------------------------------------------------------------------------------

    def launch(self, words: Sequence[str], env: Mapping[str, str], fds: Sequence[int] = ()) -> int:
        """Start the process; how long the log was before."""
        said = len(self.log)
        log = open(self.log_file, "ab")  # noqa: SIM115 - belongs to the process
        self.process = subprocess.Popen(
            self.program(*words), env=dict(env), stdout=log, stderr=log, pass_fds=fds, start_new_session=True
        )
        return said

    def until(self, good: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until something is as it should be; AssertionError when the process ends or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = good()
            if found:
                return found
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the {self.service} ended with {self.process.returncode}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.service}: not within {seconds} s:\n{self.log[-4000:]}")
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
            raise AssertionError(f"the {self.service} did not end within {seconds} s:\n{self.log[-4000:]}") from None
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
        shutil.rmtree(self.home, ignore_errors=True)

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def log_file(self) -> Path:
        """Where the process writes its log."""
        return self.home / "log"

    @property
    def log(self) -> str:
        """All that the processes said."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def lines(self, message: str = "") -> list[dict[str, Any]]:
        """The lines of the log, or those with this message; what is not ours (a warning of Python) is left out."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if not message or line["message"] == message]

    def resident_memory(self) -> int:
        """Bytes that the process has in memory."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
