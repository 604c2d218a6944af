# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the records with the options of a module, of a claim file or of a service."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEFAULT_WORKSPACE_NAME
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records

DEFAULT_TIMEOUT = 30


def open_records(params: Mapping[str, Any]) -> Records:
    """The records that the options lead to: ``dsn`` or ``api_url``.

    dsn: with ``encryption_key_file``, ``workspace`` (name or id; default ``default``) and ``actor``. api_url: with
    ``api_key``, ``workspace`` (default: that of the key), ``actor``, ``validate_certs``, ``ca_path`` and
    ``api_timeout``. An empty string means not given. Nothing is connected yet: the first call is, and raises
    RecordsUnavailable, SchemaMissing, SchemaTooNew, EncryptionKeyError, AuthenticationError or NotFound (the
    workspace). Without a key file only what needs no secret value works.
    """
    if params.get("dsn") and params.get("api_url"):
        raise InvalidInput("Both dsn and api_url were given: give one of them.", field="api_url")
    if params.get("api_url"):
        return _over_http(params)
    if not params.get("dsn"):
        raise InvalidInput(
            "No records given: set the option api_url or dsn, or the environment variable LANGGRAPH_HOST_URL or "
            "LANGGRAPH_RECORDS_DSN.",
            field="api_url",
        )
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords

    return PostgresRecords(
        str(params["dsn"]),
        encryption_key_file=params.get("encryption_key_file") or None,
        workspace=params.get("workspace") or DEFAULT_WORKSPACE_NAME,
        actor=params.get("actor") or None,
    )


def import_adapter(params: Mapping[str, Any]) -> None:
    """Import what ``open_records`` will need, now."""
    adapter = "_records_http" if params.get("api_url") else "_records_postgres"
    importlib.import_module(f"ansible_collections.selfhosted.langgraph.plugins.module_utils.{adapter}")


def _over_http(params: Mapping[str, Any]) -> Records:
    if not params.get("api_key"):
        raise InvalidInput(
            f"The control plane at {params['api_url']} needs an API key: set the option api_key or the environment "
            "variable LANGSMITH_API_KEY.",
            field="api_key",
        )
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http import HttpRecords

    validate = params.get("validate_certs")
    return HttpRecords(
        str(params["api_url"]),
        str(params["api_key"]),
        workspace=params.get("workspace") or None,
        actor=params.get("actor") or None,
        validate_certs=validate is None or bool(validate),
        ca_path=params.get("ca_path") or None,
        timeout=float(params.get("api_timeout") or DEFAULT_TIMEOUT),
    )
