# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the API: what goes out comes back the same, and a request means what the vendor's means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _errors, _wire
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, Plan

SHA = "0123456789abcdef" * 4
REFERENCE = {"name": "TOKEN", "secret_name": "env", "secret_key": "TOKEN"}
EVERYTHING: dict[str, Any] = {
    "name": "chat",
    "source": "internal_source",
    "display_name": "Chat",
    "repo_url": "https://git.example.org/chat.git",
    "repo_ref": "main",
    "image_uri": "registry.example.org/chat:1",
    "langgraph_config_path": "agents/langgraph.json",
    "resource_spec": {"cpu": 1},
    "env": {"LEVEL": "info"},
    "secrets": {"KEY": "value", "OTHER": MASK},
    "flavour": "langgraph",
    "api_version": "0.11.1",
    "listener": "hosts",
    "source_sha256": SHA,
    "message": "Why",
    "shareable": True,
    "route_through_gateway": False,
    "deployment_type": "prod",
    "build_on_push": False,
    "integration_id": "5f0f6fd2-58b5-4d0a-9d3c-0e2bd3f7a111",
    "custom_url": "https://chat.example.org",
    "k8s_namespace": "agents",
    "install_command": "npm ci",
    "build_command": "npm run build",
    "secret_references": [REFERENCE],
    "tracked_packages": ["google-adk:==1.2.3"],
    "deployment_tier": "DEDICATED_S",
    "compute_tier": "DEDICATED_M",
    "database_tier": "DEDICATED_L",
}


def through_json(value: Any) -> Any:
    """As it arrives on the other side."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("key", [key for key in EVERYTHING if key not in ("name", "source")])
def test_each_option_alone_arrives(key: str) -> None:
    desired = {"name": "chat", "source": "internal_source", key: EVERYTHING[key]}
    assert _wire.create_to_desired(through_json(_wire.desired_to_create(desired))) == (desired, None)
    patched = {key: EVERYTHING[key]}
    assert _wire.patch_to_desired(through_json(_wire.desired_to_patch(patched))) == (patched, None)


def test_everything_arrives() -> None:
    body = through_json(_wire.desired_to_create(EVERYTHING))
    assert _wire.create_to_desired(body) == (EVERYTHING, None)
    patch = through_json(_wire.desired_to_patch({key: EVERYTHING[key] for key in EVERYTHING if key != "name"}))
    assert _wire.patch_to_desired(patch).desired == {key: EVERYTHING[key] for key in EVERYTHING if key != "name"}


def test_what_is_not_given_is_not_sent() -> None:
    desired = {**dict.fromkeys(EVERYTHING), "name": "chat", "source": "github", "message": "", "listener": ""}
    assert _wire.desired_to_create(desired) == {
        "name": "chat",
        "source": "github",
        "source_config": {},
        "source_revision_config": {},
        "secrets": [],
        "listener": None,
    }
    assert _wire.desired_to_patch(dict.fromkeys(EVERYTHING)) == {}


@pytest.mark.parametrize("key", ["env", "resource_spec", "secret_references", "tracked_packages", "secrets"])
def test_empty_means_empty(key: str) -> None:
    empty = type(EVERYTHING[key])()
    assert _wire.patch_to_desired(_wire.desired_to_patch({key: empty})).desired == {key: empty}


def test_an_empty_list_of_secrets_asks_for_nothing() -> None:
    assert _wire.patch_to_desired({"secrets": []}).desired == {}
    assert _wire.patch_to_desired({"secrets": [], "clear_secrets": True}).desired == {"secrets": {}}


def test_requests_of_the_stock_client() -> None:
    create = {
        "source": "external_docker",
        "source_config": {
            "resource_spec": {},
            "listener_id": "5f0f6fd2-58b5-4d0a-9d3c-0e2bd3f7a111",
            "listener_config": {"k8s_namespace": "ns1"},
        },
        "source_revision_config": {"image_uri": "reg/x@sha256:00"},
        "name": "demo",
        "secrets": [{"name": "K", "value": "V"}],
    }
    assert _wire.create_to_desired(create) == (
        {
            "name": "demo",
            "source": "external_docker",
            "resource_spec": {},
            "listener": "5f0f6fd2-58b5-4d0a-9d3c-0e2bd3f7a111",
            "k8s_namespace": "ns1",
            "image_uri": "reg/x@sha256:00",
            "secrets": {"K": "V"},
        },
        None,
    )
    patch = {
        "revision_source": "internal_source",
        "source_revision_config": {"source_tarball_path": "uploads/1", "langgraph_config_path": "langgraph.json"},
        "secrets": [],
    }
    assert _wire.patch_to_desired(patch) == (
        {"source": "internal_source", "langgraph_config_path": "langgraph.json"},
        "uploads/1",
    )


@pytest.mark.parametrize("path", ["sources/0123", f"sources/{SHA}/..", f"sources/{SHA.upper()}", "x"])
def test_other_paths_are_left_to_the_records(path: str) -> None:
    asked = _wire.patch_to_desired({"source_revision_config": {"source_tarball_path": path}})
    assert asked == ({}, path)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"agent": {"agent_id": "1"}}, "agent"),
        ({"tracked_repo_ref": "main"}, "tracked_repo_ref"),
        ({"source_config": {"template_id": "x"}}, "template_id"),
        ({"listener": "a", "source_config": {"listener_id": "b"}}, "listener"),
        ({"clear_secrets": True, "secrets": [{"name": "A", "value": "b"}]}, "clear_secrets"),
        ({"secrets": [{"name": "A", "value": "b"}, {"name": "A", "value": "c"}]}, "secrets"),
    ],
)
def test_what_cannot_be_meant_is_refused(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _wire.patch_to_desired(body)
    assert caught.value.extra["field"] == field
    assert str(caught.value).endswith(".")


def test_a_deployment_comes_back_as_it_was_shown() -> None:
    view = {"id": "1", "name": "chat", "secrets": {"B": MASK, "A": MASK}, "source_config": {"repo_url": None}}
    shown = through_json(_wire.deployment_to_wire(view))
    assert shown["secrets"] == [{"name": "A", "value": MASK}, {"name": "B", "value": MASK}]
    assert shown.items() >= _wire.VENDOR_CONSTANTS.items()
    assert _wire.deployment_from_wire({**shown, "change": {}, "revision": None}) == view


def test_clear_values_are_masked_on_the_way_back() -> None:
    view = {"id": "1", "secrets": {"A": MASK, "B": MASK}, "lock": None}
    shown = _wire.revision_to_wire(view, {"A": "clear", "Z": "unknown"})
    assert shown["secrets"] == [{"name": "A", "value": "clear"}, {"name": "B", "value": MASK}]
    assert _wire.revision_from_wire(shown) == view
    assert _wire.deployment_from_wire(_wire.deployment_to_wire(view, {"A": "clear"})) == view


@pytest.mark.parametrize(
    "plan",
    [
        Plan("none", version=3),
        Plan("create", new_revision=True, fields=("name", "source"), after={"name": "chat"}),
        Plan(
            "update", zero_downtime=False, fields=("env.A",), before={"env": {}}, after={"env": {"A": "1"}}, version=7
        ),
    ],
)
def test_a_plan_comes_back(plan: Plan) -> None:
    assert _wire.plan_from_wire(through_json(_wire.plan_to_wire(plan))) == plan


ERRORS = [error for error in vars(_errors).values() if isinstance(error, type) and issubclass(error, RecordsError)]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_an_error_comes_back(kind: type[RecordsError]) -> None:
    body = through_json(_wire.error_to_wire(kind("This is so; do that.", names=["a"], nothing=None)))
    error = _wire.error_from_wire(400, body)
    assert error.__class__ is kind or kind is RecordsError
    assert str(error) == "This is so; do that."
    assert error is not None
    assert error.extra["names"] == ["a"]


def test_a_held_error_keeps_its_own() -> None:
    held = _errors.Held("Held.", deployment="chat", owner="alice", since="10:02", suspects=[{"pid": 1}])
    error = _wire.error_from_wire(409, _wire.error_to_wire(held))
    assert isinstance(error, _errors.Held)
    assert (error.deployment, error.owner, error.extra["suspects"]) == ("chat", "alice", [{"pid": 1}])
    stale = _wire.error_from_wire(409, _wire.error_to_wire(_errors.StaleClaim("Stale.", epoch=4)))
    assert isinstance(stale, _errors.StaleClaim)
    assert stale.epoch == 4


def test_the_contracts_text_stands_beside_our_sentence() -> None:
    body = _wire.error_to_wire(_errors.NotFound("There is none; make it."), "Deployment ID 1 not found.")
    assert body["detail"] == "Deployment ID 1 not found."
    assert str(_wire.error_from_wire(404, body)) == "There is none; make it."


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (404, {"detail": "Not Found"}, _errors.NotFound, "Not Found"),
        (503, {"detail": "Later"}, _errors.RecordsUnavailable, "Later"),
        (418, {"detail": "Tea"}, RecordsError, "Tea"),
        (400, {"message": "No.", "code": "conflict", "extra": {"message": "x", "self": 1}}, _errors.Conflict, "No."),
        (400, {"message": "No.", "code": "unheard_of", "extra": []}, InvalidInput, "No."),
    ],
)
def test_answers_of_others(status: int, body: Any, kind: type[RecordsError], text: str) -> None:
    error = _wire.error_from_wire(status, body)
    assert error.__class__ is kind
    assert str(error) == text


@pytest.mark.parametrize("body", [None, [], "x", {}, {"detail": None}, {"detail": {"a": 1}}, {"detail": ""}])
def test_no_answer_of_this_api(body: Any) -> None:
    assert _wire.error_from_wire(502, body) is None


def test_a_request_that_does_not_fit_names_the_place_and_no_value() -> None:
    problem = {
        "loc": ["body", "secrets", 0, "value"],
        "msg": "Input should be a string",
        "type": "t",
        "input": "s3cret",
    }
    error = _wire.error_from_wire(422, {"detail": [problem]})
    assert str(error) == "secrets.0.value is refused by the control plane: Input should be a string."
    assert isinstance(error, InvalidInput)
    whole = _wire.error_from_wire(422, {"detail": [{"loc": ["body"], "msg": "Field required"}]})
    assert str(whole) == "The request is refused by the control plane: Field required."
    named = _wire.error_from_wire(422, {"detail": [{"loc": ["query", "query"], "msg": "Too long"}]})
    assert str(named) == "query is refused by the control plane: Too long."
    assert isinstance(_wire.error_from_wire(422, {"detail": []}), InvalidInput)
