# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners in Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _plan_listener
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    PostgresBase,
    Row,
    check_page,
    new_id,
    statement,
    to_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import (
    LISTENER,
    listener_view,
)


class ListenerRecords(PostgresBase):
    """The part of the adapter that knows listeners."""

    def _find_listener(self, name_or_id: str, lock: bool = False) -> Row | None:
        self.ready()
        by_id = name_or_id if _model.is_uuid(name_or_id) else None
        return self.one(
            statement(
                LISTENER,
                "where l.workspace_id = %(workspace)s and (l.compute_id = %(name)s or l.id = %(id)s)",
                "for update" if lock else "",
            ),
            {"workspace": self.workspace_id, "name": name_or_id, "id": by_id},
        )

    def listener(self, name_or_id: str) -> dict[str, Any] | None:
        """See ``_records.Records.listener``."""
        row = self._find_listener(name_or_id)
        return listener_view(row) if row else None

    def listeners(self, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """See ``_records.Records.listeners``."""
        self.ready()
        check_page(limit, offset)
        rows = self.all(
            statement(LISTENER, "where l.workspace_id = %s order by l.compute_id limit %s offset %s"),
            [self.workspace_id, limit, offset],
        )
        return [listener_view(row) for row in rows]

    def plan_listener(self, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present") -> Plan:
        """See ``_records.Records.plan_listener``."""
        return _plan_listener.plan_listener(self.listener(str(desired.get("compute_id") or "")), desired, state)

    def apply_listener(self, desired: Mapping[str, Any], version: int | None = None) -> dict[str, Any]:
        """See ``_records.Records.apply_listener``."""
        compute_id = _model.check_compute_id(desired.get("compute_id"))
        with self.transaction():
            row = self._find_listener(compute_id, lock=True)
            current = listener_view(row) if row else None
            plan = _plan_listener.plan_listener(current, desired)
            if version is not None and (row is None or row["record_version"] != version):
                raise Conflict(f"Listener {compute_id} was changed by somebody else meanwhile; run again.")
            if plan.changed:
                after = _plan_listener.merge_listener(current, desired)
                self._write_listener(row, after)
                found = self._find_listener(compute_id)
                self.audit(
                    plan.action, "listener", str(found["id"]) if found else "", compute_id, plan.before, plan.after
                )
            return {"changed": plan.changed, "listener": self.listener(compute_id), "plan": plan}

    def _write_listener(self, row: Row | None, after: Mapping[str, Any]) -> None:
        values = {**after, "compute_config": to_json(after["compute_config"]), "workspace": self.workspace_id}
        if row is not None:
            self.run(
                "update control_plane.listeners set compute_config = %(compute_config)s, version = %(version)s, "
                "record_version = record_version + 1, updated_at = clock_timestamp() where id = %(id)s",
                {**values, "id": row["id"]},
            )
            return
        made = self.one(
            "insert into control_plane.listeners (id, workspace_id, compute_type, compute_id, compute_config, version) "
            "values (%(id)s, %(workspace)s, %(compute_type)s, %(compute_id)s, %(compute_config)s, %(version)s) "
            "on conflict do nothing returning id",
            {**values, "id": new_id()},
        )
        if made is None:
            raise Conflict(f"Listener {after['compute_id']} was created by somebody else meanwhile; run again.")

    def delete_listener(self, name_or_id: str) -> bool:
        """See ``_records.Records.delete_listener``."""
        with self.transaction():
            row = self._find_listener(name_or_id, lock=True)
            if row is None:
                return False
            current = listener_view(row)
            plan = _plan_listener.plan_listener(current, {"compute_id": row["compute_id"]}, "absent")
            # Records of deleted deployments stay, without it.
            self.run(
                "update control_plane.deployments set listener_id = null where listener_id = %s and deleted_at "
                "is not null",
                [row["id"]],
            )
            self.run("delete from control_plane.listeners where id = %s", [row["id"]])
            self.audit("delete", "listener", current["id"], row["compute_id"], plan.before, None)
            return True
