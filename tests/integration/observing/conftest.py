# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on platform supervisor with small servers that say what a test wants, and an API that keeps what it is told.

supervisord, files, processes, observer and daemon are real; only the server itself is a few lines of Python, so that a
test can let it write, hang and end as it likes. tests/integration/observing/test_stock.py has the stock server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import textwrap
import types
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import ServiceError
from ansible_collections.selfhosted.langgraph.services.listener.observing import Observing
from tests.integration.listener.conftest import desk, plane
from tests.support.ports import free_port, listens
from tests.support.servers import Supervisor
from tests.support.staging import until as wait_until

__all__ = ["desk", "plane"]

SERVER = textwrap.dedent(
    """
    # /ok, /metrics; /say?TEXT writes a line; /flood?N writes N lines; /count?N counts N requests, one of them bad
    import http.server, sys, time, urllib.parse
    counts = {"200": 0, "500": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, _mark, query = self.path.partition("?")
            query = urllib.parse.unquote(query)
            text = ""
            if path == "/say":
                print(query, flush=True)
            elif path == "/flood":
                for number in range(int(query)):
                    print(f"flood {number}")
                sys.stdout.flush()
            elif path == "/count":
                counts["200"] += int(query) - 1
                counts["500"] += 1
            elif path == "/metrics":
                for status, count in counts.items():
                    text += f'lg_api_http_requests_total{{method="GET",status="{status}"}} {count}\\n'
                text += f"lg_api_http_requests_latency_sum {10.0 * sum(counts.values())}\\n"
                text += f"lg_api_http_requests_latency_count {sum(counts.values())}\\n"
                text += "lg_api_num_pending_runs 3\\nlg_api_workers_active 2\\n"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())
        def log_message(self, *words):
            pass

    print("started", time.time(), flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
)
PROGRAM = """\
# langgraph revision 1 {revision} connections abc
[program:{name}]
command={python} {script} {port}
autostart=false
startsecs=0
autorestart=unexpected
exitcodes=0
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes={most}
stdout_logfile_backups=3
"""


class Unit:
    """One process of a deployment."""

    def __init__(self, host: SmallHost, slug: str, name: str, port: int, revision: str) -> None:
        self.host, self.port = host, port
        self.unit = f"langgraph-{slug}-{name}"
        self.program = self.unit.replace("@", "-")
        self.log = host.supervisor.directory / "log" / f"{self.program}.log"
        conf = host.supervisor.directory / "conf.d" / f"{self.program}.conf"
        conf.write_text(
            PROGRAM.format(
                name=self.program,
                python=sys.executable,
                script=host.script,
                port=port,
                log=self.log,
                most=host.log_bytes,
                revision=revision,
            )
        )

    def start(self) -> None:
        self.host.supervisor.services.start(self.unit)

    def stop(self) -> None:
        self.host.supervisor.services.stop(self.unit, 5)

    @property
    def pid(self) -> int:
        return self.host.supervisor.services.status(self.unit).pid

    def signal(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid:  # 0 would be the test itself
            os.kill(pid, number)

    async def ask(self, path: str) -> None:
        """A request, once it listens."""
        for _attempt in range(200):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        else:
            raise AssertionError(f"{self.unit} does not listen")
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        await reader.read()
        writer.close()

    async def say(self, text: str) -> None:
        await self.ask("/say?" + text.replace("%", "%25").replace(" ", "%20"))


class Deployment:
    """One deployment that serves: an API and a queue process."""

    def __init__(self, host: SmallHost, name: str, identity: str = "", revision: str = "") -> None:
        self.host = host
        self.id = identity or str(uuid.uuid4())
        self.revision = revision or str(uuid.uuid4())
        self.slug = f"{name}-{self.id[:8]}"
        self.home = host.root / self.slug
        self.home.mkdir(parents=True)
        ports = {"api": {"blue": free_port(), "green": free_port()}, "queue": {"blue-1": free_port()}}
        (self.home / "ports.json").write_text(json.dumps(ports))
        self.api = Unit(host, self.slug, "api-blue", ports["api"]["blue"], self.revision)
        self.queue = Unit(host, self.slug, "queue-blue@1", ports["queue"]["blue-1"], self.revision)
        self.units = [self.api, self.queue]
        self.claimed = False
        self.status = "READY"
        self.health: dict[str, Any] | None = None

    def serve(self) -> Deployment:
        for unit in self.units:
            unit.start()
        for unit in self.units:
            assert wait_until(partial(listens, unit.port)), f"{unit.unit} does not listen"
        state = {"colour": "blue", "queue": "blue", "revision": 1, "revision_id": self.revision, "connections": "abc"}
        (self.home / "state.json").write_text(json.dumps(state))
        return self

    def served(self) -> dict[str, Any]:
        """As the control plane tells of it."""
        return {
            "id": self.id,
            "name": self.slug,
            "slug": self.slug,
            "host": "here",
            "active_revision_id": self.revision,
            "claimed": self.claimed,
            "status": self.status,
            "health": self.health,
        }


class SmallHost:
    """supervisord and a root."""

    def __init__(self, base: Path, log_bytes: str = "10MB") -> None:
        self.root = base / "lg"
        self.log_bytes = log_bytes
        self.script = base / "server.py"
        self.script.write_text(SERVER)
        self.supervisor = Supervisor(base / "sv")
        self.deployments: list[Deployment] = []

    def deployment(self, name: str = "chat", **options: str) -> Deployment:
        made = Deployment(self, name, **options)
        self.deployments.append(made)
        return made

    def variables(self) -> dict[str, Any]:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "langgraph_platform": "supervisor",
            "langgraph_root": str(self.root),
            "langgraph_supervisor_dir": str(self.supervisor.directory),
        }


class FakeApi:
    """Keeps what it is told as the records do: each line once, by writer and number."""

    def __init__(self, host: SmallHost) -> None:
        self.host = host
        self.error: RecordsError | None = None
        self.lines: dict[tuple[str, int], dict[str, Any]] = {}
        self.twice = 0
        self.order: list[str] = []
        self.health: dict[str, list[dict[str, Any]]] = {}
        self.samples: list[dict[str, Any]] = []
        self.revisions: set[str | None] = set()
        self.largest = 0
        self.refuse: Callable[[Mapping[str, Any]], RecordsError | None] = lambda observation: None

    async def served(self) -> list[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        return [deployment.served() for deployment in self.host.deployments]

    async def observe(self, observations: list[dict[str, Any]]) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        for observation in observations:
            problem = self.refuse(observation)
            if problem is not None:
                raise problem
        self.largest = max(self.largest, len(json.dumps(observations)))
        for observation in observations:
            slug = observation["slug"]
            for line in observation.get("logs", []):
                self.revisions.add(observation.get("revision_id"))
                key = (line["writer"], line["seq"])
                self.twice += key in self.lines
                if key not in self.lines:
                    self.order.append(line["message"])
                    self.lines[key] = line
            if "health" in observation:
                self.health.setdefault(slug, []).append(observation["health"])
                for deployment in self.host.deployments:
                    if deployment.slug == slug:
                        deployment.health = observation["health"]
            self.samples += observation.get("samples", [])
        return {"accepted": len(observations), "unknown": []}

    def order_texts(self) -> list[str]:
        """Messages without the process' name, in the order in which they came."""
        return [message.partition("] ")[2] for message in self.order]

    def said(self, word: str) -> list[str]:
        """Those that begin with a word."""
        return [text for text in self.order_texts() if text.startswith(word)]

    def last(self, slug: str) -> dict[str, Any]:
        found = self.health.get(slug)
        return found[-1] if found else {"ok": None, "message": ""}


class Inventory:
    def __init__(self, hosts: dict[str, dict[str, Any]]) -> None:
        self.of = hosts

    def variables(self, host: str) -> dict[str, Any]:
        return dict(self.of.get(host, {}))

    def known(self, host: str) -> bool:
        return host in self.of


def observers(parent: int = 0) -> list[int]:
    """Pids of the observers that this test process, or another one, started."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as stream:
                fields = stream.read().rpartition(")")[2].split()
            with open(f"/proc/{name}/cmdline", "rb") as stream:
                command = stream.read()
        except OSError:
            continue
        if int(fields[1]) == (parent or os.getpid()) and fields[0] != "Z" and b"langgraph_observer" in command:
            found.append(int(name))
    return found


async def until(found: Callable[[], Any], seconds: float = 15.0, what: str = "") -> Any:
    """What a condition gives once it is true."""
    for _attempt in range(int(seconds / 0.02)):
        value = found()
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(what or "it did not come to pass")


class Watch:
    """Observing, as the daemon runs it."""

    def __init__(self, host: SmallHost, state: Path) -> None:
        self.host = host
        self.api = FakeApi(host)
        self.inventory = Inventory({"here": host.variables()})
        self.settings = types.SimpleNamespace(
            state_dir=str(state),
            ansible_config="",
            environment={},
            health_interval=0.3,
            health_failures=2,
            repairs_per_hour=4,
            metrics_interval=0.5,
            follow_logs=True,
        )
        self.repaired: list[tuple[str, str]] = []
        self.mend: Callable[[str], Awaitable[bool]] | None = None

    async def repair(self, deployment_id: str, reason: str) -> bool:
        self.repaired.append((deployment_id, reason))
        return await self.mend(deployment_id) if self.mend else False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Observing]:
        found = Observing(
            self.settings, self.api, self.inventory, self.repair, log=logging.getLogger("listener.observing")
        )
        task = asyncio.ensure_future(found.run())
        try:
            yield found
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def log_bytes() -> str:
    """When supervisor rotates a log."""
    return "10MB"


@pytest.fixture
def host(log_bytes: str) -> Iterator[SmallHost]:
    """A host of the test's own."""
    base = Path(tempfile.mkdtemp(prefix="lgo-", dir="/tmp"))
    found = SmallHost(base, log_bytes)
    try:
        yield found
    finally:
        for deployment in found.deployments:
            for unit in deployment.units:
                # Not SIGKILL: supervisor starts anew what dies, and what it just forks does not hear that it shall end.
                with contextlib.suppress(OSError, ServiceError):
                    unit.signal(signal.SIGCONT)
        found.supervisor.stop()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def watch(host: SmallHost, tmp_path: Path) -> Watch:
    """Observing of that host."""
    return Watch(host, tmp_path)
