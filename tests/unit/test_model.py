# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words and rules: transitions, names, slugs, environment, inputs."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _inputs, _migrations, _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput

STATUSES = st.sampled_from(_model.REVISION_STATUSES)
CANARY = "canary-value-8c1f"


@given(STATUSES, STATUSES)
def test_only_edges_of_the_table_are_allowed(old: str, new: str) -> None:
    if new in _model.REVISION_TRANSITIONS[old]:
        _model.check_revision_transition("1 of deployment chat", old, new)
    else:
        with pytest.raises(Conflict, match=rf"1 of deployment chat is {old} and cannot become {new}"):
            _model.check_revision_transition("1 of deployment chat", old, new)


def test_final_statuses_have_no_way_out_and_others_have_one() -> None:
    for status, targets in _model.REVISION_TRANSITIONS.items():
        assert (not targets) == (status in _model.FINAL | {_model.UNKNOWN}), status


def test_every_pending_status_reaches_every_final_one_that_fits() -> None:
    def reachable(status: str) -> set[str]:
        seen: set[str] = set()
        waiting = [status]
        while waiting:
            for target in _model.REVISION_TRANSITIONS[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    for status in _model.PENDING:
        assert {_model.DEPLOYED, _model.INTERRUPTED} <= reachable(status)
    assert reachable(_model.DEPLOYING) >= {_model.AWAITING_BUILD}  # taken up again after its holder was lost


@given(st.lists(STATUSES, max_size=30))
def test_any_sequence_of_steps_follows_the_table(wishes: list[str]) -> None:
    """Whatever is reported, the steps taken are edges of the table, or the report is refused."""
    status = _model.QUEUED
    for wish in wishes:
        for step in _model.steps(status, wish):
            try:
                _model.check_revision_transition("1", status, step)
            except Conflict:
                break
            assert step in _model.REVISION_TRANSITIONS[status]
            status = step


@pytest.mark.parametrize(
    ("old", "new", "steps"),
    [
        ("BUILDING", "DEPLOYING", ("AWAITING_DEPLOY", "DEPLOYING")),
        ("BUILDING", "BUILDING", ()),
        ("AWAITING_BUILD", "DEPLOYED", ("BUILDING", "AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED")),
        ("BUILDING", "FAILED", ("BUILD_FAILED",)),
        ("DEPLOYING", "FAILED", ("DEPLOY_FAILED",)),
        ("DEPLOYING", "BUILD_FAILED", ("DEPLOY_FAILED",)),
        ("BUILDING", "DEPLOY_FAILED", ("BUILD_FAILED",)),
        ("DEPLOYING", "INTERRUPTED", ("INTERRUPTED",)),
        ("DEPLOYING", "BUILDING", ("BUILDING",)),
    ],
)
def test_steps(old: str, new: str, steps: tuple[str, ...]) -> None:
    assert _model.steps(old, new) == steps


def test_kept_numbers() -> None:
    assert _model.kept_numbers(range(1, 12), active=11, claimed=12, pinned=[2]) == [2, 7, 8, 9, 10, 11, 12]
    assert _model.kept_numbers(range(1, 13), active=12, claimed=12, pinned=[2]) == [2, 7, 8, 9, 10, 11, 12]
    assert _model.kept_numbers(range(1, 13), active=12, claimed=None, pinned=[2]) == [2, 7, 8, 9, 10, 11, 12]
    assert _model.kept_numbers([], None, None, []) == []
    assert _model.kept_numbers([3], active=3, claimed=1, pinned=[]) == [1, 3]


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True), st.uuids())
def test_slug(name: str, identity: uuid.UUID) -> None:
    slug = _model.make_slug(_model.check_name(name), str(identity))
    assert len(slug) <= 29
    assert len(f"lg-{slug}") <= 32  # the name of a system user
    assert slug.endswith(f"-{identity.hex[:8]}")
    assert "--" not in slug.removeprefix(name) or "--" in name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a" * 64, "a b", "{{ x }}", "a\n", None, 3, "ä"])
def test_bad_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidInput, match="no valid name of a deployment"):
        _model.check_name(name)


@pytest.mark.parametrize("name", ["1A", "A-B", "A B", "", "A=B", "Ä", "A\n", "{{A}}"])
def test_malformed_env_names_are_refused_without_their_value(name: str) -> None:
    with pytest.raises(InvalidInput, match="no valid name of an environment variable") as caught:
        _model.check_environment({name: CANARY}, "secrets")
    assert CANARY not in str(caught.value) + repr(caught.value.extra)


def test_reserved_env_names() -> None:
    for name in ("DATABASE_URI", "REDIS_URI", "PORT", "LANGCHAIN_API_KEY", "LANGGRAPH_CLOUD_LICENSE_KEY"):
        with pytest.raises(InvalidInput, match=f"{name} in env is set by the platform itself"):
            _model.check_environment({name: "x"}, "env")
    allowed = {"LANGSMITH_API_KEY": "k", "LANGSMITH_ENDPOINT": "e", "LANGSMITH_TRACING": "true"}
    assert _model.check_environment(allowed, "env") == allowed


@pytest.mark.parametrize("value", ["a\x00b", 1, None, True, {"a": 1}, "\ud800"])
def test_bad_env_values_are_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="The value of A in env"):
        _model.check_environment({"A": value}, "env")


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))))
def test_any_other_value_is_kept_as_it_is(value: str) -> None:
    assert _model.check_environment({"A": value}, "env") == {"A": value}


def test_a_name_in_env_and_secrets_is_refused() -> None:
    with pytest.raises(InvalidInput, match="B stands in env and in secrets"):
        _model.check_disjoint({"A": "", "B": ""}, {"B": ""})


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.org/team/agent.git",
        "https://git.example.org:8443/a",
        "ssh://git@git.example.org/team/agent",
        "git@git.example.org:team/agent.git",
    ],
)
def test_git_addresses(url: str) -> None:
    assert _inputs.check_repo_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "/etc",
        "git://git.example.org/a",
        "http://git.example.org/a",
        "ext::sh -c id",
        "--upload-pack=id",
        "https://git.example.org/a b",
        "ssh://-oProxyCommand=id/x",
        "git@-oProxyCommand=id:x",
        "https://git.example.org",
        "",
        "git@host:-x",
    ],
)
def test_other_transports_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="repo_url"):
        _inputs.check_repo_url(url)


def test_a_password_in_a_git_address_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidInput) as caught:
        _inputs.check_repo_url(f"https://user:{CANARY}@git.example.org/a")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("ref", ["main", "refs/tags/v1.0", "feature/x", "a" * 40, "{{x}}", "$(id)", "ä"])
def test_git_references(ref: str) -> None:
    assert _inputs.check_repo_ref(ref) == ref


@pytest.mark.parametrize(
    "ref", ["-x", "--upload-pack=id", "a b", "a..b", "a~1", "a^", "a:b", "x.lock", "a@{1}", "", "a\n"]
)
def test_bad_git_references_are_refused(ref: str) -> None:
    with pytest.raises(InvalidInput, match="repo_ref"):
        _inputs.check_repo_ref(ref)


@pytest.mark.parametrize("path", ["/etc/langgraph.json", "../langgraph.json", "a/../../b", "", "a\\b"])
def test_bad_config_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="langgraph_config_path"):
        _inputs.check_config_path(path)


def test_resource_spec() -> None:
    spec = {"cpu": "0.55", "memory_mb": 512, "min_scale": "2", "queue_cpu": None, "labels": {"a": "b"}}
    assert _inputs.check_resource_spec(spec) == {"cpu": 0.6, "memory_mb": 512, "min_scale": 2, "labels": {"a": "b"}}


@pytest.mark.parametrize(
    "spec",
    [{"cpus": 1}, {"cpu": 0}, {"cpu": 99}, {"min_scale": 1.5}, {"min_scale": "x"}, {"min_scale": True}, {"labels": []}]
    + [{"min_scale": 3, "max_scale": 2}, {"volumes": {}}, []],
)
def test_bad_resource_specs_are_refused(spec: object) -> None:
    with pytest.raises(InvalidInput, match="resource_spec"):
        _inputs.check_resource_spec(spec)


def test_the_schema_makes_the_default_workspace() -> None:
    sql = _migrations.MIGRATIONS[0].sql
    assert f"('{_model.DEFAULT_WORKSPACE_ID}', '{_model.DEFAULT_WORKSPACE_NAME}')" in sql
    assert [migration.version for migration in _migrations.MIGRATIONS] == list(range(1, _migrations.CODE_VERSION + 1))
    for status in _model.IN_PROGRESS:
        assert f"'{status}'" in sql
