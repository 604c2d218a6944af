# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is let in: keys, workspaces, members; and what a stranger learns (nothing)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.control_plane.conftest import Place
from tests.support.control_plane import ControlPlane, running_control_plane


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Api-Key": ""},
        {"X-Api-Key": "lgcp_aaaaaaaa_" + "A" * 43},
        {"X-Api-Key": "anything"},
        {"X-Api-Key": "x" * 5000},
        {"X-Api-Key": "caf\u00e9".encode()},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nobody"},
    ],
    ids=str,
)
def test_without_a_good_key_nobody_is_let_in(service: ControlPlane, headers: dict[str, Any]) -> None:
    with service.client("") as client:
        answer = client.get("/v2/deployments", headers=headers)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"]
    assert answer.json()["code"] == "unauthenticated"


def test_a_stranger_is_stopped_before_the_body_is_read(service: ControlPlane) -> None:
    with service.client("") as client:
        assert client.post("/v2/deployments", content=b"{", headers={"content-type": "text/plain"}).status_code == 401


def test_a_key_is_good_as_a_bearer_token_too(place: Place) -> None:
    with place.service.client("") as client:
        headers = {"Authorization": f"Bearer {place.key('viewer')}"}
        assert client.get("/v2/whoami", headers=headers).json()["key_name"] == "viewer"


def test_the_key_decides_on_the_workspace(place: Place) -> None:
    with place.service.client(place.key("viewer")) as client:
        assert client.get("/v2/whoami").json()["workspace_id"] == place.id


def test_a_key_of_the_organization_has_to_name_the_workspace(place: Place) -> None:
    with place.service.client() as client:
        refused = client.get("/v2/deployments")
        assert refused.status_code == 403
        assert "requires workspace specification" in refused.json()["detail"]
        for named in (place.id, place.name):
            assert client.get("/v2/whoami", headers={"X-Tenant-Id": named}).json()["workspace_id"] == place.id


def test_a_key_gives_no_access_to_another_workspace(place: Place, other_place: Place) -> None:
    foreign = other_place.create("theirs")
    with place.service.client(place.key("admin"), other_place.id) as client:
        assert client.get("/v2/deployments").status_code == 403
    for path in ("", "/revisions", "/logs?type=deploy", "/metrics"):
        answer = place.of("admin").get(f"/v2/deployments/{foreign['id']}{path}")
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"Deployment ID {foreign['id']} not found."
    assert place.of("admin").delete(f"/v2/deployments/{foreign['id']}").status_code == 404
    assert place.of("admin").patch(f"/v2/deployments/{foreign['id']}", json={"display_name": "x"}).status_code == 404
    with place.service.client(place.key("admin"), "nowhere") as client:
        assert client.get("/v2/deployments").status_code == 403


def test_an_expired_key_is_refused(place: Place, tables: Any) -> None:
    key = place.key("editor")
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert place.admin.patch("/v2/api-keys/editor", json={"expires_at": soon}).json()["expires_at"]
    assert place.client(key).get("/v2/whoami").status_code == 200
    tables(
        "update control_plane.api_keys set expires_at = now() - interval '1 minute' where workspace_id = %s "
        "and name = 'editor' returning 1 as done",
        place.id,
    )
    tables("select pg_notify('control_plane_keys', '')")
    _wait_for_status(place.client(key), 401)
    assert "has expired" in place.client(key).get("/v2/whoami").json()["detail"]


def test_a_revoked_key_is_refused_at_once_by_every_instance(place: Place, key_file: Path) -> None:
    with running_control_plane(place.service.dsn, key_file) as second:
        key = place.key("viewer")
        here, there = place.client(key), second.client(key)
        assert {here.get("/v2/whoami").status_code, there.get("/v2/whoami").status_code} == {200}
        assert place.admin.delete("/v2/api-keys/viewer").status_code == 204
        _wait_for_status(here, 401)
        _wait_for_status(there, 401)
        there.close()


def test_what_a_key_may_do_changes_at_once(place: Place) -> None:
    key = place.key("viewer")
    client = place.client(key)
    assert client.delete("/v2/deployments/00000000-0000-4000-8000-000000000000").status_code == 403
    place.admin.patch("/v2/api-keys/viewer", json={"role": "admin"})
    deadline = time.monotonic() + 1
    while client.delete("/v2/deployments/00000000-0000-4000-8000-000000000000").status_code == 403:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _wait_for_status(client: httpx.Client, status: int) -> None:
    """Much sooner than a key is remembered."""
    deadline = time.monotonic() + 1
    while client.get("/v2/whoami").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_acted_stands_in_revisions_and_audit(place: Place) -> None:
    place.admin.patch(f"/v2/workspaces/{place.name}", json={"members": [{"name": "alice", "role": "editor"}]})
    client = place.of("editor", member="alice")
    body = {"source": "external_docker", "source_config": {"resource_spec": {}}, "secrets": []}
    image = {"image_uri": "registry.test/a:1"}
    made = client.post(
        "/v2/deployments",
        json={**body, "name": "authored", "source_revision_config": image},
        headers={"X-Langgraph-Actor": "bob@laptop \u00fc".encode()},
    ).json()
    assert made["revision"]["author"] == "bob@laptop \u00fc (alice (key editor-alice))"
    entry = place.admin.get("/v2/audit", params={"record": "authored", "action": "create"}).json()["entries"][0]
    assert entry["actor"] == made["revision"]["author"]
    assert entry["key"]["name"] == "editor-alice"
    assert entry["from_address"] == "127.0.0.1"


def test_a_member_who_left_takes_the_key_along(place: Place) -> None:
    members = [{"name": "carol", "role": "viewer"}]
    place.admin.patch(f"/v2/workspaces/{place.name}", json={"members": members})
    client = place.of("admin", member="carol")
    assert client.get("/v2/whoami").json()["permissions"] == ["deployments:read", "listeners:read"]
    place.admin.patch(f"/v2/workspaces/{place.name}", json={"members": []})
    _wait_for_status(client, 403)


def test_the_key_is_in_no_answer_but_the_first(place: Place, tables: Any) -> None:
    made = place.admin.post("/v2/api-keys", json={"name": "once"}).json()
    assert made["key"].startswith(made["prefix"])
    secret = made["key"].rpartition("_")[2]
    for path in ("/v2/api-keys", "/v2/api-keys/once", "/v2/audit"):
        assert secret not in place.admin.get(path).text
    assert secret not in str(tables("select * from control_plane.api_keys"))
    assert secret not in str(tables("select * from control_plane.audit_entries"))
