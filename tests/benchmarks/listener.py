# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the listener: how soon it begins, what it adds to a run by hand, many revisions against one, memory; and
how often chaos or a race breaks something.

Servers are of flavour small: what is measured is the way to them.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener.runs import PID_FILE
from tests.benchmarks.figures import Figure, by_turns, compared, percentile
from tests.e2e.listener.chaos import Chaos
from tests.e2e.listener.race import race
from tests.support.ansible_runs import Controller
from tests.support.installation import FINAL, GRAPHS, Installation, until
from tests.support.listener import ListenerDaemon

MIB = 1024 * 1024
COMMITS = 100
SKELETON = Path(__file__).parents[1] / "integration" / "listener" / "playbooks" / "report.yml"
DEPLOYMENTS, REVISIONS, ALONE = 8, 100, 10
TICKS = os.sysconf("SC_CLK_TCK")


def listener(rounds: int) -> list[Figure]:
    """The figures of the listener."""
    with Installation() as place:
        figures = [how_soon(place)]
    with Installation() as place:
        figures.append(by_hand(place, rounds))
    with Installation() as place:
        figures += many(place)
    with Installation() as place:
        figures.append(at_rest(place))
    return figures


class Bench:
    """An installation with a listener process, and deployments of flavour small that get one revision after another."""

    def __init__(self, place: Installation, **settings: Any) -> None:
        self.place = place
        self.source = place.store(GRAPHS / "small")
        self.numbers: dict[str, int] = {}
        self.ids: dict[str, str] = {}
        (self.daemon,) = place.listen(1, **settings)

    def revise(self, name: str, workspace: str = "default") -> float:
        """Write the next revision; the time at which that was done."""
        number = self.numbers[name] = self.numbers.get(name, 0) + 1
        desired = {"name": name, "source": "internal_source", "source_sha256": self.source, "flavour": "small"}
        with self.place.records(workspace) as records:
            made = records.apply_deployment({**desired, "env": {"MARK": str(number)}})
            at = time.time()
        self.ids[name] = made["deployment"]["id"]
        return at

    def over(self, name: str) -> bool:
        """Whether the latest revision is final and nobody is at it."""
        with self.place.records() as records:
            found = records.deployment(self.ids[name])
        assert found is not None
        assert found["latest_revision_status"] not in ("BUILD_FAILED", "DEPLOY_FAILED"), self.daemon.log[-3000:]
        return found["latest_revision_status"] in FINAL and not found["claim"]["held"]

    def wait(self, name: str) -> None:
        """Until it is over."""
        until(lambda: self.over(name), 300, f"{name} is over", pause=0.02)


def how_soon(place: Installation) -> Figure:
    """Milliseconds from a commit to the start of ansible-playbook, of a listener that waits."""
    bench = Bench(place, playbook=str(SKELETON))
    runs = Path(bench.daemon.settings["state_dir"]) / "runs"
    taken = []
    for number in range(COMMITS + 1):
        committed = bench.revise("soon")
        files = until(lambda: list(runs.glob(f"*/{PID_FILE}")), 30, "a run begins", pause=0.005)
        started = files[0].stat().st_mtime  # the file is written, and the program begins
        bench.wait("soon")
        until(lambda: not any(runs.iterdir()), 30, "the run is over", pause=0.01)
        if number:  # the first one warms up
            taken.append(started - committed)
    p99, middle = percentile(taken, 0.99) * 1000, statistics.median(taken) * 1000
    detail = f"median {middle:.0f} ms, most {max(taken) * 1000:.0f} ms, n={len(taken)}"
    return Figure("record committed -> playbook started by an idle listener, p99 in ms", 250, p99, detail)


def by_hand(place: Installation, rounds: int) -> Figure:
    """The wall time of a new revision through the listener, against the same playbook by hand, by turns."""
    bench = Bench(place)
    place.plane.ask("POST", "/v2/workspaces", {"name": "hand"})
    place.store(GRAPHS / "small", "hand")
    control = place.base / "control"
    control.mkdir()
    variables = {"langgraph_api_url": place.plane.url, "langgraph_api_key": place.plane.key}
    work_log = {"ANSIBLE_CALLBACKS_ENABLED": "selfhosted.langgraph.work_log"}
    controller = Controller(control, place.inventory, {**variables, "langgraph_workspace": "hand"}, work_log)

    def through_the_listener() -> float:
        began = bench.revise("listened")
        bench.wait("listened")
        return time.time() - began

    def hand() -> float:
        began = bench.revise("handed", "hand")
        controller.playbook("apply").ok()
        return time.time() - began

    ours, theirs = by_turns(rounds, through_the_listener, hand)
    return compared(
        "a revision through the listener / the playbook by hand, wall", 1.1, ("listener", ours), ("by hand", theirs)
    )


def many(place: Installation) -> list[Figure]:
    """REVISIONS of DEPLOYMENTS that are always due, against so many times one alone."""
    bench = Bench(place, concurrency=0)
    names = [f"many-{number}" for number in range(DEPLOYMENTS)]
    for name in names:
        bench.revise(name)
    for name in names:
        bench.wait(name)
    before = cpu_seconds(place, bench.daemon)
    for _turn in range(ALONE):
        bench.revise(names[0])
        bench.wait(names[0])
    alone = (cpu_seconds(place, bench.daemon) - before) / ALONE
    before, began, left = cpu_seconds(place, bench.daemon), time.monotonic(), REVISIONS
    open_ones: set[str] = set()
    memory: list[int] = []
    while left or open_ones:
        for name in names:
            if name in open_ones and bench.over(name):
                open_ones.remove(name)
            if name not in open_ones and left:
                bench.revise(name)
                open_ones.add(name)
                left -= 1
        memory.append(bench.daemon.resident_memory())
        time.sleep(0.2)
    wall, together = time.monotonic() - began, cpu_seconds(place, bench.daemon) - before
    quarter = len(memory) // 4
    growth = max(memory[-quarter:]) / max(memory[: quarter * 2])
    cores = os.cpu_count() or 1
    detail = f"{together:.0f} s of CPU, {wall:.0f} s on {cores} cores; one alone {alone:.2f} s of CPU"
    what, base = f"{REVISIONS} revisions over {DEPLOYMENTS} deployments", REVISIONS * alone
    return [
        Figure(f"{what}, CPU time / {REVISIONS} x that of one", 1.1, together / base, detail),
        Figure(
            f"{what}, wall x cores / {REVISIONS} x the CPU time of one", 1.1, wall * cores / (REVISIONS * alone), detail
        ),
        Figure(
            "the listener's memory meanwhile, last quarter / first half",
            1.1,
            growth,
            f"at most {max(memory) / MIB:.0f} MiB; n={len(memory)}",
        ),
    ]


def at_rest(place: Installation) -> Figure:
    """MiB of control plane and listener that wait."""
    defaults = {"health_interval": 2, "metrics_interval": 60, "follow_logs": True, "drift_interval": 3600}
    bench = Bench(place, **defaults)
    bench.revise("rest")
    bench.wait("rest")
    time.sleep(15)  # observing has begun
    plane, own = place.plane.resident_memory() / MIB, bench.daemon.resident_memory() / MIB
    detail = f"control plane {plane:.0f} MiB, listener {own:.0f} MiB, one server observed"
    return Figure("control plane and listener at rest, resident memory in MB", 300, (plane + own) * MIB / 1e6, detail)


def cpu_seconds(place: Installation, daemon: ListenerDaemon) -> float:
    """What the whole installation has used: its processes, and those of them that have ended."""
    assert daemon.process is not None
    assert place.plane.process is not None
    roots = {daemon.process.pid, place.plane.process.pid, place.supervisor.process.pid, place.postgres.pid}
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(process.name)] = int(fields[1])
            used[int(process.name)] = sum(int(value) for value in fields[11:15])
    total = 0
    for pid, ticks in used.items():
        above = pid
        while above and above not in roots:
            above = parents.get(above, 0)
        total += ticks if above else 0
    return total / TICKS


# -- long ones ---------------------------------------------------------------------------------------------------------


def races(processes: int = 8, deployments: int = 200) -> Figure:
    """What goes wrong when they race."""
    with Installation() as place:
        found = race(place, processes, deployments)
    detail = f"{found.seconds:.0f} s; shares {found.shares}; {'; '.join(found.problems[:5]) or 'nothing'}"
    title = f"{processes} processes race for {deployments} deployments: doubled, lost or failed"
    return Figure(title, 0, float(len(found.problems)), detail)


def chaos(seed: int, rounds: int = 100) -> Figure:
    """What chaos breaks."""
    with Installation(stock=True) as place:
        found = Chaos(place, seed, rounds, stock=True).run()
    detail = f"seed {seed}, {found.seconds:.0f} s, {found.revisions} revisions, {found.claims} claims, {found.faults}"
    title = f"{rounds} rounds of chaos: doubled, lost, orphaned, half or failed"
    return Figure(title, 0, float(len(found.problems)), f"{detail}; {'; '.join(found.problems[:5]) or 'nothing'}")
