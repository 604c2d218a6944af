# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repairs: never more at once than there are places, and none is ended because nobody waits for it any more."""

from __future__ import annotations

import asyncio
import types
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.selfhosted.langgraph.services.listener import daemon
from ansible_collections.selfhosted.langgraph.services.listener.answers import Claims
from ansible_collections.selfhosted.langgraph.services.listener.settings import parse
from tests.unit.listener.test_listener_settings import LEAST


class Works:
    """In the place of `Work`: counts what runs at once, and takes a while."""

    def __init__(self) -> None:
        self.now = self.most = self.done = 0

    def __call__(self, tools: Any, claim: Any, asked_at: Any, said: str) -> Any:
        async def do() -> str:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.02)
            self.now -= 1
            self.done += 1
            return "done"

        return types.SimpleNamespace(
            do=do, action="apply", host="", leaves_something=False, **claim["public"], public=claim["public"]
        )


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> Works:
    made = Works()
    monkeypatch.setattr(daemon, "Work", made)
    return made


async def listener(tmp_path: Path) -> daemon.Daemon:
    key = tmp_path / "key"
    key.write_text("k\n")
    settings = parse({**LEAST, "api_key_file": str(key), "state_dir": str(tmp_path), "concurrency": 2})
    made = daemon.Daemon("/none", settings)

    async def claim(owner: Any, *, deployments: list[str], limit: None) -> Claims:
        await asyncio.sleep(0.005)
        public = {"claim_id": deployments[0], "deployment": {"host": "web"}}
        return Claims([cast("Any", {"public": public, "private": {}})], [])

    made.tools = cast("Any", types.SimpleNamespace(settings=settings, api=types.SimpleNamespace(claim=claim)))
    return made


def test_fifty_sick_servers_are_repaired_two_at_a_time(tmp_path: Path, works: Works) -> None:
    async def main() -> list[bool]:
        made = await listener(tmp_path)
        return await asyncio.gather(*(made.repair(f"deployment {number}", "it hangs") for number in range(50)))

    assert asyncio.run(main()) == [True] * 50
    assert (works.most, works.done) == (2, 50)


@pytest.mark.parametrize("after", [0.002, 0.015], ids=["while it is claimed", "while it runs"])
def test_a_repair_goes_on_when_nobody_waits_for_it_any_more(tmp_path: Path, works: Works, after: float) -> None:
    """As at a reload, and when another process leads: observing is ended, what it asked for is not."""

    async def main() -> None:
        made = await listener(tmp_path)
        waiting = asyncio.create_task(made.repair("chat", "it hangs"))
        await asyncio.sleep(after)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        while made.works or made._busy:
            await asyncio.sleep(0.001)

    asyncio.run(main())
    assert works.done == 1
