# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that somebody lost is begun again, but not for ever; and not at once, if whoever gave it back says so."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, Records

from .conftest import OTHER, OWNER, Backstage, claim, create, deploy, key_of, refused, status_of, update


def wear_out(records: Records, backstage: Backstage, status: str | None = None) -> Claim:
    """Lose the work as often as it may be lost; gives the last claim, whose lease has run out."""
    for attempt in range(1, _model.MAX_ATTEMPTS + 1):
        claimed = claim(records)
        assert claimed["public"]["revision"]["attempts"] == attempt  # type: ignore[index]  # it has one
        if status:
            records.report(*key_of(claimed), status)
        backstage.lapse("chat")
    return claimed


def test_attempts_are_counted(records: Records, backstage: Backstage) -> None:
    create(records)
    assert records.revision("chat")["attempts"] == 0  # type: ignore[index]  # it is there
    assert claim(records, "chat", preview=True)["public"]["revision"]["attempts"] == 0
    claim(records)
    backstage.lapse("chat")
    assert claim(records)["public"]["revision"]["attempts"] == 2  # type: ignore[index]  # it has one
    assert claim(records, "chat", takeover=True)["public"]["revision"]["attempts"] == 3
    backstage.lapse("chat")
    deploy(records)
    deploy(records)
    assert records.revision("chat")["attempts"] == 4  # type: ignore[index]  # what is deployed is not counted


@pytest.mark.parametrize(("reached", "failed"), [(None, "BUILD_FAILED"), ("DEPLOYING", "DEPLOY_FAILED")])
def test_work_that_is_lost_each_time_is_given_up(
    records: Records, backstage: Backstage, reached: str | None, failed: str
) -> None:
    create(records)
    last = wear_out(records, backstage, reached)
    assert status_of(records) in _model.IN_PROGRESS
    assert records.claim(owner=OTHER) == []
    given_up = records.revision("chat")
    assert given_up is not None
    assert (given_up["status"], given_up["attempts"]) == (failed, _model.MAX_ATTEMPTS)
    assert given_up["cause"] == "Given up after 8 attempts: whoever worked on it was lost each time."
    for call in (lambda: records.renew(*key_of(last)), lambda: records.report(*key_of(last), "DEPLOYED")):
        with pytest.raises(StaleClaim):
            call()
    entries = backstage.rows("select before, after from control_plane.audit_entries where action = 'give_up'")
    assert [entry["after"] for entry in entries] == [{"status": failed, "attempts": 8}]
    assert records.claim(owner=OTHER) == []
    assert not records.deployment("chat")["claim"]["held"]  # type: ignore[index]  # it is there
    # Whoever wants it once more says so.
    assert records.redeploy_revision("chat")["changed"]
    assert claim(records)["public"]["revision"]["attempts"] == 1  # type: ignore[index]  # it has one


def test_what_it_said_last_is_kept(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    records.report(*key_of(claimed), cause="The disk was full.", release=True)
    backstage.rows("update control_plane.revisions set attempts = %s", _model.MAX_ATTEMPTS)
    assert records.claim(owner=OTHER) == []
    assert records.revision("chat")["cause"] == (  # type: ignore[index]  # it is there
        "Given up after 8 attempts: whoever worked on it was lost each time. Last: The disk was full."
    )


def test_what_comes_next_is_handed_out_instead(records: Records, backstage: Backstage) -> None:
    create(records)
    wear_out(records, backstage)
    update(records, env={"A": "1"})
    preview = claim(records, preview=True, owner=OTHER)["public"]
    assert preview["revision"]["number"] == 2  # type: ignore[index]  # it has one
    assert status_of(records, number=1) == "BUILDING"
    claimed = claim(records, limit=1, owner=OTHER)["public"]
    assert claimed["revision"]["number"] == 2  # type: ignore[index]  # it has one
    assert status_of(records, number=1) == "BUILD_FAILED"


def test_one_that_is_given_up_keeps_nobody_from_the_others(records: Records, backstage: Backstage) -> None:
    create(records)
    wear_out(records, backstage)
    create(records, "second")
    backstage.rows("update control_plane.deployments set due_since = now() + interval '0 s' where name = 'second'")
    claimed = claim(records, limit=1, owner=OTHER)
    assert claimed["public"]["deployment"]["name"] == "second"
    assert status_of(records) == "BUILD_FAILED"


def test_a_server_that_runs_is_served_on(records: Records, backstage: Backstage) -> None:
    create(records)
    deploy(records)
    update(records, env={"A": "1"})
    wear_out(records, backstage)
    assert records.claim(owner=OTHER) == []
    shown = records.deployment("chat")
    assert shown is not None
    assert (shown["status"], shown["active_revision_number"], shown["latest_revision_status"]) == (
        "READY",
        1,
        "BUILD_FAILED",
    )
    assert claim(records, "chat")["public"]["revision"]["number"] == 1  # type: ignore[index]  # it has one


def test_work_is_due_again_only_after_a_while(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    records.report(*key_of(claimed), cause="The registry did not answer.", retry_after=30, release=True)
    assert records.claim(owner=OTHER) == []
    assert records.revision("chat")["cause"] == "The registry did not answer."  # type: ignore[index]  # it is there
    left = backstage.rows(
        "select extract(epoch from claimable_at - clock_timestamp())::float8 as seconds from control_plane.deployments"
    )
    assert 20 < left[0]["seconds"] <= 30
    backstage.rows("update control_plane.deployments set due_since = due_since - interval '31 s'")
    again = claim(records, owner=OTHER)
    assert again["public"]["revision"]["attempts"] == 2  # type: ignore[index]  # it has one
    records.report(*key_of(again), retry_after=30, release=True)
    assert claim(records, "chat")["public"]["reason"] == "named"  # who names it does not wait


def test_nothing_waits_for_what_was_interrupted(records: Records) -> None:
    create(records)
    records.report(*key_of(claim(records)), retry_after=300, release=True)
    records.interrupt_revision("chat")
    assert status_of(records) == "INTERRUPTED"
    update(records, env={"A": "1"})
    assert claim(records)["public"]["revision"]["number"] == 2  # type: ignore[index]  # it has one


def test_what_is_queued_behind_a_failure_does_not_wait(records: Records) -> None:
    create(records)
    claimed = claim(records)
    update(records, env={"A": "1"})
    records.report(*key_of(claimed), "FAILED", cause="no", retry_after=300, release=True)
    assert claim(records)["public"]["revision"]["number"] == 2


def test_a_deletion_that_is_lost_each_time_is_given_up(records: Records, backstage: Backstage) -> None:
    create(records)
    deploy(records)
    records.delete_deployment("chat")
    for attempt in range(1, _model.MAX_ATTEMPTS + 1):
        claimed = claim(records)
        assert (claimed["public"]["action"], claimed["public"]["deployment"]["delete_attempts"]) == ("delete", attempt)
        backstage.lapse("chat")
    assert records.claim(owner=OTHER, preview=True) == []
    assert records.claim(owner=OTHER) == []
    with pytest.raises(StaleClaim):
        records.report(*key_of(claimed), "DELETED", release=True)
    shown = records.deployment("chat")
    assert shown is not None
    assert "Given up after 8 attempts" in shown["cause"]
    # Whoever wants it once more says so, or does it by hand.
    assert claim(records, "chat", preview=True)["public"]["action"] == "delete"
    records.delete_deployment("chat")
    claimed = claim(records)
    assert claimed["public"]["deployment"]["delete_attempts"] == 1
    records.report(*key_of(claimed), "DELETED", release=True)
    assert records.deployment("chat") is None


def test_a_delete_waits_as_well(records: Records) -> None:
    create(records)
    deploy(records)
    records.delete_deployment("chat")
    records.report(*key_of(claim(records)), retry_after=300, release=True)
    assert records.claim(owner=OWNER) == []
    assert claim(records, "chat")["public"]["action"] == "delete"


def test_a_wait_needs_a_release_and_an_end(records: Records) -> None:
    create(records)
    claimed = claim(records)
    with pytest.raises(InvalidInput, match="retry_after was given without release; give both"):
        records.report(*key_of(claimed), retry_after=30)
    for value in (-1, 86401):
        with pytest.raises(InvalidInput, match=refused("use seconds from 0 to 86400", "retry_after")):
            records.report(*key_of(claimed), retry_after=value, release=True)
    assert records.claim(owner=OTHER) == []
    records.report(*key_of(claimed), retry_after=0, release=True)
    assert records.claim(owner=OWNER)
