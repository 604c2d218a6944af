# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that runs and answers nobody is started anew by the next run, and by the listener that observes it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import types
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener.observing import Observing
from tests.support.servers import Server, good


def stop(server: Server, name: str) -> int:
    """Let a process of the deployment hang; its pid."""
    pid = server.running()[name]
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_what_hangs_is_started_anew(server: Server) -> None:
    queue = f"queue-{server.state()['queue']}@1"
    before = server.running()
    hanging = {name: stop(server, name) for name in ("api-blue", queue)}
    preview = good(server.start(server.number, gate_timeout=10, _ansible_check_mode=True))
    wanted = [f"Start {what} anew, which does not answer" for what in ("API blue", f"queue process {queue[6:-2]}-1")]
    assert preview["changed"]
    assert preview["actions"] == wanted
    assert server.running() == before, "check mode leaves it as it is"
    assert good(server.start(server.number, gate_timeout=10))["actions"] == wanted
    after = server.running()
    assert sorted(after) == sorted(before)
    assert all(after[name] != pid for name, pid in hanging.items())
    assert server.work("after the hang")["version"] == str(server.number)
    assert good(server.start(server.number))["changed"] is False


def test_process_that_just_begins_has_its_time(server: Server) -> None:
    """An API that is slow to come up is waited for, not started again."""
    services, unit = server.host.supervisor.services, f"langgraph-{server.slug}-api-blue"
    services.stop(unit, 20)
    services.start(unit)
    pid = stop(server, "api-blue")
    timer = threading.Timer(12, os.kill, (pid, signal.SIGCONT))
    timer.start()
    assert good(server.start(server.number))["changed"] is False
    assert server.running()["api-blue"] == pid
    timer.join()


class Told:
    """The API of the control plane, which keeps what it is told."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.claimed = False
        self.health: list[dict[str, Any]] = []
        self.samples: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.revisions: set[str | None] = set()

    async def served(self) -> list[dict[str, Any]]:
        number = self.server.number
        item = {"id": self.server.slug, "slug": self.server.slug, "host": "here", "claimed": self.claimed}
        return [{**item, "active_revision_id": self.server.claim(number)["revision"]["id"]}]

    async def observe(self, observations: list[dict[str, Any]]) -> dict[str, Any]:
        for observation in observations:
            self.health += [observation["health"]] if "health" in observation else []
            self.samples += observation.get("samples", [])
            self.lines += observation.get("logs", [])
            if observation.get("logs"):
                self.revisions.add(observation.get("revision_id"))
        return {}

    def values(self, name: str, process: str) -> list[float]:
        return [s["value"] for s in self.samples if s["name"] == name and s["replica"].startswith(f"here/{process}")]


@contextlib.asynccontextmanager
async def observed(server: Server, state: Path) -> AsyncIterator[Told]:
    """A server while it is observed; a repair is the module that a run would use."""
    told = Told(server)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "langgraph_platform": "supervisor",
        "langgraph_root": str(server.host.root),
        "langgraph_supervisor_dir": str(server.host.supervisor.directory),
    }
    settings = types.SimpleNamespace(
        state_dir=str(state),
        ansible_config="",
        environment={},
        health_interval=1.0,
        health_failures=3,
        repairs_per_hour=4,
        metrics_interval=1.0,
        follow_logs=True,
    )

    async def repair(deployment_id: str, reason: str) -> bool:
        told.claimed = True
        result = await asyncio.to_thread(server.start, server.number)
        told.claimed = False
        return not result.get("failed")

    inventory = types.SimpleNamespace(variables=lambda host: variables, known=lambda host: True)
    task = asyncio.ensure_future(Observing(settings, told, inventory, repair, log=logging.getLogger("t")).run())
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(found: Any, seconds: float = 60) -> Any:
    for _attempt in range(int(seconds / 0.1)):
        value = found()
        if value:
            return value
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come to pass")


def test_hanging_server_is_seen_within_seconds_and_repaired(server: Server, tmp_path: Path) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        async with observed(server, tmp_path) as told:
            await until(lambda: told.health and told.health[-1]["ok"])
            begun = loop.time()
            stop(server, "api-blue")
            await until(lambda: not told.health[-1]["ok"])
            seen = loop.time() - begun
            assert "api-blue does not answer on port" in told.health[-1]["message"]
            await until(lambda: told.health[-1]["ok"])
            return seen

    assert asyncio.run(main()) < 12
    assert server.work("after the repair")["version"] == str(server.number)


def test_figures_and_logs_of_a_stock_server(server: Server, tmp_path: Path) -> None:
    async def main() -> Told:
        async with observed(server, tmp_path) as told:
            await until(lambda: told.values("requests", "api-"))
            assert told.values("requests", "api-")[0] == 0, "the observer's own requests are not counted"
            for number in range(5):
                await asyncio.to_thread(server.work, f"measured {number}")
            thread, _run = await asyncio.to_thread(server.background, "long", 20.0)
            await until(lambda: max(told.values("running_jobs", "queue-"), default=0) == 1)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(server.ask, "/threads/no-such-thread")
            await until(lambda: max(told.values("requests", "api-")) > 0)
            await until(lambda: any(s["name"] == "latency_ms" for s in told.samples))
            await until(lambda: any("/threads/no-such-thread" in line["message"] for line in told.lines))
            await until(lambda: any(line["message"].startswith("[queue-") for line in told.lines))
            await asyncio.to_thread(server.ask, f"/threads/{thread}/state")
            return told

    told = asyncio.run(main())
    for process in ("api-", "queue-"):
        assert min(told.values("memory_bytes", process)) > 50e6
        assert max(told.values("cpu", process)) > 0
        assert max(told.values("restarts", process)) == 0
    assert max(told.values("latency_ms", "api-")) > 1
    assert told.values("queue_depth", "api-")
    assert server.claim(server.number)["revision"]["id"] in told.revisions
    assert None not in told.revisions
    levels = {line["level"] for line in told.lines if "/threads/no-such-thread" in line["message"]}
    assert levels <= {"WARNING", "ERROR"}
