# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revision that was interrupted says who did it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records

from .conftest import OTHER, Backstage, claim, create, deploy, key_of, update

SAID = "Interrupted before the switch, as asked."


def cause_of(records: Records, number: int = 1) -> str | None:
    revision = records.revision("chat", number)
    assert revision is not None
    assert revision["status"] == "INTERRUPTED"
    cause: str | None = revision["cause"]
    return cause


@pytest.fixture
def author(records: Records, open_again: Callable[..., Records]) -> str:
    """Who interrupts revision 1, which somebody works on."""
    create(records)
    claim(records)
    records.report(*key_of(claim(records, "chat", takeover=True)), "DEPLOYING")
    others = open_again(actor="carol")
    others.interrupt_revision("chat")
    records.interrupt_revision("chat")  # it was asked already: the first one did it
    entries = records.audit_entries(kind="revision", action="interrupt")["entries"]
    assert "carol" in entries[0]["actor"]
    actor: str = entries[0]["actor"]
    return actor


def test_with_what_the_holder_said(records: Records, backstage: Backstage, author: str) -> None:
    held = claim_of(backstage)
    records.report(*held, "INTERRUPTED", cause=SAID, release=True)
    assert cause_of(records) == f"Interrupted by {author}: {SAID}"
    # The next one is nobody's interrupt.
    update(records, env={"A": "1"})
    records.report(*key_of(claim(records)), "INTERRUPTED", cause="By hand.", release=True)
    assert cause_of(records, 2) == "By hand."


def test_when_the_holder_said_nothing(records: Records, backstage: Backstage, author: str) -> None:
    records.report(*claim_of(backstage), release=True)
    assert cause_of(records) == f"Interrupted by {author}."


def test_when_the_holder_was_lost(records: Records, backstage: Backstage, author: str) -> None:
    backstage.lapse("chat")
    assert records.claim(owner=OTHER) == []
    assert cause_of(records) == f"Interrupted by {author}: Whoever worked on it was lost."


def test_success_forgets_it(records: Records, backstage: Backstage, author: str) -> None:
    records.report(*claim_of(backstage), "DEPLOYED", release=True)
    assert author
    assert backstage.rows("select interrupted_by from control_plane.deployments") == [{"interrupted_by": None}]


def test_a_failure_keeps_its_own_cause(records: Records, backstage: Backstage, author: str) -> None:
    records.report(*claim_of(backstage), "FAILED", cause="The disk is full.", release=True)
    revision = records.revision("chat")
    assert revision is not None
    assert author
    assert (revision["status"], revision["cause"]) == ("DEPLOY_FAILED", "The disk is full.")


def test_who_deletes_interrupts(records: Records, open_again: Callable[..., Records]) -> None:
    create(records)
    deploy(records)
    update(records, env={"A": "1"})
    claimed = claim(records)
    open_again(actor="carol").delete_deployment("chat")
    assert records.renew(*key_of(claimed))["interrupt_requested"]
    records.report(*key_of(claimed), "INTERRUPTED", cause=SAID, release=True)
    cause = cause_of(records, 2)
    assert cause is not None
    assert cause.startswith("Interrupted by ")
    assert "carol" in cause
    assert cause.endswith(f": {SAID}")
    assert claim(records)["public"]["action"] == "delete"


def claim_of(backstage: Backstage) -> tuple[str, int]:
    """The claim that is held."""
    [row] = backstage.rows("select claim_id, epoch from control_plane.deployments")
    return str(row["claim_id"]), row["epoch"]
