# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of revisions in Postgres: appended in batches, each line once, read page by page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import LogEntry
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    check_page,
    clean,
    statement,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_revisions import RevisionRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import iso

_LINE_LIMIT = 16384


class LogRecords(RevisionRecords):
    """The part of the adapter that keeps logs."""

    def append_logs(
        self, claim_or_revision_id: str, type: Literal["build", "deploy"], entries: Iterable[LogEntry]
    ) -> int:
        """See ``_records.Records.append_logs``."""
        self.ready()
        if type not in _model.LOG_TYPES:
            raise InvalidInput(f"The log type {type!r} is not known; use build or deploy.", field="type")
        row = None
        if _model.is_uuid(claim_or_revision_id):
            row = self.one(
                "select deployment_id, revision_id from control_plane.claims where id = %(id)s and "
                "workspace_id = %(workspace)s "
                "union all select deployment_id, id from control_plane.revisions where id = %(id)s and "
                "workspace_id = %(workspace)s",
                {"id": claim_or_revision_id, "workspace": self.workspace_id},
            )
        if row is None:
            raise NotFound(
                f"There is no claim or revision {claim_or_revision_id}; claim again.", kind="claim", names=[]
            )
        lines = [_line(entry) for entry in entries]
        if not lines:
            return 0
        with self.transaction():
            return self.run(
                "insert into control_plane.revision_logs (deployment_id, revision_id, type, writer, seq, at, "
                "level, message) "
                "select %(deployment)s, %(revision)s, %(type)s, %(writer)s, seq, coalesce(at, "
                "clock_timestamp()), level, message "
                "from unnest(%(seqs)s::bigint[], %(times)s::timestamptz[], %(levels)s::text[], %(messages)s::text[]) "
                "as entry (seq, at, level, message) on conflict (writer, type, seq) do nothing",
                {
                    "deployment": row["deployment_id"],
                    "revision": row["revision_id"],
                    "type": type,
                    "writer": claim_or_revision_id,
                    **{key: [line[key] for line in lines] for key in ("seqs", "times", "levels", "messages")},
                },
            )

    def logs(
        self,
        deployment: str,
        number: int | None = None,
        type: Literal["build", "deploy"] = "deploy",
        after: str | None = None,
        limit: int = 50,
    ) -> dict[str, Any]:
        """See ``_records.Records.logs``."""
        row = self.must_deployment(deployment)
        check_page(limit, 0, most=1000)
        if after is not None and not after.isdecimal():
            raise InvalidInput(
                "The position in the log is malformed; give the next_offset of an answer.", field="after"
            )
        values = {"type": type, "after": int(after or 0), "limit": limit}
        if number is None:
            of, values["id"] = "where g.deployment_id = %(id)s", row["id"]
        else:
            of, values["id"] = "where g.revision_id = %(id)s", self.must_revision(row, number)["id"]
        found = self.all(
            statement(
                "select g.id, g.at, g.level, g.message from control_plane.revision_logs g",
                of,
                "and g.type = %(type)s and g.id > %(after)s order by g.id limit %(limit)s",
            ),
            values,
        )
        lines = [
            {"id": str(line["id"]), "timestamp": iso(line["at"]), "level": line["level"], "message": line["message"]}
            for line in found
        ]
        return {"logs": lines, "next_offset": lines[-1]["id"] if lines else after}


def _line(entry: LogEntry) -> dict[str, Any]:
    level = str(entry.get("level") or "INFO").upper()
    try:
        at = datetime.fromisoformat(entry["timestamp"]) if entry.get("timestamp") else None
        seq = int(entry["seq"])
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(
            "A log entry has no valid seq or timestamp; give a number and an ISO-8601 time.", field="entries"
        ) from None
    return {
        "seqs": seq,
        "times": at,
        "levels": level if level in _model.LOG_LEVELS else "INFO",
        "messages": clean(str(entry.get("message") or ""), _LINE_LIMIT),
    }
