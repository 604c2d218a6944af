# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""4 processes race for 16 deployments: each is claimed and started once (`make benchmark`: 8 processes for 200)."""

from __future__ import annotations

import pytest

from tests.e2e.listener.race import race
from tests.support.installation import Installation


@pytest.mark.timeout(480)
def test_race() -> None:
    with Installation() as place:
        found = race(place, 4, 16)
    print(found)
    assert found.problems == []
