# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`langgraph deploy` of the stock CLI: what it sends is recorded, what comes of it decides its words and exit code."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.clients.conftest import Team
from tests.support.cli import NEWEST, OLDEST, StockCli

URL = "https://agents.example/chat"
IMAGE = f"registry.example/team/agent@sha256:{'a' * 64}"
OTHER_IMAGE = f"registry.example/team/agent@sha256:{'b' * 64}"
Project = Callable[..., Path]


def config(**env: str) -> str:
    """A langgraph.json with variables in it."""
    return json.dumps({"dependencies": ["."], "graphs": {"echo": "./echo.py:graph"}, "env": env})


def test_a_project_is_uploaded_and_deployed(cli: StockCli, team: Team, project: Project) -> None:
    folder = project(langgraph__json=config(GREETING="hello", TOKEN="s3cret-canary", EMPTY="", POSTGRES_URI="x"))
    call = cli.start("deploy", "--remote", "--no-input", "--name", "Chat Bot", cwd=folder)
    work = team.work()
    assert work.public["deployment"]["name"] == "chat-bot"
    assert work.private["secrets"] == {"GREETING": "hello", "TOKEN": "s3cret-canary"}
    sha256 = work.public["revision"]["source_sha256"]
    source = team.http.get(f"/v2/sources/{sha256}").raise_for_status().content
    with tarfile.open(fileobj=io.BytesIO(source)) as archive:
        assert {"echo.py", "langgraph.json"} <= {name.removeprefix("./") for name in archive.getnames()}
    work.deploy(URL)
    done = call.wait().ok()
    deployment = team.deployment("chat-bot")
    assert "Deployment successful!" in done.out
    assert f"URL: {URL}" in done.out
    dashboard = team.plane.url.removesuffix("/api-host")
    assert f"View status: {dashboard}/o/{team.id}/host/deployments/{deployment['id']}" in done.out
    assert deployment["source"] == "internal_source"
    assert deployment["source_config"]["deployment_type"] == ("dev" if cli.version == OLDEST else "dev_zero")
    assert [revision["status"] for revision in team.revisions(deployment["id"])] == ["DEPLOYED"]
    assert "s3cret-canary" not in done.text


@pytest.mark.parametrize("version", [NEWEST])
def test_the_next_deploy_makes_a_revision_and_tells_as_json(cli: StockCli, team: Team, project: Project) -> None:
    first = cli.start("deploy", "--remote", "--no-input", "--name", "chat", cwd=project(langgraph__json=config(A="1")))
    team.work().deploy(URL)
    first.wait().ok()
    # nothing in `env`: the CLI sends an empty list, which means unchanged
    words = ("deploy", "--remote", "--no-input", "--json", "--verbose", "--name", "chat")
    second = cli.start(*words, cwd=project(echo__py="graph = 2\n"))
    work = team.work()
    assert work.public["revision"]["number"] == 2
    assert work.private["secrets"] == {"A": "1"}
    work.report("BUILDING")
    work.log("build", "Resolved 12 packages")
    second.until("Resolved 12 packages")
    work.log("build", "Installed 12 packages")
    second.until("Installed 12 packages")
    work.deploy(URL)
    events = second.wait().ok().events
    deployment = team.deployment("chat")
    assert [event["message"] for event in events if event["event"] == "log"] == [
        "Resolved 12 packages",
        "Installed 12 packages",
    ]
    assert "BUILDING" in [event["status"] for event in events if event["event"] == "status_change"]
    assert {key: events[-1][key] for key in ("event", "status", "deployment_id", "url")} == {
        "event": "result",
        "status": "succeeded",
        "deployment_id": deployment["id"],
        "url": URL,
    }
    assert [revision["status"] for revision in team.revisions(deployment["id"])] == ["DEPLOYED", "DEPLOYED"]


def test_a_failed_build_tells_its_cause(cli: StockCli, team: Team, project: Project) -> None:
    call = cli.start("deploy", "--remote", "--no-input", "--name", "chat", cwd=project())
    work = team.work()
    work.report("BUILDING")
    work.log("build", *(f"line {number}" for number in range(1, 41)))
    work.fail("BUILD_FAILED", "The package nowhere-to-be-found does not exist; correct requirements.txt.")
    said = call.wait().failed()
    assert "Last build log lines:" in said
    assert "| line 40" in said
    assert "| line 1\n" not in said
    assert "The package nowhere-to-be-found does not exist" in said
    assert "Deployment failed" in said


def test_a_failed_start_is_a_failure(cli: StockCli, team: Team, project: Project) -> None:
    call = cli.start("deploy", "--remote", "--no-input", "--json", "--name", "chat", cwd=project())
    team.work().fail("DEPLOY_FAILED", "The server does not answer on port 8000.")
    done = call.wait()
    assert done.rc == 1, done.text
    assert done.events[-1]["status"] == "failed"


@pytest.mark.parametrize("version", [NEWEST])
def test_a_deploy_that_was_overtaken_is_no_failure(cli: StockCli, team: Team, project: Project) -> None:
    folder = project()
    words = ("deploy", "--remote", "--no-input", "--name", "chat")
    first = cli.start(*words, cwd=folder)
    first.until("View status")
    second = cli.start(*words, cwd=project(echo__py="graph = 2\n"))
    second.until("View status")
    done = first.wait()
    assert done.rc == 0, done.text
    assert "SKIPPED" in {revision["status"] for revision in team.revisions(team.deployment("chat")["id"])}
    team.work().deploy(URL)
    second.wait().ok()


def test_a_deploy_that_does_not_wait(cli: StockCli, team: Team, project: Project) -> None:
    done = cli.run("deploy", "--remote", "--no-input", "--no-wait", "--name", "chat", cwd=project()).ok()
    assert "Build triggered" in done.out
    deployment = team.deployment("chat")
    assert deployment["latest_revision_status"] == "QUEUED"
    again = cli.run("deploy", "--remote", "--no-input", "--no-wait", "--deployment-id", deployment["id"], cwd=project())
    assert f"Using deployment {deployment['id']}" in again.ok().out


def test_a_file_of_variables_is_read_and_a_masked_value_is_no_value(
    cli: StockCli, team: Team, project: Project
) -> None:
    folder = project()
    (folder / ".env").write_text("TOKEN=first\nOTHER=kept\nLANGSMITH_DEPLOYMENT_NAME=chat\n")
    words = ("deploy", "--remote", "--no-input", "--no-wait")
    cli.run(*words, cwd=folder).ok()
    shown = team.deployment("chat")["secrets"]
    assert {secret["name"] for secret in shown} == {"TOKEN", "OTHER"}
    assert len({secret["value"] for secret in shown} - {"first", "kept"}) == 1
    mask = shown[0]["value"]
    (folder / ".env").write_text(f"TOKEN=second\nOTHER={mask}\nLANGSMITH_DEPLOYMENT_NAME=chat\n")
    cli.run(*words, cwd=folder).ok()
    assert team.work().private["secrets"] == {"TOKEN": "second", "OTHER": "kept"}


def test_an_image_is_deployed_and_replaced(cli: StockCli, team: Team, project: Project) -> None:
    folder = project(langgraph__json=config(TOKEN="t"))
    words = ("deploy", "--no-input", "--name", "chat", "--image-uri")
    first = cli.start(*words, IMAGE, cwd=folder)
    work = team.work()
    assert work.public["revision"]["image_uri"] == IMAGE
    assert work.private["secrets"] == {"TOKEN": "t"}
    work.deploy(URL)
    assert f"URL: {URL}" in first.wait().ok().out
    second = cli.start(*words, OTHER_IMAGE, cwd=folder)
    work = team.work()
    assert work.public["revision"]["image_uri"] == OTHER_IMAGE
    assert work.public["revision"]["number"] == 2
    work.deploy(URL)
    second.wait().ok()
    assert team.deployment("chat")["source_revision_config"]["image_uri"] == OTHER_IMAGE


def test_an_image_that_cannot_be_run_is_a_failure(cli: StockCli, team: Team, project: Project) -> None:
    call = cli.start("deploy", "--no-input", "--name", "chat", "--image-uri", IMAGE, cwd=project())
    cause = "This listener runs no images; deploy the source, or choose a listener that does."
    team.work().fail("DEPLOY_FAILED", cause)
    assert "Deployment failed" in call.wait().failed()
    deployment = team.deployment("chat")
    revision = team.revisions(deployment["id"])[0]
    assert (revision["status"], revision["cause"]) == ("DEPLOY_FAILED", cause)


def test_a_deployment_keeps_its_kind_of_source(cli: StockCli, team: Team, project: Project) -> None:
    cli.run("deploy", "--remote", "--no-input", "--no-wait", "--name", "sources", cwd=project()).ok()
    said = cli.run("deploy", "--no-input", "--name", "sources", "--image-uri", IMAGE, cwd=project()).failed(2)
    assert "was not created from an external image" in " ".join(said.split())
    made = team.image("images")
    said = cli.run("deploy", "--remote", "--no-input", "--name", "images", cwd=project()).failed()
    assert "upload-url failed with status 400" in said
    assert team.revisions(made["id"])[0]["number"] == 1


def test_a_push_needs_docker_and_makes_nothing_claimable_without(cli: StockCli, team: Team, project: Project) -> None:
    said = cli.run("deploy", "--no-input", "--name", "chat", "--image", "agent:1", cwd=project(), PATH="/none").failed()
    assert "Docker is required but not installed" in said
    deployment = team.deployment("chat")
    assert (deployment["source"], deployment["latest_revision_id"]) == ("internal_docker", None)


def test_listeners_are_chosen_when_a_deployment_is_made(cli: StockCli, team: Team, project: Project) -> None:
    made = {}
    for name, groups in (("rack-1", ["east", "west"]), ("rack-2", ["north"])):
        body = {"compute_type": "hosts", "compute_id": name, "compute_config": {"host_groups": groups}}
        made[name] = team.http.post("/v2/listeners", json=body).raise_for_status().json()
    words = ("deploy", "--no-input", "--no-wait", "--image-uri", IMAGE, "--name")
    folder = project()
    cli.run(*words, "on-2", "--listener-id", made["rack-2"]["id"], cwd=folder).ok()
    on_second = team.deployment("on-2")["source_config"]
    assert on_second["listener_id"] == made["rack-2"]["id"]
    assert on_second["listener_config"] == {"k8s_namespace": "north"}
    on_first = ("--listener-id", made["rack-1"]["id"])
    assert "Choose one with --k8s-namespace: east, west" in " ".join(
        cli.run(*words, "on-1", *on_first, cwd=folder).failed(2).split()
    )
    cli.run(*words, "on-1", *on_first, "--k8s-namespace", "west", cwd=folder).ok()
    assert team.deployment("on-1")["source_config"]["listener_config"] == {"k8s_namespace": "west"}
    unknown = cli.run(*words, "lost", "--listener-id", team.id, cwd=folder).failed(2)
    assert "was not found in this workspace" in " ".join(unknown.split())
    assert "rack-1" in unknown
    # two listeners and none is the default: the deploy says what to do
    said = " ".join(cli.run(*words, "nowhere", cwd=folder).failed(2).split())
    assert "This workspace deploys through a listener" in said
    assert made["rack-1"]["id"] in said
