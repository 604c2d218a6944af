# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports while the records are away for a moment: they arrive, and they arrive once."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _patience, _work_report
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable, StaleClaim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._patience import patiently

AWAY = RecordsUnavailable("away")


def test_it_is_tried_again_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(_patience.time, "monotonic", lambda: clock.now)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(_patience.time, "sleep", sleep)
    monkeypatch.setattr(_patience, "_FIRST", 0.3)
    answers: list[Any] = [AWAY, AWAY, "there"]

    def call() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, RecordsUnavailable):
            raise answer
        return answer

    closed: list[int] = []
    assert patiently(call, lambda: closed.append(1)) == "there"
    assert slept == pytest.approx([0.3, 0.45])
    assert len(closed) == 2

    def never() -> str:
        raise AWAY

    with pytest.raises(RecordsUnavailable):
        patiently(never, lambda: None, 10)
    assert sum(slept[2:]) <= 10
    assert max(slept) == 3.0


class Records:
    """Answers as it is told to, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.reported = 0
        self.options: dict[str, Any] = {}

    def report(self, *args: Any, **options: Any) -> Any:
        self.reported += 1
        self.options = options
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


GOOD = {"revision": {"status": "DEPLOYED"}, "interrupt_requested": False, "changed": True}


def report(tmp_path: Path, records: Records, host: str | None = None, action: str = "apply", **options: Any) -> Any:
    """The module with these records; the claim is of epoch 3."""
    folder = tmp_path / "chat-1"
    folder.mkdir()
    file = folder / "claim.json"
    claim = {
        "claim_id": "c",
        "action": action,
        "epoch": 3,
        "deployment": {"name": "chat", "host": host},
        "connection": {},
        "preview": False,
    }
    file.write_text(json.dumps(claim))
    names = dict.fromkeys((*_work_report.REPORTED, "host_key", "fixed_ports"))
    params = {**names, "claim_file": str(file), "queue_count": 1, "port_range": "1-2", "release": True, **options}
    context = SimpleNamespace(
        params=params, check_mode=False, records=records, work_on=lambda found: None, close=lambda: None
    )
    return _work_report.work(context)  # type: ignore[arg-type]  # as much of a context as a report needs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses."""
    monkeypatch.setattr(_patience, "_FIRST", 0.0)


def test_a_report_arrives_once_the_records_are_back(tmp_path: Path) -> None:
    records = Records(AWAY, AWAY, GOOD)
    assert report(tmp_path, records, status="DEPLOYED")["revision_status"] == "DEPLOYED"
    assert records.reported == 3


@pytest.mark.parametrize(("action", "told"), [("apply", "web"), ("delete", None)])
def test_each_report_says_where_it_is(tmp_path: Path, action: str, told: str | None) -> None:
    """Who made the claim chose the host: should its own word not arrive, the playbook's does."""
    records = Records(GOOD)
    report(tmp_path, records, host="web", action=action)
    assert records.options.get("host") == told


def test_a_release_whose_answer_was_lost_is_known_by_its_epoch(tmp_path: Path) -> None:
    result = report(tmp_path, Records(AWAY, StaleClaim("has ended", epoch=3)), status="DEPLOYED")
    assert (result["changed"], result["revision_status"]) == (True, "DEPLOYED")
    assert not (tmp_path / "chat-1").exists()


@pytest.mark.parametrize(
    "answers",
    [
        (StaleClaim("has ended", epoch=3),),  # somebody else ended it: this one has reported nothing yet
        (AWAY, StaleClaim("was taken over", epoch=4)),
    ],
)
def test_a_claim_that_is_lost_is_lost(tmp_path: Path, answers: tuple[Any, ...]) -> None:
    with pytest.raises(StaleClaim):
        report(tmp_path, Records(*answers), status="DEPLOYED")
