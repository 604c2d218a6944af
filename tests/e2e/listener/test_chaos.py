# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL of anything at any moment, and cuts of the network: nothing is lost, doubled or left half done.

``CHAOS_SEED`` chooses another run, ``CHAOS_ROUNDS`` makes it longer (`make benchmark` does 100 rounds).
"""

from __future__ import annotations

import os

import pytest

from tests.e2e.listener.chaos import FAULTS, Chaos, plan
from tests.support.installation import Installation

ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or 12)
SEED = int(os.environ.get("CHAOS_SEED") or 1)


def test_plan_is_the_seeds() -> None:
    assert plan(7, 50, True) == plan(7, 50, True)
    assert plan(7, 50, True) != plan(8, 50, True)
    assert {one.fault for one in plan(7, len(FAULTS), False)} == set(FAULTS)


@pytest.mark.timeout(600 + 90 * ROUNDS)
def test_chaos() -> None:
    print(f"CHAOS_SEED={SEED} CHAOS_ROUNDS={ROUNDS}")
    with Installation(stock=True) as place:
        report = Chaos(place, SEED, ROUNDS, stock=True).run()
    print(report)
    assert report.problems == [], f"CHAOS_SEED={SEED} CHAOS_ROUNDS={ROUNDS}: {report.problems}"
