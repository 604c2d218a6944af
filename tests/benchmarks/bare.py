# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measure of the API: FastAPI and psycopg alone, reading the same rows by the same statement, and nothing else.

`python -m tests.benchmarks.bare DSN PORT`. No keys, no rights, no log, no figures; rows go out as they are.
"""

from __future__ import annotations

import sys
import uuid
from typing import Any

import uvicorn
from fastapi import FastAPI
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEFAULT_WORKSPACE_ID
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import DEPLOYMENT

POOL = 10  # as the service's default
PAGE = "order by d.created_at desc, d.id limit %s offset %s"


def create_app(dsn: str) -> FastAPI:
    """The application."""
    kwargs = {"autocommit": True, "row_factory": dict_row}
    pool: ConnectionPool[Any] = ConnectionPool(dsn, min_size=POOL, max_size=POOL, kwargs=kwargs, open=True)
    app = FastAPI()

    @app.get("/deployments/{deployment_id}")
    def get_one(deployment_id: uuid.UUID) -> dict[str, Any] | None:
        with pool.connection() as connection:
            return connection.execute(DEPLOYMENT + "where d.id = %s", [deployment_id]).fetchone()

    @app.get("/deployments")
    def get_many(limit: int = 20, offset: int = 0) -> list[dict[str, Any]]:
        query = DEPLOYMENT + "where d.workspace_id = %s and d.deleted_at is null " + PAGE
        with pool.connection() as connection:
            return connection.execute(query, [DEFAULT_WORKSPACE_ID, limit, offset]).fetchall()

    return app


if __name__ == "__main__":
    uvicorn.run(
        create_app(sys.argv[1]),
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
