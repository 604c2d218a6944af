# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the control plane: a claim is obeyed only when it is one."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.services.listener.answers import (
    BadAnswer,
    claim,
    claims,
    heartbeat,
    served,
)

ID = "6f2c1f0a-7f0c-4a39-9d1d-0d2b7b1c9a55"
CLAIM: dict[str, Any] = {
    "public": {
        "claim_id": ID,
        "epoch": 3,
        "seconds_left": 60.0,
        "action": "apply",
        "reason": "due",
        "deployment": {"id": ID, "slug": "chat-0b7e6f2e", "name": "chat {{ 1 }}"},
        "revision": {"id": ID, "number": 2, "status": "QUEUED"},
    },
    "private": {"secrets": {}},
}


def changed(**paths: Any) -> dict[str, Any]:
    """A claim with something else at ``public__x__y``."""
    copied = copy.deepcopy(CLAIM)
    for path, value in paths.items():
        *parts, last = path.split("__")
        place = copied
        for part in parts:
            place = place[part]
        place[last] = value
    return copied


def test_a_claim_is_taken() -> None:
    found = claims({"protocol": 1, "claims": [CLAIM], "suspects": [{"pid": 1}, "x"]})
    assert found == ([CLAIM], [{"pid": 1}])
    assert claim(changed(public__action="delete", public__revision=None))


@pytest.mark.parametrize(
    "bad",
    [
        None,
        {},
        {"public": CLAIM["public"]},
        changed(public__claim_id="../../etc/passwd"),
        changed(public__epoch=0),
        changed(public__epoch=True),
        changed(public__epoch="3"),
        changed(public__seconds_left=1e9),
        changed(public__seconds_left=float("nan")),
        changed(public__action="run"),
        changed(public__deployment=None),
        changed(public__deployment__slug="../x"),
        changed(public__deployment__slug="a" * 64),
        changed(public__deployment__id="1"),
        changed(public__deployment__name=7),
        changed(public__revision=None),
        changed(public__revision={"id": ID, "number": "2"}),
    ],
)
def test_what_is_none_is_refused(bad: Any) -> None:
    with pytest.raises(BadAnswer, match="it is not obeyed"):
        claims({"protocol": 1, "claims": [bad], "suspects": []})


@pytest.mark.parametrize("body", [{}, {"protocol": 2, "claims": []}, {"protocol": 1, "claims": {}}])
def test_other_answers_are_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        claims(body)


def test_heartbeats_and_what_is_served() -> None:
    assert heartbeat({"listener": {"id": ID, "host_groups": None}, "leader": True}).leader
    assert not heartbeat({"listener": {"id": ID}, "leader": "yes"}).leader
    bad: list[dict[str, Any]] = [{}, {"listener": {}}, {"listener": {"id": ID, "host_groups": [1]}}]
    for body in bad:
        with pytest.raises(BadAnswer):
            heartbeat(body)
    good = {"id": ID, "slug": "chat-1"}
    assert served({"deployments": [good, {"id": ID, "slug": "../x"}, {"slug": "chat"}, 7]}) == [good]
    with pytest.raises(BadAnswer):
        served({"deployments": None})
