# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements that only the service of the control plane needs: values of many secrets at once, single chunks of a
source, where work is due."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import Row
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import text_id

if TYPE_CHECKING:
    import psycopg

_SECRETS = {
    "deployment": (
        "select d.id, case when c.id is null then d.draft_secrets else c.secrets end as token "
        "from control_plane.deployments d left join control_plane.revisions c on c.id = d.latest_revision_id "
        "where d.id = any(%s::uuid[]) and d.workspace_id = %s"
    ),
    "revision": (
        "select r.id, r.secrets as token from control_plane.revisions r where r.id = any(%s::uuid[]) "
        "and r.workspace_id = %s"
    ),
}

_DUE_PLACES = """
select distinct workspace_id, null::uuid as listener_id from control_plane.deployments
where listener_id is null and claimable_at <= statement_timestamp()
union all
select distinct workspace_id, listener_id from control_plane.deployments
where listener_id is not null and claimable_at <= statement_timestamp()
"""


def secrets_of(
    records: PostgresRecords, kind: Literal["deployment", "revision"], names: dict[str, str], *, audited: bool
) -> dict[str, dict[str, str]]:
    """Values of secrets by the id of the record. names: id -> what audit entries call it."""
    with records.transaction():
        found = {
            str(row["id"]): records.crypt.decrypt_map(row["token"])
            for row in records.all(_SECRETS[kind], [list(names), records.workspace_id])
            if row["token"]
        }
        if audited:
            for record_id, values in found.items():
                records.audit("reveal", kind, record_id, names[record_id], None, {"secrets": sorted(values)})
        return found


def due_places(connection: psycopg.Connection[Row]) -> list[tuple[str, str | None]]:
    """Where something is due: workspaces, each with one of its listeners or none."""
    rows = connection.execute(_DUE_PLACES)  # in two parts: each of them has an index
    return [(str(row["workspace_id"]), text_id(row["listener_id"])) for row in rows]


def source_chunk(records: PostgresRecords, sha256: str, number: int) -> bytes | None:
    """One chunk of a stored source; None after the last one."""
    row = records.one(
        "select data from control_plane.source_chunks where workspace_id = %s and sha256 = %s and number = %s",
        [records.workspace_id, sha256, number],
    )
    return bytes(row["data"]) if row else None


def source_size(records: PostgresRecords, sha256: str) -> int | None:
    """The size of a stored source; None if it is not stored."""
    row = records.one(
        "select size from control_plane.sources where workspace_id = %s and sha256 = %s",
        [records.workspace_id, sha256],
    )
    size: int | None = row["size"] if row else None
    return size


def works_for(records: PostgresRecords, claims_or_revisions: Iterable[str], listener_id: str) -> bool:
    """Whether all of these claims (or revisions) are of deployments of that listener."""
    wanted = set(claims_or_revisions)
    rows = records.all(
        "select x.id from (select c.id, c.deployment_id from control_plane.claims c union all "
        "select r.id, r.deployment_id from control_plane.revisions r) x "
        "join control_plane.deployments d on d.id = x.deployment_id "
        "where x.id = any(%s::uuid[]) and d.workspace_id = %s and d.listener_id = %s",
        [list(wanted), records.workspace_id, listener_id],
    )
    return {str(row["id"]) for row in rows} == wanted
