# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waking waiting polls: one LISTEN connection a process, and nothing else for those who wait.

A poll waits for a place: a workspace, and one of its listeners or none. A NOTIFY about that place wakes one of its
polls; that one claims, and if it got something and more may be there it wakes the next one, so that any number that
waits costs as many claims as there is work. Work becomes due by time as well (leases run out), and a NOTIFY may be
lost: every few seconds, and more often while nothing is heard, one statement asks for all who wait where anything is
due.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import psycopg

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError, RecordsUnavailable
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import CHANNEL, KEYS_CHANNEL
from ansible_collections.selfhosted.langgraph.services.control_plane import logs
from ansible_collections.selfhosted.langgraph.services.control_plane.database import connection_string

T = TypeVar("T")
Place = tuple[str, str | None]  # workspace, listener
Alive = Callable[[], bool]

LOOK_EVERY, LOOK_EVERY_DEAF = 5.0, 1.0
_CONNECT_AGAIN = (0.2, 0.5, 1.0, 2.0, 5.0)
_PROVE_EVERY = 30.0


class _Waiters:
    """The polls of one place, the longest waiting first, and how often they were to be woken so far."""

    def __init__(self) -> None:
        self.queue: deque[asyncio.Future[bool]] = deque()
        self.alive: dict[asyncio.Future[bool], Alive] = {}
        self.users, self.calls = 0, 0

    def wake_one(self) -> None:
        self.calls += 1
        while self.queue:
            waiter = self.queue.popleft()
            if not waiter.done():
                waiter.set_result(True)
                return


class Wakeups:
    """Polls that wait for work."""

    def __init__(
        self, dsn: str, keys_changed: Callable[[], None], due_places: Callable[[], Awaitable[Iterable[Place]]]
    ) -> None:
        self._dsn = connection_string(dsn)
        self._keys_changed, self._due_places = keys_changed, due_places
        self._places: dict[Place, _Waiters] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.hears = False
        self.draining = False
        self.waiting = 0

    def start(self) -> None:
        """Begin to listen."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def stop(self) -> None:
        """End it."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drain(self) -> None:
        """End all waiting at once, and let nobody wait any more."""
        self.draining = True
        for waiters in self._places.values():
            while waiters.queue:
                waiter = waiters.queue.popleft()
                if not waiter.done():
                    waiter.set_result(False)

    # -- waiting -----------------------------------------------------------------------------------------------------

    async def until(
        self,
        place: Place,
        seconds: float,
        attempt: Callable[[], Awaitable[T]],
        got: Callable[[T], bool],
        alive: Alive,
    ) -> T:
        """Try now, and again whenever there may be something, until ``got`` or the time is over; gives the last try.

        alive: whether whoever waits is still there; else the next one is woken instead. Records that cannot be reached
        while somebody waits end no waiting: the next look finds what is there.
        """
        deadline = time.monotonic() + seconds
        waiters = self._places.setdefault(place, _Waiters())
        waiters.users += 1
        result: T | None = None
        try:
            while True:
                calls = waiters.calls
                try:
                    result = await attempt()
                except RecordsUnavailable:
                    if result is None:
                        raise
                    calls = waiters.calls
                except BaseException:
                    waiters.wake_one()  # what this one was woken for is still there
                    raise
                if got(result):
                    waiters.wake_one()
                    return result
                left = deadline - time.monotonic()
                if self.draining or left <= 0:
                    return result
                if calls != waiters.calls:
                    continue  # something came while this one was looking
                if not await self._wait(waiters, left, alive):
                    return result
                if not alive():
                    waiters.wake_one()
                    return result
        finally:
            waiters.users -= 1
            if not waiters.users:
                self._places.pop(place, None)

    async def _wait(self, waiters: _Waiters, seconds: float, alive: Alive) -> bool:
        """Whether this one was woken in time."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, _end, waiter)
        waiters.queue.append(waiter)
        waiters.alive[waiter] = alive
        self.waiting += 1
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                waiters.wake_one()
            raise
        finally:
            self.waiting -= 1
            timer.cancel()
            del waiters.alive[waiter]
            if waiter in waiters.queue:
                waiters.queue.remove(waiter)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY if self.hears else LOOK_EVERY_DEAF)
            await self._wake_due()
            self._end_gone()

    def _end_gone(self) -> None:
        """Let nobody wait for whom nobody waits any more."""
        for waiters in list(self._places.values()):
            for waiter, alive in list(waiters.alive.items()):
                if not alive():
                    _end(waiter)

    async def _wake_due(self) -> None:
        if not self._places:
            return
        try:
            due = await self._due_places()
        except RecordsError:
            return  # the next look finds it
        for place in due:
            waiters = self._places.get(place)
            if waiters is not None:
                waiters.wake_one()

    # -- hearing -----------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    await connection.execute(f"listen {KEYS_CHANNEL}")
                    failures, self.hears = 0, True
                    # What was said while nobody listened.
                    self._keys_changed()
                    await self._wake_due()
                    await self._hear(connection)
            except psycopg.Error:
                if self.hears:
                    logs.LOGGER.warning("the connection that hears of new work is lost; looking every second meanwhile")
            except OSError:
                pass
            except Exception:  # noqa: BLE001 - whatever it is: a service that hears nothing any more is worse
                logs.LOGGER.exception("the connection that hears of new work failed")
            self.hears = False
            await asyncio.sleep(_CONNECT_AGAIN[min(failures, len(_CONNECT_AGAIN) - 1)])
            failures += 1

    async def _hear(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            async for notice in connection.notifies(timeout=_PROVE_EVERY):
                if notice.channel == KEYS_CHANNEL:
                    self._keys_changed()
                else:
                    self._woken(notice.payload)
            await connection.execute("select 1")  # a connection that is dead says nothing

    def _woken(self, payload: str) -> None:
        try:
            event = json.loads(payload)
            waiters = self._places.get((event["workspace"], event["listener"]))
        except (ValueError, KeyError, TypeError):
            return  # whoever may use the database may say what they like
        if waiters is not None:
            waiters.wake_one()


def _end(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
