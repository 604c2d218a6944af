# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operation works with, and the check of rights that each goes through.

Operations are plain synchronous functions ``(context, ...)``; routes of the API and pages call the same ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AccessDenied, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import SECRETS_REVEAL
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_keys import Identity
from ansible_collections.selfhosted.langgraph.services.control_plane import permissions
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Caller:
    """Who asks, and from where."""

    identity: Identity
    author: str
    address: str | None = None

    def check(self, operation: str) -> None:
        """AccessDenied unless the caller may do the operation."""
        if not permissions.allowed(operation, self.identity.permissions):
            needed = " or ".join(permissions.OPERATIONS[operation])
            raise AccessDenied(
                f"API key {self.identity.key_name} lacks the permission {needed} in workspace "
                f"{self.identity.workspace_name}; use a key that has it.",
                permission=permissions.OPERATIONS[operation][0],
            )


@dataclass(frozen=True)
class Context:
    """The records of the caller's workspace for the time of one operation."""

    records: PostgresRecords
    caller: Caller
    settings: Settings

    @property
    def identity(self) -> Identity:
        """Who asks."""
        return self.caller.identity

    @property
    def shows_secrets(self) -> bool:
        """Whether answers hold the values of secrets."""
        return self.identity.secrets_in_clear or SECRETS_REVEAL in self.identity.permissions

    def seen(self, view: dict[str, Any] | None, name_or_id: str) -> dict[str, Any]:
        """The deployment's view; NotFound if there is none, or if it is another listener's than the key's."""
        own = self.identity.listener_id
        if view is None or (own is not None and view["listener_id"] != own):
            raise NotFound(
                f"There is no deployment {name_or_id} in workspace {self.identity.workspace_name}; create it or "
                "correct its name.",
                kind="deployment",
                names=[name_or_id],
            )
        return view

    def guard(self, name_or_id: str) -> None:
        """NotFound if the key is a listener's and the deployment belongs to another one."""
        if self.identity.listener_id is not None:
            self.seen(self.records.deployment(name_or_id), name_or_id)


def operation(function: Callable[Concatenate[Context, P], R]) -> Callable[Concatenate[Context, P], R]:
    """Make a function an operation: its name stands in the table of permissions, and they are checked first."""
    name = function.__name__
    if name not in permissions.OPERATIONS:
        raise LookupError(f"Operation {name} stands in no row of permissions.OPERATIONS; add it.")

    @functools.wraps(function)
    def checked(context: Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        context.caller.check(name)
        return function(context, *args, **kwargs)

    return checked
