# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control plane answers, checked: a claim that is not one is refused, logged and not obeyed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import WORK_PROTOCOL

ACTIONS = ("apply", "delete", "check")
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_LEASE = 3600.0


class BadAnswer(RecordsError):
    """The control plane said something that makes no sense."""

    code = "bad_answer"


class Claims(NamedTuple):
    """What was claimed, and owners on this host who may be dead."""

    claims: list[Claim]
    suspects: list[dict[str, Any]]


class Heartbeat(NamedTuple):
    """The listener that this process works for, and whether this process leads."""

    listener: dict[str, Any]
    leader: bool


def _need(good: bool, what: str) -> None:
    if not good:
        raise BadAnswer(f"The control plane sent {what}; it is not obeyed.")


def claims(body: Mapping[str, Any]) -> Claims:
    """The answer to a claim."""
    _need(
        body.get("protocol") == WORK_PROTOCOL,
        f"a claim of protocol {body.get('protocol')!r}, which is not {WORK_PROTOCOL}",
    )
    found, suspects = body.get("claims"), body.get("suspects", [])
    _need(isinstance(found, list) and isinstance(suspects, list), "no list of claims")
    return Claims(
        [claim(item) for item in cast("list[Any]", found)], [item for item in suspects if isinstance(item, dict)]
    )


def claim(data: Any) -> Claim:
    """One claim: everything of it that we act upon is of the right kind."""
    _need(isinstance(data, dict) and isinstance(data.get("public"), dict), "a claim without a public part")
    _need(isinstance(data.get("private"), dict), "a claim without a private part")
    public = data["public"]
    claim_id, epoch, seconds = public.get("claim_id"), public.get("epoch"), public.get("seconds_left")
    _need(isinstance(claim_id, str) and _model.is_uuid(claim_id), f"a claim with the id {claim_id!r}")
    _need(
        isinstance(epoch, int) and not isinstance(epoch, bool) and epoch > 0,
        f"claim {claim_id} with the epoch {epoch!r}",
    )
    _need(
        isinstance(seconds, int | float) and 0 <= seconds <= _LONGEST_LEASE,
        f"claim {claim_id} with a lease of {seconds!r} s",
    )
    _need(public.get("action") in ACTIONS, f"claim {claim_id} with the action {public.get('action')!r}")
    deployment, revision = public.get("deployment"), public.get("revision")
    _need(isinstance(deployment, dict), f"claim {claim_id} without a deployment")
    slug, identity = deployment.get("slug"), deployment.get("id")
    _need(isinstance(slug, str) and bool(_SLUG.fullmatch(slug)), f"claim {claim_id} on the slug {slug!r}")
    _need(isinstance(identity, str) and _model.is_uuid(identity), f"claim {claim_id} on the deployment {identity!r}")
    _need(isinstance(deployment.get("name"), str), f"claim {claim_id} on a deployment without a name")
    if revision is None:
        _need(public["action"] == "delete", f"claim {claim_id} without a revision")
    else:
        good = isinstance(revision, dict) and isinstance(revision.get("id"), str) and _model.is_uuid(revision["id"])
        number = revision.get("number") if isinstance(revision, dict) else None
        _need(good and isinstance(number, int) and number > 0, f"claim {claim_id} with a revision that is none")
    return cast("Claim", data)


def heartbeat(body: Mapping[str, Any]) -> Heartbeat:
    """The answer to a heartbeat."""
    listener = body.get("listener")
    _need(isinstance(listener, dict) and isinstance(listener.get("id"), str), "a heartbeat's answer without a listener")
    groups = cast("dict[str, Any]", listener).get("host_groups") or []
    _need(isinstance(groups, list) and all(isinstance(name, str) for name in groups), "host groups that are no names")
    return Heartbeat({**cast("dict[str, Any]", listener), "host_groups": groups}, body.get("leader") is True)


def served(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The deployments of a listener."""
    found = body.get("deployments")
    _need(isinstance(found, list), "no list of deployments")
    good = [item for item in cast("list[Any]", found) if isinstance(item, dict) and isinstance(item.get("slug"), str)]
    return [item for item in good if _SLUG.fullmatch(item["slug"]) and _model.is_uuid(str(item.get("id")))]
