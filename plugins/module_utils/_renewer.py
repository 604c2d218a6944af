# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The detached process that keeps the claims of a playbook alive, and clears up after it.

It is forked from the task (so it costs no start of an interpreter), belongs to no terminal, holds no database
connection between renewals, and lives until its claims are released or lost, or until the ansible-playbook it is bound
to has ended. Then it gives back what was not released and removes the claim files. Without renewing (check mode) it
only removes the files at the end.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._forked import FIRST, be_alone
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import RENEW_SECONDS, Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import remove_claim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import Process, is_running

_LOOK_SECONDS = 2.0  # how often to look whether claims were released
_RETRY_SECONDS = 5.0  # after the records could not be reached
_START_SECONDS = 15.0  # how long the module waits for the first renewal

Open = Callable[[], Records]


class Lease(NamedTuple):
    """A claim to be kept: ``claim_file`` is gone once it was released."""

    claim_id: str
    epoch: int
    claim_file: str


class Watch:
    """Waits for the end of a process of somebody else."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._poll: select.poll | None = None
        try:
            descriptor = os.pidfd_open(process.pid)
        except (AttributeError, OSError):
            return
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def ended(self, seconds: float) -> bool:
        """Wait for at most that long; True as soon as the process has ended."""
        if not is_running(self._process.pid, self._process.start_time):
            return True
        if self._poll is None:
            time.sleep(min(seconds, 1.0))
        else:
            self._poll.poll(int(seconds * 1000))
        return not is_running(self._process.pid, self._process.start_time)


def start(open_records: Open | None, leases: Sequence[Lease], playbook: Process) -> str | None:
    """Start the process and wait for its first renewal; gives a problem of that one as a sentence, or None.

    open_records: how to open the records; None: nothing is to be renewed. The caller must hold no database connection
    while it forks.
    """
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        _become_daemon(tell, open_records, leases, playbook)
    os.close(tell)
    os.waitpid(child, 0)
    try:
        if not select.select([ready], [], [], _START_SECONDS)[0]:
            return f"The first renewal took more than {_START_SECONDS:.0f} s"
        answer = os.read(ready, 65536)
    finally:
        os.close(ready)
    if not answer:
        return "The process that renews the claims has ended at once"
    problem: str | None = json.loads(answer)
    return problem


def _become_daemon(tell: int, open_records: Open | None, leases: Sequence[Lease], playbook: Process) -> NoReturn:
    """In the forked child: leave session, terminal, files and directory behind, then serve."""
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        be_alone(b"langgraph-renew", tell)
        serve(open_records, leases, Watch(playbook), lambda problem: _tell(FIRST, problem))
    finally:
        os._exit(0)


def serve(open_records: Open | None, leases: Sequence[Lease], watch: Watch, tell: Callable[[str | None], None]) -> None:
    """Keep the leases until there is none left or the watched process has ended; then clear up.

    tell: called once, after the first renewal, with its problem or None.
    """
    kept = list(leases)
    told = False
    due = time.monotonic()
    try:
        while kept:
            if open_records is not None and time.monotonic() >= due:
                started = time.monotonic()
                kept, problem = renew(open_records, kept)
                due = started + (RENEW_SECONDS if problem is None else _RETRY_SECONDS)
            else:
                problem = None
            if not told:
                tell(problem)
                told = True
            pause = _LOOK_SECONDS if open_records is None else max(0.0, min(_LOOK_SECONDS, due - time.monotonic()))
            if watch.ended(pause):
                break
            kept = [lease for lease in kept if os.path.exists(lease.claim_file)]
    finally:
        # What the playbook released itself has no file any more.
        left = [lease for lease in kept if os.path.exists(lease.claim_file)]
        if left and open_records is not None:
            release(open_records, left)
        for lease in left:
            remove_claim(lease.claim_file)


def renew(open_records: Open, leases: Sequence[Lease]) -> tuple[list[Lease], str | None]:
    """Renew all; gives those that are still ours, and why the rest of them could not be reached (then all are kept).

    The files of a lost claim are removed, so that its playbook's next task stops with a clear message.
    """
    kept: list[Lease] = []
    try:
        records = open_records()
        try:
            for lease in leases:
                try:
                    records.renew(lease.claim_id, lease.epoch)
                except StaleClaim:
                    remove_claim(lease.claim_file)
                else:
                    kept.append(lease)
        finally:
            records.close()
    except RecordsError as error:
        return [lease for lease in leases if os.path.exists(lease.claim_file)], str(error)
    return kept, None


def release(open_records: Open, leases: Sequence[Lease]) -> None:
    """Give back what the ended playbook did not: others need not wait until the leases run out."""
    try:
        records = open_records()
        try:
            for lease in leases:
                try:
                    records.report(lease.claim_id, lease.epoch, release=True)
                except RecordsError:
                    continue
        finally:
            records.close()
    except RecordsError:
        return


def _tell(descriptor: int, problem: str | None) -> None:
    try:
        os.write(descriptor, json.dumps(problem).encode())
    finally:
        os.close(descriptor)


def _end(_signal: int, _frame: Any) -> NoReturn:
    raise SystemExit(0)


def opener(connection: Mapping[str, Any]) -> Open:
    """How to open the records with the options of a claim."""

    def open_() -> Records:
        from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import open_connection

        return open_connection(connection)

    return open_
