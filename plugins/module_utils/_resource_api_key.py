# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module api_key: a key is shown or written to a file once, when it is made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import outcome, settle

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context

NEVER = "never"
_MOST_BYTES = 4096  # of a file that holds a key
_ASKED = ("name", "role", "permissions", "listener", "member", "organization", "expires_at")


def work(context: Context) -> dict[str, Any]:
    """{changed, action, diff, api_key, key, path}."""
    return _absent(context) if context.params["state"] == "absent" else _present(context)


def desired_key(params: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for; None is not."""
    desired = {name: params[name] for name in _ASKED}
    if desired["expires_at"] == NEVER:
        desired["expires_at"] = ""
    return desired


def _absent(context: Context) -> dict[str, Any]:
    """The file goes with the key: what is in it is of no use any more."""
    params, records = context.params, context.records
    plan = records.plan_api_key({"name": params["name"]}, "absent")
    before = records.api_key(params["name"])
    path = params["path"]
    stale = path is not None and before is not None and holds_key(path, before["prefix"])
    settle(context, plan, lambda: records.delete_api_key(before["id"] if before else params["name"]))
    if stale and not context.check_mode:
        os.unlink(path)
    return _outcome(plan, before if context.check_mode else None, None, path)


def _present(context: Context) -> dict[str, Any]:
    params, records = context.params, context.records
    desired, path = desired_key(params), params["path"]
    plan = records.plan_api_key(desired)
    before = records.api_key(params["name"])
    if before is None or path is None or holds_key(path, before["prefix"]):
        applied = settle(context, plan, lambda: _write(context, desired, plan.version, path))
        shown = applied["api_key"] if applied else before
        return _outcome(plan, shown, applied["key"] if applied and path is None else None, path)
    if not params["recreate"]:
        raise Conflict(
            f"The API key {params['name']} exists and is not in {path}, and it cannot be read again: put it there, or "
            "set recreate: true to revoke it and make another one."
        )
    again = Plan("update", fields=("path",), before={"path": None}, after={"path": path}, version=plan.version)
    applied = settle(context, again, lambda: _write(context, desired, None, path, revoke=before["id"]))
    return _outcome(again, applied["api_key"] if applied else before, None, path)


def _write(
    context: Context, desired: Mapping[str, Any], version: int | None, path: str | None, revoke: str | None = None
) -> dict[str, Any]:
    """Create or change; a new key goes into its file, or nothing is left of it."""
    records = context.records
    with KeyFile(path) as file:
        if revoke is not None:
            records.delete_api_key(revoke)
        applied = records.apply_api_key(desired, version)
        if applied["key"] is not None:
            try:
                file.keep(applied["key"])
            except OSError as error:
                records.delete_api_key(applied["api_key"]["id"])
                raise _unwritable(path, error) from error
    return applied


def _outcome(plan: Plan, api_key: Any, key: str | None, path: str | None) -> dict[str, Any]:
    return outcome(plan, api_key=api_key, key=key, path=path)


def holds_key(path: str, prefix: str) -> bool:
    """Whether a file holds the key that begins so. InvalidInput: it cannot be read."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read(_MOST_BYTES).strip().startswith(prefix)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InvalidInput(
            f"The file {path} of an API key cannot be read ({error.strerror}): correct its rights, or choose another "
            "path.",
            field="path",
        ) from error


class KeyFile:
    """A file for one key, 0600: begun before the key is made, so that a full disk or a wrong path is met before."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._draft: str | None = None

    def __enter__(self) -> KeyFile:
        if self.path is not None:
            try:
                descriptor, self._draft = tempfile.mkstemp(prefix=".api-key-", dir=os.path.dirname(self.path) or ".")
                os.close(descriptor)
            except OSError as error:
                raise _unwritable(self.path, error) from error
        return self

    def keep(self, key: str) -> None:
        """Put the key in its place."""
        if self._draft is None or self.path is None:
            return
        with open(self._draft, "w", encoding="ascii") as stream:
            stream.write(key + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(self._draft, self.path)
        self._draft = None

    def __exit__(self, *_error: object) -> None:
        if self._draft is not None:
            os.unlink(self._draft)


def _unwritable(path: str | None, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"The file {path} of an API key cannot be written ({error.strerror}): make its directory, or choose another "
        "path.",
        field="path",
    )
