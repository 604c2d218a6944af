# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first API key, and a look at settings and database before the service starts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import Crypt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AccessDenied,
    AuthenticationError,
    Conflict,
    InvalidInput,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import ROLE_ADMIN
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_keys import authenticate
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import Settings


def _open(settings: Settings) -> PostgresRecords:
    records = open_records({"dsn": settings.dsn, "encryption_key_file": settings.encryption_key_file})
    assert isinstance(records, PostgresRecords)
    return records


def check(settings: Settings) -> None:
    """See that database, schema and encryption key are right; the schema may be old, or not there yet, if the service
    brings it up to date.
    """
    Crypt(settings.encryption_key_file)
    records = _open(settings)
    try:
        status = records.schema_status()
        if settings.migrate and status["version"] < status["code_version"]:
            return
        records.ready()
    finally:
        records.close()


def bootstrap_key(settings: Settings, file: str, name: str) -> bool:
    """Make the schema, and an API key of the organization in a file; nothing if the file's key is good already."""
    path = Path(file)
    records = _open(settings)
    try:
        records.migrate()
        records.ready()
        if _works(records, path):
            return False
        if records.api_key(name) is not None:
            # Its text is lost (the file is gone, or holds something else): it serves nobody any more.
            records.delete_api_key(name)
        made = records.apply_api_key({"name": name, "role": ROLE_ADMIN, "organization": True})
        if not made["key"]:
            raise Conflict(f"API key {name} was made by somebody else meanwhile; run again.")
        _write(path, made["key"])
        return True
    finally:
        records.close()


def _works(records: PostgresRecords, path: Path) -> bool:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidInput(f"The key file {path} cannot be read ({reason}); correct its rights.") from None
    try:
        with records.sentences():
            authenticate(records.connection, records.crypt, key, None)
    except AuthenticationError:
        return False
    except AccessDenied:
        return True  # a key of no certain workspace is a key
    return True


def _write(path: Path, key: str) -> None:
    """All of it or nothing, and never readable for others."""
    try:
        number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(number, "w", encoding="utf-8") as stream:
            stream.write(f"{key}\n")
        os.replace(temporary, path)
    except OSError as error:
        raise InvalidInput(
            f"The key file {path} cannot be written ({error.strerror}); correct its folder or rights, and run again."
        ) from None
