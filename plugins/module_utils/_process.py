# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the process that owns a claim is dead, as far as this host can know (Linux, /proc)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any


def read_text(path: str) -> str:
    """A small file's text without white space around it; "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def boot_id(proc: str = "/proc") -> str:
    """The kernel's id of this boot; containers share it with their host."""
    return read_text(f"{proc}/sys/kernel/random/boot_id")


def pid_namespace(proc: str = "/proc") -> str:
    """The namespace in which this process' ids count."""
    try:
        return os.readlink(f"{proc}/self/ns/pid")
    except OSError:
        return ""


def start_time(pid: int, proc: str = "/proc") -> int | None:
    """Clock ticks from boot to the start of a process; None if there is none, only a zombie, or /proc hides it."""
    stat = read_text(f"{proc}/{pid}/stat")
    # The command's name stands in parentheses and may itself hold blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in ("Z", "X"):
        return None
    return int(fields[19])


def is_dead(owner: Mapping[str, Any], proc: str = "/proc") -> bool:
    """True only if it is certain that the owner {host, boot_id, pid, start_time, pid_ns} runs no more.

    Unknown is not dead: another host, another boot, another process namespace, or a process that /proc hides from us
    (``hidepid``, a unit with ``ProtectProc``) has to wait until the lease runs out.
    """
    mine = boot_id(proc)
    if not mine or owner.get("boot_id") != mine or owner.get("host") != socket.gethostname():
        return False
    if owner.get("pid_ns") and owner["pid_ns"] != pid_namespace(proc):
        return False
    if not os.path.isdir(f"{proc}/self") or not isinstance(owner.get("pid"), int) or owner["pid"] < 1:
        return False
    if not read_text(f"{proc}/{owner['pid']}/stat"):
        return not _exists(owner["pid"])
    return start_time(owner["pid"], proc) != owner.get("start_time")


def _exists(pid: int) -> bool:
    """Whether the kernel knows a process of this id, shown by /proc or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
