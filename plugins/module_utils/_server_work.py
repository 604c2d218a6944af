# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the work of the modules server_start, server_switch and server_absent, from options to result."""

from __future__ import annotations

import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _needs
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._probe import preflight
from ansible_collections.selfhosted.langgraph.plugins.module_utils._removing import remove
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_module import (
    database_uri,
    described,
    open_server,
    proxy_of,
    redis_uri,
    work,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import Revision, Server, State, Steps
from ansible_collections.selfhosted.langgraph.plugins.module_utils._starting import Start
from ansible_collections.selfhosted.langgraph.plugins.module_utils._switch import PUBLIC, Switch

Params = t.Mapping[str, t.Any]
Result = dict[str, t.Any]


def start(params: Params, check: bool) -> Result:
    """server_start: a candidate, or what serves put right; `state: absent` gives a candidate up."""
    server = open_server(params)
    with work(params, server.paths, check) as steps:
        switching = Switch(server, proxy_of(params), steps, float(params["gate_timeout"]))
        if params["state"] == "absent":
            Start(switching).abandon()
            return {**_result(steps), "candidate": False}
        if check and not server.staged(params["number"]):
            return _predicted_start(params, server, steps)
        connections = _connections(params, server.needs(params["number"]))
        before = server.state()
        starting = Start(switching, _preflight(params, server, connections), params["smoke"])
        revision = server.revision(params["number"], starting.write_files(connections))
        found = starting.run(revision, params["queue_count"])
        info = found["info"]
        after = described(State(found["colour"], "?", *revision.made)) if found["candidate"] else described(before)
        return {
            **_result(steps),
            "candidate": found["candidate"],
            "colour": found["colour"],
            "url": _url(server),
            "versions": {key: info[key] for key in ("version", "langgraph_py_version") if key in info},
            "diff": {"before": described(before), "after": after.replace(" with queue processes ?", "")},
        }


def _connections(params: Params, needs: dict[str, bool]) -> dict[str, str]:
    """Addresses of what the revision's flavour needs; HostError when the options do not give one."""
    found = {}
    if needs["postgres"]:
        found["DATABASE_URI"] = database_uri(params)
    if needs["redis"]:
        found["REDIS_URI"] = redis_uri(params)
    return found


def _predicted_start(params: Params, server: Server, steps: Steps) -> Result:
    """Check mode before the revision was staged."""
    before = server.state()
    steps.do(f"Start revision {params['number']} beside what serves")
    return {
        **_result(steps),
        "candidate": True,
        "colour": "",
        "url": _url(server),
        "versions": {},
        "diff": {"before": described(before), "after": f"revision {params['number']} serves\n"},
    }


def _preflight(params: Params, server: Server, connections: dict[str, str]) -> t.Callable[[Revision, str], None]:
    """Checks before a candidate starts: HostError with the failed findings."""

    def run(revision: Revision, colour: str) -> None:
        ports = [server.api_port(colour)]
        for index in range(1, params["queue_count"] + 1):
            ports += [server.queue_port(each, index) for each in ("blue", "green")]
        findings = preflight(
            server.paths,
            revision.number,
            database_uri=connections.get("DATABASE_URI"),
            redis_uri=connections.get("REDIS_URI"),
            connections=params["connections_per_process"] * (1 + params["queue_count"]),
            ports=ports,
            disk_mb=params["disk_mb"],
        )
        failed = [finding for finding in findings if not finding["ok"]]
        if failed:
            raise HostError(" ".join(finding["message"] for finding in failed), findings=failed)

    return run


def switch(params: Params, check: bool) -> Result:
    """server_switch."""
    server = open_server(params)
    with work(params, server.paths, check) as steps:
        switching = Switch(server, proxy_of(params), steps, float(params["gate_timeout"]))
        before = server.state()
        if check and not server.has_begun(params["number"]):
            number = params["number"]
            steps.do(f"Let revision {number} serve")
            if before:
                steps.do(f"Retire revision {before.revision}")
            changes = {"before": described(before), "after": f"revision {number} serves\n"}
            return {**_result(steps), "colour": "", "url": _url(server), "diff": changes}
        revision = server.begun(params["number"])
        after = switching.run(revision, params["queue_count"], params["keep"])
        changes = {"before": described(before), "after": described(after)}
        return {**_result(steps), "colour": after.colour, "url": _url(server), "diff": changes}


def absent(params: Params, check: bool) -> Result:
    """server_absent."""
    server = open_server({**params, "ports": None})
    needs = _needs.noted(server.paths)
    if not server.paths.home.exists():
        return {**_result(Steps(None, check)), "needs": needs}  # this host has never seen the deployment
    with work(params, server.paths, check) as steps:
        before = server.state()
        remove(server, steps)
        changes = {"before": described(before), "after": described(None)}
        return {**_result(steps), "needs": needs, "diff": changes if steps.actions else {}}


def _result(steps: Steps) -> Result:
    return {"changed": bool(steps.actions), "actions": steps.actions, "warnings_found": steps.warnings}


def _url(server: Server) -> str:
    """Address on the host itself, where there is no proxy."""
    port = (server.ports.get("api") or {}).get(PUBLIC)
    return f"http://127.0.0.1:{port}" if port else ""
