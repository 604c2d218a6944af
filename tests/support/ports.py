# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that nobody takes between the moment a test is given one and the moment something listens there.

All are below those that the kernel gives to clients (32768 and more), each worker of a layer has its own, and none is
given again soon. Where among its own a process begins is by chance, should another run be under way.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket

_WORKERS = 4
_EACH = 28000 // _WORKERS
_SINGLE = 1500


class _Ports:
    """``count`` ports from ``first``, given one after the other, and round again."""

    def __init__(self, first: int, count: int) -> None:
        self.first, self.count = first, count
        self._next = random.SystemRandom().randrange(count)

    def take(self, count: int) -> int:
        """The first of so many in a row."""
        at = self._next if self._next + count <= self.count else 0
        self._next = at + count
        return self.first + at


_own = 4000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _WORKERS * _EACH
_single = _Ports(_own, _SINGLE)
_ranges = _Ports(_own + _SINGLE, _EACH - _SINGLE)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port that nobody listens on now, and that no other test is given."""
    for _attempt in range(_SINGLE):
        port = _single.take(1)
        if _is_free(port):
            return port
    raise RuntimeError(f"Something listens on each port from {_own} to {_own + _SINGLE - 1}.")


def port_range(count: int) -> str:
    """So many ports for deployments, as ``langgraph_port_range`` has them."""
    for _attempt in range(_EACH // count):
        first = _ranges.take(count)
        if all(map(_is_free, range(first, first + count))):
            return f"{first}-{first + count - 1}"
    raise RuntimeError(f"There are no {count} free ports in a row between {_own + _SINGLE} and {_own + _EACH - 1}.")


def listens(port: int) -> bool:
    """Whether something on this host answers there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
