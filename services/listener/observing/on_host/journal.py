# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of some units: one journalctl that follows them, from where one was."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
from typing import Any, NamedTuple, Sequence  # noqa: UP035 - Python 3.9

from .output import LINE_LIMIT, Bucket, cut, dropped

BACKLOG = 5000  # lines of journals that this listener has not read before: what is kept already is kept once
LONGEST_ENTRY = 1024 * 1024
LEVELS = ("CRITICAL", "CRITICAL", "CRITICAL", "ERROR", "WARNING", "INFO", "INFO", "DEBUG")


class Entry(NamedTuple):
    """One entry of the journal, or a word about entries that were dropped."""

    unit: str
    writer: str
    seq: int
    at: float
    level: str
    text: str
    position: dict[str, Any]


def _text(value: Any) -> bytes:
    """MESSAGE as journalctl prints it: text, a list of bytes, or null."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value)
    return b""


def identity(cursor: str, realtime: int) -> tuple[str, int]:
    """(log, number) of an entry: the journal's own, else its time."""
    parts = dict(part.split("=", 1) for part in cursor.split(";") if "=" in part)
    with contextlib.suppress(KeyError, ValueError):
        number = int(parts["i"], 16)
        if number < 2**53:
            return f"journal/{parts['s']}", number
    return "journal", realtime * 4


def parse(line: bytes) -> Entry | None:
    """One line of ``journalctl --output=json``; None for what is no entry of a unit."""
    try:
        found = json.loads(line)
        cursor, realtime = str(found["__CURSOR"]), int(found["__REALTIME_TIMESTAMP"])
    except (ValueError, KeyError, TypeError):
        return None
    about = found.get("_SYSTEMD_UNIT")
    if str(found.get("_PID")) == "1":  # systemd, about a unit; anybody else may write what he likes into UNIT
        about = found.get("UNIT") or about
    if not isinstance(about, str) or not about.endswith(".service"):
        return None
    writer, seq = identity(cursor, realtime)
    priority = str(found.get("PRIORITY") or "6")
    level = LEVELS[int(priority)] if priority.isdigit() and int(priority) < len(LEVELS) else "INFO"
    message = _text(found.get("MESSAGE"))
    at = realtime / 1e6
    position = {"journal": cursor, "at": round(at, 1)}
    return Entry(about[: -len(".service")], writer, seq, at, level, cut(message[:LINE_LIMIT], len(message)), position)


def command(units: Sequence[str], cursor: str) -> list[str]:
    """The journalctl that follows `units`."""
    argv = ["journalctl", "--follow", "--output=json", "--all", "--quiet", "--no-pager"]
    argv += [f"--after-cursor={cursor}", "--no-tail"] if cursor else [f"--lines={BACKLOG}"]
    argv += ["--output-fields=MESSAGE,PRIORITY,UNIT,_SYSTEMD_UNIT,_PID"]
    return argv + [f"--unit={unit}.service" for unit in units]


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Thinner:
    """Drops entries of units that write too much, and says so."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._dropped: dict[str, list[Any]] = {}  # unit -> [first, last, how many]

    def let(self, entry: Entry) -> list[Entry]:
        """What goes of an entry: itself, a word about those before it, or nothing."""
        bucket = self._buckets.setdefault(entry.unit, Bucket(entry.at))
        bucket.pass_time(entry.at, True)
        if not bucket.take(len(entry.text), after=entry.unit in self._dropped):
            gone = self._dropped.setdefault(entry.unit, [entry, entry, 0])
            gone[1], gone[2] = entry, gone[2] + 1
            return []
        return [*self._words([entry.unit]), entry]

    def flush(self) -> list[Entry]:
        """Words about what was dropped, once nothing comes any more."""
        return self._words(list(self._dropped))

    def _words(self, units: list[str]) -> list[Entry]:
        found = []
        for unit in units:
            if unit in self._dropped:
                first, last, count = self._dropped.pop(unit)
                # the place is that of the last one: what was dropped must not be read again
                found.append(first._replace(level="WARNING", text=dropped(count), position=last.position))
        return found


class Journal:
    """Follows units; they and the place may change, then another journalctl goes on."""

    def __init__(self, position: dict[str, Any] | None = None) -> None:
        self.cursor = str((position or {}).get("journal") or "")
        self._units: Sequence[str] = ()
        self._process: asyncio.subprocess.Process | None = None
        self.thinner = Thinner()

    async def follow(self, units: Sequence[str]) -> None:
        """Follow these units from now on."""
        if tuple(units) == tuple(self._units) and self._process and self._process.returncode is None:
            return
        await self.stop()
        self._units = tuple(units)
        if units:
            self._process = await asyncio.create_subprocess_exec(
                *command(units, self.cursor),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LONGEST_ENTRY,
                preexec_fn=_die_with_parent,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )

    async def stop(self) -> None:
        """End journalctl."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def entry(self) -> Entry | None:
        """The next entry; None when there was none that could be read, or journalctl has ended."""
        process = self._process
        if process is None or process.stdout is None:
            return None
        try:
            line = await process.stdout.readline()
        except ValueError:
            return None  # longer than any entry may be
        if not line:
            code = await process.wait()
            if self._process is process:
                self._process = None
                if code and self.cursor:
                    self.cursor = ""  # a place that this journal does not know
            return None
        found = parse(line)
        if found is not None:
            self.cursor = found.position["journal"]
        return found

    @property
    def running(self) -> bool:
        """Whether a journalctl follows."""
        return self._process is not None
