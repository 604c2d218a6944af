# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of runs: found by a mark in their environment, wherever they went, and ended as a whole.

Ansible puts each of its workers into a session of its own, and ssh leaves masters behind: neither a process group nor
the tree of parents holds all of a run. The environment is inherited by everything that a run starts (Linux, /proc).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable

MARK = "LANGGRAPH_RUN"
_LOOK_SECONDS = 0.05


def marked(proc: str = "/proc") -> dict[int, str]:
    """The runs' processes that this user may see: pid -> value of the mark."""
    found: dict[int, str] = {}
    wanted = f"{MARK}=".encode()
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            with open(f"{proc}/{name}/environ", "rb") as stream:
                environment = stream.read()
        except OSError:
            continue  # gone, or somebody else's
        for entry in environment.split(b"\0"):
            if entry.startswith(wanted):
                found[int(name)] = entry[len(wanted) :].decode("utf-8", "replace")
                break
    return found


def of_run(run: str) -> list[int]:
    """Processes of one run."""
    return [pid for pid, value in marked().items() if value == run]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """A signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end(run: str, main: int | None, patience: float) -> None:
    """End a run: SIGTERM to its main process, and after ``patience`` seconds SIGKILL to all that is left. Blocks."""
    deadline = time.monotonic() + patience
    if main is not None and patience > 0:
        send([main], signal.SIGTERM)
        while time.monotonic() < deadline and of_run(run):
            time.sleep(_LOOK_SECONDS)
    kill(run)


def kill(run: str, patience: float = 5.0) -> bool:
    """SIGKILL to all of a run until nothing is left; False when something would not go."""
    deadline = time.monotonic() + patience
    while left := of_run(run):
        send(left, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
