# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the records: a pool of connections, as many threads, and nothing that waits without a bound.

An operation runs in a thread of its own pool and has one connection for its time. Who finds no free place in time gets
RecordsUnavailable (503). Connections that Postgres has closed are found before they are lent, so that the service is
well again by itself as soon as Postgres is.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import Crypt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsUnavailable
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import Session
from ansible_collections.selfhosted.langgraph.services.control_plane import logs
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Caller, Context
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
Connection = psycopg.Connection[DictRow]

WAIT_FOR_PLACE = 3.0  # seconds
WAIT_FOR_CONNECTION, WAIT_WHILE_DOWN = 2.0, 0.2
QUEUE_PER_PLACE = 100  # how many may wait for each place
_PREPARE_AGAIN = 1.0
_CONNECTION = {
    "connect_timeout": "5",
    "application_name": "selfhosted.langgraph control plane",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


def connection_string(dsn: str) -> str:
    """The dsn, with limits of time where it has none of its own."""
    given: dict[str, Any] = {**_CONNECTION, **conninfo_to_dict(dsn)}
    return make_conninfo("", **given)


class Database:
    """Operations on the records, from the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        size = settings.pool_size
        self._crypt: Crypt | None = None
        self._check_token: str | None = None
        self.ready = False
        self._preparing: asyncio.Task[None] | None = None
        self._down = False
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            connection_string(settings.dsn),
            connection_class=psycopg.Connection[DictRow],
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=size,
            open=False,
            configure=self._configure,
            check=_check_alive,
            reconnect_timeout=1.0,
            reconnect_failed=self._failed,
            max_idle=60.0,
            num_workers=2,
        )
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="records")
        self._places = asyncio.Semaphore(size)
        self._size, self.waiting = size, 0

    # -- life --------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Migrate if that is asked for, and see that schema and key fit. Raises what is wrong, in one sentence."""
        options = {"dsn": self._settings.dsn, "encryption_key_file": self._settings.encryption_key_file}
        records = open_records(options)
        assert isinstance(records, PostgresRecords)
        try:
            if self._settings.migrate:
                records.migrate()
            records.ready()
            crypt = records.crypt
            self._check_token = records.write_check_token(crypt)
            crypt.verify(self._check_token)
            self._crypt = crypt
        finally:
            records.close()
        self.ready = True

    async def start(self) -> None:
        """Open the pool, and get ready. Postgres may come later: until then each operation is RecordsUnavailable."""
        self._pool.open(wait=False)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self.prepare)
        except RecordsUnavailable as missing:
            logs.LOGGER.warning(missing.message)
            self._preparing = loop.create_task(self._prepare_later())

    async def _prepare_later(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.ready:
            await asyncio.sleep(_PREPARE_AGAIN)
            try:
                await loop.run_in_executor(self._threads, self.prepare)
            except RecordsUnavailable:
                continue
            except Exception:  # noqa: BLE001 - told in the log; a later try may find it mended
                logs.LOGGER.exception("the records cannot be used")
                await asyncio.sleep(_PREPARE_AGAIN * 10)

    def close(self) -> None:
        """Give all connections back."""
        if self._preparing is not None:
            self._preparing.cancel()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._pool.close(timeout=5)

    # -- the pool ----------------------------------------------------------------------------------------------------

    def _configure(self, connection: Connection) -> None:
        milliseconds = int(self._settings.statement_timeout * 1000)
        connection.execute("select set_config('statement_timeout', %s, false)", [str(milliseconds)])
        self._down = False

    def _failed(self, _pool: ConnectionPool[Connection]) -> None:
        if not self._down:
            logs.LOGGER.warning("no connection to the database of the records can be made")
        self._down = True

    def _lend(self) -> Connection:
        try:
            return self._pool.getconn(WAIT_WHILE_DOWN if self._down else WAIT_FOR_CONNECTION)
        except (PoolTimeout, PoolClosed):
            raise RecordsUnavailable("The database of the records cannot be reached now; try again.") from None

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return int(self._pool.get_stats().get("pool_size", 0))

    @property
    def busy(self) -> int:
        """How many are lent."""
        stats = self._pool.get_stats()
        return int(stats.get("pool_size", 0)) - int(stats.get("pool_available", 0))

    # -- work --------------------------------------------------------------------------------------------------------

    async def run(
        self, caller: Caller, operation: Callable[Concatenate[Context, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """An operation, with the rights and in the workspace of the caller."""

        def work(connection: Connection) -> R:
            identity = caller.identity
            session = Session(
                workspace_id=identity.workspace_id,
                workspace_name=identity.workspace_name,
                crypt=self._crypt,
                check_token=self._check_token,
                author=caller.author,
                key_id=identity.key_id,
                key_name=identity.key_name,
                address=caller.address,
            )
            records = PostgresRecords.of_pool(connection, session=session)
            return operation(Context(records, caller, self._settings), *args, **kwargs)

        return await self.call(work)

    async def without_caller(self, work: Callable[[PostgresRecords], R], author: str) -> R:
        """Something that no API key asks for, and that knows its workspace itself: an upload, housekeeping."""

        def lent(connection: Connection) -> R:
            session = Session(
                workspace_id="",
                workspace_name="",
                crypt=self._crypt,
                check_token=self._check_token,
                author=author,
            )
            return work(PostgresRecords.of_pool(connection, session=session))

        return await self.call(lent)

    async def call(self, work: Callable[[Connection], R]) -> R:
        """Something else with a connection."""
        if not self.ready:
            raise RecordsUnavailable("The records are not ready yet; try again.")
        if self.waiting >= self._size * QUEUE_PER_PLACE:
            raise _busy()
        await self._take_place()
        given_back = False
        future = self._threads.submit(self._work, work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.done():
                # The thread goes on: its place is free only then.
                loop, given_back = asyncio.get_running_loop(), True
                future.add_done_callback(lambda _done: loop.call_soon_threadsafe(self._places.release))
            raise
        finally:
            if not given_back:
                self._places.release()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        self.waiting += 1
        try:
            async with asyncio.timeout(WAIT_FOR_PLACE):
                await self._places.acquire()
        except TimeoutError:
            raise _busy() from None
        finally:
            self.waiting -= 1

    def _work(self, work: Callable[[Connection], R]) -> R:
        connection = self._lend()
        try:
            return work(connection)
        except (psycopg.DataError, UnicodeEncodeError) as error:
            # What the schemas let through and Postgres cannot keep. Its text may repeat the value.
            raise InvalidInput(
                f"The request holds a value that the records cannot keep ({type(error).__name__}); correct it."
            ) from None
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise RecordsUnavailable("The database of the records closed the connection; try again.") from None
        finally:
            self._pool.putconn(connection)

    async def check(self) -> float:
        """Seconds that the database took to answer. RecordsUnavailable if it did not."""
        started = time.perf_counter()
        await self.call(lambda connection: connection.execute("select 1").fetchone())
        return time.perf_counter() - started

    @property
    def crypt(self) -> Crypt:
        """The keys of the records."""
        if self._crypt is None:
            raise RecordsUnavailable("The records are not ready yet; try again.")
        return self._crypt


def _busy() -> RecordsUnavailable:
    return RecordsUnavailable("The control plane has more requests than it can work on now; try again.")


def _check_alive(connection: Connection) -> None:
    """Fail for a connection that the server has closed: then there is something to read in it. Costs no round trip."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        ConnectionPool.check_connection(connection)
