# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims under concurrency: eight processes, hundreds of deployments, holders that die: no claim twice, none lost, no
stale word kept."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _process
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, Held, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import find_owner
from tests.support.bulk import multiply

from .conftest import OWNER, Backstage, claim, create, key_of, update

WORKERS = 8
DEPLOYMENTS = 240
_FORK = multiprocessing.get_context("fork")


def me() -> Any:
    """This very process as an owner."""
    pid = os.getpid()
    return {**find_owner()[0], "pid": pid, "start_time": _process.start_time(pid), "label": f"worker {pid}"}


def work(params: dict[str, str], done: Any, deadline: float, careless: bool) -> None:
    """Claim, work and report until nothing is left; a careless worker dies in the middle of some of its work."""
    records, owner, dice = open_records(params), me(), random.Random(os.getpid())
    idle = 0
    while idle < 6 and time.time() < deadline:
        claims = records.claim(owner=owner, limit=dice.randint(1, 3))
        idle = 0 if claims else idle + 1
        if not claims:
            time.sleep(0.1)
        for claimed in claims:
            public = claimed["public"]
            assert public["revision"] is not None
            if careless and dice.random() < 0.1:
                records.report(*key_of(claimed), "DEPLOYING")
                os.kill(os.getpid(), signal.SIGKILL)
            records.place(*key_of(claimed), f"host-{dice.randint(1, 3)}", [{"role": "api", "slot": "blue"}])
            records.report(*key_of(claimed), "DEPLOYED", url=f"http://{owner['pid']}", release=True)
            done.put((public["deployment"]["id"], public["revision"]["id"], public["epoch"]))
    records.close()


@pytest.mark.parametrize("careless", [False, True], ids=["orderly", "killed"])
def test_no_claim_twice_and_none_lost(
    records: Records, backstage: Backstage, options: dict[str, Any], careless: bool
) -> None:
    create(records, env={"A": "1"}, secrets={"K": "v"})
    multiply(backstage.dsn, "chat", DEPLOYMENTS - 1)
    deadline = time.time() + 90
    done = _FORK.Queue()
    workers = [
        _FORK.Process(target=work, args=(options, done, deadline, careless and n < WORKERS - 2)) for n in range(WORKERS)
    ]
    finished: list[Any] = []
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers) or not done.empty():
        while not done.empty():
            finished.append(done.get())
        time.sleep(0.05)
    for worker in workers:
        worker.join()
    killed = sum(worker.exitcode == -signal.SIGKILL for worker in workers)
    assert all(worker.exitcode in (0, -signal.SIGKILL) for worker in workers)
    assert bool(killed) == careless
    # Each revision was deployed exactly once. (What a killed one had still in its queue is not told, so the
    # records count.)
    assert len({revision for _deployment, revision, _epoch in finished}) == len(finished)
    assert careless or len(finished) == DEPLOYMENTS
    rows = backstage.rows("select status, timings from control_plane.revisions")
    assert len(rows) == DEPLOYMENTS
    assert {row["status"] for row in rows} == {"DEPLOYED"}
    reports = backstage.rows(
        "select record_id from control_plane.audit_entries where action = 'report' and after ->> 'status' = 'DEPLOYED'"
    )
    assert len(reports) == len({row["record_id"] for row in reports}) == DEPLOYMENTS
    # Every claim has an epoch of its own, growing by one; one claim a deployment, and one more for each death
    # in the middle.
    claims = backstage.rows(
        "select deployment_id, array_agg(epoch order by epoch) as epochs from control_plane.claims group by 1"
    )
    assert all(row["epochs"] == list(range(1, len(row["epochs"]) + 1)) for row in claims)
    assert len(claims) == DEPLOYMENTS
    assert sum(len(row["epochs"]) for row in claims) - DEPLOYMENTS >= killed
    taken_over = backstage.rows("select 1 from control_plane.audit_entries where action = 'takeover'")
    assert bool(taken_over) == careless
    ports = backstage.rows("select host_key, port from control_plane.placements")
    assert len({(row["host_key"], row["port"]) for row in ports}) == len(ports)
    assert records.claim(owner=OWNER) == []


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """Results (or errors) of calls that begin at once."""
    results: list[Any] = []
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_of_many_gets_a_named_deployment(records: Records, open_again: Callable[..., Records]) -> None:
    create(records)
    for epoch in range(1, 6):
        many = [open_again() for _number in range(6)]
        results = in_threads(*(lambda r=one: r.claim(["chat"], owner=OWNER) for one in many))  # type: ignore[misc]  # a default that binds the loop variable
        won = [result for result in results if isinstance(result, list)]
        assert len(won) == 1
        assert all(isinstance(result, Held) for result in results if result not in won)
        assert won[0][0]["public"]["epoch"] == epoch
        records.report(*key_of(won[0][0]), release=True)
        for one in many:
            one.close()


def take_over(records: Records) -> Claim:
    """Claim `chat` from whoever has it."""
    return records.claim(["chat"], owner=OWNER, takeover=True)[0]


def test_takeovers_at_once_leave_one_holder(records: Records, open_again: Callable[..., Records]) -> None:
    create(records)
    many = [open_again() for _number in range(6)]
    results = in_threads(*(partial(take_over, one) for one in many))
    assert sorted(result["public"]["epoch"] for result in results) == [1, 2, 3, 4, 5, 6]
    newest = max(results, key=lambda result: result["public"]["epoch"])
    for result in results:
        if result is newest:
            records.renew(*key_of(result))
        else:
            with pytest.raises(StaleClaim):
                records.report(*key_of(result), "DEPLOYED")


def test_creates_updates_and_ports_at_once(
    records: Records, backstage: Backstage, open_again: Callable[..., Records]
) -> None:
    many = [open_again() for _number in range(6)]
    made = in_threads(*(partial(one.apply_deployment, {"name": "chat", "image_uri": "a/b:1"}) for one in many))
    assert all(
        isinstance(result, Conflict) or not result["changed"] or result["revision"]["number"] == 1 for result in made
    )
    assert len(records.deployments()) == 1
    in_threads(*(partial(update, one, env={"A": str(number)}) for number, one in enumerate(many)))
    statuses = [revision["status"] for revision in records.revisions("chat")]
    assert statuses == ["QUEUED"] + ["SKIPPED"] * 6
    for number in range(6):
        create(records, f"other-{number}")
    claims = [claim(records, f"other-{number}") for number in range(6)]
    wanted: Any = [{"role": "queue", "slot": f"blue-{number}"} for number in range(10)]
    placed = in_threads(
        *(
            lambda r=one, c=claimed: r.place(*key_of(c), "host", wanted)
            for one, claimed in zip(many, claims, strict=True)
        )  # type: ignore[misc]  # a default that binds the loop variable
    )
    ports = [port for result in placed for port in result["queue"].values()]
    assert sorted(ports) == list(range(22000, 22060))
