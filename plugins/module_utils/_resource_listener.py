# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module listener."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import outcome, settle

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context


def work(context: Context) -> dict[str, Any]:
    """{changed, action, diff, listener}."""
    params, records = context.params, context.records
    desired = {name: params[name] for name in ("compute_id", "compute_type", "compute_config", "version")}
    if desired["compute_config"] is not None:
        desired["compute_config"] = {
            key: value for key, value in desired["compute_config"].items() if value is not None
        }
    plan = records.plan_listener(desired, params["state"])
    if params["state"] == "absent":
        settle(context, plan, lambda: records.delete_listener(params["compute_id"]))
        return outcome(plan, listener=None)
    settle(context, plan, lambda: records.apply_listener(desired, plan.version))
    return outcome(plan, listener=records.listener(params["compute_id"]))
