# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of secrets: seen by whoever may, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from tests.integration.control_plane.conftest import OWNER, Place
from tests.support.control_plane import running_control_plane

CANARY = "canary-5d2f7e"


def test_masked_for_most_and_clear_for_some(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "the value"}])
    path = f"/v2/deployments/{made['id']}"
    revision = f"{path}/revisions/{made['revision']['id']}"
    revealer = place.of("viewer", "secrets:reveal")
    for client, value in ((place.admin, "********"), (place.of("viewer"), "********"), (revealer, "the value")):
        for answer in (
            client.get(path).json(),
            client.get("/v2/deployments").json()["resources"][0],
            client.get(revision).json(),
            client.get(f"{path}/revisions").json()["resources"][0],
        ):
            assert answer["secrets"] == [{"name": "K", "value": value}]
    assert place.admin.get(f"{path}/secrets").status_code == 403
    assert revealer.get(f"{path}/secrets").json() == {"secrets": [{"name": "K", "value": "the value"}]}
    assert revealer.get(f"{path}/secrets?number=1").json() == {"secrets": [{"name": "K", "value": "the value"}]}
    assert revealer.get(f"{path}/secrets?number=9").status_code == 404


def test_each_look_leaves_an_entry(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "the value"}])
    place.of("viewer", "secrets:reveal").get(f"/v2/deployments/{made['id']}")
    entries = place.admin.get("/v2/audit?action=reveal").json()["entries"]
    assert [(entry["record_id"], entry["after"]) for entry in entries] == [(made["id"], {"secrets": ["K"]})]
    assert entries[0]["key"]["name"] == "viewer-secrets-reveal"


def test_a_workspace_can_show_them_as_the_vendor_does(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "the value"}])
    place.admin.patch(f"/v2/workspaces/{place.id}", json={"secrets_in_clear": True})
    shown = place.of("viewer").get(f"/v2/deployments/{made['id']}").json()
    assert shown["secrets"] == [{"name": "K", "value": "the value"}]
    listed = place.of("viewer").get("/v2/deployments").json()["resources"][0]
    assert listed["secrets"] == shown["secrets"]


def test_a_mask_sent_back_means_unchanged(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "the value"}])
    path = f"/v2/deployments/{made['id']}"
    shown = place.admin.get(path).json()["secrets"]
    assert place.admin.patch(f"{path}?if_changed=true", json={"secrets": shown}).json()["change"]["changed"] is False
    place.admin.patch(path, json={"secrets": shown})
    assert place.of("viewer", "secrets:reveal").get(f"{path}/secrets").json()["secrets"][0]["value"] == "the value"
    lost = [*shown, {"name": "NEW", "value": "********"}]
    assert place.admin.patch(path, json={"secrets": lost}).status_code == 400


def test_a_canary_is_seen_in_no_log_answer_or_column(records_database: str, key_file: Path, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(f"{CANARY}-token")
    with running_control_plane(
        records_database, key_file, log_level="debug", registry_token_file=token_file
    ) as service:
        texts: list[str] = []
        with service.client() as client:

            def ask(method: str, path: str, body: Any = None, status: int | None = None) -> Any:
                answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
                texts.append(answer.text + str(answer.headers))
                assert status is None or answer.status_code == status, answer.text
                return answer.json() if answer.content else None

            secrets = [{"name": "K", "value": CANARY}, {"name": "L", "value": f"{CANARY}\n{CANARY}"}]
            body = {"name": "demo", "source": "external_docker", "source_config": {"resource_spec": {}}}
            body |= {"source_revision_config": {"image_uri": "reg/x:1"}, "secrets": secrets}
            ask("POST", "/v2/deployments?dry_run=true", body, 200)
            made = ask("POST", "/v2/deployments", body, 201)
            path = f"/v2/deployments/{made['id']}"
            ask("POST", "/v2/deployments", body, 409)
            ask("POST", "/v2/deployments", {**body, "name": "Wrong", "source_revision_config": CANARY}, 422)
            ask("POST", "/v2/deployments", {**body, "name": "other", "env": {"K": CANARY}}, 400)
            ask("PATCH", path, {"secrets": [{"name": "PATH", "value": CANARY}]}, 400)
            ask("PATCH", path, {"secrets": [{"name": "K", "value": f"{CANARY}\0"}]}, 422)
            ask("PATCH", path, {"secrets": [{"name": "K", "value": f"{CANARY} new"}]}, 200)
            ask("PATCH", f"{path}?dry_run=true", {"secrets": secrets}, 200)
            ask("GET", f"{path}/diff?left=1&right=2", status=200)
            ask("POST", f"{path}/rollback", {"number": 1, "secrets": "of_revision"}, 201)
            ask("GET", f"{path}/revisions", status=200)
            ask("GET", "/v2/audit?limit=1000", status=200)
            ask("GET", f"/v2/deployments?name={CANARY}", status=200)
            client.get("/v2/deployments", headers={"X-Tenant-Id": CANARY})
            client.get("/v2/deployments", headers={"X-Api-Key": CANARY})
            # A claim is what they are for.
            claim = client.post("/v2/work/claim", json={"owner": OWNER}).json()["claims"][0]
            assert claim["private"]["secrets"]["K"] == CANARY
            texts.append(str(claim["public"]))
            held = {"claim_id": claim["public"]["claim_id"], "epoch": claim["public"]["epoch"]}
            ask("POST", "/v2/work/report", {**held, "status": "DEPLOYED", "release": True}, 200)
            texts.append(client.get("/metrics").text)
        assert CANARY not in "\n".join(texts)
        assert CANARY not in service.log
        assert service.key not in service.log
        with psycopg.connect(records_database) as connection:
            names = connection.execute(
                "select table_name from information_schema.tables where table_schema = 'control_plane'"
            ).fetchall()
            for (name,) in names:
                rows = connection.execute(f"select t::text from control_plane.{name} t").fetchall()
                assert CANARY not in str(rows), name
