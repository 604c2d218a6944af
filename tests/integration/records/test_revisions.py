# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions: reading, activating, redeploying, interrupting, pinning; and listeners, and sources."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records

from .conftest import OTHER, OWNER, Backstage, claim, create, deploy, key_of, refused, status_of, tarball, update


def three(records: Records) -> None:
    """A deployment with three deployed revisions that differ in env and secrets."""
    create(records, env={"A": "1"}, secrets={"K": "one"})
    deploy(records)
    for number, secret in ((2, "two"), (3, "three")):
        update(records, env={"A": str(number)}, secrets={"K": secret})
        deploy(records)


def test_reading(records: Records) -> None:
    three(records)
    assert [revision["number"] for revision in records.revisions("chat")] == [3, 2, 1]
    assert [revision["number"] for revision in records.revisions("chat", limit=1, offset=1)] == [2]
    assert len(records.revisions("chat", status=["DEPLOYED"])) == 3
    assert records.revisions("chat", status=["QUEUED", "SKIPPED"]) == []
    latest = records.revision("chat")
    assert latest is not None
    assert latest["active"]
    assert (
        records.revision("chat", 3) == records.revision("chat", "3") == records.revision("chat", latest["id"]) == latest
    )
    for unknown in (9, "x", "00000000-0000-4000-8000-00000000000f", 2**40):
        assert records.revision("chat", unknown) is None
    assert records.revision("nope", 1) is None
    with pytest.raises(NotFound, match="There is no deployment nope"):
        records.revisions("nope")
    with pytest.raises(InvalidInput, match=refused("'FINE' is no status", "status")):
        records.revisions("chat", status=["FINE"])


@pytest.mark.parametrize(("secrets", "expected"), [("current", "three"), ("of_revision", "one")])
def test_rollback(records: Records, secrets: str, expected: str) -> None:
    three(records)
    plan = records.plan_activation("chat", 1, secrets)
    assert (plan.action, plan.new_revision, plan.before["active_revision"]) == ("update", True, 3)
    assert ("secrets.K" in plan.fields) == (secrets == "of_revision")
    made = records.activate_revision("chat", 1, secrets, "back {{ x }}")["revision"]
    assert made is not None
    assert (made["number"], made["kind"], made["rollback_of"], made["message"]) == (4, "rollback", 1, "back {{ x }}")
    assert made["env"] == {"A": "1"}
    for _state in ("pending", "active"):
        again = records.activate_revision("chat", 1)
        assert (again["changed"], again["revision"]) == (False, None)
        assert not records.plan_activation("chat", 1).changed
        if _state == "pending":
            assert deploy(records)["private"]["secrets"] == {"K": expected}
    assert not records.activate_revision("chat", 4)["changed"]
    forward = records.activate_revision("chat", 3)["revision"]
    assert forward is not None
    assert (forward["number"], forward["rollback_of"]) == (5, 3)


def test_rollback_keeps_lock_and_commit(records: Records) -> None:
    records.apply_deployment({"name": "chat", "repo_url": "https://git.example/a", "repo_ref": "main"})
    claimed = claim(records)
    sha256 = records.put_source(tarball())["sha256"]
    records.report(
        *key_of(claimed), "DEPLOYED", lock="a==1", repo_commit_sha="c" * 40, source_sha256=sha256, release=True
    )
    update(records, env={"A": "1"})
    deploy(records)
    records.activate_revision("chat", 1)
    work = claim(records)
    revision = work["public"]["revision"]
    assert revision is not None
    assert (revision["source_sha256"], revision["repo_commit_sha"]) == (sha256, "c" * 40)
    assert work["private"]["lock"] == "a==1"


def test_a_git_ref_is_fetched_anew(records: Records) -> None:
    """By an update and by a redeploy of the latest; a rollback, and the redeploy of one, stay with their commit."""
    records.apply_deployment({"name": "chat", "repo_url": "https://git.example/a", "repo_ref": "main"})
    sha256 = records.put_source(tarball())["sha256"]

    def finish(status: str = "DEPLOYED") -> None:
        built = {"lock": "a==1", "repo_commit_sha": "c" * 40, "source_sha256": sha256}
        records.report(*key_of(claim(records)), status, release=True, **built)  # type: ignore[arg-type]  # texts

    def commit() -> str | None:
        revision = records.revision("chat")
        assert revision is not None
        assert (
            (revision["source_sha256"] is None) == (revision["repo_commit_sha"] is None) == (not revision["has_lock"])
        )
        found: str | None = revision["repo_commit_sha"]
        return found

    finish()
    assert commit() == "c" * 40
    update(records, env={"A": "1"})
    assert commit() is None
    finish()
    records.redeploy_revision("chat")
    assert commit() is None
    finish()
    assert not records.plan_deployment({"name": "chat", "repo_ref": "main"}).changed
    records.activate_revision("chat", 1)
    assert commit() == "c" * 40
    finish("FAILED")
    records.redeploy_revision("chat")
    assert commit() == "c" * 40


def test_rollback_to_what_is_not_there(records: Records) -> None:
    create(records)
    with pytest.raises(NotFound, match="Deployment chat has no revision 7; list them with revision_info"):
        records.activate_revision("chat", 7)
    with pytest.raises(NotFound, match="There is no deployment nope"):
        records.activate_revision("nope", 1)


def test_redeploy(records: Records) -> None:
    create(records, env={"A": "1"}, secrets={"K": "v"})
    records.report(*key_of(claim(records)), "FAILED", cause="no", release=True)
    made = records.redeploy_revision("chat", message="once more")["revision"]
    assert made is not None
    assert (made["number"], made["kind"], made["status"]) == (2, "redeploy", "QUEUED")
    assert claim(records)["private"]["secrets"] == {"K": "v"}
    assert status_of(records, number=1) == "BUILD_FAILED"


def test_interrupt_what_is_queued(records: Records) -> None:
    create(records)
    answer = records.interrupt_revision("chat")
    assert answer["changed"]
    assert status_of(records) == "INTERRUPTED"
    assert records.claim(owner=OWNER) == []
    assert not records.interrupt_revision("chat")["changed"]


def test_interrupt_what_is_in_progress(records: Records) -> None:
    create(records)
    claimed = claim(records)
    assert records.interrupt_revision("chat")["changed"]
    assert not records.interrupt_revision("chat")["changed"]
    assert records.revision("chat")["interrupt_requested"]  # type: ignore[index]  # it is there
    assert records.renew(*key_of(claimed))["interrupt_requested"]
    assert records.report(*key_of(claimed))["interrupt_requested"]
    records.report(*key_of(claimed), "INTERRUPTED", cause="as asked", release=True)
    assert status_of(records) == "INTERRUPTED"
    assert records.claim(owner=OWNER) == []


def test_interrupt_and_the_holder_just_lets_go(records: Records) -> None:
    create(records)
    claimed = claim(records)
    records.interrupt_revision("chat")
    records.report(*key_of(claimed), release=True)
    assert status_of(records) == "INTERRUPTED"


def test_interrupt_when_the_holder_is_gone(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    backstage.lapse("chat")
    records.interrupt_revision("chat")
    assert status_of(records) == "INTERRUPTED"
    with pytest.raises(StaleClaim):
        records.report(*key_of(claimed), "DEPLOYED")


def test_interrupt_asked_before_the_holder_was_lost(records: Records, backstage: Backstage) -> None:
    create(records)
    claim(records)
    update(records, env={"A": "2"})
    records.interrupt_revision("chat", 1)
    backstage.lapse("chat")
    assert claim(records, owner=OTHER)["public"]["revision"]["number"] == 2  # type: ignore[index]  # it has one
    assert status_of(records, number=1) == "INTERRUPTED"


def test_interrupt_too_late(records: Records) -> None:
    create(records)
    deploy(records)
    with pytest.raises(Conflict, match="Revision 1 of deployment chat is DEPLOYED; only a pending one"):
        records.interrupt_revision("chat", 1)


def test_success_beats_a_late_interrupt(records: Records) -> None:
    create(records)
    claimed = claim(records)
    records.interrupt_revision("chat")
    records.report(*key_of(claimed), "DEPLOYED", release=True)
    assert status_of(records) == "DEPLOYED"
    update(records, env={"A": "2"})
    assert not records.renew(*key_of(claim(records)))["interrupt_requested"]


def test_pin(records: Records) -> None:
    create(records)
    assert records.pin_revision("chat", 1)["changed"]
    assert not records.pin_revision("chat", 1)["changed"]
    assert records.revision("chat", 1)["pinned"]  # type: ignore[index]  # it is there
    assert records.pin_revision("chat", 1, pinned=False)["changed"]


# -- listeners ---------------------------------------------------------------------------------------------------------


def test_listeners(records: Records) -> None:
    desired = {"compute_id": "east", "compute_config": {"host_groups": ["web", "gpu"]}}
    made = records.apply_listener(desired)
    assert made["changed"]
    listener = made["listener"]
    assert (listener["compute_type"], listener["deployments"]) == ("hosts", 0)
    assert listener["compute_config"] == {"host_groups": ["web", "gpu"], "k8s_namespaces": ["web", "gpu"]}
    assert not records.apply_listener(desired)["changed"]
    assert records.listener("east") == records.listener(listener["id"]) == listener
    plan = records.plan_listener({"compute_id": "east", "version": "1.2"})
    assert plan.fields == ("version",)
    changed = records.apply_listener({"compute_id": "east", "version": "1.2"}, plan.version)
    assert changed["listener"]["version"] == "1.2"
    with pytest.raises(Conflict, match="was changed by somebody else"):
        records.apply_listener({"compute_id": "east", "version": "1.3"}, plan.version)
    create(records, listener="east")
    assert records.deployment("chat")["listener"] == "east"  # type: ignore[index]  # it is there
    with pytest.raises(Conflict, match="Listener east still has 1 deployments"):
        records.delete_listener("east")
    records.delete_deployment("chat")
    assert records.delete_listener("east")
    assert not records.delete_listener("east")
    assert records.listener("east") is None
    assert [found["compute_id"] for found in records.listeners()] == []


# -- sources -----------------------------------------------------------------------------------------------------------


def test_sources_are_content_addressed_and_come_back_as_they_were(records: Records) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("big")
        info.size = 3_000_000
        archive.addfile(info, io.BytesIO(os.urandom(info.size)))
    content = stream.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    assert not records.has_source(sha256)
    assert records.put_source(io.BytesIO(content)) == {"sha256": sha256, "size": len(content), "changed": True}
    assert records.put_source(io.BytesIO(content))["changed"] is False
    chunks = list(records.open_source(sha256))
    assert len(chunks) > 1
    assert b"".join(chunks) == content
    with pytest.raises(NotFound, match=r"source a{64} "):
        records.open_source("a" * 64)
    with pytest.raises(InvalidInput, match="no \\(complete\\) gzip"):
        records.put_source(io.BytesIO(b"x"))


def test_sources_of_another_workspace_are_not_seen(records: Records, open_again: Callable[..., Records]) -> None:
    records.apply_workspace({"name": "team-b"})
    sha256 = open_again(workspace="team-b").put_source(tarball())["sha256"]
    assert not records.has_source(sha256)


def test_sources_that_nobody_needs_are_removed(records: Records, backstage: Backstage) -> None:
    create(records, "a", "shared\n")
    create(records, "b", "shared\n")
    create(records, "c", "own\n")
    orphan = records.put_source(tarball("orphan\n"))["sha256"]
    for name in ("a", "c"):
        records.delete_deployment(name)
    assert len(backstage.rows("select 1 from control_plane.sources")) == 2
    backstage.rows("update control_plane.sources set created_at = now() - interval '2 days'")
    records.put_source(tarball("new\n"))
    assert not records.has_source(orphan)
    shared = records.deployment("b")
    assert shared is not None
    assert records.has_source(shared["source_sha256"])
