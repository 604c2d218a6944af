# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`langgraph deploy list | revisions list | listeners list | delete` of the stock CLI."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.integration.clients.conftest import Team
from tests.support.cli import NEWEST, OLDEST, StockCli

URL = "https://agents.example/one"
PAGE = 20  # the contract's default page: version 0.4.34 asks for one, later ones for all


def test_list(cli: StockCli, team: Team) -> None:
    assert "No deployments found." in cli.run("deploy", "list").ok().out
    ids = {name: team.image(name)["id"] for name in ("one", "two-of-one", "three")}
    team.work("one").deploy(URL)
    rows = cli.run("deploy", "list").ok().rows()
    assert sorted(rows) == sorted(
        [[ids["one"], "one", URL], [ids["two-of-one"], "two-of-one", "-"], [ids["three"], "three", "-"]]
    )
    rows = cli.run("deploy", "list", "--name-contains", "one").ok().rows()
    assert {row[1] for row in rows} == {"one", "two-of-one"}
    assert "No deployments found." in cli.run("deploy", "list", "--name-contains", "nothing").ok().out


@pytest.mark.parametrize("version", [NEWEST])
def test_list_as_json(cli: StockCli, team: Team) -> None:
    assert json.loads(cli.run("deploy", "list", "--json").ok().out) == []
    made = team.image("one")
    assert json.loads(cli.run("deploy", "list", "--json").ok().out) == [{"id": made["id"], "name": "one"}]


def test_list_of_more_than_a_page(cli: StockCli, team: Team) -> None:
    names = {team.image(f"agent-{number:03}")["name"] for number in range(130)}
    listed = [row[1] for row in cli.run("deploy", "list").ok().rows()]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= names
    assert len(listed) == (PAGE if cli.version == OLDEST else len(names))


def test_revisions_list(cli: StockCli, team: Team) -> None:
    made = team.image("chat")
    team.work().deploy(URL)
    for number in (1, 2, 3):
        body = {"source_revision_config": {"image_uri": f"registry.example/agent@sha256:{number:064}"}}
        team.http.patch(f"/v2/deployments/{made['id']}", json=body).raise_for_status()
        if number < 3:
            team.work().deploy(URL)
    rows = cli.run("deploy", "revisions", "list", made["id"]).ok().rows()
    assert [row[1] for row in rows] == ["QUEUED", "DEPLOYED", "REPLACED", "REPLACED"]
    assert [row[0] for row in rows] == [revision["id"] for revision in team.revisions(made["id"])]
    assert len(cli.run("deploy", "revisions", "list", "--limit", "2", made["id"]).ok().rows()) == 2
    assert "failed with status 404" in cli.run("deploy", "revisions", "list", str(uuid.uuid4())).failed()
    assert "failed with status 422" in cli.run("deploy", "revisions", "list", "chat").failed()
    assert "failed with status 422" in cli.run("deploy", "revisions", "list", "--limit", "0", made["id"]).failed()


def test_revisions_list_of_a_deployment_without_one(cli: StockCli, team: Team) -> None:
    body = {"name": "chat", "source": "internal_source", "source_config": {}, "source_revision_config": {}}
    made = team.http.post("/v2/deployments", json={**body, "secrets": []}).raise_for_status().json()
    assert "No revisions found" in cli.run("deploy", "revisions", "list", made["id"]).ok().out


def test_listeners_list(cli: StockCli, team: Team) -> None:
    assert "No listeners found" in cli.run("deploy", "listeners", "list").ok().out
    assert json.loads(cli.run("deploy", "listeners", "list", "--json").ok().out) == []
    bodies = [
        {"compute_type": "hosts", "compute_id": "rack", "compute_config": {"host_groups": ["east", "west"]}},
        {"compute_type": "k8s", "compute_id": "cluster", "compute_config": {"k8s_namespaces": ["agents"]}},
    ]
    ids = [team.http.post("/v2/listeners", json=body).raise_for_status().json()["id"] for body in bodies]
    rows = cli.run("deploy", "listeners", "list").ok().rows()
    assert sorted(rows) == sorted([[ids[0], "rack", "east, west"], [ids[1], "cluster", "agents"]])
    listed = json.loads(cli.run("deploy", "listeners", "list", "--json").ok().out)
    assert {listener["id"]: listener["compute_config"]["k8s_namespaces"] for listener in listed} == {
        ids[0]: ["east", "west"],
        ids[1]: ["agents"],
    }


def test_delete(cli: StockCli, team: Team) -> None:
    made = team.image("chat")
    said = cli.answer("n\n", "deploy", "delete", made["id"]).failed()
    assert "Aborted" in said
    assert team.deployment("chat")["id"] == made["id"]
    assert f"Deleted deployment {made['id']}." in cli.answer("y\n", "deploy", "delete", made["id"]).ok().out
    said = cli.run("deploy", "delete", "--force", made["id"]).failed()
    assert f"failed with status 404: Deployment ID {made['id']} not found." in said
    assert "failed with status 422" in cli.run("deploy", "delete", "--force", "chat").failed()


def test_delete_of_one_that_serves(cli: StockCli, team: Team) -> None:
    made = team.image("chat")
    work = team.work()
    work.place("a-machine-id", "api")
    work.deploy(URL)
    cli.run("deploy", "delete", "--force", made["id"]).ok()
    assert team.deployment("chat")["status"] == "AWAITING_DELETE"
    removal = team.work()
    assert removal.public["action"] == "delete"
    removal.report("DELETED", release=True)
    assert "failed with status 404" in cli.run("deploy", "delete", "--force", made["id"]).failed()
    assert team.image("chat")["id"] != made["id"]
