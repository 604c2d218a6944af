# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not come to serve is named and leaves no trace; the old revision serves on."""

from __future__ import annotations

import json
import socket

from tests.support.servers import Server, good

BROKEN = """
if os.environ.get("N_JOBS_PER_WORKER") and os.environ.get("BROKEN") == "start":
    raise RuntimeError("broken on purpose: " + os.environ["PASSPHRASE"])
if os.environ.get("PORT") == os.environ.get("BROKEN"):
    raise RuntimeError("broken on this port")
if os.environ.get("N_JOBS_PER_WORKER") and os.environ.get("BROKEN") == "slow":
    time.sleep(60)
"""


def test_revision_that_does_not_start_changes_nothing(server: Server) -> None:
    before, number = server.running(), server.number
    result = server.start(server.make(BROKEN, BROKEN="start", PASSPHRASE="open sesame"))
    assert result["failed"]
    assert "ended by itself" in result["msg"]
    assert any("broken on purpose" in line for line in result["log_tail"])
    assert "open sesame" not in json.dumps(result)
    assert result["serving"] == number
    assert server.running() == before
    assert server.serves(number)
    assert good(server.start(number))["changed"] is False, "nothing of the failed one is left"


def test_gate_has_a_deadline(server: Server) -> None:
    before = server.running()
    result = server.start(server.make(BROKEN, BROKEN="slow"), gate_timeout=4)
    assert result["failed"]
    assert "did not answer on port" in result["msg"]
    assert "within 4 s" in result["msg"]
    assert server.running() == before


def test_old_revision_comes_back_when_the_new_one_fails_in_its_place(server: Server) -> None:
    old = server.number
    new = server.make(BROKEN, BROKEN=str(server.ports["api"]["blue"]))
    good(server.start(new))
    before = sorted(server.running())
    result = server.switch(new)
    assert result["failed"]
    assert result["restored"] == old
    assert server.serves(old)
    assert sorted(server.running()) == [name for name in before if name != "api-green"]
    assert server.number == old
    assert server.work("after")["version"] == str(old)


def test_old_revision_comes_back_when_the_new_queue_fails(server: Server) -> None:
    old = server.number
    free = "green" if server.state()["queue"] == "blue" else "blue"
    new = server.make(BROKEN, BROKEN=str(server.ports["queue"][f"{free}-1"]))
    good(server.start(new))
    result = server.switch(new)
    assert result["failed"]
    assert "queue" in result["msg"]
    assert result["restored"] == old
    assert server.serves(old)
    assert server.work("after the queue")["version"] == str(old)
    assert sorted(server.running()) == ["api-blue", f"queue-{server.state()['queue']}@1"]
    assert good(server.start(old))["changed"] is False


def test_taken_port_is_named(server: Server) -> None:
    number = server.number
    with socket.create_server(("127.0.0.1", server.ports["api"]["green"])):
        result = server.start(server.make())
    assert result["failed"]
    assert f"Port {server.ports['api']['green']} is taken by process" in result["msg"]
    assert server.serves(number)


def test_database_and_redis_that_are_not_there_are_named(server: Server) -> None:
    new, old = server.make(), server.number
    before = sorted(path.name for path in server.host.home(server.slug).iterdir())
    result = server.start(new, database_uri="postgresql://nobody:wrong-password@127.0.0.1:1/x")
    assert result["failed"]
    assert "wrong-password" not in json.dumps(result)
    result = server.start(new, redis_uri="redis://127.0.0.1:1/0")
    assert result["failed"]
    assert "Redis" in result["msg"]
    assert server.serves(old)
    server.apply(new)
    after = sorted(path.name for path in server.host.home(server.slug).iterdir())
    assert after == before, "no connections of failed candidates are left"
