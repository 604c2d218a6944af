# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reporting on claimed work: status, ports on a host, end of the claim."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._patience import patiently
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Reported, Wanted
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import read_claim, remove_claim

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context

Ports = dict[str, dict[str, int]]
STATUSES = (
    "",
    "BUILDING",
    "AWAITING_DEPLOY",
    "DEPLOYING",
    "DEPLOYED",
    "BUILD_FAILED",
    "DEPLOY_FAILED",
    "INTERRUPTED",
    "FAILED",
    "DELETED",
    "DELETE_FAILED",
)
REPORTED = ("status", "cause", "log_tail", "url", "lock", "repo_commit_sha", "source_sha256", "health")


def work(context: Context) -> dict[str, Any]:
    """The module work_report: {changed, interrupt_requested, revision_status, placements, reported}."""
    params = context.params
    claim = read_claim(params["claim_file"])
    wanted = wanted_ports(params["host_key"], params["queue_count"], params["fixed_ports"])
    port_range = read_port_range(params["port_range"])
    if context.check_mode or claim.get("preview"):
        result = _preview(params, claim, wanted, port_range)
    else:
        context.work_on(claim)
        result = _report(context, claim, wanted, port_range)
    if params["release"]:
        remove_claim(params["claim_file"])
    return result


def _report(
    context: Context, claim: Mapping[str, Any], wanted: list[Wanted], port_range: tuple[int, int]
) -> dict[str, Any]:
    params = context.params
    claim_id, epoch = claim["claim_id"], claim["epoch"]
    try:
        placements: Ports = {}
        if wanted:
            placements = patiently(
                lambda: context.records.place(claim_id, epoch, params["host_key"], wanted, port_range), context.close
            )
        answer = _tell(context, claim)
    except StaleClaim:
        remove_claim(params["claim_file"])
        raise
    revision = answer["revision"]
    return {
        "changed": answer["changed"],
        "interrupt_requested": answer["interrupt_requested"],
        "revision_status": revision["status"] if revision else params["status"],
        "placements": placements,
        "reported": True,
    }


def _tell(context: Context, claim: Mapping[str, Any]) -> Reported:
    """The report, once: one whose answer was lost is known by its claim having ended with this very epoch."""
    params, claim_id, epoch = context.params, claim["claim_id"], claim["epoch"]
    what = {name: params[name] for name in REPORTED}
    status = what.pop("status")
    deployment = claim["deployment"]
    if claim["action"] == "apply" and deployment.get("host"):
        what["host"] = deployment["host"]  # the listener's choice, or what the records know already
    tried = False

    def tell() -> Reported:
        nonlocal tried
        again, tried = tried, True
        try:
            return context.records.report(claim_id, epoch, status, **what, release=params["release"])
        except StaleClaim as error:
            if again and params["release"] and error.epoch == epoch:
                return {"revision": None, "interrupt_requested": False, "changed": bool(status)}
            raise

    return patiently(tell, context.close)


def _preview(
    params: Mapping[str, Any], claim: Mapping[str, Any], wanted: list[Wanted], port_range: tuple[int, int]
) -> dict[str, Any]:
    """In check mode: nothing is written, and what would be said is foretold from the claim."""
    revision = claim.get("revision") or {}
    before = revision.get("status")
    known = (claim.get("placements") or {}).get(params["host_key"]) or {}
    placements, predicted = foretell_ports(known, wanted, port_range)
    status = params["status"]
    return {
        "changed": bool(status and before != "DEPLOYED" and status != before),
        "interrupt_requested": False,
        "revision_status": status or before,
        "placements": placements,
        "placements_predicted": predicted,
        "reported": False,
        "msg": f"Check mode: nothing was reported for deployment {claim['deployment']['name']}.",
    }


def wanted_ports(host_key: str | None, queue_count: int, fixed: Mapping[str, Any] | None = None) -> list[Wanted]:
    """The ports a server needs on a host: an API pair, one for the health of each queue unit, one for Redis. Empty "
    "without a host."""
    if fixed and not host_key:
        raise InvalidInput(
            "The option fixed_ports needs host_key: say on which host the ports are to be.", field="host_key"
        )
    if not host_key:
        return []
    if queue_count < 1:
        raise InvalidInput(
            f"The option queue_count is {queue_count}: a server needs at least 1 queue unit.", field="queue_count"
        )
    wanted: list[Wanted] = [
        {"role": "api", "slot": "blue"},
        {"role": "api", "slot": "green"},
        {"role": "redis", "slot": "main"},
    ]
    wanted += [
        {"role": "queue", "slot": f"{colour}-{index}"}
        for colour in ("blue", "green")
        for index in range(1, queue_count + 1)
    ]
    ports = {f"{role}.{slot}": port for role, slots in (fixed or {}).items() for slot, port in dict(slots).items()}
    for item in wanted:
        port = ports.pop(f"{item['role']}.{item['slot']}", None)
        if port is not None:
            item["port"] = _port(port)
    if ports:
        raise InvalidInput(
            f"The option fixed_ports names {', '.join(sorted(ports))}: there is no such port in a server.",
            field="fixed_ports",
        )
    return wanted


def read_port_range(text: str) -> tuple[int, int]:
    """``22000-22999``, or a list of two, as first and last port."""
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 2 or not 1 <= int(numbers[0]) <= int(numbers[1]) <= 65535:
        raise InvalidInput(
            f"The port range {text} is none: write first and last port as in 22000-22999.", field="port_range"
        )
    return int(numbers[0]), int(numbers[1])


def foretell_ports(
    known: Mapping[str, Mapping[str, int]], wanted: list[Wanted], port_range: tuple[int, int]
) -> tuple[Ports, bool]:
    """The known ports, and for those still missing the next ones of the range; whether any was foretold."""
    ports: Ports = {role: dict(slots) for role, slots in known.items()}
    used = {port for slots in ports.values() for port in slots.values()}
    candidate, predicted = port_range[0], False
    for item in wanted:
        slots = ports.setdefault(item["role"], {})
        if item["slot"] in slots and item.get("port") in (None, slots[item["slot"]]):
            continue
        port = item.get("port")
        if port is None:
            while candidate in used:
                candidate += 1
            port = candidate
        used.add(port)
        slots[item["slot"]], predicted = port, True
    return ports, predicted


def _port(value: Any) -> int:
    try:
        port = int(value)
    except (TypeError, ValueError):
        port = 0
    if not 1 <= port <= 65535:
        raise InvalidInput(
            f"The port {value} in fixed_ports is none: write a number from 1 to 65535.", field="fixed_ports"
        )
    return port
