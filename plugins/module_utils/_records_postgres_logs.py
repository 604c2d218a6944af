# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of revisions in Postgres: appended in batches, each line once, read page by page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_text
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import LogEntry
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    check_page,
    clean,
    moment,
    position,
    statement,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_revisions import RevisionRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import iso

_LINE_LIMIT = 16384
_NAME_LIMIT = 255
_PRUNED = 10_000
METRICS_DAYS = 7
_ORDERS = {"asc": "order by g.id limit %(limit)s", "desc": "order by g.id desc limit %(limit)s"}


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
        lines = [line_of(entry) for entry in entries]
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
        *,
        order: Literal["asc", "desc"] = "asc",
        level: str | None = None,
        query: str | None = None,
        start_time: str | None = None,
        end_time: str | None = None,
    ) -> dict[str, Any]:
        """See ``_records.Records.logs``."""
        row = self.must_deployment(deployment)
        check_page(limit, 0, most=1000)
        if type not in _model.LOG_TYPES:
            raise InvalidInput(f"The log type {type!r} is not known; use build or deploy.", field="type")
        if order not in _ORDERS:
            raise InvalidInput(f"The order {order!r} is not known; use asc or desc.", field="order")
        values: dict[str, Any] = {"type": type, "limit": limit}
        where = ["and g.type = %(type)s"]
        if after is not None:
            where.append("and g.id > %(after)s" if order == "asc" else "and g.id < %(after)s")
            values["after"] = position(after)
        if level is not None:
            if level not in _model.LOG_LEVELS:
                raise InvalidInput(
                    f"The level {level!r} is not known; use one of {', '.join(_model.LOG_LEVELS)}.", field="level"
                )
            where.append("and g.level = any(%(levels)s)")
            values["levels"] = list(_model.LOG_LEVELS[_model.LOG_LEVELS.index(level) :])
        if query:
            check_text(query, "query", limit=1024)
            where.append("and position(lower(%(query)s) in lower(g.message)) > 0")
            values["query"] = query
        for key, sign in (("start_time", ">="), ("end_time", "<=")):
            given = start_time if key == "start_time" else end_time
            if given is not None:
                where.append(f"and g.at {sign} %({key})s")
                values[key] = moment(given, key)
        if number is None:
            of, values["id"] = "where g.deployment_id = %(id)s", row["id"]
        else:
            of, values["id"] = "where g.revision_id = %(id)s", self.must_revision(row, number)["id"]
        found = self.all(
            statement(
                "select g.id, g.at, g.level, g.message from control_plane.revision_logs g",
                of,
                *where,
                _ORDERS[order],
            ),
            values,
        )
        lines = [
            {"id": str(line["id"]), "timestamp": iso(line["at"]), "level": line["level"], "message": line["message"]}
            for line in found
        ]
        return {"logs": lines, "next_offset": lines[-1]["id"] if lines else after}

    # -- metrics -------------------------------------------------------------------------------------------------

    def append_metrics(self, claim_id: str, samples: Iterable[Mapping[str, Any]]) -> int:
        """See ``_records.Records.append_metrics``."""
        self.ready()
        row = None
        if _model.is_uuid(claim_id):
            row = self.one(
                "select deployment_id from control_plane.claims where id = %s and workspace_id = %s",
                [claim_id, self.workspace_id],
            )
        if row is None:
            raise NotFound(f"There is no claim {claim_id}; claim again.", kind="claim", names=[])
        columns = list(zip(*(sample_of(sample) for sample in samples), strict=True))
        if not columns:
            return 0
        with self.transaction():
            return self.run(
                "insert into control_plane.deployment_metrics (deployment_id, name, replica, at, value) "
                "select %s, name, replica, coalesce(at, clock_timestamp()), value "
                "from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::float8[]) as sample "
                "(name, replica, at, value) on conflict do nothing",
                [row["deployment_id"], *map(list, columns)],
            )

    def metrics(
        self,
        deployment: str,
        name: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """See ``_records.Records.metrics``."""
        row = self.must_deployment(deployment)
        check_page(limit, 0, most=10000)
        values: dict[str, Any] = {"deployment": row["id"], "limit": limit}
        where = ["where m.deployment_id = %(deployment)s"]
        if name is not None:
            where.append("and m.name = %(name)s")
            values["name"] = check_text(name, "name", limit=_NAME_LIMIT)
        if since is not None:
            where.append("and m.at >= %(since)s")
            values["since"] = moment(since, "since")
        if until is not None:
            where.append("and m.at <= %(until)s")
            values["until"] = moment(until, "until")
        # From a time on: the first ones, to go on after them. Else the newest.
        order = "order by m.name, m.at, m.replica" if since is not None else "order by m.at desc"
        found = self.all(
            statement(
                "select * from (select m.name, m.replica, m.at, m.value from control_plane.deployment_metrics m",
                *where,
                order,
                "limit %(limit)s) as m order by m.name, m.at, m.replica",
            ),
            values,
        )
        return [{**sample, "at": iso(sample["at"])} for sample in found]

    def prune_metrics(self, days: float = METRICS_DAYS) -> int:
        """Remove samples older than that; how many there were."""
        count = 0
        while True:  # in pieces: one statement is never long
            gone = self.run(
                "delete from control_plane.deployment_metrics where ctid in (select ctid from "
                "control_plane.deployment_metrics where at < clock_timestamp() - make_interval(secs => %s) "
                "order by at limit %s)",
                [days * 86400, _PRUNED],
            )
            count += gone
            if gone < _PRUNED:
                return count


def sample_of(sample: Mapping[str, Any]) -> tuple[str, str, datetime | None, float]:
    """A sample, checked: name, replica, time (None: now), value."""
    try:
        value = float(sample["value"])
        at = moment(str(sample["at"]), "at") if sample.get("at") else None
        name, replica = str(sample["name"]), str(sample.get("replica") or "")
        if not name or not math.isfinite(value):
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InvalidInput("A sample has no name, or no finite number as value; give both.", field="samples") from None
    return check_text(name, "name", limit=_NAME_LIMIT), check_text(replica, "replica", limit=255), at, value


def line_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a log, checked and cut, by the columns that it goes to."""
    level = str(entry.get("level") or "INFO").upper()
    try:
        at = moment(entry["timestamp"], "timestamp") if entry.get("timestamp") else None
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
