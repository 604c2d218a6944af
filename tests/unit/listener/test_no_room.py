# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full: no deployment is blamed at once, and nothing is left held."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.selfhosted.langgraph.services.listener import runs
from ansible_collections.selfhosted.langgraph.services.listener.identity import own
from ansible_collections.selfhosted.langgraph.services.listener.inventory import Inventory
from ansible_collections.selfhosted.langgraph.services.listener.leases import Leases, now
from ansible_collections.selfhosted.langgraph.services.listener.settings import parse
from ansible_collections.selfhosted.langgraph.services.listener.work import Tools, Work
from tests.unit.listener.test_answers import changed
from tests.unit.listener.test_listener_settings import LEAST


class Told:
    """Takes reports and lines as the control plane would."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.lines: list[str] = []

    async def report(self, claim_id: str, epoch: int, **what: Any) -> dict[str, Any]:
        self.reports.append({key: value for key, value in what.items() if value is not None})
        return {}

    async def append_logs(self, claim_id: str, type_: str, entries: Any) -> None:
        self.lines += [entry["message"] for entry in entries]


@pytest.mark.parametrize("attempts", [1, 4])
def test_a_full_disk_is_tried_again_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    def full(self: runs.Run) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runs.Run, "prepare", full)
    settings = parse({**LEAST, "state_dir": str(tmp_path)})
    told, leases = Told(), Leases(settings)
    inventory = Inventory({"langgraph_servers": ["web"]}, {"web": {}})
    pool = runs.Executor(max_workers=1)
    tools = Tools(settings, cast("Any", told), leases, inventory, pool, own(), dict)
    claim = changed(public__revision__attempts=attempts)
    outcome = asyncio.run(Work(tools, cast("Any", claim), now()).do())
    cause = f"The listener cannot write below {tmp_path} (No space left on device)."
    if attempts == 1:
        assert (outcome, told.reports) == ("retry", [{"release": True, "retry_after": 5.0}])
        assert told.lines == [f"{cause} It is tried again in 5 s (attempt 2 of 4)."]
    else:
        assert outcome == "failed"
        assert told.reports[0]["status"] == "FAILED"
        assert told.reports[0]["cause"] == f"{cause} It was attempt 4 of 4."
    assert leases.held() == []
