# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces, members, API keys, listeners and the audit by HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.control_plane.conftest import Place


def test_workspaces(place: Place) -> None:
    name = f"{place.name}-more"
    body = {"name": name, "members": [{"name": "alice", "role": "admin"}]}
    plan = place.admin.post("/v2/workspaces?dry_run=true", json=body)
    assert (plan.status_code, plan.json()["action"]) == (200, "create")
    made = place.admin.post("/v2/workspaces", json=body)
    assert made.status_code == 201
    path = f"/v2/workspaces/{made.json()['id']}"
    again = place.admin.post("/v2/workspaces", json=body)
    assert (again.status_code, again.json()["detail"]) == (409, f"A workspace named '{name}' already exists.")
    assert place.admin.get(f"/v2/workspaces/{name}").json()["members"] == body["members"]
    tag = place.admin.get(path).headers["etag"]
    changed = place.admin.patch(path, json={"members": []}, headers={"If-Match": tag}).json()
    assert (changed["members"], changed["change"]["fields"]) == ([], ["members"])
    assert place.admin.patch(path, json={"secrets_in_clear": True}, headers={"If-Match": tag}).status_code == 409
    assert place.admin.patch(f"{path}?dry_run=true", json={"secrets_in_clear": True}).json()["changed"] is True
    assert place.admin.patch(path, json={"default_listener": "nobody"}).status_code == 404
    page = place.admin.get("/v2/workspaces?limit=1").json()
    assert (len(page["resources"]), page["offset"]) == (1, 1)
    assert place.admin.delete(f"{path}?dry_run=true").json()["action"] == "delete"
    assert place.admin.delete(path).status_code == 204
    assert place.admin.get(path).status_code == 404


def test_a_workspace_with_deployments_and_the_first_one_stay(place: Place) -> None:
    place.create()
    assert place.admin.delete(f"/v2/workspaces/{place.id}").status_code == 409
    assert place.admin.delete("/v2/workspaces/default").status_code == 409


def test_who_is_not_of_the_organization_sees_one_workspace(place: Place, other_place: Place) -> None:
    client = place.of("admin")
    assert [one["name"] for one in client.get("/v2/workspaces").json()["resources"]] == [place.name]
    assert client.get(f"/v2/workspaces/{other_place.id}").status_code == 404
    assert client.patch(f"/v2/workspaces/{other_place.name}", json={"secrets_in_clear": True}).status_code == 404
    assert client.post("/v2/workspaces", json={"name": "mine"}).status_code == 403
    assert client.delete(f"/v2/workspaces/{place.id}").status_code == 403
    assert client.patch(f"/v2/workspaces/{place.id}", json={"secrets_in_clear": False}).status_code == 200


def test_api_keys(place: Place) -> None:
    place.listener("rack-1")
    plan = place.admin.post("/v2/api-keys?dry_run=true", json={"name": "ci"})
    assert (plan.status_code, "key" in plan.json()) == (200, False)
    made = place.admin.post("/v2/api-keys", json={"name": "ci", "role": "editor", "permissions": ["secrets:reveal"]})
    assert made.status_code == 201
    assert made.json()["extra_permissions"] == ["secrets:reveal"]
    assert "deployments:update" in made.json()["permissions"]
    again = place.admin.post("/v2/api-keys", json={"name": "ci"})
    assert (again.status_code, again.json()["detail"]) == (409, "An API key named 'ci' already exists.")
    client = place.client(made.json()["key"])
    assert client.get("/v2/whoami").json()["key_id"] == made.json()["id"]
    path = f"/v2/api-keys/{made.json()['id']}"
    changed = place.admin.patch(path, json={"permissions": [], "expires_at": "2099-01-01T00:00:00Z"}).json()
    assert (changed["extra_permissions"], changed["expires_at"]) == ([], "2099-01-01T00:00:00+00:00")
    assert place.admin.patch(path, json={"expires_at": ""}).json()["expires_at"] is None
    assert place.admin.patch(path, json={"listener": "rack-1"}).status_code == 400
    assert place.admin.get(path).json()["last_used_at"]
    listener = place.admin.post("/v2/api-keys", json={"name": "rack", "role": "listener", "listener": "rack-1"}).json()
    assert listener["listener"] == "rack-1"
    listed = place.admin.get("/v2/api-keys").json()["resources"]
    assert [key["name"] for key in listed] == ["ci", "rack"]
    assert place.admin.delete(f"{path}?dry_run=true").json()["action"] == "delete"
    assert place.admin.delete(path).status_code == 204
    assert place.admin.get("/v2/api-keys/ci").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"name": "a b"}, 422),
        ({"name": "x", "role": "owner"}, 422),
        ({"name": "x", "permissions": ["everything"]}, 422),
        ({"name": "x", "expires_at": "later"}, 422),
        ({"name": "x", "role": "listener"}, 400),
        ({"name": "x", "listener": "nobody", "role": "listener"}, 404),
        ({"name": "x", "member": "nobody"}, 404),
        ({"name": "x", "organization": True, "member": "alice"}, 400),
    ],
    ids=str,
)
def test_api_keys_that_cannot_be(place: Place, body: dict[str, Any], status: int) -> None:
    answer = place.admin.post("/v2/api-keys", json=body)
    assert answer.status_code == status, answer.text


def test_only_the_organization_makes_keys_of_the_organization(place: Place) -> None:
    client = place.of("admin")
    refused = client.post("/v2/api-keys", json={"name": "more", "organization": True})
    assert refused.status_code == 403
    own = place.admin.post("/v2/api-keys", json={"name": "wide", "role": "admin", "organization": True}).json()
    assert client.delete(f"/v2/api-keys/{own['id']}").status_code == 403
    assert client.patch(f"/v2/api-keys/{own['id']}", json={"role": "viewer"}).status_code == 403


def test_listeners(place: Place) -> None:
    body = {"compute_type": "hosts", "compute_id": "rack-1", "compute_config": {"k8s_namespaces": ["blue", "green"]}}
    assert place.admin.post("/v2/listeners?dry_run=true", json=body).json()["action"] == "create"
    made = place.admin.post("/v2/listeners", json=body).json()
    assert made["compute_config"] == {"k8s_namespaces": ["blue", "green"], "host_groups": ["blue", "green"]}
    again = place.admin.post("/v2/listeners", json=body)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        f"Listener for LangSmith workspace ID '{place.id}' and compute ID 'rack-1' already exists.",
    )
    path = f"/v2/listeners/{made['id']}"
    changed = place.admin.patch(path, json={"version": "1.2", "compute_config": {"host_groups": ["red"]}}).json()
    assert (changed["version"], changed["compute_config"]["k8s_namespaces"]) == ("1.2", ["red"])
    stale = {"If-Match": f'"{made["record_version"]}"'}
    assert place.admin.patch(path, json={"version": "1.3"}, headers=stale).status_code == 409
    assert place.admin.delete(path, headers=stale).status_code == 409
    assert place.admin.get("/v2/listeners?compute_id=rack-1").json()["resources"][0]["id"] == made["id"]
    deployment = place.create()
    assert place.admin.delete(path).status_code == 409
    place.admin.delete(f"/v2/deployments/{deployment['id']}")
    assert place.admin.delete(f"{path}?dry_run=true").json()["action"] == "delete"
    assert place.admin.delete(path).status_code == 204
    gone = place.admin.get(path)
    assert (gone.status_code, gone.json()["detail"]) == (404, f"Listener ID {made['id']} not found.")


def test_audit(place: Place) -> None:
    made = place.create("chat")
    place.admin.patch(f"/v2/deployments/{made['id']}", json={"display_name": "Chat"})
    place.admin.delete(f"/v2/deployments/{made['id']}")

    def found(**query: Any) -> list[str]:
        entries = place.admin.get("/v2/audit", params=query).json()["entries"]
        return [entry["action"] for entry in entries if entry["kind"] == "deployment"]

    assert found(record="chat") == ["deleted", "delete", "update", "create"]
    assert found(record=made["id"], action="update") == ["update"]
    assert found(kind="deployment", limit=2) == ["deleted", "delete"]
    page = place.admin.get("/v2/audit?kind=deployment&limit=2").json()
    assert found(kind="deployment", offset=page["next_offset"]) == ["update", "create"]
    assert found(actor="nobody") == found(until="2020-01-01T00:00:00Z") == []
    assert place.of("editor").get("/v2/audit").status_code == 403
