# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims: what is handed out to whom, and what a holder may say."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _process
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Conflict,
    Held,
    InvalidInput,
    NotFound,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records

from .conftest import OTHER, OWNER, Backstage, claim, create, deploy, key_of, refused, status_of, tarball, update


def test_a_due_claim(records: Records) -> None:
    made = create(records, env={"A": "1"}, secrets={"K": "v"}, resource_spec={"min_scale": 2})
    claimed = claim(records)
    public, private = claimed["public"], claimed["private"]
    assert (public["action"], public["reason"], public["preview"], public["epoch"]) == ("apply", "due", False, 1)
    assert 55 < public["seconds_left"] <= 60
    assert public["deployment"]["slug"] == made["slug"]
    revision = public["revision"]
    assert revision is not None
    assert (revision["status"], revision["number"], revision["resource_spec"]) == ("BUILDING", 1, {"min_scale": 2})
    assert public["keep_revisions"] == [1]
    assert (private["env"], private["secrets"], private["lock"]) == ({"A": "1"}, {"K": "v"}, None)
    assert len(private["database_password"] or "") == len(private["redis_password"] or "") == 32
    assert private["database_password"] != private["redis_password"]
    assert "v" not in public["deployment"].values()
    json.dumps(claimed)
    shown = records.deployment("chat")
    assert shown is not None
    assert (shown["claim"]["held"], shown["claim"]["owner"]) == (True, "alice@controller")
    timings = records.revision("chat")["timings"]  # type: ignore[index]  # it is there
    assert list(timings) == ["CREATING", "QUEUED", "AWAITING_BUILD", "BUILDING"]


def test_what_is_claimed_is_not_due(records: Records) -> None:
    create(records)
    claim(records)
    assert records.claim(owner=OTHER) == []


def test_nothing_is_due_after_success_and_after_failure(records: Records) -> None:
    create(records)
    deploy(records)
    assert records.claim(owner=OWNER) == []
    update(records, env={"A": "1"})
    records.report(*key_of(claim(records)), "FAILED", cause="no", release=True)
    assert records.claim(owner=OWNER) == []
    assert records.redeploy_revision("chat")["changed"]
    assert claim(records)["public"]["revision"]["number"] == 3  # type: ignore[index]  # it has one


def test_named_claims_are_for_what_is_due_or_not(records: Records) -> None:
    create(records)
    first = deploy(records)
    named = claim(records, "chat")
    assert (named["public"]["reason"], named["public"]["revision"]["status"]) == ("named", "DEPLOYED")
    assert named["private"]["database_password"] == first["private"]["database_password"]
    assert named["public"]["epoch"] == first["public"]["epoch"] + 1
    records.report(*key_of(named), release=True)
    by_id = claim(records, named["public"]["deployment"]["id"])
    assert by_id["public"]["deployment"]["name"] == "chat"


def test_named_claims_prefer_what_is_pending(records: Records) -> None:
    create(records)
    deploy(records)
    update(records, env={"A": "1"})
    assert claim(records, "chat")["public"]["revision"]["number"] == 2  # type: ignore[index]  # it has one


def test_named_without_anything_to_run_is_left_out(records: Records) -> None:
    records.apply_deployment({"name": "empty"})
    create(records, "broken")
    records.report(*key_of(claim(records)), "FAILED", cause="no", release=True)
    assert records.claim(["empty", "broken"], owner=OWNER) == []


def test_all(records: Records, open_again: Callable[..., Records]) -> None:
    records.apply_workspace({"name": "team-b"})
    create(open_again(workspace="team-b"), "elsewhere")
    for name in ("a", "b", "c"):
        create(records, name)
    deploy(records, "b")
    claims = records.claim(["all"], owner=OWNER)
    assert sorted(found["public"]["deployment"]["name"] for found in claims) == ["a", "b", "c"]
    for names in ([], ["all", "a"]):
        with pytest.raises(InvalidInput, match=refused("all alone", "deployments")):
            records.claim(names, owner=OWNER)


def test_unknown_names_are_named(records: Records) -> None:
    create(records)
    missing = "00000000-0000-4000-8000-00000000000f"
    with pytest.raises(NotFound, match=f"There is no deployment {missing}, nope in workspace default") as caught:
        records.claim(["chat", "nope", missing], owner=OWNER)
    assert caught.value.extra["names"] == [missing, "nope"]
    assert not records.deployment("chat")["claim"]["held"]  # type: ignore[index]  # it is there


def test_held(records: Records, backstage: Backstage) -> None:
    create(records)
    create(records, "free")
    claimed = claim(records, "chat")
    for _again in range(2):
        with pytest.raises(
            Held, match=r"Deployment chat is being worked on by alice@controller since \d\d:\d\d:\d\d"
        ) as caught:
            records.claim(["free", "chat"], owner=OTHER)
        assert (caught.value.deployment, caught.value.owner) == ("chat", "alice@controller")
        assert not records.deployment("free")["claim"]["held"]  # type: ignore[index]  # all or nothing
    with pytest.raises(Held):
        records.claim(["chat"], owner=OTHER, preview=True)
    taken = claim(records, "chat", owner=OTHER, takeover=True)
    assert taken["public"]["epoch"] == claimed["public"]["epoch"] + 1
    for call in (
        lambda: records.renew(*key_of(claimed)),
        lambda: records.report(*key_of(claimed), "DEPLOYED"),
        lambda: records.place(*key_of(claimed), "h", []),
    ):
        with pytest.raises(
            StaleClaim, match=r"deployment chat was taken over by bob@controller \(epoch 2, this one has 1\)"
        ):
            call()
    records.renew(*key_of(taken))
    backstage.lapse("chat")
    assert claim(records, "chat")["public"]["epoch"] == 3


def test_a_lapsed_lease_is_due_again_and_begins_anew(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    records.report(*key_of(claimed), "DEPLOYING", lock="a==1")
    backstage.lapse("chat")
    again = claim(records, owner=OTHER)
    assert (again["public"]["epoch"], again["public"]["revision"]["status"]) == (2, "BUILDING")
    assert again["private"]["lock"] == "a==1"
    with pytest.raises(StaleClaim):
        records.report(*key_of(claimed), "DEPLOYED")
    assert status_of(records) == "BUILDING"


def test_a_lapsed_lease_that_nobody_took_goes_on(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    backstage.lapse("chat")
    assert records.renew(*key_of(claimed)) == {"seconds_left": 60.0, "interrupt_requested": False}
    assert records.claim(owner=OTHER) == []


def test_a_report_lengthens_the_lease(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    backstage.lapse("chat")
    answer = records.report(*key_of(claimed))
    assert (answer["interrupt_requested"], answer["changed"]) == (False, False)
    assert {**(answer["revision"] or {}), "lock": None} == records.revision("chat")
    assert records.claim(owner=OTHER) == []


@pytest.mark.parametrize("named", [True, False])
def test_a_dead_owner_on_this_host_is_taken_over_at_once(records: Records, named: bool) -> None:
    create(records)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner: Any = {
            "host": socket.gethostname(),
            "boot_id": _process.boot_id(),
            "pid": child.pid,
            "start_time": _process.start_time(child.pid),
            "label": "playbook",
        }
        other = {**OTHER, "host": owner["host"], "boot_id": owner["boot_id"]}
        claimed = claim(records, owner=owner)
        if named:
            with pytest.raises(Held, match="by playbook since"):
                records.claim(["chat"], owner=other)
        else:
            assert records.claim(owner=other) == []
        child.kill()
    assert claim(records, *(["chat"] if named else []), owner=other)["public"]["epoch"] == 2
    with pytest.raises(StaleClaim):
        records.renew(*key_of(claimed))


def test_the_caller_may_know_better_who_is_dead(records: Records) -> None:
    create(records)
    claim(records)
    seen: list[Any] = []

    def dead(owner: Any) -> bool:
        seen.append(owner)
        return True

    claimed = records.claim(["chat"], owner=OTHER, is_dead=dead)
    assert len(claimed) == 1
    assert seen == [OWNER]


def test_preview_only_reads(records: Records, backstage: Backstage) -> None:
    create(records, secrets={"K": "v"})
    before = backstage.everything()
    for names in (None, ["chat"], ["all"]):
        shown = records.claim(names, owner=OWNER, preview=True)[0]
        assert (shown["public"]["claim_id"], shown["public"]["epoch"], shown["public"]["preview"]) == ("", 0, True)
        assert shown["public"]["revision"]["status"] == "QUEUED"  # type: ignore[index]  # it has one
        assert shown["private"]["secrets"] == {"K": "v"}
        assert shown["private"]["database_password"] is None
    assert backstage.everything() == before


def test_listeners_get_their_own_work_only(records: Records) -> None:
    for compute_id in ("east", "west"):
        records.apply_listener({"compute_id": compute_id})
        create(records, f"of-{compute_id}", listener=compute_id)
    create(records, "of-nobody")
    assert claim(records)["public"]["deployment"]["name"] == "of-nobody"
    assert claim(records, listener="east")["public"]["deployment"]["name"] == "of-east"
    with pytest.raises(NotFound, match="There is no deployment of-east of listener"):
        records.claim(["of-east"], "west", owner=OWNER)
    assert claim(records, "of-west", listener="west")["public"]["deployment"]["name"] == "of-west"
    with pytest.raises(NotFound, match="There is no listener north"):
        records.claim(listener="north", owner=OWNER)


def test_oldest_first_and_a_limit(records: Records) -> None:
    for name in ("a", "b", "c"):
        create(records, name)
    assert claim(records, limit=1)["public"]["deployment"]["name"] == "a"
    assert [found["public"]["deployment"]["name"] for found in records.claim(owner=OWNER, limit=5)] == ["b", "c"]


def test_only_one_revision_is_in_progress(records: Records) -> None:
    create(records)
    claimed = claim(records)
    update(records, env={"A": "2"})
    update(records, env={"A": "3"})
    assert [status_of(records, number=number) for number in (1, 2, 3)] == ["BUILDING", "SKIPPED", "QUEUED"]
    assert records.claim(owner=OTHER) == []
    records.report(*key_of(claimed), "DEPLOYED", release=True)
    assert claim(records)["public"]["revision"]["number"] == 3  # type: ignore[index]  # it has one


def test_reports_follow_the_road(records: Records) -> None:
    create(records)
    claimed = claim(records)
    assert not records.report(*key_of(claimed), "BUILDING")["changed"]
    assert records.report(*key_of(claimed), "DEPLOYING")["changed"]
    with pytest.raises(Conflict, match="Revision 1 of deployment chat is DEPLOYING and cannot become BUILDING"):
        records.report(*key_of(claimed), "BUILDING")
    with pytest.raises(InvalidInput, match=refused("'DONE' cannot be reported", "status")):
        records.report(*key_of(claimed), "DONE")
    with pytest.raises(InvalidInput, match=refused("'SKIPPED' cannot be reported", "status")):
        records.report(*key_of(claimed), "SKIPPED")
    records.report(*key_of(claimed), "DEPLOYED", url="http://x", health={"ok": True})
    timings = list(records.revision("chat")["timings"])  # type: ignore[index]  # it is there
    assert timings[-3:] == ["AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED"]


def test_a_failure_keeps_the_active_revision(records: Records) -> None:
    create(records)
    deploy(records)
    update(records, env={"A": "1"})
    claimed = claim(records)
    records.report(*key_of(claimed), "DEPLOYING")
    answer = records.report(*key_of(claimed), "FAILED", cause="The gate failed.", log_tail="a\nb\x00", release=True)
    revision = answer["revision"]
    assert revision is not None
    assert (revision["status"], revision["cause"], revision["log_tail"]) == (
        "DEPLOY_FAILED",
        "The gate failed.",
        "a\nb\ufffd",
    )
    shown = records.deployment("chat")
    assert shown is not None
    assert (shown["active_revision_number"], shown["latest_revision_number"], shown["status"]) == (1, 2, "READY")


def test_repairs_change_nothing_but_health(records: Records) -> None:
    create(records)
    records.report(*key_of(claim(records)), "DEPLOYED", url="http://x", health={"ok": True}, release=True)
    version = records.deployment("chat")["version"]  # type: ignore[index]  # it is there
    for _again in range(2):
        claimed = claim(records, "chat")
        answer = records.report(*key_of(claimed), "DEPLOYED", url="http://x", health={"ok": True}, release=True)
        assert answer["changed"] is False
    claimed = claim(records, "chat")
    assert records.report(*key_of(claimed), "FAILED", cause="Host down.", release=True)["changed"]
    shown = records.deployment("chat")
    assert shown is not None
    assert shown["health"] == {"ok": False, "message": "Host down."}
    assert (shown["version"], status_of(records)) == (version, "DEPLOYED")


def test_release_makes_unfinished_work_due_at_once(records: Records) -> None:
    create(records)
    claimed = claim(records)
    records.report(*key_of(claimed), release=True)
    with pytest.raises(StaleClaim, match="has ended"):
        records.renew(*key_of(claimed))
    assert claim(records, owner=OTHER)["public"]["epoch"] == 2


@pytest.mark.parametrize("claim_id", ["", "nonsense", "00000000-0000-4000-8000-00000000000f"])
def test_unknown_claims_are_stale(records: Records, claim_id: str) -> None:
    for call in (
        lambda: records.renew(claim_id, 1),
        lambda: records.report(claim_id, 1),
        lambda: records.place(claim_id, 1, "h", []),
    ):
        with pytest.raises(StaleClaim, match="is not known"):
            call()


def test_a_foreign_claim_and_a_wrong_epoch_are_stale(records: Records, open_again: Callable[..., Records]) -> None:
    create(records)
    claimed = claim(records)
    claim_id, epoch = key_of(claimed)
    records.apply_workspace({"name": "team-b"})
    for holder, number in ((records, epoch - 1), (records, epoch + 1), (open_again(workspace="team-b"), epoch)):
        with pytest.raises(StaleClaim):
            holder.renew(claim_id, number)
        with pytest.raises(StaleClaim):
            holder.report(claim_id, number, "DEPLOYED")
    assert status_of(records) == "BUILDING"


def test_ports(records: Records) -> None:
    create(records)
    create(records, "other")
    first, second = claim(records, "chat"), claim(records, "other")
    pair: Any = [{"role": "api", "slot": "blue"}, {"role": "api", "slot": "green"}]
    placed = {"api": {"blue": 22000, "green": 22001}}
    assert records.place(*key_of(first), "host-1", pair) == placed
    assert records.place(*key_of(second), "host-1", pair) == {"api": {"blue": 22002, "green": 22003}}
    assert records.place(*key_of(second), "host-2", pair) == placed
    assert records.place(*key_of(first), "host-1", pair) == placed
    more = records.place(*key_of(first), "host-1", [{"role": "redis", "slot": "main"}])
    assert more == {**placed, "redis": {"main": 22004}}
    moved = records.place(*key_of(first), "host-1", pair, (30000, 30001))
    assert moved == {"api": {"blue": 30000, "green": 30001}, "redis": {"main": 22004}}
    fixed = records.place(*key_of(first), "host-1", [{"role": "api", "slot": "blue", "port": 8123}])
    assert fixed["api"]["blue"] == 8123
    with pytest.raises(Conflict, match="Port 8123 is taken on the host of deployment other"):
        records.place(*key_of(second), "host-1", [{"role": "api", "slot": "blue", "port": 8123}])
    with pytest.raises(Conflict, match="All ports from 22002 to 22003 are taken"):
        records.place(*key_of(second), "host-1", [*pair, {"role": "x", "slot": "y"}], (22002, 22003))
    with pytest.raises(InvalidInput, match=refused("port range", "port_range")):
        records.place(*key_of(second), "host-1", pair, (0, 70000))
    records.report(*key_of(first), "DEPLOYED", release=True)
    assert claim(records, "chat")["public"]["placements"] == {"host-1": fixed}


def test_logs(records: Records) -> None:
    create(records)
    claimed = claim(records)
    claim_id = claimed["public"]["claim_id"]
    lines: Any = [{"seq": number, "message": f"line {number} {{{{ x }}}}", "level": "info"} for number in range(5)]
    assert records.append_logs(claim_id, "build", lines) == 5
    assert records.append_logs(claim_id, "build", [*lines, {"seq": 5, "message": "a\x00b", "level": "odd"}]) == 1
    assert records.append_logs(claim_id, "deploy", lines[:1]) == 1
    page = records.logs("chat", 1, "build", limit=4)
    assert [line["message"] for line in page["logs"]] == [f"line {number} {{{{ x }}}}" for number in range(4)]
    rest = records.logs("chat", 1, "build", after=page["next_offset"])
    assert [(line["message"], line["level"]) for line in rest["logs"]] == [
        ("line 4 {{ x }}", "INFO"),
        ("a\ufffdb", "INFO"),
    ]
    assert records.logs("chat", 1, "build", after=rest["next_offset"])["logs"] == []
    assert len(records.logs("chat", type="build")["logs"]) == 6
    records.report(*key_of(claimed), "DEPLOYED", release=True)
    assert records.append_logs(claim_id, "deploy", [{"seq": 9, "message": "late"}]) == 1
    revision = records.revision("chat")
    assert revision is not None
    assert records.append_logs(revision["id"], "deploy", lines[:1]) == 1
    with pytest.raises(NotFound, match="There is no claim or revision"):
        records.append_logs("00000000-0000-4000-8000-00000000000f", "build", lines)
    with pytest.raises(InvalidInput, match=refused("log type", "type")):
        records.append_logs(claim_id, "other", lines)
    with pytest.raises(InvalidInput, match=refused("no valid seq", "entries.0.seq")):
        records.append_logs(claim_id, "build", [{"message": "x"}])


def test_old_revisions_that_hosts_keep(records: Records) -> None:
    create(records)
    deploy(records)
    for number in range(9):
        sha256 = records.put_source(tarball(f"graph = {number + 10}\n"))["sha256"]
        update(records, source_sha256=sha256)
        deploy(records)
    records.pin_revision("chat", 2)
    assert claim(records, "chat")["public"]["keep_revisions"] == [2, 5, 6, 7, 8, 9, 10]


def test_this_process_is_alive(records: Records) -> None:
    """Guards the tests above: a living owner on this host is never taken over."""
    create(records)
    pid = os.getpid()
    me: Any = {
        "host": socket.gethostname(),
        "boot_id": _process.boot_id(),
        "pid": pid,
        "start_time": _process.start_time(pid),
    }
    claim(records, owner=me)
    with pytest.raises(Held):
        records.claim(["chat"], owner=OTHER)
    assert records.claim(owner=OTHER) == []
