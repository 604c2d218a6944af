# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the text of routes in HAProxy's configuration. Pure; nothing here reads or writes.

A route is one file, ``conf.d/50-<slug>.cfg``, whose first line holds the route itself as JSON. The maps from paths and
host names to backends are made of all those first lines, so there is nothing that could disagree with them.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import json
import re
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy_runtime import ProxyError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import COLOURS, SLUG

#: One segment: the map is asked for exactly what stands between the first two slashes.
PATH_PREFIX = re.compile(r"/[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")
HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
ADDRESS = re.compile(r"[A-Za-z0-9.:_-]+")
HIDDEN = {"metrics": ("metrics",), "docs": ("docs", "openapi.json"), "info": ("info",)}
_HEADER = "# route: "


def backend_name(slug: str) -> str:
    """Name of a deployment's backend."""
    return f"langgraph-{slug}"


@dataclasses.dataclass(frozen=True)
class Route:
    """How requests reach one deployment. ``active`` is the colour that serves after a start, None for none yet."""

    slug: str
    ports: dict[str, int]
    path_prefix: str | None = None
    host: str | None = None
    active: str | None = None
    expose: dict[str, bool] = dataclasses.field(default_factory=dict)
    address: str = "127.0.0.1"

    def checked(self) -> Route:
        """Itself, or ProxyError that names what is wrong."""
        where = f"The route of {self.slug}"
        if not SLUG.fullmatch(self.slug):
            raise ProxyError(f"Slug {self.slug!r} is not of the form name-12ab34cd.")
        if not self.path_prefix and not self.host:
            raise ProxyError(f"{where} needs a path_prefix or a host.")
        if self.path_prefix and not PATH_PREFIX.fullmatch(self.path_prefix):
            raise ProxyError(f"{where}: path_prefix {self.path_prefix!r} must be one segment such as /chat-12ab34cd.")
        if self.host and not HOST.fullmatch(self.host):
            raise ProxyError(f"{where}: host {self.host!r} must be a lower-case host name without port.")
        if set(self.ports) != set(COLOURS) or len(set(self.ports.values())) != len(COLOURS):
            raise ProxyError(f"{where} needs two different ports, blue and green; got {self.ports!r}.")
        if any(not 0 < port < 65536 for port in self.ports.values()):
            raise ProxyError(f"{where}: ports must lie between 1 and 65535; got {self.ports!r}.")
        if not ADDRESS.fullmatch(self.address):
            raise ProxyError(f"{where}: {self.address!r} is no address of a server.")
        if self.active not in (None, *COLOURS):
            raise ProxyError(f"{where}: active {self.active!r} must be blue, green or nothing.")
        return self

    def header(self) -> str:
        return _HEADER + json.dumps(dataclasses.asdict(self), sort_keys=True)

    def render(self, health_interval: str = "500ms") -> str:
        """The file of this route."""
        hidden = [name for key, names in HIDDEN.items() if not self.expose.get(key, False) for name in names]
        lines = [
            self.header(),
            "# Written by selfhosted.langgraph.proxy_route; changes by hand are lost.",
            f"backend {backend_name(self.slug)}",
            "  option httpchk GET /ok",
            f"  default-server check inter {health_interval} fall 2 rise 1",
        ]
        if hidden:
            words = "|".join(re.escape(name) for name in hidden)
            lines.append(
                "  http-request return status 403 content-type application/json"
                ' string "{\\"detail\\":\\"This path is served to inside networks only.\\"}"'
                f" if {{ path,url_dec -m reg ^/+({words})(/|$) }} !{{ var(txn.langgraph_inside) -m bool }}"
            )
        for colour in COLOURS:
            off = "" if colour == self.active else " disabled"
            lines.append(f"  server {colour} {self.address}:{self.ports[colour]}{off}")
        return "\n".join(lines) + "\n"


def parse(text: str) -> Route | None:
    """The route that a file's first line holds; None for a file that is not one of ours."""
    first = text.partition("\n")[0]
    if not first.startswith(_HEADER):
        return None
    try:
        found = json.loads(first[len(_HEADER) :])
        names = {field.name for field in dataclasses.fields(Route)}
        return Route(**{name: value for name, value in found.items() if name in names})
    except (ValueError, TypeError) as error:
        raise ProxyError(f"The first line of a route's file is damaged ({error}): {first[:120]}") from error


def clash(route: Route, others: c.Iterable[Route], services: c.Container[str] = ()) -> str | None:
    """The slug that has the path, host or a port of `route` already. services: first segments of paths that lead to a
    service of the proxy.
    """
    if route.path_prefix and route.path_prefix[1:] in services:
        return f"The path {route.path_prefix} leads to a service; give {route.slug} another path_prefix."
    for other in others:
        if other.slug == route.slug:
            continue
        if route.path_prefix and route.path_prefix == other.path_prefix:
            return f"The path {route.path_prefix} leads to {other.slug} already; give {route.slug} another path_prefix."
        if route.host and route.host == other.host:
            return f"The host {route.host} leads to {other.slug} already; give {route.slug} another host."
        taken = set(route.ports.values()) & set(other.ports.values())
        if taken and route.address == other.address:
            return f"Port {min(taken)} is a port of {other.slug} already; give {route.slug} other ports."
    return None


def maps(routes: c.Iterable[Route]) -> dict[str, str]:
    """Texts of the map files: {"paths.map": ..., "hosts.map": ...}; keys are unique, lines sorted."""
    known = sorted(routes, key=lambda route: route.slug)
    paths = [f"{route.path_prefix[1:]} {backend_name(route.slug)}\n" for route in known if route.path_prefix]
    hosts = [f"{route.host} {backend_name(route.slug)}\n" for route in known if route.host]
    return {"paths.map": "".join(paths), "hosts.map": "".join(hosts)}


def url(route: Route, base: str) -> str:
    """Address of a deployment for clients. base: the proxy's own, such as ``https://agents.example.org``."""
    base = base.rstrip("/")
    if route.path_prefix:
        return base + route.path_prefix
    scheme, _sep, rest = base.partition("://")
    port = re.search(r":(\d+)$", rest)
    return f"{scheme}://{route.host}{port.group(0) if port else ''}"


def public(route: Route) -> dict[str, t.Any]:
    """A route as a task's result."""
    return dataclasses.asdict(route)
