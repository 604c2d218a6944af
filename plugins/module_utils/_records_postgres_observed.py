# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listeners see of running servers, in Postgres: their logs, their figures and whether they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Observation, Observed
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import Row, clean, to_json
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_logs import (
    LogRecords,
    line_of,
    sample_of,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_processes import ProcessRecords

LOG_DAYS, LOG_LINES = 7, 50_000
_BATCH = 10_000
_HEALTH_MESSAGE, _REPLICA_NAME, _REPLICA_MESSAGE, _MOST_REPLICAS = 4096, 255, 1024, 1000
# "since" stays while ok stays the same.
_HEALTH = """
update control_plane.deployments d set health = %(told)s::jsonb || jsonb_build_object('checked_at', c.now, 'since',
    case when d.health -> 'ok' = %(told)s::jsonb -> 'ok' then coalesce(d.health ->> 'since', c.now) else c.now end)
from (select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') as now) c
where d.id = %(id)s and (d.health is null or d.health - 'since' - 'checked_at' <> %(told)s::jsonb
                         or d.health ->> 'checked_at' is null
                         or (d.health ->> 'checked_at')::timestamptz < clock_timestamp() - interval '60 seconds')
"""


class _Line(NamedTuple):
    """A line of a server's log."""

    writer: str
    seq: int
    deployment: Any
    revision: Any
    at: datetime | None
    level: str
    message: str


class ObservedRecords(LogRecords, ProcessRecords):
    """The part of the adapter that keeps what listeners see."""

    def observe(self, listener: str, observations: Sequence[Observation]) -> Observed:
        """See ``_records.Records.observe``."""
        slugs = [_slug(observation) for observation in observations]
        with self.transaction():
            row = self.listening(listener)
            # One after the other: two that send the same lines do not wait for each other's.
            self.run("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"control_plane.observed {row['id']}"])
            found = self.all(
                "select d.id, d.slug, d.active_revision_id from control_plane.deployments d "
                "where d.listener_id = %s and d.slug = any(%s) and d.deleted_at is null",
                [row["id"], slugs],
            )
            known = {row["slug"]: row for row in found}
            seen = [(known[slug], one) for slug, one in zip(slugs, observations, strict=True) if slug in known]
            accepted = self._keep_lines(seen) + self._keep_samples(seen)
            # By the order of the ids, as everybody locks deployments.
            for deployment, observation in sorted(seen, key=lambda pair: str(pair[0]["id"])):
                health = observation.get("health")
                if health is not None:
                    self._keep_health(deployment, health)
        return {"accepted": accepted, "unknown": sorted(set(slugs) - known.keys())}

    def _keep_lines(self, seen: Iterable[tuple[Row, Observation]]) -> int:
        lines = [_line(row, observation, entry) for row, observation in seen for entry in observation.get("logs") or ()]
        if not lines:
            return 0
        # As people read them: processes side by side.
        now = datetime.now(UTC)
        lines.sort(key=lambda line: line.at or now)
        writers, seqs, deployments, revisions, times, levels, messages = map(list, zip(*lines, strict=True))
        return self.run(
            "insert into control_plane.revision_logs (deployment_id, revision_id, type, writer, seq, at, level, "
            "message, observed) select d.id, coalesce(r.id, d.active_revision_id), 'deploy', line.writer, line.seq, "
            "coalesce(line.at, clock_timestamp()), line.level, line.message, true "
            "from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[]) "
            "with ordinality as line (deployment, revision, writer, seq, at, level, message, place) "
            "join control_plane.deployments d on d.id = line.deployment "
            "left join control_plane.revisions r on r.id = line.revision and r.deployment_id = d.id "
            "order by line.place on conflict (writer, type, seq) do nothing",
            [deployments, revisions, writers, seqs, times, levels, messages],
        )

    def _keep_samples(self, seen: Iterable[tuple[Row, Observation]]) -> int:
        samples = [
            (str(row["id"]), *sample_of(sample))
            for row, observation in seen
            for sample in observation.get("samples") or ()
        ]
        if not samples:
            return 0
        columns = list(zip(*samples, strict=True))
        return self.run(
            "insert into control_plane.deployment_metrics (deployment_id, name, replica, at, value) "
            "select deployment, name, replica, coalesce(at, clock_timestamp()), value "
            "from unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::float8[]) as sample "
            "(deployment, name, replica, at, value) on conflict do nothing",
            list(map(list, columns)),
        )

    def _keep_health(self, row: Row, health: Mapping[str, Any]) -> None:
        """Written when it says something new, and every minute so that one sees that it is still looked at."""
        self.run(_HEALTH, {"told": to_json(_health(health)), "id": row["id"]})

    def prune_logs(self, days: float = LOG_DAYS, lines: int = LOG_LINES) -> int:
        """Remove lines of running servers that are older than that, or more than that for one deployment; how many
        there were. What builds and deploys wrote stays.
        """
        count = self._prune(
            "select id from control_plane.revision_logs where observed and at < clock_timestamp() - "
            "make_interval(secs => %s) order by at limit %s",
            days * 86400,
        )
        for row in self.all(
            "select d.id, (select l.id from control_plane.revision_logs l where l.observed and l.deployment_id = d.id "
            "order by l.id desc offset %s limit 1) as last from control_plane.deployments d where exists ("
            "select 1 from control_plane.revision_logs l where l.observed and l.deployment_id = d.id)",
            [lines],
        ):
            if row["last"] is not None:
                count += self._prune(
                    "select id from control_plane.revision_logs where observed and deployment_id = %s and id <= %s "
                    "order by id limit %s",
                    row["id"],
                    row["last"],
                )
        return count

    def _prune(self, which: str, *values: Any) -> int:
        """Remove lines in pieces: one statement is never long."""
        count = 0
        while True:
            gone = self.run(
                f"delete from control_plane.revision_logs where id in ({which})",  # noqa: S608 - a constant
                [*values, _BATCH],
            )
            count += gone
            if gone < _BATCH:
                return count


def _slug(observation: Observation) -> str:
    slug = observation.get("slug")
    if not isinstance(slug, str) or not slug or "\x00" in slug:
        raise InvalidInput("An observation has no slug; give that of the deployment.", field="observations")
    return slug


def _line(row: Row, observation: Observation, entry: Mapping[str, Any]) -> _Line:
    writer, revision = str(entry.get("writer") or ""), str(observation.get("revision_id") or "")
    if not _model.is_uuid(writer):
        raise InvalidInput(
            "A line of a log has no writer; give the UUID of what its seq is counted for.", field="observations"
        )
    line = line_of(entry)
    named = revision if _model.is_uuid(revision) else None
    return _Line(writer.lower(), line["seqs"], row["id"], named, line["times"], line["levels"], line["messages"])


def _health(health: Mapping[str, Any]) -> dict[str, Any]:
    replicas = health.get("replicas") or {}
    states = [health, *(replicas.values() if isinstance(replicas, Mapping) else [None])]
    if not all(isinstance(state, Mapping) and isinstance(state.get("ok"), bool) for state in states):
        raise InvalidInput(
            "health is malformed; give ok (true or false), message, and replicas (each with ok and message).",
            field="observations",
        )
    return {
        "ok": health["ok"],
        "message": _text(health.get("message"), _HEALTH_MESSAGE),
        "replicas": {
            str(_text(name, _REPLICA_NAME)): {
                "ok": replica["ok"],
                "message": _text(replica.get("message"), _REPLICA_MESSAGE),
            }
            for name, replica in list(replicas.items())[:_MOST_REPLICAS]
        },
    }


def _text(value: Any, limit: int) -> str | None:
    return None if value is None else clean(str(value), limit)
