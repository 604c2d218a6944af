# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/api.md say what the code says."""

from __future__ import annotations

from tests.support.api_docs import PAGE, written


def test_the_tables_are_up_to_date() -> None:
    page = PAGE.read_text()
    assert page == written(page), "run python -m tests.support.api_docs"
