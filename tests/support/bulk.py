# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of deployments in seconds: copies of one that was made through the records, in SQL."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

SCHEMA = "control_plane"
OWN = {  # columns of a copy that are not those of its model
    "deployments": {
        "id": "copies.id",
        "name": "model.name || '-' || copies.number",
        "slug": "model.name || '-' || left(copies.id::text, 8)",
        "created_at": "model.created_at + copies.number * interval '1 ms'",
        "due_since": "model.due_since - copies.number * interval '1 ms'",
        "latest_revision_id": "pg_temp.revision_of(copies.id, model.latest_revision_id)",
        "active_revision_id": "pg_temp.revision_of(copies.id, model.active_revision_id)",
        "queued_revision_id": "pg_temp.revision_of(copies.id, model.queued_revision_id)",
        "progress_revision_id": "pg_temp.revision_of(copies.id, model.progress_revision_id)",
    },
    "revisions": {"id": "pg_temp.revision_of(copies.id, model.id)", "deployment_id": "copies.id"},
}


def multiply(dsn: str, name: str, count: int) -> None:
    """Make ``count`` copies of the deployment ``name`` with all its revisions, called name-1..count.

    The model must be held by nobody (a claim is one row of its own).
    """
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "create temporary table copies as select md5(%s::text || ' ' || number)::uuid as id, number"
            " from generate_series(1, %s) as number",
            [name, count],
        )
        # the same ids from the same words: no table of pairs is needed
        connection.execute(
            "create function pg_temp.revision_of(deployment uuid, model uuid) returns uuid language sql immutable"
            " as $$ select md5(deployment::text || model::text)::uuid $$"
        )
        model = connection.execute(f"select id from {SCHEMA}.deployments where name = %s", [name]).fetchone()
        if model is None:
            raise LookupError(f"there is no deployment {name} to copy")
        copy_rows(connection, "deployments", "model.id", model[0])
        copy_rows(connection, "revisions", "model.deployment_id", model[0])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def copy_rows(connection: psycopg.Connection[Any], table: str, key: str, model: Any) -> None:
    """Insert each row of the model once for each copy, with its own values for the columns in OWN."""
    columns = [
        row[0]
        for row in connection.execute(
            "select column_name from information_schema.columns"
            " where table_schema = %s and table_name = %s and is_generated = 'NEVER'",
            [SCHEMA, table],
        )
    ]
    values = [OWN[table].get(column, f'model."{column}"') for column in columns]
    connection.execute(
        sql.SQL("insert into {}.{} ({}) select {} from {}.{} as model cross join copies where {} = %s").format(
            sql.Identifier(SCHEMA),
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.SQL(value) for value in values),
            sql.Identifier(SCHEMA),
            sql.Identifier(table),
            sql.SQL(key),
        ),
        [model],
    )
