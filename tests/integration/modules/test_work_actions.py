# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""work_claim, work_source and work_report by ansible-playbook: done on the controller, as a module would do it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.modules.test_playbooks import CLAIM, ONE, report
from tests.integration.modules.test_references import IN_ENV, deploy

Call = Callable[..., dict[str, Any]]
VALUE = "canary-of-actions-1234"
AWAY = "192.0.2.1"  # of a network for documentation: nobody answers


@pytest.fixture
def chat(ok: Call, source: Path) -> None:
    """A deployment that is due and refers to a variable of the controller."""
    deploy(ok, source, IN_ENV)


def results(output: str) -> dict[str, dict[str, Any]]:
    """Result of each task of a run whose output is JSON."""
    tasks = json.loads(output)["plays"][0]["tasks"]
    return {task["task"]["name"]: next(iter(task["hosts"].values())) for task in tasks}


def test_a_host_that_is_away_does_not_matter(playbook: Any, chat: None, ok: Call) -> None:
    playbook.env["ANSIBLE_CALLBACKS_ENABLED"] = "selfhosted.langgraph.work_log"
    environment = {IN_ENV["secret_key"]: VALUE}
    tasks = [
        {**CLAIM, "environment": environment},
        {"name": "Source", "selfhosted.langgraph.work_source": {"claim_file": ONE}, "register": "source"},
        report("Deploying", status="DEPLOYING", host_key="h", queue_count=1),
        report("Deployed", status="DEPLOYED", url="http://h/chat", release=True),
    ]
    run = playbook.run(tasks, "-e", f"ansible_connection=ssh ansible_host={AWAY} ansible_become=true", "-vvv")
    assert run.returncode == 0, run.stdout + run.stderr
    assert VALUE not in run.stdout + run.stderr
    (revision,) = ok("revision_info", deployment="chat", number=1, logs="deploy")["revisions"]
    assert revision["status"] == "DEPLOYED"
    assert [line["message"] for line in revision["logs"]] == ["Deployed: changed on localhost"]


def test_what_is_wrong_is_said_as_by_a_module(playbook: Any, chat: None) -> None:
    playbook.env["ANSIBLE_STDOUT_CALLBACK"] = "ansible.posix.json"
    gone = {"claim_file": "/nowhere/claim.json"}
    tasks = [
        {**CLAIM, "ignore_errors": True},
        {"name": "Unknown", "selfhosted.langgraph.work_report": {**gone, "claim": "x"}, "ignore_errors": True},
        {"name": "Lacking", "selfhosted.langgraph.work_source": {}, "ignore_errors": True},
        {"name": "No choice", "selfhosted.langgraph.work_report": {**gone, "status": "DONE"}, "ignore_errors": True},
        {"name": "Gone", "selfhosted.langgraph.work_source": gone, "ignore_errors": True},
    ]
    run = playbook.run(tasks)
    said = results(run.stdout)
    assert said["Claim"]["claims"] == []
    assert IN_ENV["secret_key"] in said["Claim"]["refused"][0]["cause"]
    assert "cannot be applied" in said["Claim"]["warnings"][0]
    assert "Supported parameters include" in said["Unknown"]["msg"]
    assert "claim_file" in said["Lacking"]["msg"]
    assert "value of status must be one of" in said["No choice"]["msg"]
    assert said["Gone"]["msg"].startswith("Claim file /nowhere/claim.json is gone")
    assert said["Gone"]["code"] == "invalid_input"
    assert [name for name, result in said.items() if result.get("failed")] == [
        "Unknown",
        "Lacking",
        "No choice",
        "Gone",
    ]


def test_options_of_the_connection_are_in_no_result(playbook: Any, chat: None, connection: dict[str, str]) -> None:
    secret = connection.get("api_key") or connection["dsn"]
    task = {**CLAIM, "selfhosted.langgraph.work_claim": {**connection, "listener": secret}, "ignore_errors": True}
    run = playbook.run([task], "-vvvv")
    assert "ignored=1" in run.stdout
    assert secret not in run.stdout + run.stderr
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in run.stdout + run.stderr
