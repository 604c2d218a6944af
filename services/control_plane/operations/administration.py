# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on workspaces, API keys and audit entries. Whoever is not of the organization sees one workspace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AccessDenied, Conflict
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import (
    ORGANIZATION_MANAGE,
    ROLE_VIEWER,
    ROLES,
    SECRETS_REVEAL,
    effective,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import plan_to_wire
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown

_Json = dict[str, Any]


@operation
def who_am_i(context: Context) -> _Json:
    """Who the key speaks for, and where."""
    identity = context.identity
    return {
        "key_id": identity.key_id,
        "key_name": identity.key_name,
        "member": identity.member,
        "role": identity.role,
        "permissions": sorted(identity.permissions),
        "workspace_id": identity.workspace_id,
        "workspace_name": identity.workspace_name,
        "listener_id": identity.listener_id,
        "organization": identity.organization,
        "secrets_in_clear": identity.secrets_in_clear,
    }


# -- workspaces --------------------------------------------------------------------------------------------------------


def _everywhere(context: Context) -> bool:
    return ORGANIZATION_MANAGE in context.identity.permissions


def _workspace(context: Context, name_or_id: str) -> _Json:
    view = context.records.workspace(name_or_id)
    if view is None or not (_everywhere(context) or view["id"] == context.identity.workspace_id):
        raise shown.missing("workspace", name_or_id, "the control plane")
    return view


@operation
def list_workspaces(context: Context, limit: int, offset: int) -> _Json:
    """A page of the workspaces that the key may see, by their names."""
    own = context.identity.workspace_id
    views = [view for view in context.records.workspaces() if _everywhere(context) or view["id"] == own]
    return shown.page(views[offset : offset + limit], offset)


@operation
def get_workspace(context: Context, name_or_id: str) -> _Json:
    """A workspace."""
    return _workspace(context, name_or_id)


@operation
def create_workspace(context: Context, body: Mapping[str, Any], dry_run: bool = False) -> _Json:
    """Create a workspace (or tell what that would do)."""
    with context.records.transaction():
        if context.records.workspace(body["name"]) is not None:
            raise Conflict(f"A workspace named '{body['name']}' already exists.")
        return _apply_workspace(context, body, dry_run, None)


@operation
def update_workspace(
    context: Context, name_or_id: str, body: Mapping[str, Any], *, dry_run: bool = False, version: int | None = None
) -> _Json:
    """Change a workspace (or tell what that would do)."""
    with context.records.transaction():
        view = _workspace(context, name_or_id)
        name = view["name"]
        if body.get("secrets_in_clear") and not view["secrets_in_clear"]:
            _check_grant(context, {SECRETS_REVEAL}, f"let everybody see the secrets of workspace {name}")
        return _apply_workspace(context, {**body, "name": name}, dry_run, version)


def _apply_workspace(context: Context, desired: Mapping[str, Any], dry_run: bool, version: int | None) -> _Json:
    if dry_run:
        return plan_to_wire(context.records.plan_workspace(desired))
    applied = context.records.apply_workspace(desired, version)
    return {**applied["workspace"], "change": plan_to_wire(applied["plan"])}


@operation
def delete_workspace(
    context: Context, name_or_id: str, *, dry_run: bool = False, version: int | None = None
) -> _Json | None:
    """Delete a workspace that is empty (or tell what that would do)."""
    with context.records.transaction():
        view = _workspace(context, name_or_id)
        _check_version("Workspace", view, version)
        if dry_run:
            return plan_to_wire(context.records.plan_workspace({"name": view["name"]}, "absent"))
        context.records.delete_workspace(view["name"])
        return None


def _check_version(kind: str, view: Mapping[str, Any], version: int | None) -> None:
    if version is not None and view["version"] != version:
        raise Conflict(f"{kind} {view['name']} was changed by somebody else meanwhile; read it again.")


# -- API keys ----------------------------------------------------------------------------------------------------------


def _key(context: Context, name_or_id: str) -> _Json:
    view = context.records.api_key(name_or_id)
    if view is None:
        raise shown.missing("API key", name_or_id, f"workspace {context.identity.workspace_name}")
    return view


@operation
def list_api_keys(context: Context, limit: int, offset: int) -> _Json:
    """A page of API keys, by their names."""
    return shown.page(context.records.api_keys(limit, offset), offset)


@operation
def get_api_key(context: Context, name_or_id: str) -> _Json:
    """An API key."""
    return _key(context, name_or_id)


@operation
def create_api_key(context: Context, body: Mapping[str, Any], dry_run: bool = False) -> _Json:
    """Create an API key (or tell what that would do). The answer alone holds the key itself."""
    role = body.get("role") or ROLE_VIEWER
    _check_reach(context, role, body.get("permissions") or (), bool(body.get("organization")))
    with context.records.transaction():
        if context.records.api_key(body["name"]) is not None:
            raise Conflict(f"An API key named '{body['name']}' already exists.")
        if dry_run:
            return plan_to_wire(context.records.plan_api_key(body))
        applied = context.records.apply_api_key(body)
        return {**applied["api_key"], "change": plan_to_wire(applied["plan"]), "key": applied["key"]}


@operation
def update_api_key(
    context: Context, name_or_id: str, body: Mapping[str, Any], *, dry_run: bool = False, version: int | None = None
) -> _Json:
    """Change what an API key may do (or tell what that would do)."""
    with context.records.transaction():
        view = _key(context, name_or_id)
        _check_reach(context, view["role"], view["extra_permissions"], view["organization"])
        extra = body.get("permissions")
        _check_reach(
            context,
            body.get("role") or view["role"],
            view["extra_permissions"] if extra is None else extra,
            bool(body.get("organization")),
        )
        desired = {**body, "name": view["name"]}
        if dry_run:
            return plan_to_wire(context.records.plan_api_key(desired))
        applied = context.records.apply_api_key(desired, version)
        return {**applied["api_key"], "change": plan_to_wire(applied["plan"])}


def _check_reach(context: Context, role: str, extra: Iterable[str], organization: bool) -> None:
    """Nobody makes or changes a key that may do more than the own one; the organization's keys may give anything."""
    if role in ROLES:
        _check_grant(context, effective(role, extra, organization=organization), "make or change a key that has it")


def _check_grant(context: Context, permissions: Iterable[str], what: str) -> None:
    missing = sorted(set(permissions) - context.identity.permissions)
    if missing and not _everywhere(context):
        raise AccessDenied(
            f"API key {context.identity.key_name} lacks the permission {missing[0]}, so that it cannot {what}; use a "
            "key that has it.",
            permission=missing[0],
        )


@operation
def delete_api_key(
    context: Context, name_or_id: str, *, dry_run: bool = False, version: int | None = None
) -> _Json | None:
    """Revoke an API key, at once (or tell what that would do)."""
    with context.records.transaction():
        view = _key(context, name_or_id)
        if view["organization"]:
            _check_grant(context, {ORGANIZATION_MANAGE}, "revoke a key that has it")
        _check_version("API key", view, version)
        if dry_run:
            return plan_to_wire(context.records.plan_api_key({"name": view["name"]}, "absent"))
        context.records.delete_api_key(view["name"])
        return None


# -- audit -------------------------------------------------------------------------------------------------------------


@operation
def read_audit(context: Context, limit: int, after: str | None, filters: Mapping[str, str | None]) -> _Json:
    """Audit entries of the workspace, the newest first."""
    return context.records.audit_entries(limit=limit, after=after, **filters)
