# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure planning of listeners. As in ``_plan``: None or a missing key = not asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _inputs, _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan


def plan_listener(
    current: Mapping[str, Any] | None, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present"
) -> Plan:
    """What bringing a listener to ``desired`` (compute_id, compute_type, compute_config, version) does."""
    compute_id = _model.check_compute_id(desired.get("compute_id"))
    if state == "absent":
        if current is None:
            return Plan("none")
        if current["deployments"]:
            raise Conflict(f"Listener {compute_id} still has {current['deployments']} deployments; delete them first.")
        return Plan(
            "delete",
            fields=("compute_id",),
            before=_listener_view(current),
            after={},
            version=current["record_version"],
        )
    after = merge_listener(current, desired)
    if current is None:
        return Plan("create", fields=tuple(sorted(after)), after=after)
    before = _listener_view(current)
    fields = tuple(sorted(key for key, value in after.items() if before.get(key) != value))
    if not fields:
        return Plan("none", version=current["record_version"])
    return Plan("update", fields=fields, before=before, after=after, version=current["record_version"])


def _listener_view(listener: Mapping[str, Any]) -> dict[str, Any]:
    config = {"host_groups": list((listener.get("compute_config") or {}).get("host_groups") or [])}
    return {**{key: listener.get(key) for key in ("compute_id", "compute_type", "version")}, "compute_config": config}


def merge_listener(current: Mapping[str, Any] | None, desired: Mapping[str, Any]) -> dict[str, Any]:
    """The listener after the change, checked: {compute_id, compute_type, compute_config{host_groups}, version}."""
    compute_id = desired["compute_id"]
    base = (
        _listener_view(current)
        if current
        else {"compute_id": compute_id, "compute_type": "hosts", "version": None, "compute_config": {"host_groups": []}}
    )
    asked_type = desired.get("compute_type") or base["compute_type"]
    if asked_type not in _model.COMPUTE_TYPES:
        raise InvalidInput(
            f"compute_type {asked_type!r} of listener {compute_id} is not known; use hosts or k8s.",
            field="compute_type",
        )
    if current and asked_type != base["compute_type"]:
        raise InvalidInput(
            f"The compute_type of listener {compute_id} is {base['compute_type']} and cannot be changed; delete "
            "the listener first.",
            field="compute_type",
        )
    after = {**base, "compute_type": asked_type}
    if desired.get("version"):
        after["version"] = _inputs.check_text(str(desired["version"]), "version", limit=128)
    config = desired.get("compute_config")
    if config is not None:
        after["compute_config"] = {"host_groups": _groups(compute_id, config)}
    return after


def _groups(compute_id: str, config: Any) -> list[str]:
    if not isinstance(config, Mapping) or set(config) - {"host_groups", "k8s_namespaces"}:
        raise InvalidInput(
            f"compute_config of listener {compute_id} is malformed; give host_groups (or k8s_namespaces) with a list.",
            field="compute_config",
        )
    lists = [list(config[key]) for key in ("host_groups", "k8s_namespaces") if isinstance(config.get(key), list)]
    if len(lists) == 2 and lists[0] != lists[1]:
        raise InvalidInput(
            f"host_groups and k8s_namespaces of listener {compute_id} differ; they are the same list, so give "
            "one of them.",
            field="compute_config",
        )
    groups = lists[0] if lists else []
    if not all(isinstance(group, str) and group for group in groups):
        raise InvalidInput(
            f"compute_config of listener {compute_id} holds something else than names; quote them.",
            field="compute_config",
        )
    return [_inputs.check_text(group, "host_groups", limit=255) for group in groups]
