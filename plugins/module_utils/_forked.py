# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that was forked from one of Ansible's does first, to be one of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os

FIRST = 3  # the descriptor that the first one kept has afterwards
_ABOVE = 200  # where the kept ones wait until their places are free


def be_alone(name: bytes, *kept: int) -> None:
    """Keep no file and no place of whoever forked: streams to /dev/null, ``kept`` as descriptors 3, 4 and so on.

    name: what ps and top show (Linux; at most 15 bytes).
    """
    waiting = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _ABOVE) for descriptor in kept]
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for place, descriptor in enumerate(waiting, start=FIRST):
        os.dup2(descriptor, place)
    os.closerange(FIRST + len(waiting), os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    with contextlib.suppress(OSError), open("/proc/self/comm", "wb") as stream:  # a name is all that is lost
        stream.write(name)
