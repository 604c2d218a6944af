# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings from the environment: defaults, and one sentence for each that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import PREFIX, Settings, from_environment

GIVEN = {f"{PREFIX}DSN": "postgresql://records@db.test/records", f"{PREFIX}ENCRYPTION_KEY_FILE": "/etc/records.key"}


def test_what_is_not_set_has_a_default() -> None:
    settings = from_environment({**GIVEN, f"{PREFIX}PORT": "", "LANGGRAPH_OTHER": "x"})
    assert (settings.host, settings.port, settings.pool_size, settings.migrate) == ("127.0.0.1", 1985, 10, True)
    assert settings.prefixes == ("/api-host",)
    assert settings.fd is None


def test_all_of_them() -> None:
    texts = {"PORT": "8080", "FD": "3", "POOL_SIZE": "4", "STATEMENT_TIMEOUT": "2.5", "MIGRATE": "no"}
    texts |= {
        "OBSERVED_DAYS": "0.5",
        "BASE_PATH": "platform/",
        "PUBLIC_URL": "https://lg.test/platform/api-host/",
        "LOG_LEVEL": "WARNING",
    }
    settings = from_environment({**GIVEN, **{f"{PREFIX}{name}": text for name, text in texts.items()}})
    assert (settings.port, settings.fd, settings.pool_size, settings.statement_timeout) == (8080, 3, 4, 2.5)
    assert (settings.observed_days, Settings.observed_days) == (0.5, 7)
    assert (settings.migrate, settings.log_level) == (False, "warning")
    assert settings.public_url == "https://lg.test/platform"
    assert settings.prefixes[:2] == ("/platform/api-host", "/platform")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DSN", ""),
        ("DSN", "postgresql://a b"),
        ("ENCRYPTION_KEY_FILE", " "),
        ("PORT", "http"),
        ("PORT", "70000"),
        ("PORT", "1.5"),
        ("POOL_SIZE", "0"),
        ("STATEMENT_TIMEOUT", "nan"),
        ("STATEMENT_TIMEOUT", "soon"),
        ("MAX_BODY", "12"),
        ("OBSERVED_DAYS", "0"),
        ("MIGRATE", "perhaps"),
        ("LOG_LEVEL", "chatty"),
        ("PUBLIC_URL", "lg.test"),
        ("PUBLIC_URL", "https://lg.test/?a=b"),
        ("BASE_PATH", "/a b"),
        ("REGISTRY_TOKEN_FILE", "/nowhere/token"),
        ("LISTEN_DSN", "postgresql://a b"),
    ],
)
def test_a_bad_one_is_a_sentence_that_names_it(name: str, text: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        from_environment({**GIVEN, f"{PREFIX}{name}": text})
    assert wrong.value.message.startswith(f"{PREFIX}{name} ")
    assert wrong.value.message.endswith(".")
    assert "\n" not in wrong.value.message


def test_no_sentence_repeats_a_password() -> None:
    with pytest.raises(InvalidInput) as wrong:
        from_environment({**GIVEN, f"{PREFIX}DSN": "postgresql://user:hunter2@host:port:1/x y"})
    assert "hunter2" not in wrong.value.message


def test_files_that_are_there_are_taken(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    assert from_environment({**GIVEN, f"{PREFIX}REGISTRY_TOKEN_FILE": str(token)}).registry_token_file == str(token)
