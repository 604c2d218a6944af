# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Under load through the proxy, a new revision, one that fails, a rollback: nothing fails, is lost or doubled."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.load import Load
from tests.e2e.stack import GRAPHS, Stack

pytestmark = pytest.mark.systemd


def test_no_request_fails_over_revisions(systemd: Stack, tmp_path: Path) -> None:
    url = systemd.serve("counter", GRAPHS / "counter", env={"COUNTER_VERSION": "1"})
    slug = systemd.record("counter")["slug"]
    with Load(url) as load:
        load.settle()
        systemd.create("counter", GRAPHS / "counter", env={"COUNTER_VERSION": "2"})
        systemd.apply("counter").ok()
        load.settle()

        systemd.create("counter", GRAPHS / "broken_import", env={"COUNTER_VERSION": "3"})
        assert "flux capacitor" in systemd.apply("counter").failed()
        load.settle()
        assert systemd.record("counter")["active_revision_number"] == 2

        systemd.controller.playbook("rollback", langgraph_deployment="counter", langgraph_revision=1).ok()
        load.settle()
        load.stop()
    assert load.failures == [], "\n".join(load.failures)
    assert load.unfinished() == []
    assert load.silent <= load.tallies["stream"].done / 50

    rows = systemd.host(
        f"runuser -u postgres -- psql -At -d lg_{slug.replace('-', '_')} -c 'select id, event, version from counted'"
    )
    counted = Counter(tuple(row.split("|")[:2]) for row in rows.splitlines())
    assert [work for work in load.work if counted[work, "finished"] != 1] == [], "lost runs"
    assert [key for key, count in counted.items() if count > 1] == [], "doubled runs"
    assert {row.split("|")[2] for row in rows.splitlines()} == {"1", "2"}
    assert sum(tally.done for tally in load.tallies.values()) > 200
