# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the listener does with work: brings it to an end, and says what came of it."""

from __future__ import annotations

import os
import re
import signal
import stat
from pathlib import Path

from ansible_collections.selfhosted.langgraph.services.listener import processes
from tests.integration.listener.conftest import Desk

CANARY = b"canary-c0ffee-value"


def test_a_deployment_is_served_and_deleted_without_anybodys_help(desk: Desk) -> None:
    daemon = desk.daemon().start()
    chat = desk.create("chat")
    revision = desk.final(chat)
    assert revision["status"] == "DEPLOYED", desk.daemons[0].log
    assert revision["attempts"] == 1
    found = desk.get(f"/v2/deployments/{chat['id']}")
    assert (found["source_config"]["custom_url"], found["host"]) == ("http://localhost/", "localhost")
    daemon.until(lambda: not daemon.runs())
    assert any("Report: changed on localhost" in line for line in desk.logs(chat))

    desk.http.delete(f"/v2/deployments/{chat['id']}").raise_for_status()
    daemon.until(lambda: desk.http.get(f"/v2/deployments/{chat['id']}").status_code == 404)
    assert daemon.stop() == 0
    assert "canary-c0ffee-value" not in daemon.log
    daemon.until(lambda: not daemon.left())
    assert os.listdir(Path(daemon.settings["state_dir"]) / "runs") == []


def test_a_broken_one_says_why_and_the_next_one_goes_on(desk: Desk) -> None:
    daemon = desk.daemon(concurrency=1).start()
    broken, good = desk.create("broken"), desk.create("good")
    revision = desk.final(broken)
    assert (revision["status"], revision["cause"]) == ("BUILD_FAILED", "It is broken on localhost.")
    assert "It is broken on localhost." in revision["log_tail"]
    assert desk.final(good)["status"] == "DEPLOYED"
    daemon.until(lambda: not daemon.runs())


def test_a_playbook_that_dies_is_tried_again_and_not_for_ever(desk: Desk) -> None:
    daemon = desk.daemon(retries=1).start()
    once, always = desk.create("dies-once"), desk.create("dies")
    assert desk.final(once)["status"] == "DEPLOYED"
    revision = desk.final(always)
    assert revision["status"] == "BUILD_FAILED"
    assert "was killed at the step Kill the playbook. It was attempt 2 of 2." in revision["cause"]
    assert any("It is tried again in 5 s (attempt 2 of 2)" in line for line in desk.logs(once))
    daemon.until(lambda: not daemon.runs())


def test_a_playbook_that_hangs_is_ended_at_its_deadline(desk: Desk) -> None:
    daemon = desk.daemon(run_timeout=8).start()
    revision = desk.final(desk.create("hangs"))
    assert re.fullmatch(r"The run took more than 8 s( at the step .+)? and was ended\.", revision["cause"])
    daemon.until(lambda: not daemon.runs() and not daemon.left())


def test_a_killed_listener_leaves_nothing_and_the_next_one_goes_on_at_once(desk: Desk) -> None:
    first = desk.daemon().start()
    chat = desk.create("hangs-once")
    first.until(lambda: first.health()["work"] and first.health()["work"][0]["step"] == "Wait to be ended")
    run = first.runs()[0]
    first.kill()
    first.start()
    revision = desk.final(chat)  # long before the lease of the dead one would have ended
    assert (revision["status"], revision["attempts"]) == ("DEPLOYED", 2)
    assert run not in processes.marked().values()
    first.until(lambda: run not in first.runs())


def test_what_the_listener_works_on_is_nobody_elses(desk: Desk) -> None:
    daemon = desk.daemon().start()
    chat = desk.create("hangs")
    daemon.until(lambda: daemon.health()["work"] and daemon.health()["work"][0]["step"] == "Wait to be ended")
    by_hand = {"owner": {"host": "laptop", "boot_id": "1", "label": "alice"}, "deployments": ["hangs"]}
    refused = desk.http.post("/v2/work/claim", json=by_hand)
    assert (refused.status_code, refused.json()["code"]) == (409, "held")
    assert "langgraph-listener" in refused.json()["detail"]
    # Unless somebody insists: then it is the listener that stops, at once.
    taken = desk.http.post("/v2/work/claim", json={**by_hand, "takeover": True}).raise_for_status().json()["claims"][0]
    daemon.until(lambda: daemon.lines("work ends"))
    assert daemon.lines("work ends")[0]["outcome"] == "lost"
    assert daemon.left() == {}
    names = {name: taken["public"][name] for name in ("claim_id", "epoch")}
    desk.http.post("/v2/work/report", json={**names, "status": "DEPLOYED", "release": True}).raise_for_status()
    assert desk.final(chat)["status"] == "DEPLOYED"


def test_secrets_are_in_files_of_their_own_while_they_are_needed(desk: Desk) -> None:
    daemon = desk.daemon().start()
    desk.create("hangs")
    daemon.until(lambda: daemon.health()["work"] and daemon.health()["work"][0]["step"] == "Wait to be ended")
    holders = holding(daemon.home, CANARY)
    assert holders
    for path in holders:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for pid in daemon.left():
        for name in ("cmdline", "environ"):
            assert CANARY not in Path(f"/proc/{pid}/{name}").read_bytes()
    daemon.send(signal.SIGTERM)
    daemon.until(lambda: daemon.lines("stopping"))
    assert daemon.stop() == 0  # the second one: the run is ended
    assert holding(daemon.home, CANARY) == []


def test_references_lead_where_the_settings_say(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-file")
    settings = {
        "secrets_directory": str(tmp_path),
        "secrets_env_prefix": "RACK_",
        "environment": {"RACK_TOKEN": "of-the-variable", "LANGGRAPH_SECRET_X": "x"},
    }
    daemon = desk.daemon(**settings).start()
    keys = {"file": "token", "env": "RACK_TOKEN"}
    for kind, key in keys.items():
        references = [{"name": "TOKEN", "secret_name": kind, "secret_key": key}]
        assert desk.final(desk.create(f"by-{kind}", secret_references=references))["status"] == "DEPLOYED"
    references = [{"name": "TOKEN", "secret_name": "env", "secret_key": "LANGGRAPH_SECRET_X"}]
    refused = desk.final(desk.create("other", secret_references=references))
    assert "only those whose names begin with RACK_ are allowed" in refused["cause"]
    references = [{"name": "TOKEN", "secret_name": "file", "secret_key": "token"}]
    desk.create("hangs", secret_references=references)
    daemon.until(lambda: holding(daemon.home, b"of-the-file"))


def holding(directory: Path, value: bytes) -> list[Path]:
    """The files below a directory that have this in them."""
    return [path for path in directory.rglob("*") if path.is_file() and value in path.read_bytes()]


def test_sigterm_finishes_what_is_begun_and_a_second_one_hands_it_back(desk: Desk) -> None:
    daemon = desk.daemon().start()
    chat = desk.create("hangs-once")
    daemon.until(lambda: daemon.health()["work"] and daemon.health()["work"][0]["step"] == "Wait to be ended")
    daemon.send(signal.SIGTERM)
    daemon.until(lambda: daemon.lines("stopping"))
    assert desk.revision(chat)["status"] not in ("DEPLOYED", "BUILD_FAILED")
    assert daemon.stop() == 0
    assert daemon.lines("work ends")[-1]["outcome"] == "handed back"
    daemon.until(lambda: not daemon.left())
    other = desk.daemon().start()
    assert desk.final(chat)["status"] == "DEPLOYED"
    other.stop()


def test_several_processes_share_the_work(desk: Desk) -> None:
    daemons = [desk.daemon(concurrency=1).start() for _number in range(2)]
    deployments = [desk.create(f"shared-{number}") for number in range(4)]
    assert {desk.final(deployment)["attempts"] for deployment in deployments} == {1}
    begun = [len(daemon.lines("work begins")) for daemon in daemons]
    assert sum(begun) == 4, begun
    assert min(begun) >= 1, begun
    shown = desk.get(f"/v2/listeners/{desk.listener['id']}")
    assert (shown["status"], len(shown["processes"]), shown["capacity"]) == ("online", 2, 2)
