# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing running servers: their logs, their health and their figures, and repairs of those that are not well.

One stream for each host that serves something (streams.py), in which an observer (on_host/) tells what it sees; what
it tells goes to the control plane in batches (outbox.py). Whoever is not well is told at once, and repaired.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import SLUG
from ansible_collections.selfhosted.langgraph.services.listener.observing.connections import (
    Defaults,
    NotFollowed,
    place_of,
)
from ansible_collections.selfhosted.langgraph.services.listener.observing.health import LOST, SILENT, Watched
from ansible_collections.selfhosted.langgraph.services.listener.observing.lines import clean, entry_of
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.output import WINDOW_LINES
from ansible_collections.selfhosted.langgraph.services.listener.observing.outbox import Api, Line, Outbox, size_of
from ansible_collections.selfhosted.langgraph.services.listener.observing.positions import Positions
from ansible_collections.selfhosted.langgraph.services.listener.observing.streams import Message, Stream
from ansible_collections.selfhosted.langgraph.services.listener.repairs import Pace, Paces

LOOK_SECONDS = 5.0  # between two looks at what is served
TICK_SECONDS = 0.5
TELL_SECONDS = 60.0  # a health that stays the same is told again
Repair = Callable[[str, str], Awaitable[bool]]
LEAVING = ("AWAITING_DELETE", "AWAITING_FINAL_DELETE")
METRICS = frozenset(
    ("requests", "latency_ms", "errors", "queue_depth", "running_jobs", "memory_bytes", "cpu", "restarts")
)


class Inventory(Protocol):
    """What of the inventory is used here."""

    def variables(self, host: str) -> Mapping[str, Any]:
        """Variables of a host, resolved."""


class Observing:
    """Observes while it runs; several may at the same time, and nothing is kept twice."""

    def __init__(
        self,
        settings: Any,
        api: Api,
        inventory: Inventory,
        repair: Repair,
        paces: Paces | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        self._settings = settings
        self._api = api
        self._inventory = inventory
        self._repair = repair
        self._log = log or logging.getLogger("listener.observing")
        self._positions = Positions(Path(settings.state_dir) / "observing.json")
        self._outbox = Outbox(api, self._taken, self._log)
        self._streams: dict[str, tuple[Stream, asyncio.Task[None]]] = {}
        self._served: dict[str, dict[str, Any]] = {}
        self._watched: dict[str, Watched] = {}
        self._paces = paces or Paces(settings.repairs_per_hour)
        self._told: dict[str, tuple[float, dict[str, Any]]] = {}
        self._repairs: set[asyncio.Task[None]] = set()
        self._counts: dict[str, tuple[int, int]] = {}  # host -> (session, lines done)
        self._not_followed: dict[str, str] = {}
        self._look_now = asyncio.Event()
        self._looked_at = -1e9
        self._said: set[str] = set()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        parts = [self._keep(part) for part in (self._looking, self._ticking, self._outbox.run)]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.gather(*tasks)
        finally:
            ending = [*tasks, *(task for _stream, task in self._streams.values()), *self._repairs]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            self._streams.clear()
            self._positions.save(now=True)

    async def _keep(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part again and again: whatever goes wrong in it, a listener that does not observe is worse."""
        while True:
            try:
                await part()
            except Exception:  # noqa: BLE001 - whatever it is, it is logged and tried again
                self._log.exception("observing stumbled")
                await asyncio.sleep(1)

    def status(self) -> dict[str, Any]:
        """For the endpoint: hosts by name, and what waits to be sent."""
        hosts = {name: stream.status() for name, (stream, _task) in sorted(self._streams.items())}
        for name, why in sorted(self._not_followed.items()):
            hosts[name] = {"connected": False, "since": None, "error": why}
        return {"hosts": hosts, "waiting": self._outbox.waiting, "sent_lines": self._outbox.sent_lines}

    def _say_once(self, message: str, **fields: Any) -> None:
        key = f"{message} {fields}"
        if key not in self._said and len(self._said) < 1000:
            self._said.add(key)
            self._log.warning(message, extra={"fields": fields})

    # -- what is served, and where -------------------------------------------------------------------------------------

    async def _looking(self) -> None:
        """One look, and then a pause that ends when somebody needs to know more."""
        self._look_now.clear()
        begun = time.monotonic()
        try:
            self._take_served(await self._api.served())
            self._looked_at = begun
            self._tell_again(begun)
        except RecordsError as error:
            self._log.debug("what is served is not known now", extra={"fields": {"cause": str(error)}})
            self._look_now.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._look_now.wait()

    def _take_served(self, served: list[dict[str, Any]]) -> None:
        found: dict[str, dict[str, Any]] = {}
        for item in served:
            slug, host = item.get("slug"), item.get("host")
            if not isinstance(slug, str) or not SLUG.fullmatch(slug) or not isinstance(item.get("id"), str):
                self._say_once("the control plane names a deployment that cannot be one", slug=repr(slug)[:100])
            elif isinstance(host, str) and host:
                found[slug] = item
        self._served = found
        self._paces.keep({item["id"] for item in found.values()})
        for slug in set(self._watched) - set(found):
            for known in (self._watched, self._told):
                known.pop(slug, None)
        wanted: dict[str, list[str]] = {}
        for slug, item in found.items():
            watched = self._watched.get(slug)
            if watched is None or watched.host != item["host"]:
                self._watched[slug] = Watched(slug, item["host"])
            wanted.setdefault(item["host"], []).append(slug)
        self._choose_streams(wanted)

    def _tell_again(self, begun: float) -> None:
        """What a run has reported since then stands in the records instead of what was told: tell that again."""
        for slug, (at, told) in list(self._told.items()):
            recorded = self._served.get(slug, {}).get("health")
            known = isinstance(recorded, dict) and recorded.get("ok") == told["ok"] and "replicas" in recorded
            if not known and at < begun - LOOK_SECONDS and not self._outbox.waiting["health"]:
                del self._told[slug]

    def _choose_streams(self, wanted: dict[str, list[str]]) -> None:
        """One stream for each host that can be observed; it is begun anew when the host is reached in another way."""
        settings = self._settings
        defaults = Defaults(settings.ansible_config, settings.environment)
        places = {}
        self._not_followed = {name: why for name, why in self._not_followed.items() if name in wanted}
        for host in wanted:
            try:
                variables = self._inventory.variables(host)
                if not variables and not self._known(host):
                    raise NotFollowed("the inventory lacks this host")
                places[host] = place_of(host, variables, defaults)
                self._not_followed.pop(host, None)
            except NotFollowed as reason:
                if self._not_followed.get(host) != str(reason):
                    self._not_followed[host] = str(reason)
                    fields = {"host": host, "cause": str(reason)}
                    self._log.warning("the servers of a host are not observed", extra={"fields": fields})
        for host, (stream, task) in list(self._streams.items()):
            if stream.place != places.get(host) or task.done():
                task.cancel()
                del self._streams[host]
        for host, place in places.items():
            if host not in self._streams:
                ours = {
                    "root": place.root,
                    "supervisor_dir": place.supervisor_dir,
                    "health_interval": settings.health_interval,
                    "health_failures": settings.health_failures,
                    "metrics_interval": settings.metrics_interval,
                    "follow_logs": settings.follow_logs,
                }
                stream = Stream(host, place, ours, self._positions.of, self._hear, self._log)
                stream.choose(wanted[host])
                self._streams[host] = (stream, asyncio.ensure_future(stream.run()))
            self._streams[host][0].choose(wanted[host])

    def _known(self, host: str) -> bool:
        known = getattr(self._inventory, "known", None)
        return bool(known(host)) if known is not None else False

    # -- what observers say --------------------------------------------------------------------------------------------

    def _hear(self, stream: Stream, message: Message) -> None:
        kind = message["t"]
        try:
            if kind == "log":
                self._hear_line(stream, message)
            elif kind == "health":
                self._hear_health(stream, message)
            elif kind == "samples":
                self._hear_samples(stream, message)
            elif kind == "hello":
                self._outbox.forget_host(stream.host, stream.session - 1)
                self._counts[stream.host] = (stream.session, 0)
                self._look_at_clock(stream.host, message)
            elif kind == "problem":
                self._say_once("an observer has a problem", host=stream.host, cause=str(message.get("message"))[:500])
        except Exception as error:  # noqa: BLE001 - whatever a server writes, the others on its host are observed
            self._say_once("an observer says what makes no sense", host=stream.host, kind=kind, cause=repr(error)[:200])
            if kind == "log":
                self._count(stream.host, stream.session, 1)

    def _look_at_clock(self, host: str, message: Message) -> None:
        ahead = float(message.get("time") or 0) - time.time()
        if abs(ahead) > 60:
            self._say_once("the clock of a host is wrong", host=host, seconds_ahead=round(ahead))

    def _on(self, stream: Stream, slug: Any) -> bool:
        """Whether this deployment is this host's business: a host says nothing about those of others."""
        return isinstance(slug, str) and slug in self._served and self._served[slug]["host"] == stream.host

    def _hear_line(self, stream: Stream, message: Message) -> None:
        slug = message["slug"]
        source, position = str(message["source"]), message["position"]
        if not isinstance(position, dict) or not 0 <= int(message["seq"]) < 2**53:
            raise ValueError("position")
        entry = entry_of(stream.host, message, datetime.now(UTC))
        if not self._on(stream, slug):
            self._count(stream.host, stream.session, 1)
            return
        if self._outbox.lines_of(stream.host) >= 2 * WINDOW_LINES:
            self._say_once("a host sends more lines than it was let; they are left out", host=stream.host)
            return
        revision = message.get("revision")
        revision = revision if isinstance(revision, str) and len(revision) == 36 else None
        size = size_of(entry)
        self._outbox.add_line(Line(slug, revision, entry, size, stream.host, stream.session, source, position))

    def _hear_samples(self, stream: Stream, message: Message) -> None:
        at = datetime.now(UTC).isoformat()
        for slug, name, figure, value in message["samples"]:
            if self._on(stream, slug) and figure in METRICS and math.isfinite(value):
                replica = clean(f"{stream.host}/{name}")[:200]
                sample = {"name": figure, "replica": replica, "at": at, "value": float(value)}
                self._outbox.add_sample(slug, sample)

    def _hear_health(self, stream: Stream, message: Message) -> None:
        slug, units = message["slug"], message["units"]
        if not self._on(stream, slug) or not (units is None or isinstance(units, dict)):
            return
        watched = self._watched[slug]
        was_ok = watched.ok or not watched.known
        if units is None and not self._served[slug].get("active_revision_id"):
            return  # nothing of it has ever served
        watched.hear(units, time.monotonic())
        if was_ok and not watched.ok:
            self._look_now.set()  # perhaps somebody is at work on it

    # -- what arrived --------------------------------------------------------------------------------------------------

    def _taken(self, lines: list[Line]) -> None:
        counts: dict[tuple[str, int], int] = {}
        for line in lines:
            self._positions.move(line.host, line.source, line.position)
            counts[(line.host, line.session)] = counts.get((line.host, line.session), 0) + 1
        for (host, session), count in counts.items():
            self._count(host, session, count)
        self._positions.save()

    def _count(self, host: str, session: int, more: int) -> None:
        known, total = self._counts.get(host, (0, 0))
        if known == session and host in self._streams:
            self._counts[host] = (session, total + more)
            self._streams[host][0].taken(session, total + more)

    # -- health and repairs --------------------------------------------------------------------------------------------

    async def _ticking(self) -> None:
        """Tell what has changed, and repair what is not well."""
        await asyncio.sleep(TICK_SECONDS)
        if not self._settings.health_interval:
            return
        now = time.monotonic()
        for slug, watched in list(self._watched.items()):
            item = self._served.get(slug)
            if item is None or item.get("status") in LEAVING:
                continue
            found = self._streams.get(watched.host)
            if found is not None and found[0].lost_for > LOST and item.get("active_revision_id"):
                watched.lose(found[0].error, now)
            if not watched.known:
                continue
            silent = now - watched.heard_at
            if not watched.unreachable and silent > max(SILENT, 3 * self._settings.health_interval):
                watched.lose(f"nothing was heard of its health for {silent:.0f} s", now)
            pace = self._paces.of(item["id"])
            pace.look(watched.ok, now)
            claimed = item.get("claimed") is True or pace.running
            if watched.bad_since is not None and self._looked_at < watched.bad_since:
                continue  # whether somebody is at work on it is asked just now
            if not watched.patient(claimed, now):
                self._tell(slug, watched.health(self._about_repairs(watched, pace, now)), now)
            interval = self._settings.health_interval
            if (
                watched.repairable
                and not claimed
                and watched.bad_since is not None
                and now - watched.bad_since >= interval
                and pace.may(now)
            ):
                task = asyncio.ensure_future(self._mend(item, watched, pace))
                self._repairs.add(task)
                task.add_done_callback(self._repairs.discard)

    @staticmethod
    def _about_repairs(watched: Watched, pace: Pace, now: float) -> str:
        if watched.ok or not watched.repairable:
            return ""
        if pace.running:
            return "It is being repaired."
        wait = pace.given_up(now)
        if not wait:
            return ""
        then = (datetime.now(UTC) + timedelta(seconds=wait)).strftime("%H:%M")
        count = "1 repair" if len(pace.begun) == 1 else f"{len(pace.begun)} repairs"
        return f"{count} within an hour did not help; the next one is not before {then} UTC."

    def _tell(self, slug: str, health: dict[str, Any], now: float) -> None:
        at, told = self._told.get(slug, (-1e9, {}))
        if health == told and now - at < TELL_SECONDS:
            return
        self._told[slug] = (now, health)
        self._outbox.set_health(slug, health)
        if health["ok"] != told.get("ok", True) or (not health["ok"] and health["message"] != told.get("message")):
            word = "a deployment is well again" if health["ok"] else "a deployment is not well"
            fields = {"slug": slug, "health": health["message"]}
            self._log.log(logging.INFO if health["ok"] else logging.WARNING, word, extra={"fields": fields})

    async def _mend(self, item: dict[str, Any], watched: Watched, pace: Pace) -> None:
        """One repair."""
        pace.begin(time.monotonic())
        reason = f"health: {watched.health()['message']}"
        try:
            good = await self._repair(item["id"], reason[:1000])
            fields = {"slug": watched.slug, "good": bool(good)}
            self._log.info("repaired", extra={"fields": fields})
        except Exception:  # noqa: BLE001 - the next repair may go well
            self._log.exception("a repair failed", extra={"fields": {"slug": watched.slug}})
        finally:
            pace.end(time.monotonic())
            if watched.bad_since is not None:
                watched.bad_since = time.monotonic()  # what it does now counts anew
            self._look_now.set()
