# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces in Postgres, with their members and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _plan_access
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    KEYS_CHANNEL,
    PostgresBase,
    Row,
    new_id,
    statement,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import iso

_WORKSPACE = """
select w.id, w.name, w.secrets_in_clear, w.version, w.created_at, l.compute_id as default_listener,
       coalesce((select jsonb_agg(jsonb_build_object('name', m.name, 'role', m.role) order by m.name)
                 from control_plane.members m where m.workspace_id = w.id), '[]') as members
from control_plane.workspaces w
left join control_plane.listeners l on l.id = w.default_listener_id
"""


class WorkspaceRecords(PostgresBase):
    """The part of the adapter that knows workspaces: all of them, whichever it works in."""

    def workspaces(self) -> list[dict[str, Any]]:
        """See ``_records.Records.workspaces``."""
        return [_view(row) for row in self.all(statement(_WORKSPACE, "order by w.name"))]

    def workspace(self, name_or_id: str) -> dict[str, Any] | None:
        """See ``_records.Records.workspace``."""
        row = self._find_workspace(name_or_id)
        return _view(row) if row else None

    def _find_workspace(self, name_or_id: str, lock: bool = False) -> Row | None:
        by_id = name_or_id if _model.is_uuid(name_or_id) else None
        return self.one(
            statement(_WORKSPACE, "where w.name = %(name)s or w.id = %(id)s", "for update of w" if lock else ""),
            {"name": name_or_id, "id": by_id},
        )

    def plan_workspace(self, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present") -> Plan:
        """See ``_records.Records.plan_workspace``."""
        row = self._find_workspace(str(desired.get("name") or ""))
        if row is not None and desired.get("default_listener"):
            self._listener_to_default(row["id"], desired["default_listener"])
        return _plan_access.plan_workspace(_view(row) if row else None, desired, state)

    def apply_workspace(self, desired: Mapping[str, Any], version: int | None = None) -> dict[str, Any]:
        """See ``_records.Records.apply_workspace``."""
        name = _model.check_name(desired.get("name"), "workspace")
        with self.transaction():
            row = self._find_workspace(name, lock=True)
            plan = _plan_access.plan_workspace(_view(row) if row else None, desired)
            if version is not None and (row is None or row["version"] != version):
                raise Conflict(f"Workspace {name} was changed by somebody else meanwhile; run again.")
            if row is None:
                made = self.run(
                    "insert into control_plane.workspaces (id, name) values (%s, %s) on conflict (name) do nothing",
                    [new_id(), name],
                )
                if not made:
                    raise Conflict(f"Workspace {name} was created by somebody else meanwhile; run again.")
            if plan.changed:
                self._write_workspace(name, plan)
            found = self.workspace(name)
            if plan.changed and found is not None:
                self.audit(plan.action, "workspace", found["id"], name, plan.before or None, plan.after)
            return {"changed": plan.changed, "workspace": found, "plan": plan}

    def _write_workspace(self, name: str, plan: Plan) -> None:
        row = self.must("select id from control_plane.workspaces where name = %s", [name])
        after = plan.after
        if "secrets_in_clear" in after:
            self.run(
                "update control_plane.workspaces set secrets_in_clear = %s where id = %s",
                [after["secrets_in_clear"], row["id"]],
            )
        if "default_listener" in after:
            chosen = (
                self._listener_to_default(row["id"], after["default_listener"]) if after["default_listener"] else None
            )
            self.run("update control_plane.workspaces set default_listener_id = %s where id = %s", [chosen, row["id"]])
        if "members" in after:
            names = [member["name"] for member in after["members"]]
            roles = [member["role"] for member in after["members"]]
            self.run(
                "delete from control_plane.members where workspace_id = %s and name <> all(%s)", [row["id"], names]
            )
            self.run(
                "insert into control_plane.members (workspace_id, name, role) "
                "select %s, name, role from unnest(%s::text[], %s::text[]) as member (name, role) "
                "on conflict (workspace_id, name) do update set role = excluded.role",
                [row["id"], names, roles],
            )
        if plan.action == "update":
            self.run(
                "update control_plane.workspaces set version = version + 1, updated_at = clock_timestamp() "
                "where id = %s",
                [row["id"]],
            )
        # Whoever keeps what keys may do asks again.
        self.run("select pg_notify(%s, '')", [KEYS_CHANNEL])

    def _listener_to_default(self, workspace_id: Any, compute_id: str) -> Any:
        found = self.one(
            "select id from control_plane.listeners where workspace_id = %s and compute_id = %s",
            [workspace_id, compute_id],
        )
        if found is None:
            raise NotFound(
                f"There is no listener {compute_id} in the workspace whose default it is to be; create it first.",
                kind="listener",
                names=[compute_id],
            )
        return found["id"]

    def delete_workspace(self, name: str) -> bool:
        """See ``_records.Records.delete_workspace``."""
        with self.transaction():
            row = self._find_workspace(name, lock=True)
            if row is None:
                return False
            plan = _plan_access.plan_workspace(_view(row), {"name": row["name"]}, "absent")
            for kind, query in _IN_USE.items():
                if self.one(query, [row["id"]]):
                    raise Conflict(f"Workspace {row['name']} still has {kind}; delete them first.")
            for query in _LEFT_OVER:
                self.run(query, [row["id"]])
            self.run("delete from control_plane.workspaces where id = %s", [row["id"]])
            self.audit("delete", "workspace", str(row["id"]), row["name"], plan.before, None)
            self.run("select pg_notify(%s, '')", [KEYS_CHANNEL])
            return True


_IN_USE = {
    "deployments": (
        "select 1 as used from control_plane.deployments where workspace_id = %s and deleted_at is null limit 1"
    ),
    "listeners": "select 1 as used from control_plane.listeners where workspace_id = %s limit 1",
}
# Of deployments that were deleted before.
_LEFT_OVER = (
    "delete from control_plane.uploads where workspace_id = %s",
    "delete from control_plane.api_keys where workspace_id = %s",
    "delete from control_plane.claims where workspace_id = %s",
    (
        "delete from control_plane.revision_logs g using control_plane.deployments d where d.id = g.deployment_id "
        "and d.workspace_id = %s"
    ),
    "delete from control_plane.revisions where workspace_id = %s",
    "delete from control_plane.deployments where workspace_id = %s",
    "delete from control_plane.sources where workspace_id = %s",
)


def _view(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        **{key: row[key] for key in ("name", "secrets_in_clear", "default_listener", "members", "version")},
        "created_at": iso(row["created_at"]),
    }
