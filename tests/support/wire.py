# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wire between two parts of an installation that a test can cut: a TCP proxy on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Literal

State = Literal["whole", "refused", "silent"]


class Wire:
    """Carries what comes to ``port`` to 127.0.0.1:``target``; ``with Wire(target) as wire``.

    ``set("refused")`` ends all connections and every new one; ``set("silent")`` keeps them and carries nothing, as a
    network does that is gone; ``set("whole")`` mends it, and what was held back arrives late.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._state: State = "whole"
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    @property
    def url(self) -> str:
        """The near end, as the address of a service."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Wire:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def set(self, state: State) -> None:
        """Cut it, or mend it."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._set, state, done)
        done.wait(10)

    def _set(self, state: State, done: threading.Event) -> None:
        self._state = state
        if state == "refused":
            for writer in self._writers:
                writer.transport.abort()
        done.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        ways: list[asyncio.Task[None]] = []
        try:
            while self._state == "silent":
                await asyncio.sleep(0.05)
            if self._state == "refused":
                writer.transport.abort()
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(far)
            ways = [asyncio.create_task(self._carry(reader, far)), asyncio.create_task(self._carry(far_reader, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass
        finally:
            self._tasks.discard(task)
            for way in ways:
                way.cancel()
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    with contextlib.suppress(OSError):
                        end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                while self._state == "silent":
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
