# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and revisions as the vendor's clients know them, and what is ours on top."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.control_plane.conftest import IMAGE, Place

MASK = "********"
NEXT = IMAGE.replace("a" * 64, "b" * 64)


def numbers(place: Place, deployment: dict[str, Any]) -> list[int]:
    listed = place.admin.get(f"/v2/deployments/{deployment['id']}/revisions").json()["resources"]
    return [revision["number"] for revision in listed]


# -- creating --------------------------------------------------------------------------------------------------------


def test_an_image_has_its_first_revision_before_the_answer(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "V"}])
    assert made["latest_revision_id"] == made["revision"]["id"]
    assert made["secrets"] == [{"name": "K", "value": MASK}]
    assert made["tenant_id"] == place.id
    assert made["change"]["action"] == "create"
    assert numbers(place, made) == [1]


@pytest.mark.parametrize("source", ["internal_source", "internal_docker"])
def test_a_create_without_a_source_makes_nothing_to_claim(place: Place, source: str) -> None:
    made = place.create_empty(source=source)
    assert made["latest_revision_id"] is None
    assert made["status"] == "UNUSED"
    assert made["source_config"]["deployment_type"] == "dev_zero"
    assert numbers(place, made) == []
    assert place.claim()["claims"] == []


def test_a_name_is_taken_once(place: Place) -> None:
    place.create("chat")
    body = {"name": "chat", "source": "internal_source", "source_config": {}, "source_revision_config": {}}
    again = place.admin.post("/v2/deployments", json={**body, "secrets": []})
    assert (again.status_code, again.json()["detail"]) == (409, "A deployment named 'chat' already exists.")


def test_a_dry_run_creates_nothing(place: Place) -> None:
    body: dict[str, Any] = {"name": "dry", "source": "external_docker", "source_config": {"resource_spec": {"cpu": 1}}}
    body |= {"source_revision_config": {"image_uri": IMAGE}, "secrets": [{"name": "K", "value": "hidden-value"}]}
    answer = place.admin.post("/v2/deployments?dry_run=true", json=body)
    assert (answer.status_code, answer.json()["action"], answer.json()["new_revision"]) == (200, "create", True)
    assert "hidden-value" not in answer.text
    assert place.admin.get("/v2/deployments").json() == {"resources": [], "offset": 0}


def test_what_the_vendor_keeps_is_kept(place: Place) -> None:
    made = place.create(
        "attributes",
        shareable=True,
        route_through_gateway=True,
        source_config={"resource_spec": {"cpu": 2, "image_pull_secrets": [{"name": "regcred"}]}},
        secret_references=[{"name": "TOKEN", "secret_name": "tokens", "secret_key": "main"}],
        tracked_packages=["google-adk:==1.2.3"],
        env={"MODE": "fast"},
        message="first",
    )
    assert (made["shareable"], made["route_through_gateway"]) == (True, True)
    assert made["source_config"]["resource_spec"] == {"cpu": 2.0, "image_pull_secrets": [{"name": "regcred"}]}
    assert made["secret_references"][0]["secret_name"] == "tokens"
    assert (made["tracked_packages"], made["env"]) == (["google-adk:==1.2.3"], {"MODE": "fast"})
    assert made["revision"]["message"] == "first"
    tier = place.admin.patch(f"/v2/deployments/{made['id']}/deployment-tier", json={"deployment_tier": "DEDICATED_S"})
    assert tier.json()["deployment_tier"] == "DEDICATED_S"
    both = {"compute_tier": "SERVERLESS_M", "database_tier": "SERVERLESS_S"}
    tiers = place.admin.patch(f"/v2/deployments/{made['id']}/resource-tiers", json=both).json()
    assert (tiers["compute_tier"], tiers["database_tier"]) == ("SERVERLESS_M", "SERVERLESS_S")
    assert numbers(place, made) == [1]
    assert place.admin.patch(f"/v2/deployments/{made['id']}/resource-tiers", json={}).status_code == 400


# -- listeners of a new deployment -----------------------------------------------------------------------------------


def test_without_listeners_a_deployment_has_none(place: Place) -> None:
    assert place.create()["listener_id"] is None


def test_the_only_listener_is_taken(place: Place) -> None:
    only = place.listener("rack-1")
    assert place.create()["source_config"]["listener_id"] == only["id"]


def test_of_several_one_has_to_be_named_or_be_the_default(place: Place) -> None:
    first, second = place.listener("rack-1"), place.listener("rack-2")
    body = {"name": "chat", "source": "external_docker", "source_config": {"resource_spec": {}}}
    body |= {"source_revision_config": {"image_uri": IMAGE}, "secrets": []}
    refused = place.admin.post("/v2/deployments", json=body)
    assert refused.status_code == 400
    assert refused.json()["detail"] == (
        "Source configuration error: 'source_config.listener_id' is required for workspace with available listener "
        f"IDs: ['{first['id']}', '{second['id']}']"
    )
    named = {"resource_spec": {}, "listener_id": first["id"], "listener_config": {"k8s_namespace": "all"}}
    made = place.create("named", source_config=named)
    assert made["source_config"]["listener_config"] == {"k8s_namespace": "all"}
    place.admin.patch(f"/v2/workspaces/{place.id}", json={"default_listener": "rack-2"})
    assert place.create("defaulted")["listener"] == "rack-2"


def test_a_listener_that_does_not_exist(place: Place) -> None:
    nobody = "00000000-0000-4000-8000-00000000beef"
    body = {"name": "chat", "source": "external_docker", "source_config": {"listener_id": nobody}, "secrets": []}
    answer = place.admin.post("/v2/deployments", json={**body, "source_revision_config": {"image_uri": IMAGE}})
    assert (answer.status_code, answer.json()["detail"]) == (404, f"Listener ID {nobody} not found.")


# -- reading ---------------------------------------------------------------------------------------------------------


def test_lists_page_the_newest_first(place: Place) -> None:
    for number in range(5):
        place.create(f"demo-{number}")
    first = place.admin.get("/v2/deployments?limit=2").json()
    assert [one["name"] for one in first["resources"]] == ["demo-4", "demo-3"]
    assert first["offset"] == 2
    last = place.admin.get("/v2/deployments?limit=2&offset=4").json()
    assert ([one["name"] for one in last["resources"]], last["offset"]) == (["demo-0"], 5)


def test_filters(place: Place) -> None:
    place.create_empty("alpha")
    made = place.create("alphabet")

    def names(**query: Any) -> set[str]:
        return {one["name"] for one in place.admin.get("/v2/deployments", params=query).json()["resources"]}

    both = {"alpha", "alphabet"}
    assert names(name="alpha", name_contains="alpha") == {"alpha"}
    assert names(name_contains="lph") == names(name_contains="") == names(remote_reconciled="true") == both
    assert names(status="UNUSED") == names(deployment_type="dev_zero") == {"alpha"}
    assert names(deployment_ids=f"{made['id']},{place.id}") == {"alphabet"}
    assert names(remote_reconciled="false") == names(tag_value_ids="a") == names(agent_id="a") == set()
    assert names(url="http://x.test") == names(image_version="0.1") == set()
    for query in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"status": "GONE"}, {"deployment_ids": "x"}):
        assert place.admin.get("/v2/deployments", params=query).status_code == 422


def test_free_count_is_none(place: Place) -> None:
    assert place.admin.get("/v2/deployments/free-count").json() == {"count": 0}


def test_the_url_is_told_as_custom_url(place: Place) -> None:
    made = place.create()
    place.deploy(url="https://demo.test/")
    shown = place.admin.get(f"/v2/deployments/{made['id']}").json()
    assert (shown["url"], shown["source_config"]["custom_url"]) == ("https://demo.test/", "https://demo.test/")
    assert (shown["status"], shown["active_revision_id"]) == ("READY", made["revision"]["id"])


# -- changing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"source_revision_config": {"image_uri": IMAGE}},
        {"source_config": {"resource_spec": {}}},
        {"secrets": [{"name": "K", "value": MASK}]},
        {"secret_references": []},
        {"env": {}},
    ],
    ids=lambda body: next(iter(body)),
)
def test_a_patch_of_these_makes_a_revision_even_if_nothing_differs(place: Place, body: dict[str, Any]) -> None:
    made = place.create(secrets=[{"name": "K", "value": "V"}])
    changed = place.admin.patch(f"/v2/deployments/{made['id']}", json=body).json()
    assert numbers(place, made) == [2, 1]
    assert changed["revision"]["number"] == 2
    again = place.admin.patch(f"/v2/deployments/{made['id']}?if_changed=true", json=body).json()
    assert (again["change"]["action"], again["revision"]) == ("none", None)
    assert numbers(place, made) == [2, 1]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"display_name": "Demo"},
        {"secrets": []},
        {"source_config": {"custom_url": "https://x.test/"}},
        {"source_config": {}, "source_revision_config": {}},
        {"route_through_gateway": True},
        {"deployment_tier": "DEDICATED_S"},
        {"display_name": None, "secrets": None, "source_config": None},
    ],
    ids=str,
)
def test_a_patch_of_these_makes_none(place: Place, body: dict[str, Any]) -> None:
    made = place.create(secrets=[{"name": "K", "value": "V"}])
    changed = place.admin.patch(f"/v2/deployments/{made['id']}", json=body).json()
    assert changed["revision"] is None
    assert numbers(place, made) == [1]
    assert changed["secrets"] == [{"name": "K", "value": MASK}]


def test_secrets_are_replaced_as_a_whole_and_emptied_on_demand(place: Place) -> None:
    made = place.create(secrets=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    path = f"/v2/deployments/{made['id']}"
    place.admin.patch(path, json={"secrets": [{"name": "B", "value": MASK}, {"name": "C", "value": "3"}]})
    seen = place.of("viewer", "secrets:reveal").get(path).json()["secrets"]
    assert seen == [{"name": "B", "value": "2"}, {"name": "C", "value": "3"}]
    assert place.admin.patch(path, json={"clear_secrets": True}).json()["secrets"] == []


def test_the_source_is_the_deployments_own(place: Place) -> None:
    made = place.create()
    path = f"/v2/deployments/{made['id']}"
    assert place.admin.patch(path, json={"revision_source": "internal_source"}).status_code == 400
    assert place.admin.patch(path, json={"revision_source": "external_docker"}).status_code == 422
    assert place.admin.patch(path, json={"source_revision_config": {"repo_ref": "main"}}).status_code == 400
    assert place.admin.patch(path, json={"source_config": {"deployment_type": "prod"}}).status_code == 400
    assert numbers(place, made) == [1]


def test_a_version_guards_against_others(place: Place) -> None:
    made = place.create()
    path = f"/v2/deployments/{made['id']}"
    tag = place.admin.get(path).headers["etag"]
    first = place.admin.patch(path, json={"display_name": "One"}, headers={"If-Match": tag})
    assert first.status_code == 200
    late = place.admin.patch(path, json={"display_name": "Two"}, headers={"If-Match": tag})
    assert late.status_code == 409
    assert place.admin.delete(path, headers={"If-Match": tag}).status_code == 409
    assert place.admin.delete(path, headers={"If-Match": "*"}).status_code == 422
    assert place.admin.delete(path, headers={"If-Match": first.headers["etag"]}).status_code == 204


def test_a_dry_run_of_a_patch_tells_and_changes_nothing(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "old-value"}])
    path = f"/v2/deployments/{made['id']}?dry_run=true"
    answer = place.admin.patch(path, json={"secrets": [{"name": "K", "value": "new-value"}]})
    assert answer.json()["fields"] == ["secrets.K"]
    assert answer.json()["after"]["secrets"] == {"K": "******** (changed)"}
    assert "new-value" not in answer.text
    assert "old-value" not in answer.text
    assert numbers(place, made) == [1]


# -- revisions -------------------------------------------------------------------------------------------------------


def test_revisions_newest_first_with_filters(place: Place) -> None:
    made = place.create()
    path = f"/v2/deployments/{made['id']}"
    place.admin.post(f"{path}/revisions", json={"source_revision_config": {"image_uri": NEXT}, "message": "next"})
    page = place.admin.get(f"{path}/revisions?limit=1").json()
    assert [one["number"] for one in page["resources"]] == [2]
    assert page["resources"][0]["message"] == "next"

    def found(**query: Any) -> list[int]:
        listed = place.admin.get(f"{path}/revisions", params=query).json()["resources"]
        return [one["number"] for one in listed]

    assert found(status="SKIPPED") == found(number=1) == [1]
    assert found(status="SKIPPED,QUEUED", remote_reconciled="true") == [2, 1]
    assert found(number=9) == found(remote_reconciled="false") == []
    assert place.admin.get(f"{path}/revisions?status=LOST").status_code == 422


def test_post_revisions_always_makes_one_if_there_is_something_to_run(place: Place) -> None:
    made = place.create()
    answer = place.admin.post(f"/v2/deployments/{made['id']}/revisions", json={})
    assert (answer.status_code, answer.json()["number"], answer.json()["status"]) == (201, 2, "QUEUED")
    empty = place.create_empty("empty")
    nothing = place.admin.post(f"/v2/deployments/{empty['id']}/revisions", json={"env": {"A": "1"}})
    assert nothing.status_code == 400
    assert place.admin.get(f"/v2/deployments/{empty['id']}").json()["env"] == {}


def test_diff_rollback_pin_redeploy_interrupt(place: Place) -> None:
    made = place.create(env={"MODE": "slow"})
    path = f"/v2/deployments/{made['id']}"
    place.deploy()
    place.admin.patch(path, json={"source_revision_config": {"image_uri": NEXT}, "env": {"MODE": "fast"}})
    place.deploy()
    differ = place.admin.get(f"{path}/diff?left=1&right=2").json()
    assert differ["fields"] == ["env.MODE", "image_uri"]
    assert (differ["before"]["env"], differ["after"]["env"]) == ({"MODE": "slow"}, {"MODE": "fast"})
    plan = place.admin.post(f"{path}/rollback?dry_run=true", json={"number": 1}).json()
    assert (plan["action"], plan["new_revision"]) == ("update", True)
    assert place.admin.post(f"{path}/rollback", json={"number": 2}).status_code == 200
    back = place.admin.post(f"{path}/rollback", json={"number": 1, "message": "as it was"})
    assert back.status_code == 201
    revision = back.json()["revision"]
    assert (revision["rollback_of"], revision["kind"], revision["message"]) == (1, "rollback", "as it was")
    assert place.admin.post(f"{path}/rollback", json={"number": 77}).status_code == 404
    stopped = place.admin.post(f"{path}/revisions/{revision['id']}/interrupt").json()
    assert (stopped["status"], stopped["change"]["changed"]) == ("INTERRUPTED", True)
    pinned = place.admin.patch(f"{path}/revisions/{revision['id']}", json={"pinned": True}).json()
    assert (pinned["pinned"], pinned["change"]["changed"]) == (True, True)
    again = place.admin.post(f"{path}/revisions/{made['revision']['id']}/redeploy").json()
    assert (again["revision"]["kind"], again["latest_revision_number"]) == ("redeploy", 4)
    full = place.admin.get(f"{path}/revisions/{again['revision']['id']}").json()
    assert full["lock"] is None


@pytest.mark.parametrize("what", ["", "/redeploy", "/interrupt", "/logs?type=build"])
def test_a_revision_of_another_deployment_is_not_found(place: Place, what: str) -> None:
    made, other = place.create("mine"), place.create("other")
    path = f"/v2/deployments/{made['id']}/revisions/{other['revision']['id']}{what}"
    method = "POST" if what in ("/redeploy", "/interrupt") else "GET"
    assert place.admin.request(method, path).status_code == 404
    assert place.admin.request(method, path.replace(other["revision"]["id"], "7")).status_code == 422


# -- deleting --------------------------------------------------------------------------------------------------------


def test_what_was_never_placed_goes_at_once_and_its_name_is_free(place: Place) -> None:
    made = place.create()
    path = f"/v2/deployments/{made['id']}"
    assert place.admin.delete(path).status_code == 204
    gone = place.admin.get(path)
    assert (gone.status_code, gone.json()["detail"]) == (404, f"Deployment ID {made['id']} not found.")
    assert place.admin.delete(path).status_code == 404
    place.create()


def test_what_runs_is_deleted_by_whoever_applies(place: Place) -> None:
    made = place.create()
    path = f"/v2/deployments/{made['id']}"
    place.deploy()
    plan = place.admin.delete(f"{path}?dry_run=true")
    assert (plan.status_code, plan.json()["action"]) == (200, "delete")
    assert place.admin.delete(path).status_code == 204
    assert place.admin.get(path).json()["status"] == "AWAITING_DELETE"
    claim = place.claim()["claims"][0]["public"]
    assert claim["action"] == "delete"
    body = {"claim_id": claim["claim_id"], "epoch": claim["epoch"], "status": "DELETED", "release": True}
    assert place.admin.post("/v2/work/report", json=body).status_code == 200
    assert place.admin.get(path).status_code == 404


def test_several_at_once(place: Place) -> None:
    ids = [place.create(f"demo-{number}")["id"] for number in range(3)]
    nobody = "00000000-0000-4000-8000-00000000dead"
    some = place.admin.request("DELETE", "/v2/deployments", params={"deployment_ids": [*ids[:2], nobody]})
    assert some.status_code == 207
    assert [one["status"] for one in some.json()["resources"]] == [204, 204, 404]
    assert some.json()["resources"][2]["detail"] == f"Deployment ID {nobody} not found."
    rest = place.admin.request("DELETE", "/v2/deployments", params={"deployment_ids": ids[2:]})
    assert (rest.status_code, len(rest.json()["resources"])) == (200, 1)
    none = place.admin.request("DELETE", "/v2/deployments", params={"deployment_ids": [nobody]})
    assert none.status_code == 404
    assert place.admin.delete("/v2/deployments").status_code == 422
    too_many = place.admin.request("DELETE", "/v2/deployments", params={"deployment_ids": [nobody] * 101})
    assert too_many.status_code == 422


# -- push token ------------------------------------------------------------------------------------------------------


def test_a_push_token_is_for_pushed_images_only(place: Place) -> None:
    made = place.create()
    refused = place.admin.post(f"/v2/deployments/{made['id']}/push-token", json={"supports_registry_username": True})
    assert refused.status_code == 400
    assert "only available for 'internal_docker' source deployments" in refused.json()["detail"]
    pushed = place.create_empty("pushed", "internal_docker")
    none = place.admin.post(f"/v2/deployments/{pushed['id']}/push-token")
    assert none.status_code == 400
    assert "not offered" in none.json()["detail"]
