# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The witnesses of the chaos tests see what they are there to see."""

from __future__ import annotations

import dataclasses
import socket
import threading
from typing import Any

import pytest

from tests.support.starts import Start, doubles
from tests.support.wire import Wire

CANDIDATE = Start(at=100.0, pid=1, role="api", slot="green", number=2, revision="two", epoch=5, worker=5)
GOOD = [
    CANDIDATE,
    dataclasses.replace(CANDIDATE, at=101.0, slot="blue"),
    dataclasses.replace(CANDIDATE, at=102.0, role="queue", slot="green-1"),
]
REVISION: dict[str, Any] = {
    "number": 2,
    "id": "two",
    "attempts": 1,
    "timings": {"DEPLOYED": "1970-01-01T00:01:43+00:00"},
}


def test_work_that_was_done_once() -> None:
    assert doubles(GOOD, [REVISION]) == []
    assert doubles([], [REVISION]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "2 times"),
        ({"epoch": 6, "worker": 5}, "by epoch 5"),
        ({"worker": None}, "by nobody"),
        ({"epoch": 6, "worker": 6}, "in epochs [5, 6], by 1 claims"),
        ({"at": 104.0}, "after it was deployed"),
        ({"revision": "three"}, "with another id"),
    ],
)
def test_work_that_was_done_twice(change: dict[str, Any], said: str) -> None:
    found = doubles([*GOOD, dataclasses.replace(CANDIDATE, **change)], [REVISION])
    assert any(said in sentence for sentence in found), found


def test_second_claim_may_begin_again() -> None:
    again = [dataclasses.replace(start, epoch=6, worker=6) for start in GOOD]
    assert doubles([GOOD[0], *again], [{**REVISION, "attempts": 2}]) == []


def echo(server: socket.socket) -> None:
    while True:
        try:
            connection = server.accept()[0]
        except OSError:
            return
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)


def gone(client: socket.socket) -> bool:
    """Whether the other end has closed the connection."""
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True


def test_wire_that_is_cut() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=echo, args=(server,), daemon=True).start()
    with server, Wire(server.getsockname()[1]) as wire:
        with socket.create_connection(("127.0.0.1", wire.port), 5) as client:
            client.sendall(b"whole")
            assert client.recv(100) == b"whole"
            wire.set("silent")
            client.sendall(b"late")
            client.settimeout(0.3)
            with pytest.raises(TimeoutError):
                client.recv(100)
            wire.set("whole")
            client.settimeout(5)
            assert client.recv(100) == b"late"
            wire.set("refused")
            assert gone(client)
        with socket.create_connection(("127.0.0.1", wire.port), 5) as client:
            assert gone(client)
        server.shutdown(socket.SHUT_RDWR)
