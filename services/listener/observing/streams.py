# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One stream: an observer on a host, over its standard input and output, started again whenever it ends."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener.backoff import Backoff
from ansible_collections.selfhosted.langgraph.services.listener.observing.bundle import payload
from ansible_collections.selfhosted.langgraph.services.listener.observing.connections import Place

SILENT_SECONDS = 45.0  # an observer says every 10 s that it is there
LONGEST_LINE = 2 * 1024 * 1024
STEADY_SECONDS = 60.0  # a stream that held so long is begun again at once
END_SECONDS = 3.0
_OWN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "MAINPID")
Message = dict[str, Any]
Hear = Callable[["Stream", Message], None]


class Stream:
    """The observer of one host. settings: for it, without deployments and positions.

    positions: gives where its logs are to be read on. hear: takes each message.
    """

    def __init__(
        self,
        host: str,
        place: Place,
        settings: Mapping[str, Any],
        positions: Callable[[str], Mapping[str, Any]],
        hear: Hear,
        log: logging.Logger,
    ) -> None:
        self.host = host
        self.place = place
        self.connected = False
        self.since = time.time()
        self.error = ""
        self.session = 0  # counts the connections
        self.garbage = 0
        self._settings = dict(settings)
        self._positions = positions
        self._hear = hear
        self._log = log
        self._slugs: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._said = ""
        self._lost_at = time.monotonic()

    # -- what others do with it ----------------------------------------------------------------------------------------

    def choose(self, slugs: Iterable[str]) -> None:
        """Observe these deployments from now on."""
        wanted = sorted(slugs)
        if wanted != self._slugs:
            self._slugs = wanted
            self._tell({"deployments": wanted})

    def taken(self, session: int, total: int) -> None:
        """So many lines of logs of that connection were dealt with."""
        if session == self.session:
            self._tell({"taken": total})

    @property
    def lost_for(self) -> float:
        """Seconds since the host was lost; 0.0 while it is there."""
        return 0.0 if self.connected else time.monotonic() - self._lost_at

    def status(self) -> dict[str, Any]:
        """For people."""
        return {"connected": self.connected, "since": round(self.since, 1), "error": self.error}

    def _tell(self, message: Message) -> None:
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(json.dumps(message).encode() + b"\n")

    # -- its life ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        pause = Backoff(1.0, 60.0)
        while True:
            begun = time.monotonic()
            try:
                why = await self._once()
            except Exception as error:  # noqa: BLE001 - a host that is not observed any more has to be seen as such
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if self.connected:
                self._lost_at = time.monotonic()
                self.since = time.time()
            self.connected = False
            self.error = why
            if why != self._said:
                self._said = why
                self._log.warning("host is not observed", extra={"fields": {"host": self.host, "cause": why}})
            if time.monotonic() - begun >= STEADY_SECONDS:
                pause.reset()
            await asyncio.sleep(pause.next())

    async def _once(self) -> str:
        """One connection to its end; why it ended."""
        environment = {name: value for name, value in os.environ.items() if name not in _OWN}
        process = await asyncio.create_subprocess_exec(
            *self.place.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
            env=environment,
            start_new_session=True,
        )
        self._process = process
        self.session += 1
        errors: collections.deque[str] = collections.deque(maxlen=5)
        complaints = asyncio.ensure_future(self._read_errors(process, errors))
        try:
            settings = {**self._settings, "deployments": self._slugs, "positions": dict(self._positions(self.host))}
            if process.stdin is not None:
                process.stdin.write(payload() + json.dumps(settings).encode() + b"\n")
            silent = await self._read(process)
            if silent:
                return silent
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
                    await complaints
            said = next((line for line in reversed(errors) if line.strip()), "")
            return said.strip()[:500] or f"the observer ended with exit code {process.returncode}"
        finally:
            complaints.cancel()
            self._process = None
            await self._end(process)

    async def _read(self, process: asyncio.subprocess.Process) -> str:
        """Messages until there are no more; a reason if it is us who ends it."""
        stdout = process.stdout
        assert stdout is not None
        while True:
            try:
                async with asyncio.timeout(SILENT_SECONDS):
                    line = await stdout.readline()
            except TimeoutError:
                return f"nothing was heard of it for {SILENT_SECONDS:g} s"
            except ValueError:
                self.garbage += 1  # longer than any message
                continue
            if not line:
                return ""
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            kind = message["t"]
        except (ValueError, KeyError, TypeError):
            message, kind = {}, ""
        if not isinstance(message, dict) or not isinstance(kind, str) or not kind:
            self.garbage += 1
            if self.garbage == 1:
                self._log.warning(
                    "a host says what no observer says; it is left out", extra={"fields": {"host": self.host}}
                )
            return
        if kind == "hello" and not self.connected:
            self.connected, self.since, self.error, self._said = True, time.time(), "", ""
            fields = {"host": self.host, "python": str(message.get("python"))}
            self._log.info("host is observed", extra={"fields": fields})
        if self.connected:
            self._hear(self, message)

    @staticmethod
    async def _read_errors(process: asyncio.subprocess.Process, errors: collections.deque[str]) -> None:
        while process.stderr is not None:
            try:
                line = await process.stderr.readline()
            except ValueError:
                continue
            if not line:
                return
            errors.append(line.decode("utf-8", "replace"))

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        """Close its standard input: then the observer ends by itself; else what is here of it is killed."""
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                # what it still says is read, so that it can end
                while process.stdout is not None and await process.stdout.read(65536):
                    pass
                await process.wait()
        except (TimeoutError, asyncio.CancelledError, ValueError):
            # sudo is not ours to kill; without its standard input the observer ends all the same
            with contextlib.suppress(ProcessLookupError, PermissionError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await process.wait()
