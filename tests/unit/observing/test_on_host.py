# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observer's parts without a host: journal, units, figures, what lies where."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from ansible_collections.selfhosted.langgraph.services.listener.observing.bundle import _ON_HOST, MODULES, start_command
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host import (
    deployments,
    files,
    journal,
    main,
    probes,
    units,
)
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.deployments import Deployment, Serving
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.figures import Figures
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.output import (
    BURST,
    RATE,
    Bucket,
    Output,
)
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.units import Unit

SLUG = "chat-1a2b3c4d"
CURSOR = "s=7f2a;i=1f;b=9c01;m=5d;t=640d;x=1"


# -- how it travels ----------------------------------------------------------------------------------------------------


def test_all_files_travel_and_are_read_by_python_3_9() -> None:
    assert sorted(MODULES) == sorted(path.stem for path in _ON_HOST.glob("*.py"))
    for name in MODULES:
        tree = ast.parse((_ON_HOST / f"{name}.py").read_text(), feature_version=(3, 9))
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level}
        assert imported <= set(MODULES[: MODULES.index(name)]), f"{name} comes before what it needs"


def test_start_command_becomes_root_only_where_it_is_not() -> None:
    assert "sudo" not in start_command()
    command = start_command("/opt/it's/python", "sudo -n --")
    assert command.startswith('as="sudo -n --"; [ "$(id -u)" = 0 ] && as=; ')
    assert "'/opt/it'\"'\"'s/python'" in command


# -- journal -----------------------------------------------------------------------------------------------------------


def entry(**more: Any) -> bytes:
    found = {
        "__CURSOR": CURSOR,
        "__REALTIME_TIMESTAMP": "1760000000123456",
        "_SYSTEMD_UNIT": f"langgraph-{SLUG}-queue-blue@1.service",
        "PRIORITY": "6",
        "MESSAGE": "hello",
        **more,
    }
    return json.dumps(found).encode()


def test_entry_is_known_by_the_journals_own_number() -> None:
    found = journal.parse(entry())
    assert found is not None
    assert (found.unit, found.writer, found.seq) == (f"langgraph-{SLUG}-queue-blue@1", "journal/7f2a", 0x1F)
    assert (found.level, found.text, found.at) == ("INFO", "hello", 1760000000.123456)
    assert found.position["journal"] == CURSOR


def test_entry_of_a_journal_that_does_not_number_is_known_by_its_time() -> None:
    found = journal.parse(entry(__CURSOR="x"))
    assert found is not None
    assert (found.writer, found.seq) == ("journal", 1760000000123456 * 4)
    assert found.seq < 2**53


@pytest.mark.parametrize(
    ("message", "text"), [([104, 105, 255], "hi\ufffd"), (None, ""), (7, ""), ("x" * 20000, "[4000 more bytes]")]
)
def test_messages_of_all_kinds(message: Any, text: str) -> None:
    found = journal.parse(entry(MESSAGE=message))
    assert found is not None
    assert found.text.endswith(text)
    assert len(found.text) < 16100


def test_what_systemd_says_about_a_unit_is_the_units() -> None:
    found = journal.parse(
        entry(
            _PID="1",
            _SYSTEMD_UNIT="init.scope",
            UNIT=f"langgraph-{SLUG}-api-blue.service",
            PRIORITY="4",
            MESSAGE="Failed.",
        )
    )
    assert found is not None
    assert (found.unit, found.level) == (f"langgraph-{SLUG}-api-blue", "WARNING")


def test_nobody_writes_in_the_name_of_another_unit() -> None:
    found = journal.parse(entry(_PID="4711", UNIT="langgraph-other-0000000a-api-blue.service", PRIORITY="2"))
    assert found is not None
    assert found.unit == f"langgraph-{SLUG}-queue-blue@1"
    assert "_PID" in next(word for word in journal.command(["a"], "") if word.startswith("--output-fields=")).split(",")


@pytest.mark.parametrize("line", [b"", b"-- No entries --", b"[]", b'{"MESSAGE": "x"}', entry(_SYSTEMD_UNIT=None)])
def test_what_is_no_entry_is_left_out(line: bytes) -> None:
    assert journal.parse(line) is None


def test_journalctl_goes_on_after_a_place() -> None:
    first, again = journal.command(["a", "b@1"], ""), journal.command(["a"], CURSOR)
    assert first[-2:] == ["--unit=a.service", "--unit=b@1.service"]
    assert f"--after-cursor={CURSOR}" in again
    assert "--no-tail" in again, "else only the last ten lines after the place are shown"


@pytest.mark.parametrize(
    ("length", "whole", "first"), [(98, 3000, 0), (20, 9000, 4000), (400, 3000, None)], ids=["all", "lines", "bytes"]
)
def test_a_log_that_nobody_has_read_begins_near_its_end_and_misses_none_from_there(
    tmp_path: Path, length: int, whole: int, first: int | None
) -> None:
    """None counts as too much: the newest are those that whoever read it before has not taken."""
    log = tmp_path / "log"
    log.write_text("".join(f"{number:0{length - 1}}\n" for number in range(whole)) + "not yet a line")
    reader, found = files.LogFile(str(log)), []
    while lines := reader.read(700):
        found += [int(line.text) for line in lines if not line.note]
    reader.close()
    assert found == list(range(found[0], whole))
    if first is None:
        assert length * len(found) <= files.BACKLOG < length * (len(found) + 2)
    else:
        assert found[0] == first


def test_thinner_counts_by_the_time_of_the_entries() -> None:
    thinner, gone = journal.Thinner(), []
    start = journal.parse(entry())
    assert start is not None
    for number in range(int(BURST) + 500):
        gone += thinner.let(start._replace(seq=number, text=f"{number}"))
    assert len(gone) == BURST
    later = thinner.let(start._replace(seq=9999, at=start.at + 1, text="later"))
    assert [each.text[:3] for each in later] == ["500", "lat"]
    assert later[0].seq == BURST, "the word has the place of the first that was dropped"
    assert thinner.flush() == []
    for number in range(int(BURST)):
        thinner.let(start._replace(seq=20000 + number, at=start.at + 1))
    assert [each.text.split()[0] for each in thinner.flush()] == ["1801"]


def test_bucket() -> None:
    bucket = Bucket(100.0)
    assert sum(bucket.take() for _try in range(10000)) == BURST
    bucket.pass_time(101.0, idle=True)
    assert sum(bucket.take() for _try in range(10000)) == RATE
    bucket.pass_time(50.0, idle=True)
    assert not bucket.take(), "a clock that goes back gives nothing"
    long = Bucket(100.0)
    assert sum(long.take(16000) for _try in range(10000)) == BURST / 16, "long lines count by their bytes"
    hour = Bucket(4000.0, since=400.0)
    hour.pass_time(4000.0, idle=False)
    assert sum(hour.take() for _try in range(10**7 // 10)) == BURST + 3600 * RATE


# -- units -------------------------------------------------------------------------------------------------------------

SHOW = """Id=a.service
ActiveState=active
SubState=running
MainPID=42
NRestarts=3
Result=success
ExecMainStatus=0
MemoryCurrent=1048576
CPUUsageNSec=2500000000

Id=b.service
ActiveState=failed
SubState=failed
MainPID=0
NRestarts=0
Result=exit-code
ExecMainStatus=3
MemoryCurrent=[not set]
CPUUsageNSec=18446744073709551615

Id=c.service
ActiveState=activating
SubState=auto-restart
Result=signal
"""


def test_systemctl_show() -> None:
    found = units.parse_show(SHOW)
    assert found["a"] == Unit("up", "active", 42, 3, 1048576.0, 2.5)
    assert found["b"] == Unit("down", "failed, exit code 3", 0, 0, None, None)
    assert found["c"].state == "starting"


@pytest.mark.parametrize(
    ("info", "state", "word"),
    [
        ({"statename": "BACKOFF"}, "starting", "BACKOFF"),
        ({"statename": "EXITED", "exitstatus": 3}, "down", "EXITED with exit code 3"),
        ({"statename": "FATAL"}, "down", "FATAL"),
        ({}, "down", ""),
    ],
)
def test_supervisor_states(info: dict[str, Any], state: str, word: str) -> None:
    assert units.unit_of(info)[:2] == (state, word)


# -- figures -----------------------------------------------------------------------------------------------------------


def metrics(requests: int, errors: int) -> probes.Answer:
    text = f"""# HELP lg_api_http_requests_total requests
lg_api_http_requests_total{{method="GET",path="/a b",status="200",project_id="x"}} {requests - errors}
lg_api_http_requests_total{{method="GET",status="503"}} {errors}.0
lg_api_http_requests_latency_bucket{{le="10"}} 5
lg_api_http_requests_latency_sum{{status="200"}} {requests * 20}
lg_api_http_requests_latency_count{{status="200"}} {requests}
lg_api_num_pending_runs 4 1760000000
lg_api_workers_active NaN
garbage
"""
    return probes.Answer(200, text)


def test_figures_are_rates_since_the_time_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    figures, api = Figures(), Serving("api-blue", "u-api-blue", 1)
    first = figures.of(api, Unit("up", "", 42, 0, 5e6, 10.0), 77, metrics(100, 0))
    assert first == {"memory_bytes": 5e6, "queue_depth": 4.0}
    clock[0] += 10
    second = figures.of(api, Unit("up", "", 42, 1, 5e6, 15.0), 77, metrics(150, 20))
    assert second == {
        "memory_bytes": 5e6,
        "queue_depth": 4.0,
        "restarts": 1.0,
        "cpu": 0.5,
        "requests": 5.0,
        "errors": 2.0,
        "latency_ms": 20.0,
    }
    clock[0] += 10
    anew = figures.of(api, Unit("up", "", 43, 1, 5e6, 1.0), 99, metrics(30, 0))
    assert (anew["requests"], anew["cpu"], anew["restarts"]) == (3.0, 0.1, 1.0), "a new process counts from nothing"
    clock[0] += 10
    silent = figures.of(api, Unit("up", "", 43, 1, 5e6, 1.0), 99, probes.Answer(0, "refused"))
    assert set(silent) == {"memory_bytes", "restarts", "cpu"}
    clock[0] += 10
    assert figures.of(api, None, 0, probes.Answer(0, "refused")) == {}, (
        "neither the platform nor the process said anything"
    )
    clock[0] += 10
    again = figures.of(api, Unit("up", "", 43, 2, 5e6, 4.0), 99, metrics(90, 0))
    assert (again["requests"], again["cpu"], again["restarts"]) == (2.0, 0.15, 1.0), "since the last that was known"


# -- health ------------------------------------------------------------------------------------------------------------


def test_verdicts() -> None:
    """What was known stays until a process has failed often enough; what is down is down, whoever has its port."""
    observer = main.Observer({"root": "/none", "health_failures": 2, "health_interval": 1}, Output(-1))
    one, up, down = Serving("api-blue", "u-api-blue", 1), Unit("up"), Unit("down", "failed")
    good, bad = probes.Answer(200, ""), probes.Answer(0, "no answer")
    assert observer._verdict(one, up, bad) is None, "an observer that was started anew does not know"
    assert observer._verdict(one, up, bad) == {"ok": False, "message": ANY}
    assert observer._verdict(one, up, good) == {"ok": True, "message": ""}
    assert observer._verdict(one, up, bad) == {"ok": True, "message": ""}
    assert observer._verdict(one, None, bad) == {"ok": False, "message": ANY}
    assert observer._verdict(one, down, good) == {"ok": False, "message": "api-blue does not run (failed)."}


def test_latency_in_seconds() -> None:
    text = "lg_api_http_requests_latency_seconds_sum 2.5\nlg_api_http_requests_latency_seconds_count 10\n"
    assert probes.parse(text)[2:4] == (2500.0, 10.0)


# -- what lies on a host -----------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "lg" / SLUG
    path.mkdir(parents=True)
    ports = {"api": {"blue": 1, "green": 2}, "queue": {"blue-1": 3, "green-1": 4, "blue-2": 5, "green-2": 6}}
    (path / "ports.json").write_text(json.dumps(ports))
    (path / "state.json").write_text(json.dumps({"colour": "green", "queue": "blue", "revision": 3}))
    return path


def test_serving_processes_under_systemd(home: Path, tmp_path: Path) -> None:
    wants = tmp_path / "systemd" / "multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / f"langgraph-{SLUG}-queue-blue@1.service").touch()
    (wants / f"langgraph-{SLUG}-queue-green@2.service").touch()
    unit = tmp_path / "systemd" / f"langgraph-{SLUG}-queue-blue@.service"
    unit.write_text("# langgraph revision 3 REVISION-ID connections 0abc\n[Unit]\n")
    deployment = Deployment(str(home.parent), SLUG, "", str(tmp_path / "systemd"))
    assert deployment.serving() == [
        Serving("api-green", f"langgraph-{SLUG}-api-green", 2),
        Serving("queue-blue-1", f"langgraph-{SLUG}-queue-blue@1", 3),
    ]
    queue = f"langgraph-{SLUG}-queue-blue@1"
    assert deployment.revision_of(queue) == "REVISION-ID"
    unit.unlink()
    assert deployment.revision_of(queue) == "REVISION-ID", "its last lines are still its own"
    assert deployment.revision_of(f"langgraph-{SLUG}-api-blue") is None
    assert len(deployment.units()) == 6


def test_serving_processes_under_supervisor(home: Path, tmp_path: Path) -> None:
    conf = tmp_path / "sv" / "conf.d"
    conf.mkdir(parents=True)
    for name in ("queue-blue-1.conf", "queue-blue-2.conf", "queue-blue@.template", "queue-green-1.conf"):
        (conf / f"langgraph-{SLUG}-{name}").write_text("# langgraph revision 3 ID connections 0abc\n")
    found = Deployment(str(home.parent), SLUG, str(tmp_path / "sv")).serving()
    assert [serving.name for serving in found or []] == ["api-green", "queue-blue-1", "queue-blue-2"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"colour": 7}', '{"colour": "red"}'])
def test_nothing_serves(home: Path, content: str) -> None:
    (home / "state.json").write_text(content)
    assert Deployment(str(home.parent), SLUG).serving() is None


@pytest.mark.parametrize("slug", ["", "../etc", "a/b", "A", "-x", "x" * 30])
def test_slugs_that_are_none(slug: str) -> None:
    assert deployments.SLUG.match(slug) is None
