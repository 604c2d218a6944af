# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bell for several who wait for the same thing, of whom only some will get it."""

from __future__ import annotations

import asyncio


class Bell:
    """Wakes all that wait when it rings. Who looks and then waits, without a pause between, misses no ring: an Event
    that each of several clears can be cleared before another one has begun to wait.
    """

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Wake them."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Until it rings, or so long."""
        one = asyncio.get_running_loop().create_future()
        self._waiting.append(one)
        try:
            await asyncio.wait([one], timeout=seconds)
        finally:
            if one in self._waiting:
                self._waiting.remove(one)
