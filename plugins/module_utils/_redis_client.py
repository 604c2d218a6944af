# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: just enough of Redis' protocol to look after an instance, so that hosts need no library for it."""

from __future__ import annotations

import socket
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

_SECONDS = 5.0


class RedisError(HostError):
    """Redis cannot be reached or refuses; the message is one sentence."""


class Refused(RedisError):
    """Redis answered with an error; the message is its text."""


class RedisClient:
    """One connection. Use as a context manager; RedisError when it cannot be opened or breaks."""

    def __init__(self, host: str, port: int, username: str, password: str) -> None:
        self._where = f"{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=_SECONDS)
        except OSError as error:
            raise RedisError(f"Redis does not answer on {self._where} ({error.strerror or error}).") from error
        self._file = self._socket.makefile("rb")
        try:
            self.call("AUTH", username, password)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RedisClient:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def call(self, *words: str) -> t.Any:
        """One command; its answer as str, int, None or list. Refused when Redis answers with an error."""
        request = b"*%d\r\n" % len(words)
        for word in words:
            data = word.encode()
            request += b"$%d\r\n%s\r\n" % (len(data), data)
        try:
            self._socket.sendall(request)
            return self._answer()
        except OSError as error:
            raise RedisError(f"Redis on {self._where} broke off the connection ({error}).") from error

    def _answer(self) -> t.Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError(f"Redis on {self._where} ended the connection.")
        kind, text = line[:1], line[1:-2].decode("utf-8", errors="replace")
        if kind == b"+":
            return text
        if kind == b"-":
            raise Refused(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            size = int(text)
            return None if size < 0 else self._file.read(size + 2)[:-2].decode("utf-8", errors="replace")
        if kind == b"*":
            return [self._answer() for dummy in range(max(int(text), 0))]
        raise RedisError(f"What answers on {self._where} is no Redis.")
