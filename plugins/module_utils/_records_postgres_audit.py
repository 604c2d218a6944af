# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the audit entries in Postgres; each change writes its own, in its own transaction."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_text
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    PostgresBase,
    check_page,
    moment,
    position,
    statement,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import iso, text_id


class AuditRecords(PostgresBase):
    """The part of the adapter that shows who did what."""

    def audit_entries(
        self,
        *,
        kind: str | None = None,
        record: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> dict[str, Any]:
        """See ``_records.Records.audit_entries``."""
        self.ready()
        check_page(limit, 0, most=1000)
        where = ["where e.workspace_id = %(workspace)s"]
        values: dict[str, Any] = {"workspace": self.workspace_id, "limit": limit}
        for key, given, condition in (
            ("kind", kind, "and e.kind = %(kind)s"),
            ("record", record, "and (e.record_id = %(record)s or e.record_name = %(record)s)"),
            ("action", action, "and e.action = %(action)s"),
            ("actor", actor, "and position(%(actor)s in e.actor) > 0"),
        ):
            if given:
                where.append(condition)
                values[key] = check_text(given, key, limit=1024)
        if since is not None:
            where.append("and e.at >= %(since)s")
            values["since"] = moment(since, "since")
        if until is not None:
            where.append("and e.at <= %(until)s")
            values["until"] = moment(until, "until")
        if after is not None:
            where.append("and e.id < %(after)s")
            values["after"] = position(after)
        found = self.all(
            statement(
                "select e.id, e.at, e.actor, e.key_id, e.key_name, e.from_address, e.session_user_name, e.action, "
                "e.kind, e.record_id, e.record_name, e.before, e.after from control_plane.audit_entries e",
                *where,
                "order by e.id desc limit %(limit)s",
            ),
            values,
        )
        entries = [
            {
                "id": str(row["id"]),
                "at": iso(row["at"]),
                "actor": row["actor"],
                "key": {"id": text_id(row["key_id"]), "name": row["key_name"]} if row["key_id"] else None,
                "database_user": row["session_user_name"],
                **{name: row[name] for name in ("from_address", "action", "kind", "record_id", "record_name")},
                "before": row["before"],
                "after": row["after"],
            }
            for row in found
        ]
        return {"entries": entries, "next_offset": entries[-1]["id"] if entries else after}
