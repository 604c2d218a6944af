# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption of secrets at rest: Fernet keys in a file outside the database, one a line, the newest first.

To rotate: put a new key (``generate_key``) on the first line, run the rotation, then remove the old lines.
Blank lines and lines that begin with ``#`` are skipped. No value and no key is ever part of an error.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    EncryptionKeyError,
    RecordsUnavailable,
)

try:
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet

    CRYPTOGRAPHY_ERROR: ImportError | None = None
except ImportError as missing:
    CRYPTOGRAPHY_ERROR = missing

_CHECK_TEXT = b"selfhosted.langgraph records"
_NEXT_STEP = "point encryption_key_file to the key file that these records were made with"


def generate_key() -> str:
    """A new key: one line for the key file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def generate_password() -> str:
    """A password of 192 bits that needs no quoting in an address."""
    return secrets.token_urlsafe(24)


class Crypt:
    """Encrypts with the newest key of a file, decrypts with any of them."""

    def __init__(self, path: str) -> None:
        if CRYPTOGRAPHY_ERROR is not None:
            raise RecordsUnavailable(
                "The Python library cryptography is missing where the records are used; install it there.",
                cause=str(CRYPTOGRAPHY_ERROR),
            )
        self.path = path
        keys = [Fernet(key) for key in self._read_keys()]
        self._newest = keys[0]
        self._fernet = MultiFernet(keys)

    def _read_keys(self) -> list[bytes]:
        shown = self.path
        try:
            with open(os.path.expanduser(self.path), "rb") as stream:
                lines = [line.strip() for line in stream.read().splitlines()]
        except OSError as error:
            raise EncryptionKeyError(
                f"The encryption key file {shown} cannot be read ({error.strerror}); {_NEXT_STEP}.", file=shown
            ) from None
        keys = [line for line in lines if line and not line.startswith(b"#")]
        if not keys:
            raise EncryptionKeyError(f"The encryption key file {shown} holds no key; {_NEXT_STEP}.", file=shown)
        for number, key in enumerate(keys, 1):
            try:
                Fernet(key)
            except ValueError:
                raise EncryptionKeyError(
                    f"Key {number} in the encryption key file {shown} is malformed; write one key of 32 bytes "
                    "in URL-safe base64 a line, the newest first.",
                    file=shown,
                ) from None
        return keys

    def encrypt(self, plain: bytes) -> str:
        """A token of ``plain``."""
        return self._fernet.encrypt(plain).decode()

    def decrypt(self, token: str) -> bytes:
        """What a token holds; EncryptionKeyError if no key fits."""
        try:
            return self._fernet.decrypt(token.encode())
        except InvalidToken:
            raise self.wrong_key() from None

    def rotate(self, token: str) -> str:
        """The same content under the newest key."""
        try:
            return self._fernet.rotate(token.encode()).decode()
        except InvalidToken:
            raise self.wrong_key() from None

    def is_newest(self, token: str) -> bool:
        """Whether the newest key made a token: then it needs no rotation."""
        try:
            self._newest.decrypt(token.encode())
        except InvalidToken:
            return False
        return True

    def wrong_key(self) -> EncryptionKeyError:
        """The error for a key file that does not fit the database."""
        return EncryptionKeyError(
            f"No key in the encryption key file {self.path} fits these records; {_NEXT_STEP}.", file=self.path
        )

    def encrypt_text(self, text: str) -> str:
        """A token of a text."""
        return self.encrypt(text.encode())

    def decrypt_text(self, token: str) -> str:
        """The text of a token."""
        return self.decrypt(token).decode()

    def encrypt_map(self, values: Mapping[str, str]) -> str:
        """A token of names and values."""
        return self.encrypt(json.dumps(dict(values), sort_keys=True).encode())

    def decrypt_map(self, token: str | None) -> dict[str, str]:
        """Names and values of a token; none for none."""
        if token is None:
            return {}
        values: dict[str, str] = json.loads(self.decrypt(token))
        return values

    def check_token(self) -> str:
        """A token that proves later that a key file is the right one."""
        return self.encrypt(_CHECK_TEXT)

    def verify(self, token: str) -> None:
        """EncryptionKeyError unless one of the keys made ``token``."""
        if self.decrypt(token) != _CHECK_TEXT:
            raise self.wrong_key()
