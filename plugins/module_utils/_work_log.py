# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Posting the lines of a run to the revisions it works on: in batches, from a thread of its own, in nobody's way."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import LogEntry, Records

LogType = Literal["build", "deploy"]
_LONGEST_LINE = 4000
_MOST_LINES = 500  # of one batch
_IDLE_SECONDS = 10.0  # then the connection is given back
_ATTEMPTS = 3


class Line(NamedTuple):
    """A line of a log for one claim."""

    claim_id: str
    type: LogType
    entry: LogEntry


class Sender:
    """Takes lines without ever waiting, and posts them from a thread. What does not fit or cannot be posted is counted.

    open_records: how to open the records of a claim (by its ID); interval: seconds that lines are collected for;
    size: most lines that wait.
    """

    def __init__(self, open_records: Callable[[str], Records], interval: float, size: int) -> None:
        self._open_records = open_records
        self._interval = interval
        self._lines: queue.Queue[Line | None] = queue.Queue(maxsize=size)
        self._sequence: dict[tuple[str, str], int] = defaultdict(int)
        self._thread: threading.Thread | None = None
        self._records: dict[str, Records] = {}
        self.lost = 0
        self.problem: str | None = None

    def add(self, claim_id: str, type_: LogType, level: str, message: str, timestamp: str) -> None:
        """Take one line. timestamp: ISO 8601, when it was said."""
        self._sequence[claim_id, type_] += 1
        entry: LogEntry = {
            "seq": self._sequence[claim_id, type_],
            "timestamp": timestamp,
            "level": level,
            "message": shortened(message),
        }
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="langgraph work log", daemon=True)
            self._thread.start()
        try:
            self._lines.put_nowait(Line(claim_id, type_, entry))
        except queue.Full:
            self.lost += 1

    def close(self, seconds: float) -> None:
        """Post what is left, for at most that long."""
        if self._thread is None:
            return
        try:
            self._lines.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.lost += self._lines.qsize()
            self.problem = self.problem or f"the records did not take them within {seconds:.0f} s"

    def _run(self) -> None:
        ended = False
        while not ended:
            try:
                first = self._lines.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                self._disconnect()
                continue
            batch = [first]
            until = time.monotonic() + self._interval
            while batch[-1] is not None and len(batch) < _MOST_LINES:
                try:
                    batch.append(self._lines.get(timeout=max(0.0, until - time.monotonic())))
                except queue.Empty:
                    break
            ended = batch[-1] is None
            self._post([line for line in batch if line is not None])
        self._disconnect()

    def _post(self, lines: list[Line]) -> None:
        groups: dict[tuple[str, LogType], list[LogEntry]] = defaultdict(list)
        for line in lines:
            groups[line.claim_id, line.type].append(line.entry)
        for (claim_id, type_), entries in groups.items():
            try:
                self._append(claim_id, type_, entries)
            except Exception as error:  # noqa: BLE001 - a log that cannot be kept must not end the run it tells of
                self.lost += len(entries)
                self.problem = str(error)

    def _append(self, claim_id: str, type_: LogType, entries: list[LogEntry]) -> None:
        """Post; tried again on a new connection. The sequence numbers keep a line that arrived before from being
        stored twice.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if claim_id not in self._records:
                    self._records[claim_id] = self._open_records(claim_id)
                self._records[claim_id].append_logs(claim_id, type_, entries)
            except RecordsError:
                self._disconnect()
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(0.2 * attempt)
            else:
                return

    def _disconnect(self) -> None:
        for records in self._records.values():
            try:
                records.close()
            except RecordsError:
                continue
        self._records.clear()


def shortened(message: str) -> str:
    """A message that is not longer than a line of a log may be, without NUL."""
    clean = message.replace("\0", "")
    return clean if len(clean) <= _LONGEST_LINE else f"{clean[: _LONGEST_LINE - 1]}…"


def claims_in(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The claims (no previews) in a result of work_claim, also of one with a loop."""
    items = [result, *(item for item in result.get("results") or () if isinstance(item, dict))]
    claims = [claim for item in items for claim in item.get("claims") or () if isinstance(claim, dict)]
    return [claim for claim in claims if claim.get("claim_id") and not claim.get("preview")]


def claim_file_of(result: Mapping[str, Any]) -> str | None:
    """The claim file among the options that a module says it was called with."""
    options = (result.get("invocation") or {}).get("module_args") or {}
    value = options.get("claim_file")
    return value if isinstance(value, str) and value else None


def said(result: Mapping[str, Any], secret: bool) -> str:
    """What a result says in words; nothing if its task keeps it secret."""
    message = result.get("msg")
    return "" if secret or not isinstance(message, str) else message.strip()
