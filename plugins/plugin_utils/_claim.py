# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: actions that take a claim's secrets from its file on the controller straight to a module.

They are merged after templating, into options that the module declares as no_log: what a user wrote is never a template
and never part of a result.
"""

from __future__ import annotations

import json
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


def read_claim(path: str) -> dict[str, t.Any]:
    """The whole claim, secrets included; AnsibleActionFail when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            claim = json.load(stream)
    except OSError as error:
        raise AnsibleActionFail(
            f"The claim's file {path} cannot be read ({error.strerror}); its run has ended, so claim the work again."
        ) from error
    except ValueError as error:
        raise AnsibleActionFail(f"The claim's file {path} holds no claim; claim the work again.") from error
    if not isinstance(claim, dict):
        raise AnsibleActionFail(f"The claim's file {path} holds no claim; claim the work again.")
    return claim


class ClaimAction(ActionBase):
    """Runs the module of the same name, with options filled from the claim that `claim_file` names.

    The slug and the epoch are filled in when the task gives none; what `secrets` returns always comes from the claim.
    """

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def secrets(self, claim: dict[str, t.Any]) -> dict[str, t.Any]:
        """Options of the module that hold secrets; none unless a module says otherwise."""
        return {}

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = dict(self._task.args)
        path = options.pop("claim_file", None)
        if path:
            claim = read_claim(str(path))
            if options.get("slug") is None:
                options["slug"] = claim["deployment"]["slug"]
            if options.get("epoch") is None:
                options["epoch"] = claim["epoch"]
            options.update(self.secrets(claim))
        result.update(
            self._execute_module(
                module_name=f"selfhosted.langgraph.{self._task.action.rsplit('.', 1)[-1]}",
                module_args=options,
                task_vars=task_vars,
            )
        )
        return result
