# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the observer says and hears: lines of JSON, and how many lines of logs may be on their way.

Runs on server hosts under Python 3.9 or later, with the standard library alone; so do all files beside it.
"""

from __future__ import annotations

import collections
import json
import os
import time
from typing import Any

WINDOW_LINES = 2000
WINDOW_BYTES = 1024 * 1024
LINE_LIMIT = 16 * 1000  # bytes of a line; with its process' name it fits into the records
RATE = 200.0  # lines a second of one unit in the long run
BURST = 2000.0
SHORT = 1000  # bytes (characters) of a line that counts as one
LONGEST = 24 * 3600.0


class Output:
    """Standard output. Lines of logs that nobody has taken over yet are counted; health and figures always go."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._open: collections.deque[int] = collections.deque()
        self._bytes = 0
        self._taken = 0

    def say(self, message: dict[str, Any]) -> int:
        """Write one message; its length. Waits while the other side does not read."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        return len(data)

    def log(self, message: dict[str, Any]) -> None:
        """Write one line of a log."""
        size = self.say({"t": "log", **message})
        self._open.append(size)
        self._bytes += size

    def taken(self, total: int) -> None:
        """The other side has done with `total` lines since the beginning."""
        while self._open and self._taken < total:
            self._bytes -= self._open.popleft()
            self._taken += 1

    @property
    def room(self) -> int:
        """How many more lines of logs may be written now."""
        return WINDOW_LINES - len(self._open) if self._bytes < WINDOW_BYTES else 0


class Bucket:
    """How many lines a unit may still send: RATE a second by the clock of its log, and BURST at once."""

    def __init__(self, now: float, since: float = 0.0) -> None:
        """since: when the log was read the last time; what it may have said since then is not too much."""
        self._at = now
        self._tokens = BURST + (RATE * min(max(now - since, 0.0), LONGEST) if since else 0.0)

    def pass_time(self, now: float, idle: bool) -> None:
        """Let time pass. idle: the log was read to its end, so that nothing older may claim this time."""
        self._tokens += RATE * min(max(now - self._at, 0.0), LONGEST)
        self._at = max(now, self._at)
        if idle:
            self._tokens = min(self._tokens, BURST)

    def grant(self, lines: int, size: int) -> None:
        """Let so many more lines go, of that many bytes together."""
        self._tokens += lines + size / SHORT

    def take(self, size: int = 0, after: bool = False) -> bool:
        """Whether one more line may go. after: lines were dropped; then a second's worth has to be there again."""
        if self._tokens < (RATE if after else 1):
            return False
        self._tokens -= max(1.0, size / SHORT)
        return True


def cut(line: bytes, length: int) -> str:
    """A line as text, of which only LINE_LIMIT bytes go; length: of the whole of it."""
    text = line[:LINE_LIMIT].decode("utf-8", "replace")
    return text if length <= LINE_LIMIT else f"{text} [{length - LINE_LIMIT} more bytes]"


def dropped(count: int) -> str:
    """The sentence instead of lines."""
    return f"{count} {'line was' if count == 1 else 'lines were'} dropped: this process writes more than can be kept."


Now = tuple[float, float]


def clocks() -> Now:
    """Monotonic and wall clock."""
    return time.monotonic(), time.time()
