# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A failure stands at the end of the log of its stage, where clients of the vendor's API look for the cause."""

from __future__ import annotations

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from tests.integration.records.conftest import claim, create, key_of


@pytest.mark.parametrize(
    ("before", "status", "type"),
    [((), "FAILED", "build"), (("BUILDING",), "BUILD_FAILED", "build"), (("DEPLOYING",), "FAILED", "deploy")],
)
def test_the_cause_is_the_last_line(records: Records, before: tuple[str, ...], status: str, type: str) -> None:
    create(records)
    held = claim(records, "chat")
    for step in before:
        records.report(*key_of(held), step)
    records.append_logs(held["public"]["claim_id"], type, [{"seq": 1, "message": "it works on it"}])
    records.report(*key_of(held), status, cause="It does not start.", log_tail="one\ntwo\n", release=True)
    lines = records.logs("chat", 1, type)["logs"]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("INFO", "it works on it"),
        ("INFO", "one"),
        ("INFO", "two"),
        ("ERROR", "It does not start."),
    ]
    other = "build" if type == "deploy" else "deploy"
    assert records.logs("chat", 1, other)["logs"] == []


def test_what_does_not_fail_writes_nothing(records: Records) -> None:
    create(records)
    held = claim(records, "chat")
    records.report(*key_of(held), "BUILDING", cause="It is slow.", log_tail="one")
    records.report(*key_of(held), "DEPLOYED", release=True)
    records.report(*key_of(claim(records, "chat")), "FAILED", cause="It fell over.", release=True)
    assert records.logs("chat", 1, "build")["logs"] == records.logs("chat", 1, "deploy")["logs"] == []
