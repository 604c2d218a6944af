# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work protocol over HTTP: claims, leases, reports, ports, and what a listener's key reaches."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.control_plane.conftest import OTHER, OWNER, Place

NOBODY = "00000000-0000-4000-8000-00000000dead"


def held(claim: dict[str, Any]) -> dict[str, Any]:
    """What names a claim in a request."""
    return {"claim_id": claim["public"]["claim_id"], "epoch": claim["public"]["epoch"]}


def ask(client: httpx.Client, what: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = client.post(f"/v2/work/{what}", json=body)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_from_claim_to_deployed(place: Place) -> None:
    made = place.create(secrets=[{"name": "K", "value": "V"}], env={"MODE": "fast"})
    claimed = place.claim()
    assert (claimed["protocol"], claimed["suspects"]) == (1, [])
    claim = claimed["claims"][0]
    assert claim["private"]["secrets"] == {"K": "V"}
    assert claim["private"]["env"] == {"MODE": "fast"}
    assert claim["private"]["database_password"]
    renewed = ask(place.admin, "renew", held(claim))
    assert renewed == {"seconds_left": 60.0, "interrupt_requested": False}
    wanted = [{"role": "api", "slot": "blue"}, {"role": "redis", "slot": "main", "port": 22777}]
    body = {**held(claim), "host_key": "machine-1", "wanted": wanted, "port_range": [22700, 22800]}
    placed = ask(place.admin, "place", body)["placements"]
    assert placed["redis"] == {"main": 22777}
    assert ask(place.admin, "place", body)["placements"] == placed
    lines = [{"seq": number, "message": f"line {number}"} for number in range(3)]
    logged = {"id": held(claim)["claim_id"], "type": "build", "entries": lines}
    assert ask(place.admin, "logs", logged) == {"appended": 3}
    assert ask(place.admin, "logs", logged) == {"appended": 0}
    samples = [{"name": "cpu", "value": 0.5}, {"name": "cpu", "value": 1, "at": "2026-01-01T00:00:00Z"}]
    assert ask(place.admin, "metrics", {"claim_id": held(claim)["claim_id"], "samples": samples}) == {"appended": 2}
    ask(place.admin, "report", {**held(claim), "status": "BUILDING"})
    done = {"status": "DEPLOYED", "url": "https://demo.test/", "health": {"ok": True}, "release": True, "lock": "a==1"}
    reported = ask(place.admin, "report", {**held(claim), **done})
    assert (reported["revision"]["status"], reported["changed"]) == ("DEPLOYED", True)
    assert reported["revision"]["secrets"] == [{"name": "K", "value": "********"}]
    seen = place.admin.get(f"/v2/deployments/{made['id']}").json()
    assert (seen["status"], seen["health"], seen["claim"]["held"]) == ("READY", {"ok": True}, False)
    found = place.admin.get(f"/v2/deployments/{made['id']}/metrics?name=cpu").json()["resources"]
    assert sorted(sample["value"] for sample in found) == [0.5, 1.0]
    assert place.claim()["claims"] == []


def test_a_claim_that_ended_is_stale(place: Place) -> None:
    place.create()
    claim = place.claim()["claims"][0]
    ask(place.admin, "report", {**held(claim), "release": True})
    for what, body in (
        ("renew", held(claim)),
        ("report", {**held(claim), "status": "DEPLOYED"}),
        ("place", {**held(claim), "host_key": "m", "wanted": []}),
    ):
        assert ask(place.admin, what, body, 409)["code"] == "stale_claim"
    again = place.claim()["claims"][0]
    assert again["public"]["epoch"] > claim["public"]["epoch"]


def test_a_named_one_that_is_held_says_by_whom(place: Place) -> None:
    place.create("chat")
    place.claim()
    answer = ask(place.admin, "claim", {"owner": OTHER, "deployments": ["chat"]}, 409)
    assert (answer["code"], answer["extra"]["owner"]) == ("held", "alice@worker")
    # Whether a process on its own host lives, the client can see and the service cannot.
    assert answer["extra"]["suspects"] == [OWNER]
    taken = place.claim(owner=OTHER, deployments=["chat"], dead=[OWNER])
    assert taken["claims"][0]["public"]["epoch"] == 2
    far = {**OTHER, "host": "elsewhere.test"}
    assert ask(place.admin, "claim", {"owner": far, "deployments": ["chat"]}, 409)["extra"]["suspects"] == []
    assert place.claim(owner=far, deployments=["chat"], takeover=True)["claims"][0]["public"]["epoch"] == 3


def test_due_work_of_a_dead_owner_is_handed_out_once_it_is_told(place: Place) -> None:
    place.create("chat")
    place.claim()
    first = place.claim(owner=OTHER)
    assert (first["claims"], first["suspects"]) == ([], [OWNER])
    second = place.claim(owner=OTHER, dead=[OWNER])
    assert [claim["public"]["deployment"]["name"] for claim in second["claims"]] == ["chat"]
    assert place.claim(owner={**OTHER, "host": "elsewhere.test"})["suspects"] == []


def test_a_preview_takes_nothing(place: Place) -> None:
    place.create("chat")
    assert place.claim(preview=True, wait_seconds=5)["claims"][0]["public"]["preview"] is True
    assert place.admin.get("/v2/deployments?name=chat").json()["resources"][0]["claim"]["epoch"] == 0
    assert len(place.claim(limit=1)["claims"]) == 1


@pytest.mark.parametrize("version", [0, 2, 17])
@pytest.mark.parametrize("what", ["claim", "renew", "report", "place", "logs", "metrics"])
def test_another_version_of_the_protocol_is_told_so(place: Place, what: str, version: int) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "claim": {"owner": OWNER},
        "renew": {"claim_id": NOBODY, "epoch": 1},
        "report": {"claim_id": NOBODY, "epoch": 1},
        "place": {"claim_id": NOBODY, "epoch": 1, "host_key": "m", "wanted": []},
        "logs": {"id": NOBODY, "type": "build", "entries": []},
        "metrics": {"claim_id": NOBODY, "samples": []},
    }
    headers = {"X-Work-Protocol": str(version)}
    answer = place.admin.post(f"/v2/work/{what}", json=bodies[what], headers=headers)
    assert answer.status_code == 426
    body = answer.json()
    assert body["code"] == "protocol_too_old"
    assert body["extra"] == {"client_protocol": version, "server_protocol": 1}
    assert ("client" if version < 1 else "server") in body["detail"]


def test_the_own_version_is_taken(place: Place) -> None:
    answer = place.admin.post("/v2/work/claim", json={"owner": OWNER}, headers={"X-Work-Protocol": "1"})
    assert answer.status_code == 200
    assert (
        place.admin.post("/v2/work/claim", json={"owner": OWNER}, headers={"X-Work-Protocol": "new"}).status_code == 422
    )


def test_a_listeners_key_reaches_its_own_work_alone(place: Place) -> None:
    first, second = place.listener("rack-1"), place.listener("rack-2")
    mine = place.create("mine", source_config={"resource_spec": {}, "listener_id": first["id"]})
    theirs = place.create("theirs", source_config={"resource_spec": {}, "listener_id": second["id"]})
    client = place.of("listener", listener="rack-1")
    assert [one["name"] for one in client.get("/v2/deployments").json()["resources"]] == ["mine"]
    assert client.get(f"/v2/deployments/{mine['id']}").status_code == 200
    for path in ("", "/revisions", "/logs?type=deploy", "/metrics", "/diff?left=1&right=1"):
        assert client.get(f"/v2/deployments/{theirs['id']}{path}").status_code == 404
    assert client.get(f"/v2/deployments/{theirs['id']}/revisions/{theirs['revision']['id']}").status_code == 404
    ask(client, "claim", {"owner": OWNER, "listener": "rack-2"}, 404)
    ask(client, "claim", {"owner": OWNER, "deployments": ["theirs"]}, 404)
    own = place.claim(client)["claims"]
    assert [claim["public"]["deployment"]["name"] for claim in own] == ["mine"]
    assert ask(client, "renew", held(own[0]))["seconds_left"] == 60.0
    foreign = place.claim(listener="rack-2")["claims"][0]
    for what, body in (
        ("renew", held(foreign)),
        ("report", {**held(foreign), "release": True}),
        ("place", {**held(foreign), "host_key": "m", "wanted": []}),
        ("logs", {"id": held(foreign)["claim_id"], "type": "build", "entries": []}),
        ("logs", {"id": theirs["revision"]["id"], "type": "build", "entries": []}),
        ("metrics", {"claim_id": held(foreign)["claim_id"], "samples": []}),
    ):
        ask(client, what, body, 404)


def test_claims_of_another_workspace_are_not_known(place: Place, other_place: Place) -> None:
    other_place.create()
    foreign = other_place.claim()["claims"][0]
    assert place.claim()["claims"] == []
    ask(place.admin, "renew", held(foreign), 409)
    ask(place.admin, "report", {**held(foreign), "status": "DEPLOYED"}, 409)
    ask(place.admin, "logs", {"id": held(foreign)["claim_id"], "type": "build", "entries": []}, 404)
    ask(place.admin, "metrics", {"claim_id": held(foreign)["claim_id"], "samples": []}, 404)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("claim", {}),
        ("claim", {"owner": {"pid": 1}}),
        ("claim", {"owner": OWNER, "wait_seconds": 56}),
        ("claim", {"owner": OWNER, "deployments": []}),
        ("claim", {"owner": OWNER, "limit": 0}),
        ("claim", {"owner": {**OWNER, "label": "a\x00b"}}),
        ("renew", {"claim_id": "x", "epoch": 1}),
        ("report", {"claim_id": NOBODY, "epoch": 1, "status": "DONE"}),
        ("report", {"claim_id": NOBODY, "epoch": 1, "source_sha256": "abc"}),
        ("place", {"claim_id": NOBODY, "epoch": 1, "host_key": "", "wanted": []}),
        ("logs", {"id": NOBODY, "type": "audit", "entries": []}),
        ("logs", {"id": NOBODY, "type": "build", "entries": [{"message": "x"}]}),
        ("logs", {"id": NOBODY, "type": "build", "entries": [{"seq": 1, "timestamp": "yesterday"}]}),
        ("metrics", {"claim_id": NOBODY, "samples": [{"name": "cpu", "value": "high"}]}),
    ],
    ids=str,
)
def test_requests_that_do_not_fit(place: Place, what: str, body: dict[str, Any]) -> None:
    ask(place.admin, what, body, 422)


def test_program_texts_are_kept_as_far_as_they_can_be(place: Place) -> None:
    made = place.create()
    claim = place.claim()["claims"][0]
    ask(
        place.admin,
        "report",
        {**held(claim), "status": "BUILD_FAILED", "cause": "c" * 10_000, "log_tail": "t" * 90_000},
    )
    shown = place.admin.get(f"/v2/deployments/{made['id']}/revisions/{made['revision']['id']}").json()
    assert (shown["status"], len(shown["cause"])) == ("BUILD_FAILED", 4096)
