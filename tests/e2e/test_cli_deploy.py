# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stock CLI against a whole installation: its deploy is recorded, a playbook applies it, a real server answers.

`apply` reaches the records as the CLI does, by the address of the control plane and a key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.conversation import converse
from tests.e2e.stack import AGENT, Stack, config, copy_graph
from tests.support.cli import NEWEST, OLDEST, Running, StockCli
from tests.support.control_plane import ControlPlane, running_control_plane

pytestmark = pytest.mark.supervisor

WORK_LOG = {"ANSIBLE_CALLBACKS_ENABLED": "selfhosted.langgraph.work_log"}


@pytest.fixture(scope="module")
def plane(supervisor: Stack, key_file: Path) -> Iterator[ControlPlane]:
    """The service on the records of the installation."""
    with running_control_plane(supervisor.records_options["dsn"], key_file) as running:
        yield running


@pytest.fixture(scope="module")
def stack(supervisor: Stack, plane: ControlPlane) -> Stack:
    """The installation as a control node sees it that knows the API alone."""
    own = ("langgraph_records_dsn", "langgraph_encryption_key_file")
    variables = {key: value for key, value in supervisor.controller.variables.items() if key not in own}
    variables |= {"langgraph_api_url": plane.url, "langgraph_api_key": plane.key}
    controller = dataclasses.replace(supervisor.controller, variables=variables, env=WORK_LOG)
    options = {"api_url": plane.url, "api_key": plane.key}
    return dataclasses.replace(supervisor, records_options=options, controller=controller)


def deploy(cli: StockCli, folder: Path) -> Running:
    """Begin a deploy; gives it back once it waits."""
    call = cli.start("deploy", "--remote", "--no-input", "--name", "stock", cwd=folder)
    call.until("View status", 60)
    return call


def test_deploy_again_break_and_delete(stack: Stack, plane: ControlPlane, tmp_path: Path) -> None:
    old, new = (StockCli(version, tmp_path / "home", plane.url, plane.key) for version in (OLDEST, NEWEST))

    first = deploy(old, copy_graph(AGENT, tmp_path / "one"))
    assert stack.apply().ok().changed > 0
    done = first.wait(30).ok()
    url = stack.url("stock")
    assert f"URL: {url}" in done.out
    converse(url)

    second = deploy(new, copy_graph(AGENT, tmp_path / "two", langgraph__json=agent_config(GREETING="hello")))
    stack.apply().ok()
    assert f"URL: {url}" in second.wait(30).ok().out
    record = stack.record("stock")
    assert (record["active_revision_number"], record["env"]) == (2, {})
    assert record["secrets"].keys() == {"GREETING"}
    converse(url)
    rows = new.run("deploy", "revisions", "list", record["id"]).ok().rows()
    assert [row[1] for row in rows] == ["DEPLOYED", "REPLACED"]
    assert [row[1:] for row in new.run("deploy", "list", "--name-contains", "stock").ok().rows()] == [["stock", url]]
    logs = new.run("deploy", "logs", "--name", "stock", "--type", "build").ok().out
    assert "Stage the revision" in logs

    broken = deploy(new, copy_graph(AGENT, tmp_path / "three", **{"agent/graph.py": "import numpyy\n"}))
    assert "numpyy" in stack.apply().failed()
    failure = broken.wait(30)
    assert failure.rc == 1, failure.text
    lines = [line.strip() for line in failure.out.partition("Last build log lines:")[2].splitlines()]
    assert "| Traceback (most recent call last):" in lines
    assert (
        "| Graph agent cannot be imported: ModuleNotFoundError: No module named 'numpyy' (agent/graph.py:1)." in lines
    )
    revision = stack.revision("stock")
    assert revision["status"] == "BUILD_FAILED"
    assert revision["log_tail"].startswith("Traceback (most recent call last):\n")
    converse(url)

    assert f"Deleted deployment {record['id']}." in new.run("deploy", "delete", "--force", record["id"]).ok().out
    stack.apply().ok()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/ok", timeout=5)
    assert "No deployments found." in new.run("deploy", "list", "--name-contains", "stock").ok().out
    assert "failed with status 404" in new.run("deploy", "delete", "--force", record["id"]).failed()


def agent_config(**env: str) -> str:
    """The agent's langgraph.json with variables in it."""
    return config(dependencies=["."], graphs={"agent": "./agent/graph.py:graph"}, env=env)
