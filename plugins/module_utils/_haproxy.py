# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the proxy in front of the servers: its routes on disk and its running workers, kept in step.

Order of a switch, so that no request is lost: new server ``ready``, wait until it is healthy, old server ``drain``,
wait until nothing can reach it any more, stop it, and only then `Proxy.write_active`, which makes the choice survive a
restart. It reloads nothing as long as the running workers agree with the file.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import fcntl
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy_files import (
    Route,
    backend_name,
    clash,
    maps,
    parse,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy_runtime import (
    ProxyError,
    Runtime,
    ServerState,
)

CONFIG_DIR = "/etc/langgraph-proxy"
SOCKET = "/run/langgraph-proxy/admin.sock"
SERVICE = "langgraph-proxy"
_RELOAD_SECONDS = 20.0
_KEEP_ALIVE_SECONDS = 60.0
_POLL_SECONDS = 0.1

Run = c.Callable[[list[str]], tuple[int, str, str]]


def _run(argv: list[str]) -> tuple[int, str, str]:
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
            argv, check=False, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise ProxyError(f"{argv[0]} is not installed on this host; apply the role langgraph_proxy first.") from error
    return done.returncode, done.stdout, done.stderr


def open_proxy(
    config_dir: str = CONFIG_DIR,
    socket: str = SOCKET,
    service: str = SERVICE,
    binary: str = "/usr/sbin/haproxy",
    run: Run | None = None,
) -> Proxy:
    """The proxy of this host. run: runs a command (a module's ``run_command`` fits)."""
    return Proxy(Path(config_dir), socket, service, binary, run or _run)


@dataclasses.dataclass(frozen=True)
class Change:
    """What a change of routes does to the files: path -> text (None: the file goes away)."""

    before: dict[str, str | None]
    after: dict[str, str | None]

    def __bool__(self) -> bool:
        return self.before != self.after

    def diff(self) -> list[dict[str, str]]:
        """One entry for each file that differs, as Ansible shows them."""
        return [
            {"before_header": name, "after_header": name, "before": self.before.get(name) or "", "after": text or ""}
            for name, text in self.after.items()
            if self.before.get(name) != text
        ]


class Proxy:
    """Routes and running state. All errors are ProxyError."""

    def __init__(self, config_dir: Path, socket: str, service: str, binary: str, run: Run) -> None:
        self.config_dir = config_dir
        self.conf_d = config_dir / "conf.d"
        self.maps_dir = config_dir / "maps"
        self.socket = socket
        self.service = service
        self.binary = binary
        self._run = run
        self._pending = config_dir / ".reload-pending"

    # -- running state (what server_switch needs) ----------------------------------------------------------------------

    def set_server(self, slug: str, colour: str, state: str) -> bool:
        """Bring a server to ready, drain or maint; whether it changed."""
        return Runtime(self.socket).set_state(backend_name(slug), colour, state)

    def server(self, slug: str, colour: str) -> ServerState:
        """How a server stands; ``sessions`` are those of all workers."""
        return Runtime(self.socket).state(backend_name(slug), colour)

    def sessions(self, slug: str, colour: str) -> int:
        """Requests in flight to a server and queued ones, over all workers."""
        return self.server(slug, colour).sessions

    def server_states(self, slug: str) -> dict[str, str]:
        """{colour: ready|drain|maint} of the running proxy; {} when it knows no route of this slug."""
        return {name: found.admin for name, found in Runtime(self.socket).servers(backend_name(slug)).items()}

    def wait_healthy(self, slug: str, colour: str, timeout: float) -> None:
        """Return once the proxy would send requests to this server; ProxyError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (state := self.server(slug, colour)).up:
            if time.monotonic() >= deadline:
                raise ProxyError(
                    f"The proxy does not see {colour} of {slug} as healthy after {timeout:g} s "
                    f"(it says {state.admin}, {state.status}); look at the server's /ok."
                )
            time.sleep(_POLL_SECONDS)

    def wait_drained(self, slug: str, colour: str, timeout: float) -> int:
        """Wait until a server has no session left and can get none, at most `timeout` seconds; how many are left.

        Shortly after a reload that takes up to the time for which idle connections are kept.
        """
        deadline = time.monotonic() + timeout
        keep_alive = self._keep_alive()
        while True:
            # First whether more can come, then what is there: the other way round one could slip in between.
            settled = Runtime(self.socket).settled(keep_alive)
            left = self.sessions(slug, colour)
            if (settled and not left) or time.monotonic() >= deadline:
                return left
            time.sleep(_POLL_SECONDS)

    def _keep_alive(self) -> float:
        """Seconds for which the proxy keeps an idle connection."""
        text = self._read("conf.d/00-langgraph-proxy.cfg") or ""
        found = re.search(r"^\s*timeout http-keep-alive (\d+)(ms|s|m|h)?\s*$", text, re.MULTILINE)
        if not found:
            return _KEEP_ALIVE_SECONDS
        return int(found.group(1)) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}[found.group(2) or "ms"]

    def running(self) -> bool:
        """The service is active."""
        return self._run(["systemctl", "is-active", "--quiet", self.service])[0] == 0

    # -- routes --------------------------------------------------------------------------------------------------------

    def routes(self) -> list[Route]:
        """Every route on disk, by slug."""
        found = (parse(path.read_text(encoding="utf-8")) for path in sorted(self.conf_d.glob("50-*.cfg")))
        return [route for route in found if route is not None]

    def route(self, slug: str) -> Route | None:
        return next((route for route in self.routes() if route.slug == slug), None)

    def active(self, slug: str) -> str | None:
        """The colour that the written configuration lets serve."""
        found = self.route(slug)
        return found.active if found else None

    def plan(self, slug: str, wanted: Route | None) -> Change:
        """What the files become when `slug` has the route `wanted` (None: no route). Writes nothing."""
        others = [route for route in self.routes() if route.slug != slug]
        if wanted is not None:
            problem = clash(wanted.checked(), others, (self._read("services.lst") or "").split())
            if problem:
                raise ProxyError(problem)
        after: dict[str, str | None] = {f"conf.d/50-{slug}.cfg": wanted.render() if wanted else None}
        after.update({f"maps/{name}": text for name, text in maps([*others, *([wanted] if wanted else [])]).items()})
        return Change({name: self._read(name) for name in after}, after)

    def apply(self, slug: str, wanted: Route | None, check: bool = False) -> tuple[bool, Change]:
        """Bring files and running proxy to this route: (changed, what the files became). Validated first."""
        if not self.conf_d.is_dir():
            if check:
                return True, Change({}, {f"conf.d/50-{slug}.cfg": wanted.render() if wanted else None})
            raise ProxyError(f"{self.conf_d} does not exist; apply the role langgraph_proxy first.")
        with self._locked():
            change = self.plan(slug, wanted)
            reload = self._pending.exists() or not self._in_step(slug, wanted)
            if check or not (change or reload):
                return bool(change) or reload, change
            self._pending.touch()
            self._write(change)
            self._reload()
            self._pending.unlink()
            return True, change

    def write_active(self, slug: str, colour: str) -> bool:
        """Let `colour` serve after a restart too; False when the file and the running proxy say so already."""
        with self._locked():
            found = self.route(slug)
            if found is None:
                raise ProxyError(f"The proxy has no route of {slug}; write it with module proxy_route first.")
            wanted = dataclasses.replace(found, active=colour)
            change = self.plan(slug, wanted)
            if change:
                self._write(change)
            if self._in_step(slug, wanted):
                return bool(change)
            self._reload()
            return True

    # -- files ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> c.Iterator[None]:
        """One writer of routes at a time: the maps belong to all deployments."""
        handle = os.open(self.conf_d, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self, name: str) -> str | None:
        try:
            return (self.config_dir / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _put(self, texts: dict[str, str | None]) -> None:
        for name, text in texts.items():
            path = self.config_dir / name
            if text is None:
                path.unlink(missing_ok=True)
                continue
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                os.fchmod(stream.fileno(), 0o644)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, path)

    def _write(self, change: Change) -> None:
        """Put the texts in place; the old ones come back when HAProxy refuses the whole."""
        self._put(change.after)
        code, out, err = self._run([self.binary, "-c", "-q", "-f", str(self.conf_d)])
        if code:
            self._put(change.before)
            self._pending.unlink(missing_ok=True)
            lines = [line for line in (err or out).splitlines() if "[ALERT]" in line] or (err or out).splitlines()
            raise ProxyError(
                f"HAProxy refuses its configuration with the new route: {lines[0].strip() if lines else 'no reason'}",
                log_tail=lines[-20:],
            )

    def _in_step(self, slug: str, wanted: Route | None) -> bool:
        """The running proxy already does what `wanted` says, as far as it can be asked."""
        try:
            known = Runtime(self.socket).servers(backend_name(slug))
        except ProxyError:
            return False
        if wanted is None:
            return not known
        ports = {name: server.port for name, server in known.items()}
        if ports != wanted.ports:
            return False
        # A drained server that is not the active one is on its way out: nothing to put right.
        return all((known[name].admin == "ready") == (name == wanted.active) for name in known)

    def _reload(self) -> None:
        """Let the proxy take the files, and wait until the new worker serves. A stopped proxy is started."""
        if not self.running():
            self._systemctl("start")
            return
        runtime = Runtime(self.socket)
        before = set(runtime.workers().current)
        self._systemctl("reload")
        deadline = time.monotonic() + _RELOAD_SECONDS
        while runtime.master and time.monotonic() < deadline:
            try:
                current = set(runtime.workers().current)
            except ProxyError:  # the master is executing itself anew
                current = set()
            if current and current.isdisjoint(before):
                return
            time.sleep(_POLL_SECONDS)
        if runtime.master:
            raise ProxyError(
                f"The proxy took its configuration not within {_RELOAD_SECONDS:g} s; see journalctl -u {self.service}."
            )

    def _systemctl(self, verb: str) -> None:
        code, out, err = self._run(["systemctl", verb, f"{self.service}.service"])
        if code:
            raise ProxyError(
                f"systemctl {verb} {self.service} failed: {(err or out).strip()}; see journalctl -u {self.service}."
            )
