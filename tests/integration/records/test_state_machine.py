# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine against the database: whatever is done in whatever order, the records stay sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Conflict,
    Held,
    InvalidInput,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, Records

from .conftest import OTHER, OWNER, Backstage, claim, create, key_of

_CALM = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_STATUSES = sorted(_model.REPORTABLE - {_model.REPORT_FAILED})
_ACTIONS = st.one_of(
    st.tuples(st.just("update"), st.integers()),
    st.tuples(st.just("redeploy"), st.none()),
    st.tuples(st.just("activate"), st.integers(1, 3)),
    st.tuples(st.just("interrupt"), st.none()),
    st.tuples(st.just("claim"), st.sampled_from([None, "chat"])),
    st.tuples(st.just("check"), st.sampled_from([None, "chat"])),
    st.tuples(st.just("report-drift"), st.booleans()),
    st.tuples(st.just("takeover"), st.none()),
    st.tuples(st.just("lapse"), st.none()),
    st.tuples(st.just("report"), st.sampled_from([*_STATUSES, "FAILED", None])),
    st.tuples(st.just("report-old"), st.sampled_from(_STATUSES)),
    st.tuples(st.just("release"), st.none()),
)


class Model:
    """Does what is asked and remembers who holds what."""

    def __init__(self, records: Records, backstage: Backstage, name: str) -> None:
        self.records, self.backstage, self.name = records, backstage, name
        self.current: Claim | None = None
        self.stale: list[Claim] = []

    def do(self, action: str, value: Any) -> None:
        """One action; refusals are fine, broken rules are not."""
        name, records = self.name, self.records
        try:
            if action == "update":
                records.apply_deployment({"name": name, "env": {"A": str(value)}})
            elif action == "redeploy":
                records.redeploy_revision(name)
            elif action == "activate":
                latest = records.revision(name)
                records.activate_revision(name, min(value, latest["number"] if latest else 1))
            elif action == "interrupt":
                records.interrupt_revision(name)
            elif action == "lapse":
                self.backstage.lapse(name)
            elif action in ("claim", "takeover", "check"):
                names = [name] if value or action == "takeover" else None
                age = 0 if action == "check" else None
                claims = records.claim(names, owner=OTHER, takeover=action == "takeover", check_older_than=age)
                mine = [found for found in claims if found["public"]["deployment"]["name"] == name]
                if mine:
                    self._hold(mine[0])
            elif action == "report-old":
                self._refused(value)
            elif self.current is not None and action == "report-drift":
                self._check(release=value)
            elif self.current is not None:
                self._report(value, action == "release")
        except (Conflict, Held):
            pass
        except InvalidInput:
            # A check reports drift alone, and nobody else does.
            assert self.current is not None
            assert (self.current["public"]["action"] == "check") == (action == "report")

    def _hold(self, claimed: Claim) -> None:
        if self.current is not None:
            assert claimed["public"]["epoch"] > self.current["public"]["epoch"]
            self.stale.append(self.current)
        self.current = claimed

    def _refused(self, status: str) -> None:
        before = self.records.revisions(self.name)
        for claimed in self.stale:
            with pytest.raises(StaleClaim):
                self.records.report(*key_of(claimed), status)
        assert self.records.revisions(self.name) == before

    def _check(self, release: bool) -> None:
        assert self.current is not None
        self._report(None, release, drift={"status": "in_sync"})

    def _report(self, status: str | None, release: bool, **told: Any) -> None:
        assert self.current is not None
        try:
            self.records.report(*key_of(self.current), status, release=release, **told)
        except StaleClaim:
            # Only an interrupt after the lease had run out fences the holder of the current claim off.
            self.stale.append(self.current)
            self.current = None
            return
        if release:
            self.stale.append(self.current)
            self.current = None

    def check(self, before: dict[int, str]) -> dict[int, str]:
        """The rules that always hold; gives the statuses by number."""
        rows = self.backstage.rows(
            "select r.*, d.status as d_status, d.queued_revision_id, d.progress_revision_id, d.latest_revision_id, "
            "d.active_revision_id, d.claimable_at, d.interrupt_requested from control_plane.revisions r "
            "join control_plane.deployments d on d.id = r.deployment_id where d.name = %s order by r.number",
            self.name,
        )
        now = {row["number"]: row["status"] for row in rows}
        assert list(now) == list(range(1, len(now) + 1))
        progress = [row for row in rows if row["status"] in _model.IN_PROGRESS]
        queued = [row for row in rows if row["status"] == _model.QUEUED]
        assert len(progress) <= 1
        assert len(queued) <= 1
        assert not queued or queued[0]["number"] == len(rows)
        some = rows[0]
        assert some["progress_revision_id"] == (progress[0]["id"] if progress else None)
        assert some["queued_revision_id"] == (queued[0]["id"] if queued else None)
        assert some["latest_revision_id"] == rows[-1]["id"]
        assert (some["claimable_at"] is not None) == bool(progress or queued)
        assert not some["interrupt_requested"] or progress
        deployed = [row for row in rows if row["status"] == _model.DEPLOYED]
        if some["active_revision_id"] is None:
            assert not deployed
        else:
            assert some["active_revision_id"] in {row["id"] for row in deployed}
            assert some["d_status"] == _model.READY
        for number, status in before.items():
            assert reachable(status, now[number]), (number, status, now[number])
        for row in rows:
            assert row["status"] in row["timings"]
            assert row["timings"]["CREATING"] <= row["timings"][row["status"]]
        return now


def reachable(old: str, new: str) -> bool:
    """Whether the table leads from one status to the other."""
    seen, waiting = {old}, [old]
    while waiting:
        for target in _model.REVISION_TRANSITIONS[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return new in seen


@_CALM
@given(actions=st.lists(_ACTIONS, min_size=1, max_size=18))
def test_any_order_of_actions_keeps_the_records_sound(
    records: Records, backstage: Backstage, actions: list[tuple[str, Any]]
) -> None:
    name = f"chat-{len(backstage.rows('select 1 from control_plane.deployments'))}"
    create(records, name)
    model = Model(records, backstage, name)
    statuses = model.check({})
    for action, value in actions:
        model.do(action, value)
        statuses = model.check(statuses)
    # Whatever happened: who comes next can finish what is pending.
    backstage.lapse(name)
    for _round in range(2):
        for claimed in records.claim(owner=OWNER):
            records.report(*key_of(claimed), "DEPLOYED", release=True)
    assert all(status not in _model.PENDING for status in model.check(statuses).values())
    assert records.claim(owner=OWNER) == []


@pytest.mark.parametrize("old", sorted(_model.IN_PROGRESS))
@pytest.mark.parametrize("new", sorted(_model.REPORTABLE))
def test_the_database_enforces_the_table(
    records: Records, backstage: Backstage, open_again: Callable[..., Records], old: str, new: str
) -> None:
    create(records)
    claimed = claim(records)
    backstage.rows("update control_plane.revisions set status = %s", old)
    try:
        after = records.report(*key_of(claimed), new)["revision"]
    except Conflict:
        after = open_again().revision("chat")
        assert after is not None
        assert after["status"] == old
        assert new not in _model.REVISION_TRANSITIONS[old]
        return
    assert after is not None
    assert after["status"] == (_model.steps(old, new) or (old,))[-1]
    passed = [status for status in after["timings"] if status in _model.steps(old, new)]
    assert passed == list(_model.steps(old, new))
