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

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim
from ansible_collections.selfhosted.langgraph.services.listener import daemon
from ansible_collections.selfhosted.langgraph.services.listener.answers import Claims
from ansible_collections.selfhosted.langgraph.services.listener.settings import parse
from tests.unit.listener.test_listener_settings import LEAST


class Works:
    """In the place of `Work`: counts what runs at once, and takes a while."""

    def __init__(self) -> None:
        self.now = self.most = self.done = 0
        self.cut_off: list[bool] = []  # which of them are ended in the middle

    def __call__(self, tools: Any, claim: Any, asked_at: Any, said: str) -> Any:
        async def do() -> str:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.02)  # the work itself: so that several overlap, if they are let
            self.now -= 1
            self.done += 1
            return "done"

        return types.SimpleNamespace(
            do=do,
            action="apply",
            host="",
            leaves_something=self.cut_off.pop(0) if self.cut_off else False,
            **claim["public"],
            public=claim["public"],
        )


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> Works:
    made = Works()
    monkeypatch.setattr(daemon, "Work", made)
    return made


class Api:
    """Hands out what is asked for; what is asked for when it is closed gets no answer."""

    def __init__(self) -> None:
        self.closed = False

    async def claim(self, owner: Any, *, deployments: list[str], limit: None) -> Claims:
        await asyncio.sleep(0.005)  # the way to the control plane, in which others look for places
        if self.closed:
            raise RecordsUnavailable("The connection was closed.")
        return Claims([claim_of(deployments[0])], [])

    async def close(self) -> None:
        self.closed = True


def claim_of(deployment: str) -> Claim:
    public = {"claim_id": deployment, "deployment": {"host": "web", "id": deployment}}
    return cast("Claim", {"public": public, "private": {}})


def listener(tmp_path: Path, **settings: Any) -> daemon.Daemon:
    key = tmp_path / "key"
    key.write_text("k\n")
    usual = {**LEAST, "api_key_file": str(key), "state_dir": str(tmp_path), "concurrency": 2}
    parsed = parse({**usual, **settings})
    made = daemon.Daemon("/none", parsed)
    made.tools = cast("Any", types.SimpleNamespace(settings=parsed, api=Api()))
    return made


async def idle(made: daemon.Daemon) -> None:
    while made._tasks:
        await asyncio.wait(made._tasks)


def test_fifty_sick_servers_are_repaired_two_at_a_time(tmp_path: Path, works: Works) -> None:
    async def main() -> list[bool]:
        made = listener(tmp_path)
        return await asyncio.gather(*(made.repair(f"deployment {number}", "it hangs") for number in range(50)))

    assert asyncio.run(main()) == [True] * 50
    assert (works.most, works.done) == (2, 50)


@pytest.mark.parametrize("after", [0.002, 0.015], ids=["while it is claimed", "while it runs"])
def test_a_repair_goes_on_when_nobody_waits_for_it_any_more(tmp_path: Path, works: Works, after: float) -> None:
    """As at a reload, and when another process leads: observing is ended, what it asked for is not."""

    async def main() -> None:
        made = listener(tmp_path)
        waiting = asyncio.create_task(made.repair("chat", "it hangs"))
        await asyncio.sleep(after)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await idle(made)

    asyncio.run(main())
    assert works.done == 1


def test_a_reload_takes_no_answer_away(tmp_path: Path, works: Works) -> None:
    async def main() -> bool:
        made = listener(tmp_path)
        waiting = asyncio.create_task(made.repair("chat", "it hangs"))
        await asyncio.sleep(0)  # the claim is asked for now
        made._spawn(made._close(made.tools.api))
        done = await waiting
        await idle(made)
        assert cast("Api", made.tools.api).closed
        return done

    assert asyncio.run(main())


@pytest.mark.parametrize(("per_hour", "done"), [(4, 2), (0, 1)])
def test_what_a_roll_out_that_was_ended_left_is_looked_after_once(
    tmp_path: Path, works: Works, caplog: pytest.LogCaptureFixture, per_hour: int, done: int
) -> None:
    works.cut_off = [True]

    async def main() -> None:
        made = listener(tmp_path, repairs_per_hour=per_hour)
        made._begin(claim_of("chat"), None)
        await idle(made)

    asyncio.run(main())
    assert works.done == done
    assert ("stays there" in caplog.text) == (per_hour == 0)
