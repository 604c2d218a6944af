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
    at: float
    counters: Counters | None
    cpu: float | None
    started: int
    restarts: int


class Figures:
    """Remembers the counters of each process. The first look at one gives what needs no time before."""

    def __init__(self) -> None:
        self._before: dict[str, _Before] = {}

    def of(self, serving: Serving, unit: Unit, started: int, answer: Answer | None) -> dict[str, float]:
        """Figures by name. started: when its process began, in whatever unit; answer: of /metrics."""
        now = time.monotonic()
        before = self._before.get(serving.unit)
        counters = parse(answer.text) if answer is not None and answer.status == 200 else None
        self._before[serving.unit] = _Before(
            now,
            counters if counters is not None or before is None else before.counters,
            unit.cpu,
            started or (before.started if before else 0),
            unit.restarts,
        )
        found: dict[str, float] = {}
        if unit.memory is not None:
            found["memory_bytes"] = unit.memory
        is_api = serving.name.startswith("api-")
        if counters is not None:
            if is_api and counters.pending is not None:
                found["queue_depth"] = counters.pending
            if not is_api and counters.active is not None:
                found["running_jobs"] = counters.active
        if before is None:
            return found
        seconds = max(now - before.at, 0.001)
        anew = bool(started and before.started and started != before.started)
        found["restarts"] = float(max(unit.restarts - before.restarts, 1 if anew else 0))
        if unit.cpu is not None:
            found["cpu"] = grown(unit.cpu, None if anew else before.cpu) / seconds
        if is_api and counters is not None and before.counters is not None:
            old = Counters() if anew else before.counters
            found["requests"] = grown(counters.requests, old.requests) / seconds
            found["errors"] = grown(counters.errors, old.errors) / seconds
            answered = grown(counters.answered, old.answered)
            if answered > 0:
                found["latency_ms"] = grown(counters.latency, old.latency) / answered
        return found

    def keep(self, units: list[str]) -> None:
        """Forget processes that do not serve any more."""
        self._before = {unit: before for unit, before in self._before.items() if unit in units}


def rounded(found: dict[str, float]) -> dict[str, Any]:
    """Figures as they are sent."""
    return {name: round(value, 3) for name, value in found.items()}
