# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: options that every module on a server host has. The twin of doc_fragments/server_host.py. No Ansible."""

from __future__ import annotations

import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import PLATFORMS, HostPaths, host_paths

SHORTEST_SECRET = 6  # characters; shorter values are too likely to be part of ordinary words


def host_spec() -> dict[str, t.Any]:
    """Common part of the argument specs. `claim_file` is taken out by the action plugins."""
    return {
        "root": {"type": "path", "required": True},
        "platform": {"type": "str", "choices": list(PLATFORMS), "default": "systemd"},
        "supervisor_dir": {"type": "path"},
        "slug": {"type": "str", "required": True},
        "epoch": {"type": "int"},
        "claim_file": {"type": "path"},
        "wait_lock": {"type": "int", "default": 60},
    }


def module_paths(params: t.Mapping[str, t.Any]) -> HostPaths:
    """The layout that the common options mean."""
    if params.get("claim_file"):
        raise HostError("claim_file is read on the controller; call the module as an action, by its full name.")
    return host_paths(params["root"], params["slug"], params["platform"], params["supervisor_dir"] or None)


def fence_arguments(params: t.Mapping[str, t.Any]) -> tuple[int | None, float]:
    """(epoch, seconds to wait) for `_fence.fenced`."""
    return params["epoch"], float(params["wait_lock"])


def string_values(value: t.Mapping[str, t.Any] | None, option: str) -> dict[str, str]:
    """A dict option whose values have to be strings; HostError names the key of one that is not."""
    for key, item in (value or {}).items():
        if not isinstance(item, str):
            raise HostError(f"{option}.{key} is {type(item).__name__}, not a string; put it in quotes.")
    return dict(value or {})


def keep_quiet(module: t.Any) -> None:
    """Stop AnsibleModule from blanking values of no_log options in the result, to be called first.

    These values may be as short as "1" or "true", and blanking them would spoil every text that contains them (a lock,
    a diff). The module keeps them out of its results by itself: see `masked` and `shown_invocation`.
    """
    module.no_log_values.clear()


def shown_invocation(module: t.Any) -> dict[str, t.Any]:
    """The options as a result may show them."""
    hidden = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    spec = module.argument_spec
    return {"module_args": {k: hidden if spec.get(k, {}).get("no_log") else v for k, v in module.params.items()}}


def masked(result: dict[str, t.Any], values: t.Iterable[t.Any]) -> dict[str, t.Any]:
    """A failure's message and log lines without those values, where they are long enough to be secrets."""
    found = sorted({v for v in values if isinstance(v, str) and len(v) >= SHORTEST_SECRET}, key=len, reverse=True)
    for value in found:
        for part in {value, *value.splitlines()}:
            if len(part) < SHORTEST_SECRET:
                continue
            result["msg"] = result["msg"].replace(part, "********")
            if "log_tail" in result:
                result["log_tail"] = [line.replace(part, "********") for line in result["log_tail"]]
    return result
