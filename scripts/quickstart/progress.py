# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that tell a person how far it is: what was done, and when."""

from __future__ import annotations

import os
import sys
import time

#: Set when the script starts itself anew with the Python of .venv: the time goes on.
STARTED = "LANGGRAPH_QUICKSTART_STARTED"


class Progress:
    """`done` prints a line that stays; `doing` one that the next replaces, on a terminal only."""

    def __init__(self) -> None:
        self.started = float(os.environ.get(STARTED) or time.time())
        self._terminal = sys.stdout.isatty()

    def seconds(self) -> float:
        return time.time() - self.started

    def done(self, text: str) -> None:
        self._clear()
        print(f"[{self.seconds():6.1f} s] {text}", flush=True)

    def doing(self, text: str) -> None:
        if self._terminal:
            self._clear()
            print(f"           {text[:100]}", end="\r", flush=True)

    def _clear(self) -> None:
        if self._terminal:
            print("\x1b[2K", end="\r")
