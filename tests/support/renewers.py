# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the processes that keep claims."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def renewers(marker: bytes) -> list[int]:
    """Processes that keep claims or clear up after previews, with ``marker`` in command line or first environment."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                name = Path(entry.path, "comm").read_text().strip()
                if name == "langgraph-renew" and any(
                    marker in Path(entry.path, file).read_bytes() for file in ("cmdline", "environ")
                ):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_until(condition: Callable[[], object], seconds: float = 15) -> None:
    """Until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
