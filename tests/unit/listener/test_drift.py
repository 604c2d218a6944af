# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift is corrected if that is wanted, and within the same bound as repairs; contact is said once."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable
from ansible_collections.selfhosted.langgraph.services.listener.contact import Contact
from ansible_collections.selfhosted.langgraph.services.listener.drift import Drift
from ansible_collections.selfhosted.langgraph.services.listener.repairs import Paces
from ansible_collections.selfhosted.langgraph.services.listener.settings import parse
from tests.unit.listener.test_listener_settings import LEAST


def checks(outcomes: list[Any], paces: Paces, **settings: Any) -> list[str]:
    """Ids of the deployments that were applied again, when so many checks of "a" end so."""
    found = parse({**LEAST, "drift_interval": 1, **settings})
    applied: list[str] = []
    waiting = list(outcomes)
    over = asyncio.Event()

    async def check(interval: float) -> Any:
        assert interval == 1
        if not waiting:
            over.set()
            return None
        return "a", waiting.pop(0)

    async def repair(deployment_id: str, reason: str) -> bool:
        assert "drift" in reason
        applied.append(deployment_id)
        return True

    async def main() -> None:
        task = asyncio.create_task(Drift(lambda: found, check, repair, paces).run())
        await over.wait()
        task.cancel()

    asyncio.run(main())
    return applied


def test_drift_is_corrected_only_if_that_is_wanted() -> None:
    assert checks(["drifted"], Paces(4)) == []
    assert checks(["in sync", "failed", "drifted"], Paces(4), drift_correct=True) == ["a"]


def test_corrections_and_repairs_have_one_bound(caplog: pytest.LogCaptureFixture) -> None:
    paces = Paces(1)
    pace = paces.of("a")
    pace.begin(time.monotonic() - 60)  # a repair of the server's health
    pace.end(time.monotonic() - 60)
    with caplog.at_level(logging.ERROR):
        assert checks(["drifted"], paces, drift_correct=True) == []
    assert "not corrected any more" in caplog.text


@pytest.mark.parametrize(
    ("per_hour", "repaired", "cause"),
    [(0, False, "repairs_per_hour is 0"), (4, True, "a pause after the last repair")],
)
def test_what_is_not_corrected_now_is_said(
    caplog: pytest.LogCaptureFixture, per_hour: int, repaired: bool, cause: str
) -> None:
    paces = Paces(per_hour)
    if repaired:
        paces.of("a").begin(time.monotonic())
        paces.of("a").end(time.monotonic())
    with caplog.at_level(logging.INFO):
        assert checks(["drifted"], paces, drift_correct=True) == []
    (record,) = [record for record in caplog.records if record.name == "listener.drift"]
    fields = vars(record)["fields"]
    assert fields["cause"] == cause
    assert (0 < fields["for"] <= 30) == repaired


def test_the_pace_outlives_a_reload_and_follows_its_settings() -> None:
    paces = Paces(1)
    paces.of("a").begin(10.0)
    paces.of("a").end(10.0)
    assert not paces.of("a").may(1000.0)
    paces.use(2)
    assert paces.of("a").may(1000.0)
    paces.keep({"b"})
    assert paces.of("a").begun == []


def test_contact_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    contact, states = Contact(), []
    with caplog.at_level(logging.INFO):
        for ahead in (None, None, 0.0, 0.0, None, 100.0):
            if ahead is None:
                contact.trouble(RecordsUnavailable("away"))
            else:
                contact.heard("https://cp", ahead)
            states.append((contact.made, contact.good))
    assert states == [(False, False)] * 2 + [(True, True)] * 2 + [(True, False), (True, True)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO", "ERROR", "INFO", "WARNING"]
