# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, addresses and passwords of databases, and settings of a server."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _database as database
from ansible_collections.selfhosted.langgraph.plugins.module_utils import _database_settings as settings
from ansible_collections.selfhosted.langgraph.plugins.module_utils._database_login import DatabaseError, Login, sentence

# RFC 7677, section 3: user "user", password "pencil"
RFC_7677 = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_a_verifier_is_that_of_its_password_only() -> None:
    assert database.verifier_matches(RFC_7677, "pencil") is True
    assert database.verifier_matches(RFC_7677, "Pencil") is False


@pytest.mark.parametrize(("verifier", "password"), [("", "x"), ("md5abc", "x"), (RFC_7677, "pencil\u00fc")])
def test_what_cannot_be_said_here_is_not_guessed(verifier: str, password: str) -> None:
    assert database.verifier_matches(verifier, password) is None


@pytest.mark.parametrize("password", ["plain", "p@ss/word:%20?#[]", "{{ x }} $(id) '\\ \u00fc"])
@pytest.mark.parametrize("host", ["127.0.0.1", "db.example.org", "::1", "/var/run/postgresql"])
def test_an_address_holds_every_password_as_it_is(password: str, host: str) -> None:
    uri = database.uri({"host": host, "port": 5432, "name": "lg_a", "user": "lg_a", "sslmode": "require"}, password)
    found = conninfo_to_dict(uri)
    assert (found["host"], found["password"], found["dbname"]) == (host, password, "lg_a")
    assert found["sslmode"] == "require"


def test_names_follow_the_slug() -> None:
    assert database.database_name("my-chat-1a2b3c4d") == "lg_my_chat_1a2b3c4d"


@pytest.mark.parametrize("name", ["", "x" * 64, "a\0b"])
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(DatabaseError, match="must have 1 to 63 bytes"):
        database.Wanted(name=name, role="r", password="p").checked()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("connection to server at ... failed: Connection refused", "does not answer on db:5433; start it"),
        ('FATAL:  password authentication failed for user "admin"', "refuses the password of admin"),
        ("FATAL:  sorry, too many clients already", "out of connections"),
        ("FATAL:  remaining connection slots are reserved for ...", "out of connections"),
        ("ERROR:  permission denied to create role", "has no right to create roles; give it CREATEROLE"),
        ("ERROR:  something else\nDETAIL: more", "Postgres on db:5433 says: ERROR:  something else"),
    ],
)
def test_errors_become_sentences(said: str, words: str) -> None:
    assert words in sentence(said, Login(dsn="postgresql://admin:secret@db:5433/"))
    assert "secret" not in sentence(said, Login(dsn="postgresql://admin:secret@db:5433/"))


@pytest.mark.parametrize(
    ("wanted", "live", "unit", "kind", "same"),
    [
        (430, "430", None, "integer", True),
        ("128MB", "16384", "8kB", "integer", True),
        ("131072kB", "16384", "8kB", "integer", True),
        ("64MB", "16384", "8kB", "integer", False),
        (16384, "16384", "8kB", "integer", True),
        ("5min", "300", "s", "integer", True),
        (0.9, "0.9", None, "real", True),
        (True, "on", None, "bool", True),
        ("yes", "on", None, "bool", True),
        (False, "on", None, "bool", False),
        ("Replica", "replica", None, "enum", True),
        ("*", "*", None, "string", True),
        ("it's", "it's", None, "string", True),
    ],
)
def test_settings_are_compared_by_what_they_mean(
    wanted: object, live: str, unit: str | None, kind: str, same: bool
) -> None:
    assert settings.same(wanted, live, unit, kind) is same


def test_the_drop_in_quotes_what_it_holds() -> None:
    text = settings.text_of({"b": "it's", "a": 5, "c": True})
    assert text.splitlines()[1:] == ["a = 5", "b = 'it''s'", "c = on"]
