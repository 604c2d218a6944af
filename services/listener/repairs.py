# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a deployment that is not well, or not as its record says, may be repaired: after growing pauses, and only so
often within an hour.
"""

from __future__ import annotations

from collections.abc import Set

PAUSES = (0.0, 30.0, 120.0, 600.0)
HOUR = 3600.0
WELL_SECONDS = 600.0  # so long well, and the pauses begin anew


class Pace:
    """Of one deployment. Times are seconds of a monotonic clock."""

    def __init__(self, per_hour: int) -> None:
        self.per_hour = per_hour
        self.begun: list[float] = []
        self.running = False
        self._ready = 0.0
        self._step = 0
        self._well_since: float | None = None

    def _recent(self, now: float) -> list[float]:
        self.begun = [at for at in self.begun if now - at < HOUR]
        return self.begun

    def look(self, ok: bool, now: float) -> None:
        """How the deployment is now."""
        if not ok:
            self._well_since = None
        elif self._well_since is None:
            self._well_since = now
        elif now - self._well_since >= WELL_SECONDS:
            self._step = 0
            self._ready = 0.0

    def may(self, now: float) -> bool:
        """Whether a repair may begin now."""
        return not self.why_not(now)

    def begin(self, now: float) -> None:
        """A repair begins."""
        self.running = True
        self.begun.append(now)

    def end(self, now: float) -> None:
        """It has ended, well or not."""
        self.running = False
        self._step = min(self._step + 1, len(PAUSES) - 1)
        self._ready = now + PAUSES[self._step]

    def given_up(self, now: float) -> float:
        """Seconds until the next repair may begin because there were too many; 0.0 if there were not."""
        recent = self._recent(now)
        if self.running or self.per_hour <= 0 or len(recent) < self.per_hour:
            return 0.0
        return max(recent[0] + HOUR - now, 1.0)

    def wait(self, now: float) -> float:
        """Seconds until the next repair may begin, as far as that is known."""
        return self.given_up(now) or max(self._ready - now, 0.0)

    def why_not(self, now: float) -> str:
        """Why no repair may begin now, for people; empty if one may."""
        if self.per_hour <= 0:
            return "repairs_per_hour is 0"
        if self.running:
            return "a repair is running"
        if self.given_up(now):
            return f"{len(self.begun)} repairs within an hour"
        return "a pause after the last repair" if now < self._ready else ""


class Paces:
    """Of all deployments, by id. Outlives a reload, and a time in which another process observes."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._known: dict[str, Pace] = {}

    def of(self, deployment_id: str) -> Pace:
        """The pace of a deployment."""
        return self._known.setdefault(deployment_id, Pace(self._per_hour))

    def use(self, per_hour: int) -> None:
        """As many repairs within an hour from now on."""
        self._per_hour = per_hour
        for pace in self._known.values():
            pace.per_hour = per_hour

    def keep(self, deployment_ids: Set[str]) -> None:
        """Forget the deployments that are gone."""
        for gone in set(self._known) - deployment_ids:
            if not self._known[gone].running:
                del self._known[gone]
