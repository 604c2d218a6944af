# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The glue between Ansible and the records: the only place that decides check mode, diff, failure and return shape."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Protocol

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._connection import choose, of_claim, secrets_of
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, Plan, Records

_SHORTEST_REDACTED = 4


class Task(Protocol):
    """What the work asks of an AnsibleModule, or of an action that does a module's work."""

    _name: str
    params: dict[str, Any]
    check_mode: bool
    no_log_values: set[str]

    def warn(self, warning: str) -> None:
        """Say something beside the result."""


class Context:
    """What a module's work gets: its options, the records (opened on first use), and whether it may write."""

    def __init__(self, module: Task) -> None:
        self.params = given(module.params)
        self.check_mode: bool = module.check_mode
        self.warn: Callable[[str], None] = module.warn
        hide_values(module)
        self._secrets: set[str] = module.no_log_values
        self._connection = self._known(choose(self.params, os.environ))

    def _known(self, connection: dict[str, Any]) -> dict[str, Any]:
        """A connection whose secrets will not be shown, wherever they came from."""
        self.hide(secrets_of(connection))
        return connection

    def hide(self, values: Iterable[str]) -> None:
        """Values that no result may show; very short ones would only garble it."""
        self._secrets |= {value for value in values if len(value) >= _SHORTEST_REDACTED}

    @property
    def connection(self) -> dict[str, Any]:
        """Where the records are: see ``_connection``."""
        return self._connection

    def work_on(self, claim: Mapping[str, Any]) -> None:
        """Go on over the connection that a claim was made over, unless the options name others."""
        self.close()
        self._connection = self._known(of_claim(claim["connection"], self.params, os.environ))

    @cached_property
    def records(self) -> Records:
        """The records; RecordsError when they cannot be reached."""
        return open_connection(self.connection)

    def close(self) -> None:
        """Give the connection back, if one was opened."""
        records = self.__dict__.pop("records", None)
        if records is not None:
            records.close()


Work = Callable[[Context], dict[str, Any]]


def run(spec: ArgumentSpec, work: Work, supports_check_mode: bool = True) -> None:
    """A whole module: read the options, do the work, say what came of it."""
    module = spec.module(supports_check_mode=supports_check_mode)
    failed, result = conclude(module, work)
    if failed:
        module.fail_json(**result)
    module.exit_json(**result)


def conclude(module: Task, work: Work) -> tuple[bool, dict[str, Any]]:
    """Do the work: whether it failed, and what is to be said of it."""
    try:
        return False, perform(module, work)
    except RecordsError as error:
        return True, failure(error)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw must still end as a result that says where
        return True, {"msg": unexpected(module._name, error), "exception": traceback.format_exc()}


def perform(module: Task, work: Work) -> dict[str, Any]:
    """The work with its context; the connection is given back in any case."""
    context = Context(module)
    try:
        return work(context)
    finally:
        context.close()


def failure(error: RecordsError) -> dict[str, Any]:
    """An error as arguments of ``fail_json``: the sentence, the kind of error, and what a program may want to read."""
    return {
        **{key: value for key, value in error.extra.items() if value is not None},
        "code": error.code,
        "msg": str(error),
    }


def unexpected(name: str, error: Exception) -> str:
    """The sentence for an error that nobody foresaw."""
    what = f"{type(error).__name__}: {error}".rstrip(".: ")
    return f"Module {name} met an error that it does not know ({what}): please report it, with the output of -vvv."


def open_connection(connection: Mapping[str, Any]) -> Records:
    """Open the records that a connection points to; InvalidInput when nothing was given."""
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records

    return open_records(connection)


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """Options with "" as None, as AWX means it."""
    return {name: None if value == "" else value for name, value in params.items()}


def hide_values(module: Task) -> None:
    """Show secrets as names only in the echo of the options, and let no very short secret garble the result.

    Ansible blanks every occurrence of a secret's value in a result: a value such as "1" would blank numbers and
    statuses.
    """
    secrets = module.params.get("secrets")
    if isinstance(secrets, dict):
        module.params["secrets"] = masked(secrets)
    module.no_log_values = {value for value in module.no_log_values if len(value) >= _SHORTEST_REDACTED}


def masked(secrets: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Names without values."""
    return None if secrets is None else {str(name): MASK for name in secrets}


def settle(context: Context, plan: Plan, write: Callable[[], Any]) -> Any:
    """Do what was planned, unless there is nothing to do or only a preview was asked for (then None)."""
    return None if context.check_mode or not plan.changed else write()


def outcome(plan: Plan, **record: Any) -> dict[str, Any]:
    """The result of a module that brings a record to a state."""
    return {
        "changed": plan.changed,
        "action": plan.action,
        "diff": {"before": plan.before, "after": plan.after},
        **record,
    }


def both(first: Plan, second: Plan) -> Plan:
    """Two plans as one."""
    if not (first.changed and second.changed):
        return first if first.changed else second
    return Plan(
        first.action,
        new_revision=first.new_revision,
        zero_downtime=first.zero_downtime,
        fields=tuple(sorted({*first.fields, *second.fields})),
        before={**first.before, **second.before},
        after={**first.after, **second.after},
        version=first.version,
    )
