# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stock CLI against a whole installation: it deploys, updates, follows logs and deletes.

Nothing runs but the control plane and the listener: nobody starts a playbook.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import LOCAL
from tests.e2e.conversation import converse
from tests.e2e.stack import AGENT, Stack, config, copy_graph
from tests.support.cli import NEWEST, OLDEST, Running, StockCli
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.listener import ListenerDaemon, running_listener

pytestmark = pytest.mark.supervisor

OF_RECORDS = ("langgraph_records_dsn", "langgraph_encryption_key_file", "langgraph_hosts")


@pytest.fixture(scope="module")
def plane(supervisor: Stack, key_file: Path) -> Iterator[ControlPlane]:
    """The service on the records of the installation."""
    with running_control_plane(supervisor.records_options["dsn"], key_file) as running:
        yield running


@pytest.fixture(scope="module")
def listener(
    supervisor: Stack, plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ListenerDaemon]:
    """A listener that knows the API, its key, and an inventory with the one host."""
    plane.ask("POST", "/v2/listeners", {"compute_type": "hosts", "compute_id": "here", "compute_config": {}})
    variables = supervisor.controller.variables
    host = {**LOCAL, **{name: value for name, value in variables.items() if name not in OF_RECORDS}}
    inventory = tmp_path_factory.mktemp("listener") / "inventory.json"
    inventory.write_text(json.dumps({"langgraph_servers": {"hosts": {"here": host}}}))
    with running_listener(plane.url, plane.make_key("here", "listener", listener="here"), inventory) as running:
        yield running


def deploy(cli: StockCli, folder: Path) -> Running:
    """Begin a deploy; gives it back once it waits."""
    call = cli.start("deploy", "--remote", "--no-input", "--name", "stock", cwd=folder)
    call.until("View status", 60)
    return call


def record(plane: ControlPlane) -> dict[str, Any]:
    """The deployment as the API has it."""
    found: dict[str, Any] = plane.ask("GET", "/v2/deployments?name=stock")["resources"][0]
    return found


@pytest.mark.timeout(600)
def test_deploy_again_follow_break_and_delete(plane: ControlPlane, listener: ListenerDaemon, tmp_path: Path) -> None:
    old, new = (StockCli(version, tmp_path / "home", plane.url, plane.key) for version in (OLDEST, NEWEST))

    done = deploy(old, copy_graph(AGENT, tmp_path / "one")).wait(120).ok()
    url = record(plane)["url"]
    assert f"URL: {url}" in done.out
    converse(url)

    follower = new.start("deploy", "logs", "--name", "stock", "-f")
    second = deploy(new, copy_graph(AGENT, tmp_path / "two", langgraph__json=agent_config(GREETING="hello")))
    assert f"URL: {url}" in second.wait(120).ok().out
    made = record(plane)
    assert made["host"] == "here"
    assert [secret["name"] for secret in made["secrets"]] == ["GREETING"]
    rows = new.run("deploy", "revisions", "list", made["id"]).ok().rows()
    assert [row[1] for row in rows] == ["DEPLOYED", "REPLACED"]
    assert [row[1:] for row in new.run("deploy", "list", "--name-contains", "stock").ok().rows()] == [["stock", url]]
    logs = new.run("deploy", "logs", "--name", "stock", "--type", "build").ok().out
    assert "Stage the revision" in logs
    converse(url)
    follower.until("Background run succeeded", 60)  # a line of the server itself
    follower.stop(signal.SIGINT)
    assert "Stopped." in follower.wait().ok().out

    broken = deploy(new, copy_graph(AGENT, tmp_path / "three", **{"agent/graph.py": "import numpyy\n"}))
    failure = broken.wait(120)
    assert failure.rc == 1, failure.text
    lines = [line.strip() for line in failure.out.partition("Last build log lines:")[2].splitlines()]
    assert "| Traceback (most recent call last):" in lines
    assert (
        "| Graph agent cannot be imported: ModuleNotFoundError: No module named 'numpyy' (agent/graph.py:1)." in lines
    )
    revision = plane.ask("GET", f"/v2/deployments/{made['id']}/revisions")["resources"][0]
    assert revision["status"] == "BUILD_FAILED"
    assert revision["log_tail"].startswith("Traceback (most recent call last):\n")
    converse(url)

    assert f"Deleted deployment {made['id']}." in new.run("deploy", "delete", "--force", made["id"]).ok().out
    deadline = time.monotonic() + 120
    while "No deployments found." not in new.run("deploy", "list", "--name-contains", "stock").ok().out:
        assert time.monotonic() < deadline, listener.log[-4000:]
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/ok", timeout=5)
    assert "failed with status 404" in new.run("deploy", "delete", "--force", made["id"]).failed()


def agent_config(**env: str) -> str:
    """The agent's langgraph.json with variables in it."""
    return config(dependencies=["."], graphs={"agent": "./agent/graph.py:graph"}, env=env)
