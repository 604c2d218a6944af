# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the owner of a claim is dead: only what is certain counts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _process


def owner(pid: int, **changes: Any) -> dict[str, Any]:
    made = {
        "host": socket.gethostname(),
        "boot_id": _process.boot_id(),
        "pid_ns": _process.pid_namespace(),
        "pid": pid,
        "start_time": _process.start_time(pid),
    }
    return {**made, **changes}


def test_a_living_process_is_not_dead() -> None:
    assert not _process.is_dead(owner(os.getpid()))


def test_an_ended_process_and_a_zombie_are_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        known = owner(child.pid)
        assert not _process.is_dead(known)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
        assert _process.is_dead(known)
    assert _process.is_dead(known)


def test_a_reused_pid_is_dead() -> None:
    assert _process.is_dead(owner(os.getpid(), start_time=1))


@pytest.mark.parametrize(
    "changes",
    [{"host": "elsewhere"}, {"boot_id": "another"}, {"pid_ns": "pid:[1]"}, {"boot_id": None}],
)
def test_what_is_unknown_is_not_dead(changes: dict[str, Any]) -> None:
    assert not _process.is_dead(owner(os.getpid(), start_time=1, **changes))


def test_without_proc_nothing_is_certain(tmp_path: Any) -> None:
    assert not _process.is_dead(owner(os.getpid(), start_time=1), proc=str(tmp_path))


def test_a_process_that_proc_hides_is_not_dead_until_it_is_gone(tmp_path: Path) -> None:
    """As hidepid has it, and systemd's ProtectProc together with PrivateUsers: the listener's unit."""
    for name in ("self", "sys"):
        (tmp_path / name).symlink_to(f"/proc/{name}")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        known = owner(child.pid)
        assert not _process.is_dead(known, str(tmp_path))
        child.kill()
    assert _process.is_dead(known, str(tmp_path))
