# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of a listener tell over HTTP: in whose name a key may speak, and what does not fit."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.control_plane.conftest import OWNER, Place

PROCESS: dict[str, Any] = {
    "owner": OWNER,
    "version": "0.1.0",
    "capacity": 2,
    "started_at": "2026-01-01T00:00:00Z",
}


def process(number: int = 1, place: Place | None = None, **other: Any) -> dict[str, Any]:
    """A process; ids are the service's, so that each place has its own."""
    name = place.id[:24] if place else "00000000-0000-4000-8000-"
    return {**PROCESS, "id": f"{name}{number:012}", **other}


def ask(client: httpx.Client, what: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = client.post(f"/v2/work/{what}", json=body)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_listeners_key_speaks_for_its_own_listener_alone(place: Place) -> None:
    first, second = place.listener("rack-1"), place.listener("rack-2")
    mine = place.create("mine", source_config={"resource_spec": {}, "listener_id": first["id"]})
    place.create("theirs", source_config={"resource_spec": {}, "listener_id": second["id"]})
    client = place.of("listener", listener="rack-1")
    answer = ask(client, "heartbeat", {"process": process(1, place)})
    assert answer == {
        "listener": {
            "id": first["id"],
            "compute_id": "rack-1",
            "compute_type": "hosts",
            "host_groups": ["all"],
            "workspace_id": place.id,
        },
        "leader": True,
    }
    assert ask(client, "heartbeat", {"listener": "rack-1", "process": process(1, place)}) == answer
    assert [served["id"] for served in ask(client, "served", {})["deployments"]] == [mine["id"]]
    for body in ({"listener": "rack-2"}, {"listener": second["id"]}):
        ask(client, "served", body, 404)
        ask(client, "heartbeat", {**body, "process": process(2, place)}, 404)
    seen = place.admin.get(f"/v2/listeners/{first['id']}").json()
    assert (seen["status"], seen["capacity"], [one["pid"] for one in seen["processes"]]) == ("online", 2, [4711])
    assert place.admin.get(f"/v2/listeners/{second['id']}").json()["status"] == "offline"
    other = place.of("listener", listener="rack-2")
    assert ask(other, "heartbeat", {"process": process(1, place)}, 409)["code"] == "conflict"


def test_another_key_names_the_listener(place: Place) -> None:
    place.listener("rack-1")
    for what, body in (("heartbeat", {"process": process(1, place)}), ("served", {})):
        refused = ask(place.admin, what, body, 400)
        assert "listener is missing" in refused["detail"]
        assert refused["extra"] == {"field": "listener"}
        ask(place.admin, what, {**body, "listener": "rack-1"})
    assert place.admin.get("/v2/listeners?compute_id=rack-1").json()["resources"][0]["status"] == "online"


def test_a_process_that_stops_is_gone(place: Place) -> None:
    listener = place.listener("rack-1")
    work = [{"claim_id": "c", "deployment": "chat", "revision": 1, "action": "apply", "step": "Build", "since": None}]
    ask(place.admin, "heartbeat", {"listener": "rack-1", "process": process(1, place, work=work)})
    ask(place.admin, "heartbeat", {"listener": "rack-1", "process": process(2, place)})
    seen = place.admin.get(f"/v2/listeners/{listener['id']}").json()
    assert (seen["capacity"], seen["processes"][0]["work"]) == (4, work)
    gone = ask(place.admin, "heartbeat", {"listener": "rack-1", "process": process(1, place, stopping=True)})
    assert gone["leader"] is False
    seen = place.admin.get(f"/v2/listeners/{listener['id']}").json()
    assert [one["id"] for one in seen["processes"]] == [process(2, place)["id"]]


def test_a_check_and_what_it_found(place: Place) -> None:
    made = place.create("chat")
    place.deploy()
    body = {"owner": OWNER, "check_older_than": 0}
    public = ask(place.admin, "claim", body)["claims"][0]["public"]
    assert (public["action"], public["reason"], public["deployment"]["id"]) == ("check", "check", made["id"])
    seen = place.admin.get(f"/v2/deployments/{made['id']}").json()
    assert (seen["claim"]["action"], seen["drift"]["status"]) == ("check", "in_sync")
    held = {"claim_id": public["claim_id"], "epoch": public["epoch"]}
    change = {"task": "Write the unit", "host": "web-1", "message": "would change", "diff": None}
    drift = {"status": "drifted", "changes": [change]}
    refused = ask(place.admin, "report", {**held, "drift": drift, "status": "DEPLOYED"}, 400)
    assert refused["extra"] == {"field": "drift"}
    ask(place.admin, "report", {**held, "drift": drift, "release": True})
    seen = place.admin.get(f"/v2/deployments/{made['id']}").json()
    assert (seen["drift"]["status"], seen["drift"]["changes"], seen["drift"]["more"]) == ("drifted", [change], 0)
    assert ask(place.admin, "claim", {**body, "check_older_than": 3600})["claims"] == []


def test_what_is_seen_of_servers(place: Place) -> None:
    listener = place.listener("rack-1")
    made = place.create("chat", source_config={"resource_spec": {}, "listener_id": listener["id"]})
    client = place.of("listener", listener="rack-1")
    public = ask(client, "claim", {"owner": OWNER})["claims"][0]["public"]
    held = {"claim_id": public["claim_id"], "epoch": public["epoch"]}
    ask(client, "report", {**held, "status": "DEPLOYED", "release": True})
    lines = [
        {"writer": made["id"], "seq": number, "level": "ERROR", "message": f"a\x00{number}"} for number in range(3)
    ]
    samples = [{"name": "queue_depth", "replica": "web-1/queue-blue-1", "at": "2026-01-01T00:00:00Z", "value": 4}]
    health = {"ok": False, "message": "No answer.", "replicas": {"web-1/api-blue": {"ok": False}}}
    seen = {"slug": made["slug"], "health": health, "logs": lines, "samples": samples}
    unknown = {"slug": "gone-12345678", "logs": lines}
    answer = ask(client, "observations", {"observations": [seen, unknown]})
    assert answer == {"accepted": 4, "unknown": ["gone-12345678"]}
    assert ask(client, "observations", {"observations": [seen]}) == {"accepted": 0, "unknown": []}
    logs = place.admin.get(f"/v2/deployments/{made['id']}/logs?type=deploy&level=ERROR").json()["logs"]
    assert [line["message"] for line in logs] == [f"a\ufffd{number}" for number in range(3)]
    found = place.admin.get(f"/v2/deployments/{made['id']}/metrics?name=queue_depth").json()["resources"]
    assert [sample["value"] for sample in found] == [4.0]
    shown = place.admin.get(f"/v2/deployments/{made['id']}").json()["health"]
    assert (shown["ok"], shown["message"], shown["since"]) == (False, "No answer.", shown["checked_at"])
    assert shown["replicas"] == {"web-1/api-blue": {"ok": False, "message": None}}


def test_a_listeners_key_sees_its_own_servers_alone(place: Place) -> None:
    place.listener("rack-1")
    second = place.listener("rack-2")
    theirs = place.create("theirs", source_config={"resource_spec": {}, "listener_id": second["id"]})
    client = place.of("listener", listener="rack-1")
    seen = {"slug": theirs["slug"], "health": {"ok": False}}
    assert ask(client, "observations", {"observations": [seen]}) == {"accepted": 0, "unknown": [theirs["slug"]]}
    ask(client, "observations", {"listener": "rack-2", "observations": [seen]}, 404)
    assert ask(place.admin, "observations", {"observations": [seen]}, 400)["extra"] == {"field": "listener"}
    assert place.admin.get(f"/v2/deployments/{theirs['id']}").json()["health"] is None


def test_a_request_holds_so_many_lines_and_no_more(place: Place) -> None:
    place.listener("rack-1")
    lines = [{"writer": place.id, "seq": number} for number in range(2501)]
    body = {"listener": "rack-1", "observations": [{"slug": "a-12345678", "logs": lines}] * 2}
    refused = ask(place.admin, "observations", body, 400)
    assert "holds 5002 lines and samples; send at most 5000 at once" in refused["detail"]


def test_nobody_waits_for_a_check(place: Place) -> None:
    refused = ask(place.admin, "claim", {"owner": OWNER, "check_older_than": 60, "wait_seconds": 5}, 400)
    assert refused["extra"] == {"field": "wait_seconds"}
    ask(place.admin, "claim", {"owner": OWNER, "check_older_than": 60, "takeover": True}, 400)
    ask(place.admin, "claim", {"owner": OWNER, "check_older_than": 60, "wait_seconds": 0})


def test_a_listeners_key_checks_its_own(place: Place) -> None:
    first, second = place.listener("rack-1"), place.listener("rack-2")
    for name, listener in (("mine", first), ("theirs", second)):
        place.create(name, source_config={"resource_spec": {}, "listener_id": listener["id"]})
        public = ask(place.admin, "claim", {"owner": OWNER, "deployments": [name]})["claims"][0]["public"]
        told = {"claim_id": public["claim_id"], "epoch": public["epoch"], "status": "DEPLOYED", "release": True}
        ask(place.admin, "report", told)
    client = place.of("listener", listener="rack-1")
    body = {"owner": OWNER, "check_older_than": 0}
    found = ask(client, "claim", body)["claims"]
    assert [one["public"]["deployment"]["name"] for one in found] == ["mine"]
    ask(client, "claim", {**body, "deployments": ["theirs"]}, 404)
    theirs = ask(place.admin, "claim", {**body, "listener": "rack-2"})["claims"][0]["public"]
    told = {"claim_id": theirs["claim_id"], "epoch": theirs["epoch"], "drift": {"status": "in_sync"}}
    ask(client, "report", told, 404)


@pytest.mark.parametrize("what", ["heartbeat", "served", "observations"])
def test_another_version_of_the_protocol_is_told_so(place: Place, what: str) -> None:
    body = {"heartbeat": {"process": process()}, "served": {}, "observations": {"observations": []}}[what]
    answer = place.admin.post(f"/v2/work/{what}", json=body, headers={"X-Work-Protocol": "2"})
    assert (answer.status_code, answer.json()["code"]) == (426, "protocol_too_old")


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("heartbeat", {}),
        ("heartbeat", {"process": {**PROCESS}}),
        ("heartbeat", {"process": process(id="me")}),
        ("heartbeat", {"process": process(started_at="soon")}),
        ("heartbeat", {"process": process(capacity=-1)}),
        ("heartbeat", {"process": process(work=[{"what": 1}])}),
        ("heartbeat", {"process": process(work=[{}] * 1001)}),
        ("heartbeat", {"process": process(), "leader": True}),
        ("served", {"listener": ""}),
        ("observations", {}),
        ("observations", {"observations": [{}]}),
        ("observations", {"observations": [{"slug": "A B"}]}),
        ("observations", {"observations": [{"slug": "a", "colour": "red"}]}),
        ("observations", {"observations": [{"slug": "a", "health": {"ok": "yes"}}]}),
        ("observations", {"observations": [{"slug": "a", "logs": [{"writer": "me", "seq": 1}]}]}),
        ("observations", {"observations": [{"slug": "a", "samples": [{"name": "cpu", "value": "high"}]}]}),
        ("report", {"claim_id": process()["id"], "epoch": 1, "retry_after": 86401, "release": True}),
        ("report", {"claim_id": process()["id"], "epoch": 1, "host": "a\nb"}),
        ("report", {"claim_id": process()["id"], "epoch": 1, "drift": {}}),
        ("report", {"claim_id": process()["id"], "epoch": 1, "drift": {"status": "odd"}}),
        ("claim", {"owner": OWNER, "check_older_than": -1}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_requests_that_do_not_fit(place: Place, what: str, body: dict[str, Any]) -> None:
    ask(place.admin, what, body, 422)
