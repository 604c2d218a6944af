# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes of one listener race for deployments that are due at once; real claims, playbooks, processes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg

from tests.support.installation import FINAL, GRAPHS, LISTENER, Installation, tails, until
from tests.support.starts import doubles

SECONDS_EACH = 15.0  # more than one deployment takes, for the deadline alone


@dataclass
class Race:
    """What came of it. ``problems`` is to be empty."""

    processes: int
    deployments: int
    seconds: float = 0.0
    shares: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def race(place: Installation, processes: int, deployments: int) -> Race:
    """Let them race, and count."""
    found = Race(processes, deployments)
    source = place.store(GRAPHS / "small")
    place.listen(processes, concurrency=1)
    began = time.monotonic()
    with place.records() as records:
        for number in range(deployments):
            desired = {"name": f"race-{number}", "source": "internal_source", "source_sha256": source}
            records.apply_deployment({**desired, "flavour": "small", "listener": LISTENER, "env": {"MARK": "1"}})

    def done() -> bool:
        made = place.deployments()
        return len(made) == deployments and all(
            one["latest_revision_status"] in FINAL and not one["claim"]["held"] for one in made
        )

    until(done, 60 + SECONDS_EACH * deployments, "all are final", lambda: tails(place.daemons, 1500))
    found.seconds = time.monotonic() - began
    _check(place, found)
    return found


def _check(place: Installation, found: Race) -> None:
    """Each deployment was claimed once, by one process, and its servers were started once."""
    problems = found.problems
    begun = [Counter(line["deployment"] for line in daemon.lines("work begins")) for daemon in place.daemons]
    found.shares = [claims.total() for claims in begun]
    names = sum(begun, Counter())
    problems += [f"{name} was begun {count} times" for name, count in names.items() if count > 1]
    if 0 in found.shares:
        problems.append(f"a process did nothing: {found.shares}")
    with psycopg.connect(place.plane.dsn) as records:
        rows = records.execute("select d.name, d.epoch from control_plane.deployments d where d.epoch <> 1").fetchall()
        claims = records.execute("select count(*) from control_plane.claims").fetchone()
    problems += [f"{name} was claimed {epoch} times" for name, epoch in rows]
    if claims is None or claims[0] != found.deployments:
        problems.append(f"{claims} claims were made of {found.deployments} deployments")
    for deployment in place.deployments():
        name, revisions = deployment["name"], place.revisions(deployment["id"])
        if [revision["status"] for revision in revisions] != ["DEPLOYED"]:
            problems.append(f"{name}: {[(one['status'], one['cause']) for one in revisions]}")
        starts = place.starts(deployment["slug"])
        problems += [f"{name}: {sentence}" for sentence in doubles(starts, revisions)]
        if [(start.role, start.slot) for start in starts] != [("api", "blue"), ("queue", "blue-1")]:
            problems.append(f"{name} was started as {starts}")
