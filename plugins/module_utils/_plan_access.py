# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure planning of workspaces, their members, and API keys. As in ``_plan``: None or a missing key = not asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _inputs, _model, _permissions
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan


def plan_workspace(
    current: Mapping[str, Any] | None, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present"
) -> Plan:
    """What bringing a workspace to ``desired`` (name*, secrets_in_clear, default_listener, members) does.

    default_listener: a compute_id, "" for none. members: the whole list of {name, role}.
    """
    name = _model.check_name(desired.get("name"), "workspace")
    if state == "absent":
        if current is None:
            return Plan("none")
        if name == _model.DEFAULT_WORKSPACE_NAME:
            raise Conflict(f"Workspace {name} is the one that everything begins with; it cannot be deleted.")
        return Plan("delete", fields=("name",), before=_workspace_view(current), version=current["version"])
    after = _workspace_view(current or {"name": name})
    if desired.get("secrets_in_clear") is not None:
        after["secrets_in_clear"] = bool(desired["secrets_in_clear"])
    if desired.get("default_listener") is not None:
        after["default_listener"] = str(desired["default_listener"]) or None
    if desired.get("members") is not None:
        after["members"] = _members(name, desired["members"])
    if current is None:
        return Plan("create", fields=tuple(sorted(after)), after=after)
    return _plan_fields(_workspace_view(current), after, current["version"])


def _workspace_view(workspace: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": workspace["name"],
        "secrets_in_clear": bool(workspace.get("secrets_in_clear")),
        "default_listener": workspace.get("default_listener"),
        "members": [dict(member) for member in workspace.get("members") or ()],
    }


def _members(workspace: str, members: Any) -> list[dict[str, str]]:
    checked: dict[str, dict[str, str]] = {}
    for member in members:
        if not isinstance(member, Mapping) or not isinstance(member.get("name"), str) or not member["name"].strip():
            raise InvalidInput(f"A member of workspace {workspace} has no name; give name and role.", field="members")
        name = _inputs.check_text(member["name"].strip(), "members", limit=255)
        if name in checked:
            raise InvalidInput(f"{name} stands twice in members of workspace {workspace}; keep one.", field="members")
        checked[name] = {"name": name, "role": _permissions.check_role(member.get("role"), of_member=True)}
    return [checked[name] for name in sorted(checked)]


def _plan_fields(before: Mapping[str, Any], after: Mapping[str, Any], version: int) -> Plan:
    """An update of what differs, with both sides of it and the name."""
    fields = tuple(sorted(key for key, value in after.items() if before.get(key) != value))
    if not fields:
        return Plan("none", version=version)
    shown = {"name", *fields}
    return Plan(
        "update",
        fields=fields,
        before={key: before[key] for key in before if key in shown},
        after={key: after[key] for key in after if key in shown},
        version=version,
    )


def plan_api_key(
    current: Mapping[str, Any] | None, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present"
) -> Plan:
    """What bringing an API key to ``desired`` (name*, role, permissions, listener, member, organization, expires_at)
    does. listener, member and expires_at: "" for none.
    """
    name = _model.check_compute_id(desired.get("name"), "name", "an API key")
    if state == "absent":
        if current is None:
            return Plan("none")
        return Plan("delete", fields=("name",), before=_key_view(current), version=current["version"])
    before = _key_view(current) if current else None
    fresh: dict[str, Any] = dict.fromkeys(("listener", "member", "expires_at"))
    fresh |= {"name": name, "role": _permissions.ROLE_VIEWER, "permissions": [], "organization": False}
    after = dict(before or fresh)
    if desired.get("role") is not None:
        after["role"] = _permissions.check_role(desired["role"])
    if desired.get("permissions") is not None:
        after["permissions"] = _permissions.check_permissions(desired["permissions"])
    for key in ("listener", "member", "expires_at"):
        if desired.get(key) is not None:
            after[key] = _inputs.check_text(str(desired[key]), key, limit=255) or None
    if desired.get("organization") is not None:
        after["organization"] = bool(desired["organization"])
    if (after["role"] == _permissions.ROLE_LISTENER) != (after["listener"] is not None):
        raise InvalidInput(
            f"The API key {name} needs role listener together with a listener; give both or none of them.",
            field="listener",
        )
    if after["organization"] and (after["listener"] or after["member"]):
        raise InvalidInput(
            f"The API key {name} of the organization can belong to no listener and no member; leave them out.",
            field="organization",
        )
    if before is None or current is None:
        return Plan("create", fields=tuple(sorted(after)), after=after)
    for key in ("listener", "member", "organization"):
        if before[key] != after[key]:
            raise InvalidInput(
                f"The {key} of API key {name} cannot be changed; delete the key and create another one.", field=key
            )
    return _plan_fields(before, after, current["version"])


def _key_view(key: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "role", "listener", "member", "organization", "expires_at")
    return {**{name: key[name] for name in names}, "permissions": list(key["extra_permissions"])}
