# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations of the work protocol. A listener's key works for its listener alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Held, NotFound, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_service import works_for
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import WORK_PROTOCOL, revision_to_wire
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown

_Json = dict[str, Any]
_SAME_HOST = ("host", "boot_id")


def listener_of(context: Context, asked: str | None) -> str | None:
    """The id of the listener to work for: the key's own, or the one that is asked for."""
    own = context.identity.listener_id
    if asked is None:
        return own
    view = context.records.listener(asked)
    if view is None or (own is not None and view["id"] != own):
        raise shown.missing("listener", asked, f"workspace {context.identity.workspace_name}")
    found: str = view["id"]
    return found


@operation
def find_place(context: Context, listener: str | None) -> tuple[str, str | None]:
    """Where work for a listener is announced: the workspace, and the listener's id (None: for those without one)."""
    return context.identity.workspace_id, listener_of(context, listener)


@operation
def claim_work(context: Context, body: Mapping[str, Any]) -> _Json:
    """Claim what is due, or what is named."""
    owner = body["owner"]
    dead, suspects = list(body.get("dead") or ()), []

    def is_dead(other: Mapping[str, Any]) -> bool:
        if dict(other) in dead:
            return True
        # The client can see whether a process on its own host lives; the service cannot.
        if all(other.get(key) == owner.get(key) for key in _SAME_HOST) and other not in suspects:
            suspects.append(dict(other))
        return False

    try:
        claims = context.records.claim(
            body.get("deployments"),
            listener_of(context, body.get("listener")),
            owner=owner,
            takeover=body.get("takeover", False),
            preview=body.get("preview", False),
            limit=body.get("limit"),
            is_dead=is_dead,
            check_older_than=body.get("check_older_than"),
        )
    except Held as held:
        held.extra["suspects"] = suspects
        raise
    return {"protocol": WORK_PROTOCOL, "claims": claims, "suspects": suspects}


@operation
def release_work(context: Context, claims: Sequence[Mapping[str, Any]]) -> None:
    """Give back claims that did not reach whoever asked for them."""
    for claim in claims:
        try:
            context.records.report(claim["public"]["claim_id"], claim["public"]["epoch"], release=True)
        except StaleClaim:
            continue


def _check_own(context: Context, claim_or_revision: str) -> None:
    own = context.identity.listener_id
    if own is not None and not works_for(context.records, [claim_or_revision], own):
        raise NotFound(
            f"There is no claim or revision {claim_or_revision} for API key {context.identity.key_name}; claim again.",
            kind="claim",
            names=[],
        )


@operation
def renew_claim(context: Context, claim_id: str, epoch: int) -> _Json:
    """A lease that goes on."""
    _check_own(context, claim_id)
    return dict(context.records.renew(claim_id, epoch))


@operation
def report_work(context: Context, claim_id: str, epoch: int, report: Mapping[str, Any]) -> _Json:
    """Keep how far the work is."""
    _check_own(context, claim_id)
    reported = context.records.report(claim_id, epoch, **report)
    revision = reported["revision"]
    return {**reported, "revision": revision_to_wire(revision) if revision else None}


@operation
def place_servers(
    context: Context, claim_id: str, epoch: int, host_key: str, wanted: Sequence[Any], port_range: tuple[int, int]
) -> _Json:
    """Ports of a deployment on a host."""
    _check_own(context, claim_id)
    return {"placements": context.records.place(claim_id, epoch, host_key, wanted, port_range)}


@operation
def append_logs(context: Context, claim_or_revision: str, type: Any, entries: Sequence[Any]) -> _Json:
    """Keep lines of a log."""
    _check_own(context, claim_or_revision)
    return {"appended": context.records.append_logs(claim_or_revision, type, entries)}


@operation
def append_metrics(context: Context, claim_id: str, samples: Sequence[Mapping[str, Any]]) -> _Json:
    """Keep figures of a deployment."""
    _check_own(context, claim_id)
    return {"appended": context.records.append_metrics(claim_id, samples)}
