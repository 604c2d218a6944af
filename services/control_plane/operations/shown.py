# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How records are shown: as JSON, with the values of secrets for those who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Applied
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_service import secrets_of
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import (
    deployment_to_wire,
    plan_to_wire,
    revision_to_wire,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context

View = Mapping[str, Any]


def _values(context: Context, kind: Literal["deployment", "revision"], views: Sequence[View]) -> dict[str, Any]:
    if not context.shows_secrets:
        return {}
    names = {
        view["id"]: view["name"] if kind == "deployment" else f"{view['deployment']} {view['number']}"
        for view in views
        if view["secrets"]
    }
    if not names:
        return {}
    # Where everybody may see them, that somebody did is no event.
    return secrets_of(context.records, kind, names, audited=not context.identity.secrets_in_clear)


def deployments(context: Context, views: Sequence[View]) -> list[dict[str, Any]]:
    """Deployments as JSON."""
    values = _values(context, "deployment", views)
    return [deployment_to_wire(view, values.get(view["id"])) for view in views]


def deployment(context: Context, view: View) -> dict[str, Any]:
    """A deployment as JSON."""
    return deployments(context, [view])[0]


def revisions(context: Context, views: Sequence[View]) -> list[dict[str, Any]]:
    """Revisions as JSON."""
    values = _values(context, "revision", views)
    return [revision_to_wire(view, values.get(view["id"])) for view in views]


def revision(context: Context, view: View) -> dict[str, Any]:
    """A revision as JSON."""
    return revisions(context, [view])[0]


def changed(context: Context, applied: Applied) -> dict[str, Any]:
    """A deployment after a change, with what was done and the revision that it made."""
    made = applied["revision"]
    return {
        **deployment(context, applied["deployment"]),
        "change": plan_to_wire(applied["plan"]),
        "revision": revision(context, made) if made else None,
    }


def page(resources: list[dict[str, Any]], offset: int) -> dict[str, Any]:
    """A page of a list, and where the next one begins."""
    return {"resources": resources, "offset": offset + len(resources)}


def missing(kind: str, name: str, where: str) -> NotFound:
    """The error for a record that does not exist."""
    return NotFound(f"There is no {kind} {name} in {where}; correct it or create it.", kind=kind, names=[name])
