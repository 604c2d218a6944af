# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module revision: activate, interrupt, redeploy or pin a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEPLOYED, INTERRUPTED, PENDING
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import both, outcome, settle
from ansible_collections.selfhosted.langgraph.plugins.module_utils._waiting import wait_for_revision, why_not

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context


def work(context: Context) -> dict[str, Any]:
    """{changed, action, diff, new_revision, revision}: the revision that was asked for, or the one made from it."""
    params = context.params
    deployment, number = params["deployment"], params["number"]
    revision = find_revision(context, deployment, number)
    number = revision["number"]
    plan = _plan(context, revision)
    applied = settle(context, plan, lambda: _write(context, number))
    pin = plan_pin(revision, params["pinned"])
    pinned = settle(context, pin, lambda: context.records.pin_revision(deployment, number, params["pinned"]))
    made = (applied or {}).get("revision") or _standing(context, deployment, number, plan)
    if not context.check_mode and params["wait"] and params["state"] != "present":
        wanted = INTERRUPTED if params["state"] == "interrupted" else DEPLOYED
        if not (wanted == INTERRUPTED and made["status"] != INTERRUPTED and made["status"] not in PENDING):
            made = wait_for_revision(context.records, deployment, made["number"], params["wait_timeout"], wanted)
    elif pinned is not None and made["number"] == number:
        made = pinned["revision"] or made
    return outcome(both(plan, pin), new_revision=plan.new_revision, revision=made)


def find_revision(context: Context, deployment: str, number: int | None) -> dict[str, Any]:
    """The revision (None: the latest); NotFound if there is none."""
    revision = context.records.revision(deployment, number)
    if revision is None:
        if context.records.deployment(deployment) is None:
            raise NotFound(
                f"There is no deployment {deployment}: create it with module deployment.",
                kind="deployment",
                names=[deployment],
            )
        which = "any revision" if number is None else f"a revision {number}"
        raise NotFound(
            f"Deployment {deployment} does not have {which}: see revision_info for those it has.", kind="revision"
        )
    return revision


def _plan(context: Context, revision: dict[str, Any]) -> Plan:
    params = context.params
    state, number = params["state"], revision["number"]
    if state == "active":
        if params["number"] is None:
            raise InvalidInput(
                "The state active needs the option number: say which revision is to be active.", field="number"
            )
        return context.records.plan_activation(params["deployment"], number, params["secrets"])
    if state == "interrupted":
        holder = (context.records.deployment(params["deployment"]) or {}).get("claim") or {}
        return plan_interrupt(params["deployment"], revision, bool(holder.get("held")))
    if state == "redeployed":
        return Plan(
            "create", new_revision=True, fields=("revision",), before={}, after={"revision": {"repeats": number}}
        )
    return Plan("none")


def _write(context: Context, number: int) -> Any:
    params, records = context.params, context.records
    if params["state"] == "active":
        return records.activate_revision(params["deployment"], number, params["secrets"], params["comment"])
    if params["state"] == "redeployed":
        return records.redeploy_revision(params["deployment"], number, params["comment"])
    return records.interrupt_revision(params["deployment"], number)


def _standing(context: Context, deployment: str, number: int, plan: Plan) -> dict[str, Any]:
    """The revision that already is what was asked for: itself, or for state active a rollback to it."""
    if context.params["state"] == "active" and not plan.changed:
        latest = context.records.revision(deployment)
        if latest is not None and latest.get("rollback_of") == number:
            return latest
    return find_revision(context, deployment, number)


def plan_interrupt(deployment: str, revision: dict[str, Any], held: bool) -> Plan:
    """Interrupting what waits or is worked on; nothing for what has ended otherwise. Conflict for what is deployed.

    held: whether somebody works on the deployment, who will see a request that was made before.
    """
    status = revision["status"]
    if status == DEPLOYED:
        raise Conflict(why_not(deployment, revision), status=status)
    if status not in PENDING or (revision["interrupt_requested"] and held):
        return Plan("none")
    return Plan(
        "update",
        fields=("interrupt_requested",),
        before={"interrupt_requested": False},
        after={"interrupt_requested": True},
    )


def plan_pin(revision: dict[str, Any], pinned: bool | None) -> Plan:
    """Whether the pin differs; None: not asked."""
    if pinned is None or pinned == revision["pinned"]:
        return Plan("none")
    return Plan("update", fields=("pinned",), before={"pinned": revision["pinned"]}, after={"pinned": pinned})
