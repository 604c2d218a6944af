# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure plan: what differs, whether it makes a revision, and that no secret value is ever in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _plan, _plan_listener
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, MASK_CHANGED, Plan

SHA, OTHER_SHA = "a" * 64, "b" * 64
CANARY = "canary-value-8c1f"


def current(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "name": "chat",
        "display_name": None,
        "source": "internal_source",
        "repo_url": None,
        "listener": None,
        "repo_ref": None,
        "image_uri": None,
        "langgraph_config_path": "langgraph.json",
        "resource_spec": {},
        "env": {"A": "1"},
        "secrets": {"KEY": CANARY},
        "flavour": "langgraph",
        "api_version": None,
        "source_sha256": SHA,
        "install_command": None,
        "build_command": None,
        "secret_references": [],
        "tracked_packages": [],
        **dict.fromkeys(_plan.ATTRIBUTES),
        "status": "READY",
        "version": 7,
        "latest_number": 3,
        "delete_failed": False,
        "skip_dump": False,
    }
    return {**base, **changes}


def plan(desired: dict[str, Any], **changes: Any) -> Plan:
    return _plan.plan(current(**changes), {"name": "chat", **desired})


def test_what_is_not_asked_for_is_no_difference() -> None:
    unasked = dict.fromkeys(_plan._KNOWN - {"name"})
    assert plan({}) == plan(unasked) == plan({"env": None, "repo_ref": "", "secrets": None}) == Plan("none", version=7)


def test_the_same_again_is_no_difference() -> None:
    same = {
        "env": {"A": "1"},
        "secrets": {"KEY": CANARY},
        "source_sha256": SHA,
        "flavour": "langgraph",
        "resource_spec": {},
    }
    assert not plan(same).changed


@pytest.mark.parametrize(
    ("desired", "fields"),
    [
        ({"env": {"A": "2"}}, ("env.A",)),
        ({"env": {}}, ("env.A",)),
        ({"env": {"A": "1", "B": ""}}, ("env.B",)),
        ({"secrets": {"KEY": "other"}}, ("secrets.KEY",)),
        ({"secrets": {}}, ("secrets.KEY",)),
        ({"source_sha256": OTHER_SHA}, ("source_sha256",)),
        ({"langgraph_config_path": "sub/langgraph.json"}, ("langgraph_config_path",)),
        ({"resource_spec": {"cpu": 2}}, ("resource_spec.cpu",)),
        ({"api_version": "0.11.1"}, ("api_version",)),
        ({"flavour": "aegra"}, ("flavour",)),
    ],
)
def test_configuration_makes_a_revision(desired: dict[str, Any], fields: tuple[str, ...]) -> None:
    made = plan(desired)
    assert (made.action, made.new_revision, made.fields, made.version) == ("update", True, fields, 7)
    assert made.zero_downtime
    assert made.before != made.after


def test_display_name_makes_none() -> None:
    made = plan({"display_name": "Chat {{ x }}"})
    assert (made.action, made.new_revision, made.fields) == ("update", False, ("display_name",))


def test_env_is_replaced_as_a_whole() -> None:
    made = plan({"env": {"B": "2"}})
    assert made.fields == ("env.A", "env.B")
    assert made.before["env"] == {"A": "1"}
    assert made.after["env"] == {"B": "2"}


def test_secrets_are_masked_and_a_change_is_visible() -> None:
    made = plan({"secrets": {"KEY": "new-" + CANARY, "MORE": CANARY}})
    assert made.before["secrets"] == {"KEY": MASK}
    assert made.after["secrets"] == {"KEY": MASK_CHANGED, "MORE": MASK}
    assert CANARY not in repr(made)


def test_a_masked_secret_is_unchanged() -> None:
    assert not plan({"secrets": {"KEY": MASK}}).changed
    with pytest.raises(InvalidInput, match="secret NEW is a mask"):
        plan({"secrets": {"KEY": MASK, "NEW": MASK}})


@given(st.dictionaries(st.from_regex(r"S_[A-Z]{1,5}", fullmatch=True), st.just(CANARY), max_size=4), st.booleans())
def test_no_secret_value_in_any_plan(secrets: dict[str, str], new: bool) -> None:
    made = _plan.plan(None if new else current(), {"name": "chat", "secrets": secrets})
    assert CANARY not in repr(made)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "env": st.dictionaries(
                st.from_regex(r"E_[A-Z]{1,3}", fullmatch=True), st.text("ab{ }'\"\n", max_size=5), max_size=3
            ),
            "secrets": st.dictionaries(
                st.from_regex(r"S_[A-Z]{1,3}", fullmatch=True), st.text("ab", max_size=3), max_size=3
            ),
            "flavour": st.sampled_from(["langgraph", "aegra"]),
            "api_version": st.sampled_from(["1.0", "2.0"]),
            "source_sha256": st.sampled_from([SHA, OTHER_SHA]),
            "resource_spec": st.fixed_dictionaries(
                {}, optional={"cpu": st.integers(1, 8), "min_scale": st.integers(1, 9)}
            ),
            "display_name": st.text("abc", min_size=1, max_size=5),
        },
    )
)
def test_applying_a_plan_leaves_nothing_to_do(desired: dict[str, Any]) -> None:
    asked = _plan.normalise({"name": "chat", **desired})
    after = _plan.merge(current(), asked)
    assert not _plan.plan(after, {"name": "chat", **desired}).changed
    created = {**current(), **_plan.initial(asked)}
    assert not _plan.plan(created, {"name": "chat", **desired}).changed


def test_create() -> None:
    made = _plan.plan(None, {"name": "chat", "source_sha256": SHA, "secrets": {"KEY": CANARY}})
    assert (made.action, made.new_revision, made.version) == ("create", True, None)
    assert made.before == {}
    assert made.after["secrets"] == {"KEY": MASK}


def test_an_empty_create_makes_no_revision() -> None:
    made = _plan.plan(None, {"name": "chat", "env": {"A": "1"}})
    assert (made.action, made.new_revision) == ("create", False)
    first = current(latest_number=None, source_sha256=None)
    assert _plan.plan(first, {"name": "chat", "env": {"B": "1"}}).new_revision is False
    assert _plan.plan(first, {"name": "chat", "source_sha256": SHA}).new_revision is True


@pytest.mark.parametrize(
    ("desired", "word"),
    [
        ({"source": "github", "repo_url": "https://x.example/y"}, "source"),
        ({"repo_url": "https://x.example/y"}, "repo_url"),
        ({"listener": "east"}, "listener"),
    ],
)
def test_immutable(desired: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInput, match=f"The {word} of deployment chat .* cannot be changed"):
        plan(desired, listener="west")


def test_a_deployment_without_a_listener_can_be_given_one() -> None:
    alone = current(listener=None, k8s_namespace=None)
    given = _plan.plan(alone, {"name": "chat", "listener": "east", "k8s_namespace": "servers"})
    assert (given.action, given.new_revision, given.zero_downtime) == ("update", False, True)
    assert given.fields == ("k8s_namespace", "listener")
    assert given.before == {"name": "chat", "listener": None, "k8s_namespace": None}
    assert given.after == {"name": "chat", "listener": "east", "k8s_namespace": "servers"}
    assert _plan.plan({**alone, "listener": "east"}, {"name": "chat", "listener": "east"}).action == "none"
    with pytest.raises(InvalidInput, match="The k8s_namespace of deployment chat is not set and cannot be changed"):
        _plan.plan(alone, {"name": "chat", "k8s_namespace": "servers"})
    with pytest.raises(InvalidInput, match="The k8s_namespace of deployment chat is here and cannot be changed"):
        _plan.plan({**alone, "k8s_namespace": "here"}, {"name": "chat", "listener": "east", "k8s_namespace": "servers"})


@pytest.mark.parametrize(
    "desired",
    [{"image_uri": "a/b:1"}, {"repo_ref": "main"}],
)
def test_options_of_another_source_are_refused(desired: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="does not go with source internal_source"):
        plan(desired)


def test_source_is_derived() -> None:
    github = _plan.plan(None, {"name": "a", "repo_url": "https://x.example/y", "repo_ref": "main"})
    image = _plan.plan(None, {"name": "a", "image_uri": "registry.example/a:1"})
    assert (github.after["source"], image.after["source"]) == ("github", "external_docker")
    assert "langgraph_config_path" not in image.after
    with pytest.raises(InvalidInput, match="repo_url of deployment a is missing"):
        _plan.plan(None, {"name": "a", "source": "github"})


def test_env_and_secrets_share_no_name() -> None:
    with pytest.raises(InvalidInput, match="KEY stands in env and in secrets"):
        plan({"env": {"KEY": "x"}})


def test_database_resources_are_no_zero_downtime() -> None:
    assert plan({"resource_spec": {"redis_memory_mb": 64}}).zero_downtime is False
    assert plan({"resource_spec": {"memory_mb": 64}}).zero_downtime is True


def test_being_deleted() -> None:
    with pytest.raises(Conflict, match="is being deleted"):
        plan({"env": {}}, status="AWAITING_DELETE")


def test_absent() -> None:
    assert _plan.plan(None, {"name": "chat"}, "absent") == Plan("none")
    assert _plan.plan(current(), {"name": "chat"}, "absent").action == "delete"
    deleting = current(status="AWAITING_DELETE")
    assert _plan.plan(deleting, {}, "absent").action == "none"
    assert _plan.plan(deleting, {"skip_dump": True}, "absent").action == "delete"
    assert _plan.plan(deleting, {"force": True}, "absent").action == "delete"
    assert _plan.plan({**deleting, "delete_failed": True}, {}, "absent").action == "delete"


def test_unknown_options_are_refused() -> None:
    with pytest.raises(InvalidInput, match="replicas is no option"):
        plan({"replicas": 3})


def _activation(number: int, running: dict[str, Any] | None, secrets: Any = "current") -> Plan:
    deployment = {"name": "chat", "status": "READY", "version": 7}
    target = {**current(secrets={"KEY": "old-" + CANARY}, env={"A": "0"}), "number": 1} if number == 1 else None
    return _plan.plan_activation(deployment, current(), target, running, number=number, secrets=secrets)


def test_activation() -> None:
    made = _activation(1, {**current(), "number": 3})
    assert (made.action, made.new_revision) == ("update", True)
    assert made.fields == ("active_revision", "env.A")
    assert made.before["active_revision"] == 3
    assert made.after["secrets_of"] == "current"
    of_revision = _activation(1, {**current(), "number": 3}, "of_revision")
    assert of_revision.fields == ("active_revision", "env.A", "secrets.KEY")
    assert CANARY not in repr(of_revision)


def test_activation_is_satisfied_by_the_revision_or_a_rollback_to_it() -> None:
    assert not _activation(1, {**current(), "number": 1}).changed
    assert not _activation(1, {**current(), "number": 5, "rollback_of": 1}).changed
    assert _activation(1, {**current(), "number": 5, "rollback_of": 2}).changed
    with pytest.raises(NotFound, match="has no revision 9"):
        _activation(9, None)


def listener(**changes: Any) -> dict[str, Any]:
    base = {"compute_id": "east", "compute_type": "hosts", "compute_config": {"host_groups": ["a"]}, "version": None}
    return {**base, "deployments": 0, "record_version": 2, **changes}


def test_listener() -> None:
    assert _plan_listener.plan_listener(None, {"compute_id": "east"}).action == "create"
    assert not _plan_listener.plan_listener(
        listener(), {"compute_id": "east", "compute_config": {"host_groups": ["a"]}}
    ).changed
    assert not _plan_listener.plan_listener(
        listener(), {"compute_id": "east", "compute_config": {"k8s_namespaces": ["a"]}}
    ).changed
    made = _plan_listener.plan_listener(listener(), {"compute_id": "east", "compute_config": {"host_groups": ["b"]}})
    assert (made.action, made.fields) == ("update", ("compute_config",))
    with pytest.raises(InvalidInput, match="compute_type of listener east"):
        _plan_listener.plan_listener(listener(), {"compute_id": "east", "compute_type": "k8s"})
    with pytest.raises(Conflict, match="still has 2 deployments"):
        _plan_listener.plan_listener(listener(deployments=2), {"compute_id": "east"}, "absent")
    with pytest.raises(InvalidInput, match="compute_config of listener east"):
        _plan_listener.plan_listener(None, {"compute_id": "east", "compute_config": {"groups": []}})
