# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights are checked by the operations themselves, whoever calls them; the table has no gap."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AccessDenied
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import PERMISSIONS
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_keys import Identity
from ansible_collections.selfhosted.langgraph.services.control_plane import operations, permissions
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Caller, Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings


def caller(*given: str) -> Caller:
    identity = Identity(
        key_id="k",
        key_name="test",
        member=None,
        role="viewer",
        permissions=frozenset(given),
        workspace_id="w",
        workspace_name="default",
        listener_id=None,
        organization=False,
        secrets_in_clear=False,
        author="key test",
    )
    return Caller(identity, "key test")


def all_operations() -> dict[str, Callable[..., Any]]:
    found = {}
    for part in pkgutil.iter_modules(operations.__path__):
        module = importlib.import_module(f"{operations.__name__}.{part.name}")
        for name, function in vars(module).items():
            if name in permissions.OPERATIONS and hasattr(function, "__wrapped__"):
                found[name] = function
    return found


def test_each_row_is_an_operation() -> None:
    assert set(all_operations()) == set(permissions.OPERATIONS)


@pytest.mark.parametrize("name", sorted(name for name, needed in permissions.OPERATIONS.items() if needed))
def test_an_operation_refuses_whoever_lacks_its_permission(name: str) -> None:
    settings = Settings(dsn="", encryption_key_file="")
    others = PERMISSIONS - set(permissions.OPERATIONS[name])
    context = Context(None, caller(*others), settings)  # type: ignore[arg-type]  # refused before it is looked at
    with pytest.raises(AccessDenied, match="lacks the permission") as refused:
        all_operations()[name](context)
    assert refused.value.extra["permission"] == permissions.OPERATIONS[name][0]


def test_permissions_are_known_ones() -> None:
    assert {permission for needed in permissions.OPERATIONS.values() for permission in needed} <= PERMISSIONS


def test_what_is_in_no_row_is_no_operation() -> None:
    def unlisted(context: Context) -> None:
        """Nothing."""

    with pytest.raises(LookupError, match="unlisted stands in no row"):
        operation(unlisted)
