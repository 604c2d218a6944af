# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a piece of work ends when its run, its report or its place is not as it should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsError
from ansible_collections.selfhosted.langgraph.services.listener import runs
from ansible_collections.selfhosted.langgraph.services.listener.identity import own
from ansible_collections.selfhosted.langgraph.services.listener.inventory import Inventory
from ansible_collections.selfhosted.langgraph.services.listener.leases import Leases, now
from ansible_collections.selfhosted.langgraph.services.listener.runs import Result
from ansible_collections.selfhosted.langgraph.services.listener.runs import Told as Events
from ansible_collections.selfhosted.langgraph.services.listener.settings import parse
from ansible_collections.selfhosted.langgraph.services.listener.work import Outcome, Tools, Work
from tests.unit.listener.test_answers import changed
from tests.unit.listener.test_listener_settings import LEAST
from tests.unit.listener.test_no_room import Told
from tests.unit.listener.test_parts import event

DELETE = {"public__action": "delete", "public__deployment__delete_attempts": 1}
ON_A_HOST = {"web": {"api": {"blue": 1}}}


def told_of(*codes: str) -> Events:
    """Failed tasks with these codes, in this order."""
    told = Events()
    for number, code in enumerate(codes):
        told.take(event("runner_on_failed", task=f"Task {number}", res={"msg": f"failure {number}", "code": code}))
    return told


def work_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: Told, claim: Mapping[str, Any], result: Result | None = None
) -> tuple[Outcome, Work]:
    """The outcome of a claim whose run would end like that; without a result none may begin."""
    tmp_path.mkdir(exist_ok=True)
    key = tmp_path / "key"
    key.write_text("k\n")

    async def execute(self: runs.Run, *_args: Any, **_more: Any) -> Result:
        assert result is not None, "a run began"
        return result

    monkeypatch.setattr(runs.Run, "execute", execute)
    monkeypatch.setattr(runs.Run, "remove", lambda self: None)
    settings = parse({**LEAST, "state_dir": str(tmp_path), "api_key_file": str(key)})
    inventory = Inventory({"langgraph_servers": ["web", "other"], "one": ["web"]}, {"web": {}, "other": {}})
    tools = Tools(settings, cast("Any", api), Leases(settings), inventory, runs.Executor(1), own(), dict)

    async def main() -> tuple[Outcome, Work]:
        work = Work(tools, cast("Any", claim), now())
        return await work.do(), work

    return asyncio.run(main())


@pytest.mark.parametrize("code", ["records_unavailable", "unauthenticated", "stale_claim"])
def test_the_summary_of_a_playbook_does_not_hide_why_it_failed(code: str) -> None:
    told = told_of("invalid_input", code, "")
    assert (told.code, told.message) == (code, "failure 1")
    assert told_of("invalid_input", "").message == "failure 1"


def test_what_fails_for_records_that_are_away_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = Result(2, 1.0, "", told_of("records_unavailable", ""))
    api = Told()
    assert work_on(monkeypatch, tmp_path, api, changed(), result)[0] == "retry"
    assert api.reports[-1] == {"release": True, "retry_after": 5.0}


def test_a_report_whose_words_are_refused_is_given_without_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Strict(Told):
        async def report(self, claim_id: str, epoch: int, **what: Any) -> dict[str, Any]:
            if "log_tail" in what:
                raise InvalidInput("The log_tail is refused by the control plane: it is odd.")
            return await super().report(claim_id, epoch, **what)

    api = Strict()
    assert work_on(monkeypatch, tmp_path, api, changed(), Result(2, 1.0, "", told_of("")))[0] == "failed"
    assert api.reports[-1]["status"] == "FAILED"
    assert api.reports[-1]["release"] is True
    assert "was refused by the control plane" in api.reports[-1]["cause"]


def test_a_report_that_is_refused_always_is_not_given_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Closed(Told):
        async def report(self, claim_id: str, epoch: int, **what: Any) -> dict[str, Any]:
            await super().report(claim_id, epoch, **what)
            raise RecordsError("No.")

    api = Closed()
    assert work_on(monkeypatch, tmp_path, api, changed(), Result(2, 1.0, "", told_of("")))[0] == "failed"
    assert [report.get("status") for report in api.reports] == [None, "FAILED", "FAILED"]


@pytest.mark.parametrize(("serves", "left"), [(1, True), (None, False)])
def test_what_a_run_that_was_ended_may_leave_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serves: int | None, left: bool
) -> None:
    claim = changed(public__deployment__active_revision_number=serves)
    result = Result(None, 1.0, "deadline: The run took more than 1 s", told_of())
    outcome, work = work_on(monkeypatch, tmp_path, Told(), claim, result)
    assert (outcome, work.leaves_something) == ("failed", left)
    claim["public"]["revision"]["status"] = "DEPLOYED"  # a repair that was ended is no reason for another one
    assert not work_on(monkeypatch, tmp_path / "repair", Told(), claim, result)[1].leaves_something


def test_the_playbook_reports_the_host_that_was_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    work_on(monkeypatch, tmp_path, Told(), changed(), Result(0, 1.0, "handed back", told_of()))
    written = [json.loads(file.read_text()) for file in tmp_path.rglob("claim.json")]
    assert [claim["deployment"]["host"] for claim in written] == ["web"]


# -- deletions without a place ----------------------------------------------------------------------------------------


def test_a_deletion_of_what_was_never_anywhere_needs_no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = Told()
    claim = changed(**DELETE, public__deployment__host_group="gone")
    assert work_on(monkeypatch, tmp_path, api, claim)[0] == "done"
    assert api.reports == [{"status": "DELETED", "release": True}]


def test_a_deletion_is_not_done_on_a_host_by_chance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = Told()
    assert work_on(monkeypatch, tmp_path, api, changed(**DELETE, public__placements=ON_A_HOST))[0] == "failed"
    assert api.reports[0]["status"] == "DELETE_FAILED"
    assert "do not say on which host of the group langgraph_servers" in api.reports[0]["cause"]


def test_a_group_of_one_host_leaves_no_doubt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    claim = changed(**DELETE, public__placements=ON_A_HOST, public__deployment__host_group="one")
    result = Result(None, 1.0, "", told_of())
    assert work_on(monkeypatch, tmp_path, Told(), claim, result)[0] == "retry"
    claim["public"]["deployment"]["delete_attempts"] = 4
    assert work_on(monkeypatch, tmp_path / "again", Told(), claim, result)[0] == "failed"
