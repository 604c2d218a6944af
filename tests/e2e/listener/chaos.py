# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chaos over a whole installation: a plan that a seed gives, who carries it out, and what must be true afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener.runs import PID_FILE
from tests.support.installation import FINAL, GRAPHS, Installation, tails, until
from tests.support.listener import ListenerDaemon
from tests.support.starts import doubles

SMALL = ("ant", "bee", "cow", "doe")  # deployments of flavour small
STOCK = "elk"  # one of the stock flavour
#: Faults that take from the stock deployment what it runs on: a revision may fail of them, and says so.
TAKEN = ("database", "redis")
FINAL_SECONDS = 420.0  # a machine that is busy with other tests is slow
#: What is done to an installation.
FAULTS = ("listener", "playbook", "api", "postgres", "refused", "silent")
#: What only a server of the stock flavour has.
STOCK_FAULTS = ("redis", "database")


@dataclass(frozen=True)
class Change:
    """The next revision of a deployment. A broken one does not start."""

    name: str
    broken: bool


@dataclass(frozen=True)
class Round:
    """Some changes, and a fault at a point of the work on them: ``part`` 0 is their commit, 1 about the end.

    seconds: how long the fault lasts, if it does. which: chooses among what there is.
    """

    changes: tuple[Change, ...]
    fault: str
    part: float
    seconds: float
    which: int


def plan(seed: int, rounds: int, stock: bool) -> list[Round]:
    """The same one for the same seed. Each fault comes as often as any other, give or take one."""
    dice = random.Random(seed)
    faults: list[str] = []
    while len(faults) < rounds:
        more = [*FAULTS, *(STOCK_FAULTS if stock and len(faults) % 2 == 0 else ())]
        faults += dice.sample(more, len(more))
    found = []
    for fault in faults[:rounds]:
        names = dice.sample(SMALL, dice.choice((1, 1, 2)))
        changes = [Change(name, dice.random() < 0.2) for name in names]
        if fault in STOCK_FAULTS:
            changes = [Change(STOCK, False), changes[0]]
        part, seconds = dice.random(), dice.uniform(0.2, 3.0)
        found.append(Round(tuple(changes), fault, part, seconds, dice.randrange(1 << 16)))
    return found


class Witness(threading.Thread):
    """Asks a deployment's server all the time which revision it is. ``seen``: (number, id) in order, no repeats."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.seen: list[tuple[str, str]] = []
        self.answers = 0
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.1):
            # Without a proxy clients wait a moment at the switch; two answers are of one server if its pid stays.
            with contextlib.suppress(OSError, ValueError, KeyError):
                before, mark, after = self._ask("/info"), self._ask("/env")["MARK"], self._ask("/info")
                if before["pid"] == after["pid"]:
                    self.answers += 1
                    found = (str(mark), str(before["host"]["host_revision_id"]))
                    if self.seen[-1:] != [found]:
                        self.seen.append(found)

    def _ask(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def stop(self) -> None:
        self._end.set()
        self.join(30)


@dataclass
class Report:
    """What came of it. ``problems`` is to be empty."""

    seed: int
    rounds: int
    seconds: float = 0.0
    revisions: int = 0
    claims: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Chaos:
    """Carries a plan out. Everything that a user was told is kept in ``told``: deployment -> number -> broken."""

    def __init__(self, place: Installation, seed: int, rounds: int, *, stock: bool) -> None:
        self.place = place
        self.stock = stock
        self.report = Report(seed, rounds)
        self.plan = plan(seed, rounds, stock)
        self.told: dict[str, dict[int, bool]] = {}
        self.ids: dict[str, str] = {}
        self.slugs: dict[str, str] = {}
        self.witnesses: dict[str, Witness] = {}

    def run(self) -> Report:
        """All rounds, and what must be true afterwards."""
        began = time.monotonic()
        place = self.place
        self.sources = {name: place.store(GRAPHS / name) for name in ("small", *(["echo"] if self.stock else []))}
        place.listen(2)
        with self._witnesses():
            names = [*SMALL, *([STOCK] if self.stock else [])]
            for name in names:
                self._change(Change(name, False))
            self._settled(names)
            for deployment in place.deployments():
                assert deployment["latest_revision_status"] == "DEPLOYED", f"{deployment}\n{tails(place.daemons)}"
            self._watch()
            for number, one in enumerate(self.plan, start=1):
                names = [change.name for change in one.changes]
                after = one.part * self._work_seconds(STOCK in names)
                print(f"round {number}: {', '.join(names)}; {one.fault} after {after:.1f} s", flush=True)
                for change in one.changes:
                    self._change(change)
                time.sleep(after)  # the point of the fault
                self._fault(one)
                self.report.faults[one.fault] = self.report.faults.get(one.fault, 0) + 1
                self._settled(names)
            self._end()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _work_seconds(self, stock: bool) -> float:
        """How long work takes on this machine at this time."""
        ends = [line for daemon in self.place.daemons for line in daemon.lines("work ends")]
        done = sorted((line for line in ends if line["outcome"] == "done"), key=lambda line: str(line["time"]))
        same = [line for line in done if (line["deployment"] == STOCK) == stock] or done
        return statistics.median(float(line["seconds"]) for line in same[-3:])

    # -- users ---------------------------------------------------------------------------------------------------------

    def _change(self, change: Change) -> None:
        """Make the next revision, and keep what was answered."""
        number = max(self.told.setdefault(change.name, {}), default=0) + 1
        stock = change.name == STOCK
        desired: dict[str, Any] = {
            "name": change.name,
            "flavour": "langgraph" if stock else "small",
            "source": "internal_source",
            "source_sha256": self.sources["echo" if stock else "small"],
            "env": {"MARK": str(number), "SMALL_START_FAILS": "1" if change.broken else "0"},
            "listener": "here",
        }
        if number > 1:
            del desired["listener"]

        def write() -> bool:
            with self.place.records() as records:
                applied = records.apply_deployment(desired)
                made = applied["deployment"]
                self.ids[change.name], self.slugs[change.name] = made["id"], made["slug"]
                # The answer may have been lost the time before, and the revision is there.
                assert made["latest_revision_number"] == number, made
                return True

        until(write, 60, f"revision {number} of {change.name} is written down")
        self.told[change.name][number] = change.broken

    def _settled(self, names: list[str]) -> None:
        """Wait until the latest revision of each is final."""
        place = self.place

        def final() -> bool:
            for daemon in place.daemons:
                assert daemon.process is not None
                assert daemon.process.poll() is None, f"a listener has ended:\n{daemon.log[-3000:]}"
            with place.records() as records:
                latest = [records.revision(self.ids[name]) for name in names]
            return all(revision is not None and revision["status"] in FINAL for revision in latest)

        until(final, FINAL_SECONDS, f"{', '.join(names)} are final", lambda: tails(place.daemons))

    @contextlib.contextmanager
    def _witnesses(self) -> Iterator[None]:
        try:
            yield
        finally:
            for witness in self.witnesses.values():
                witness.stop()

    def _watch(self) -> None:
        for deployment in self.place.deployments():
            if deployment["name"] in SMALL:
                self.witnesses[deployment["name"]] = Witness(deployment["url"])
                self.witnesses[deployment["name"]].start()

    # -- faults --------------------------------------------------------------------------------------------------------

    def _fault(self, one: Round) -> None:
        """Do it, and put right what does not come back by itself."""
        place = self.place
        if one.fault == "listener":
            daemon = place.daemons[one.which % len(place.daemons)]
            daemon.kill()
            time.sleep(one.seconds)
            daemon.start(wait=False)
        elif one.fault == "playbook":
            kill(one.which, [pid for daemon in place.daemons for pid in playbooks(daemon)])
        elif one.fault == "api":
            place.plane.kill()
            time.sleep(one.seconds)
            place.plane.start()
        elif one.fault == "postgres":
            place.postgres.kill()
            time.sleep(one.seconds)
            place.postgres.start_again()
        elif one.fault in ("refused", "silent"):
            place.wire.set("refused" if one.fault == "refused" else "silent")
            time.sleep(4 * one.seconds)
            place.wire.set("whole")
        elif one.fault == "redis":
            services = place.supervisor.services
            kill(0, [services.status(f"langgraph-{self.slugs[STOCK]}-redis").pid])
        elif one.fault == "database" and place.database is not None:
            place.database.kill()
            time.sleep(one.seconds)
            place.database.start_again()

    # -- afterwards ----------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Stop the listeners, and hold everything against what was told."""
        place, problems = self.place, self.report.problems
        time.sleep(0.5)  # the witnesses see the last switch
        for daemon in place.daemons:
            daemon.until(daemon.is_up)  # it may have been started a moment ago
            code = daemon.stop(90)
            if code:
                problems.append(f"a listener ended with {code}")
        orphans = place.marked()
        problems += [f"process {pid} was left: {command}" for pid, command in orphans.items()]
        for daemon in place.daemons:
            problems += [f"files of run {run} were left" for run in daemon.runs()]
        for deployment in place.deployments():
            self._check(deployment)

    def _check(self, deployment: dict[str, Any]) -> None:
        name, problems = deployment["name"], self.report.problems
        revisions = self.place.revisions(deployment["id"])
        told = self.told[name]
        self.report.revisions += len(revisions)
        self.report.claims += sum(revision["attempts"] for revision in revisions)
        if [revision["number"] for revision in revisions] != sorted(told):
            problems.append(
                f"{name} has revisions {[revision['number'] for revision in revisions]}, told {sorted(told)}"
            )
        failed: set[int] = set()  # for want of what was killed just then: the old one serves on
        for revision in revisions:
            broken = told.get(revision["number"], False)
            good = ("DEPLOY_FAILED",) if broken else ("DEPLOYED", "REPLACED")
            taken = any(self.report.faults.get(fault) for fault in TAKEN)
            if name == STOCK and taken and revision["status"] == "DEPLOY_FAILED" and revision["cause"]:
                failed.add(revision["number"])
            elif revision["status"] not in good:
                problems.append(
                    f"{name} revision {revision['number']}{' (broken)' if broken else ''} ended {revision['status']}: "
                    f"{revision['cause']}"
                )
        wanted = max(number for number, broken in told.items() if not broken and number not in failed)
        if deployment["active_revision_number"] != wanted:
            problems.append(f"{name} has revision {deployment['active_revision_number']} active, not {wanted}")
        if name in SMALL:
            self._check_small(name, deployment, revisions, wanted)

    def _check_small(self, name: str, deployment: dict[str, Any], revisions: list[dict[str, Any]], wanted: int) -> None:
        problems, place = self.report.problems, self.place
        witness = self.witnesses[name]
        identities = {str(revision["number"]): revision["id"] for revision in revisions}
        marks = [int(mark) for mark, _identity in witness.seen]
        if not witness.answers:
            problems.append(f"{name} never answered")
        problems += [
            f"{name} answered as {mark}, {identity}: no whole revision"
            for mark, identity in witness.seen
            if identities.get(mark) != identity
        ]
        if marks != sorted(marks) or marks[-1:] != [wanted]:
            problems.append(f"{name} answered as revisions {marks}")
        if broken := [number for number in marks if self.told[name][number]]:
            problems.append(f"{name} answered as revisions that do not start: {broken}")
        problems += [f"{name}: {sentence}" for sentence in doubles(place.starts(deployment["slug"]), revisions)]
        state = json.loads((place.home(deployment["slug"]) / "state.json").read_text())
        if state["revision"] != wanted:
            problems.append(f"{name} is in revision {state['revision']} on its host, not {wanted}")
        problems += self._whole(name, deployment["slug"], wanted)

    def _whole(self, name: str, slug: str, wanted: int) -> list[str]:
        """What runs on the host: one API and one queue process, both of the wanted revision."""
        services = self.place.supervisor.services
        units = {unit: services.status(unit) for unit in services.list(f"langgraph-{slug}-")}
        running = {
            unit.removeprefix(f"langgraph-{slug}-"): status.pid for unit, status in units.items() if status.active
        }
        kinds = sorted(unit.split("-")[0] for unit in running)
        found = [] if kinds == ["api", "queue"] else [f"{name} runs {sorted(running)}"]
        for unit, pid in running.items():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if f"/revisions/{wanted}/start.py".encode() not in command:
                found.append(f"{name}: {unit} is not of revision {wanted}")
        return found


def playbooks(daemon: ListenerDaemon) -> list[int]:
    """Pids of ansible-playbook of a listener's runs."""
    found = []
    for file in (Path(daemon.settings["state_dir"]) / "runs").glob(f"*/{PID_FILE}"):
        with contextlib.suppress(OSError, ValueError):
            found.append(int(file.read_text()))
    return sorted(found)


def kill(which: int, pids: list[int]) -> None:
    """SIGKILL to one of some processes; there may be none at that moment."""
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pids[which % len(pids)], signal.SIGKILL)
