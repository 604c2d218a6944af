# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records a module works on: options, environment, the claim."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._connection import (
    CONNECTION_OPTIONS,
    choose,
    of_claim,
    secrets_of,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records

DSN = {"LANGGRAPH_RECORDS_DSN": "postgresql:///env", "LANGGRAPH_RECORDS_ENCRYPTION_KEY_FILE": "/env.key"}
URL = {"LANGGRAPH_HOST_URL": "https://env/api-host", "LANGSMITH_API_KEY": "key-of-env"}
# What a module has by default.
DEFAULTS = {**dict.fromkeys(CONNECTION_OPTIONS), "validate_certs": True, "api_timeout": 30}


def told(connection: dict[str, Any]) -> dict[str, Any]:
    """A connection without what is None."""
    return {name: value for name, value in connection.items() if value is not None}


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({}, {}, {}),
        ({"dsn": "d"}, {}, {"dsn": "d"}),
        ({"dsn": "d"}, URL, {"dsn": "d"}),
        ({"dsn": "d"}, DSN, {"dsn": "d", "encryption_key_file": "/env.key"}),
        ({"dsn": "d", "encryption_key_file": "/k"}, DSN, {"dsn": "d", "encryption_key_file": "/k"}),
        ({}, DSN, {"dsn": "postgresql:///env", "encryption_key_file": "/env.key"}),
        ({}, {**URL, **DSN}, {"dsn": "postgresql:///env", "encryption_key_file": "/env.key"}),
        ({"dsn": "", "api_url": ""}, DSN, {"dsn": "postgresql:///env", "encryption_key_file": "/env.key"}),
        ({"dsn": "d", "api_url": ""}, {}, {"dsn": "d"}),
        ({"dsn": "d", "workspace": ""}, {"LANGSMITH_TENANT_ID": "team"}, {"dsn": "d", "workspace": "team"}),
        ({"dsn": "d", "workspace": "own"}, {"LANGSMITH_TENANT_ID": "team"}, {"dsn": "d", "workspace": "own"}),
        ({"dsn": "d", "api_key": "k", "ca_path": "/c", "actor": "me"}, {}, {"dsn": "d", "actor": "me"}),
    ],
)
def test_the_way_to_the_database(options: dict[str, Any], environment: dict[str, str], expected: Any) -> None:
    assert told(choose({**DEFAULTS, **options}, environment)) == expected


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({"api_url": "u"}, {}, {"api_url": "u"}),
        ({"api_url": "u", "api_key": "k"}, {**DSN, **URL}, {"api_url": "u", "api_key": "k"}),
        ({"api_url": "u", "api_key": ""}, {**DSN, **URL}, {"api_url": "u", "api_key": "key-of-env"}),
        ({}, URL, {"api_url": "https://env/api-host", "api_key": "key-of-env"}),
        ({"api_key": "k"}, URL, {"api_url": "https://env/api-host", "api_key": "k"}),
        ({"encryption_key_file": "/k"}, URL, {"api_url": "https://env/api-host", "api_key": "key-of-env"}),
        ({"validate_certs": False, "api_timeout": 5, "ca_path": "/c"}, URL, None),
    ],
)
def test_the_way_through_a_control_plane(options: dict[str, Any], environment: dict[str, str], expected: Any) -> None:
    chosen = told(choose({**DEFAULTS, **options}, environment))
    if expected is None:
        assert chosen.items() >= options.items()
        return
    assert chosen == {"validate_certs": True, "api_timeout": 30, **expected}


def test_both_ways_at_once_are_refused() -> None:
    with pytest.raises(InvalidInput, match="dsn and api_url were both given"):
        choose({"dsn": "d", "api_url": "u"}, {})
    with pytest.raises(InvalidInput, match="Both dsn and api_url"):
        open_records({"dsn": "d", "api_url": "http://u", "api_key": "k"})


CLAIMED_BY_URL = {**DEFAULTS, "api_url": "https://claim", "api_key": "k", "workspace": "team", "actor": "ci"}
CLAIMED_BY_DSN = {**dict.fromkeys(CONNECTION_OPTIONS), "dsn": "claim", "encryption_key_file": "/k", "workspace": "team"}


@pytest.mark.parametrize("environment", [{}, DSN, URL, {**DSN, **URL}])
def test_work_on_a_claim_goes_the_way_of_the_claim(environment: dict[str, str]) -> None:
    assert of_claim(CLAIMED_BY_URL, DEFAULTS, environment) == CLAIMED_BY_URL
    assert of_claim(CLAIMED_BY_DSN, DEFAULTS, environment) == CLAIMED_BY_DSN


def test_options_win_over_the_claim() -> None:
    assert told(of_claim(CLAIMED_BY_URL, {**DEFAULTS, "dsn": "d", "actor": "me"}, DSN)) == {
        "dsn": "d",
        "encryption_key_file": "/env.key",
        "workspace": "team",
        "actor": "me",
    }
    own = of_claim(CLAIMED_BY_URL, {**DEFAULTS, "api_key": "other", "actor": "me", "workspace": "x"}, {})
    assert own == {**CLAIMED_BY_URL, "api_key": "other", "actor": "me"}
    assert of_claim(CLAIMED_BY_DSN, {**DEFAULTS, "api_key": "other"}, {}) == CLAIMED_BY_DSN


def test_a_claim_of_an_older_collection_has_fewer_keys() -> None:
    older = {"dsn": "claim", "encryption_key_file": None, "workspace": "default", "actor": None}
    assert told(of_claim(older, DEFAULTS, {})) == {"dsn": "claim", "workspace": "default"}


def test_what_nobody_may_see() -> None:
    assert secrets_of(CLAIMED_BY_URL) == {"k"}
    assert secrets_of(CLAIMED_BY_DSN) == {"claim"}


def test_an_address_without_a_key() -> None:
    with pytest.raises(InvalidInput, match=r"https://h/api-host needs an API key: .*LANGSMITH_API_KEY\.$"):
        open_records({"api_url": "https://h/api-host"})
