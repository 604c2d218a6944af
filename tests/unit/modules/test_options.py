# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules: shared specs, what counts as given, what is hidden."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import (
    ArgumentSpec,
    list_spec,
    records_spec,
    spec,
    wait_spec,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._connection import (
    API_KEY_ENV,
    CONNECTION_OPTIONS,
    DSN_ENV,
    KEY_FILE_ENV,
    SECRET_OPTIONS,
    URL_ENV,
    WORKSPACE_ENV,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, Held, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_deployment import ASKED, desired_deployment
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import (
    Context,
    failure,
    given,
    hide_values,
    open_connection,
    outcome,
    unexpected,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_claim import wanted_names

ENVIRONMENT = (DSN_ENV, KEY_FILE_ENV, URL_ENV, API_KEY_ENV, WORKSPACE_ENV)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def test_merge_keeps_options_and_rules_of_both() -> None:
    left = ArgumentSpec(options={"a": {"type": "str"}}, required_if=[("a", "x", ["b"])], required_by={"a": ["b"]})
    right = ArgumentSpec(options={"b": {"type": "int"}}, mutually_exclusive=[("a", "b")], required_by={"b": ["a"]})
    merged = left.merge(right)
    assert dict(merged.options) == {"a": {"type": "str"}, "b": {"type": "int"}}
    assert list(merged.required_if) == [("a", "x", ["b"])]
    assert list(merged.mutually_exclusive) == [("a", "b")]
    assert dict(merged.required_by) == {"a": ["b"], "b": ["a"]}


def test_spec_puts_own_options_on_top_of_shared_ones() -> None:
    merged = spec(records_spec(), wait_spec(30), list_spec(), options={"name": {"type": "str"}})
    assert set(merged.options) == {
        *CONNECTION_OPTIONS,
        *("wait", "wait_timeout", "limit", "offset", "name"),
    }
    assert merged.options["wait_timeout"]["default"] == 30
    assert {name for name in CONNECTION_OPTIONS if merged.options[name].get("no_log")} == set(SECRET_OPTIONS)


def test_an_empty_string_means_not_given() -> None:
    params = {"dsn": "", "workspace": "", "listener": "", "wait": False, "limit": 0, "env": {}, "env2": {"A": ""}}
    assert given(params) == {
        "dsn": None,
        "workspace": None,
        "listener": None,
        "wait": False,
        "limit": 0,
        "env": {},
        "env2": {"A": ""},
    }


def test_no_records_is_one_sentence_that_names_options_and_variables() -> None:
    with pytest.raises(InvalidInput, match=r"^No records given: .*api_url or dsn.*LANGGRAPH_RECORDS_DSN\.$"):
        open_connection({"dsn": None})


@pytest.mark.parametrize(
    ("variables", "hidden"),
    [
        ({"LANGGRAPH_RECORDS_DSN": "postgresql:///x"}, {"postgresql:///x"}),
        ({"LANGGRAPH_HOST_URL": "http://h", "LANGSMITH_API_KEY": "lg-12345"}, {"lg-12345"}),
        ({"LANGSMITH_API_KEY": "lg-12345"}, set()),
    ],
)
def test_a_secret_of_the_environment_is_hidden_too(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hidden: set[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    module: Any = SimpleNamespace(params={}, no_log_values=set(), check_mode=False, warn=None)
    Context(module)
    assert module.no_log_values == hidden


def test_secrets_are_hidden_in_the_echo_and_short_ones_garble_nothing() -> None:
    secrets = {"KEY": "a-long-secret", "FLAG": "1"}
    module: Any = SimpleNamespace(params={"name": "x", "secrets": secrets}, no_log_values={"a-long-secret", "1"})
    hide_values(module)
    assert module.params["secrets"] == {"KEY": "********", "FLAG": "********"}
    assert module.no_log_values == {"a-long-secret"}
    assert secrets == {"KEY": "a-long-secret", "FLAG": "1"}


def test_failure_is_the_sentence_the_kind_and_what_programs_read() -> None:
    error = Held("Deployment chat is held.", deployment="chat", owner="alice", since="10:02")
    assert failure(error) == {
        "msg": "Deployment chat is held.",
        "code": "held",
        "deployment": "chat",
        "owner": "alice",
        "since": "10:02",
    }
    assert failure(Conflict("No.", msg="not this one", nothing=None)) == {"msg": "No.", "code": "conflict"}


def test_an_unexpected_error_names_itself() -> None:
    assert "KeyError: 'x'" in unexpected("deployment", KeyError("x"))
    assert "(ValueError)" in unexpected("deployment", ValueError())


def test_outcome_of_a_plan() -> None:
    plan = Plan("update", before={"env": {}}, after={"env": {"A": "1"}})
    assert outcome(plan, revision=None) == {
        "changed": True,
        "action": "update",
        "revision": None,
        "diff": {"before": {"env": {}}, "after": {"env": {"A": "1"}}},
    }
    assert outcome(Plan("none"))["changed"] is False


NOTHING: dict[str, Any] = dict.fromkeys((*ASKED, "source_directory", "source_tarball", "comment"))


@pytest.mark.parametrize(
    ("asked", "desired"),
    [
        ({}, {}),
        ({"source_directory": "/x"}, {"source": "internal_source"}),
        ({"source_tarball": "/x"}, {"source": "internal_source"}),
        ({"repo_url": "https://g/x"}, {"repo_url": "https://g/x", "source": "github"}),
        ({"image_uri": "r/i:1"}, {"image_uri": "r/i:1", "source": "external_docker"}),
        ({"image_uri": "r/i:1", "source": "internal_docker"}, {"image_uri": "r/i:1", "source": "internal_docker"}),
        ({"source": "github"}, {"source": "github"}),
        ({"comment": "Why"}, {"message": "Why"}),
        ({"repo_ref": "main", "env": {}}, {"repo_ref": "main", "env": {}}),
        ({"secrets": {"A": "b"}, "flavour": "langgraph"}, {"secrets": {"A": "b"}, "flavour": "langgraph"}),
    ],
)
def test_what_a_deployment_is_asked_to_be(asked: dict[str, Any], desired: dict[str, Any]) -> None:
    assert desired_deployment({**NOTHING, "name": "chat", **asked}) == {"name": "chat", **desired}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"source_directory": "/x", "repo_url": "https://g/x"}, "source_directory and repo_url"),
        ({"source_directory": "/x", "source_tarball": "/y", "image_uri": "i"}, "source_directory and source_tarball"),
        ({"source_directory": "/x", "source": "github"}, "does not go with source github"),
        ({"image_uri": "i", "source": "github"}, "or use external_docker or internal_docker"),
    ],
)
def test_sources_that_contradict(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        desired_deployment({**NOTHING, "name": "chat", **asked})
    assert str(caught.value).startswith("Deployment chat ")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (None, None),
        ([], None),
        ([""], None),
        (["a", " b ", "a"], ["a", "b"]),
        (["all"], ["all"]),
        (["all", ""], ["all"]),
    ],
)
def test_names_to_claim(asked: list[str] | None, names: list[str] | None) -> None:
    assert wanted_names(asked) == names


def test_all_stands_alone() -> None:
    with pytest.raises(InvalidInput, match="all together with others"):
        wanted_names(["all", "chat"])
