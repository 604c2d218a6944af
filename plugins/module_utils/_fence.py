# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: one worker at a time on a deployment's directory, and none with an outdated claim.

Leases alone cannot stop a module that goes on after its ansible-playbook was killed, or a host that was cut off.
So the host keeps the highest epoch that it has seen, and every step that changes something compares first.

    with fenced(paths, epoch, wait=30) as fence:
        fence.check()      # before each sub-step that changes something; raises StaleEpoch
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import Busy, HostError, StaleEpoch
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths

POLL_SECONDS = 0.1


class Fence:
    """What `fenced` hands out; `check` is cheap (one small read)."""

    def __init__(self, paths: HostPaths, epoch: int | None) -> None:
        self.paths = paths
        self.epoch = epoch

    def check(self) -> None:
        """Raise StaleEpoch when a newer claim has been here since."""
        compare(self.paths, self.epoch)


def read_epoch(paths: HostPaths) -> int | None:
    """Highest epoch seen on this host, None when the deployment was never touched by a claim."""
    try:
        text = paths.epoch.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        text = "?"
    if not text.isdigit():
        raise HostError(f"{paths.epoch} holds no number; write the epoch of the last claim into it.")
    return int(text)


def compare(paths: HostPaths, epoch: int | None) -> int | None:
    """Raise StaleEpoch when `epoch` is older than the host's; returns the host's. Writes nothing (check mode)."""
    seen = read_epoch(paths)
    if seen is None:
        return None
    if epoch is None:
        raise StaleEpoch(
            f"{paths.slug} is worked on by claims (epoch {seen}); "
            f"use the playbooks, or remove {paths.epoch} to take it over."
        )
    if epoch < seen:
        raise StaleEpoch(
            f"The claim on {paths.slug} with epoch {epoch} is stale: this host has seen epoch {seen}; "
            "leave it to the newer run or claim again.",
            epoch=epoch,
            host_epoch=seen,
        )
    return seen


@contextlib.contextmanager
def fenced(paths: HostPaths, epoch: int | None, wait: float = 60.0) -> t.Iterator[Fence]:
    """Raise the host's epoch, then hold the deployment's work lock. Makes `<root>/<slug>` when missing.

    epoch: of the claim; None (no records) is allowed only while no claim has been here.
    wait: seconds to wait for another worker of the same or an older epoch, who stops at its next check.
    Errors: StaleEpoch (either before or while waiting), Busy after `wait`.
    """
    paths.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    paths.home.mkdir(mode=0o711, exist_ok=True)
    _raise_epoch(paths, epoch)
    fence = Fence(paths, epoch)
    handle = os.open(paths.work_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _lock(handle, fence, wait)
        fence.check()
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "epoch": epoch, "since": _now()}).encode(), 0)
        yield fence
        # Not removed: a lock file that vanishes lets two workers hold "the" lock.
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _raise_epoch(paths: HostPaths, epoch: int | None) -> None:
    directory = os.open(paths.home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # held for one comparison and one rename
        seen = compare(paths, epoch)
        if epoch is None or epoch == seen:
            return
        draft = paths.home / ".epoch.new"
        with open(draft, "w", encoding="ascii") as file:
            file.write(f"{epoch}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, paths.epoch)
        os.fsync(directory)
    finally:
        os.close(directory)


def _lock(handle: int, fence: Fence, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            fence.check()
        if time.monotonic() >= deadline:
            raise Busy(
                f"{fence.paths.slug} is worked on by {_holder(handle)} on this host and {wait:g} s were not enough; "
                "run again when it is done."
            )
        time.sleep(POLL_SECONDS)


def _holder(handle: int) -> str:
    try:
        found = json.loads(os.pread(handle, 4096, 0) or b"{}")
        return f"process {found['pid']} (epoch {found['epoch']}, since {found['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
