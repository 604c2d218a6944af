# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: start a revision beside the one that serves, or put right what serves; give a candidate up."""

from __future__ import annotations

import collections.abc as c
import contextlib
import time
import typing as t
from functools import partial

from ansible_collections.selfhosted.langgraph.plugins.module_utils._gate import Gate, GateError, silent
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError, StaleEpoch
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import COLOURS
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import (
    Revision,
    Server,
    State,
    Steps,
    connections_digest,
    read_json,
    write_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._switch import PUBLIC, Switch

STOP_FAILED_SECONDS = 15.0  # for a process that failed to start; then it is killed
STOP_HANGING_SECONDS = 5.0  # for one that hangs
HANG_SECONDS = 10.0  # without an answer, and what should serve is started anew
Preflight = c.Callable[[Revision, str], None]


class Start:
    """Start of one revision. `preflight` raises HostError when its Postgres, Redis, port or disk is not usable."""

    def __init__(
        self, switch: Switch, preflight: Preflight | None = None, smoke: dict[str, t.Any] | None = None
    ) -> None:
        self.switch = switch
        self.server: Server = switch.server
        self.steps: Steps = switch.steps
        self.preflight = preflight
        self.smoke = smoke

    def write_files(self, connections: dict[str, str]) -> str:
        """Bring the files of connections and ports up to date; the digest of the connections."""
        server = self.server
        found = connections_digest(connections)
        path, group = server.connections_file(found), server.secret_group()
        if read_json(path) != connections:
            self.steps.do(f"Write {path.name}", lambda: write_json(path, connections, 0o640, group))
        if read_json(server.ports_file) != server.ports:
            self.steps.do("Write ports.json", lambda: write_json(server.ports_file, server.ports))
        return found

    def run(self, revision: Revision, count: int) -> dict[str, t.Any]:
        """{candidate, colour, info}: candidate False when this revision serves already, as it should."""
        state = self.server.state()
        if state and state.made == revision.made and self._whole(state):
            return {"candidate": False, "colour": state.colour, "info": self._put_right(revision, state, count)}
        if state and not self.steps.check:
            self._settle(revision, state, count)
        colour = self.switch.place(revision)
        return {"candidate": True, "colour": colour, "info": self._candidate(revision, colour)}

    def _whole(self, state: State) -> bool:
        """No switch away from `state` was begun; a unit that somebody removed is put right."""
        return self.switch.serving() == state.colour and self.server.api_made(state.colour) in (None, state.made)

    # -- what serves ---------------------------------------------------------------------------------------------------

    def _put_right(self, revision: Revision, state: State, count: int) -> dict[str, t.Any]:
        """Start what is stopped of the serving revision, start anew what hangs, and nothing else."""
        server, steps, unit = self.server, self.steps, self.server.paths.api_unit(state.colour)
        wanted = revision.text("api", state.colour)
        if server.services.installed_text(unit) != wanted:
            steps.do(f"Install the unit of API {state.colour}", lambda: server.services.install(unit, wanted))
        info: dict[str, t.Any] = {}
        if not server.services.status(unit).enabled:
            steps.do(f"Enable API {state.colour}", lambda: server.services.enable(unit))
        timeout = self.switch.gate_timeout
        hanging = self._hanging(revision, state, count)

        def start() -> None:
            info.update(server.start_api(revision, state.colour, timeout, enable=True))

        if not server.api_up(state.colour):
            steps.do(f"Start API {state.colour}", start)
        elif unit in hanging:
            stop = partial(server.services.stop, unit, STOP_HANGING_SECONDS)
            steps.do(f"Start API {state.colour} anew, which does not answer", stop, start)
        elif not steps.check:
            info = server.gate_api(revision, state.colour, timeout)
        for index in range(1, count + 1):
            if server.paths.queue_unit(state.queue, index) in hanging:
                sentence = f"Start queue process {state.queue}-{index} anew, which does not answer"
                steps.do(sentence, partial(self._restart_queue, state.queue, index))
        server.ensure_queue(revision, state.queue, count, timeout, steps)
        return info

    def _hanging(self, revision: Revision, state: State, count: int) -> list[str]:
        """Units of the serving revision that run and do not answer. One that was just started has its time."""
        server, timeout = self.server, self.switch.gate_timeout
        units = {server.paths.api_unit(state.colour): partial(server.api_port, state.colour)}
        if server.queue_made(state.queue) == revision.made:
            for index in range(1, count + 1):
                units[server.paths.queue_unit(state.queue, index)] = partial(server.queue_port, state.queue, index)
        ports, seconds = {}, {}
        for unit, port in units.items():
            status = server.services.status(unit)
            if status.active or status.starting:
                with contextlib.suppress(HostError):
                    ports[unit] = port()
                    seconds[unit] = max(HANG_SECONDS, timeout - max(time.time() - status.started_at, 0.0))
        return silent(ports, seconds)

    def _restart_queue(self, colour: str, index: int) -> None:
        """End a queue process that hangs, and start it again."""
        server, unit = self.server, self.server.paths.queue_unit(colour, index)
        server.services.stop(unit, STOP_HANGING_SECONDS)
        gate = Gate(server.services, unit, server.queue_port(colour, index), server.services.log_mark(unit))
        server.services.start(unit)
        gate.wait(None, self.switch.gate_timeout)

    def _settle(self, revision: Revision, state: State, count: int) -> None:
        """Finish or undo a switch to another revision that was killed, so that something whole serves meanwhile."""
        switch, routed = self.switch, self.switch.routed()
        up = [colour for colour in COLOURS if self.server.api_up(colour)]
        if switch.proxy is not None and state.colour in up and not any(routed.get(colour) == "ready" for colour in up):
            self.steps.do(f"Proxy: let API {state.colour} take requests again", lambda: switch.let_in(state.colour))
        serving = switch.serving()
        made = self.server.api_made(serving) if serving else None
        if serving is None or made is None or made == revision.made:
            return
        if made == state.made and serving == state.colour:
            if serving not in up:
                self._again(state)
            return
        problem: HostError | None = None
        try:
            half = self.server.revision(made.revision, made.connections)
            self.server.gate_api(half, serving, 5.0)
            switch.run(half, count)
        except StaleEpoch:
            raise
        except HostError as error:
            problem = error
        if problem is None:
            return
        self.steps.warnings.append(f"A switch to revision {made.revision} that was cut was not finished: {problem}")
        if switch.proxy is None and "restored" not in problem.extra:
            again = partial(switch.restore_public, made, state, problem)
            self.steps.do(f"Start revision {state.revision} again", again)

    def _again(self, state: State) -> None:
        """Start what served, so that something serves while the candidate is tried; it need not succeed."""
        server, timeout = self.server, self.switch.gate_timeout
        try:
            old = server.revision(state.revision, state.connections)
            sentence = f"Start API {state.colour} of revision {state.revision}, which served"
            self.steps.do(sentence, lambda: server.start_api(old, state.colour, timeout, enable=True))
        except StaleEpoch:
            raise
        except HostError as error:
            self.steps.warnings.append(f"Revision {state.revision}, which served, does not come up: {error}")

    # -- the candidate -------------------------------------------------------------------------------------------------

    def _candidate(self, revision: Revision, colour: str) -> dict[str, t.Any]:
        server, steps, unit = self.server, self.steps, self.server.paths.api_unit(colour)
        info: dict[str, t.Any] = {}
        if self.switch.proxy is None and colour == PUBLIC and server.state() is not None:
            return info  # a switch in place was cut: the next one gates, and can bring the old one back
        if server.api_made(colour) == revision.made and server.api_up(colour):
            if steps.check:
                return info
            with contextlib.suppress(GateError):
                return server.gate_api(revision, colour, 5.0)
        if self.preflight and not steps.check:
            self.preflight(revision, colour)
        if server.api_made(colour) is not None or server.api_up(colour):
            steps.do(f"Remove what is left on API {colour}", lambda: self.switch.retire(colour))

        def start() -> None:
            try:
                info.update(server.start_api(revision, colour, self.switch.gate_timeout))
                if self.smoke:
                    Gate(server.services, unit, server.api_port(colour)).smoke(self.smoke)
            except HostError as error:
                server.services.stop(unit, STOP_FAILED_SECONDS)
                server.services.remove(unit)
                state = server.state()
                error.extra["serving"] = state.revision if state else None
                if state and self.switch.proxy is not None and server.api_up(state.colour):
                    self.switch.let_in(state.colour)
                raise

        steps.do(f"Start revision {revision.number} as API {colour} on port {server.api_port(colour)}", start)
        return info

    def abandon(self) -> None:
        """Stop and remove a candidate that is not to be switched to; nothing of what serves is touched."""
        serving = self.switch.serving()
        state = self.server.state()
        for colour in COLOURS:
            if colour == serving and (state is not None or self.switch.proxy is not None):
                continue
            if self.server.api_made(colour) is not None or self.server.api_up(colour):
                self.steps.do(f"Stop and remove candidate API {colour}", partial(self.switch.retire, colour))
