# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ports are taken, and by whom as far as this user may see."""

from __future__ import annotations

import errno
import os
import socket


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 and of all addresses now."""
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    return False
                raise
    return True


def owner(port: int) -> tuple[int, str] | None:
    """(process id, command) of the process that listens on the port; None when it is hidden from this user."""
    inodes = _listening(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            handles = os.listdir(f"/proc/{entry}/fd")
            if any(os.readlink(f"/proc/{entry}/fd/{handle}") in wanted for handle in handles):
                return int(entry), _command(entry)
        except OSError:
            continue  # gone meanwhile, or somebody else's
    return None


def _listening(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as lines:
                rows = [line.split() for line in list(lines)[1:]]
        except OSError:
            continue
        for row in rows:
            if row[3] == "0A" and int(row[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(row[9])
    return inodes


def _command(pid: str) -> str:
    with open(f"/proc/{pid}/cmdline", "rb") as stream:
        words = stream.read().decode(errors="replace").split("\0")
    return " ".join(words).strip()[:80] or "?"
