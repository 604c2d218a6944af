# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module records_schema: the schema up to date, and a key to encrypt secrets with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    EncryptionKeyError,
    InvalidInput,
    SchemaTooNew,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan, SchemaStatus
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import (
    both,
    open_connection,
    outcome,
    settle,
)

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context


def work(context: Context) -> dict[str, Any]:
    """{changed, action, diff, version, code_version, minimum_code, applied, key_generated, reencrypted}."""
    key_file = context.params["encryption_key_file"]
    for option in ("generate_key", "rotate_keys"):
        if context.params[option] and key_file is None:
            raise InvalidInput(
                f"The option {option} needs encryption_key_file: say where the key file is.",
                field="encryption_key_file",
            )
    missing_key = bool(context.params["generate_key"]) and not os.path.lexists(key_file)
    plan, status, applied = _migrate(context, missing_key)
    if missing_key and not context.check_mode:
        _make_key(context, key_file)
    count = 0
    # What has no schema or no key yet has no secret either.
    if context.params["rotate_keys"] and status["version"] and not missing_key:
        count = context.records.rotate_keys(preview=context.check_mode)["reencrypted"]
    return outcome(
        both(plan, plan_rotation(count)),
        applied=applied,
        key_generated=missing_key,
        reencrypted=count,
        version=status["version"],
        code_version=status["code_version"],
        minimum_code=status["minimum_code"],
    )


def _migrate(context: Context, missing_key: bool) -> tuple[Plan, SchemaStatus, list[int]]:
    """Bring the schema up to date; the plan with the key that is to be made, the status, the versions applied."""
    # Nothing of the schema needs a key, and the file may not be there yet.
    records = open_connection({**context.connection, "encryption_key_file": None})
    try:
        status = records.schema_status()
        if status["minimum_code"] > status["code_version"]:
            raise SchemaTooNew(
                f"The schema of the records is version {status['version']} and serves code from version "
                f"{status['minimum_code']} on, this collection has {status['code_version']}: update the collection.",
                **status,
            )
        plan = plan_schema(status, missing_key, context.params["encryption_key_file"])
        done = settle(context, plan, records.migrate)
    finally:
        records.close()
    return (plan, status, pending(status)) if done is None else (plan, done, list(done["applied"]))


def plan_rotation(count: int) -> Plan:
    """Putting so many secrets under the newest key."""
    if not count:
        return Plan("none")
    return Plan(
        "update", fields=("old_keys",), before={"secrets_under_old_keys": count}, after={"secrets_under_old_keys": 0}
    )


def pending(status: SchemaStatus) -> list[int]:
    """Versions that a migration would apply, in their order."""
    return list(range(status["version"] + 1, status["code_version"] + 1))


def plan_schema(status: SchemaStatus, missing_key: bool, key_file: str | None) -> Plan:
    """What bringing the schema up to date does; ``missing_key``: and a key file is to be made."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if pending(status):
        before["version"], after["version"] = status["version"], status["code_version"]
    if missing_key:
        before["encryption_key_file"], after["encryption_key_file"] = None, key_file
    if not after:
        return Plan("none")
    return Plan("update" if status["version"] else "create", fields=tuple(sorted(after)), before=before, after=after)


def _make_key(context: Context, path: str) -> None:
    """Write a new key (0600, in a 0700 directory if that is new), and have the records remember it.

    EncryptionKeyError, and no file is left, if they were made with another key.
    """
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key

    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="ascii") as stream:
            stream.write(generate_key() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise EncryptionKeyError(
            f"The encryption key file {path} cannot be made ({error.strerror}): choose another encryption_key_file.",
            file=path,
        ) from error
    records = open_connection(context.connection)
    try:
        records.listeners(limit=1)
    except EncryptionKeyError as error:
        os.unlink(path)
        raise EncryptionKeyError(
            f"These records were made with another key than a new one in {path}: put their key file there, and leave "
            "out generate_key.",
            file=path,
        ) from error
    finally:
        records.close()
