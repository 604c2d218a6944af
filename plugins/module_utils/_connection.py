# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records a module works on: what its options say, else the environment. Pure: no Ansible, no I/O.

Two ways lead to them: ``dsn`` straight to the database, ``api_url`` through a control plane. Options win over the
environment; in the environment the database wins over the control plane. An empty string means not given, as AWX
has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

DSN_ENV = "LANGGRAPH_RECORDS_DSN"
KEY_FILE_ENV = "LANGGRAPH_RECORDS_ENCRYPTION_KEY_FILE"
URL_ENV = "LANGGRAPH_HOST_URL"
API_KEY_ENV = "LANGSMITH_API_KEY"
WORKSPACE_ENV = "LANGSMITH_TENANT_ID"

BY_DSN = ("dsn", "encryption_key_file")
BY_URL = ("api_url", "api_key", "validate_certs", "ca_path", "api_timeout")
BOTH = ("workspace", "actor")
# The options that say where the records are; work_claim keeps them in the claim file for the tasks that follow.
CONNECTION_OPTIONS = (*BY_DSN, *BY_URL, *BOTH)
# Those of them that nobody may see.
SECRET_OPTIONS = ("dsn", "api_key")

_ENVIRONMENT = {
    "dsn": DSN_ENV,
    "encryption_key_file": KEY_FILE_ENV,
    "api_url": URL_ENV,
    "api_key": API_KEY_ENV,
    "workspace": WORKSPACE_ENV,
}
_TOO_MUCH = (
    "The options dsn and api_url were both given: the records are reached one way or the other, so leave one out."
)


def is_explicit(options: Mapping[str, Any]) -> bool:
    """Whether options say by themselves where the records are."""
    return bool(options.get("dsn") or options.get("api_url"))


def choose(options: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The connection: every key of CONNECTION_OPTIONS, those of the way not taken None. InvalidInput: both ways."""
    if options.get("dsn") and options.get("api_url"):
        raise InvalidInput(_TOO_MUCH, field="api_url")
    way = _way(options) or _way({name: environment.get(_ENVIRONMENT[name]) for name in ("dsn", "api_url")})
    taken = (*way, *BOTH)
    chosen = {name: options.get(name) if name in taken else None for name in CONNECTION_OPTIONS}
    for name, variable in _ENVIRONMENT.items():
        if name in taken and chosen[name] in (None, ""):
            chosen[name] = environment.get(variable)
    return {name: None if value == "" else value for name, value in chosen.items()}


def _way(options: Mapping[str, Any]) -> tuple[str, ...]:
    if options.get("dsn"):
        return BY_DSN
    return BY_URL if options.get("api_url") else ()


def of_claim(claimed: Mapping[str, Any], options: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """The connection for work on a claim: the one it was made over, unless options name other records."""
    if is_explicit(options):
        chosen = choose(options, environment)
        return {**chosen, "workspace": claimed.get("workspace") or chosen["workspace"]}
    own = {name: claimed.get(name) for name in CONNECTION_OPTIONS}
    way = _way(own)
    # What has a default was perhaps not given.
    laid_over = [name for name in (*way, "actor") if name not in ("validate_certs", "api_timeout")]
    return {**own, **{name: options[name] for name in laid_over if options.get(name)}}


def secrets_of(connection: Mapping[str, Any]) -> set[str]:
    """Values of a connection that nobody may see."""
    return {str(connection[name]) for name in SECRET_OPTIONS if connection.get(name)}
