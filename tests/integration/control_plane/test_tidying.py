# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service removes by itself: old figures and lines of servers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.services.control_plane import service as service_module
from ansible_collections.selfhosted.langgraph.services.control_plane.service import Service
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings
from tests.integration.control_plane.conftest import Place


def test_what_is_old_is_removed(place: Place, database: str, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = place.listener("rack-1")
    made = place.create("chat", source_config={"resource_spec": {}, "listener_id": listener["id"]})
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    times = ["2020-01-01T00:00:00Z", now]
    lines = [{"writer": made["id"], "seq": number, "timestamp": at, "message": at} for number, at in enumerate(times)]
    samples = [{"name": "cpu", "at": at, "value": 1} for at in times]
    seen = {"slug": made["slug"], "logs": lines, "samples": samples}
    answer = place.admin.post("/v2/work/observations", json={"listener": "rack-1", "observations": [seen]})
    assert answer.json() == {"accepted": 4, "unknown": []}
    monkeypatch.setattr(service_module, "TIDY_EVERY", 0.01)

    async def run() -> None:
        service = Service(Settings(dsn=database, encryption_key_file=str(key_file), observed_days=1))
        await service.start()
        try:
            async with asyncio.timeout(20):
                while left(database, made["id"]) != [1, 1]:
                    await asyncio.sleep(0.05)
        finally:
            await service.stop()

    asyncio.run(run())
    logs = place.admin.get(f"/v2/deployments/{made['id']}/logs?type=deploy").json()["logs"]
    assert [line["message"] for line in logs] == [now]


def left(database: str, deployment: str) -> list[Any]:
    """How many lines and figures there are."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "select (select count(*) from control_plane.revision_logs where deployment_id = %(id)s), "
            "(select count(*) from control_plane.deployment_metrics where deployment_id = %(id)s)",
            {"id": deployment},
        ).fetchone()
    return list(row or ())
