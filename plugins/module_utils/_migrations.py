# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema ``control_plane``: numbered SQL, and the runner that applies it under an advisory lock.

Rules for a new migration: append it, never change an old one. Expand first, contract a version later:
``minimum_code`` is the lowest code version (= number of the newest migration the code knows) that the schema still
serves after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _migration_1, _migration_2, _migration_3
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import SchemaMissing, SchemaTooNew
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import SchemaStatus

if TYPE_CHECKING:
    import psycopg


class Migration(NamedTuple):
    """One step; steps that are missing run in one transaction."""

    version: int
    minimum_code: int
    sql: str


MIGRATIONS = (
    Migration(1, 1, _migration_1.SQL),
    Migration(2, 1, _migration_2.SQL),
    Migration(3, 1, _migration_3.SQL),
)
CODE_VERSION = MIGRATIONS[-1].version

_LOCK_KEY = 0x6C67_7265_636F_7264  # any constant of our own


def status_of(version: int, minimum_code: int) -> SchemaStatus:
    """The status for what the schema row says (version 0: there is none)."""
    return {
        "version": version,
        "code_version": CODE_VERSION,
        "minimum_code": minimum_code,
        "up_to_date": version >= CODE_VERSION and minimum_code <= CODE_VERSION,
    }


def check(status: SchemaStatus, where: str) -> None:
    """Raise SchemaMissing or SchemaTooNew unless this code can use the schema."""
    if status["version"] == 0:
        raise SchemaMissing(f"The database {where} holds no records yet; run the module records_schema first.")
    if status["minimum_code"] > CODE_VERSION:
        raise SchemaTooNew(
            f"The records in {where} have schema {status['version']}, which serves code "
            f"{status['minimum_code']} and newer, "
            f"while this collection has {CODE_VERSION}; upgrade the collection.",
            **status,
        )
    if status["version"] < CODE_VERSION:
        raise SchemaMissing(
            f"The records in {where} have schema {status['version']}, while this collection needs {CODE_VERSION}; "
            "run the module records_schema.",
            **status,
        )


def read_status(connection: psycopg.Connection[Any]) -> SchemaStatus:
    """What the schema row says; works on an empty database."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('control_plane.schema_info') is not null as there")
        row = cursor.fetchone()
        if row is None or not row["there"]:
            return status_of(0, 0)
        cursor.execute("select version, minimum_code from control_plane.schema_info")
        row = cursor.fetchone()
        return status_of(row["version"], row["minimum_code"]) if row else status_of(0, 0)


def migrate(connection: psycopg.Connection[Any], where: str) -> list[int]:
    """Apply what is missing, all of it or nothing, under an advisory lock; gives the versions applied.

    Several at once are safe: the later ones wait and find nothing to do. A schema newer than the code is left alone.
    """
    applied: list[int] = []
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        status = read_status(connection)
        if status["minimum_code"] > CODE_VERSION:
            check(status, where)
        for migration in MIGRATIONS:
            if status["version"] >= migration.version:
                continue
            cursor.execute(migration.sql)
            cursor.execute(
                "insert into control_plane.schema_info (version, minimum_code) values (%s, %s) "
                "on conflict (only_row) do update set version = excluded.version, minimum_code = "
                "excluded.minimum_code, "
                "updated_at = now()",
                [migration.version, migration.minimum_code],
            )
            applied.append(migration.version)
    return applied
