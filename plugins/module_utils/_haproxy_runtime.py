# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: talk to running HAProxy workers over their runtime API.

HAProxy keeps the workers of before a reload until their last session ends. Those can be asked, over the socket of the
master process (``master.sock`` beside the stats socket), but not be told: they refuse changes of a server's state. On a
connection that was idle at the reload they still take one more request, to the server that was active then. So before a
server is stopped, its sessions have to be gone in **all** workers, and idle connections of old workers must have timed
out: `Runtime.settled` says so.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import re
import socket
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

STATES = ("ready", "drain", "maint")
MASTER_SOCKET = "master.sock"
_MAINT_BITS = 0x01 | 0x02 | 0x20
_DRAIN_BITS = 0x08 | 0x10
_ANSWER_SECONDS = 10.0
#: Health of a server whose last check passed: rise + fall - 1, with the values that routes are written with.
HEALTHY = 2
_UPTIME = re.compile(r"(\d+)d(\d+)h(\d+)m(\d+)s")


class ProxyError(HostError):
    """The proxy cannot be handled; the message is one sentence that names what to do."""


@dataclasses.dataclass(frozen=True)
class ServerState:
    """One server of a backend as one worker sees it. ``sessions`` counts requests in flight and queued ones."""

    admin: str
    status: str
    sessions: int
    health: int = 0

    @property
    def up(self) -> bool:
        """It takes requests: ready by the administrator, and a check since then has passed.

        A server that was just made ready counts as UP for HAProxy until its first check fails.
        """
        return self.admin == "ready" and self.status.startswith("UP") and self.health >= HEALTHY


class Server(t.NamedTuple):
    """A server as the configuration and the administrator have it. ``health``: checks that passed, at most HEALTHY."""

    admin: str
    address: str
    port: int
    health: int


@dataclasses.dataclass(frozen=True)
class Workers:
    """Process ids of the current workers and of those from before a reload; seconds since the last reload."""

    current: list[int]
    old: list[int]
    uptime: float = 0.0


def parse_workers(text: str) -> Workers:
    """``show proc`` of the master."""
    current: list[int] = []
    old: list[int] = []
    uptimes: list[float] = []
    target: list[int] | None = None
    for line in text.splitlines():
        if line.startswith("#"):
            word = line.strip("# ").strip()
            target = {"workers": current, "old workers": old}.get(word)
            continue
        words = line.split()
        if target is not None and len(words) > 1 and words[0].isdigit() and words[1] == "worker":
            target.append(int(words[0]))
            found = _UPTIME.fullmatch(words[3]) if target is current and len(words) > 3 else None
            if found:
                days, hours, minutes, seconds = (int(word) for word in found.groups())
                uptimes.append(((days * 24 + hours) * 60 + minutes) * 60.0 + seconds)
    return Workers(current, old, min(uptimes, default=0.0))


def parse_stat(text: str, backend: str) -> dict[str, tuple[str, int]]:
    """``show stat`` (CSV): server name -> (status, sessions in flight and queued) of one backend."""
    rows = csv.DictReader(io.StringIO(text.lstrip("# ")))
    return {
        row["svname"]: (row["status"] or "", int(row["scur"] or 0) + int(row["qcur"] or 0))
        for row in rows
        if row.get("pxname") == backend and row.get("svname") not in ("BACKEND", "FRONTEND", None)
    }


def parse_servers(text: str) -> dict[str, Server]:
    """``show servers state BACKEND``: servers by name."""
    names: list[str] = []
    found: dict[str, Server] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            names = line[2:].split()
            continue
        values = line.split()
        if not names or len(values) < len(names) - 1:
            continue
        row = dict(zip(names, values, strict=False))
        bits = int(row["srv_admin_state"])
        admin = "maint" if bits & _MAINT_BITS else "drain" if bits & _DRAIN_BITS else "ready"
        found[row["srv_name"]] = Server(admin, row["srv_addr"], int(row["srv_port"]), int(row["srv_check_health"]))
    return found


def ask(path: str, command: str) -> str:
    """Send one command to a socket of HAProxy; the whole answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ProxyError(f"HAProxy does not answer on {path} ({reason}); start the service langgraph-proxy.") from error
    return b"".join(parts).decode("utf-8", errors="replace")


class Runtime:
    """All workers of one HAProxy. ``path`` is its stats socket (level admin)."""

    def __init__(self, path: str) -> None:
        self.path = path
        master = os.path.join(os.path.dirname(path), MASTER_SOCKET)
        self.master = master if os.path.exists(master) else None

    # -- workers -------------------------------------------------------------------------------------------------------

    def workers(self) -> Workers:
        """All workers; none without a master socket."""
        return parse_workers(ask(self.master, "show proc")) if self.master else Workers([], [])

    def settled(self, keep_alive: float) -> bool:
        """No old worker can bring another request: there is none, or its idle connections have timed out."""
        workers = self.workers()
        return not workers.old or workers.uptime > keep_alive

    def _old(self, pid: int, command: str) -> str:
        """Ask a worker of before a reload; an empty answer when it has ended meanwhile."""
        try:
            answer = ask(t.cast(str, self.master), f"@!{pid} {command}")
        except ProxyError:
            return ""
        return "" if answer.startswith(("Can't find the target", "Can't connect")) else answer

    # -- reading -------------------------------------------------------------------------------------------------------

    def servers(self, backend: str) -> dict[str, Server]:
        """Servers of a backend in the current worker: {} if it is unknown."""
        return parse_servers(ask(self.path, f"show servers state {backend}"))

    def state(self, backend: str, server: str) -> ServerState:
        """How a server stands in the current worker; its sessions are those of all workers."""
        known = self.servers(backend)
        if server not in known:
            raise ProxyError(
                f"The running proxy knows no server {backend}/{server}; write its route with module proxy_route first."
            )
        status, count = parse_stat(ask(self.path, f"show stat {backend} 4 -1"), backend).get(server, ("", 0))
        for pid in self.workers().old:
            count += parse_stat(self._old(pid, f"show stat {backend} 4 -1"), backend).get(server, ("", 0))[1]
        return ServerState(known[server].admin, status, count, known[server].health)

    # -- changing ------------------------------------------------------------------------------------------------------

    def set_state(self, backend: str, server: str, state: str) -> bool:
        """Bring a server to ready, drain or maint in the current worker; whether it changed."""
        if state not in STATES:
            raise ProxyError(
                f"State {state!r} of server {backend}/{server} is unknown; use one of {', '.join(STATES)}."
            )
        command = f"set server {backend}/{server} state {state}"
        before = self.state(backend, server).admin
        if before != state:
            answer = ask(self.path, command).strip()
            if answer:
                raise ProxyError(f"HAProxy refuses '{command}': {answer}")
        return before != state
