# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other clients of the vendor's API do, request by request: its Terraform provider, its other CLIs, scripts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.clients.conftest import Team
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.postgres import PostgresServer

IMAGE = f"registry.example/agent@sha256:{'c' * 64}"
EMPTY: dict[str, Any] = {"source_config": {"deployment_type": "dev_zero"}, "source_revision_config": {}, "secrets": []}


def test_what_terraform_does(team: Team) -> None:
    body = {
        "name": "chat",
        "source": "external_docker",
        "source_config": {"resource_spec": {"cpu": 1, "memory_mb": 2048, "min_scale": 1, "max_scale": 1}},
        "source_revision_config": {"image_uri": IMAGE},
        "secrets": [{"name": "TOKEN", "value": "t"}],
    }
    made = team.http.post("/v2/deployments", json=body)
    assert made.status_code == 201
    path = f"/v2/deployments/{made.json()['id']}"
    revision = made.json()["latest_revision_id"]
    work = team.work()
    assert team.http.get(f"{path}/revisions/{revision}").json()["status"] in ("AWAITING_BUILD", "BUILDING")
    work.deploy("https://agents.example/chat")
    assert team.http.get(f"{path}/revisions/{revision}").json()["status"] == "DEPLOYED"
    # a name to show makes no revision
    shown = team.http.patch(path, json={"display_name": "Chat"}).raise_for_status().json()
    assert (shown["display_name"], shown["latest_revision_id"]) == ("Chat", revision)
    # a revision is asked for by itself, and carries over what is not named
    spec = {"source_config": {"resource_spec": {"cpu": 2, "memory_mb": 4096}}}
    second = team.http.post(f"{path}/revisions", json=spec)
    assert (second.status_code, second.json()["id"] != revision) == (201, True)
    work = team.work()
    assert work.public["revision"]["image_uri"] == IMAGE
    assert work.private["secrets"] == {"TOKEN": "t"}
    work.deploy()
    found = team.http.get(path).json()
    assert found["source_config"]["resource_spec"]["cpu"] == 2
    assert found["active_revision_id"] == second.json()["id"]
    assert team.http.delete(path).status_code == 204
    if team.http.get(path).status_code != 404:
        assert team.http.get(path).json()["status"] == "AWAITING_DELETE"
        team.work().report("DELETED", release=True)
    gone = team.http.get(path)
    assert (gone.status_code, gone.json()["detail"]) == (404, f"Deployment ID {made.json()['id']} not found.")


def test_a_name_is_there_once(team: Team) -> None:
    team.image("chat")
    body = {"name": "chat", "source": "external_docker", "source_config": {"resource_spec": {}}}
    again = team.http.post(
        "/v2/deployments", json={**body, "source_revision_config": {"image_uri": IMAGE}, "secrets": []}
    )
    assert (again.status_code, again.json()["detail"]) == (409, "A deployment named 'chat' already exists.")


def test_pages_fit_together(team: Team) -> None:
    names = {team.image(f"agent-{number}")["name"] for number in range(5)}
    offset, seen = 0, []
    while True:
        page = team.http.get("/v2/deployments", params={"limit": 2, "offset": offset}).json()
        if not page["resources"]:
            assert page["offset"] == offset == 5
            break
        seen += [found["name"] for found in page["resources"]]
        offset = page["offset"]
    assert sorted(seen) == sorted(names)
    for bad in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "x"}):
        assert team.http.get("/v2/deployments", params=bad).status_code == 422


@pytest.mark.parametrize("family", ["/v1/integrations/github/install", "/v2/auth/providers", "/v2/sandboxes/boxes/1"])
def test_what_is_not_offered_says_so(team: Team, family: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = team.http.request(method, family)
        assert answer.status_code == 501
        assert answer.json()["detail"].endswith("is not offered by this control plane.")


def test_free_deployments_are_unknown(team: Team) -> None:
    assert team.http.get("/v2/deployments/free-count").json() == {"count": 0}


def test_redeploy_makes_a_revision(team: Team) -> None:
    made = team.image("chat")
    team.work().deploy()
    path = f"/v2/deployments/{made['id']}"
    again = team.http.post(f"{path}/revisions/{made['latest_revision_id']}/redeploy")
    assert again.status_code == 200
    assert again.json()["latest_revision_id"] != made["latest_revision_id"]
    assert [revision["kind"] for revision in team.revisions(made["id"])] == ["redeploy", "create"]


def test_an_interrupt_ends_what_waits(team: Team) -> None:
    made = team.image("chat")
    answer = team.http.post(f"/v2/deployments/{made['id']}/revisions/{made['latest_revision_id']}/interrupt")
    assert (answer.status_code, answer.json()["status"]) == (200, "INTERRUPTED")


def test_a_bulk_delete_tells_what_became_of_each(team: Team) -> None:
    made = [team.image(f"agent-{number}")["id"] for number in range(3)]
    unknown = str(uuid.uuid4())
    some = team.http.delete("/v2/deployments", params={"deployment_ids": [made[0], unknown]})
    assert some.status_code == 207
    assert {one["deployment_id"]: one["status"] for one in some.json()["resources"]} == {made[0]: 204, unknown: 404}
    rest = team.http.delete("/v2/deployments", params={"deployment_ids": made[1:]})
    assert rest.status_code == 200
    assert team.http.get("/v2/deployments").json()["resources"] == []
    assert team.http.delete("/v2/deployments", params={"deployment_ids": made}).status_code == 404
    many = {"deployment_ids": [str(uuid.uuid4()) for _number in range(101)]}
    assert team.http.delete("/v2/deployments", params=many).status_code == 422


def test_the_only_listener_is_taken(team: Team) -> None:
    rack = {"compute_type": "hosts", "compute_id": "rack", "compute_config": {"host_groups": ["east"]}}
    listener = team.http.post("/v2/listeners", json=rack).raise_for_status().json()
    assert team.image("chat")["source_config"]["listener_id"] == listener["id"]
    again = team.http.post("/v2/listeners", json=rack)
    text = f"Listener for LangSmith workspace ID '{team.id}' and compute ID 'rack' already exists."
    assert (again.status_code, again.json()["detail"]) == (409, text)
    gone = team.http.get(f"/v2/listeners/{team.id}")
    assert (gone.status_code, gone.json()["detail"]) == (404, f"Listener ID {team.id} not found.")


def test_bearer_tokens_are_keys_too(team: Team) -> None:
    team.image("chat")
    with team.plane.client(key="") as stranger:
        headers = {"Authorization": f"Bearer {team.key}"}
        assert len(stranger.get("/v2/deployments", headers=headers).json()["resources"]) == 1
        assert stranger.get("/v2/deployments").status_code == 401


@pytest.fixture
def registered(postgres_server: PostgresServer, key_file: Path, tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane that is set up with a registry."""
    token = tmp_path / "token"
    token.write_text("registry-token\n")
    database = postgres_server.create_database()
    settings = {"registry_url": "registry.example/agents", "registry_username": "deployer"}
    with running_control_plane(postgres_server.dsn(database), key_file, registry_token_file=token, **settings) as plane:
        yield plane
    postgres_server.drop_database(database)


def test_a_push_token(registered: ControlPlane, team: Team) -> None:
    body = {"name": "chat", "source": "internal_docker", **EMPTY}
    made = registered.ask("POST", "/v2/deployments", body)
    path = f"/v2/deployments/{made['id']}/push-token"
    told = registered.ask("POST", path, {"supports_registry_username": True})
    assert told == {
        "token": "registry-token",
        "registry_url": "registry.example/agents",
        "username": "deployer",
        "repository_url": f"registry.example/agents/{made['slug']}",
    }
    # older clients send no body: they log in by a name of their own
    assert registered.ask("POST", path) == {key: value for key, value in told.items() if key != "username"}
    other = registered.ask("POST", "/v2/deployments", {**body, "name": "other", "source": "internal_source"})
    with registered.client() as client:
        refused = client.post(f"/v2/deployments/{other['id']}/push-token")
        assert refused.status_code == 400
        assert "only available for 'internal_docker' source deployments" in refused.json()["detail"]
    # a control plane without a registry
    mine = team.http.post("/v2/deployments", json=body).raise_for_status().json()
    refused = team.http.post(f"/v2/deployments/{mine['id']}/push-token")
    assert (refused.status_code, "--push-to" in refused.json()["detail"]) == (400, True)


def test_an_upload_without_headers_in_the_answer(team: Team) -> None:
    made = team.http.post("/v2/deployments", json={"name": "chat", "source": "internal_source", **EMPTY}).json()
    told = team.http.post(f"/v2/deployments/{made['id']}/upload-url")  # as the vendor's other CLIs ask: no body
    assert told.status_code == 200
    assert told.json()["upload_url"].startswith(team.plane.url)
