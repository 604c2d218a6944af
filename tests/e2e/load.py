# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load on one deployment, of the four kinds that clients make: plain requests, waited runs, streams, background runs.

Every request counts; nothing is tried twice. The counter graph writes down each execution: lost and doubled runs show.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

SECONDS = 0.4  # how long the work of a run takes; long enough to be in flight while the proxy switches


@dataclass
class Tally:
    """What one kind of client saw."""

    done: int = 0
    failures: list[str] = field(default_factory=list)


class Load:
    """Clients that run until ``stop``; ``with Load(url) as load: ...``."""

    def __init__(self, url: str, graph: str = "counter") -> None:
        self.url = url
        self.graph = graph
        self.tallies: dict[str, Tally] = {}
        self.work: set[str] = set()  # every piece of work whose acceptance a client saw
        self.background: dict[str, str] = {}  # run id -> thread id
        self.silent = 0  # streams without any event
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Load:
        for kind, client, count in (
            ("plain", self._plain, 2),
            ("fresh connection", self._fresh, 1),
            ("wait", self._wait, 2),
            ("stream", self._stream, 2),
            ("background", self._background, 1),
        ):
            self.tallies[kind] = Tally()
            for _worker in range(count):
                self._threads.append(threading.Thread(target=self._loop, args=(kind, client), daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let each client end its request, and wait for it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a client hangs"

    @property
    def failures(self) -> list[str]:
        """What failed, with the kind of client."""
        return [f"{kind}: {failure}" for kind, tally in self.tallies.items() for failure in tally.failures]

    def settle(self, count: int = 3, timeout: float = 60) -> None:
        """Wait until each kind of client has had ``count`` more answers."""
        goals = {kind: tally.done + count for kind, tally in self.tallies.items()}
        deadline = time.monotonic() + timeout
        while any(self.tallies[kind].done < goal and not self.tallies[kind].failures for kind, goal in goals.items()):
            assert time.monotonic() < deadline, f"no answers: {self.tallies}"
            time.sleep(0.05)

    def _loop(self, kind: str, client: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as connection:
            while not self._stop.is_set():
                try:
                    client(connection)
                    self.tallies[kind].done += 1
                except Exception as error:
                    self.tallies[kind].failures.append(
                        f"{time.strftime('%H:%M:%S')} {type(error).__name__}: {error}"[:400]
                    )
                    time.sleep(0.2)

    def _payload(self) -> tuple[str, dict[str, object]]:
        work = str(uuid.uuid4())
        return work, {"assistant_id": self.graph, "input": {"id": work, "seconds": SECONDS}}

    def _accept(self, work: str) -> None:
        with self._lock:
            self.work.add(work)

    def _plain(self, connection: httpx.Client) -> None:
        connection.get("/ok").raise_for_status()
        time.sleep(0.02)

    def _fresh(self, _connection: httpx.Client) -> None:
        httpx.get(f"{self.url}/ok", timeout=60).raise_for_status()
        time.sleep(0.05)

    def _wait(self, connection: httpx.Client) -> None:
        work, payload = self._payload()
        thread = connection.post("/threads", json={}).raise_for_status().json()["thread_id"]
        connection.post(f"/threads/{thread}/runs/wait", json=payload).raise_for_status()
        self._done(connection, thread)
        self._accept(work)

    def _stream(self, connection: httpx.Client) -> None:
        work, payload = self._payload()
        thread = connection.post("/threads", json={}).raise_for_status().json()["thread_id"]
        events: list[str] = []
        with connection.stream(
            "POST", f"/threads/{thread}/runs/stream", json={**payload, "stream_mode": ["custom", "values"]}
        ) as answer:
            answer.raise_for_status()
            events.extend(line[6:].strip() for line in answer.iter_lines() if line.startswith("event:"))
        # No event at all is what the runtime gives when a run is over before it begins to read (see _done). What was
        # cut ends while the run goes on.
        runs = [] if events else connection.get(f"/threads/{thread}/runs").raise_for_status().json()
        if "error" in events or any(run["status"] != "success" for run in runs):
            raise AssertionError(f"the stream was cut or failed: {events}, {[run['status'] for run in runs]}")
        with self._lock:
            self.silent += not events
        self._done(connection, thread)
        self._accept(work)

    def _done(self, connection: httpx.Client, thread: str) -> None:
        """The work on a thread was finished.

        Read from the state: the runtime drops the last events of a stream now and then (and `wait` reads one), with no
        switch and no proxy as well, the more the busier the machine is.
        """
        deadline = time.monotonic() + 30
        while True:
            state = connection.get(f"/threads/{thread}/state").raise_for_status().json()
            if (state.get("values") or {}).get("done"):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"the run was never finished: {json.dumps(state)[:300]}")
            time.sleep(0.1)

    def _background(self, connection: httpx.Client) -> None:
        work, payload = self._payload()
        thread = connection.post("/threads", json={}).raise_for_status().json()["thread_id"]
        run = connection.post(f"/threads/{thread}/runs", json=payload).raise_for_status().json()
        self._accept(work)
        with self._lock:
            self.background[run["run_id"]] = thread
        time.sleep(0.3)

    def unfinished(self, timeout: float = 90) -> list[str]:
        """Background runs that did not end in success, once all had the time to."""
        bad: list[str] = []
        deadline = time.monotonic() + timeout
        with httpx.Client(base_url=self.url, timeout=60) as connection:
            for run, thread in self.background.items():
                while True:
                    status = connection.get(f"/threads/{thread}/runs/{run}").raise_for_status().json()["status"]
                    if status not in ("pending", "running") or time.monotonic() > deadline:
                        break
                    time.sleep(0.2)
                if status != "success":
                    bad.append(f"{run}: {status}")
        return bad
