# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: let a started revision serve instead of the one that does, and finish what an interrupted switch left.

With a proxy: requests to the new API, sessions of the old one end, new queue processes, the old ones drain, the choice is
written, the old API stops. Without one the API serves on the port "blue": the old one stops, the new one starts there, and
the old one comes back when it does not answer. Every function may be called at any point of a switch that was killed.
"""

from __future__ import annotations

import collections.abc as c
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy import Proxy
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import COLOURS, other_colour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import Revision, Server, State, Steps

HEALTHY_SECONDS = 30.0
PUBLIC = "blue"  # without a proxy the API serves on this colour's port


class Switch:
    """One deployment's switch. ``proxy`` is None where no proxy is used."""

    def __init__(self, server: Server, proxy: Proxy | None, steps: Steps, gate_timeout: float = 60.0) -> None:
        self.server = server
        self.proxy = proxy
        self.steps = steps
        self.gate_timeout = gate_timeout

    # -- where things stand ----------------------------------------------------------------------------------------------

    def routed(self) -> dict[str, str]:
        """{colour: ready|drain|maint} at the proxy; {} without a proxy."""
        if self.proxy is None:
            return {}
        found = self.proxy.server_states(self.server.paths.slug)
        if not found:
            raise HostError(
                f"The proxy of this host has no route of {self.server.paths.slug}; write it with module proxy_route first."
            )
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
        """The colour for this revision's API: where it serves or was begun, else the free one."""
        serving = self.serving()
        if self.proxy is None:
            if serving is None or self.server.api_made(PUBLIC) == revision.made:
                return PUBLIC
            return other_colour(PUBLIC)
        if serving and self.server.api_made(serving) == revision.made:
            return serving
        return other_colour(serving)

    # -- the switch --------------------------------------------------------------------------------------------------------

    def run(self, revision: Revision, count: int, keep: c.Collection[int] | None = None) -> State:
        """Let `revision` serve with `count` queue processes; HostError after the old one was brought back."""
        before = self.server.state()
        colour = self.place(revision)
        queue = self.server.queue_colour(revision, before, PUBLIC if self.proxy is None else colour)
        after = State(colour if self.proxy else PUBLIC, queue, revision.number, revision.id)
        if self.server.api_made(colour) != revision.made:
            if not self.steps.check:
                raise HostError(
                    f"Revision {revision.number} of {self.server.paths.slug} was not started; run server_start for it first."
                )
        elif self.proxy is None:
            self._in_place(revision, before)
        else:
            self._by_proxy(revision, colour, before)
        try:
            self.server.ensure_queue(revision, queue, count, self.gate_timeout, self.steps)
        except HostError as error:
            self._back(revision, after, before, error)
            raise
        self._finish(revision, after, before)
        if keep is not None:
            wanted = {*keep, revision.number}
            for number in self.server.prune(wanted):
                self.steps.do(f"Remove revision {number}", lambda number=number: self.server.drop_revision(number))
        return after

    def _by_proxy(self, revision: Revision, colour: str, before: State | None) -> None:
        """New API ready at the proxy, the old one without sessions."""
        proxy, slug, old = t.cast(Proxy, self.proxy), self.server.paths.slug, other_colour(colour)
        if not self.steps.check:
            self.server.gate_api(revision, colour, self.gate_timeout)
        unit = self.server.paths.api_unit(colour)
        if not self.server.services.status(unit).enabled:
            self.steps.do(f"Enable API {colour}", lambda: self.server.services.enable(unit))
        routed = self.routed()
        if routed.get(colour) != "ready":
            self.steps.do(
                f"Proxy: let API {colour} (revision {revision.number}) take requests",
                lambda: proxy.set_server(slug, colour, "ready"),
                lambda: proxy.wait_healthy(slug, colour, HEALTHY_SECONDS),
            )
        if routed.get(old) == "ready":
            self.steps.do(f"Proxy: drain API {old}", lambda: proxy.set_server(slug, old, "drain"))
        if self.server.api_up(old):
            self.steps.do(f"Wait until API {old} has no session left", lambda: self._wait_drained(old))

    def _wait_drained(self, colour: str) -> None:
        left = t.cast(Proxy, self.proxy).wait_drained(self.server.paths.slug, colour, self.server.drain)
        if left:
            self.steps.warnings.append(
                f"{left} requests to the API {colour} were still open after {self.server.drain:g} s and may have been cut."
            )

    def _in_place(self, revision: Revision, before: State | None) -> None:
        """Stop the old API on the public port and start the new one there."""
        server, unit = self.server, self.server.paths.api_unit(PUBLIC)
        made = server.api_made(PUBLIC)
        if made == revision.made and server.api_up(PUBLIC):
            if not self.steps.check:
                self._or_back(revision, before, lambda: server.gate_api(revision, PUBLIC, self.gate_timeout))
            if not server.services.status(unit).enabled:
                self.steps.do("Enable the API", lambda: server.services.enable(unit))
            return
        if made != revision.made and not self.steps.check:
            server.gate_api(revision, other_colour(PUBLIC), self.gate_timeout)
        if server.api_up(PUBLIC):
            self.steps.do(
                f"Stop the API of revision {made.revision if made else 'unknown'} on port {server.api_port(PUBLIC)}",
                lambda: server.services.stop(unit, server.drain + 30),
            )

        def start() -> None:
            self._or_back(revision, before, lambda: server.start_api(revision, PUBLIC, self.gate_timeout, enable=True))

        self.steps.do(f"Start the API of revision {revision.number} on port {server.api_port(PUBLIC)}", start)

    def _or_back(self, revision: Revision, before: State | None, work: c.Callable[[], t.Any]) -> None:
        """Do the work; when it fails, the revision that served before is started again."""
        try:
            work()
        except HostError as error:
            self._restore_public(revision, before, error)
            raise

    def _restore_public(self, revision: Revision, before: State | None, error: HostError) -> None:
        self.server.services.stop(self.server.paths.api_unit(PUBLIC), self.server.drain + 30)
        if before is None or before.revision_id == revision.id:
            return
        try:
            old = self.server.revision(before.revision)
            self.server.start_api(old, PUBLIC, self.gate_timeout, enable=True)
            error.extra["restored"] = before.revision
        except HostError as second:
            error.extra["restore_failed"] = str(second)

    def _back(self, revision: Revision, after: State, before: State | None, error: HostError) -> None:
        """The new queue processes do not work: what served before serves again."""
        if before is None or before.revision_id == revision.id:
            return
        if self.server.queue_made(after.queue) == revision.made and after.queue != before.queue:
            self.server.drop_queue(after.queue)
        if self.proxy is None:
            self._restore_public(revision, before, error)
        elif after.colour != before.colour and self.server.api_up(before.colour):
            self.proxy.set_server(self.server.paths.slug, before.colour, "ready")
            self.proxy.wait_healthy(self.server.paths.slug, before.colour, HEALTHY_SECONDS)
            self.proxy.set_server(self.server.paths.slug, after.colour, "drain")
            self._wait_drained(after.colour)
            self.server.drop_api(after.colour)
            error.extra["restored"] = before.revision

    def _finish(self, revision: Revision, after: State, before: State | None) -> None:
        """Old queue processes and API go; the choice is written."""
        server, steps = self.server, self.steps
        old_queue, old_api = other_colour(after.queue), other_colour(after.colour)
        if server.queue_there(old_queue):
            steps.do(f"Drain and remove queue processes {old_queue}", lambda: server.drop_queue(old_queue))
        if self.proxy is not None and self.proxy.active(server.paths.slug) != after.colour:
            proxy = self.proxy
            steps.do(
                f"Proxy: write that API {after.colour} serves",
                lambda: proxy.write_active(server.paths.slug, after.colour),
            )
        if before != after:
            steps.do(f"Note that revision {after.revision} serves", lambda: server.save(after))
        if server.api_made(old_api) is not None or server.api_up(old_api):
            steps.do(f"Stop and remove API {old_api}", lambda: server.drop_api(old_api))
