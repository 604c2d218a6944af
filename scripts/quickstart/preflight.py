# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be known to go wrong before anything is made or started."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from ports import is_free, owner
from settings import CHECKOUT, FORBIDDEN, VENV, QuickstartError, Settings
from stack import runs

MINIMUM_PYTHON = (3, 11)
NEW_BYTES, KEPT_BYTES = 1_500_000_000, 300_000_000


def check(settings: Settings) -> str:
    """Say in one line what was found. Raises QuickstartError with every problem, one a line."""
    problems = [*_python(), *_paths(settings), *_platform(), *_disk(settings), *_ports(settings)]
    if problems:
        raise QuickstartError("\n".join(problems))
    ports = sorted(settings.state.ports())
    state = "running already" if runs(settings.state.supervisor_dir) else f"ports {', '.join(map(str, ports))} free"
    return f"Python {platform.python_version()}, Redis {redis()}, {state}"


def redis() -> str | None:
    """Where Redis comes from on this machine: its path, `from a wheel`, or None."""
    found = shutil.which("redis-server")
    if found:
        return found
    wheel = sys.platform == "linux" and platform.machine() in ("x86_64", "AMD64") and platform.libc_ver()[0] == "glibc"
    return "from a wheel" if wheel else None


def _python() -> list[str]:
    version = platform.python_version()
    if sys.version_info[:2] < MINIMUM_PYTHON:
        return [
            (
                f"{sys.executable} is Python {version}, but 3.11 or later is needed: "
                "install one, or say make PYTHON=/path/to/python3 quickstart."
            )
        ]
    if any(importlib.util.find_spec(name) is None for name in ("venv", "ensurepip")):
        return [
            (
                f"{sys.executable} (Python {version}) has no venv module: "
                "install it (on Debian: apt-get install python3-venv), then run make quickstart again."
            )
        ]
    return []


def _paths(settings: Settings) -> list[str]:
    problems = []
    for path, cure in ((CHECKOUT, "move it"), (settings.directory, "choose another one with LANGGRAPH_QUICKSTART_DIR")):
        bad = sorted(set(str(path)) & set(FORBIDDEN))
        if bad:
            problems.append(
                f"The directory {path} holds the character {' '.join(map(repr, bad))}, "
                f"which not every part can handle: {cure}."
            )
    home = next(path for path in (settings.directory, *settings.directory.parents) if path.exists())
    for path, cure in ((CHECKOUT, "change its owner"), (home, "choose another one with LANGGRAPH_QUICKSTART_DIR")):
        if not os.access(path, os.W_OK | os.X_OK):
            problems.append(f"The directory {path} cannot be written by this user: {cure}.")
    return problems


def _platform() -> list[str]:
    machine = f"{platform.system()} {platform.machine()}"
    problems = []
    if sys.platform not in ("linux", "darwin"):
        problems.append(
            f"There is no Postgres wheel for {machine}: use Linux or macOS, or a virtual machine with one of them."
        )
    if redis() is None:
        problems.append(
            f"No Redis for {machine}: there is no wheel for it, so install redis-server "
            "(Debian: apt-get install redis-server, macOS: brew install redis), then run make quickstart again."
        )
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        problems.append(
            "Postgres does not run as root, and setpriv (package util-linux), which changes that, "
            "is missing: install it, or run make quickstart as an ordinary user."
        )
    return problems


def _disk(settings: Settings) -> list[str]:
    home = next(path for path in (settings.directory, *settings.directory.parents) if path.exists())
    needed = KEPT_BYTES if VENV.exists() and not settings.is_new else NEW_BYTES
    free = shutil.disk_usage(home).free
    if free >= needed:
        return []
    return [
        (
            f"The disk of {home} has {free // 1_000_000} MB left and {needed // 1_000_000} MB are needed: "
            "free some, or set LANGGRAPH_QUICKSTART_DIR to a directory on another one."
        )
    ]


def _ports(settings: Settings) -> list[str]:
    running = runs(settings.state.supervisor_dir)
    problems = []
    for port, (name, variable) in settings.state.ports().items():
        if running and port not in settings.undecided:
            continue  # its own programs listen there
        if is_free(port):
            continue
        who = owner(port)
        by = f"by process {who[0]} ({who[1]})" if who else "by a process that this user cannot see"
        if port in settings.undecided:
            cure = f"end it, or choose another port with {variable} (make quickstart {variable}={_free_near(port)})"
        else:
            cure = f"end it, or make the quickstart anew with another {variable} after `make quickstart-down PURGE=1`"
        problems.append(f"Port {port}, meant for {name}, is taken {by}: {cure}.")
    return problems


def _free_near(port: int) -> int:
    """A port from which on enough ports in a row are free."""
    for first in range(port + 10, 65000, 10):
        if all(is_free(candidate) for candidate in range(first, first + 6)):
            return first
    return port + 10


def space(path: Path) -> str:
    """How much a directory takes, in MB; a file with several names counts once."""
    files = [entry.lstat() for entry in path.rglob("*") if not entry.is_symlink()]
    return f"{sum({one.st_ino: one.st_blocks * 512 for one in files}.values()) // 1_000_000} MB"
