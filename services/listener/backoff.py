# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pauses that grow, with jitter: many listeners that lost their control plane do not come back in step."""

from __future__ import annotations

import random


class Backoff:
    """``next()`` gives 0.5..1 of first, first * 2, ... up to most, in seconds; ``reset()`` begins again."""

    def __init__(self, first: float = 0.5, most: float = 30.0) -> None:
        self._first, self._most = first, most
        self.failures = 0

    def next(self) -> float:
        """The pause after one more failure."""
        full = min(self._most, self._first * 2.0 ** min(self.failures, 20))
        self.failures += 1
        return full * random.uniform(0.5, 1)  # noqa: S311 - no secret depends on it

    def reset(self) -> None:
        """It went well."""
        self.failures = 0
