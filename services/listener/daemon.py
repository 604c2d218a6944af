# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener: asks for work, does it, tells that it lives, and ends as it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AuthenticationError, RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim
from ansible_collections.selfhosted.langgraph.services.common.systemd import notify, watchdog_seconds
from ansible_collections.selfhosted.langgraph.services.listener import identity, leases, runs
from ansible_collections.selfhosted.langgraph.services.listener.api import Api
from ansible_collections.selfhosted.langgraph.services.listener.backoff import Backoff
from ansible_collections.selfhosted.langgraph.services.listener.bell import Bell
from ansible_collections.selfhosted.langgraph.services.listener.contact import Contact
from ansible_collections.selfhosted.langgraph.services.listener.drift import Drift
from ansible_collections.selfhosted.langgraph.services.listener.endpoint import Endpoint, Figures
from ansible_collections.selfhosted.langgraph.services.listener.inventory import Inventory
from ansible_collections.selfhosted.langgraph.services.listener.repairs import Paces
from ansible_collections.selfhosted.langgraph.services.listener.settings import FIXED, Settings, load
from ansible_collections.selfhosted.langgraph.services.listener.work import Outcome, Tools, Work

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.services.listener.observing import Observing

LOGGER = logging.getLogger("listener")
WAIT_SECONDS = 50.0  # of one poll
HEARTBEAT_SECONDS = 10.0
SWEEP_SECONDS = 10.0
_HUNG_SECONDS = 60.0


class Daemon:
    """One listener process."""

    def __init__(self, config: str, settings: Settings) -> None:
        self.config = config
        self.id = str(uuid.uuid4())
        self.started_at = datetime.now(UTC).isoformat()
        self.owner = identity.own()
        self.version = identity.version()
        self.inventory = Inventory()
        self.leases = leases.Leases(settings)
        self.pool = runs.Executor(max_workers=260, thread_name_prefix="run")
        self.tools = Tools(settings, Api(settings), self.leases, self.inventory, self.pool, self.owner, self._load)
        self.works: dict[str, Work] = {}
        self._promised = 0  # places of repairs whose claim is asked for
        self.listener: dict[str, Any] = {}
        #: Whether it ends because a part of it failed in a way that nobody foresaw.
        self.failed = False
        self.leader = False
        self.contact = Contact()
        self.paces = Paces(settings.repairs_per_hour)
        self.figures = _figures()
        self.endpoint = Endpoint(self.health, self.metrics)
        self._served: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._reloading = asyncio.Lock()
        self._freed = Bell()
        self._beat, self._stopping = asyncio.Event(), asyncio.Event()
        self._poll: asyncio.Task[None] | None = None
        self._observing: asyncio.Task[None] | None = None
        self._observer: Observing | None = None
        self._ticked = time.monotonic()

    @property
    def settings(self) -> Settings:
        """What holds now."""
        return self.tools.settings

    # -- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until a signal ends it. InvalidInput for what no waiting will mend, OSError for a taken port."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self.reload()))
        self.settings.runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self.inventory.load(self.settings)
        if self.settings.port:
            await self.endpoint.start(self.settings.host, self.settings.port)
        self._sweep()
        self.leases.start()
        drift = Drift(lambda: self.settings, self._check, self.repair, self.paces)
        for part in (self._beating(), self._sweeping(), drift.run(), self._ticking()):
            self._spawn(part)
        self._poll = self._spawn(self._polling())
        LOGGER.info(
            "listening",
            extra={
                "fields": {
                    "api_url": self.settings.api_url,
                    "capacity": self.settings.capacity,
                    "version": self.version,
                }
            },
        )
        notify(f"READY=1\nSTATUS=Waits for work of {self.settings.api_url}")
        await self._stopping.wait()
        await self._end()

    def stop(self) -> None:
        """A signal: finish what is begun; a second one: hand it back."""
        if self._stopping.is_set():
            for work in list(self.works.values()):
                self._spawn(asyncio.to_thread(work.hand_back))
        self._stopping.set()

    async def _end(self) -> None:
        notify("STOPPING=1\nSTATUS=Finishes what was begun")
        LOGGER.info("stopping", extra={"fields": {"running": len(self.works)}})
        for task in (self._poll, self._observing):
            if task is not None:
                task.cancel()
        for work in list(self.works.values()):
            if work.action == "check":
                self._spawn(asyncio.to_thread(work.hand_back))
        deadline = time.monotonic() + self.settings.shutdown_timeout
        while (self.works or self._promised) and time.monotonic() < deadline:
            await self._freed.wait(min(1.0, max(0.05, deadline - time.monotonic())))
            notify(f"EXTEND_TIMEOUT_USEC={30_000_000}")
        await asyncio.gather(*(asyncio.to_thread(work.hand_back) for work in list(self.works.values())))
        while self.works:
            await self._freed.wait(1.0)
        with contextlib.suppress(RecordsError):
            await self.tools.api.heartbeat({**self._process(), "stopping": True})
        self.leases.stop()
        await self.endpoint.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tools.api.close()
        self.pool.shutdown(wait=True)
        LOGGER.info("stopped")

    async def reload(self) -> None:
        """Settings, key and inventory anew; what is wrong is said, and the old ones go on."""
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            wanted = load(self.config)
            api = Api(wanted)
            await self.inventory.load(wanted)
        except RecordsError as error:
            LOGGER.error("the settings were not taken", extra={"fields": {"cause": str(error)}})
            _forget_what_was_read()
            notify("READY=1")
            return
        fixed = [name for name in FIXED if getattr(wanted, name) != getattr(self.settings, name)]
        if fixed:
            LOGGER.warning("some settings need a restart", extra={"fields": {"settings": fixed}})
        old = self.tools.api
        self.tools = Tools(wanted, api, self.leases, self.inventory, self.pool, self.owner, self._load)
        for work in self.works.values():
            work.tools = self.tools
        self.leases.use(wanted)
        self.paces.use(wanted.repairs_per_hour)
        logging.getLogger().setLevel(wanted.log_level.upper())
        if self._poll is not None:
            self._poll.cancel()
            self._poll = self._spawn(self._polling())
        self._stop_observing()
        self._beat.set()
        self.contact.renew()
        self._spawn(self._close(old))
        LOGGER.info("settings taken", extra={"fields": {"capacity": wanted.capacity}})
        notify("READY=1")

    async def _close(self, old: Api) -> None:
        """Give its connections back, once no claim is asked for over them: its answer would be lost."""
        end = time.monotonic() + _HUNG_SECONDS
        while self._promised and time.monotonic() < end:
            await self._freed.wait(1.0)
        await old.close()

    def _spawn(self, part: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(part)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            LOGGER.error("a part of the listener failed", exc_info=task.exception())
            self.failed = True
            self.stop()  # whoever supervises starts a whole one

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> bool:
        """Whether the event came in time; it is cleared."""
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
        event.clear()
        return True

    # -- work --------------------------------------------------------------------------------------------------------

    @property
    def _busy(self) -> int:
        """Places that are taken; a check takes none, so that it holds up no work."""
        return self._promised + sum(work.action != "check" for work in self.works.values())

    async def _polling(self) -> None:
        pause = Backoff()
        wait = 0.0  # the first look tells of predecessors that are dead
        dead: list[Mapping[str, Any]] = []
        while not self._stopping.is_set():
            while self._busy >= self.settings.capacity:
                await self._freed.wait(5.0)
            asked_at = None if wait else leases.now()
            try:
                answer = await self.tools.api.claim(self.owner, wait=wait, dead=dead)
            except RecordsError as error:
                self._trouble(error)
                await asyncio.sleep(pause.next())
                continue
            pause.reset()
            self._heard()
            for claim in answer.claims:
                self._begin(claim, asked_at)
            dead = [owner for owner in answer.suspects if owner not in dead and identity.is_gone(owner)]
            wait = 0.0 if dead else WAIT_SECONDS

    def _begin(self, claim: Claim, asked_at: float | None, said: str = "") -> asyncio.Task[Outcome]:
        work = Work(self.tools, claim, asked_at, said)
        self.works[work.claim_id] = work
        self.figures.add("claims_total", action=work.action)
        self._beat.set()
        return self._spawn(self._do(work))

    async def _do(self, work: Work) -> Outcome:
        outcome: Outcome = "failed"
        try:
            if not work.public["deployment"].get("host"):
                await self._look()
            outcome = await work.do()
            if work.leaves_something:
                self._spawn(self._tidy(work.public["deployment"]["id"]))
        finally:
            del self.works[work.claim_id]
            self.figures.add("work_total", action=work.action, outcome=outcome.replace(" ", "_"))
            self._freed.ring()
            self._beat.set()
        return outcome

    async def repair(self, deployment_id: str, reason: str) -> bool:
        """Apply a deployment again, due or not; False when somebody else is at it or it was not brought about.

        Work that has begun goes on when whoever waits for it is cancelled.
        """
        while self._busy >= self.settings.capacity:
            await self._freed.wait(5.0)
        if self._stopping.is_set():
            return False
        self._promised += 1
        tasks = await asyncio.shield(self._spawn(self._claim_repair(deployment_id, reason)))
        if tasks:
            await asyncio.wait(tasks)
        return bool(tasks) and all(task.result() == "done" for task in tasks)

    async def _claim_repair(self, deployment_id: str, reason: str) -> list[asyncio.Task[Outcome]]:
        """Begin it in the place that was promised; nothing when it cannot be claimed."""
        try:
            asked_at = leases.now()
            answer = await self.tools.api.claim(self.owner, deployments=[deployment_id], limit=None)
            return [self._begin(claim, asked_at, reason) for claim in answer.claims]
        except RecordsError as error:
            LOGGER.info("no repair now", extra={"fields": {"deployment_id": deployment_id, "cause": str(error)}})
            return []
        finally:
            self._promised -= 1
            self._freed.ring()

    async def _tidy(self, deployment_id: str) -> None:
        """A roll-out was ended in the middle: apply what serves once more, within the bounds of repairs."""
        pace = self.paces.of(deployment_id)
        why = pace.why_not(time.monotonic())
        if why:
            fields = {"deployment_id": deployment_id, "cause": why}
            LOGGER.warning("what a roll-out left beside a server stays there", extra={"fields": fields})
            return
        pace.begin(time.monotonic())
        try:
            await self.repair(deployment_id, "a roll-out was ended in the middle")
        finally:
            pace.end(time.monotonic())

    async def _check(self, interval: float) -> tuple[str, Outcome] | None:
        """Look whether a deployment is as its record says; None when none is due, or there is something else to do."""
        if self.works or self._stopping.is_set():
            return None
        asked_at = leases.now()
        try:
            answer = await self.tools.api.claim(self.owner, check_older_than=interval)
        except RecordsError:
            return None  # the poll says what is wrong
        for claim in answer.claims:  # one, as a claim of a check is for one
            return claim["public"]["deployment"]["id"], await self._begin(claim, asked_at)
        return None

    async def _look(self) -> None:
        """What this listener serves, and where."""
        with contextlib.suppress(RecordsError):
            self._served = await self.tools.api.served()

    def _load(self) -> Mapping[str, int]:
        here = Counter(work.host for work in self.works.values() if work.host)
        return here + Counter(str(item["host"]) for item in self._served if item.get("host"))

    # -- life signs --------------------------------------------------------------------------------------------------

    def _process(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "owner": self.owner,
            "version": self.version,
            "capacity": self.settings.capacity,
            "started_at": self.started_at,
            "work": [work.shown() for work in self.works.values()],
            "stopping": self._stopping.is_set(),
        }

    async def _beating(self) -> None:
        pause = Backoff(1.0, HEARTBEAT_SECONDS)
        while True:
            try:
                answer = await self.tools.api.heartbeat({**self._process(), "stopping": False})
            except RecordsError as error:
                self._trouble(error)
                # Observing goes on meanwhile: it keeps what it sees until it can be told.
                await asyncio.sleep(pause.next())
                continue
            pause.reset()
            self._heard()
            self.listener, self.leader = answer.listener, answer.leader
            if self.leader and not self._stopping.is_set():
                self._start_observing()
            else:
                self._stop_observing()
            await self._wait(self._beat, HEARTBEAT_SECONDS)

    def _start_observing(self) -> None:
        settings = self.settings
        wanted = settings.health_interval or settings.metrics_interval or settings.follow_logs
        if wanted and (self._observing is None or self._observing.done()):
            # What only the leader needs, only the leader loads.
            from ansible_collections.selfhosted.langgraph.services.listener.observing import Observing

            self._observer = Observing(settings, self.tools.api, self.inventory, self.repair, self.paces)
            self._observing = self._spawn(self._observer.run())

    def _stop_observing(self) -> None:
        if self._observing is not None:
            self._observing.cancel()
            self._observing = self._observer = None

    def _sweep(self) -> None:
        for run in runs.sweep(self.settings.runs, identity.is_gone):
            LOGGER.warning("what a dead listener left was ended and removed", extra={"fields": {"claim_id": run}})

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await asyncio.to_thread(self._sweep)

    async def _ticking(self) -> None:
        """Prove to systemd, and to whoever asks, that the loop turns and that leases are kept."""
        every = min(5.0, (watchdog_seconds() or 20.0) / 3)
        while True:
            if self.leases.alive or self._stopping.is_set():
                self._ticked = time.monotonic()
                notify("WATCHDOG=1")
            await asyncio.sleep(every)

    def _heard(self) -> None:
        """The control plane answered."""
        self.contact.heard(self.settings.api_url, self.tools.api.clock_ahead)

    def _trouble(self, error: RecordsError) -> None:
        """It did not, or not in a way that helps."""
        self.figures.add("errors_total", code=error.code)
        self.contact.trouble(error)
        if isinstance(error, AuthenticationError):
            self._take_new_key()

    def _take_new_key(self) -> None:
        """A key that was replaced in its file is taken without a reload."""
        with contextlib.suppress(RecordsError):
            if not self._reloading.locked() and self.tools.api.key_is_old(self.settings):
                self._spawn(self.reload())

    # -- for others --------------------------------------------------------------------------------------------------

    def health(self) -> tuple[bool, dict[str, Any]]:
        """For ``/ok``."""
        turning = time.monotonic() - self._ticked < _HUNG_SECONDS
        good = turning and self.contact.made
        state = {
            "ok": good,
            "running": len(self.works),
            "capacity": self.settings.capacity,
            "connected": self.contact.good,
            "leader": self.leader,
            "listener": self.listener.get("compute_id"),
            "version": self.version,
            "work": [work.shown() for work in self.works.values()],
            "observing": self._observer.status() if self._observer is not None else {},
        }
        return good, state

    def metrics(self) -> str:
        """For ``/metrics``."""
        gauges = {
            "running": float(len(self.works)),
            "capacity": float(self.settings.capacity),
            "connected": float(self.contact.good),
            "leader": float(self.leader),
            "leases": float(len(self.leases.held())),
            "clock_ahead_seconds": self.tools.api.clock_ahead,
        }
        return self.figures.text(gauges)


def _forget_what_was_read() -> None:
    """The unit writes down which settings it was told to read: these it does not have."""
    directory = os.environ.get("RUNTIME_DIRECTORY")
    if directory:
        with contextlib.suppress(OSError):  # it may not be there: then there is nothing to forget
            os.unlink(os.path.join(directory, "settings"))


def _figures() -> Figures:
    figures = Figures()
    declare: Callable[[str, str, str], None] = figures.declare
    declare("running", "gauge", "Runs of playbooks now.")
    declare("capacity", "gauge", "Runs at once at most.")
    declare("connected", "gauge", "Whether the control plane answered the last request.")
    declare("leader", "gauge", "Whether this process observes the running servers.")
    declare("leases", "gauge", "Claims that are held.")
    declare("clock_ahead_seconds", "gauge", "How far the control plane's clock is ahead of this one.")
    declare("claims_total", "counter", "Claims that were handed out to this process.")
    declare("work_total", "counter", "Pieces of work that ended, by how.")
    declare("errors_total", "counter", "Requests to the control plane that failed, by the kind of error.")
    return figures
