# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of one running service, put together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_service import due_places
from ansible_collections.selfhosted.langgraph.services.control_plane import logs
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Caller, Context
from ansible_collections.selfhosted.langgraph.services.control_plane.database import Database
from ansible_collections.selfhosted.langgraph.services.control_plane.identity import Identities
from ansible_collections.selfhosted.langgraph.services.control_plane.metrics import Metrics
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings
from ansible_collections.selfhosted.langgraph.services.control_plane.uploads import Receiver
from ansible_collections.selfhosted.langgraph.services.control_plane.wakeups import Place, Wakeups

TIDY_EVERY = 3600.0  # seconds
P = ParamSpec("P")
R = TypeVar("R")


class Service:
    """What requests share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.database = Database(settings)
        self.identities = Identities(self.database)
        self.wakeups = Wakeups(settings.listen_dsn or settings.dsn, self.identities.forget, self._due_places)
        self.receiver = Receiver()
        self._tidying: asyncio.Task[None] | None = None
        self.metrics.gauge("waiting_polls", "Polls that wait for work.", lambda: self.wakeups.waiting)
        self.metrics.gauge("hears", "Whether the service hears of new work at once.", lambda: float(self.wakeups.hears))
        self.metrics.gauge("connections", "Connections to the database.", lambda: self.database.connections)
        self.metrics.gauge("connections_busy", "Connections at work.", lambda: self.database.busy)
        self.metrics.gauge("operations_waiting", "Operations that wait for a place.", lambda: self.database.waiting)

    async def start(self) -> None:
        """Begin to serve."""
        await self.database.start()
        self.wakeups.start()
        self._tidying = asyncio.create_task(self._tidy())

    async def _due_places(self) -> list[Place]:
        return await self.database.call(due_places)

    async def _tidy(self) -> None:
        """Remove figures and lines of servers that are old, now and then; each instance does, at a time of its own."""
        while True:
            await asyncio.sleep(TIDY_EVERY * random.uniform(0.5, 1))  # noqa: S311 - no secret depends on it
            for what in (self._prune_metrics, self._prune_logs):
                try:
                    await self.database.without_caller(what, "the control plane")
                except RecordsError as error:  # tried again the next time
                    logs.LOGGER.warning("what is old was not removed", extra={"fields": {"cause": str(error)}})

    def _prune_metrics(self, records: PostgresRecords) -> None:
        records.prune_metrics(self.settings.observed_days)

    def _prune_logs(self, records: PostgresRecords) -> None:
        records.prune_logs(self.settings.observed_days)

    async def stop(self) -> None:
        """End it: nothing waits any more when this is done."""
        if self._tidying is not None:
            self._tidying.cancel()
        await self.wakeups.stop()
        self.database.close()


def service_of(request: Request) -> Service:
    """The service that a request belongs to."""
    service: Service = request.scope["app"].state.service
    return service


def caller_of(request: Request) -> Caller:
    """Who sent it; known once the route has let it in."""
    caller: Caller = request.scope["control_plane"].caller
    return caller


async def perform(
    request: Request, operation: Callable[Concatenate[Context, P], R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """An operation in the name of whoever sent the request."""
    return await service_of(request).database.run(caller_of(request), operation, *args, **kwargs)
