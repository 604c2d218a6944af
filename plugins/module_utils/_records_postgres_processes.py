# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of listeners in Postgres: which are there, which of them leads, and what their listener serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import (
    SEEN_SECONDS,
    Heartbeat,
    ListenerProcess,
    Owner,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    Row,
    clean,
    moment,
    to_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_listeners import ListenerRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import (
    SERVED,
    listener_view,
    served_view,
)

_KEPT_SECONDS = 86400  # of a process that is not there any more
_MOST_CAPACITY, _MOST_WORK, _LINE = 10_000, 1000, 255
_WORK_KEYS = ("claim_id", "deployment", "revision", "action", "step", "since")


class ProcessRecords(ListenerRecords):
    """The part of the adapter that listeners' processes tell of themselves."""

    def listening(self, listener: str) -> Row:
        """The row of a listener that has to be named."""
        self.ready()
        if not listener:
            raise InvalidInput("listener is missing; name the listener that is meant.", field="listener")
        row = self._find_listener(listener)
        if row is None:
            raise NotFound(
                f"There is no listener {listener} in workspace {self.workspace_name}; create it or correct its name.",
                kind="listener",
                names=[listener],
            )
        return row

    def heartbeat(self, listener: str, process: ListenerProcess) -> Heartbeat:
        """See ``_records.Records.heartbeat``."""
        told = _told(process)
        with self.transaction():
            row = self.listening(listener)
            # One after the other: two that begin at once are not both the first.
            self.run("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"control_plane.listener {row['id']}"])
            told["listener"] = row["id"]
            if process.get("stopping"):
                self.run(
                    "delete from control_plane.listener_processes where id = %(id)s and listener_id = %(listener)s",
                    told,
                )
            else:
                self._seen(told)
            self.run(
                "delete from control_plane.listener_processes where listener_id = %s and seen_at < clock_timestamp() "
                "- make_interval(secs => %s)",
                [row["id"], _KEPT_SECONDS],
            )
            first = self.one(
                "select id from control_plane.listener_processes where listener_id = %s and seen_at > "
                "clock_timestamp() - make_interval(secs => %s) order by started_at, id limit 1",
                [row["id"], SEEN_SECONDS],
            )
            shown = listener_view(row)
        return {
            "listener": {
                "id": shown["id"],
                "compute_id": shown["compute_id"],
                "compute_type": shown["compute_type"],
                "host_groups": shown["compute_config"]["host_groups"],
                "workspace_id": shown["tenant_id"],
            },
            "leader": first is not None and str(first["id"]) == told["id"],
        }

    def _seen(self, told: Mapping[str, Any]) -> None:
        kept = self.one(
            "insert into control_plane.listener_processes (id, listener_id, owner, version, capacity, work, "
            "started_at, seen_at) values (%(id)s, %(listener)s, %(owner)s, %(version)s, %(capacity)s, %(work)s, "
            "%(started_at)s, clock_timestamp()) on conflict (id) do update set owner = excluded.owner, "
            "version = excluded.version, capacity = excluded.capacity, work = excluded.work, "
            "started_at = excluded.started_at, seen_at = excluded.seen_at "
            "where listener_processes.listener_id = excluded.listener_id returning id",
            told,
        )
        if kept is None:
            raise Conflict(f"Process {told['id']} belongs to another listener; give each process an id of its own.")

    def served(self, listener: str) -> list[dict[str, Any]]:
        """See ``_records.Records.served``."""
        return [served_view(row) for row in self.all(SERVED, [self.listening(listener)["id"]])]


def _told(process: ListenerProcess) -> dict[str, Any]:
    """What a process tells of itself, checked and bounded."""
    process_id, capacity = str(process.get("id") or ""), process.get("capacity") or 0
    if not _model.is_uuid(process_id):
        raise InvalidInput("The id of the process is no UUID; make one with uuid4.", field="id")
    if not isinstance(capacity, int) or not 0 <= capacity <= _MOST_CAPACITY:
        raise InvalidInput(f"capacity is no number from 0 to {_MOST_CAPACITY}; correct it.", field="capacity")
    owner: Owner = process.get("owner") or {}
    return {
        "id": process_id.lower(),
        "owner": to_json({key: _short(value) for key, value in owner.items()}),
        "version": _short(process.get("version")),
        "capacity": capacity,
        "work": to_json([_work(piece) for piece in list(process.get("work") or ())[:_MOST_WORK]]),
        "started_at": moment(str(process.get("started_at") or ""), "started_at"),
    }


def _work(piece: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _short(piece.get(key)) for key in _WORK_KEYS}


def _short(value: Any) -> Any:
    """A number, or a text as Postgres can keep it."""
    return value if value is None or isinstance(value, int) else clean(str(value), _LINE)
