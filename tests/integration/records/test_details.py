# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendor's further fields, references to secrets, differences of revisions, filters of logs, metrics, audit."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, MASK_CHANGED, Records

from .conftest import claim, create, deploy, key_of, refused, status_of, update

ATTRIBUTES = {
    "shareable": True,
    "route_through_gateway": True,
    "deployment_type": "prod",
    "deployment_tier": "DEDICATED_M",
    "compute_tier": "DEDICATED_S",
    "database_tier": "SERVERLESS_L",
}


def test_fields_of_the_deployment_make_no_revision(records: Records) -> None:
    create(records, **ATTRIBUTES, custom_url="https://chat.example.org/")
    deployment: Any = records.deployment("chat")
    assert deployment["source_config"]["deployment_type"] == "prod"
    assert deployment["source_config"]["custom_url"] == "https://chat.example.org/"
    assert deployment["url"] is None
    assert (deployment["shareable"], deployment["deployment_tier"]) == (True, "DEDICATED_M")
    applied = records.apply_deployment({"name": "chat", "shareable": False, "custom_url": "https://new.example.org"})
    assert (applied["changed"], applied["revision"]) == (True, None)
    assert applied["plan"].fields == ("custom_url", "shareable")
    assert applied["deployment"]["shareable"] is False
    with pytest.raises(InvalidInput, match="deployment_type of deployment chat is prod and cannot be changed"):
        records.apply_deployment({"name": "chat", "deployment_type": "dev"})


def test_what_a_build_is_told_makes_a_revision(records: Records) -> None:
    create(records)
    made = update(
        records, install_command="npm ci", build_command="npm run build", tracked_packages=["google-adk:==1.2.3"]
    )
    assert made["source_config"]["install_command"] == "npm ci"
    assert made["tracked_packages"] == ["google-adk:==1.2.3"]
    deployment: Any = records.deployment("chat")
    assert deployment["source_config"]["build_command"] == "npm run build"
    with pytest.raises(InvalidInput, match="does not go with source external_docker"):
        records.apply_deployment({"name": "image", "image_uri": "r.test/x:1", "install_command": "npm ci"})


@pytest.mark.parametrize(
    ("desired", "words"),
    [
        ({"deployment_type": "huge"}, "deployment_type 'huge' is not known"),
        ({"compute_tier": "L"}, "compute_tier 'L' is not known"),
        ({"custom_url": "ftp://x"}, "begins with http"),
        ({"custom_url": "https://u:p@example.org"}, "user name"),
        ({"shareable": "yes"}, "not true or false"),
        ({"tracked_packages": ["x"]}, "write NAME:VERSION"),
        ({"install_command": "a\nb"}, "line break"),
        ({"name": "0b7e6f2e-3d5d-4c55-8b62-8c0f4a3f1a11"}, "looks like the id"),
    ],
)
def test_bad_fields(records: Records, desired: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        records.apply_deployment({"name": "chat", **desired})
    assert records.deployments() == []


def test_an_image_that_was_pushed(records: Records) -> None:
    records.apply_deployment({"name": "chat", "source": "internal_docker"})
    assert records.claim(owner={"host": "h", "boot_id": "b"}) == []
    made = update(records, image_uri="registry.test/chat@sha256:" + "0" * 64)
    claimed = claim(records)
    assert claimed["public"]["revision"]["image_uri"] == made["source_revision_config"]["image_uri"]


def test_references_come_with_the_claim(records: Records) -> None:
    references = [
        {"name": "TOKEN", "secret_name": "file", "secret_key": "chat/token"},
        {"name": "KEY", "secret_name": "env", "secret_key": "CHAT_KEY"},
    ]
    create(records, secret_references=references)
    deployment: Any = records.deployment("chat")
    assert [reference["name"] for reference in deployment["secret_references"]] == ["KEY", "TOKEN"]
    assert records.plan_deployment({"name": "chat", "secret_references": references[::-1]}).action == "none"
    assert claim(records)["private"]["secret_references"] == deployment["secret_references"]
    made = update(records, secret_references=[])
    assert made["secret_references"] == []


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"name": "A", "secret_name": "file", "secret_key": "../../etc/shadow"}, "malformed"),
        ({"name": "A", "secret_name": "file", "secret_key": "/etc/shadow"}, "malformed"),
        ({"name": "A", "secret_name": "env", "secret_key": "A-B"}, "malformed"),
        ({"name": "A", "secret_name": "Not_a_secret", "secret_key": "k"}, "malformed"),
        ({"name": "A", "secret_name": "env"}, "just name, secret_name and secret_key"),
        (
            {"name": "1A", "secret_name": "env", "secret_key": "A"},
            refused("no valid name of an environment variable", "secret_references.0.name"),
        ),
        ({"name": "PORT", "secret_name": "env", "secret_key": "A"}, "set by the platform"),
        ({"name": "B", "secret_name": "env", "secret_key": "A"}, "secret_references and in env or secrets"),
    ],
)
def test_bad_references(records: Records, reference: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        records.apply_deployment({"name": "chat", "env": {"B": "1"}, "secret_references": [reference]})


def test_what_it_has_to_be(records: Records) -> None:
    with pytest.raises(NotFound, match="no deployment chat"):
        records.apply_deployment({"name": "chat"}, must="update")
    made = records.apply_deployment({"name": "chat"}, must="create")
    with pytest.raises(Conflict, match=r"^A deployment named 'chat' already exists\.$"):
        records.apply_deployment({"name": "chat"}, must="create")
    with pytest.raises(Conflict, match="already exists"):
        records.plan_deployment({"name": "chat"}, must="create")
    by_id = records.apply_deployment({"name": made["deployment"]["id"], "display_name": "Chat"}, must="update")
    assert by_id["deployment"]["display_name"] == "Chat"


def test_a_revision_in_any_case(records: Records) -> None:
    create(records, env={"A": "1"})
    assert records.apply_deployment({"name": "chat", "env": {"A": "1"}})["revision"] is None
    again = records.apply_deployment({"name": "chat", "env": {"A": "1"}}, always_revision=True)
    assert again["revision"] is not None
    assert (again["changed"], again["plan"].new_revision, again["revision"]["number"]) == (True, True, 2)
    assert status_of(records, number=1) == "SKIPPED"
    records.apply_deployment({"name": "empty"})
    nothing = records.apply_deployment({"name": "empty"}, always_revision=True)
    assert nothing["revision"] is None, "without a source there is nothing to run"


def test_filters_of_deployments(records: Records) -> None:
    records.apply_listener({"compute_id": "edge"})
    records.apply_listener({"compute_id": "core"})
    first = create(records, "one", deployment_type="prod", api_version="0.11.1")
    second = create(records, "two", listener="edge")
    deploy(records, "two", url="http://two.test")

    def names(**filters: Any) -> list[str]:
        return [found["name"] for found in records.deployments(**filters)]

    assert names(deployment_ids=[first["id"], "no-id"]) == ["one"]
    assert names(deployment_ids=[]) == []
    assert names(deployment_type="prod") == ["one"]
    assert names(image_version="0.11.1") == ["one"]
    assert names(url="http://two.test") == ["two"]
    assert names(listener="edge") == [second["name"]]
    assert names(listener="edge", deployment_type="prod") == []


def test_difference_between_any_two_revisions(records: Records) -> None:
    create(records, env={"A": "1"}, secrets={"KEY": "canary-one", "SAME": "canary-same"})
    update(records, env={"A": "2"}, secrets={"KEY": "canary-two", "SAME": "canary-same", "NEW": "canary-new"})
    found = records.diff_revisions("chat", 1, 2)
    assert (found["left"], found["right"]) == (1, 2)
    assert found["fields"] == ["env.A", "secrets.KEY", "secrets.NEW"]
    assert found["before"]["secrets"] == {"KEY": MASK, "SAME": MASK}
    assert found["after"]["secrets"] == {"KEY": MASK_CHANGED, "NEW": MASK, "SAME": MASK}
    assert "canary" not in str(found)
    assert records.diff_revisions("chat", 2, 2)["fields"] == []
    with pytest.raises(NotFound, match="3"):
        records.diff_revisions("chat", 1, 3)


def test_values_of_secrets_are_shown_on_demand_and_audited(records: Records, revealing: Records) -> None:
    create(records, secrets={"KEY": "canary-one"})
    update(records, secrets={"KEY": "canary-two"})
    assert revealing.secret_values("chat") == {"KEY": "canary-two"}
    assert revealing.secret_values("chat", 1) == {"KEY": "canary-one"}
    entries = records.audit_entries(action="reveal")["entries"]
    # Over HTTP whoever may see them sees them with the deployment as well.
    assert len(entries) >= 2
    assert all(entry["after"] == {"secrets": ["KEY"]} for entry in entries)
    assert "canary" not in str(records.audit_entries(limit=1000))


@pytest.fixture
def logged(records: Records) -> Records:
    """Five lines, a minute apart, of rising level."""
    create(records)
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    entries: Any = [
        {"seq": n, "timestamp": f"2026-01-01T00:0{n}:00Z", "level": level, "message": f"Line {n} of {level}"}
        for n, level in enumerate(levels)
    ]
    records.append_logs(claim(records)["public"]["claim_id"], "deploy", entries)
    return records


@pytest.mark.parametrize(
    ("filters", "lines"),
    [
        ({}, "01234"),
        ({"order": "desc"}, "43210"),
        ({"level": "ERROR"}, "34"),
        ({"query": "LINE 2"}, "2"),
        ({"query": "of warning"}, "2"),
        ({"query": "100%"}, ""),
        ({"start_time": "2026-01-01T00:03:00+00:00"}, "34"),
        ({"end_time": "2026-01-01T01:01:00+01:00"}, "01"),
        ({"start_time": "2026-01-01T00:01:00", "end_time": "2026-01-01T00:03:00", "order": "desc"}, "321"),
    ],
)
def test_filters_of_logs(logged: Records, filters: dict[str, Any], lines: str) -> None:
    found = logged.logs("chat", type="deploy", **filters)["logs"]
    assert "".join(line["message"].split()[1] for line in found) == lines


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_logs_page_by_page(logged: Records, order: Any) -> None:
    seen: list[str] = []
    after = None
    for _page in range(4):
        page = logged.logs("chat", order=order, after=after, limit=2)
        seen += [line["message"] for line in page["logs"]]
        after = page["next_offset"]
    assert after is not None, "a cursor stands at the end too, or the stock client prints the last page again"
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"order": "up"}, refused("order 'up' is not known", "order")),
        ({"level": "LOUD"}, refused("level 'LOUD' is not known", "level")),
        ({"after": "²"}, refused("position is malformed", "offset")),
        ({"start_time": "yesterday"}, refused("start_time is no time", "start_time")),
        ({"query": "a\x00b"}, refused("NUL", "query")),
        ({"type": "other"}, refused("log type 'other' is not known", "type")),
    ],
)
def test_bad_filters_of_logs(logged: Records, filters: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        logged.logs("chat", **filters)


def test_metrics_of_a_deployment(records: Records) -> None:
    create(records)
    claim_id = key_of(claim(records))[0]
    samples = [
        {"name": "requests", "at": f"2026-01-01T00:00:0{n}Z", "value": n, "replica": replica}
        for n in range(3)
        for replica in ("a", "b")
    ]
    assert records.append_metrics(claim_id, samples) == 6
    assert records.append_metrics(claim_id, samples) == 0, "the same sample twice is stored once"
    assert records.append_metrics(claim_id, [{"name": "memory", "value": 1.5}]) == 1
    found = records.metrics("chat", "requests", since="2026-01-01T00:00:01Z", until="2026-01-01T00:00:01Z")
    assert found == [
        {"name": "requests", "replica": replica, "at": "2026-01-01T00:00:01+00:00", "value": 1.0} for replica in "ab"
    ]
    assert len(records.metrics("chat")) == 7
    newest = records.metrics("chat", limit=3)
    assert [(one["name"], one["value"]) for one in newest] == [("memory", 1.5), ("requests", 2.0), ("requests", 2.0)]
    first = records.metrics("chat", since="2026-01-01T00:00:00Z", limit=2)
    assert [(one["name"], one["value"]) for one in first] == [("memory", 1.5), ("requests", 0.0)]
    for bad in ({"name": "x"}, {"value": 1}, {"name": "x", "value": "nan"}, {"name": "x", "value": "many"}):
        with pytest.raises(InvalidInput, match=refused("sample", "samples")):
            records.append_metrics(claim_id, [bad])
    with pytest.raises(NotFound):
        records.append_metrics("nobody", samples)


def test_audit_entries_page_by_page(records: Records) -> None:
    create(records, secrets={"KEY": "canary"})
    deploy(records)
    everything = records.audit_entries(limit=1000)["entries"]
    first = records.audit_entries(limit=2)
    second = records.audit_entries(limit=2, after=first["next_offset"])
    assert first["entries"] + second["entries"] == everything[:4]
    assert {"create", "claim", "report"} <= {entry["action"] for entry in everything}
    assert "canary" not in str(everything)
    created = records.audit_entries(kind="deployment", record="chat", action="create")["entries"]
    assert len(created) == 1
    assert created[0]["record_name"] == "chat"
    assert records.audit_entries(record=created[0]["record_id"])["entries"]
    assert records.audit_entries(actor=created[0]["actor"])["entries"]
    assert records.audit_entries(actor="nobody")["entries"] == []
    assert records.audit_entries(until="2020-01-01T00:00:00Z")["entries"] == []
    assert len(records.audit_entries(since="2020-01-01T00:00:00Z", limit=1000)["entries"]) == len(everything)
    with pytest.raises(InvalidInput, match=refused("position", "offset")):
        records.audit_entries(after="first")
