# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: checks of deployments while there is nothing else to do, and what drifted corrected, if that is wanted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ansible_collections.selfhosted.langgraph.services.listener.repairs import Paces
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings
from ansible_collections.selfhosted.langgraph.services.listener.work import Outcome

LOGGER = logging.getLogger("listener.drift")
_LONGEST_PAUSE = 30.0
_REASON = "drift: what is on the host differs from the record"

#: Check a deployment that had no check for so many seconds, if one is due and there is time: its id, what came of it.
Check = Callable[[float], Awaitable[tuple[str, Outcome] | None]]
#: Apply a deployment again, and why.
Repair = Callable[[str, str], Awaitable[bool]]


class Drift:
    """One check at a time."""

    def __init__(self, settings: Callable[[], Settings], check: Check, repair: Repair, paces: Paces) -> None:
        self._settings, self._check, self._repair, self._paces = settings, check, repair, paces

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            interval = self._settings().drift_interval
            await asyncio.sleep(min(max(interval / 10, 1.0), _LONGEST_PAUSE) if interval else _LONGEST_PAUSE)
            while interval and (checked := await self._check(interval)):
                deployment_id, outcome = checked
                if outcome == "drifted" and self._settings().drift_correct:
                    await self._correct(deployment_id)

    async def _correct(self, deployment_id: str) -> None:
        """Correct what drifted, as often as the pace of repairs allows."""
        pace = self._paces.of(deployment_id)
        now = time.monotonic()
        if not pace.may(now):
            fields = {"deployment_id": deployment_id, "times": len(pace.begun), "for": round(pace.wait(now))}
            if pace.given_up(now):
                LOGGER.error("drift comes back and is not corrected any more", extra={"fields": fields})
            else:
                LOGGER.info("drift is not corrected now", extra={"fields": {**fields, "cause": pace.why_not(now)}})
            return
        pace.begin(time.monotonic())
        try:
            await self._repair(deployment_id, _REASON)
        finally:
            pace.end(time.monotonic())
