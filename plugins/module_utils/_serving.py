# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what of a deployment is installed and runs on this host, and the small steps that change it.

Where a switch stands is read from the world, never from memory: each installed unit's first line says which revision
and which connections it was made for, the platform says what runs, and the proxy where requests go. ``state.json`` is
what the last finished switch left; it is written last.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import hashlib
import json
import os
import re
import shutil
import tempfile
import typing as t
from functools import partial
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _needs
from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import Fence
from ansible_collections.selfhosted.langgraph.plugins.module_utils._gate import Gate
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import (
    COLOURS,
    HostPaths,
    RevisionPaths,
    other_colour,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import Services, Status

_HEADER = re.compile(r"^# langgraph revision (\d+) (\S+) connections (\w+)$")
# Place holders in the unit texts of a revision; the rest of them was written when it was staged.
COLOUR_MARK = "__COLOUR__"
CONNECTIONS_MARK = "__CONNECTIONS__"


class Made(t.NamedTuple):
    """What a unit was made for."""

    revision: int
    revision_id: str
    connections: str


@dataclasses.dataclass(frozen=True)
class State:
    """What serves, as the last finished switch left it. `queue` is the colour of the queue units."""

    colour: str
    queue: str
    revision: int
    revision_id: str
    connections: str

    @property
    def made(self) -> Made:
        return Made(self.revision, self.revision_id, self.connections)


@dataclasses.dataclass(frozen=True)
class Revision:
    """A staged revision and the texts of its units."""

    number: int
    id: str
    paths: RevisionPaths
    connections: str

    @property
    def made(self) -> Made:
        return Made(self.number, self.id, self.connections)

    def text(self, kind: str, colour: str) -> str:
        """Unit text of `kind` (api, queue) for a colour."""
        path = self.paths.units / f"{kind}.unit"
        try:
            body = path.read_text(encoding="utf-8")
        except OSError as error:
            raise HostError(f"{path} cannot be read ({error.strerror}); stage revision {self.number} again.") from error
        head = f"# langgraph revision {self.number} {self.id} connections {self.connections}\n"
        return head + body.replace(COLOUR_MARK, colour).replace(CONNECTIONS_MARK, self.connections)


def made_for(text: str | None) -> Made | None:
    """What the first line of a unit's text says, None for no unit or one of somebody else."""
    found = _HEADER.match((text or "").split("\n", 1)[0])
    return Made(int(found[1]), found[2], found[3]) if found else None


def write_json(path: Path, data: t.Any, mode: int = 0o644, group: str | None = None) -> None:
    """Replace a file as a whole; never half a file, never readable by more than `mode` says."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(data, stream, indent=1, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    if group:
        shutil.chown(draft, group=group)
    os.chmod(draft, mode)
    os.replace(draft, path)


def read_json(path: Path) -> t.Any:
    """The file's content, None when it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


class Steps:
    """Runs sub-steps, each only while the claim is the newest one; in check mode it only notes them."""

    def __init__(
        self,
        fence: Fence | None,
        check: bool,
        observe: c.Callable[[str], None] | None = None,
        announced: c.Collection[str] = (),
    ) -> None:
        self.fence = fence
        self.check = check
        self.announced = frozenset(announced) if check else frozenset()
        self.actions: list[str] = []
        self.warnings: list[str] = []
        self._observe = observe

    def do(self, sentence: str, *work: c.Callable[[], t.Any]) -> None:
        """Note `sentence` and do the work. In check mode what an earlier step has announced is not noted again."""
        if sentence in self.announced:
            return
        if not self.check:
            if self._observe:
                self._observe(sentence)
            if self.fence:
                self.fence.check()
            for step in work:
                step()
        self.actions.append(sentence)


class Server:
    """One deployment on this host."""

    def __init__(self, paths: HostPaths, services: Services, ports: dict[str, t.Any], drain: float = 180.0) -> None:
        self.paths = paths
        self.services = services
        self.ports = ports
        self.drain = drain

    # -- files ---------------------------------------------------------------------------------------------------------

    @property
    def ports_file(self) -> Path:
        return self.paths.home / "ports.json"

    def state(self) -> State | None:
        data = read_json(self.paths.state)
        if not isinstance(data, dict):
            return None
        try:
            colour, queue, identity = str(data["colour"]), str(data["queue"]), str(data["revision_id"])
            return State(colour, queue, int(data["revision"]), identity, str(data["connections"]))
        except (KeyError, TypeError, ValueError):
            return None

    def revision(self, number: int, connections: str) -> Revision:
        """A staged revision with the connections of that digest, or HostError."""
        found = self.paths.revision(number)
        meta = read_json(found.meta)
        if not isinstance(meta, dict) or not meta.get("revision_id"):
            raise HostError(
                f"Revision {number} of {self.paths.slug} is not staged on this host; run server_stage for it first."
            )
        return Revision(number, str(meta["revision_id"]), found, connections)

    def staged(self, number: int) -> bool:
        meta = read_json(self.paths.revision(number).meta)
        return isinstance(meta, dict) and bool(meta.get("revision_id"))

    def needs(self, number: int) -> dict[str, bool]:
        """Which of Postgres and Redis a staged revision needs."""
        meta = read_json(self.paths.revision(number).meta)
        return _needs.known(meta.get("needs") if isinstance(meta, dict) else None)

    def has_begun(self, number: int) -> bool:
        """An API unit of this revision is installed."""
        return any((made := self.api_made(colour)) and made.revision == number for colour in COLOURS)

    def begun(self, number: int) -> Revision:
        """The revision as server_start has begun it (perhaps anew, with other connections), or HostError."""
        state = self.state()
        found = [made for colour in COLOURS if (made := self.api_made(colour)) and made.revision == number]
        fresh = [made for made in found if not state or made != state.made]
        if not found:
            raise HostError(
                f"Revision {number} of {self.paths.slug} was not started on this host; run server_start for it first."
            )
        return self.revision(number, (fresh or found)[0].connections)

    def connections_file(self, digest: str) -> Path:
        """DATABASE_URI and REDIS_URI. A file for each digest: a candidate's cannot harm what serves."""
        return self.paths.home / f"connections-{digest}.json"

    def old_connections(self, keep: str) -> list[Path]:
        return [p for p in sorted(self.paths.home.glob("connections-*.json")) if p != self.connections_file(keep)]

    def secret_group(self) -> str | None:
        return self.paths.service_user if self.paths.platform == "systemd" else None

    # -- units ---------------------------------------------------------------------------------------------------------

    def api_made(self, colour: str) -> Made | None:
        return made_for(self.services.installed_text(self.paths.api_unit(colour)))

    def queue_made(self, colour: str) -> Made | None:
        return made_for(self.services.installed_text(self.paths.queue_unit(colour)))

    def api_status(self, colour: str) -> Status:
        return self.services.status(self.paths.api_unit(colour))

    def api_up(self, colour: str) -> bool:
        status = self.api_status(colour)
        return status.active or status.starting

    def queue_instances(self, colour: str) -> list[int]:
        """Numbers of the queue units of a colour that are installed or run."""
        template = self.paths.queue_unit(colour)
        tails = [name[len(template) :] for name in self.services.list(template) if name.startswith(template)]
        return sorted(int(tail) for tail in tails if tail.isdigit())

    def queue_there(self, colour: str) -> bool:
        template = self.paths.queue_unit(colour)
        return self.services.installed_text(template) is not None or bool(self.queue_instances(colour))

    def api_port(self, colour: str) -> int:
        try:
            return int(self.ports["api"][colour])
        except (KeyError, TypeError, ValueError) as error:
            raise HostError(f"No port is given for the API {colour} of {self.paths.slug}; set ports.api.") from error

    def queue_port(self, colour: str, index: int) -> int:
        try:
            return int(self.ports["queue"][f"{colour}-{index}"])
        except (KeyError, TypeError, ValueError) as error:
            raise HostError(
                f"No port is given for queue process {colour}-{index} of {self.paths.slug}; set ports.queue."
            ) from error

    # -- steps ---------------------------------------------------------------------------------------------------------

    def start_api(self, revision: Revision, colour: str, timeout: float, enable: bool = False) -> dict[str, t.Any]:
        """Install, start and gate the API; returns its /info. After a GateError it is left as it is."""
        unit = self.paths.api_unit(colour)
        self.services.install(unit, revision.text("api", colour))
        if enable:
            self.services.enable(unit)
        gate = Gate(self.services, unit, self.api_port(colour), self.services.log_mark(unit))
        self.services.start(unit)
        return gate.wait(revision.id, timeout)

    def gate_api(self, revision: Revision, colour: str, timeout: float) -> dict[str, t.Any]:
        return Gate(self.services, self.paths.api_unit(colour), self.api_port(colour)).wait(revision.id, timeout)

    def drop_api(self, colour: str) -> None:
        """Let it end its answers, stop it and remove its unit."""
        unit = self.paths.api_unit(colour)
        self.services.stop(unit, self.drain + 30)
        self.services.remove(unit)

    def drop_queue(self, colour: str, instances: list[int] | None = None) -> None:
        """Drain queue units at the same time; without `instances` all of the colour and their template go."""
        template = self.paths.queue_unit(colour)
        names = [f"{template}{index}" for index in (self.queue_instances(colour) if instances is None else instances)]
        self.services.stop_all(names, self.drain + 30)
        if instances is None:
            self.services.remove(template)
        else:
            for name in names:
                self.services.disable(name)
                self.services.forget(name)

    def ensure_queue(self, revision: Revision, colour: str, count: int, timeout: float, steps: Steps) -> None:
        """Exactly `count` queue processes of this revision run, are enabled and answer; others of the colour drain."""
        template = self.paths.queue_unit(colour)
        wanted = revision.text("queue", colour)
        made = self.queue_made(colour)
        if self.queue_there(colour) and made != revision.made:
            what = f"revision {made.revision}" if made else "an unknown revision"
            steps.do(f"Drain and remove left-over queue processes {colour} of {what}", lambda: self.drop_queue(colour))
        if self.services.installed_text(template) != wanted:
            steps.do(
                f"Install queue unit {colour} of revision {revision.number}",
                lambda: self.services.install(template, wanted),
            )
        gates = []
        for index in range(1, count + 1):
            unit = self.paths.queue_unit(colour, index)
            status = self.services.status(unit)
            if not status.enabled:
                steps.do(f"Enable queue process {colour}-{index}", partial(self.services.enable, unit))
            if not (status.active or status.starting):
                gate = Gate(self.services, unit, self.queue_port(colour, index), self.services.log_mark(unit))
                steps.do(f"Start queue process {colour}-{index}", partial(self.services.start, unit))
                gates.append(gate)
        if not steps.check:
            for gate in gates:
                gate.wait(None, timeout)
        extra = [index for index in self.queue_instances(colour) if index > count]
        if extra:
            names = ", ".join(f"{colour}-{index}" for index in extra)
            steps.do(f"Drain and remove queue process {names}", lambda: self.drop_queue(colour, extra))

    def save(self, state: State) -> None:
        write_json(self.paths.state, dataclasses.asdict(state))

    def prune(self, keep: c.Collection[int]) -> list[int]:
        """Numbers of the staged revisions that are not in `keep`."""
        try:
            names = os.listdir(self.paths.revisions)
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdigit() and int(name) not in keep)

    def drop_revision(self, number: int) -> None:
        """Remove a revision's directory; first its name goes, so that half of one is never taken for a whole."""
        path = self.paths.revisions / str(number)
        trash = self.paths.revisions / f"{self.paths.staging_prefix(number)}trash"
        shutil.rmtree(trash, ignore_errors=True)
        os.replace(path, trash)
        shutil.rmtree(trash, ignore_errors=True)

    def queue_colour(self, revision: Revision, state: State | None, first: str) -> str:
        """The colour of this revision's queue units: where they are, else the one that the serving ones leave free."""
        for colour in COLOURS:
            if self.queue_made(colour) == revision.made:
                return colour
        return other_colour(state.queue) if state else first


def connections_digest(connections: dict[str, str]) -> str:
    """Short digest of the connections: a unit made for other connections is not the wanted one."""
    return hashlib.sha256(json.dumps(connections, sort_keys=True).encode()).hexdigest()[:12]
