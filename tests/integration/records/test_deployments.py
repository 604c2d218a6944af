# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments: create, update, list, delete."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    NotFound,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, Records

from .conftest import Backstage, claim, create, deploy, key_of, refused, status_of, tarball, update

WILD = "{{ 7*7 }} {% raw %} $(id) `id` \"double\" 'single' \\ \n second line\ttab ü 漢字 🚀 %s %(x)s ;--"


def test_create_makes_the_first_revision(records: Records) -> None:
    sha256 = records.put_source(tarball())["sha256"]
    desired = {"name": "chat", "source_sha256": sha256, "env": {"A": "1"}, "secrets": {"K": "v"}, "message": "first"}
    assert records.plan_deployment(desired).action == "create"
    applied = records.apply_deployment(desired)
    deployment, revision = applied["deployment"], applied["revision"]
    assert applied["changed"]
    assert revision is not None
    assert deployment["status"] == "AWAITING_DATABASE"
    assert deployment["slug"] == f"chat-{deployment['id'][:8]}"
    assert deployment["latest_revision_id"] == revision["id"]
    assert deployment["active_revision_id"] is None
    assert (revision["number"], revision["kind"], revision["status"]) == (1, "create", "QUEUED")
    assert (revision["env"], revision["secrets"], revision["message"]) == ({"A": "1"}, {"K": MASK}, "first")
    assert list(revision["timings"]) == ["CREATING", "QUEUED"]
    json.dumps(deployment), json.dumps(revision)


def test_the_same_again_changes_nothing(records: Records, backstage: Backstage) -> None:
    create(records, env={"A": "1"}, secrets={"K": "v"}, resource_spec={"cpu": 1})
    before = backstage.everything()
    again = {"name": "chat", "env": {"A": "1"}, "secrets": {"K": "v"}, "resource_spec": {"cpu": "1.0"}}
    assert not records.plan_deployment(again).changed
    applied = records.apply_deployment(again)
    assert (applied["changed"], applied["revision"]) == (False, None)
    assert backstage.everything() == before


def test_a_plan_writes_nothing(records: Records, backstage: Backstage) -> None:
    create(records)
    before = backstage.everything()
    assert records.plan_deployment({"name": "chat", "env": {"B": "2"}}).new_revision
    assert records.plan_deployment({"name": "new", "image_uri": "a/b:1"}).action == "create"
    assert records.plan_deployment({"name": "chat"}, "absent").action == "delete"
    assert records.plan_deployment({"name": "new"}, "absent").action == "none"
    assert backstage.everything() == before


def test_update_makes_a_revision_from_the_latest_configuration(records: Records) -> None:
    create(records, env={"A": "1"}, secrets={"K": "v"})
    deploy(records)
    revision = update(records, env={"B": "2"})
    assert (revision["number"], revision["kind"]) == (2, "update")
    assert (revision["env"], revision["secrets"]) == ({"B": "2"}, {"K": MASK})
    assert claim(records)["private"]["secrets"] == {"K": "v"}


def test_the_lock_is_kept_while_the_source_is_the_same(records: Records) -> None:
    create(records)
    claimed = claim(records)
    records.report(*key_of(claimed), "DEPLOYED", lock="langgraph==1.0\n", release=True)
    assert update(records, env={"B": "2"})["has_lock"]
    assert deploy(records)["private"]["lock"] == "langgraph==1.0\n"
    other = records.put_source(tarball("graph = 2\n"))["sha256"]
    assert not update(records, source_sha256=other)["has_lock"]


def test_a_newer_revision_supersedes_a_queued_one(records: Records) -> None:
    create(records)
    update(records, env={"B": "2"})
    update(records, env={"B": "3"})
    assert [revision["status"] for revision in records.revisions("chat")] == ["QUEUED", "SKIPPED", "SKIPPED"]
    assert claim(records)["public"]["revision"]["number"] == 3  # type: ignore[index]  # it has one


def test_display_name_makes_no_revision(records: Records) -> None:
    create(records)
    applied = records.apply_deployment({"name": "chat", "display_name": "Chat {{ x }}"})
    assert (applied["changed"], applied["revision"]) == (True, None)
    assert applied["deployment"]["display_name"] == "Chat {{ x }}"


def test_an_empty_create_is_not_claimable_until_a_source_is_set(records: Records) -> None:
    records.apply_deployment({"name": "chat", "env": {"A": "1"}, "secrets": {"K": "v"}})
    assert records.deployment("chat")["status"] == "UNUSED"  # type: ignore[index]  # it is there
    records.apply_deployment({"name": "chat", "env": {"A": "2"}})
    assert records.claim(owner={"label": "me"}) == []
    assert records.revision("chat") is None
    create(records)
    first = claim(records)
    assert (first["private"]["env"], first["private"]["secrets"]) == ({"A": "2"}, {"K": "v"})
    assert first["public"]["revision"]["kind"] == "create"  # type: ignore[index]  # it has one


def test_values_arrive_byte_for_byte(records: Records) -> None:
    create(records, env={"A": WILD}, secrets={"K": WILD}, message=WILD, display_name="{{ x }} $(id) 'ü'")
    update(records, env={"A": WILD, "B": WILD * 500})
    claimed = claim(records)
    assert claimed["private"]["env"] == {"A": WILD, "B": WILD * 500}
    assert claimed["private"]["secrets"] == {"K": WILD}
    assert records.revision("chat", 1)["message"] == WILD  # type: ignore[index]  # it is there
    answer = records.report(*key_of(claimed), "FAILED", cause=WILD, log_tail=WILD)["revision"]
    assert answer is not None
    assert (answer["cause"], answer["log_tail"]) == (WILD, WILD)


def test_somebody_else_was_quicker(records: Records, open_again: Callable[..., Records]) -> None:
    create(records)
    desired = {"name": "chat", "env": {"B": "2"}}
    plan = records.plan_deployment(desired)
    open_again().apply_deployment({"name": "chat", "env": {"C": "3"}})
    with pytest.raises(Conflict, match=r"Deployment chat was changed by somebody else meanwhile; run again\."):
        records.apply_deployment(desired, plan.version)
    assert records.apply_deployment(desired)["changed"]


def test_images_and_git(records: Records) -> None:
    image = records.apply_deployment({"name": "image", "image_uri": "registry.example/agent:1"})["deployment"]
    git = records.apply_deployment({"name": "git", "repo_url": "https://git.example/a.git", "repo_ref": "{{x}}"})[
        "deployment"
    ]
    assert (image["source"], git["source"]) == ("external_docker", "github")
    claims = {claimed["public"]["deployment"]["name"]: claimed for claimed in records.claim(owner={"label": "me"})}
    revision = claims["git"]["public"]["revision"]
    assert revision is not None
    assert (revision["repo_url"], revision["repo_ref"], revision["source_sha256"]) == (
        "https://git.example/a.git",
        "{{x}}",
        None,
    )
    sha256 = records.put_source(tarball())["sha256"]
    records.report(*key_of(claims["git"]), repo_commit_sha="a" * 40, source_sha256=sha256)
    found = records.revision("git")
    assert found is not None
    assert (found["repo_commit_sha"], found["source_sha256"]) == ("a" * 40, sha256)


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        ({"name": "Chat"}, "no valid name"),
        ({"name": "chat", "env": {"PORT": "1"}}, "PORT in env is set by the platform itself"),
        ({"name": "chat", "env": {"1A": "1"}}, "no valid name of an environment variable"),
        ({"name": "chat", "env": {"A": "a\x00"}}, "NUL"),
        ({"name": "chat", "env": {"A": ""}, "secrets": {"A": ""}}, "stands in env and in secrets"),
        ({"name": "chat", "resource_spec": {"cpus": 1}}, "resource_spec.cpus is not known"),
        ({"name": "chat", "repo_url": "file:///etc"}, "repo_url 'file:///etc' is not allowed"),
        ({"name": "chat", "message": "a\x00"}, "message holds a NUL"),
    ],
)
def test_bad_input_is_named_and_nothing_is_kept(records: Records, desired: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        records.apply_deployment(desired)
    assert records.deployments() == []


def test_unknown_source_and_listener(records: Records) -> None:
    with pytest.raises(NotFound, match="is not stored; upload it first"):
        records.apply_deployment({"name": "chat", "source_sha256": "a" * 64})
    with pytest.raises(NotFound, match="There is no listener east in workspace default"):
        records.apply_deployment({"name": "chat", "listener": "east"})
    assert records.deployments() == []


def test_lists(records: Records) -> None:
    for name in ("alpha", "beta", "alphabet"):
        records.apply_deployment({"name": name})
    assert [found["name"] for found in records.deployments()] == ["alphabet", "beta", "alpha"]
    assert [found["name"] for found in records.deployments(name="alpha")] == ["alpha"]
    assert [found["name"] for found in records.deployments(name_contains="alpha")] == ["alphabet", "alpha"]
    assert [found["name"] for found in records.deployments(name_contains="b")] == ["alphabet", "beta"]
    assert records.deployments(name_contains="lpa") == []
    assert len(records.deployments(status="UNUSED")) == 3
    assert records.deployments(status="READY") == []
    assert [found["name"] for found in records.deployments(limit=1, offset=1)] == ["beta"]
    for limit, offset in ((0, 0), (101, 0), (1, -1)):
        with pytest.raises(InvalidInput, match=r"^(limit|offset)"):
            records.deployments(limit=limit, offset=offset)
    with pytest.raises(InvalidInput, match=refused("no status", "status")):
        records.deployments(status="FINE")


def test_by_name_and_by_id(records: Records) -> None:
    made = create(records)
    assert records.deployment(made["id"]) == records.deployment("chat") == made
    assert records.deployment("other") is None
    assert records.deployment("00000000-0000-4000-8000-000000000000") is None


def test_workspaces_are_apart(records: Records, open_again: Callable[..., Records]) -> None:
    assert records.apply_workspace({"name": "team-b"})["changed"]
    assert not records.apply_workspace({"name": "team-b"})["changed"]
    other = open_again(workspace="team-b")
    ids = {workspace["name"]: workspace["id"] for workspace in records.workspaces()}
    mine, theirs = create(records), create(other)
    assert mine["slug"] != theirs["slug"]
    assert open_again(workspace=ids["team-b"]).deployment("chat") == theirs
    assert records.deployment(theirs["id"]) is None
    claimed = claim(other)
    assert claimed["public"]["deployment"]["workspace_id"] == ids["team-b"] == theirs["tenant_id"]
    assert claim(records)["public"]["deployment"]["id"] == mine["id"]
    with pytest.raises((NotFound, AccessDenied), match=r"no workspace nowhere|no access to the workspace"):
        open_again(workspace="nowhere").deployments()


def test_delete_of_what_was_never_claimed_goes_at_once(records: Records) -> None:
    made = create(records)
    gone = records.delete_deployment("chat")
    assert gone is not None
    assert (gone["deleted"], gone["status"]) == (True, "AWAITING_FINAL_DELETE")
    assert records.deployment("chat") is None
    assert records.deployment(made["id"]) is None
    assert records.delete_deployment("chat") is None
    assert create(records)["id"] != made["id"]


def test_delete_is_work_and_frees_name_and_ports(records: Records, backstage: Backstage) -> None:
    create(records, secrets={"K": "canary-8c1f"})
    claimed = claim(records)
    records.place(*key_of(claimed), "host-1", [{"role": "api", "slot": "blue"}])
    records.report(*key_of(claimed), "DEPLOYED", release=True)
    asked = records.delete_deployment("chat")
    assert asked is not None
    assert (asked["deleted"], asked["changed"], asked["status"]) == (False, True, "AWAITING_DELETE")
    assert records.delete_deployment("chat")["changed"] is False  # type: ignore[index]  # it is still there
    with pytest.raises(Conflict, match="is being deleted"):
        records.apply_deployment({"name": "chat", "env": {"A": "1"}})
    with pytest.raises(Conflict, match="is being deleted"):
        records.redeploy_revision("chat")
    work = claim(records)
    assert work["public"]["action"] == "delete"
    assert work["public"]["placements"] == {"host-1": {"api": {"blue": 22000}}}
    assert work["private"]["database_password"] == claimed["private"]["database_password"]
    assert records.report(*key_of(work), "DELETED", release=True)["changed"]
    assert not records.report(*key_of(work), release=True)["changed"]
    assert records.deployment("chat") is None
    assert backstage.rows("select 1 from control_plane.placements") == []
    assert backstage.rows("select 1 from control_plane.sources") == []
    assert backstage.rows("select 1 from control_plane.revisions where secrets is not null") == []
    create(records)


def test_a_failed_delete_is_not_due_until_it_is_asked_for_again(records: Records) -> None:
    create(records)
    deploy(records)
    records.delete_deployment("chat")
    records.report(
        *key_of(claim(records)), "DELETE_FAILED", cause="The dump failed.", log_tail="disk full", release=True
    )
    shown = records.deployment("chat")
    assert shown is not None
    assert (shown["status"], shown["cause"], shown["log_tail"]) == ("AWAITING_DELETE", "The dump failed.", "disk full")
    assert records.claim(owner={"label": "me"}) == []
    assert records.delete_deployment("chat", skip_dump=True)["changed"]  # type: ignore[index]  # it is still there
    work = claim(records)
    assert work["public"]["deployment"]["skip_dump"] is True
    assert records.deployment("chat")["cause"] is None  # type: ignore[index]  # it is still there


def test_force_abandons_and_fences_off(records: Records, backstage: Backstage) -> None:
    create(records)
    claimed = claim(records)
    records.place(*key_of(claimed), "host-1", [{"role": "api", "slot": "blue"}])
    gone = records.delete_deployment("chat", force=True)
    assert gone is not None
    assert gone["deleted"]
    assert records.deployment("chat") is None
    with pytest.raises(Exception, match=r"was taken over|has ended") as caught:
        records.report(*key_of(claimed), "DEPLOYED")
    assert caught.typename == "StaleClaim"
    assert backstage.rows("select 1 from control_plane.placements") == []


def test_delete_while_somebody_works(records: Records) -> None:
    create(records)
    update(records, env={"B": "2"})
    claimed = claim(records)
    records.delete_deployment("chat")
    assert records.renew(*key_of(claimed))["interrupt_requested"]
    assert records.claim(owner={"label": "other"}) == []
    records.report(*key_of(claimed), "INTERRUPTED", release=True)
    assert claim(records)["public"]["action"] == "delete"


def test_status_of_a_deployment(records: Records) -> None:
    create(records)
    deploy(records)
    shown = records.deployment("chat")
    assert shown is not None
    assert (shown["status"], shown["url"]) == ("READY", "http://127.0.0.1:8000")
    assert shown["source_config"]["custom_url"] == shown["url"]
    assert shown["active_revision_number"] == 1
    assert status_of(records) == "DEPLOYED"
