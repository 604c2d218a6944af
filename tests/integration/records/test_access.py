# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces with their members and settings, and API keys: what can be asked for, and what it gives."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import ROLES, effective
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from tests.integration.records.conftest import create, refused

ALICE, BOB = {"name": "alice@example.org", "role": "admin"}, {"name": "bob@example.org", "role": "viewer"}


def own_workspace(records: Records) -> str:
    """The name of the workspace that the records work in."""
    create(records, "probe")
    deployment: Any = records.deployment("probe")
    found = records.workspace(deployment["tenant_id"])
    assert found is not None
    name: str = found["name"]
    return name


def test_a_workspace_with_members_and_settings(records: Records) -> None:
    desired = {"name": "team-ws", "secrets_in_clear": True, "members": [BOB, ALICE]}
    plan = records.plan_workspace(desired)
    assert (plan.action, plan.after["members"]) == ("create", [ALICE, BOB])
    made = records.apply_workspace(desired)
    assert made["changed"]
    assert made["workspace"]["secrets_in_clear"] is True
    assert made["workspace"]["members"] == [ALICE, BOB]
    assert records.workspace("team-ws") == records.workspace(made["workspace"]["id"]) == made["workspace"]
    assert not records.apply_workspace(desired)["changed"]
    assert not records.plan_workspace(desired).changed


def test_members_are_the_whole_list(records: Records) -> None:
    records.apply_workspace({"name": "team-ws", "members": [ALICE, BOB]})
    assert not records.apply_workspace({"name": "team-ws"})["changed"]
    changed = records.apply_workspace({"name": "team-ws", "members": [{**BOB, "role": "editor"}]})
    assert changed["workspace"]["members"] == [{**BOB, "role": "editor"}]
    assert changed["workspace"]["version"] == 2
    assert records.apply_workspace({"name": "team-ws", "members": []})["workspace"]["members"] == []


@pytest.mark.parametrize(
    ("desired", "words"),
    [
        ({"name": "Team"}, "no valid name of a workspace"),
        ({"name": "team-ws", "members": [{"name": "x", "role": "owner"}]}, "'owner' is no role; use one of admin"),
        ({"name": "team-ws", "members": [{"name": "x", "role": "listener"}]}, "'listener' is no role"),
        ({"name": "team-ws", "members": [{"name": " ", "role": "admin"}]}, "has no name"),
        ({"name": "team-ws", "members": [ALICE, ALICE]}, "stands twice"),
    ],
)
def test_bad_workspaces(records: Records, desired: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        records.apply_workspace(desired)
    assert "team-ws" not in [workspace["name"] for workspace in records.workspaces()]


def test_a_stale_version_of_a_workspace_is_refused(records: Records) -> None:
    records.apply_workspace({"name": "team-ws"})
    plan = records.plan_workspace({"name": "team-ws", "secrets_in_clear": True})
    records.apply_workspace({"name": "team-ws", "members": [ALICE]})
    with pytest.raises(Conflict, match="changed by somebody else"):
        records.apply_workspace({"name": "team-ws", "secrets_in_clear": True}, plan.version)


def test_the_default_listener_of_a_workspace(records: Records) -> None:
    name = own_workspace(records)
    with pytest.raises(NotFound, match="no listener edge"):
        records.apply_workspace({"name": name, "default_listener": "edge"})
    records.apply_listener({"compute_id": "edge"})
    records.apply_listener({"compute_id": "core"})
    create(records, "unplaced")
    deployment: Any = records.deployment("unplaced")
    assert deployment["listener"] is None, "two listeners and no default: nobody chooses"
    changed = records.apply_workspace({"name": name, "default_listener": "edge"})
    assert changed["workspace"]["default_listener"] == "edge"
    create(records, "placed")
    deployment = records.deployment("placed")
    assert deployment["listener"] == "edge"
    assert records.apply_workspace({"name": name, "default_listener": ""})["workspace"]["default_listener"] is None


def test_the_only_listener_is_the_default(records: Records) -> None:
    records.apply_listener({"compute_id": "edge"})
    assert records.plan_deployment({"name": "chat"}).after["listener"] == "edge"
    create(records)
    deployment: Any = records.deployment("chat")
    assert (deployment["listener"], deployment["source_config"]["listener_id"]) == ("edge", deployment["listener_id"])


def test_a_workspace_goes_only_when_it_is_empty(records: Records) -> None:
    name = own_workspace(records)
    records.apply_workspace({"name": "empty-ws", "members": [ALICE]})
    assert records.plan_workspace({"name": "empty-ws"}, "absent").action == "delete"
    assert records.delete_workspace("empty-ws")
    assert not records.delete_workspace("empty-ws")
    assert not records.plan_workspace({"name": "empty-ws"}, "absent").changed
    with pytest.raises(Conflict, match=r"still has deployments|cannot be deleted"):
        records.delete_workspace(name)
    with pytest.raises(Conflict, match="everything begins with"):
        records.delete_workspace("default")


def test_a_key_is_shown_once(records: Records) -> None:
    made = records.apply_api_key({"name": "ci", "role": "editor", "expires_at": "2030-01-31T12:00:00Z"})
    assert made["changed"]
    assert made["key"].startswith(made["api_key"]["prefix"] + "_")
    assert len(made["key"]) >= 50
    shown = records.api_key("ci")
    assert shown == made["api_key"] == records.api_key(made["api_key"]["id"]) == records.api_keys()[0]
    assert made["key"] not in str(shown)
    assert shown is not None
    assert shown["permissions"] == sorted(ROLES["editor"])
    assert (shown["role"], shown["expires_at"], shown["last_used_at"]) == ("editor", "2030-01-31T12:00:00+00:00", None)
    again = records.apply_api_key({"name": "ci", "role": "editor", "expires_at": "2030-01-31T13:00:00+01:00"})
    assert (again["changed"], again["key"]) == (False, None)


def test_what_a_key_may_do_changes_and_the_key_stays(records: Records) -> None:
    made = records.apply_api_key({"name": "ci", "role": "viewer"})
    desired = {"name": "ci", "role": "admin", "permissions": ["secrets:reveal"]}
    assert records.plan_api_key(desired).fields == ("permissions", "role")
    changed = records.apply_api_key(desired)
    assert changed["key"] is None
    assert changed["api_key"]["prefix"] == made["api_key"]["prefix"]
    assert set(changed["api_key"]["permissions"]) == ROLES["admin"] | {"secrets:reveal"}
    assert records.apply_api_key({"name": "ci", "permissions": []})["api_key"]["extra_permissions"] == []


def test_a_revoked_key_frees_its_name(records: Records) -> None:
    first = records.apply_api_key({"name": "ci"})
    assert records.plan_api_key({"name": "ci"}, "absent").action == "delete"
    assert records.delete_api_key("ci")
    assert not records.delete_api_key("ci")
    assert records.api_key("ci") is None
    second = records.apply_api_key({"name": "ci"})
    assert second["changed"]
    assert second["key"] != first["key"]


@pytest.mark.parametrize(
    ("desired", "words"),
    [
        ({"name": "a b"}, "no valid name of an API key"),
        ({"name": "ci", "role": "owner"}, "'owner' is no role"),
        ({"name": "ci", "permissions": ["everything"]}, "'everything' is no permission"),
        ({"name": "ci", "permissions": ["organization:manage"]}, "no permission that a key can be given"),
        ({"name": "ci", "role": "listener"}, "role listener together with a listener"),
        ({"name": "ci", "role": "viewer", "listener": "edge"}, "role listener together with a listener"),
        ({"name": "ci", "organization": True, "member": "alice"}, "can belong to no listener and no member"),
        ({"name": "ci", "expires_at": "tomorrow"}, refused("expires_at is no time", "expires_at")),
    ],
)
def test_bad_keys(records: Records, desired: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        records.apply_api_key(desired)
    assert records.api_key("ci") is None


def test_keys_of_listeners_and_members_name_what_is_there(records: Records) -> None:
    with pytest.raises(NotFound, match="no listener edge"):
        records.apply_api_key({"name": "edge", "role": "listener", "listener": "edge"})
    with pytest.raises(NotFound, match=r"no member alice@example.org"):
        records.apply_api_key({"name": "alice", "member": ALICE["name"]})
    records.apply_listener({"compute_id": "edge"})
    made = records.apply_api_key({"name": "edge", "role": "listener", "listener": "edge"})
    assert made["api_key"]["listener"] == "edge"
    assert made["api_key"]["permissions"] == ["deployments:apply", "deployments:read"]
    with pytest.raises(InvalidInput, match="listener of API key edge cannot be changed"):
        records.apply_api_key({"name": "edge", "role": "viewer", "listener": ""})


def test_a_key_never_has_more_than_its_member(records: Records) -> None:
    name = own_workspace(records)
    records.apply_workspace({"name": name, "members": [BOB]})
    made = records.apply_api_key(
        {"name": "bob", "role": "admin", "member": BOB["name"], "permissions": ["secrets:reveal"]}
    )
    assert set(made["api_key"]["permissions"]) == ROLES["viewer"]
    records.apply_workspace({"name": name, "members": [{**BOB, "role": "admin"}]})
    shown = records.api_key("bob")
    assert shown is not None
    assert set(shown["permissions"]) == ROLES["admin"] | {"secrets:reveal"}


def test_what_roles_and_extras_add_up_to() -> None:
    assert effective("viewer", ["deployments:apply"]) == ROLES["viewer"] | {"deployments:apply"}
    assert "organization:manage" in effective("admin", organization=True)
    assert effective("admin", member_role="editor") == ROLES["editor"]
    assert not any("secrets:reveal" in permissions for permissions in ROLES.values())


def test_changes_are_audited_without_the_key(records: Records) -> None:
    made = records.apply_api_key({"name": "ci", "role": "editor"})
    records.delete_api_key("ci")
    found = records.audit_entries(kind="api_key", record="ci")["entries"]
    assert [entry["action"] for entry in found] == ["delete", "create"]
    assert found[1]["after"]["role"] == "editor"
    assert made["key"] not in str(found)
