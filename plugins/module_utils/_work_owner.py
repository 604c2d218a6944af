# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a claim belongs to: the ansible-playbook that runs the task, found through /proc (Linux)."""

from __future__ import annotations

import getpass
import os
import socket
from typing import NamedTuple, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils._process import boot_id, pid_namespace
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Owner

_PROGRAMS = frozenset({"ansible", "ansible-playbook", "ansible-console", "ansible-pull"})
_MAX_DEPTH = 64


class Process(NamedTuple):
    """A process: ``start_time`` in clock ticks since boot tells it from a later one with the same pid."""

    pid: int
    parent: int
    start_time: int
    command: tuple[str, ...]


def read_process(pid: int, proc: str = "/proc") -> Process | None:
    """The process, or None if there is none (any more) or /proc does not show it."""
    try:
        with open(f"{proc}/{pid}/stat", "rb") as stream:
            stat = stream.read()
        with open(f"{proc}/{pid}/cmdline", "rb") as stream:
            command = stream.read()
        # The name in parentheses may itself hold blanks and parentheses: what follows its last one is well formed.
        columns = stat[stat.rindex(b")") + 2 :].split()
        if columns[0] in (b"Z", b"X"):
            return None
        return Process(
            pid, int(columns[1]), int(columns[19]), tuple(os.fsdecode(word) for word in command.split(b"\0") if word)
        )
    except (OSError, ValueError, IndexError):
        return None


def is_running(pid: int, start_time: int, proc: str = "/proc") -> bool:
    """Whether that very process still lives."""
    process = read_process(pid, proc)
    return process is not None and process.start_time == start_time


def program(command: tuple[str, ...]) -> str | None:
    """The name of the Ansible program that a command line runs, or None: ``python .../ansible-playbook x.yml`` -> "
    "ansible-playbook."""
    words = list(command)
    if words and os.path.basename(words[0]).startswith("python"):
        words.pop(0)
        while words and words[0].startswith("-") and words[0] != "-m":
            words.pop(0)
        if words[:2] == ["-m", "ansible"]:
            words = [f"ansible-{words[2]}" if len(words) > 2 else "ansible"]
    name = os.path.basename(words[0]) if words else ""
    return name if name in _PROGRAMS else None


def find_playbook(pid: int | None = None, proc: str = "/proc") -> Process | None:
    """The main process of the nearest Ansible program above ``pid`` (default: this process); None if there is none.

    Ansible forks a worker for each task, with the same command line: the oldest of such a row is the program itself.
    """
    found: Process | None = None
    process = read_process(pid or os.getpid(), proc)
    for _step in range(_MAX_DEPTH):
        if process is None:
            break
        if found is not None and process.command != found.command:
            break
        if found is not None or program(process.command):
            found = process
        process = read_process(process.parent, proc) if process.parent > 0 else None
    return found


def find_owner(proc: str = "/proc") -> tuple[Owner, Process | None]:
    """The owner to claim for, and the process whose life the claim is bound to.

    Without an Ansible program above, the owner is this process's parent and the second part is None.
    """
    playbook = find_playbook(proc=proc)
    process = playbook or read_process(os.getppid(), proc)
    pid = process.pid if process else os.getppid()
    name = (program(process.command) if process else None) or "process"
    host, user = socket.gethostname(), user_name()
    owner = {
        "host": host,
        "boot_id": boot_id(proc),
        "pid_ns": pid_namespace(proc),
        "pid": pid,
        "start_time": process.start_time if process else 0,
        "user": user,
        "label": f"{name} {pid} of {user} on {host}",
    }
    return cast("Owner", owner), playbook


def user_name() -> str:
    """The name of the user, or the number of one without a name (as in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"user {os.getuid()}"
