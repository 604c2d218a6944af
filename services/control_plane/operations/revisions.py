# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on revisions of a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import patch_to_desired, plan_to_wire
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown
from ansible_collections.selfhosted.langgraph.services.control_plane.operations.deployments import resolved

_Json = dict[str, Any]


@operation
def list_revisions(
    context: Context,
    deployment: str,
    limit: int,
    offset: int,
    *,
    status: Sequence[str] | None = None,
    remote_reconciled: bool | None = None,
    number: int | None = None,
) -> _Json:
    """A page of revisions, the newest first."""
    context.guard(deployment)
    if number is not None:
        found = context.records.revision(deployment, number)
        if found is None:
            context.seen(context.records.deployment(deployment), deployment)
        fits = found is not None and (not status or found["status"] in status) and not offset
        views = [{key: value for key, value in found.items() if key != "lock"}] if found and fits else []
    else:
        views = context.records.revisions(deployment, status, limit, offset)
    if remote_reconciled is False:
        views = []
    return shown.page(shown.revisions(context, views), offset)


def _found(context: Context, deployment: str, revision: str) -> _Json:
    context.guard(deployment)
    view = context.records.revision(deployment, revision)
    if view is None:
        known = context.seen(context.records.deployment(deployment), deployment)
        raise shown.missing("revision", revision, f"deployment {known['name']}")
    return view


@operation
def get_revision(context: Context, deployment: str, revision: str) -> _Json:
    """A revision, with its lock."""
    return shown.revision(context, _found(context, deployment, revision))


@operation
def create_revision(context: Context, deployment: str, body: Mapping[str, Any], version: int | None = None) -> _Json:
    """Make a revision, even if nothing differs."""
    context.guard(deployment)
    asked = patch_to_desired(body)
    with context.records.transaction():
        desired = resolved(context, deployment, asked)
        applied = context.records.apply_deployment(desired, version, always_revision=True, must="update")
        made = applied["revision"]
        if made is None:
            raise InvalidInput(
                f"Deployment {applied['deployment']['name']} has no source yet, so that a revision would have nothing "
                "to run; give one.",
                field="source_revision_config",
            )
        return {**shown.revision(context, made), "change": plan_to_wire(applied["plan"])}


@operation
def diff_revisions(context: Context, deployment: str, left: int, right: int) -> _Json:
    """What differs between two revisions."""
    context.guard(deployment)
    return context.records.diff_revisions(deployment, left, right)


@operation
def rollback_deployment(
    context: Context,
    deployment: str,
    number: int,
    secrets: Literal["current", "of_revision"],
    message: str | None,
    *,
    dry_run: bool = False,
    version: int | None = None,
) -> _Json:
    """Make a revision that runs what an earlier one ran, unless that one runs already or is about to."""
    context.guard(deployment)
    records = context.records
    with records.transaction():
        plan = records.plan_activation(deployment, number, secrets)
        if version is not None and plan.version != version:
            raise Conflict(f"Deployment {deployment} was changed by somebody else meanwhile; read it again.")
        if dry_run:
            return plan_to_wire(plan)
        applied = records.activate_revision(deployment, number, secrets, message)
        made = applied["revision"]
        return {
            "revision": shown.revision(context, made) if made else None,
            "deployment": shown.deployment(context, applied["deployment"]),
            "change": plan_to_wire(applied["plan"]),
        }


@operation
def pin_revision(context: Context, deployment: str, revision: str, pinned: bool) -> _Json:
    """Keep a revision on the hosts, or no longer."""
    number = _found(context, deployment, revision)["number"]
    applied = context.records.pin_revision(deployment, number, pinned)
    return _after(context, deployment, number, applied)


@operation
def redeploy_revision(context: Context, deployment: str, revision: str, message: str | None) -> _Json:
    """Make a revision that repeats another one."""
    number = _found(context, deployment, revision)["number"]
    return shown.changed(context, context.records.redeploy_revision(deployment, number, message))


@operation
def interrupt_revision(context: Context, deployment: str, revision: str) -> _Json:
    """Stop a revision that waits or is being worked on."""
    number = _found(context, deployment, revision)["number"]
    applied = context.records.interrupt_revision(deployment, number)
    return _after(context, deployment, number, applied)


def _after(context: Context, deployment: str, number: int, applied: Any) -> _Json:
    view = context.records.revision(deployment, number)
    assert view is not None
    view.pop("lock")
    return {**shown.revision(context, view), "change": plan_to_wire(applied["plan"])}
