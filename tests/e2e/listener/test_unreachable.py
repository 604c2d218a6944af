# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that cannot be reached fails what is to be done there, by its name; nothing else, and not for ever."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.support.installation import FINAL, GRAPHS, Installation, until

AWAY = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


def reached(place: Installation, reachable: bool) -> None:
    """Let the listener's inventory say how the host far is reached."""
    inventory = json.loads(place.inventory.read_text())
    here = inventory["langgraph_servers"]["hosts"]["here"]
    # Another directory: as far as anybody can see, another host.
    far = {**here, "langgraph_root": str(place.base / "far"), **({} if reachable else AWAY)}
    place.inventory.write_text(json.dumps({**inventory, "rack": {"hosts": {"far": far}}}))


def read_again(place: Installation, reachable: bool) -> None:
    """The same while the listener runs."""
    daemon = place.daemons[0]
    before = len(daemon.lines("settings taken"))
    reached(place, reachable)
    daemon.send(signal.SIGHUP)
    until(lambda: len(daemon.lines("settings taken")) > before, 30, "the inventory is read")


def final(place: Installation, deployment_id: str, number: int = 1) -> dict[str, Any]:
    """A revision once it is final."""

    def found() -> dict[str, Any] | None:
        revision = place.revisions(deployment_id)[number - 1]
        return revision if revision["status"] in FINAL else None

    revision = until(found, 120, f"revision {number} is final", lambda: place.daemons[0].log[-3000:])
    assert revision is not None
    return revision


def record(place: Installation, name: str) -> dict[str, Any] | None:
    """What is said of a deployment, while there is one."""
    return next((one for one in place.deployments() if one["name"] == name), None)


@pytest.mark.timeout(480)
def test_a_host_that_cannot_be_reached() -> None:
    with Installation() as place:
        reached(place, False)
        place.listen(1, retries=0)
        desired = {"source": "internal_source", "source_sha256": place.store(GRAPHS / "small"), "flavour": "small"}
        with place.records() as records:
            far = records.apply_deployment({**desired, "name": "far", "k8s_namespace": "rack"})["deployment"]["id"]
            near = records.apply_deployment({**desired, "name": "near"})["deployment"]["id"]
        assert final(place, near)["status"] == "DEPLOYED"
        failed = final(place, far)
        assert failed["status"] == "BUILD_FAILED"
        assert "The host far cannot be reached" in failed["cause"]

        # It comes back, and serves.
        read_again(place, True)
        with place.records() as records:
            records.apply_deployment({**desired, "name": "far", "env": {"MARK": "2"}})
        assert final(place, far, 2)["status"] == "DEPLOYED"
        slug = next(one["slug"] for one in place.deployments() if one["name"] == "far")
        home = place.base / "far" / slug
        assert (home / "revisions").is_dir()

        # It goes away again: what is on it cannot be removed, and the record stays and says so.
        read_again(place, False)
        with place.records() as records:
            records.delete_deployment(far)
            records.delete_deployment(near)
        cause = str(until(lambda: (record(place, "far") or {}).get("cause"), 120, "the deletion fails"))
        assert "The host far cannot be reached" in cause
        until(lambda: record(place, "near") is None, 120, "the other one goes")
        assert (home / "revisions").is_dir()

        # And back: deleting once more does the rest.
        read_again(place, True)
        with place.records() as records:
            records.delete_deployment(far)
        until(lambda: record(place, "far") is None, 120, "the record goes", lambda: place.daemons[0].log[-3000:])
        assert not (home / "revisions").exists()
