# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the processes that serve, once an interval, as rates since the time before."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from .deployments import Serving
from .probes import Answer, Counters, grown, parse
from .units import Unit


class _Before(NamedTuple):
    """What was known last, and since when: a look that got no answer leaves it as it was."""

    counters: Counters | None = None
    counted_at: float = 0.0
    cpu: float | None = None
    cpu_at: float = 0.0
    restarts: int | None = None
    started: int = 0


class Figures:
    """Remembers the counters of each process. The first look at one gives what needs no time before."""

    def __init__(self) -> None:
        self._before: dict[str, _Before] = {}

    def of(self, serving: Serving, unit: Unit | None, started: int, answer: Answer | None) -> dict[str, float]:
        """Figures by name. unit: None when the platform did not say; started: when its process began, in whatever
        unit; answer: of /metrics.
        """
        now = time.monotonic()
        before = self._before.get(serving.unit, _Before())
        anew = bool(started and before.started and started != before.started)
        found: dict[str, float] = {}
        if unit is not None:
            before = self._used(unit, started, before, anew, now, found)
        counters = parse(answer.text) if answer is not None and answer.status == 200 else None
        if anew and before.counters is not None:
            before = before._replace(counters=Counters())  # a new process counts from nothing
        if counters is not None:
            _counted(serving.name.startswith("api-"), counters, before, now, found)
            before = before._replace(counters=counters, counted_at=now)
        self._before[serving.unit] = before
        return found

    @staticmethod
    def _used(unit: Unit, started: int, before: _Before, anew: bool, now: float, found: dict[str, float]) -> _Before:
        """What the platform says: memory, restarts, and processor time since the last look."""
        if unit.memory is not None:
            found["memory_bytes"] = unit.memory
        if before.restarts is not None:
            found["restarts"] = float(max(unit.restarts - before.restarts, 1 if anew else 0))
        if unit.cpu is not None and before.cpu is not None:
            found["cpu"] = grown(unit.cpu, None if anew else before.cpu) / max(now - before.cpu_at, 0.001)
        if unit.cpu is not None:
            before = before._replace(cpu=unit.cpu, cpu_at=now)
        return before._replace(restarts=unit.restarts, started=started or before.started)

    def keep(self, units: list[str]) -> None:
        """Forget processes that do not serve any more."""
        self._before = {unit: before for unit, before in self._before.items() if unit in units}


def _counted(is_api: bool, counters: Counters, before: _Before, now: float, found: dict[str, float]) -> None:
    """What the process itself says."""
    if is_api and counters.pending is not None:
        found["queue_depth"] = counters.pending
    if not is_api and counters.active is not None:
        found["running_jobs"] = counters.active
    old = before.counters
    if not is_api or old is None:
        return
    seconds = max(now - before.counted_at, 0.001)
    found["requests"] = grown(counters.requests, old.requests) / seconds
    found["errors"] = grown(counters.errors, old.errors) / seconds
    answered = grown(counters.answered, old.answered)
    if answered > 0:
        found["latency_ms"] = grown(counters.latency, old.latency) / answered


def rounded(found: dict[str, float]) -> dict[str, Any]:
    """Figures as they are sent."""
    return {name: round(value, 3) for name, value in found.items()}
