# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: no line is lost and none comes twice, whatever is cut, rotated, away, or too much."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsUnavailable
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.output import WINDOW_LINES
from tests.integration.observing.conftest import SmallHost, Unit, Watch, observers, until


async def talk(unit: Unit, count: int, word: str = "line") -> list[str]:
    """Lines that a server is to write, one after the other."""
    said = [f"{word} {number}" for number in range(count)]
    for text in said:
        await unit.say(text)
    return said


def test_cut_stream_goes_on_where_it_was(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    async def main() -> list[str]:
        async with watch.running():
            said = await talk(chat.api, 20)
            await until(lambda: len(watch.api.said("line")) >= 20)
            for pid in observers():
                os.kill(pid, signal.SIGKILL)
            said += await talk(chat.api, 20, "line again")
            await until(lambda: len(watch.api.said("line")) >= 40)
        return said

    said = asyncio.run(main())
    assert watch.api.said("line") == said
    assert watch.api.twice == 0
    assert observers() == [], "an observer goes when nobody hears it"


def test_another_process_goes_on_where_the_first_one_was(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    async def main() -> list[str]:
        async with watch.running():
            said = await talk(chat.api, 20)
            await until(lambda: len(watch.api.said("line")) == 20)
        said += await talk(chat.api, 20, "line meanwhile")
        async with watch.running():
            await until(lambda: len(watch.api.said("line")) >= 40)
        assert watch.api.twice == 0
        (host.root.parent / "other").mkdir()
        watch.settings.state_dir = str(host.root.parent / "other")  # another machine, which knows nothing
        async with watch.running():
            said += await talk(chat.api, 1, "line at last")
            await until(lambda: len(watch.api.said("line")) >= 41)
        return said

    said = asyncio.run(main())
    assert watch.api.said("line") == said
    assert watch.api.twice > 0, "what is sent again is the same line to the records"


def test_control_plane_away(host: SmallHost, watch: Watch) -> None:
    """What waits is bounded: beyond that the lines stay where they are, on the host."""
    chat = host.deployment().serve()
    away = RecordsUnavailable("The control plane cannot be reached.")

    async def main() -> None:
        async with watch.running() as observing:
            await until(lambda: watch.api.last(chat.slug)["ok"])
            watch.api.error = away
            for _burst in range(5):
                await chat.api.ask("/flood?1500")
                await asyncio.sleep(0.5)
            await until(lambda: observing.status()["waiting"]["lines"] >= WINDOW_LINES - 500)
            await asyncio.sleep(1)
            assert observing.status()["waiting"]["lines"] <= WINDOW_LINES
            assert observing.status()["hosts"]["here"]["connected"]
            watch.api.error = None
            await until(lambda: watch.api.said("flood 1499"), 30)
            await chat.api.say("after")
            await until(lambda: watch.api.said("after"), 30)

    asyncio.run(main())
    flood = watch.api.said("flood")
    gone = [int(text.split()[0]) for text in watch.api.order_texts() if "dropped" in text]
    assert len(flood) + sum(gone) == 7500, "each line is there, or counted"
    assert len(flood) > WINDOW_LINES, "those that waited on the host came, too"
    assert watch.api.largest < 1024 * 1024, "no request is larger than the control plane takes"


def test_flood_is_thinned_and_counted(host: SmallHost, watch: Watch) -> None:
    chat, other = host.deployment().serve(), host.deployment("other").serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            await chat.api.ask("/flood?200000")
            await other.api.say("quiet one")
            await until(lambda: watch.api.said("quiet one"), 5, "the others are heard meanwhile")
            await chat.api.say("after the flood")
            await until(lambda: watch.api.said("after the flood"), 30)

    asyncio.run(main())
    flood = watch.api.said("flood")
    gone = [int(text.split()[0]) for text in watch.api.order_texts() if "dropped" in text]
    assert 2000 <= len(flood) < 20000
    assert len(flood) + sum(gone) == 200000
    assert all(line["level"] == "WARNING" for line in watch.api.lines.values() if "dropped" in line["message"])


@pytest.mark.parametrize("log_bytes", ["20KB"])
def test_rotation(host: SmallHost, watch: Watch, log_bytes: str) -> None:
    """supervisor rotates several times while a stream is there, while it is cut, and while nobody observes."""
    chat = host.deployment().serve()
    long = "x" * 100

    async def main() -> list[str]:
        async with watch.running():
            said = await talk(chat.api, 400, f"line {long}")
            for pid in observers():
                os.kill(pid, signal.SIGKILL)
            said += await talk(chat.api, 300, f"line {long} cut")
            await until(lambda: len(watch.api.said("line")) >= 700, 30)
        said += await talk(chat.api, 300, f"line {long} alone")
        async with watch.running():
            await until(lambda: len(watch.api.said("line")) >= 1000, 30)
        return said

    said = asyncio.run(main())
    assert chat.api.log.with_name(chat.api.log.name + ".3").exists(), "it was rotated"
    assert watch.api.said("line") == said
    assert watch.api.twice == 0


@pytest.mark.parametrize("log_bytes", ["20KB"])
def test_what_was_rotated_away_is_said(host: SmallHost, watch: Watch, log_bytes: str) -> None:
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running():
            await chat.api.say("first")
            await until(lambda: watch.api.said("first"))
        await talk(chat.api, 900, f"line {'x' * 100}")
        async with watch.running():
            await until(lambda: any(text.endswith(" 899") for text in watch.api.said("line")))
            await until(lambda: watch.api.said("A part of this log was rotated away"))

    asyncio.run(main())
    assert len(watch.api.said("line")) < 900


def test_garbage(host: SmallHost, watch: Watch) -> None:
    """Bytes that are no text, lines that are too long, JSON that is none: each is a line, and nothing ends."""
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            with chat.api.log.open("ab") as log:
                log.write(b"bad \xff\xfe bytes\n" + b"nul \x00 and \x1b[31mred\x1b[0m\n")
                log.write(b'{"event": "half \\ud800"}\n{"event": \n{"event": {"deep": [1]}}\n[1, 2]\n')
                log.write(b"long " + b"y" * 3_000_000 + b"\n")
            await chat.api.say("still here")
            await until(lambda: watch.api.said("still here"))

    asyncio.run(main())
    texts = watch.api.order_texts()
    assert "bad \ufffd\ufffd bytes" in texts
    assert "nul \ufffd and red" in texts
    assert '{"event":' in [text.strip() for text in texts]
    assert '{"deep":[1]}' in texts
    assert "[1, 2]" in texts
    assert "half ?" in texts
    long = watch.api.said("long")[0]
    assert long.endswith(" more bytes]")
    assert len(long) < 17_000
    json.dumps(texts).encode("utf-8")


def test_refused_line_holds_up_nothing(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    def refuse(observation: Any) -> InvalidInput | None:
        bad = any("poison" in line["message"] for line in observation.get("logs", []))
        return InvalidInput("This line is refused.") if bad else None

    async def main() -> None:
        watch.api.refuse = refuse
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            with chat.api.log.open("a") as log:
                log.write("".join(f"line {number}\n" for number in range(50)))
                log.write("line poison\n")
                log.write("".join(f"line {number}\n" for number in range(50, 100)))
            await until(lambda: len(watch.api.said("line")) == 100)

    asyncio.run(main())
    assert watch.api.said("line") == [f"line {number}" for number in range(100)]


def test_line_without_an_end_waits_for_it(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.last(chat.slug)["ok"])
            with chat.api.log.open("a") as log:
                log.write("half a ")
                log.flush()
                await asyncio.sleep(1)
                log.write("line\n")
                log.flush()
                await until(lambda: watch.api.said("half a line"))

    asyncio.run(main())
