# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole small installation as real processes: records, control plane, a supervised host, listener processes.

Its servers are of flavour small, so that it holds hundreds of them. With ``stock`` the host has a Postgres and a Redis
for servers of the stock flavour, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._sources import pack_directory
from tests.support.control_plane import ControlPlane
from tests.support.listener import ListenerDaemon
from tests.support.ports import port_range
from tests.support.postgres import PostgresServer
from tests.support.servers import Supervisor, redis_binary
from tests.support.starts import Start, read_starts
from tests.support.wire import Wire

GRAPHS = Path(__file__).parent / "graphs"
FINAL = ("DEPLOYED", "BUILD_FAILED", "DEPLOY_FAILED", "CREATE_FAILED", "INTERRUPTED", "SKIPPED", "REPLACED")
LISTENER = "here"
#: In the environment of everything that the listeners of an installation start.
MARK = "INSTALLATION_UNDER_TEST"
Answer = TypeVar("Answer")


class Installation:
    """``with Installation() as found``. The listeners reach the API by ``wire``; users go there directly."""

    def __init__(self, *, stock: bool = False, **plane_settings: Any) -> None:
        self.mark = uuid.uuid4().hex
        self.base = Path(tempfile.mkdtemp(prefix="lgi-", dir="/tmp"))
        self.root = self.base / "langgraph"
        # What was answered must be there after a kill. The machine itself is not switched off: no fsync.
        self.postgres = PostgresServer(synchronous_commit="on", max_connections="100")
        self.database = PostgresServer(max_connections="100") if stock else None
        self.daemons: list[ListenerDaemon] = []
        self._plane_settings = plane_settings
        self._ended = contextlib.ExitStack()

    # -- life ----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Installation:
        with contextlib.ExitStack() as started:
            started.callback(shutil.rmtree, self.base, ignore_errors=True)
            for server in filter(None, (self.postgres, self.database)):
                started.callback(server.remove)
                server.start()
            key = self.base / "records.key"
            key.write_text(generate_key() + "\n")
            key.chmod(0o600)
            dsn = self.postgres.dsn(self.postgres.create_database())
            self.plane = ControlPlane(dsn, key, **self._plane_settings)
            started.callback(self.plane.remove)
            self.plane.start()
            self.wire = started.enter_context(Wire(self.plane.port))
            self.supervisor = Supervisor(self.base / "sv")
            started.callback(self.supervisor.stop)
            self._write_inventory()
            compute = {"compute_type": "hosts", "compute_id": LISTENER, "compute_config": {}}
            self.listener = self.plane.ask("POST", "/v2/listeners", compute)
            self.key = self.plane.make_key(LISTENER, "listener", listener=LISTENER)
            started.callback(self._remove_daemons)
            self._ended = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def _remove_daemons(self) -> None:
        for daemon in self.daemons:
            daemon.remove()

    def _write_inventory(self) -> None:
        host: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "langgraph_platform": "supervisor",
            "langgraph_root": str(self.root),
            "langgraph_supervisor_dir": str(self.supervisor.directory),
            "langgraph_port_range": port_range(1600),  # five for each deployment
            "langgraph_server_drain_timeout": 10,
            "langgraph_server_gate_timeout": 60,
        }
        if self.database is not None:
            host["langgraph_postgres_login_dsn"] = self.database.tcp_dsn("postgres")
            host["langgraph_redis_binary"] = redis_binary(self.base)
            host["langgraph_server_uv_env"] = {
                name: os.environ[name]
                for name in ("UV_DEFAULT_INDEX", "HTTPS_PROXY", "NO_PROXY")
                if os.environ.get(name)
            }
        self.inventory = self.base / "inventory.json"
        self.inventory.write_text(json.dumps({"langgraph_servers": {"hosts": {"here": host}}}))

    def listen(self, count: int = 1, **settings: Any) -> list[ListenerDaemon]:
        """Start so many processes of the listener; they neither watch nor check unless told to."""
        quiet = {"health_interval": 0, "metrics_interval": 0, "follow_logs": False, "drift_interval": 0}
        url = f"{self.wire.url}/api-host"
        made = [
            ListenerDaemon(url, self.key, self.inventory, {MARK: self.mark}, **{**quiet, **settings})
            for _number in range(count)
        ]
        self.daemons += made
        for daemon in made:
            daemon.start(wait=False)
        for daemon in made:
            daemon.until(partial(daemon.lines, "the control plane answers"), 90)
        return made

    # -- what users do -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def records(self, workspace: str = "default") -> Iterator[Records]:
        """The records as a user's module reaches them: by the API."""
        found = open_records({"api_url": self.plane.url, "api_key": self.plane.key, "workspace": workspace})
        try:
            yield found
        finally:
            found.close()

    def store(self, directory: Path, workspace: str = "default") -> str:
        """Store a source; its SHA-256, for ``apply_deployment``."""
        with pack_directory(str(directory)) as packed, self.records(workspace) as records:
            sha256: str = records.put_source(packed.file)["sha256"]
            return sha256

    def deployments(self) -> list[dict[str, Any]]:
        """All deployments."""
        with self.records() as records:
            return _all(records.deployments)

    def revisions(self, deployment_id: str) -> list[dict[str, Any]]:
        """All revisions of a deployment, the oldest first."""
        with self.records() as records:
            return _all(partial(records.revisions, deployment_id))[::-1]

    # -- looking -------------------------------------------------------------------------------------------------------

    def home(self, slug: str) -> Path:
        """The deployment's directory on the host."""
        return self.root / slug

    def starts(self, slug: str) -> list[Start]:
        """What its servers noted."""
        return read_starts(self.home(slug))

    def marked(self) -> dict[int, str]:
        """Processes that a listener of this installation started and that are there: pid -> command."""
        found: dict[int, str] = {}
        own = {daemon.process.pid for daemon in self.daemons if daemon.process is not None}
        wanted = f"{MARK}={self.mark}".encode()
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) not in own:
                with contextlib.suppress(OSError):
                    if wanted in (process / "environ").read_bytes().split(b"\0"):
                        command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                        found[int(process.name)] = command.decode("utf-8", "replace")[:200]
        return found


def _all(page: Callable[..., list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All items of a list that comes in pages."""
    found: list[dict[str, Any]] = []
    while True:
        items = page(limit=100, offset=len(found))
        found += items
        if len(items) < 100:
            return found


def until(
    good: Callable[[], Answer], seconds: float, what: str, told: Callable[[], str] = str, pause: float = 0.1
) -> Answer:
    """Wait for something, through times in which nobody answers; its first true value."""
    deadline = time.monotonic() + seconds
    while True:
        problem = ""
        try:
            if found := good():
                return found
        except (httpx.HTTPError, RecordsError) as error:
            problem = f" ({error})"
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}{problem}\n{told()}"
        time.sleep(pause)


def tails(daemons: Iterable[ListenerDaemon], size: int = 3000) -> str:
    """The ends of the listeners' logs."""
    return "\n".join(f"-- {daemon.home}\n{daemon.log[-size:]}" for daemon in daemons)
