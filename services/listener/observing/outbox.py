# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was observed, on its way to the control plane: bounded, in order, and kept while the control plane is away."""

from __future__ import annotations

import asyncio
import collections
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsError
from ansible_collections.selfhosted.langgraph.services.listener.backoff import Backoff

LINES, LINE_BYTES = 500, 400 * 1024  # of one request
SAMPLES = 1000
KEPT_SAMPLES = 20_000
LINGER = 0.2  # seconds in which more may come
Observation = dict[str, Any]


class Api(Protocol):
    """What of the client of the work protocol is used here."""

    async def served(self) -> list[dict[str, Any]]:
        """The deployments of the listener."""

    async def observe(self, observations: list[Observation]) -> Mapping[str, Any]:
        """Take observations over."""


class Line(NamedTuple):
    """A line of a log. source, position: where its host goes on to read after it; session: of the stream."""

    slug: str
    revision_id: str | None
    entry: dict[str, Any]
    size: int
    host: str
    session: int
    source: str
    position: Mapping[str, Any]


class Outbox:
    """Collects and sends. ``done(lines)`` is called with lines that were taken over, or refused for good."""

    def __init__(self, api: Api, done: Callable[[list[Line]], None], log: logging.Logger) -> None:
        self._api = api
        self._done = done
        self._log = log
        self._lines: collections.deque[Line] = collections.deque()
        self._of_host: collections.Counter[str] = collections.Counter()
        self._samples: collections.deque[tuple[str, dict[str, Any]]] = collections.deque()
        self._health: dict[str, dict[str, Any]] = {}
        self._filled = asyncio.Event()
        self.dropped_samples = 0
        self.sent_lines = 0
        self.refused = 0
        self.error = ""

    # -- collecting ----------------------------------------------------------------------------------------------------

    def add_line(self, line: Line) -> None:
        """A line; how many there may be is bounded by what each host may send before it is told that they are done."""
        self._lines.append(line)
        self._of_host[line.host] += 1
        self._filled.set()

    def lines_of(self, host: str) -> int:
        """How many lines of a host wait."""
        return self._of_host[host]

    def add_sample(self, slug: str, sample: dict[str, Any]) -> None:
        """A figure; the oldest goes when there are too many."""
        if len(self._samples) >= KEPT_SAMPLES:
            self._samples.popleft()
            self.dropped_samples += 1
        self._samples.append((slug, sample))
        self._filled.set()

    def set_health(self, slug: str, health: dict[str, Any]) -> None:
        """How a deployment is now; only the last one counts."""
        self._health[slug] = health
        self._filled.set()

    def forget_host(self, host: str, session: int) -> None:
        """Lines of a connection that has ended are read again from where the last one was taken over."""
        kept = [line for line in self._lines if line.host != host or line.session > session]
        self._set_lines(kept)

    def _set_lines(self, lines: Iterable[Line]) -> None:
        self._lines = collections.deque(lines)
        self._of_host = collections.Counter(line.host for line in self._lines)

    @property
    def waiting(self) -> dict[str, int]:
        """How much waits."""
        return {"lines": len(self._lines), "samples": len(self._samples), "health": len(self._health)}

    # -- sending -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        pause = Backoff(0.5, 15.0)
        while True:
            await self._filled.wait()
            if not self._health and len(self._lines) < LINES:
                await asyncio.sleep(LINGER)
            self._filled.clear()
            try:
                while await self.send():
                    pass
            except RecordsError as error:
                self._say(str(error))
                self._filled.set()
                await asyncio.sleep(pause.next())
            else:
                pause.reset()
                self._say("")

    def _say(self, error: str) -> None:
        if error != self.error:
            fields = {"cause": error, **self.waiting}
            if error:
                self._log.warning("what is observed waits", extra={"fields": fields})
            else:
                self._log.info("what is observed arrives again", extra={"fields": fields})
            self.error = error

    async def send(self) -> bool:
        """Send one batch; False if there is nothing. A RecordsError leaves everything where it was."""
        lines: list[Line] = []
        size = 0
        for line in self._lines:
            if len(lines) >= LINES or (lines and size + line.size > LINE_BYTES):
                break
            lines.append(line)
            size += line.size
        samples = [self._samples[index] for index in range(min(len(self._samples), SAMPLES))]
        health = dict(list(self._health.items())[:100])
        if not (lines or samples or health):
            return False
        dropped = self.dropped_samples
        await self._observe(observations_of(lines, samples, health))
        # Meanwhile lines of a host may have been forgotten, and the oldest figures dropped.
        gone = {id(line) for line in lines}
        self._set_lines(line for line in self._lines if id(line) not in gone)
        for _index in range(max(len(samples) - (self.dropped_samples - dropped), 0)):
            self._samples.popleft()
        for slug, told in health.items():
            if self._health.get(slug) is told:
                del self._health[slug]
        self.sent_lines += len(lines)
        self._done(lines)
        return True

    async def _observe(self, observations: list[Observation]) -> None:
        """Send; what the control plane refuses is halved until only the offending part is left out."""
        try:
            await self._api.observe(observations)
        except InvalidInput as error:
            if "status" in error.extra:
                raise  # not the control plane's own word: something else answers at its address
            parts = halves(observations)
            if not parts:
                self.refused += 1
                fields = {"slug": observations[0].get("slug"), "cause": str(error)}
                self._log.warning("an observation is refused; it is left out", extra={"fields": fields})
                return
            for part in parts:
                await self._observe(part)


def size_of(entry: Mapping[str, Any]) -> int:
    """Bytes of an entry in a request."""
    return len(json.dumps(entry))


def observations_of(
    lines: list[Line], samples: list[tuple[str, dict[str, Any]]], health: Mapping[str, dict[str, Any]]
) -> list[Observation]:
    """One observation for each deployment and revision."""
    found: dict[tuple[str, str | None], Observation] = {}

    def of(slug: str, revision_id: str | None = None) -> Observation:
        made = found.setdefault((slug, revision_id), {"slug": slug})
        if revision_id:
            made["revision_id"] = revision_id
        return made

    for line in lines:
        of(line.slug, line.revision_id).setdefault("logs", []).append(line.entry)
    for slug, sample in samples:
        of(slug).setdefault("samples", []).append(sample)
    for slug, told in health.items():
        of(slug)["health"] = told
    return list(found.values())


def halves(observations: list[Observation]) -> list[list[Observation]]:
    """The same in two parts; [] for what cannot be parted."""
    if len(observations) > 1:
        middle = len(observations) // 2
        return [observations[:middle], observations[middle:]]
    one = observations[0]
    lists = {key: one[key] for key in ("logs", "samples") if one.get(key)}
    rest = {key: value for key, value in one.items() if key not in ("logs", "samples", "health")}
    if len(lists) + ("health" in one) > 1:
        parts = [[{**rest, key: value}] for key, value in lists.items()]
        return parts + ([[{**rest, "health": one["health"]}]] if "health" in one else [])
    for key, value in lists.items():
        if len(value) > 1:
            middle = len(value) // 2
            return [[{**rest, key: value[:middle]}], [{**rest, key: value[middle:]}]]
    return []


def now_text() -> str:
    """This moment."""
    return datetime.now(UTC).isoformat()
