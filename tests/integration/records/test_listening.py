# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of listeners tell: that they are there, who leads, what they serve."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records

from .conftest import OWNER, Backstage, claim, create, deploy, key_of, refused, update


def process(number: int = 1, **other: Any) -> Any:
    """A process of a listener; the one with the lowest number was started first."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "owner": OWNER,
        "version": "0.1.0",
        "capacity": 2,
        "started_at": f"2026-01-01T00:00:{number:02}+00:00",
        **other,
    }


def lose(backstage: Backstage, number: int, seconds: float = 31) -> None:
    """Let a process be seen that long ago."""
    backstage.rows(
        "update control_plane.listener_processes set seen_at = clock_timestamp() - make_interval(secs => %s) "
        "where id = %s",
        seconds,
        process(number)["id"],
    )


def test_a_heartbeat_shows_the_process(records: Records) -> None:
    made = records.apply_listener({"compute_id": "rack", "compute_config": {"host_groups": ["servers"]}})["listener"]
    assert (made["status"], made["last_seen_at"], made["capacity"], made["processes"]) == ("offline", None, 0, [])
    work = [
        {
            "claim_id": str(uuid.uuid4()),
            "deployment": "chat",
            "revision": 3,
            "action": "apply",
            "step": "Build",
            "since": "2026-01-01T00:00:00+00:00",
        }
    ]
    answer = records.heartbeat("rack", process(work=work))
    assert answer["leader"] is True
    assert answer["listener"] == {
        "id": made["id"],
        "compute_id": "rack",
        "compute_type": "hosts",
        "host_groups": ["servers"],
        "workspace_id": made["tenant_id"],
    }
    seen = records.listener("rack")
    assert seen is not None
    assert (seen["status"], seen["capacity"], seen["version"]) == ("online", 2, None)
    [shown] = seen["processes"]
    assert seen["last_seen_at"] == shown["seen_at"]
    assert shown == {
        "id": process()["id"],
        "host": "controller.test",
        "pid": 4711,
        "version": "0.1.0",
        "capacity": 2,
        "work": work,
        "started_at": "2026-01-01T00:00:01+00:00",
        "seen_at": shown["seen_at"],
    }
    assert records.listeners() == [seen]
    records.heartbeat(made["id"], process(capacity=5))
    again = records.listener("rack")
    assert again is not None
    assert (again["capacity"], again["processes"][0]["work"], len(again["processes"])) == (5, [], 1)
    assert again["record_version"] == made["record_version"]


def test_the_first_one_that_is_there_leads(records: Records, backstage: Backstage) -> None:
    records.apply_listener({"compute_id": "rack"})
    records.apply_listener({"compute_id": "other"})
    assert records.heartbeat("rack", process(2))["leader"] is True
    assert records.heartbeat("rack", process(1))["leader"] is True
    assert records.heartbeat("rack", process(2))["leader"] is False
    assert records.heartbeat("other", process(3))["leader"] is True
    lose(backstage, 1)
    assert records.heartbeat("rack", process(2))["leader"] is True
    seen = records.listener("rack")
    assert seen is not None
    assert (seen["capacity"], [one["pid"] for one in seen["processes"]]) == (2, [4711, 4711])
    assert records.heartbeat("rack", process(1))["leader"] is True
    assert records.heartbeat("rack", process(1, stopping=True))["leader"] is False
    assert records.heartbeat("rack", process(2))["leader"] is True
    left = records.listener("rack")
    assert left is not None
    assert [one["id"] for one in left["processes"]] == [process(2)["id"]]


def test_of_two_that_begin_together_one_leads(records: Records, open_again: Callable[..., Records]) -> None:
    records.apply_listener({"compute_id": "rack"})
    for round_number in range(5):
        told: list[bool] = []
        barrier = threading.Barrier(4)

        def beat(number: int, told: list[bool], barrier: threading.Barrier) -> None:
            mine = open_again()
            barrier.wait()
            told.append(mine.heartbeat("rack", process(number, started_at="2026-01-01T00:00:00Z"))["leader"])

        numbers = range(round_number * 10, round_number * 10 + 4)
        threads = [threading.Thread(target=beat, args=[number, told, barrier]) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert True in told
        leaders = [
            number
            for number in range(round_number * 10, round_number * 10 + 4)
            if records.heartbeat("rack", process(number, started_at="2026-01-01T00:00:00Z"))["leader"]
        ]
        assert leaders == [round_number * 10]
        for number in range(round_number * 10, round_number * 10 + 4):
            records.heartbeat("rack", process(number, stopping=True))


def test_a_listener_whose_processes_are_gone_is_offline(records: Records, backstage: Backstage) -> None:
    records.apply_listener({"compute_id": "rack"})
    records.heartbeat("rack", process(1))
    lose(backstage, 1)
    seen = records.listener("rack")
    assert seen is not None
    assert (seen["status"], seen["capacity"], len(seen["processes"])) == ("offline", 0, 1)
    assert seen["last_seen_at"] is not None
    lose(backstage, 1, 86401)
    records.heartbeat("rack", process(2))
    seen = records.listener("rack")
    assert seen is not None
    assert [one["id"] for one in seen["processes"]] == [process(2)["id"]]
    assert records.delete_listener("rack")
    assert backstage.rows("select 1 from control_plane.listener_processes") == []


def test_what_no_process_can_say(records: Records) -> None:
    records.apply_listener({"compute_id": "rack"})
    records.apply_listener({"compute_id": "other"})
    records.heartbeat("other", process(1))
    with pytest.raises(Conflict, match="belongs to another listener; give each process an id of its own"):
        records.heartbeat("rack", process(1))
    with pytest.raises(NotFound, match="There is no listener nowhere in workspace default"):
        records.heartbeat("nowhere", process(2))
    with pytest.raises(NotFound, match="There is no listener nowhere in workspace default"):
        records.served("nowhere")
    for call in (lambda: records.heartbeat("", process(2)), lambda: records.served("")):
        with pytest.raises(InvalidInput, match="listener is missing"):
            call()
    for key, value, words in (
        ("id", "me", "is no UUID"),
        ("started_at", "yesterday", "is no time"),
        ("capacity", -1, "capacity is no number"),
    ):
        with pytest.raises(InvalidInput, match=refused(words, rf"process\.{key}")):
            records.heartbeat("rack", process(2, **{key: value}))


def test_what_a_listener_serves(records: Records) -> None:
    for name in ("rack", "other"):
        records.apply_listener({"compute_id": name, "compute_config": {"host_groups": ["servers"]}})
    made = create(records, "chat", listener="rack", k8s_namespace="servers")
    create(records, "elsewhere", listener="other")
    empty: dict[str, Any] = {
        "id": made["id"],
        "name": "chat",
        "slug": made["slug"],
        "status": "AWAITING_DATABASE",
        "url": None,
        "host": None,
        "host_group": "servers",
        "active_revision_id": None,
        "active_revision_number": None,
        "health": None,
        "drift_checked_at": None,
        "claimed": False,
    }
    assert records.served("rack") == [empty]
    claimed = claim(records, listener="rack")
    told = claimed["public"]["deployment"]
    assert (told["host"], told["host_group"]) == (None, "servers")
    assert records.served("rack") == [{**empty, "claimed": True}]
    records.report(*key_of(claimed), "DEPLOYED", url="http://h:1/", host="web-1", health={"ok": True}, release=True)
    [served] = records.served("rack")
    assert served["active_revision_id"] == records.deployment("chat")["active_revision_id"]
    assert (served["status"], served["url"], served["host"], served["active_revision_number"], served["health"]) == (
        "READY",
        "http://h:1/",
        "web-1",
        1,
        {"ok": True},
    )
    assert served["claimed"] is False
    assert records.deployment("chat")["host"] == "web-1"  # type: ignore[index]  # it is there
    again = claim(records, "chat")
    assert again["public"]["deployment"]["host"] == "web-1"
    records.report(*key_of(again), release=True)
    records.delete_deployment("chat", force=True)
    assert records.served("rack") == []


def test_a_deployment_without_a_group_has_none(records: Records) -> None:
    create(records)
    assert deploy(records)["public"]["deployment"]["host_group"] is None
    assert records.deployment("chat")["host"] is None  # type: ignore[index]  # it is there


def test_a_deployment_without_a_listener_can_be_given_one(records: Records) -> None:
    made = create(records)
    deploy(records)
    for name in ("rack", "other"):
        records.apply_listener({"compute_id": name, "compute_config": {"host_groups": ["servers"]}})
    plan = records.plan_deployment({"name": "chat", "listener": "rack"})
    assert (plan.action, plan.new_revision, plan.fields) == ("update", False, ("listener",))
    applied = records.apply_deployment({"name": "chat", "listener": "rack", "k8s_namespace": "servers"})
    assert (applied["changed"], applied["revision"]) == (True, None)
    assert (applied["deployment"]["listener"], applied["deployment"]["version"]) == ("rack", made["version"] + 1)
    assert applied["deployment"]["source_config"]["listener_config"] == {"k8s_namespace": "servers"}
    assert not records.apply_deployment({"name": "chat", "listener": "rack"})["changed"]
    assert [one["name"] for one in records.served("rack")] == ["chat"]
    with pytest.raises(InvalidInput, match="The listener of deployment chat is rack and cannot be changed"):
        records.apply_deployment({"name": "chat", "listener": "other"})
    update(records, env={"A": "1"})
    assert records.claim(owner=OWNER) == []
    assert claim(records, listener="rack")["public"]["deployment"]["host_group"] == "servers"
    entries = records.audit_entries(record="chat", action="update")["entries"]
    assert [entry["after"].get("listener") for entry in entries] == [None, "rack"]


def test_what_was_due_goes_to_the_new_listener(records: Records) -> None:
    create(records)
    records.apply_listener({"compute_id": "rack"})
    records.apply_deployment({"name": "chat", "listener": "rack", "env": {"A": "1"}})
    assert records.claim(owner=OWNER) == []
    assert claim(records, listener="rack")["public"]["revision"]["number"] == 2  # type: ignore[index]  # it has one
    records.activate_revision("chat", 1)
    assert records.deployment("chat")["listener"] == "rack"  # type: ignore[index]  # it is there
