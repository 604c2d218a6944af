# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the Redis instance of one deployment.

Never restarted as a side effect: a restart in the middle of runs can make them run twice. A change is put into the
running instance where Redis can do that, and else only written down, with the reason why a restart is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import secrets
import shutil
import tempfile
import time
import typing as t
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._probe import check_port
from ansible_collections.selfhosted.langgraph.plugins.module_utils._redis_client import (
    RedisClient,
    RedisError,
    Refused,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import Services

HOST = "127.0.0.1"
ADMINISTRATOR = "administrator"
#: Everything a server needs, and nothing that configures, stops or empties the instance. CLIENT belongs to @admin in
#: Redis 6, but every client library names itself with it.
RIGHTS = "~* &* +@all -@admin -@dangerous +client +info +keys +sort"
_SIZE = re.compile(r"(\d+)(b|kb?|mb?|gb?)?", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}
_START_SECONDS = 30.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Wanted:
    """What the instance should be. settings: directives of redis.conf beside those that this module sets."""

    port: int
    username: str
    password: str
    unit_text: str
    maxmemory: str = "0"
    user: str | None = None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """What was done or would be, and why a restart is still needed."""

    actions: list[str] = field(default_factory=list)
    restart_reasons: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


def uri(found: t.Mapping[str, t.Any], password: str) -> str:
    """REDIS_URI of a server. found: {host, port, username}."""
    user, secret = (urllib.parse.quote(str(word), safe="") for word in (found["username"], password))
    return f"redis://{user}:{secret}@{found['host']}:{found['port']}/0"


def normal(value: str) -> str:
    """A setting's value as it is compared: Redis answers sizes in bytes and knows no quotes."""
    text = value.strip().strip('"').lower()
    found = _SIZE.fullmatch(text)
    return str(int(found.group(1)) * _FACTORS[(found.group(2) or "").lower()]) if found else text


def digest(password: str) -> str:
    """How an ACL file holds a password."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _plain(text: str) -> str:
    """A unit's text without what `enable` sets in it (supervisor)."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("autostart=")).strip()


def listening_ports(pid: int) -> set[int]:
    """TCP ports on which a process listens; empty where that cannot be seen."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        links = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in links:
                found.add(int(words[1].rpartition(":")[2], 16))
    return found


class Instance:
    """Files, unit and running process of one instance. Errors are HostError."""

    def __init__(self, paths: HostPaths, services: Services, wanted: Wanted | None) -> None:
        self.paths = paths
        self.services = services
        self.wanted = wanted
        self.unit = paths.redis_unit
        self.home = paths.home / "redis"
        self.data = self.home / "data"
        self.conf = self.home / "redis.conf"
        self.acl = self.home / "users.acl"
        self.key = self.home / "administrator.password"

    # -- texts ---------------------------------------------------------------------------------------------------------

    def directives(self, wanted: Wanted) -> dict[str, str]:
        """redis.conf as a mapping; what the user sets comes last and wins, except for what keeps the instance ours."""
        supervised = "systemd" if self.services.platform == "systemd" else "no"
        return {
            "tcp-keepalive": "60",
            "loglevel": "notice",
            "databases": "1",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": wanted.maxmemory,
            "maxmemory-policy": "noeviction",
            **wanted.settings,
            "bind": HOST,
            "port": str(wanted.port),
            "protected-mode": "yes",
            "daemonize": "no",
            "supervised": supervised,
            "dir": f'"{self.data}"',
            "aclfile": f'"{self.acl}"',
        }

    def _conf_text(self, wanted: Wanted) -> str:
        lines = [f"{name} {value}\n" for name, value in self.directives(wanted).items()]
        return "# Written by selfhosted.langgraph.server_redis; changes by hand are lost.\n" + "".join(lines)

    def _acl_text(self, wanted: Wanted, administrator: str) -> str:
        return (
            "user default off nopass -@all\n"
            f"user {wanted.username} on {digest(wanted.password)} {RIGHTS}\n"
            f"user {ADMINISTRATOR} on {digest(administrator)} ~* &* +@all\n"
        )

    # -- files ---------------------------------------------------------------------------------------------------------

    def _owner(self, user: str | None) -> tuple[int, int]:
        """(user, group) of the process; our own ids where no user is named."""
        if not user or os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        try:
            found = pwd.getpwnam(user)
        except KeyError as error:
            raise RedisError(f"There is no user {user} on this host; apply the role langgraph_redis first.") from error
        return found.pw_uid, found.pw_gid

    def _directories(self, wanted: Wanted) -> None:
        uid, gid = self._owner(wanted.user)
        for path, mode, owner in ((self.home, 0o750, os.geteuid()), (self.data, 0o700, uid)):
            path.mkdir(mode=mode, exist_ok=True)
            os.chown(path, owner, gid)
            path.chmod(mode)

    @staticmethod
    def _read(path: Path) -> str | None:
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _put(self, path: Path, text: str, group: int, mode: int = 0o640) -> None:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), mode)
            os.fchown(stream.fileno(), os.geteuid(), group)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)

    def _administrator(self) -> str:
        """The administrator's password on this host, made when missing."""
        text = (self._read(self.key) or "").strip()
        if not text:
            text = secrets.token_urlsafe(24)
            self._put(self.key, text + "\n", os.getegid(), 0o600)
        return text

    # -- running -------------------------------------------------------------------------------------------------------

    def running(self) -> bool:
        status = self.services.status(self.unit)
        return status.active or status.starting

    def _client(self, wanted: Wanted) -> RedisClient:
        """Log in as administrator."""
        try:
            return RedisClient(HOST, self._live_port(wanted), ADMINISTRATOR, self._administrator())
        except Refused as error:
            raise RedisError(
                f"Redis of {self.paths.slug} does not let its administrator in ({error}): {self.key} is not the one"
                f" that it was started with; restart {self.unit} while no run is active."
            ) from error

    def _live_port(self, wanted: Wanted) -> int:
        """The port on which the process listens now: where a change of it needs a restart, it is still the old one."""
        ports = listening_ports(self.services.status(self.unit).pid)
        return wanted.port if wanted.port in ports or not ports else min(ports)

    def _accepts(self, wanted: Wanted) -> bool:
        """The server's own user gets in with its password."""
        try:
            RedisClient(HOST, self._live_port(wanted), wanted.username, wanted.password).close()
        except Refused:
            return False
        return True

    def _wait(self, wanted: Wanted, mark: float) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self._client(wanted) as client:
                    client.call("PING")
                return
            except Refused as error:
                if not str(error).startswith("LOADING"):
                    raise self._failed(str(error), mark) from error
            except RedisError as error:
                status = self.services.status(self.unit)
                if time.monotonic() >= deadline or not (status.active or status.starting):
                    raise self._failed(f"{error} Its unit says {status.result or 'nothing'}.", mark) from error
            time.sleep(_POLL_SECONDS)

    def _failed(self, reason: str, mark: float) -> RedisError:
        tail = self.services.log_tail(self.unit, since=mark).splitlines()
        return RedisError(f"Redis of {self.paths.slug} does not come up: {reason}", log_tail=tail)

    # -- present -------------------------------------------------------------------------------------------------------

    def present(self, check: bool, before_change: t.Callable[[], None]) -> Outcome:
        """Bring it to what is wanted. before_change: called before each step that changes something (the fence)."""
        wanted = t.cast(Wanted, self.wanted)
        outcome = Outcome()
        running = self.running()
        if not running:
            port = check_port(self.paths, wanted.port)
            if not port["ok"]:
                raise RedisError(f"Redis of {self.paths.slug} cannot be started: {port['message']}")
        self._files(wanted, outcome, check, before_change, running)
        if running:
            self._adjust(wanted, outcome, check, before_change)
        elif check:
            outcome.actions.append("start")
        else:
            before_change()
            self._start(wanted)
            outcome.actions.append("start")
        return outcome

    def _files(
        self, wanted: Wanted, outcome: Outcome, check: bool, before_change: t.Callable[[], None], running: bool
    ) -> None:
        group = self._owner(wanted.user)[1]
        if not check and not self.data.is_dir():
            before_change()
            self._directories(wanted)
        administrator = (self._read(self.key) or "").strip() if check else self._administrator()
        texts = (
            (self.conf, self._conf_text(wanted), "configuration"),
            (self.acl, self._acl_text(wanted, administrator), "users"),
        )
        for path, text, word in texts:
            old = self._read(path)
            if old == text:
                continue
            outcome.actions.append(f"write {word}")
            if word == "configuration":
                outcome.diff.append(
                    {"before_header": path.name, "after_header": path.name, "before": old or "", "after": text}
                )
            if not check:
                before_change()
                self._put(path, text, group)
                if word == "users" and running:
                    self._load_users(wanted, outcome)
        if _plain(self.services.installed_text(self.unit) or "") != _plain(wanted.unit_text):
            outcome.actions.append("write unit")
            if not check:
                before_change()
                self.services.install(self.unit, wanted.unit_text)
        if not self.services.status(self.unit).enabled:
            outcome.actions.append("enable")
            if not check:
                before_change()
                self.services.enable(self.unit)

    def _load_users(self, wanted: Wanted, outcome: Outcome) -> None:
        try:
            with self._client(wanted) as client:
                client.call("ACL", "LOAD")
        except Refused as error:
            outcome.restart_reasons.append(f"the users cannot be loaded while it runs ({error})")

    def _start(self, wanted: Wanted) -> None:
        mark = self.services.log_mark(self.unit)
        self.services.start(self.unit)
        self._wait(wanted, mark)

    def _adjust(self, wanted: Wanted, outcome: Outcome, check: bool, before_change: t.Callable[[], None]) -> None:
        """Put what differs into the running process."""
        if not check and not self._accepts(wanted):
            before_change()
            self._load_users(wanted, outcome)
            outcome.actions.append("load users")
        if check and not self.key.exists():
            return
        with self._client(wanted) as client:
            for name, value in self.directives(wanted).items():
                live = self._get(client, name)
                if live is None or normal(live) == normal(value):
                    continue
                if check:
                    outcome.actions.append(f"set {name}")
                    continue
                before_change()
                try:
                    client.call("CONFIG", "SET", name, value.strip('"'))
                except Refused as error:
                    outcome.restart_reasons.append(f"{name} cannot be changed while it runs ({error})")
                    continue
                if self._get(client, name) != live:
                    outcome.actions.append(f"set {name}")
        started = self.services.status(self.unit).started_at
        with contextlib.suppress(FileNotFoundError):
            if started and self.paths.unit_file(self.unit).stat().st_mtime > started + 1:
                outcome.restart_reasons.append("its unit was changed after it was started")

    @staticmethod
    def _get(client: RedisClient, name: str) -> str | None:
        answer = client.call("CONFIG", "GET", name)
        return answer[1] if len(answer) > 1 else None

    # -- absent --------------------------------------------------------------------------------------------------------

    def absent(self, check: bool, before_change: t.Callable[[], None]) -> Outcome:
        """Stop it and remove everything it had."""
        outcome = Outcome()
        if self.services.installed_text(self.unit) is not None or self.services.status(self.unit).installed:
            outcome.actions.append("remove unit")
            if not check:
                before_change()
                self.services.remove(self.unit)
        if self.home.is_dir():
            outcome.actions.append("remove data")
            if not check:
                before_change()
                shutil.rmtree(self.home)
        return outcome
