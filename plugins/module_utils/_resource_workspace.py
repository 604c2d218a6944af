# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import outcome, settle

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context

# No listener can be called so.
NO_LISTENER = "-"


def work(context: Context) -> dict[str, Any]:
    """{changed, action, diff, workspace}."""
    params, records = context.params, context.records
    desired = desired_workspace(params)
    plan = records.plan_workspace(desired, params["state"])
    if params["state"] == "absent":
        settle(context, plan, lambda: records.delete_workspace(params["name"]))
        # In check mode it is still there.
        return outcome(plan, workspace=records.workspace(params["name"]) if context.check_mode else None)
    applied = settle(context, plan, lambda: records.apply_workspace(desired, plan.version))
    return outcome(plan, workspace=applied["workspace"] if applied else records.workspace(params["name"]))


def desired_workspace(params: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for; None is not."""
    desired = {name: params[name] for name in ("name", "secrets_in_clear", "default_listener", "members")}
    if desired["default_listener"] == NO_LISTENER:
        desired["default_listener"] = ""
    return desired
