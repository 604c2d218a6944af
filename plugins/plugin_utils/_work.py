# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what is done on the controller about a claim, in the process of the task.

A module would be packed with the records' adapters, sent to the controller itself and compiled there, each time:
half a second of a core for a request of milliseconds.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context, conclude


class Task:
    """Of an AnsibleModule what the work asks of one."""

    def __init__(self, name: str, params: dict[str, t.Any], secrets: set[str], check_mode: bool) -> None:
        self._name = name
        self.params = params
        self.no_log_values = secrets
        self.check_mode = check_mode
        self.warnings: list[str] = []
        self.warn = self.warnings.append


class WorkAction(ActionBase):
    """Does the work of the module of the same name, with the same options and results."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    spec: ArgumentSpec
    work: t.Callable[[Context], dict[str, t.Any]]

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        # As a module gets it. This process is of this task alone.
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        os.environ.update({name: str(value) for name, value in environment.items()})
        # Without Ansible's marks on values (vaulted, trusted as a template), as they reach a module.
        self._task.args = json.loads(json.dumps(self._task.args, default=str))
        validated, params = self.validate_argument_spec(**self.spec.rules())
        task = Task(self._load_name, params, set(validated._no_log_values), self._task.check_mode)
        failed, said = conclude(task, self.work)
        said["invocation"] = {"module_args": task.params}
        result.update(remove_values(said, task.no_log_values), failed=failed)
        if task.warnings:
            result["warnings"] = task.warnings
        return result
