# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health: told within moments, repaired in bounds, and left alone while somebody else is at work."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal

import pytest

from ansible_collections.selfhosted.langgraph.services.listener import repairs
from ansible_collections.selfhosted.langgraph.services.listener.observing import health
from tests.integration.observing.conftest import Deployment, SmallHost, Watch, until


def mended(watch: Watch, deployment: Deployment) -> None:
    """A repair starts each process of the deployment anew."""

    async def mend(identity: str) -> bool:
        assert identity == deployment.id
        for unit in deployment.units:
            unit.signal(signal.SIGCONT)  # or it would not take the signal that ends it
            await asyncio.to_thread(unit.stop)
            await asyncio.to_thread(unit.start)
        return True

    watch.mend = mend


def test_hang_is_told_and_repaired(host: SmallHost, watch: Watch) -> None:
    chat, other = host.deployment().serve(), host.deployment("other").serve()
    mended(watch, chat)

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"] and watch.api.last(other.slug)["ok"])
            chat.queue.signal(signal.SIGSTOP)
            await until(lambda: watch.api.last(chat.slug)["ok"] is False)
            told = watch.api.last(chat.slug)
            assert "queue-blue-1 does not answer on port" in told["message"]
            assert told["replicas"]["here/queue-blue-1"]["ok"] is False
            assert told["replicas"]["here/api-blue"]["ok"] is True
            await until(lambda: watch.api.last(chat.slug)["ok"])

    asyncio.run(main())
    assert len(watch.repaired) == 1
    assert "health: queue-blue-1 does not answer" in watch.repaired[0][1]
    assert all(told["ok"] for told in watch.api.health[other.slug]), "others are not touched by it"


def test_process_that_was_stopped_is_told_at_once(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()
    watch.settings.health_failures = 1000
    mended(watch, chat)

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            await asyncio.to_thread(chat.api.stop)
            await until(lambda: watch.api.last(chat.slug)["ok"] is False, 5)
            assert "api-blue does not run (" in watch.api.last(chat.slug)["message"]
            await until(lambda: watch.api.last(chat.slug)["ok"])

    asyncio.run(main())
    assert len(watch.repaired) == 1


def test_platform_restarts_what_dies_and_that_is_counted(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()
    watch.settings.health_failures = 20

    async def main() -> None:
        async with watch.running():
            await until(lambda: [s for s in watch.api.samples if s["name"] == "restarts"])
            chat.api.signal(signal.SIGKILL)
            await until(lambda: [s for s in watch.api.samples if s["name"] == "restarts" and s["value"] == 1])

    asyncio.run(main())
    assert watch.repaired == []
    bad = {s["replica"] for s in watch.api.samples if s["name"] == "restarts" and s["value"]}
    assert bad == {"here/api-blue"}


def test_repairs_that_do_not_help_end(host: SmallHost, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = host.deployment().serve()
    monkeypatch.setattr(repairs, "PAUSES", (0.0, 0.2, 0.4, 0.6))

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            chat.api.signal(signal.SIGSTOP)
            await until(lambda: "4 repairs within an hour did not help" in watch.api.last(chat.slug)["message"])
            await asyncio.sleep(3)

    asyncio.run(main())
    assert len(watch.repaired) == watch.settings.repairs_per_hour


def test_nothing_is_told_while_somebody_works_on_it(
    host: SmallHost, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = host.deployment().serve()
    monkeypatch.setattr(health, "GRACE", 4.0)

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            chat.claimed = True  # since a moment ago: the listener has not heard of it yet
            await asyncio.to_thread(chat.api.stop)
            await asyncio.sleep(2.5)
            assert all(told["ok"] for told in watch.api.health[chat.slug])
            await until(lambda: watch.api.last(chat.slug)["ok"] is False, 10, "but not for ever")
            assert watch.repaired == []
            chat.claimed = False
            await until(lambda: watch.repaired, 10)

    asyncio.run(main())


def test_host_that_lost_everything(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            shutil.rmtree(chat.home)
            await until(lambda: "holds nothing of this deployment" in watch.api.last(chat.slug)["message"])
            await until(lambda: watch.repaired)

    asyncio.run(main())


def test_deployment_that_is_being_deleted_is_left_alone(host: SmallHost, watch: Watch) -> None:
    chat, other = host.deployment().serve(), host.deployment("other").serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            chat.status = "AWAITING_DELETE"
            for deployment in (chat, other):
                await asyncio.to_thread(deployment.api.stop)
            await until(lambda: watch.repaired)
            await asyncio.sleep(1)

    asyncio.run(main())
    assert {identity for identity, _reason in watch.repaired} == {other.id}
    assert all(told["ok"] for told in watch.api.health[chat.slug])


def test_what_a_run_reported_is_replaced(host: SmallHost, watch: Watch) -> None:
    """The health that a run reports knows of no processes."""
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            chat.health = {"ok": True}
            await until(lambda: "replicas" in (chat.health or {}), 20)

    asyncio.run(main())


def test_host_that_cannot_be_reached(host: SmallHost, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = host.deployment().serve()
    monkeypatch.setattr("ansible_collections.selfhosted.langgraph.services.listener.observing.LOST", 1.0)
    watch.inventory.of["here"]["ansible_python_interpreter"] = "/no/such/python"

    async def main() -> None:
        async with watch.running() as observing:
            await until(lambda: watch.api.last(chat.slug)["ok"] is False)
            assert "Host here cannot be reached" in watch.api.last(chat.slug)["message"]
            assert "Python 3.9 or later" in observing.status()["hosts"]["here"]["error"]
            watch.inventory.of["here"].pop("ansible_python_interpreter")  # the next look takes it
            await until(lambda: watch.api.last(chat.slug)["ok"], 20)

    asyncio.run(main())
    assert watch.repaired == [], "a repair cannot help there"


def test_supervisord_that_is_gone(host: SmallHost, watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """Servers that answer are well, whatever happened to what started them."""
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            pids = [unit.pid for unit in chat.units]
            host.supervisor.process.kill()
            host.supervisor.process.wait()
            try:
                await until(lambda: "an observer has a problem" in caplog.text)
                await asyncio.sleep(1)
                assert watch.api.last(chat.slug)["ok"]
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)

    asyncio.run(main())
    assert watch.repaired == []
