# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: let a started revision serve instead of the one that does, and finish what an interrupted switch left.

With a proxy: requests go to the new API, sessions of the old one end, new queue processes start, the old ones drain,
the choice is written, the old API stops. Without one the API serves on the port "blue": the old one stops, the new one
starts there, and the old one comes back when the new one does not answer.

Where a switch stands is read from units, platform and proxy, so that each function may be called at any point of one
that was killed.
"""

from __future__ import annotations

import collections.abc as c
import typing as t
from functools import partial

from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy import Proxy
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError, StaleEpoch
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import COLOURS, other_colour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import Made, Revision, Server, State, Steps

HEALTHY_SECONDS = 30.0
PUBLIC = "blue"  # without a proxy the API serves on this colour's port


class Switch:
    """One deployment's switch. ``proxy`` is None where no proxy is used."""

    def __init__(self, server: Server, proxy: Proxy | None, steps: Steps, gate_timeout: float = 60.0) -> None:
        self.server = server
        self.proxy = proxy
        self.steps = steps
        self.gate_timeout = gate_timeout

    # -- where things stand --------------------------------------------------------------------------------------------

    def routed(self) -> dict[str, str]:
        """{colour: ready|drain|maint} at the proxy; {} without a proxy."""
        if self.proxy is None:
            return {}
        slug = self.server.paths.slug
        found = self.proxy.server_states(slug)
        if not found and not self.steps.check:
            raise HostError(f"The proxy of this host has no route of {slug}; write it with module proxy_route first.")
        return found

    def serving(self) -> str | None:
        """The colour whose API has the requests now, None when there is none."""
        state = self.server.state()
        if self.proxy is None:
            return PUBLIC if state or self.server.api_up(PUBLIC) else None
        routed = self.routed()
        ready = [colour for colour in COLOURS if routed.get(colour) == "ready" and self.server.api_up(colour)]
        if state and (state.colour in ready or not ready):
            return state.colour
        return ready[0] if ready else None

    def place(self, revision: Revision) -> str:
        """The colour for this revision's API: where it serves or was begun to, else the free one."""
        serving = self.serving()
        if serving and self.server.api_made(serving) == revision.made:
            return serving
        if self.proxy is None and serving is None:
            return PUBLIC
        return other_colour(serving)

    # -- the switch ----------------------------------------------------------------------------------------------------

    def run(self, revision: Revision, count: int, keep: c.Collection[int] | None = None) -> State:
        """Let `revision` serve with `count` queue processes. HostError: the old one was brought back if it could be."""
        before = self.server.state()
        colour = self.place(revision)
        queue = self.server.queue_colour(revision, before, PUBLIC if self.proxy is None else colour)
        after = State(colour if self.proxy else PUBLIC, queue, *revision.made)
        if self.proxy is None:
            self._in_place(revision, before)
        else:
            self._by_proxy(revision, colour)
        try:
            self.server.ensure_queue(revision, queue, count, self.gate_timeout, self.steps)
        except StaleEpoch:
            raise
        except HostError as error:
            self._back(revision, after, before, error)
            raise
        self._finish(after, before)
        for number in self.server.prune({*keep, revision.number}) if keep is not None else []:
            self.steps.do(f"Remove revision {number}", partial(self.server.drop_revision, number))
        return after

    # -- with a proxy --------------------------------------------------------------------------------------------------

    def _by_proxy(self, revision: Revision, colour: str) -> None:
        """New API ready at the proxy, the old one without sessions."""
        proxy, server, steps = t.cast(Proxy, self.proxy), self.server, self.steps
        slug, old, unit = server.paths.slug, other_colour(colour), server.paths.api_unit(colour)
        if not steps.check:
            server.gate_api(revision, colour, self.gate_timeout)
        if not server.services.status(unit).enabled:
            steps.do(f"Enable API {colour}", lambda: server.services.enable(unit))
        routed = self.routed()
        if routed.get(colour) != "ready":
            sentence = f"Proxy: let API {colour} (revision {revision.number}) take requests"
            steps.do(sentence, lambda: self.let_in(colour))
        if routed.get(old) == "ready":
            steps.do(f"Proxy: drain API {old}", lambda: proxy.set_server(slug, old, "drain"))
        if server.api_up(old):
            steps.do(f"Wait until API {old} has no session left", lambda: self.wait_drained(old))

    def let_in(self, colour: str) -> None:
        """Let the proxy send requests to an API; when the proxy does not find it healthy, it is given up."""
        proxy, slug = t.cast(Proxy, self.proxy), self.server.paths.slug
        proxy.set_server(slug, colour, "ready")
        try:
            proxy.wait_healthy(slug, colour, HEALTHY_SECONDS)
        except HostError:
            self.retire(colour)
            raise

    def wait_drained(self, colour: str) -> None:
        left = t.cast(Proxy, self.proxy).wait_drained(self.server.paths.slug, colour, self.server.drain)
        if left:
            self.steps.warnings.append(
                f"{left} requests to API {colour} were still open after {self.server.drain:g} s; they may be cut."
            )

    def retire(self, colour: str) -> None:
        """Stop and remove an API that is not to serve; at the proxy it takes nothing new first."""
        if self.proxy is not None and self.routed().get(colour) == "ready":
            self.proxy.set_server(self.server.paths.slug, colour, "drain")
            self.wait_drained(colour)
        self.server.drop_api(colour)

    # -- in place ------------------------------------------------------------------------------------------------------

    def _in_place(self, revision: Revision, before: State | None) -> None:
        """Stop the old API on the public port and start the new one there."""
        server, steps, unit = self.server, self.steps, self.server.paths.api_unit(PUBLIC)
        made, up, port = server.api_made(PUBLIC), server.api_up(PUBLIC), server.api_port(PUBLIC)
        if made == revision.made and up:
            if not steps.check:
                self._or_back(revision.made, before, lambda: server.gate_api(revision, PUBLIC, self.gate_timeout))
            if not server.services.status(unit).enabled:
                steps.do("Enable the API", lambda: server.services.enable(unit))
            return
        if made != revision.made and not steps.check:
            server.gate_api(revision, other_colour(PUBLIC), self.gate_timeout)
        if up:
            steps.do(
                f"Stop the API of revision {made.revision if made else 'unknown'} on port {port}",
                lambda: server.services.stop(unit, server.drain + 30),
            )

        def start() -> None:
            self._or_back(
                revision.made, before, lambda: server.start_api(revision, PUBLIC, self.gate_timeout, enable=True)
            )

        steps.do(f"Start the API of revision {revision.number} on port {port}", start)

    def _or_back(self, made: Made, before: State | None, work: c.Callable[[], t.Any]) -> None:
        """Do the work; when it fails, the revision that served before is started again."""
        try:
            work()
        except HostError as error:
            self.restore_public(made, before, error)
            raise

    def restore_public(self, made: Made, before: State | None, error: HostError) -> None:
        """Bring back on the public port what served before; what came of it goes into the error."""
        server = self.server
        if before is None:
            server.drop_api(PUBLIC)
            return
        if before.made == made:
            return
        server.services.stop(server.paths.api_unit(PUBLIC), server.drain + 30)
        try:
            server.start_api(server.revision(*before.made[::2]), PUBLIC, self.gate_timeout, enable=True)
            error.extra["restored"] = before.revision
        except HostError as second:
            error.extra["restore_failed"] = str(second)
        spare = other_colour(PUBLIC)
        if server.api_made(spare) == made:
            server.drop_api(spare)

    # -- both ----------------------------------------------------------------------------------------------------------

    def _back(self, revision: Revision, after: State, before: State | None, error: HostError) -> None:
        """The new queue processes do not work: what served before serves again."""
        server = self.server
        if before is not None and before.made == revision.made:
            return
        if server.queue_made(after.queue) == revision.made:
            server.drop_queue(after.queue)
        if self.proxy is None:
            self.restore_public(revision.made, before, error)
        elif before is None:
            self.retire(after.colour)
        elif after.colour != before.colour and server.api_up(before.colour):
            self.let_in(before.colour)
            self.retire(after.colour)
            error.extra["restored"] = before.revision

    def _finish(self, after: State, before: State | None) -> None:
        """Old queue processes and API go; the choice is written."""
        server, steps = self.server, self.steps
        old_queue, old_api = other_colour(after.queue), other_colour(after.colour)
        if server.queue_there(old_queue):
            steps.do(f"Drain and remove queue processes {old_queue}", lambda: server.drop_queue(old_queue))
        proxy, slug = self.proxy, server.paths.slug
        if proxy is not None and proxy.active(slug) != after.colour:
            sentence = f"Proxy: write that API {after.colour} serves"
            steps.do(sentence, lambda: proxy.write_active(slug, after.colour))
        if before != after:
            steps.do(f"Note that revision {after.revision} serves", lambda: server.save(after))
        if server.api_made(old_api) is not None or server.api_up(old_api):
            steps.do(f"Stop and remove API {old_api}", lambda: server.drop_api(old_api))
        for path in server.old_connections(after.connections):
            steps.do(f"Remove {path.name}", partial(path.unlink, missing_ok=True))
