# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the stock CLI finds the control plane and who it is there; what it says when either is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from tests.integration.clients.conftest import Team
from tests.support.cli import StockCli
from tests.support.ports import free_port


def test_a_wrong_key(cli: StockCli) -> None:
    said = cli.run("deploy", "list", LANGSMITH_API_KEY="wrong-key-canary").failed()
    assert "GET /v2/deployments failed with status 401" in said
    assert "wrong-key-canary" not in said


def test_no_key(cli: StockCli, project: Callable[..., Path]) -> None:
    words = ("deploy", "--remote", "--no-input", "--name", "chat")
    assert "No LangSmith API key found" in cli.run(*words, cwd=project(), LANGSMITH_API_KEY=None).failed()
    assert "Aborted" in cli.run("deploy", "list", LANGSMITH_API_KEY=None).failed()


def test_a_key_that_may_only_look(cli: StockCli, team: Team, project: Callable[..., Path]) -> None:
    made = team.image("chat")
    viewer = dataclasses.replace(cli, key=team.make_key(role="viewer"))
    assert [row[1] for row in viewer.run("deploy", "list").ok().rows()] == ["chat"]
    assert "failed with status 403" in viewer.run("deploy", "delete", "--force", made["id"]).failed()
    words = ("deploy", "--remote", "--no-input", "--name", "other")
    assert "POST /v2/deployments failed with status 403" in viewer.run(*words, cwd=project()).failed()


def test_a_key_that_was_revoked(cli: StockCli, team: Team) -> None:
    body = {"name": "short-lived", "role": "viewer"}
    made = team.http.post("/v2/api-keys", json=body).raise_for_status().json()
    member = dataclasses.replace(cli, key=made["key"])
    member.run("deploy", "list").ok()
    team.http.delete("/v2/api-keys/short-lived").raise_for_status()
    assert "failed with status 401" in member.run("deploy", "list").failed()


def test_a_key_of_the_organization_names_its_workspace(cli: StockCli, team: Team, project: Callable[..., Path]) -> None:
    team.image("chat")
    key = team.make_key_of_the_organization()
    words = ("deploy", "--remote", "--no-input", "--no-wait", "--name", "chat")
    said = cli.run(*words, cwd=project(), LANGSMITH_API_KEY=key).failed()
    assert "API key is org-scoped and requires a workspace ID" in said
    done = cli.answer(f"{team.id}\n", "deploy", "list", LANGSMITH_API_KEY=key).ok()
    assert "Your API key is org-scoped and requires a workspace ID." in done.out
    assert "chat" in done.out
    named = cli.run("deploy", "list", LANGSMITH_API_KEY=key, LANGSMITH_TENANT_ID=team.id).ok()
    assert [row[1] for row in named.rows()] == ["chat"]


def test_another_workspace_is_not_for_this_key(cli: StockCli, team: Team) -> None:
    foreign = "00000000-0000-4000-8000-000000000001"
    said = cli.run("deploy", "list", LANGSMITH_TENANT_ID=foreign).failed()
    assert "failed with status 403" in said


def test_the_address_from_the_endpoint_of_the_product(cli: StockCli, team: Team) -> None:
    team.image("chat")
    root = team.plane.url.removesuffix("/api-host")
    for endpoint in (root, f"{root}/api", f"{root}/api/v1", f"{root}/api/v1/"):
        done = cli.run("deploy", "list", LANGGRAPH_HOST_URL=None, LANGSMITH_ENDPOINT=endpoint).ok()
        assert [row[1] for row in done.rows()] == ["chat"]
    assert "chat" in cli.run("deploy", "list", LANGGRAPH_HOST_URL=root).ok().out


def test_nobody_is_there(cli: StockCli) -> None:
    said = cli.run("deploy", "list", LANGGRAPH_HOST_URL=f"http://127.0.0.1:{free_port()}/api-host").failed()
    assert "Connection refused" in said


def test_a_path_that_is_not_the_control_plane(cli: StockCli, team: Team) -> None:
    root = team.plane.url.removesuffix("/api-host")
    assert "failed with status 404" in cli.run("deploy", "list", LANGGRAPH_HOST_URL=f"{root}/other").failed()
