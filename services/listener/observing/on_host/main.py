# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observer: looks at the servers of one host and says what it sees, until its standard input ends.

Hears lines of JSON: first its settings, then ``{"deployments": [slug, ...]}`` and ``{"taken": n}`` (lines of logs that
were dealt with). Says lines of JSON: ``hello``, ``alive``, ``log``, ``health``, ``samples``, ``problem``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from typing import Any

from .deployments import SLUG, SYSTEMD_DIR, Deployment, Serving
from .figures import Figures, rounded
from .files import LogFile
from .journal import Entry, Journal
from .output import Output
from .probes import Answer, ask
from .units import DOWN, Supervisor, Systemd, Unit, start_of

LOOK_SECONDS = 0.25
ALIVE_SECONDS = 10.0
AGAIN_SECONDS = 30.0  # a health that stays the same is said again
PROBE_SECONDS = 2.0
METRICS_SECONDS = 10.0
AT_ONCE = 32


class Observer:
    """See above."""

    def __init__(self, settings: dict[str, Any], output: Output) -> None:
        self.settings = settings
        self.output = output
        self.supervisor_dir = str(settings.get("supervisor_dir") or "")
        self.platform: Any = Supervisor(self.supervisor_dir) if self.supervisor_dir else Systemd()
        self.deployments: dict[str, Deployment] = {}
        self.files: dict[str, tuple[str, LogFile]] = {}
        self.positions: dict[str, Any] = dict(settings.get("positions") or {})
        self.journal = Journal(self.positions.get("journal"))
        self.figures = Figures()
        self._failures: dict[str, int] = {}
        self._answered: set[str] = set()  # those that answered this observer once
        self._said: dict[str, tuple[float, Any]] = {}
        self._gate: asyncio.Semaphore | None = None
        self._room = asyncio.Event()
        self._problems: dict[str, float] = {}
        self.choose(settings.get("deployments") or [])

    def choose(self, slugs: list[str]) -> None:
        """Observe these deployments from now on."""
        root = str(self.settings["root"])
        unit_dir = str(self.settings.get("systemd_dir") or SYSTEMD_DIR)
        wanted = [slug for slug in slugs if isinstance(slug, str) and SLUG.match(slug)]
        for slug in wanted:
            if slug not in self.deployments:
                self.deployments[slug] = Deployment(root, slug, self.supervisor_dir, unit_dir)
        for slug in set(self.deployments) - set(wanted):
            del self.deployments[slug]
            self._said.pop(slug, None)

    def hear(self, message: dict[str, Any]) -> None:
        """One line from the other side."""
        if isinstance(message.get("taken"), int):
            self.output.taken(message["taken"])
            self._room.set()
        if isinstance(message.get("deployments"), list):
            self.choose(message["deployments"])

    def problem(self, text: str) -> None:
        """Say what does not work, each once in ten minutes."""
        now = time.monotonic()
        if now - self._problems.get(text, -1e9) > 600:
            self._problems[text] = now
            self.output.say({"t": "problem", "message": text})

    # -- logs ----------------------------------------------------------------------------------------------------------

    async def follow_files(self) -> None:
        """Logs of supervisor's programs."""
        while True:
            wanted: dict[str, tuple[Deployment, str]] = {}
            for deployment in self.deployments.values():
                for unit in deployment.units():
                    wanted[unit] = (deployment, self.platform.log_path(unit))
            for unit in set(self.files) - set(wanted):
                self.files.pop(unit)[1].close()
            more = False
            for unit, (deployment, path) in sorted(wanted.items()):
                if unit not in self.files:
                    self.files[unit] = (path, LogFile(path, self.positions.pop(unit, None)))
                most = min(self.output.room, 500)
                for line in self._read(unit, most):
                    more = True
                    self.output.log(
                        {
                            "slug": deployment.slug,
                            "unit": deployment.short(unit),
                            "revision": deployment.revision_of(unit),
                            "source": unit,
                            "writer": f"{unit}/{line.writer}",
                            "seq": line.seq,
                            "text": line.text,
                            "note": line.note,
                            "position": line.position,
                        }
                    )
                await asyncio.sleep(0)
            await asyncio.sleep(0.01 if more and self.output.room else LOOK_SECONDS)

    def _read(self, unit: str, most: int) -> list[Any]:
        try:
            return self.files[unit][1].read(most)
        except OSError as error:
            self.problem(f"The log of {unit} cannot be read: {error.strerror or error}")
            return []

    async def follow_journal(self) -> None:
        """Logs of systemd's units."""
        reading: asyncio.Task[Any] | None = None
        while True:
            of = {unit: deployment for deployment in self.deployments.values() for unit in deployment.units()}
            try:
                await self.journal.follow(sorted(of))
            except OSError as error:
                self.problem(f"journalctl does not run: {error.strerror or error}")
            if not self.journal.running or self.output.room <= 0:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            if reading is None:
                reading = asyncio.ensure_future(self.journal.entry())
            await asyncio.wait([reading], timeout=2.0)  # then look whether there are other units by now
            if not reading.done():
                self._log_entries(self.journal.thinner.flush(), of)
                continue
            entry, reading = reading.result(), None
            if entry is None:
                await asyncio.sleep(0 if self.journal.running else LOOK_SECONDS)
                continue
            self._log_entries(self.journal.thinner.let(entry), of)

    def _log_entries(self, entries: list[Entry], of: dict[str, Deployment]) -> None:
        for each in entries:
            deployment = of.get(each.unit)
            if deployment is not None:
                self.output.log(
                    {
                        "slug": deployment.slug,
                        "unit": deployment.short(each.unit),
                        "revision": deployment.revision_of(each.unit),
                        "source": "journal",
                        "writer": f"{each.unit}/{each.writer}",
                        "seq": each.seq,
                        "text": each.text,
                        "time": each.at,
                        "level": each.level,
                        "position": each.position,
                    }
                )

    # -- health --------------------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Health of all processes that have to answer."""
        interval = float(self.settings["health_interval"])
        while True:
            begun = time.monotonic()
            await self._look()
            await asyncio.sleep(max(interval - (time.monotonic() - begun), 0.2))

    def _serving(self) -> dict[str, list[Serving] | None]:
        return {slug: deployment.serving() for slug, deployment in self.deployments.items()}

    async def _units(self, servings: list[Serving]) -> dict[str, Unit] | None:
        try:
            found: dict[str, Unit] = await self.platform.look([serving.unit for serving in servings])
        except OSError as error:
            self.problem(str(error))
            return None
        return found

    async def _ask(self, port: int, path: str, seconds: float) -> Answer:
        if self._gate is None:
            self._gate = asyncio.Semaphore(AT_ONCE)
        async with self._gate:
            return await ask(port, path, seconds)

    async def _look(self) -> None:
        everything = self._serving()
        servings = [serving for found in everything.values() for serving in found or []]
        units = await self._units(servings)
        answers = await asyncio.gather(*[self._ask(serving.port, "/ok", PROBE_SECONDS) for serving in servings])
        verdicts = {}
        for index, serving in enumerate(servings):
            unit = units.get(serving.unit) if units is not None else None
            verdicts[serving.unit] = self._verdict(serving, unit, answers[index])
        self._failures = {unit: count for unit, count in self._failures.items() if unit in verdicts}
        self._answered &= set(verdicts)
        for slug, found in everything.items():
            if found is None:
                self._say_health(slug, None)
                continue
            told = {serving.name: verdicts[serving.unit] for serving in found}
            if None not in told.values():
                self._say_health(slug, told)

    def _verdict(self, serving: Serving, unit: Unit | None, answer: Answer) -> dict[str, Any] | None:
        """{ok, message} of one process; what it was stays until it has failed often enough in a row. None: it is not
        known yet, as it has neither answered this observer nor failed that often.
        """
        if unit is not None and unit.state == DOWN:  # whatever answers on its port
            self._failures[serving.unit] = self._failures.get(serving.unit, 0) + 1
            return {"ok": False, "message": f"{serving.name} does not run ({unit.word or 'not installed'})."}
        if answer.status == 200:
            self._failures.pop(serving.unit, None)
            self._answered.add(serving.unit)
            return {"ok": True, "message": ""}
        count = self._failures[serving.unit] = self._failures.get(serving.unit, 0) + 1
        if count < int(self.settings["health_failures"]):
            return {"ok": True, "message": ""} if serving.unit in self._answered else None
        said = f"{answer.status} {answer.text.strip()[:200]}".strip() if answer.status else answer.text
        return {"ok": False, "message": f"{serving.name} does not answer on port {serving.port} ({said})."}

    def _say_health(self, slug: str, units: dict[str, Any] | None) -> None:
        now = time.monotonic()
        at, said = self._said.get(slug, (-1e9, "nothing"))
        if units != said or now - at >= AGAIN_SECONDS:
            self._said[slug] = (now, units)
            self.output.say({"t": "health", "slug": slug, "units": units})

    # -- figures -------------------------------------------------------------------------------------------------------

    async def measure(self) -> None:
        """Figures of all processes that serve."""
        interval = float(self.settings["metrics_interval"])
        while True:
            begun = time.monotonic()
            everything = self._serving()
            servings = [(slug, serving) for slug, found in everything.items() for serving in found or []]
            units = await self._units([serving for _slug, serving in servings])
            answers = await asyncio.gather(
                *[self._ask(serving.port, "/metrics", METRICS_SECONDS) for _slug, serving in servings]
            )
            found: list[list[Any]] = []
            for index, (slug, serving) in enumerate(servings):
                unit = None if units is None else units.get(serving.unit, Unit())
                started = start_of(unit.pid) if unit is not None and unit.pid else 0
                figures = rounded(self.figures.of(serving, unit, started, answers[index]))
                found += [[slug, serving.name, name, value] for name, value in figures.items()]
            self.figures.keep([serving.unit for _slug, serving in servings])
            for start in range(0, len(found), 500):
                self.output.say({"t": "samples", "samples": found[start : start + 500]})
            await asyncio.sleep(max(interval - (time.monotonic() - begun), 0.2))

    # -- life ----------------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Say that it is there."""
        while True:
            self.output.say({"t": "alive"})
            await asyncio.sleep(ALIVE_SECONDS)

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Until the other side has gone."""
        version = ".".join(str(number) for number in sys.version_info[:3])
        self.output.say({"t": "hello", "time": time.time(), "python": version, "pid": os.getpid()})
        work = [self.live()]
        if self.settings.get("follow_logs"):
            work.append(self.follow_files() if self.supervisor_dir else self.follow_journal())
        if float(self.settings.get("health_interval") or 0) > 0:
            work.append(self.watch())
        if float(self.settings.get("metrics_interval") or 0) > 0:
            work.append(self.measure())
        tasks = [asyncio.ensure_future(each) for each in work]
        hearing = asyncio.ensure_future(self._hear_all(lines))
        try:
            done, _rest = await asyncio.wait([hearing, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in [hearing, *tasks]:
                task.cancel()
            await self.journal.stop()

    async def _hear_all(self, lines: asyncio.StreamReader) -> None:
        while True:
            line = await lines.readline()
            if not line:
                return
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self.hear(message)


async def _main() -> None:
    lines = asyncio.StreamReader(limit=4 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(0, "rb", 0, closefd=False)
    )
    settings = json.loads(await lines.readline())
    await Observer(settings, Output()).run(lines)


def main() -> None:
    """Observe, and end when nobody hears any more."""
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        asyncio.run(_main())
    os._exit(0)  # whatever still waits for an answer
