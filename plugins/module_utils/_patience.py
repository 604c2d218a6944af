# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patience with records that are away for a moment: in the middle of work they were there before."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable

PATIENT_SECONDS = 25.0  # less than half of a lease, so that a renewal has its time as well
_FIRST, _LONGEST, _GROWTH = 0.3, 3.0, 1.5
T = TypeVar("T")


def patiently(call: Callable[[], T], between: Callable[[], None], seconds: float = PATIENT_SECONDS) -> T:
    """What the call gives, tried again while the records cannot be reached; it must be one that may be repeated.

    between: done before each further try, such as closing the connection. RecordsUnavailable when the time is over.
    """
    end, pause = time.monotonic() + seconds, _FIRST
    while True:
        try:
            return call()
        except RecordsUnavailable:
            if time.monotonic() + pause > end:
                raise
        between()
        time.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST)
