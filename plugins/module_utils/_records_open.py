# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the records with the options of a module, of a claim file or of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEFAULT_WORKSPACE_NAME
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records


def open_records(params: Mapping[str, Any]) -> Records:
    """The records that ``dsn``, ``encryption_key_file``, ``workspace`` (name or id; default ``default``) and
    ``actor`` lead to.

    An empty string means not given. Nothing is connected yet: the first call is, and raises RecordsUnavailable,
    SchemaMissing, SchemaTooNew, EncryptionKeyError or NotFound (the workspace). Without a key file only what needs no
    secret value works.
    """
    if not params.get("dsn"):
        raise InvalidInput("The address of the records is missing; give dsn or set LANGGRAPH_RECORDS_DSN.", field="dsn")
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords

    return PostgresRecords(
        str(params["dsn"]),
        encryption_key_file=params.get("encryption_key_file") or None,
        workspace=params.get("workspace") or DEFAULT_WORKSPACE_NAME,
        actor=params.get("actor") or None,
    )
