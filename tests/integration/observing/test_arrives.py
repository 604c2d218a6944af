# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a server's log, health and figures to the control plane, through a real observer on a real host."""

from __future__ import annotations

import asyncio

from tests.integration.observing.conftest import SmallHost, Watch, until


def test_logs_health_and_figures_arrive(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running() as observing:
            await until(lambda: watch.api.last(chat.slug)["ok"])
            await chat.api.say("hello from the API")
            await chat.queue.say('{"event": "ran", "level": "warning", "timestamp": "2026-01-02T03:04:05Z", "run": 7}')
            await until(lambda: watch.api.said("hello") and watch.api.said("ran"))
            await chat.api.ask("/count?10")
            await until(lambda: [s for s in watch.api.samples if s["name"] == "errors" and s["value"] > 0])
            assert observing.status()["hosts"]["here"]["connected"]

    asyncio.run(main())
    api = watch.api
    assert api.revisions == {chat.revision}
    assert {"[api-blue] hello from the API", "[queue-blue-1] ran run=7"} <= set(api.order)
    ran = next(line for line in api.lines.values() if "ran run" in line["message"])
    assert ran["level"] == "WARNING"
    assert ran["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert api.last(chat.slug)["message"] == "2 processes answer."
    assert set(api.last(chat.slug)["replicas"]) == {"here/api-blue", "here/queue-blue-1"}
    names = {(sample["replica"], sample["name"]) for sample in api.samples}
    everywhere = {"memory_bytes", "cpu", "restarts"}
    assert names == {
        *(("here/api-blue", name) for name in everywhere | {"requests", "errors", "latency_ms", "queue_depth"}),
        *(("here/queue-blue-1", name) for name in everywhere | {"running_jobs"}),
    }
    values = {name: [s["value"] for s in api.samples if s["name"] == name] for name in ("latency_ms", "memory_bytes")}
    assert values["latency_ms"] == [10.0]
    assert min(values["memory_bytes"]) > 1_000_000
