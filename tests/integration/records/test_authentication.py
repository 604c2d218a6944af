# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a key speaks for. Only the service asks, and only in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import Crypt, generate_key
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AccessDenied, AuthenticationError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import ROLES
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import Session
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_keys import Identity, authenticate

from .conftest import Backstage, create

Ask = Callable[..., Identity]


@pytest.fixture
def records(records_database: str, key_file: Path) -> Iterator[Any]:
    """The records in Postgres, empty."""
    opened = open_records({"dsn": records_database, "encryption_key_file": str(key_file), "actor": "tests"})
    yield opened
    opened.close()


@pytest.fixture
def ask(records: Any, key_file: Path) -> Ask:
    """Authenticate a key."""
    return lambda key, workspace=None: authenticate(records.connection, Crypt(str(key_file)), key, workspace)


def test_a_key_speaks_for_its_workspace(records: Any, ask: Ask) -> None:
    key = records.apply_api_key({"name": "ci", "role": "editor", "permissions": ["deployments:apply"]})["key"]
    records.ready()
    for workspace in (None, "", "default", records.workspace_id):
        identity = ask(key, workspace)
        assert (identity.key_name, identity.workspace_name, identity.organization) == ("ci", "default", False)
        assert identity.permissions == ROLES["editor"] | {"deployments:apply"}
        assert identity.author == "key ci"
    assert records.api_key("ci")["last_used_at"] is not None


@pytest.mark.parametrize(
    "change", [lambda key: "", lambda key: "x" * 57, lambda key: key[:-1], lambda key: key.upper()]
)
def test_what_is_no_key(records: Any, ask: Ask, change: Callable[[str], str]) -> None:
    key = records.apply_api_key({"name": "ci"})["key"]
    with pytest.raises(AuthenticationError, match="not valid"):
        ask(change(key))


def test_another_secret_with_a_known_prefix(records: Any, ask: Ask) -> None:
    key = records.apply_api_key({"name": "ci"})["key"]
    with pytest.raises(AuthenticationError, match="not valid"):
        ask(key[:14] + "A" * 43)


def test_revoked_and_expired(records: Any, ask: Ask, backstage: Backstage) -> None:
    key = records.apply_api_key({"name": "ci"})["key"]
    old = records.apply_api_key({"name": "old", "expires_at": "2020-01-01T00:00:00Z"})["key"]
    with pytest.raises(AuthenticationError, match="The API key old has expired"):
        ask(old)
    ask(key)
    records.delete_api_key("ci")
    with pytest.raises(AuthenticationError, match="not valid"):
        ask(key)
    assert backstage.rows("select hash from control_plane.api_keys where name = 'ci'") == [{"hash": ""}]


def test_another_workspace_is_as_unknown_as_none(records: Any, ask: Ask) -> None:
    key = records.apply_api_key({"name": "ci"})["key"]
    records.apply_workspace({"name": "team-ws"})
    texts = set()
    for workspace in ("team-ws", "nowhere", "a\x00b"):
        with pytest.raises(AccessDenied) as denied:
            ask(key, workspace)
        texts.add(str(denied.value))
    assert len(texts) == 1


def test_an_organization_key_acts_anywhere_but_has_to_say_where(records: Any, ask: Ask) -> None:
    key = records.apply_api_key({"name": "root", "role": "admin", "organization": True})["key"]
    assert ask(key).workspace_name == "default", "while there is only one, it is clear"
    team = records.apply_workspace({"name": "team-ws"})["workspace"]
    assert ask(key, "team-ws").workspace_id == ask(key, team["id"]).workspace_id == team["id"]
    assert "organization:manage" in ask(key, "team-ws").permissions
    with pytest.raises(AccessDenied, match="requires workspace specification"):
        ask(key)


def test_a_member_who_left(records: Any, ask: Ask) -> None:
    records.apply_workspace({"name": "default", "members": [{"name": "alice", "role": "editor"}]})
    key = records.apply_api_key({"name": "alice", "role": "admin", "member": "alice"})["key"]
    identity = ask(key)
    assert (identity.permissions, identity.author) == (ROLES["editor"], "alice (key alice)")
    records.apply_workspace({"name": "default", "members": []})
    with pytest.raises(AccessDenied, match="alice, whom the API key alice belongs to, is no member"):
        ask(key)


def test_only_a_keyed_hash_is_kept(records: Any, backstage: Backstage) -> None:
    key = records.apply_api_key({"name": "ci"})["key"]
    stored = backstage.everything()
    assert key not in stored
    assert key[13:] not in stored, "a part of it, either"
    assert key[:13] in stored, "the prefix shows people which key it is"


def test_keys_outlive_the_rotation_of_the_encryption_key(empty_database: str, tmp_path: Path) -> None:
    path = tmp_path / "records.key"
    path.write_text(generate_key() + "\n")
    options = {"dsn": empty_database, "encryption_key_file": str(path)}
    opened: Any = open_records(options)
    opened.migrate()
    key = opened.apply_api_key({"name": "ci"})["key"]
    opened.close()
    path.write_text(f"{generate_key()}\n{path.read_text()}")
    rotating = open_records(options)
    assert rotating.rotate_keys()["reencrypted"] == 2, "the key of the hashes, and the check of the key file"
    assert rotating.rotate_keys() == {"changed": False, "reencrypted": 0}
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert authenticate(opened.connection, Crypt(str(path)), key, None).key_name == "ci"
    opened.close()
    rotating.close()


def test_records_of_a_pool_say_who_did_it(records: Any, ask: Ask, key_file: Path) -> None:
    identity = ask(records.apply_api_key({"name": "ci", "role": "admin"})["key"])
    session = Session(
        workspace_id=identity.workspace_id,
        workspace_name=identity.workspace_name,
        crypt=Crypt(str(key_file)),
        check_token=None,
        author=identity.author,
        key_id=identity.key_id,
        key_name=identity.key_name,
        address="192.0.2.7",
    )
    lent = PostgresRecords.of_pool(records.connection, session)
    create(lent, secrets={"TOKEN": "canary"})
    lent.close()
    assert records.connection.closed is False, "a lent connection is the pool's to close"
    entry = records.audit_entries(kind="deployment", record="chat", action="create")["entries"][0]
    assert entry["actor"] == "key ci"
    assert entry["key"] == {"id": identity.key_id, "name": "ci"}
    assert entry["from_address"] == "192.0.2.7"
    assert records.revision("chat")["author"] == "key ci"
