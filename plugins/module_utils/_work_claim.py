# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claiming work for a playbook: claim, write the claim files, leave the process behind that keeps the leases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEPLOYED, REPORT_FAILED
from ansible_collections.selfhosted.langgraph.plugins.module_utils._process import is_dead
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import LEASE_SECONDS, Claim, Owner, Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._renewer import Lease, opener, start
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import (
    remove_claim,
    sweep,
    work_directory,
    write_claim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import Process, find_owner
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_secrets import ENV_PREFIX, Allowed, resolve

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context


def work(context: Context) -> dict[str, Any]:
    """The module work_claim: {changed, claims: [public part with claim_file], refused: [{deployment, ...}]}."""
    params = context.params
    names = wanted_names(params["deployments"])
    directory = work_directory(params["work_dir"])
    sweep(directory, is_dead)
    owner, playbook = find_owner()
    claims = context.records.claim(
        names, params["listener"], owner=owner, takeover=params["takeover"], preview=context.check_mode
    )
    try:
        claims, refused = with_references(context, claims)
        written = write_all(directory, claims, context.connection, owner)
    except BaseException:
        if not context.check_mode:
            _give_back(context.records, claims)
        raise
    context.close()  # nothing may share a connection with the process that is forked now
    if written:
        keep(context, written, playbook)
    changed = any(claim["reason"] == "due" for claim in written) or any(item["reported"] for item in refused)
    return {"changed": changed, "claims": written, "refused": refused}


def wanted_names(deployments: Sequence[str] | None) -> list[str] | None:
    """The names to claim; None: whatever is due. InvalidInput for ``all`` among others."""
    names = list(dict.fromkeys(name.strip() for name in deployments or () if name.strip()))
    if "all" in names and len(names) > 1:
        raise InvalidInput(
            "The option deployments names all together with others: give either all alone or the names.",
            field="deployments",
        )
    return names or None


def with_references(
    context: Context, claims: Sequence[Claim], *, preview: bool = False
) -> tuple[list[Claim], list[dict[str, Any]]]:
    """The claims with the values that their secrets refer to; and those that lack one, which have failed.

    A preview has them as well: it tells whether what is on the hosts differs. Then nothing is reported.
    """
    params = context.params
    allowed = Allowed(params["secrets_env_prefix"] or ENV_PREFIX, params["secrets_directory"])
    good: list[Claim] = []
    refused: list[dict[str, Any]] = []
    for claim in claims:
        private = claim["private"]
        if claim["public"]["action"] == "apply":
            try:
                values, others = resolve(private.get("secret_references") or (), allowed, os.environ)
            except InvalidInput as error:
                refused.append(_refuse(context, claim, str(error), preview or context.check_mode))
                continue
            context.hide(values.values())
            private["secrets"] = {**private["secrets"], **values}
            private["secret_references"] = others
        good.append(claim)
    return good, refused


def _refuse(context: Context, claim: Claim, cause: str, preview: bool) -> dict[str, Any]:
    """Let the revision of a claim fail, and give the claim back; one that is deployed stays so."""
    public = claim["public"]
    revision = public["revision"]
    deployed = revision is None or revision["status"] == DEPLOYED
    if not preview:
        status = None if deployed else REPORT_FAILED
        context.records.report(public["claim_id"], public["epoch"], status, cause=cause, release=True)
    number = revision["number"] if revision else None
    context.warn(f"Deployment {public['deployment']['name']} cannot be applied: {cause}")
    name = public["deployment"]["name"]
    return {
        "deployment": name,
        "revision": number,
        "cause": cause,
        "msg": f"{name} revision {number}: {cause}",
        "reported": not (preview or deployed),
    }


def write_all(
    directory: str, claims: Sequence[Claim], connection: Mapping[str, Any], owner: Owner
) -> list[dict[str, Any]]:
    """Write the files of all claims, or none."""
    written: list[dict[str, Any]] = []
    try:
        for claim in claims:
            written.append(write_claim(directory, claim, connection, owner))
    except BaseException:
        for public in written:
            remove_claim(public["claim_file"])
        raise
    return written


def _give_back(records: Records, claims: Sequence[Claim]) -> None:
    for claim in claims:
        try:
            records.report(claim["public"]["claim_id"], claim["public"]["epoch"], release=True)
        except RecordsError:
            continue


def keep(context: Context, claims: Sequence[dict[str, Any]], playbook: Process | None) -> None:
    """Start the process that renews the leases and clears up; a warning if that is not possible."""
    if playbook is None:
        context.warn(
            "No ansible-playbook was found above this task (it must run on the controller, and on Linux): "
            + (
                "the claim files stay until the next work_claim."
                if context.check_mode
                else f"the claims are not renewed and end after {LEASE_SECONDS} s."
            )
        )
        return
    leases = [Lease(claim["claim_id"], claim["epoch"], claim["claim_file"]) for claim in claims]
    problem = start(None if context.check_mode else opener(context.connection), leases, playbook)
    if problem is not None:
        context.warn(f"The claims could not be renewed at first: {problem}. It is tried again every few seconds.")
