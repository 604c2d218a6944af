# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the records: what a playbook with nothing to do costs, and claims against the size of the table."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import find_owner
from tests.benchmarks.figures import Figure, by_turns, compared, percentile
from tests.support.ansible_runs import Controller
from tests.support.bulk import multiply
from tests.support.postgres import PostgresServer

MODEL = {"name": "model", "source": "external_docker", "image_uri": "example/agent:1", "env": {"MODE": "benchmark"}}
REVISIONS = 10
CLAIMS = 100
WARM_UP = 10


class Desk:
    """Databases of records on one server, and the control node that works with them."""

    def __init__(self, server: PostgresServer, home: Path) -> None:
        self.server = server
        self.home = home
        self.key_file = home / "records.key"
        self.key_file.write_text(generate_key() + "\n")
        self.key_file.chmod(0o600)

    def options(self, database: str) -> dict[str, str]:
        """Connection options of a database."""
        return {"dsn": self.server.dsn(database), "encryption_key_file": str(self.key_file)}

    @contextlib.contextmanager
    def records(self, database: str) -> Iterator[Records]:
        """The records of a database for a ``with`` block."""
        records = open_records(self.options(database))
        try:
            yield records
        finally:
            records.close()

    def database(self, deployments: int, due: bool) -> str:
        """A new database with so many deployments of REVISIONS revisions each, all of them due, or all deployed."""
        database = self.server.create_database()
        with self.records(database) as records:
            records.migrate()
            for number in range(1, REVISIONS + 1):
                records.apply_deployment({**MODEL, "message": f"revision {number}", "env": {"NUMBER": str(number)}})
                if number < REVISIONS or not due:
                    deploy(records)
        if deployments > 1:
            multiply(self.server.dsn(database), str(MODEL["name"]), deployments - 1)
        return database

    def controller(self, database: str) -> Controller:
        """A control node that reaches one host by a local connection and keeps its records in this database."""
        inventory = self.home / "inventory.json"
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory.write_text(json.dumps({"langgraph_servers": {"hosts": {"here": host}}}))
        inventory.rename(self.home / "inventory.yml")
        return Controller(
            home=self.home,
            inventory=self.home / "inventory.yml",
            variables={
                "langgraph_platform": "supervisor",
                "langgraph_records_dsn": self.server.dsn(database),
                "langgraph_encryption_key_file": str(self.key_file),
                "langgraph_root": str(self.home / "root"),
                "langgraph_supervisor_dir": str(self.home / "supervisor"),
            },
        )


def deploy(records: Records) -> None:
    """Take the due revision to DEPLOYED as a playbook does, without a server."""
    (claim,) = records.claim(owner=find_owner()[0])
    for status in ("BUILDING", "AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED"):
        records.report(claim["public"]["claim_id"], claim["public"]["epoch"], status, release=status == "DEPLOYED")


def seconds(action: Callable[[], object]) -> Callable[[], float]:
    """The action, giving how long it took."""

    def timed() -> float:
        started = time.perf_counter()
        action()
        return time.perf_counter() - started

    return timed


def nothing_due(desk: Desk, rounds: int) -> list[Figure]:
    """``apply`` with nothing due against a playbook of one module task, and with 1,000 deployments against 1."""
    ping = desk.home / "ping.yml"
    play: list[dict[str, Any]] = [
        {
            "name": "One module task",
            "hosts": "langgraph_servers",
            "gather_facts": False,
            "tasks": [{"name": "Ping", "ansible.builtin.ping": {}}],
        }
    ]
    ping.write_text(json.dumps(play))
    few, many = desk.controller(desk.database(1, due=False)), desk.controller(desk.database(1000, due=False))

    def apply(controller: Controller) -> Callable[[], float]:
        return seconds(lambda: controller.playbook("apply").ok())

    one_task = seconds(lambda: few.playbook(str(ping)).ok())
    base, with_1, with_1000 = by_turns(rounds, one_task, apply(few), apply(many))
    return [
        compared("apply with nothing due / a playbook of one module task", 1.5, ("apply", with_1), ("one task", base)),
        compared(
            "the same with 1,000 deployments in the records / with 1",
            1.2,
            ("1,000 deployments", with_1000),
            ("1 deployment", with_1),
        ),
    ]


def claim_speed(desk: Desk, rounds: int) -> list[Figure]:
    """Claims of due work, one after the other over one connection, at 10,000 deployments and at 100.

    All deployments are due, so that the queue is as long as the table. Each round starts from a fresh copy.
    """
    sizes = (100, 10_000)
    templates = {size: desk.database(size, due=True) for size in sizes}
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for turn in range(rounds):
        for size in sizes if turn % 2 else reversed(sizes):
            database = desk.server.create_database(templates[size])
            taken[size] += claim_round(desk, database)
            desk.server.drop_database(database)
    small, large = taken[sizes[0]], taken[sizes[1]]
    rates = [len(series) / sum(series) for series in (large, small)]
    p99 = [percentile(series, 0.99) for series in (large, small)]
    count = f"n={len(large)}, median {statistics.median(large) * 1000:.2f} / {statistics.median(small) * 1000:.2f} ms"
    return [
        Figure(
            "claims per second at 100 deployments / at 10,000",
            1.3,
            rates[1] / rates[0],
            f"{rates[1]:.0f} / {rates[0]:.0f} claims per s; {count}",
        ),
        Figure(
            "p99 of a claim at 10,000 deployments / at 100",
            1.3,
            p99[0] / p99[1],
            f"{p99[0] * 1000:.2f} / {p99[1] * 1000:.2f} ms; {count}",
        ),
    ]


def claim_round(desk: Desk, database: str) -> list[float]:
    """Seconds of CLAIMS - WARM_UP claims in a row."""
    owner = find_owner()[0]
    taken = []
    with desk.records(database) as records:
        for number in range(CLAIMS):
            started = time.perf_counter()
            claims = records.claim(owner=owner, limit=1)
            if number >= WARM_UP:
                taken.append(time.perf_counter() - started)
            assert len(claims) == 1, f"claim {number} of {os.path.basename(database)} gave {len(claims)}"
    return taken
