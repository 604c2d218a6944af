# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing in the daemon, the parts without a host: connections, lines, health, repairs, batches."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsUnavailable
from ansible_collections.selfhosted.langgraph.services.listener.observing import connections, lines, outbox
from ansible_collections.selfhosted.langgraph.services.listener.observing.connections import (
    Defaults,
    NotFollowed,
    place_of,
)
from ansible_collections.selfhosted.langgraph.services.listener.observing.health import GRACE, Watched
from ansible_collections.selfhosted.langgraph.services.listener.observing.positions import OLDEST, Positions
from ansible_collections.selfhosted.langgraph.services.listener.repairs import PAUSES, Pace

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LOG = logging.getLogger("t")


# -- how a host is reached ---------------------------------------------------------------------------------------------


def place(defaults: Defaults | None = None, host: str = "web-1", **variables: Any) -> connections.Place:
    return place_of(host, {f"{name}": value for name, value in variables.items()}, defaults or Defaults())


def options(argv: list[str]) -> list[str]:
    return [argv[index + 1] for index, word in enumerate(argv) if word == "-o"]


def test_ssh_by_default_and_as_root() -> None:
    found = place()
    assert found.argv[0] == "ssh"
    assert found.argv[-3:-1] == ["--", "web-1"]
    assert "sudo -n --" in found.argv[-1]
    assert (found.root, found.supervisor_dir) == ("/opt/langgraph", "")
    assert {"BatchMode=yes", "ControlPath=none", "ServerAliveInterval=10"} <= set(options(found.argv))
    assert not any("StrictHostKeyChecking" in option for option in options(found.argv))


def test_variables_of_the_inventory() -> None:
    found = place(
        ansible_host="192.0.2.7",
        ansible_port=2222,
        ansible_user="deploy",
        ansible_ssh_private_key_file="/keys/my key",
        ansible_ssh_common_args="-o ProxyJump=bastion -o BatchMode=no",
        ansible_host_key_checking=False,
        langgraph_root="/srv/agents",
        ansible_python_interpreter="/opt/python/bin/python3",
    )
    words = found.argv
    assert words[-3:-1] == ["--", "192.0.2.7"]
    assert words[words.index("-p") + 1] == "2222"
    assert words[words.index("-l") + 1] == "deploy"
    given = options(words)
    assert 'IdentityFile="/keys/my key"' in given
    assert "ProxyJump=bastion" in given
    assert "StrictHostKeyChecking=no" in given
    assert given.index("BatchMode=yes") < given.index("BatchMode=no"), "the first one counts"
    assert found.root == "/srv/agents"
    assert "/opt/python/bin/python3" in words[-1]


def test_ansible_cfg_and_environment(tmp_path: Path) -> None:
    config = tmp_path / "ansible.cfg"
    config.write_text(
        "[defaults]\nremote_user = cfg\nhost_key_checking = False\nprivate_key_file = /k\n"
        "[ssh_connection]\nssh_extra_args = -o Compression=yes\n"
    )
    words = place(Defaults(str(config), {"ANSIBLE_REMOTE_USER": "env"})).argv
    assert words[words.index("-l") + 1] == "env"
    assert {"StrictHostKeyChecking=no", 'IdentityFile="/k"', "Compression=yes"} <= set(options(words))
    assert "cfg" in place(Defaults(str(config))).argv
    config.write_text("no config\n")
    assert place(Defaults(str(config))).argv[0] == "ssh"


def test_local_and_supervisor_needs_no_root() -> None:
    found = place(ansible_connection="local", langgraph_platform="supervisor", langgraph_supervisor_dir="/home/me/sv")
    assert found.argv[:2] == ["/bin/sh", "-c"]
    assert "sudo" not in found.argv[2]
    assert found.supervisor_dir == "/home/me/sv"


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        ({"ansible_connection": "community.docker.docker"}, "connection community.docker.docker"),
        ({"langgraph_platform": "supervisor"}, "langgraph_supervisor_dir is missing"),
        ({"langgraph_platform": "kubernetes"}, "platform kubernetes"),
        ({"langgraph_root": "{{ nowhere }}"}, "langgraph_root could not be resolved"),
        ({"ansible_become_method": "su"}, "su is not sudo"),
        ({"ansible_become_user": "agent"}, "agent is not root"),
        ({"ansible_host": "-oProxyCommand=evil"}, "looks like an option"),
        ({"ansible_ssh_common_args": "'open"}, "ansible_ssh_common_args cannot be read"),
    ],
)
def test_host_that_is_not_followed_says_why(variables: dict[str, Any], word: str) -> None:
    with pytest.raises(NotFollowed, match=word):
        place(**variables)


# -- lines -------------------------------------------------------------------------------------------------------------


def line(text: str, **more: Any) -> dict[str, Any]:
    return lines.entry_of("web-1", {"text": text, "unit": "api-blue", "writer": "w", "seq": 7, **more}, NOW)


def test_structured_line_is_made_readable() -> None:
    found = line(
        json.dumps(
            {
                "event": "GET /x 500",
                "level": "error",
                "timestamp": "2026-01-01T10:00:00.5Z",
                "logger": "asgi",
                "latency_ms": 12,
                "path": "/x",
                "deep": {"a": 1},
                "exception": "Traceback\n  boom",
            }
        )
    )
    assert found["message"] == "[api-blue] GET /x 500 latency_ms=12 path=/x\n  Traceback\n    boom"
    assert (found["level"], found["timestamp"]) == ("ERROR", "2026-01-01T10:00:00.500000+00:00")


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("INFO:     started", "INFO"),
        ("2026-01-01 10:00:00,1 WARNING careful", "WARNING"),
        ("[ERROR] bad", "ERROR"),
        ("this ERRORS not", "INFO"),
        ("{no json", "INFO"),
        ('{"level": "fatal", "message": "x"}', "CRITICAL"),
        ('{"level": 30, "msg": "x"}', "INFO"),
    ],
)
def test_levels(text: str, level: str) -> None:
    assert line(text)["level"] == level


@pytest.mark.parametrize(
    "stamp", ["yesterday", 1e300, -1e300, True, None, "9999-12-31T23:59:59-14:00", "2027-01-01T00:00:00Z", [1]]
)
def test_times_that_make_no_sense(stamp: Any) -> None:
    assert line(json.dumps({"event": "x", "timestamp": stamp}))["timestamp"] == NOW.isoformat()


def test_time_that_is_not_yet() -> None:
    assert line(json.dumps({"event": "x", "timestamp": "2027-01-01T00:00:00Z"}))["timestamp"] == NOW.isoformat()
    soon = "2026-01-02T00:05:00+00:00"  # a clock that is a little ahead
    assert line(json.dumps({"event": "x", "timestamp": soon}))["timestamp"] == soon


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x9b31mb \x1b[1mc\x1b[0m", "a\ufffd31mb c"),
        ("one\u2028two", "one\ufffdtwo"),
        (json.dumps({"event": "x\n[queue-blue-1] FATAL"}), "x\n  [queue-blue-1] FATAL"),
        ('{"a":' + "[" * 5000, '{"a":' + "[" * 5000),
        ('{"event":' + "[" * 900 + "]" * 900 + "}", "[" * 900 + "]" * 900),
    ],
)
def test_no_line_is_more_than_a_line(text: str, shown: str) -> None:
    found = lines.entry_of("h", {"text": text, "unit": "api-blue", "writer": "w", "seq": 1}, NOW)
    assert found["message"] == f"[api-blue] {shown}"


def test_writers_differ_by_host_and_log() -> None:
    found = {lines.writer_of(host, writer) for host in ("a", "b") for writer in ("x", "y")}
    assert len(found) == 4
    assert lines.writer_of("a", "x") == lines.writer_of("a", "x")


# -- health and repairs ------------------------------------------------------------------------------------------------

GOOD, BAD = {"ok": True, "message": ""}, {"ok": False, "message": "queue-1 does not answer."}


def test_health_of_a_deployment() -> None:
    watched = Watched("chat", "web-1")
    watched.hear({"api": GOOD, "queue-1": GOOD}, 10)
    assert watched.health()["message"] == "2 processes answer."
    watched.hear({"api": GOOD, "queue-1": BAD}, 20)
    told = watched.health("It is being repaired.")
    assert told["ok"] is False
    assert told["message"] == "queue-1 does not answer. It is being repaired."
    assert watched.bad_since == 20
    assert [watched.repairable] == [True]
    assert watched.patient(True, 20 + GRACE - 1)
    assert not watched.patient(True, 20 + GRACE)
    assert not watched.patient(False, 21)
    watched.lose("no route", 30)
    assert [watched.repairable] == [False]
    assert "cannot be reached" in watched.health()["message"]
    watched.hear(None, 40)
    assert "holds nothing" in watched.health()["message"]
    assert [watched.repairable] == [True]
    watched.hear({"api": GOOD}, 50)
    assert (watched.ok, watched.bad_since) == (True, None)


def test_repairs_have_growing_pauses_and_an_end() -> None:
    pace, now, begun = Pace(per_hour=4), 0.0, []
    pace.look(False, now)
    while now < 7200:
        if pace.may(now):
            pace.begin(now)
            assert not pace.may(now), "one at a time"
            begun.append(now)
            pace.end(now)
        now += 1
    assert begun[:4] == [0, 30, 150, 750]
    assert begun[4] >= 3600
    for at in begun:
        assert len([other for other in begun if at <= other < at + 3600]) <= 4
    assert pace.given_up(begun[3] + 1) > 0 if len(begun) == 4 else True


def test_repairs_begin_anew_after_a_while_in_health() -> None:
    pace = Pace(per_hour=9)
    for at in (0.0, 40.0, 200.0):
        pace.begin(at)
        pace.end(at)
    pace.look(True, 300)
    pace.look(True, 400)
    assert not pace.may(500), f"the pause of {PAUSES[-1]:g} s goes on"
    pace.look(True, 901)
    assert pace.may(902)


def test_no_repairs_at_all() -> None:
    pace = Pace(per_hour=0)
    assert not pace.may(1e6)
    assert pace.given_up(1e6) == 0


# -- batches -----------------------------------------------------------------------------------------------------------


class Api:
    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.poison = ""
        self.away = False

    async def served(self) -> list[dict[str, Any]]:
        return []

    async def observe(self, observations: list[dict[str, Any]]) -> dict[str, Any]:
        if self.away:
            raise RecordsUnavailable("away")
        if self.poison and self.poison in json.dumps(observations):
            raise InvalidInput("refused")
        self.got += observations
        return {}


def a_line(number: int, message: str = "x", host: str = "h", session: int = 1) -> outbox.Line:
    entry = {"writer": "w", "seq": number, "timestamp": NOW.isoformat(), "level": "INFO", "message": message}
    return outbox.Line("chat", "r", entry, outbox.size_of(entry), host, session, "s", {"at": number})


def test_batches_are_bounded_and_in_order() -> None:
    api = Api()
    done: list[outbox.Line] = []
    box = outbox.Outbox(api, done.extend, LOG)

    async def main() -> None:
        for number in range(1200):
            box.add_line(a_line(number, "y" * 3000))
        while await box.send():
            pass

    asyncio.run(main())
    assert [entry["seq"] for got in api.got for entry in got["logs"]] == list(range(1200))
    assert max(len(json.dumps(got)) for got in api.got) < 500_000
    assert len(done) == 1200


def test_what_cannot_be_sent_stays() -> None:
    api = Api()
    done: list[outbox.Line] = []
    box = outbox.Outbox(api, done.extend, LOG)

    async def main() -> None:
        api.away = True
        box.add_line(a_line(1))
        box.set_health("chat", {"ok": False})
        box.set_health("chat", {"ok": True})
        for number in range(outbox.KEPT_SAMPLES + 5):
            box.add_sample("chat", {"value": number})
        with pytest.raises(RecordsUnavailable):
            await box.send()
        assert box.waiting == {"lines": 1, "samples": outbox.KEPT_SAMPLES, "health": 1}
        assert box.dropped_samples == 5
        api.away = False
        while await box.send():
            pass

    asyncio.run(main())
    assert [got["health"] for got in api.got if "health" in got] == [{"ok": True}]
    values = [sample["value"] for got in api.got for sample in got.get("samples", [])]
    assert values == list(range(5, outbox.KEPT_SAMPLES + 5))


def test_only_what_is_refused_is_left_out() -> None:
    api = Api()
    done: list[outbox.Line] = []
    box = outbox.Outbox(api, done.extend, LOG)
    api.poison = "poison"

    async def main() -> None:
        for number in range(40):
            box.add_line(a_line(number, "poison" if number == 17 else "x"))
        box.add_sample("chat", {"value": 1})
        box.add_sample("poison", {"value": 1})
        box.set_health("chat", {"ok": True})
        while await box.send():
            pass

    asyncio.run(main())
    got = [entry["seq"] for each in api.got for entry in each.get("logs", [])]
    assert got == [number for number in range(40) if number != 17]
    assert [each["slug"] for each in api.got if each.get("samples")] == ["chat"]
    assert [each["health"] for each in api.got if "health" in each] == [{"ok": True}]
    assert (len(done), box.refused) == (40, 2)


def test_lines_of_an_ended_connection_are_forgotten() -> None:
    box = outbox.Outbox(Api(), lambda lines: None, LOG)
    for session in (1, 2):
        box.add_line(a_line(1, session=session))
    box.add_line(a_line(1, host="other"))
    box.forget_host("h", 1)
    assert box.waiting["lines"] == 2


# -- places ------------------------------------------------------------------------------------------------------------


def test_positions_outlive_the_daemon_but_not_for_ever(tmp_path: Path) -> None:
    path, now = tmp_path / "observing.json", time.time()
    positions = Positions(path)
    positions.move("h", "unit", {"offset": 7, "at": now})
    positions.move("h", "old", {"offset": 7, "at": now - OLDEST - 1})
    positions.save(now=True)
    assert Positions(path).of("h") == {"unit": {"offset": 7, "at": now}}
    for content in ("", "[]", '{"h": 7}', '{"h": {"unit": 7}}', '{"h": {"unit": {"at": "x"}}}'):
        path.write_text(content)
        assert Positions(path).of("h") == {}
