# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The info modules: records as lists under one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context


def deployments(context: Context) -> dict[str, Any]:
    """{deployments}: one by name or ID, or a page of those that fit the filters."""
    params = context.params
    if params["name"] is not None:
        found = context.records.deployment(params["name"])
        fits = (
            found is not None
            and params["status"] in (None, found["status"])
            and (params["name_contains"] or "") in found["name"]
        )
        return {"changed": False, "deployments": [found] if fits else []}
    page = context.records.deployments(
        name_contains=params["name_contains"], status=params["status"], limit=params["limit"], offset=params["offset"]
    )
    return {"changed": False, "deployments": page}


def revisions(context: Context) -> dict[str, Any]:
    """{revisions}: one by number, or a page, newest first; each with its logs and its differences if asked for."""
    params, records = context.params, context.records
    deployment, number = params["deployment"], params["number"]
    found: list[dict[str, Any]]
    if number is not None:
        revision = records.revision(deployment, number)
        found = (
            [revision]
            if revision is not None and revision["status"] in (params["status"] or [revision["status"]])
            else []
        )
    else:
        found = records.revisions(deployment, params["status"], params["limit"], params["offset"])
    if params["logs"] is not None:
        for revision in found:
            page = records.logs(deployment, revision["number"], type=params["logs"], limit=params["log_lines"])
            revision["logs"] = page["logs"]
    if params["diff_with"] is not None:
        for revision in found:
            revision["differences"] = records.diff_revisions(deployment, params["diff_with"], revision["number"])
    return {"changed": False, "revisions": found}


def listeners(context: Context) -> dict[str, Any]:
    """{listeners}: one by compute_id or ID, or a page."""
    params, records = context.params, context.records
    if params["compute_id"] is not None:
        found = records.listener(params["compute_id"])
        return {"changed": False, "listeners": [] if found is None else [found]}
    return {"changed": False, "listeners": records.listeners(params["limit"], params["offset"])}


def workspaces(context: Context) -> dict[str, Any]:
    """{workspaces}: one by name or ID, or all of them."""
    params, records = context.params, context.records
    if params["name"] is not None:
        found = records.workspace(params["name"])
        return {"changed": False, "workspaces": [] if found is None else [found]}
    return {"changed": False, "workspaces": records.workspaces()}


def api_keys(context: Context) -> dict[str, Any]:
    """{api_keys}: one by name or ID, or a page."""
    params, records = context.params, context.records
    if params["name"] is not None:
        found = records.api_key(params["name"])
        return {"changed": False, "api_keys": [] if found is None else [found]}
    return {"changed": False, "api_keys": records.api_keys(params["limit"], params["offset"])}


def audit(context: Context) -> dict[str, Any]:
    """{entries, next_offset}: a page of the audit, newest first."""
    names = ("kind", "record", "action", "actor", "since", "until", "limit", "after")
    page = context.records.audit_entries(**{name: context.params[name] for name in names})
    return {"changed": False, "entries": page["entries"], "next_offset": page["next_offset"]}
