# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging that is overtaken, doubled, stopped or killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.staging import GRAPH, StageHost, processes_below, project, until

First = tuple[str, dict[str, Any], Path]
SLOW = project(**{"agent.py": "import os, time\ntime.sleep(float(os.environ.get('WAIT', '0')))\n" + GRAPH})


def test_stale_claim_is_refused(host: StageHost, first: First) -> None:
    slug = host.slug("fence")
    assert host.stage(slug, 1, None, epoch=7)["needs_source"]
    found = host.refused(slug, 1, first[2], epoch=6)
    assert found["msg"] == (
        f"The claim on {slug} with epoch 6 is stale: this host has seen epoch 7; "
        "leave it to the newer run or claim again."
    )
    assert (found["epoch"], found["host_epoch"]) == (6, 7)
    found = host.refused(slug, 1, first[2])
    assert found["msg"].startswith(f"{slug} is worked on by claims (epoch 7); use the playbooks, or remove ")
    assert host.run("server_stage", {**host.parameters(slug, 1, first[2], epoch=6), "_ansible_check_mode": True})[
        "failed"
    ]
    assert (host.home(slug) / "epoch").read_text() == "7\n"


def test_overtaken_while_it_works(host: StageHost, first: First) -> None:
    """A newer claim raises the epoch, the older run gives up before it puts anything in place."""
    slug = host.slug("over")
    older = host.start(
        "server_stage", host.parameters(slug, 1, SLOW, epoch=1, env={"WAIT": "3"}, lock=first[1]["lock"])
    )
    assert until(lambda: any((host.home(slug) / "revisions").glob(".1.tmp-*/venv")))
    newer = host.run("server_stage", host.parameters(slug, 1, SLOW, epoch=2, env={"WAIT": "0"}, lock=first[1]["lock"]))
    assert newer["staged"], newer
    found = older.wait()
    assert found["failed"]
    assert "with epoch 1 is stale: this host has seen epoch 2" in found["msg"]
    assert json.loads((host.revision(slug, 1) / "env.json").read_text())["WAIT"] == "0"
    assert host.leftovers(slug) == []


def test_two_at_once(host: StageHost, first: First) -> None:
    slug, number = first[0], 20
    parameters = host.parameters(slug, number, SLOW, env={"WAIT": "2"})
    one = host.start("server_stage", parameters)
    assert until(lambda: any((host.home(slug) / "revisions").glob(".20.tmp-*")))
    busy = host.run("server_stage", {**parameters, "wait_lock": 0})
    assert busy["failed"]
    assert busy["msg"].startswith(f"{slug} is worked on by process {one.popen.pid} (epoch None, since 20")
    two = host.start("server_stage", parameters)
    assert (one.wait()["changed"], two.wait()["changed"]) == (True, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped(host: StageHost, first: First, number: signal.Signals) -> None:
    slug = first[0]
    process = host.start("server_stage", host.parameters(slug, 30, SLOW, env={"WAIT": "60"}))
    drafts = host.home(slug) / "revisions"
    assert until(lambda: any(drafts.glob(".30.tmp-*/venv/bin/python")))
    time.sleep(1)
    process.signal(number)
    found = process.wait(timeout=20)
    assert found["msg"] == f"Staging revision 30 of {slug} was stopped by {number.name}; run it again."
    assert host.leftovers(slug) == []
    assert processes_below(drafts / ".30.tmp-") == []


STEPS = [
    "",
    "/source",
    "/source/agent.py",
    "/tmp/build/agent.py",
    "/venv",
    "/venv/bin/python",
    "/env.json",
    "/meta.json",
]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_converges(host: StageHost, first: First, step: str) -> None:
    slug, number = first[0], 40 + STEPS.index(step)
    parameters = host.parameters(slug, number, SLOW, env={"WAIT": "0.2"})
    drafts = host.home(slug) / "revisions"
    process = host.start("server_stage", parameters)
    until(lambda: any(drafts.glob(f".{number}.tmp-*{step}")) or process.popen.poll() is not None)
    process.kill()
    assert until(lambda: not processes_below(drafts / f".{number}.tmp-")), "children die with the module"
    assert host.revision(slug, number).exists() in (False, (host.revision(slug, number) / "meta.json").exists())
    found = host.run("server_stage", parameters)
    assert found["staged"], found
    assert host.leftovers(slug) == []
    assert host.run("server_stage", parameters)["changed"] is False


def test_killed_while_it_fills_the_cache(host: StageHost, first: First) -> None:
    """A cold cache, in which uv unpacks and links packages when the module dies."""
    root = host.root.parent / "cold"
    parameters = host.parameters(host.slug("cold"), 1, SLOW, root=str(root), lock=first[1]["lock"])
    process = host.start("server_stage", parameters)
    site = f"{parameters['slug']}/revisions/.1.tmp-*/venv/lib/*/site-packages/*"
    assert until(lambda: any(root.glob(site)), timeout=60)
    process.kill()
    assert until(lambda: not processes_below(root))
    found = host.run("server_stage", parameters)
    assert found["staged"], found
    assert [path.name for path in (root / parameters["slug"] / "revisions").iterdir()] == ["1"]


def test_many_deployments_at_once_share_the_cache(host: StageHost, first: First) -> None:
    slugs = [host.slug(f"many{i}") for i in range(3)]
    found: dict[str, Any] = {}

    def work(slug: str) -> None:
        found[slug] = host.stage(slug, 1, first[2], lock=first[1]["lock"])

    threads = [threading.Thread(target=work, args=(slug,)) for slug in slugs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[slug].get("staged") for slug in slugs), found
    assert all(os.access(host.revision(slug, 1) / "venv/bin/python", os.X_OK) for slug in slugs)
