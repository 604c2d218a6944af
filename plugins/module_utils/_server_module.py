# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what the modules server_start, server_switch and server_absent share. No Ansible.

The twin of doc_fragments/server_run.py.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import typing as t
from urllib.parse import quote

from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import compare, fenced
from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy import Proxy, open_proxy
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import fence_arguments, module_paths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import open_services
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import Server, State, Steps, read_json


def run_spec() -> dict[str, t.Any]:
    """Options of the modules that run servers, beside those of `host_spec`."""
    return {
        "ports": {"type": "dict"},
        "queue_count": {"type": "int", "default": 1},
        "proxy": {
            "type": "dict",
            "options": {
                "config_dir": {"type": "path", "default": "/etc/langgraph-proxy"},
                "socket": {"type": "path", "default": "/run/langgraph-proxy/admin.sock"},
                "service": {"type": "str", "default": "langgraph-proxy"},
                "binary": {"type": "path", "default": "/usr/sbin/haproxy"},
            },
        },
        "drain_timeout": {"type": "int", "default": 180},
        "gate_timeout": {"type": "int", "default": 60},
    }


def open_server(params: t.Mapping[str, t.Any]) -> Server:
    """The server that the options name; ports default to those it had the last time."""
    paths = module_paths(params)
    services = open_services(paths.platform, params["supervisor_dir"] or None)
    ports = params.get("ports") or read_json(paths.home / "ports.json") or {}
    return Server(paths, services, ports, float(params["drain_timeout"]))


def proxy_of(params: t.Mapping[str, t.Any]) -> Proxy | None:
    """The proxy that the options name, None where none is used."""
    given = params.get("proxy")
    return open_proxy(**given) if given else None


@contextlib.contextmanager
def work(params: t.Mapping[str, t.Any], paths: HostPaths, check: bool) -> c.Iterator[Steps]:
    """The fenced region of a module; in check mode only the epochs are compared."""
    epoch, wait = fence_arguments(params)
    if check:
        compare(paths, epoch)
        yield Steps(None, True, announced=params.get("announced") or ())
        return
    with fenced(paths, epoch, wait) as fence:
        yield Steps(fence, False)


def database_uri(params: t.Mapping[str, t.Any]) -> str:
    """DATABASE_URI from the whole or from its parts."""
    if params["database_uri"]:
        return str(params["database_uri"])
    missing = [name for name in ("database_host", "database_name", "database_user") if not params[name]]
    if missing:
        raise HostError(f"No database is given for {params['slug']}; set database_uri, or {' and '.join(missing)}.")
    host, port = params["database_host"], params["database_port"]
    login = quote(params["database_user"], safe="")
    if params["database_password"]:
        login += ":" + quote(params["database_password"], safe="")
    name = quote(params["database_name"], safe="")
    more = [f"sslmode={quote(params['database_sslmode'])}"] if params["database_sslmode"] else []
    if host.startswith("/"):
        more = [f"host={quote(host, safe='')}", f"port={port}", *more]
        where = ""
    else:
        where = f"{_bracketed(host)}:{port}"
    return f"postgresql://{login}@{where}/{name}" + (f"?{'&'.join(more)}" if more else "")


def redis_uri(params: t.Mapping[str, t.Any]) -> str:
    """REDIS_URI from the whole or from its parts."""
    if params["redis_uri"]:
        return str(params["redis_uri"])
    if not params["redis_host"] or not params["redis_port"]:
        raise HostError(f"No Redis is given for {params['slug']}; set redis_uri, or redis_host and redis_port.")
    login = ""
    if params["redis_password"]:
        user = quote(params["redis_user"] or "default", safe="")
        login = f"{user}:{quote(params['redis_password'], safe='')}@"
    return f"redis://{login}{_bracketed(params['redis_host'])}:{params['redis_port']}/0"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def secrets_of(params: t.Mapping[str, t.Any]) -> list[str]:
    """Values that a failure must not show: passwords among the options, and what users gave to this revision."""
    found = [params.get(name) for name in ("database_uri", "database_password", "redis_uri", "redis_password")]
    if params.get("number"):
        paths = module_paths(params).revision(params["number"])
        env, meta = read_json(paths.env), read_json(paths.meta)
        if isinstance(env, dict) and isinstance(meta, dict):
            found += [env.get(name) for name in meta.get("env_names", [])]
    return [str(value) for value in found if value]


def described(state: State | None) -> str:
    """What serves, as one line of a diff."""
    if state is None:
        return "nothing serves\n"
    return f"revision {state.revision} serves as API {state.colour} with queue processes {state.queue}\n"
