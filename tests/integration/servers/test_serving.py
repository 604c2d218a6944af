# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers without a proxy: start, switch, repair, drain."""

from __future__ import annotations

import json
import threading
import urllib.request
from pathlib import Path

from tests.integration.servers.conftest import by_role
from tests.support.servers import Server, good, watched
from tests.support.staging import until

LEAK = """
def leak(state: Work) -> dict[str, Any]:
    return {"version": json.dumps({"leak": os.environ.get("LEAK"), "odd": os.environ.get("ODD")})}


graph = StateGraph(Work).add_node("leak", leak).add_edge(START, "leak").add_edge("leak", END).compile()
"""


def test_role_brings_a_revision_up_and_the_second_run_changes_nothing(chat: Server) -> None:
    assert chat.serves(1)
    assert chat.work("one")["version"] == "1"
    before = chat.running()
    assert sorted(before) == ["api-blue", "queue-blue@1"]
    again = by_role(chat, "revision", 1, langgraph_server_source=chat.tarball).ok()
    assert again.changed == 0, again.changed_tasks
    assert chat.running() == before
    assert again.result("or what serves is put right")["candidate"] is False


def test_check_mode_predicts_and_does_nothing(server: Server) -> None:
    before, number = server.running(), server.number
    assert good(server.start(number, _ansible_check_mode=True))["changed"] is False
    predicted = good(server.start(number + 1, _ansible_check_mode=True))
    assert predicted["changed"]
    assert predicted["candidate"]
    new = server.make()
    predicted = good(server.start(new, _ansible_check_mode=True))
    assert [a for a in predicted["actions"] if f"Start revision {new} as API green" in a]
    switched = good(server.switch(new, _ansible_check_mode=True))
    assert switched["changed"]
    assert f"revision {new}" in switched["diff"]["after"]
    assert server.running() == before
    assert server.serves(number)


def test_new_revision_takes_over_and_old_ones_are_pruned(server: Server) -> None:
    old, new = server.number, server.make()
    started = good(server.start(new))
    assert (started["candidate"], started["colour"]) == (True, "green")
    assert server.serves(old), "the old one serves while the candidate runs"
    assert server.ask("/info", colour="green")["host"]["host_revision_id"] == server.claim(new)["revision"]["id"]
    with watched(server) as gaps:
        switched = good(server.switch(new, keep=[new]))
    assert server.serves(new)
    assert sorted(server.running()) == ["api-blue", "queue-green@1"]
    assert server.number == new
    assert not server.host.revision(server.slug, old).exists()
    assert sum(gaps) < 20, gaps
    assert f"Remove revision {old}" in switched["actions"]
    assert server.work("two")["version"] == str(new)
    assert good(server.switch(new, keep=[new]))["changed"] is False
    assert good(server.start(new))["changed"] is False


def test_environment_is_the_revisions_own_byte_for_byte(server: Server) -> None:
    odd = "{{ lookup('pipe', 'id') }} $(id) `id` \u00e9 'q' \"qq\" %i %(here)s\nsecond line\\"
    server.apply(server.make(LEAK, ODD=odd))
    pid = server.running()["api-blue"]
    assert b"LEAK" in Path(f"/proc/{pid}/environ").read_bytes(), "supervisord hands it on"
    assert json.loads(server.work("env")["version"]) == {"leak": None, "odd": odd}


def test_runs_and_streams_in_flight_survive_the_switch(server: Server) -> None:
    server.apply(server.make())
    new = server.make()
    good(server.start(new))
    thread, run = server.background("long", 6)
    lines: list[str] = []
    body = {"assistant_id": "counter", "input": {"id": "stream", "seconds": 3}, "stream_mode": ["custom", "values"]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(server.url("/runs/stream"), json.dumps(body).encode(), headers)

    def read() -> None:
        with urllib.request.urlopen(request, timeout=60) as response:
            lines.extend(line.decode() for line in response)

    reader = threading.Thread(target=read)
    reader.start()
    assert until(lambda: server.events("stream") == ["started"])
    good(server.switch(new))
    reader.join()
    assert [line for line in lines if line.startswith("event: values")], lines[-5:]
    assert server.events("stream") == ["started", "finished"]
    assert server.events("long") == ["started", "finished"], "not cancelled, not doubled"
    assert server.ask(f"/threads/{thread}/runs/{run}")["status"] == "success"


def test_what_was_stopped_by_hand_is_put_right(server: Server) -> None:
    services, before, number = server.host.supervisor.services, server.running(), server.number
    queue = next(name for name in before if name.startswith("queue"))
    services.stop(f"langgraph-{server.slug}-{queue}")
    assert good(server.start(number))["actions"] == [f"Start queue process {queue[6:].replace('@', '-')}"]
    after = server.running()
    assert after["api-blue"] == before["api-blue"], "what runs is left alone"
    services.stop(f"langgraph-{server.slug}-api-blue")
    assert good(server.start(number))["actions"] == ["Start API blue"]
    assert server.serves(number)
    assert server.running()[queue] == after[queue]
    assert good(server.start(number))["changed"] is False


def test_number_of_queue_processes_follows(server: Server) -> None:
    before, number = server.running(), server.number
    colour = server.state()["queue"]
    actions = good(server.start(number, queue_count=2))["actions"]
    assert actions == [f"Enable queue process {colour}-2", f"Start queue process {colour}-2"]
    assert good(server.switch(number, queue_count=2))["changed"] is False
    actions = good(server.switch(number, queue_count=1))["actions"]
    assert actions == [f"Drain and remove queue process {colour}-2"]
    assert server.running() == before


def test_other_connections_refresh_the_same_revision(server: Server) -> None:
    uri = server.run_options["redis_uri"].replace("/0", "/1")
    before, number = server.running(), server.number
    assert good(server.start(number, redis_uri=uri))["candidate"]
    good(server.switch(number))
    assert server.serves(number)
    assert set(server.running().values()).isdisjoint(before.values())
    assert good(server.start(number, redis_uri=uri))["changed"] is False
    server.run_options["redis_uri"] = uri


def test_candidate_can_be_given_up(server: Server) -> None:
    before = server.running()
    good(server.start(server.make()))
    given_up = {**server.base, "state": "absent", "drain_timeout": 5}
    assert good(server.host.run("server_start", given_up))["actions"] == ["Stop and remove candidate API green"]
    assert server.running() == before
    assert good(server.host.run("server_start", given_up))["changed"] is False


def test_stale_claims_are_refused_and_absence_is_remembered(server: Server) -> None:
    number = server.number
    good(server.start(number, epoch=7))
    result = server.switch(number, epoch=6)
    assert result["failed"]
    assert "stale" in result["msg"]
    gone = {**server.base, "epoch": 8, "drain_timeout": 5}
    assert good(server.host.run("server_absent", {**gone, "_ansible_check_mode": True}))["changed"]
    assert server.serves(number)
    assert good(server.host.run("server_absent", gone))["changed"]
    assert server.running() == {}
    assert sorted(path.name for path in server.host.home(server.slug).iterdir()) == ["epoch", "work.lock"]
    assert good(server.host.run("server_absent", gone))["changed"] is False
    assert server.start(number, epoch=7)["failed"], "a late step of an outdated run"
