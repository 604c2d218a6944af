# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks for drift: who gets which, what they may say, and that they keep nobody from working."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, NotFound, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, Records

from .conftest import OTHER, OWNER, Backstage, claim, create, deploy, key_of, refused, status_of, update

HOUR = 3600
IN_SYNC = {"status": "in_sync", "changes": [], "more": 0, "cause": None}
CHANGE = {"task": "Write the unit", "host": "web-1", "message": "would change", "diff": "-a\n+b\n"}


def checks(records: Records, *names: str, older_than: float = HOUR, owner: Any = None, **options: Any) -> list[Claim]:
    """Claims of checks."""
    return records.claim(list(names) or None, owner=owner or OTHER, check_older_than=older_than, **options)


def age(backstage: Backstage, name: str, seconds: float) -> None:
    """Let the last check be that old."""
    backstage.rows(
        "update control_plane.deployments set drift_checked_at = clock_timestamp() - make_interval(secs => %s) "
        "where name = %s",
        seconds,
        name,
    )


def shown(records: Records, name: str = "chat") -> dict[str, Any]:
    view = records.deployment(name)
    assert view is not None
    return view


def drift_of(records: Records, name: str = "chat") -> dict[str, Any]:
    """What the last check found, without its time."""
    return {key: value for key, value in shown(records, name)["drift"].items() if key != "checked_at"}


def test_a_check_hands_out_what_serves(records: Records, backstage: Backstage) -> None:
    create(records, secrets={"K": "v"})
    assert shown(records)["drift"] is None
    applied = deploy(records)
    assert drift_of(records) == IN_SYNC
    assert checks(records) == []
    age(backstage, "chat", HOUR + 1)
    [checked] = checks(records)
    public = checked["public"]
    assert (public["action"], public["reason"], public["preview"]) == ("check", "check", False)
    assert public["epoch"] == applied["public"]["epoch"] + 1
    revision = public["revision"]
    assert revision is not None
    assert (revision["number"], revision["status"], revision["attempts"]) == (1, "DEPLOYED", 1)
    assert checked["private"]["secrets"] == {"K": "v"}
    assert checked["private"]["database_password"] == applied["private"]["database_password"]
    holder = shown(records)["claim"]
    assert (holder["held"], holder["action"], holder["owner"]) == (True, "check", "bob@controller")
    assert checks(records) == []
    before = shown(records)
    found = {"status": "drifted", "changes": [CHANGE], "cause": None}
    answer = records.report(*key_of(checked), drift=found, release=True)
    assert (answer["changed"], answer["interrupt_requested"]) == (False, False)
    assert answer["revision"]["status"] == "DEPLOYED"  # type: ignore[index]  # it has one
    after = shown(records)
    assert drift_of(records) == {**found, "more": 0}
    assert after["drift"]["checked_at"] > before["drift"]["checked_at"]
    kept = ("status", "health", "url", "version", "updated_at", "active_revision_id")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert after["claim"]["held"] is False
    assert checks(records) == []
    assert records.claim(owner=OWNER) == []


def test_the_one_that_waits_longest_is_first(records: Records, backstage: Backstage) -> None:
    for name in ("a", "b", "c", "d"):
        create(records, name)
        deploy(records, name)
    for name, seconds in (("a", 2 * HOUR), ("b", 3 * HOUR), ("c", HOUR / 2)):
        age(backstage, name, seconds)
    backstage.rows("update control_plane.deployments set drift_checked_at = null where name = 'd'")
    found = checks(records, limit=2)
    assert [one["public"]["deployment"]["name"] for one in found] == ["d", "b"]
    assert [one["public"]["deployment"]["name"] for one in checks(records, limit=2)] == ["a"]


def test_only_what_nobody_works_on_and_where_nothing_is_due_is_checked(records: Records, backstage: Backstage) -> None:
    for name in ("new", "held", "pending", "deleted", "failed", "lost"):
        create(records, name)
        if name != "new":
            deploy(records, name)
            age(backstage, name, 2 * HOUR)
    claim(records, "held")
    update(records, "pending", env={"A": "1"})
    records.delete_deployment("deleted")
    records.delete_deployment("failed")
    records.report(*key_of(claim(records, "failed")), "DELETE_FAILED", cause="x", release=True)
    claim(records, "lost")
    backstage.lapse("lost")
    for names in ((), ("new", "held", "pending", "deleted", "failed", "lost")):
        [only] = checks(records, *names)
        assert only["public"]["deployment"]["name"] == "lost"
        records.report(*key_of(only), release=True)
    # Nobody said what was found: it is checked once more.
    assert checks(records)


def test_a_listener_checks_its_own(records: Records, backstage: Backstage) -> None:
    for name in ("rack", "other"):
        records.apply_listener({"compute_id": name})
        create(records, f"of-{name}", listener=name)
        deploy(records, f"of-{name}")
        age(backstage, f"of-{name}", 2 * HOUR)
    assert checks(records) == []
    with pytest.raises(NotFound, match="There is no deployment of-other of listener"):
        checks(records, "of-other", listener="rack")
    [checked] = checks(records, listener="rack")
    assert checked["public"]["deployment"]["name"] == "of-rack"


def test_named_checks_do_not_wait_for_their_time(records: Records) -> None:
    for name in ("a", "b"):
        create(records, name)
        deploy(records, name)
    assert checks(records) == []
    assert len(checks(records, "a", "b")) == 2
    assert checks(records, "a", "b") == []
    with pytest.raises(NotFound, match="There is no deployment nope in workspace default"):
        checks(records, "nope")


def test_passwords_are_not_made_by_a_check(records: Records, backstage: Backstage) -> None:
    create(records)
    deploy(records)
    backstage.rows("update control_plane.deployments set redis_password = null, drift_checked_at = null")
    assert checks(records) == []
    assert checks(records, "chat") == []


@pytest.mark.parametrize("how", ["due", "named", "delete"])
def test_everybody_takes_over_from_a_check(records: Records, backstage: Backstage, how: str) -> None:
    create(records)
    deploy(records)
    [checked] = checks(records, "chat")
    if how == "due":
        update(records, env={"A": "1"})
    elif how == "delete":
        records.delete_deployment("chat")
    records.renew(*key_of(checked))
    taken = claim(records, *(["chat"] if how == "named" else []))
    assert taken["public"]["action"] == ("delete" if how == "delete" else "apply")
    assert taken["public"]["epoch"] == checked["public"]["epoch"] + 1
    for call in (
        lambda: records.renew(*key_of(checked)),
        lambda: records.report(*key_of(checked), drift={"status": "in_sync"}, release=True),
    ):
        with pytest.raises(StaleClaim, match=r"was taken over by alice@controller \(epoch"):
            call()
    entries = backstage.rows("select after from control_plane.audit_entries where action = 'takeover'")
    assert [entry["after"]["owner"] for entry in entries] == ["alice@controller"]
    assert checks(records, "chat") == []


def test_a_check_that_ends_leaves_what_became_due_meanwhile(records: Records, backstage: Backstage) -> None:
    create(records)
    deploy(records)
    [checked] = checks(records, "chat")
    update(records, env={"A": "1"})
    due = backstage.rows("select due_since from control_plane.deployments")
    records.report(*key_of(checked), drift={"status": "in_sync"}, release=True)
    assert backstage.rows("select due_since from control_plane.deployments") == due
    assert claim(records)["public"]["revision"]["number"] == 2  # type: ignore[index]  # it has one


def test_who_checks_is_asked_to_stop_when_the_deployment_is_to_go(records: Records) -> None:
    create(records)
    deploy(records)
    [checked] = checks(records, "chat")
    assert records.renew(*key_of(checked))["interrupt_requested"] is False
    records.delete_deployment("chat")
    assert records.renew(*key_of(checked))["interrupt_requested"] is True


def test_what_is_queued_while_a_check_runs_is_interrupted_at_once(records: Records) -> None:
    create(records)
    deploy(records)
    checks(records, "chat")
    update(records, env={"A": "1"})
    assert records.interrupt_revision("chat")["revision"]["status"] == "INTERRUPTED"
    assert records.claim(owner=OWNER) == []


def test_what_a_repair_says_is_in_sync(records: Records) -> None:
    create(records)
    deploy(records)
    found = {"status": "drifted", "changes": [CHANGE]}
    records.report(*key_of(checks(records, "chat")[0]), drift=found, release=True)
    failed = claim(records, "chat")
    records.report(*key_of(failed), "FAILED", cause="The host is away.", health={"ok": False}, release=True)
    assert drift_of(records)["status"] == "drifted"
    records.report(*key_of(claim(records, "chat")), "DEPLOYED", health={"ok": True}, release=True)
    assert drift_of(records) == IN_SYNC
    records.report(*key_of(checks(records, "chat")[0]), drift={"status": "failed", "cause": "No ssh."}, release=True)
    assert drift_of(records) == {**IN_SYNC, "status": "failed", "cause": "No ssh."}
    update(records, env={"A": "1"})
    records.report(*key_of(claim(records)), "FAILED", cause="no", release=True)
    assert drift_of(records)["status"] == "failed"
    records.redeploy_revision("chat")
    deploy(records)
    assert drift_of(records) == IN_SYNC


def test_a_check_reports_drift_and_nothing_else(records: Records) -> None:
    create(records)
    applied = claim(records)
    with pytest.raises(InvalidInput, match="drift was reported on a claim to apply deployment chat; only a check does"):
        records.report(*key_of(applied), drift={"status": "in_sync"})
    records.report(*key_of(applied), "DEPLOYED", release=True)
    [checked] = checks(records, "chat")
    for other in (
        {"status": "DEPLOYED"},
        {"status": "FAILED", "cause": "x"},
        {"health": {"ok": False}},
        {"url": "http://x"},
        {"lock": "a==1"},
        {"host": "web-1"},
    ):
        with pytest.raises(InvalidInput, match="is a check, which reports drift and nothing else"):
            records.report(*key_of(checked), **other)
    assert (status_of(records), shown(records)["health"], shown(records)["url"]) == (
        "DEPLOYED",
        None,
        None,
    )


def test_what_is_no_result_of_a_check(records: Records) -> None:
    create(records)
    deploy(records)
    [checked] = checks(records, "chat")
    for drift in ({}, {"status": "odd"}, {"status": "in_sync", "colour": "red"}, {"status": "drifted", "changes": [1]}):
        with pytest.raises(InvalidInput, match=r"is no result of a check|drift is malformed"):
            records.report(*key_of(checked), drift=drift)


def test_what_a_check_found_is_bounded(records: Records) -> None:
    create(records)
    deploy(records)
    [checked] = checks(records, "chat")
    many = [{**CHANGE, "task": f"{number} \x00\ud800"} for number in range(500)]
    records.report(*key_of(checked), drift={"status": "drifted", "changes": many, "cause": "c" * 9000})
    kept = drift_of(records)
    assert (len(kept["changes"]), kept["more"], len(kept["cause"])) == (200, 300, 4096)
    assert kept["changes"][7]["task"] == "7 \ufffd?"
    big = [{**CHANGE, "diff": "ü" * 20_000} for _number in range(100)]
    records.report(*key_of(checked), drift={"status": "drifted", "changes": big}, release=True)
    kept = drift_of(records)
    diffs = [change["diff"] for change in kept["changes"] if change["diff"]]
    assert (len(kept["changes"]), kept["more"]) == (100, 0)
    assert 1 <= len(diffs) <= 2
    assert len(diffs[0]) == 16384


def test_a_check_takes_nothing_and_shows_nothing_beforehand(records: Records) -> None:
    for options in ({"takeover": True}, {"preview": True}):
        with pytest.raises(InvalidInput, match="check_older_than was given with takeover or preview"):
            checks(records, "chat", **options)
    with pytest.raises(InvalidInput, match=refused("use seconds from 0", "check_older_than")):
        checks(records, older_than=-1)


def test_many_ask_at_once_and_each_check_is_handed_out_once(
    records: Records, backstage: Backstage, open_again: Callable[..., Records]
) -> None:
    for number in range(12):
        create(records, f"chat-{number}")
        deploy(records, f"chat-{number}")
    backstage.rows("update control_plane.deployments set drift_checked_at = null")
    got: list[str] = []
    barrier = threading.Barrier(4)

    def ask() -> None:
        mine = open_again()
        barrier.wait()
        while found := checks(mine, limit=2):
            got.extend(one["public"]["deployment"]["name"] for one in found)

    threads = [threading.Thread(target=ask) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got))
    # Whoever met only locked rows stopped early; nothing is lost.
    got += [one["public"]["deployment"]["name"] for one in checks(records)]
    assert sorted(got) == sorted(f"chat-{number}" for number in range(12))
