# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The supervisord of a quickstart: does it run, end it, end what it left behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

STOP_SECONDS = 180


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self._path)


def call(supervisor_dir: str, method: str, *arguments: Any) -> Any:
    """Ask the supervisord of this directory; None when none answers."""
    socket_path = os.path.join(supervisor_dir, "supervisor.sock")
    with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=_Transport(socket_path)) as proxy:
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return None


def runs(supervisor_dir: str) -> bool:
    return call(supervisor_dir, "getPID") is not None


def programs(supervisor_dir: str) -> list[dict[str, Any]]:
    """What supervisord knows: `name`, `statename`, `pid`, `description` of each program."""
    return call(supervisor_dir, "getAllProcessInfo") or []


def stop(supervisor_dir: str) -> bool:
    """End supervisord, its programs, and programs that an earlier, killed supervisord left. Whether anything ran."""
    pid = call(supervisor_dir, "getPID")
    if pid is not None:
        call(supervisor_dir, "shutdown")
        _wait(pid, STOP_SECONDS)
    left = _left_behind(supervisor_dir)
    for sign, seconds in ((signal.SIGTERM, 20), (signal.SIGINT, 10), (signal.SIGKILL, 5)):
        left = [process for process in left if _alive(process)]
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, sign)
        deadline = time.monotonic() + seconds
        while any(map(_alive, left)) and time.monotonic() < deadline:
            time.sleep(0.1)
    return pid is not None or bool(left)


def _wait(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def _left_behind(supervisor_dir: str) -> list[int]:
    """Processes that were started by a supervisord of this directory: it gives its address to each of them."""
    mark = f"SUPERVISOR_SERVER_URL=unix://{supervisor_dir}/supervisor.sock".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
    return sorted(set(found) - {os.getpid()})
