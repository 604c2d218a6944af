# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key file: reading, rotating, and what a missing, malformed or wrong one is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import (
    Crypt,
    generate_key,
    generate_password,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import EncryptionKeyError

CANARY = 'canary "{{ x }}"\nü'


def crypt(path: Path, *keys: str) -> Crypt:
    path.write_text("# keys, newest first\n\n" + "\n".join(keys) + "\n")
    return Crypt(str(path))


def test_round_trip_byte_for_byte(tmp_path: Path) -> None:
    box = crypt(tmp_path / "key", generate_key())
    assert box.decrypt_map(box.encrypt_map({"A": CANARY, "B": ""})) == {"A": CANARY, "B": ""}
    assert box.decrypt_text(box.encrypt_text(CANARY)) == CANARY
    assert box.decrypt_map(None) == {}
    assert CANARY not in box.encrypt_text(CANARY)


def test_rotation(tmp_path: Path) -> None:
    old, new = generate_key(), generate_key()
    token = crypt(tmp_path / "1", old).encrypt_text(CANARY)
    both = crypt(tmp_path / "2", new, old)
    assert both.decrypt_text(token) == CANARY
    assert crypt(tmp_path / "3", new).decrypt_text(both.rotate(token)) == CANARY
    with pytest.raises(EncryptionKeyError):
        crypt(tmp_path / "3", new).decrypt_text(token)


def test_a_wrong_key_is_named_by_its_file(tmp_path: Path) -> None:
    check = crypt(tmp_path / "1", generate_key()).check_token()
    wrong = crypt(tmp_path / "wrong", generate_key())
    with pytest.raises(
        EncryptionKeyError, match=r"No key in the encryption key file .*/wrong fits .*; point"
    ) as caught:
        wrong.verify(check)
    assert caught.value.extra == {"file": str(tmp_path / "wrong")}


@pytest.mark.parametrize("content", ["", "# only this\n\n"])
def test_an_empty_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(EncryptionKeyError, match=r"key holds no key; point encryption_key_file"):
        Crypt(str(tmp_path / "key"))


def test_a_malformed_key_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(EncryptionKeyError, match=r"Key 2 in the encryption key file .* is malformed") as caught:
        crypt(tmp_path / "key", generate_key(), "not-a-key-8c1f")
    assert "not-a-key-8c1f" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(EncryptionKeyError, match=r"missing cannot be read \(No such file or directory\); point"):
        Crypt(str(tmp_path / "missing"))


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "key").touch(0o000)
    with pytest.raises(EncryptionKeyError, match="Permission denied"):
        Crypt(str(tmp_path / "key"))


def test_passwords_need_no_quoting() -> None:
    made = {generate_password() for _number in range(50)}
    assert len(made) == 50
    assert all(len(word) == 32 and word.replace("-", "").replace("_", "").isalnum() for word in made)
