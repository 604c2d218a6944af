# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on listeners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import plan_to_wire
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown

_Json = dict[str, Any]


@operation
def list_listeners(context: Context, limit: int, offset: int, compute_id: str | None = None) -> _Json:
    """A page of listeners by their names, or just the one of that name."""
    if compute_id is not None:
        view = context.records.listener(compute_id)
        return shown.page([view] if view and view["compute_id"] == compute_id and not offset else [], offset)
    return shown.page(context.records.listeners(limit, offset), offset)


def _found(context: Context, listener: str) -> _Json:
    view = context.records.listener(listener)
    if view is None:
        raise shown.missing("listener", listener, f"workspace {context.identity.workspace_name}")
    return view


@operation
def get_listener(context: Context, listener: str) -> _Json:
    """A listener."""
    return _found(context, listener)


@operation
def create_listener(context: Context, body: Mapping[str, Any], dry_run: bool = False) -> _Json:
    """Create a listener (or tell what that would do)."""
    records, desired = context.records, dict(body)
    with records.transaction():
        plan = records.plan_listener(desired)
        if plan.action == "create":
            if dry_run:
                return plan_to_wire(plan)
            applied = records.apply_listener(desired)
            plan = applied["plan"]
        if plan.action != "create":
            # Nothing of it stays: the transaction is undone.
            raise Conflict(
                f"Listener for LangSmith workspace ID '{context.identity.workspace_id}' and compute ID "
                f"'{desired['compute_id']}' already exists.",
                field="compute_id",
            )
        return _changed(applied)


@operation
def update_listener(
    context: Context, listener: str, body: Mapping[str, Any], *, dry_run: bool = False, version: int | None = None
) -> _Json:
    """Change a listener (or tell what that would do)."""
    records = context.records
    with records.transaction():
        desired = {**body, "compute_id": _found(context, listener)["compute_id"]}
        if dry_run:
            return plan_to_wire(records.plan_listener(desired))
        return _changed(records.apply_listener(desired, version))


def _changed(applied: _Json) -> _Json:
    return {**applied["listener"], "change": plan_to_wire(applied["plan"])}


@operation
def delete_listener(
    context: Context, listener: str, *, dry_run: bool = False, version: int | None = None
) -> _Json | None:
    """Delete a listener that no deployment uses (or tell what that would do)."""
    records = context.records
    with records.transaction():
        view = _found(context, listener)
        if version is not None and view["record_version"] != version:
            raise Conflict(f"Listener {view['compute_id']} was changed by somebody else meanwhile; read it again.")
        if dry_run:
            return plan_to_wire(records.plan_listener({"compute_id": view["compute_id"]}, "absent"))
        records.delete_listener(view["compute_id"])
        return None
