# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: start a revision beside the one that serves, or put right what serves; give a candidate up."""

from __future__ import annotations

import collections.abc as c
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import COLOURS
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import (
    Revision,
    Server,
    State,
    Steps,
    digest,
    read_json,
    write_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._switch import PUBLIC, Switch

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
        """Bring connections.json and ports.json up to date; the digest of the connections."""
        paths, server = self.server.paths, self.server
        if read_json(paths.connections) != connections:
            group = server.secret_group()
            self.steps.do("Write the connections", lambda: write_json(paths.connections, connections, 0o640, group))
        if read_json(server.ports_file) != server.ports:
            self.steps.do("Write the ports", lambda: write_json(server.ports_file, server.ports))
        return digest(connections)

    def run(self, revision: Revision, count: int) -> dict[str, t.Any]:
        """{candidate, colour, info}: candidate False when this revision serves already, as it should."""
        state = self.server.state()
        if state and state.revision_id == revision.id and self._made_for_it(revision, state):
            return {"candidate": False, "colour": state.colour, "info": self._put_right(revision, state, count)}
        if state and not self.steps.check:
            self._settle(revision, state, count)
        colour = self.switch.place(revision)
        return {"candidate": True, "colour": colour, "info": self._candidate(revision, colour)}

    def _made_for_it(self, revision: Revision, state: State) -> bool:
        """The serving API's unit is this revision's with these connections (a missing unit is put right)."""
        made = self.server.api_made(state.colour)
        if self.switch.proxy is not None and self.switch.serving() != state.colour:
            return False
        return made in (None, revision.made)

    # -- what serves ---------------------------------------------------------------------------------------------------

    def _put_right(self, revision: Revision, state: State, count: int) -> dict[str, t.Any]:
        """Start what is stopped of the serving revision, and nothing else."""
        server, steps, unit = self.server, self.steps, self.server.paths.api_unit(state.colour)
        wanted = revision.text("api", state.colour)
        if server.services.installed_text(unit) != wanted:
            steps.do(f"Install the unit of API {state.colour}", lambda: server.services.install(unit, wanted))
        info: dict[str, t.Any] = {}
        if not server.services.status(unit).enabled:
            steps.do(f"Enable API {state.colour}", lambda: server.services.enable(unit))
        if not server.api_up(state.colour):
            timeout = self.switch.gate_timeout

            def start() -> None:
                info.update(server.start_api(revision, state.colour, timeout, enable=True))

            steps.do(f"Start API {state.colour}", start)
        elif not steps.check:
            info = server.gate_api(revision, state.colour, self.switch.gate_timeout)
        server.ensure_queue(revision, state.queue, count, self.switch.gate_timeout, steps)
        return info

    def _settle(self, revision: Revision, state: State, count: int) -> None:
        """Finish or undo a switch to another revision that was killed, so that something whole serves meanwhile."""
        serving = self.switch.serving()
        made = self.server.api_made(serving) if serving else None
        if serving is None or made is None or made == revision.made:
            return
        if (made.revision, made.revision_id, serving) == (state.revision, state.revision_id, state.colour):
            return
        try:
            begun = self.server.revision(made.revision, made.connections)
            self.server.gate_api(begun, serving, 5.0)
            self.switch.run(begun, count)
        except HostError as error:
            self.steps.warnings.append(f"An interrupted switch to revision {made.revision} was not finished: {error}")
            if self.switch.proxy is None:
                old = self.server.revision(state.revision)
                self.steps.do(
                    f"Start revision {old.number} again",
                    lambda: self.server.services.stop(self.server.paths.api_unit(PUBLIC), self.server.drain + 30),
                    lambda: self.server.start_api(old, PUBLIC, self.switch.gate_timeout, enable=True),
                )

    # -- the candidate -------------------------------------------------------------------------------------------------

    def _candidate(self, revision: Revision, colour: str) -> dict[str, t.Any]:
        server, steps, unit = self.server, self.steps, self.server.paths.api_unit(colour)
        info: dict[str, t.Any] = {}
        if server.api_made(colour) == revision.made and server.api_up(colour):
            if steps.check:
                return info
            try:
                return self._gated(revision, server.gate_api(revision, colour, 5.0), colour)
            except HostError:
                if self.switch.serving() == colour and server.state() is not None:
                    raise
        if not steps.check and self.preflight:
            self.preflight(revision, colour)
        if server.api_made(colour) is not None or server.api_up(colour):
            steps.do(f"Remove what is left on API {colour}", lambda: self._retire(colour))

        def start() -> None:
            try:
                info.update(self._gated(revision, server.start_api(revision, colour, self.switch.gate_timeout), colour))
            except HostError as error:
                server.services.stop(unit, 30)
                server.services.remove(unit)
                state = server.state()
                error.extra["serving"] = state.revision if state else None
                raise

        steps.do(f"Start revision {revision.number} as API {colour} on port {server.api_port(colour)}", start)
        return info

    def _gated(self, revision: Revision, info: dict[str, t.Any], colour: str) -> dict[str, t.Any]:
        if self.smoke:
            from ansible_collections.selfhosted.langgraph.plugins.module_utils._gate import Gate

            Gate(self.server.services, self.server.paths.api_unit(colour), self.server.api_port(colour)).smoke(
                self.smoke
            )
        return info

    def _retire(self, colour: str) -> None:
        """Stop an API that is not to serve; at the proxy it takes nothing new first."""
        proxy, slug = self.switch.proxy, self.server.paths.slug
        if proxy is not None and self.switch.routed().get(colour) == "ready":
            proxy.set_server(slug, colour, "drain")
            proxy.wait_drained(slug, colour, self.server.drain)
        self.server.drop_api(colour)

    def abandon(self) -> None:
        """Stop and remove a candidate that is not to be switched to; nothing of what serves is touched."""
        serving = self.switch.serving()
        state = self.server.state()
        for colour in COLOURS:
            if colour == serving and (state is not None or self.switch.proxy is not None):
                continue
            if self.server.api_made(colour) is not None or self.server.api_up(colour):
                self.steps.do(f"Stop and remove candidate API {colour}", lambda colour=colour: self._retire(colour))
