# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sender of a run's log in a process of its own.

Ansible forks a process for each task. Would a thread of its own speak with the records, a fork could come while that
thread holds a lock (of an import, of TLS), and a task that needs it would wait for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, TextIO

from ansible_collections.selfhosted.langgraph.plugins.module_utils._forked import FIRST, be_alone
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_log import LogType, Sender

_LAST_SECONDS = 5.0  # for what is left when the run ended without a word
_GRACE_SECONDS = 2.0


class SenderProcess:
    """Takes lines, and gives them to a ``Sender`` in another process. What is not posted is counted.

    interval: seconds that lines are collected for; size: most lines that wait. OSError if there can be no process.
    """

    def __init__(self, interval: float, size: int) -> None:
        read, write = os.pipe()
        self._answer, answer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _become_sender(read, answer, interval, size)
        os.close(read)
        os.close(answer)
        self._lines: TextIO | None = os.fdopen(write, "w", buffering=1, encoding="utf-8")
        self._taken = 0
        self.lost = 0
        self.problem: str | None = None

    def know(self, claim_id: str, connection: Mapping[str, Any]) -> None:
        """How to open the records of a claim."""
        self._say("claim", claim_id, dict(connection))

    def add(self, claim_id: str, type_: LogType, level: str, message: str) -> None:
        """Take one line."""
        self._taken += 1
        self._say("line", claim_id, type_, level, message, datetime.now(UTC).isoformat())

    def close(self, seconds: float) -> None:
        """Have posted what is left, for at most that long."""
        self._say("end", seconds)
        if self._lines is not None:
            with contextlib.suppress(OSError):  # nobody reads: that there is no answer says so
                self._lines.close()
        said = b""
        if select.select([self._answer], [], [], seconds + _GRACE_SECONDS)[0]:
            said = os.read(self._answer, 65536)
        os.close(self._answer)
        if said:
            self.lost, self.problem = json.loads(said)
        else:
            self.lost, self.problem = self._taken, "the process that posts them was ended"
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _say(self, *words: Any) -> None:
        try:
            if self._lines is not None:
                self._lines.write(json.dumps(words) + "\n")
        except OSError:
            self._lines = None  # nobody reads: `close` finds that out


def _become_sender(read: int, answer: int, interval: float, size: int) -> NoReturn:
    """In the forked child: read what is to be posted until there is no more, then say what was not."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the end of the pipe says when the run is over
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        be_alone(b"langgraph-log", read, answer)
        with os.fdopen(FIRST, encoding="utf-8") as lines:
            sender = serve(lines, interval, size)
        os.write(FIRST + 1, json.dumps([sender.lost, sender.problem]).encode())
    finally:
        os._exit(0)


def serve(lines: TextIO, interval: float, size: int) -> Sender:
    """Do what each line says, to the last one; nothing here waits for the records."""
    connections: dict[str, dict[str, Any]] = {}

    def open_(claim_id: str) -> Records:
        return open_records(connections[claim_id])

    sender = Sender(open_, interval, size)
    seconds = _LAST_SECONDS
    for line in lines:
        kind, *words = json.loads(line)
        if kind == "claim":
            connections[words[0]] = words[1]
        elif kind == "line":
            sender.add(*words)
        else:
            seconds = words[0]
    sender.close(seconds)
    return sender
