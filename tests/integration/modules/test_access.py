# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules workspace, api_key and audit_info, and what an API key may do through the others."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from tests.support.control_plane import ControlPlane

Call = Callable[..., dict[str, Any]]
ALICE = {"name": "alice@example.org", "role": "admin"}
BOB = {"name": "bob@example.org", "role": "editor"}


@pytest.fixture
def organization(adapter: str, request: pytest.FixtureRequest, connection: dict[str, str]) -> dict[str, str]:
    """The connection of somebody who manages workspaces."""
    if adapter == "http":
        service: ControlPlane = request.getfixturevalue("shared_control_plane")
        return {**connection, "api_key": service.key, "workspace": "default"}
    return connection


def test_workspace_life(ok: Call, organization: Any, snapshot: Callable[[], Any]) -> None:
    ok("listener", compute_id="main", workspace="default")
    steps: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({}, False),
        ({"members": [BOB, ALICE]}, True),
        ({"members": [ALICE, BOB]}, False),
        ({"secrets_in_clear": True}, True),
        ({"secrets_in_clear": True, "default_listener": ""}, False),
        ({"default_listener": "-"}, False),
        ({"members": []}, True),
        ({"state": "absent"}, True),
        ({"state": "absent"}, False),
    ]
    for options, changed in steps:
        before = snapshot()
        predicted = ok("workspace", check=True, name="team", **organization, **options)
        assert snapshot() == before
        real = ok("workspace", name="team", **organization, **options)
        assert real["changed"] is changed, options
        assert (predicted["changed"], predicted["diff"]) == (real["changed"], real["diff"])
        if not changed:
            assert snapshot() == before
            assert predicted["workspace"] == real["workspace"]
    assert real["workspace"] is None


def test_the_default_listener_of_a_workspace(ok: Call, fails: Call, organization: Any) -> None:
    for name in ("one", "two"):
        ok("listener", compute_id=name)
    made = ok("workspace", name="default", default_listener="two", **organization)
    assert made["workspace"]["default_listener"] == "two"
    assert ok("deployment", name="chat")["deployment"]["listener"] == "two"
    assert ok("workspace", name="default", default_listener="-", **organization)["changed"]
    assert ok("deployment", name="other")["deployment"]["listener"] is None
    assert "nowhere" in fails("workspace", name="default", default_listener="nowhere", **organization)["msg"]


def test_bad_workspaces(fails: Call, organization: Any) -> None:
    assert "no valid name of a workspace" in fails("workspace", name="Team A", **organization)["msg"]
    assert "cannot be deleted" in fails("workspace", name="default", state="absent", **organization)["msg"]


def test_workspace_info(ok: Call, organization: Any) -> None:
    ok("workspace", name="team", members=[ALICE], **organization)
    found = ok("workspace_info", **organization)["workspaces"]
    assert [workspace["name"] for workspace in found] == ["default", "team"]
    (team,) = ok("workspace_info", name="team", **organization)["workspaces"]
    assert team == found[1]
    assert team["members"] == [ALICE]
    assert ok("workspace_info", name=team["id"], **organization)["workspaces"] == [team]
    assert ok("workspace_info", name="nope", **organization)["workspaces"] == []


def test_workspaces_are_apart(ok: Call, organization: Any) -> None:
    ok("workspace", name="team", **organization)
    ok("deployment", name="chat", env={"OF": "default"})
    ok("deployment", name="chat", env={"OF": "team"}, **{**organization, "workspace": "team"})
    (ours,) = ok("deployment_info")["deployments"]
    (theirs,) = ok("deployment_info", **{**organization, "workspace": "team"})["deployments"]
    assert (ours["env"], theirs["env"]) == ({"OF": "default"}, {"OF": "team"})


# -- API keys ----------------------------------------------------------------------------------------------------------


def test_key_life(ok: Call, snapshot: Callable[[], Any]) -> None:
    steps: list[tuple[dict[str, Any], bool]] = [
        ({}, True),
        ({}, False),
        ({"role": "editor", "permissions": ["deployments:apply"]}, True),
        ({"role": "", "permissions": ["deployments:apply"]}, False),
        ({"expires_at": "2999-12-31T00:00:00Z"}, True),
        ({"expires_at": "2999-12-31T01:00:00+01:00"}, False),
        ({"expires_at": "never", "permissions": []}, True),
        ({"state": "absent"}, True),
        ({"state": "absent"}, False),
    ]
    for options, changed in steps:
        before = snapshot()
        predicted = ok("api_key", check=True, name="ci", **options)
        assert snapshot() == before
        real = ok("api_key", name="ci", **options)
        assert real["changed"] is changed, options
        assert (predicted["changed"], predicted["diff"]) == (real["changed"], real["diff"])
        assert predicted["key"] is None
        assert (real["key"] is not None) == (real["action"] == "create")
        if real["key"]:
            assert real["key"].startswith(real["api_key"]["prefix"])
        if not changed:
            assert snapshot() == before
    assert real["api_key"] is None


def test_a_key_in_a_file(ok: Call, fails: Call, tmp_path: Path) -> None:
    path = tmp_path / "ci.key"
    options: dict[str, Any] = {"name": "ci", "path": str(path)}
    predicted = ok("api_key", check=True, **options)
    assert (predicted["changed"], path.exists()) == (True, False)
    made = ok("api_key", **options)
    assert (made["changed"], made["key"], made["path"]) == (True, None, str(path))
    first = path.read_text().strip()
    assert first not in str(made)
    assert first.startswith(made["api_key"]["prefix"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not ok("api_key", **options)["changed"]
    assert list(tmp_path.glob(".*")) == []

    path.unlink()
    result = fails("api_key", **options)
    assert result["code"] == "conflict"
    assert "recreate" in result["msg"]
    assert ok("api_key", check=True, recreate=True, **options)["changed"]
    assert not path.exists()
    again = ok("api_key", recreate=True, **options)
    assert again["changed"]
    assert path.read_text().strip() != first
    assert not ok("api_key", recreate=True, **options)["changed"]

    assert ok("api_key", state="absent", check=True, **options)["changed"]
    assert path.exists()
    assert ok("api_key", state="absent", **options)["changed"]
    assert not path.exists()


def test_a_file_of_another_key_is_left_alone(ok: Call, fails: Call, tmp_path: Path) -> None:
    path = tmp_path / "ci.key"
    ok("api_key", name="ci", path=str(path))
    content = path.read_text()
    ok("api_key", name="other")
    fails("api_key", name="other", path=str(path))
    ok("api_key", name="other", path=str(path), state="absent")
    assert path.read_text() == content


def test_a_key_that_cannot_be_kept_is_not_made(ok: Call, fails: Call, tmp_path: Path) -> None:
    result = fails("api_key", name="ci", path=str(tmp_path / "nowhere" / "ci.key"))
    assert "cannot be written (No such file or directory)" in result["msg"]
    (tmp_path / "folder").mkdir()
    assert "cannot be written" in fails("api_key", name="ci", path=str(tmp_path / "folder"))["msg"]
    assert ok("api_key_info", name="ci")["api_keys"] == []


def test_bad_keys(fails: Call) -> None:
    assert "no valid name of an API key" in fails("api_key", name="a b")["msg"]
    assert "no permission" in fails("api_key", name="ci", permissions=["everything"])["msg"]
    assert "with a listener" in fails("api_key", name="ci", role="listener")["msg"]
    assert "expires_at" in fails("api_key", name="ci", expires_at="tomorrow")["msg"]


def test_key_info(ok: Call) -> None:
    for name in ("aa", "ab"):
        ok("api_key", name=name, role="editor")
    found = [key for key in ok("api_key_info")["api_keys"] if key["name"] in ("aa", "ab")]
    assert [key["role"] for key in found] == ["editor", "editor"]
    assert ok("api_key_info", name="aa")["api_keys"] == [found[0]]
    assert ok("api_key_info", name=found[1]["id"])["api_keys"] == [found[1]]
    assert [key["name"] for key in ok("api_key_info", limit=1, offset=1)["api_keys"]] == ["ab"]
    assert ok("api_key_info", name="nope")["api_keys"] == []


# -- what a key may do -------------------------------------------------------------------------------------------------


@pytest.fixture
def over_http(shared_control_plane: ControlPlane, records_database: str) -> ControlPlane:
    """The control plane, with empty records."""
    return shared_control_plane


@pytest.mark.http_only
class TestThroughTheControlPlane:
    """What the keys of others get."""

    def options(self, service: ControlPlane, role: str, **desired: Any) -> dict[str, Any]:
        key = service.make_key(f"of-{role}", role, "default", **desired)
        return {"bare": True, "api_url": service.url, "api_key": key}

    def test_a_viewer(self, call: Call, over_http: ControlPlane) -> None:
        viewer = self.options(over_http, "viewer")
        assert call("deployment_info", **viewer)["deployments"] == []
        for check in (False, True):
            refused = call("deployment", name="chat", check=check, **viewer)
            assert refused["code"] == "forbidden"
            assert "deployments:create" in refused["msg"]
        for module in ("workspace_info", "api_key_info", "audit_info", "work_claim"):
            assert call(module, **viewer)["code"] == "forbidden"

    def test_a_listener(self, call: Call, over_http: ControlPlane, source: Path) -> None:
        editor = self.options(over_http, "admin")
        for name in ("mine", "theirs"):
            call("listener", compute_id=name, **editor)
            call("deployment", name=f"chat-{name}", listener=name, source_directory=str(source), **editor)
        listener = self.options(over_http, "listener", listener="mine")
        claims = call("work_claim", check=True, **listener)["claims"]
        assert [claim["deployment"]["name"] for claim in claims] == ["chat-mine"]
        assert call("work_claim", deployments=["chat-theirs"], check=True, **listener)["code"] == "not_found"
        assert [item["name"] for item in call("deployment_info", **listener)["deployments"]] == ["chat-mine"]

    def test_values_of_secrets_never_come_back(self, call: Call, over_http: ControlPlane) -> None:
        options = self.options(over_http, "admin", permissions=["secrets:reveal"])
        made = call("deployment", name="chat", secrets={"KEY": "canary-of-answers"}, **options)
        assert made["deployment"]["secrets"] == {"KEY": "********"}
        assert "canary-of-answers" not in str(call("deployment_info", **options))

    @pytest.mark.parametrize("state", ["revoked", "expired", "unknown"])
    def test_a_key_that_is_no_key(self, call: Call, over_http: ControlPlane, state: str) -> None:
        options: dict[str, Any] = {"bare": True, "api_url": over_http.url, "api_key": f"lgcp_aaaaaaaa_{'x' * 43}"}
        if state != "unknown":
            options = self.options(over_http, "viewer")
            if state == "expired":
                with_past = {"expires_at": "2020-01-01T00:00:00Z"}
                over_http.ask("PATCH", "/v2/api-keys/of-viewer", with_past, workspace="default")
            else:
                over_http.ask("DELETE", "/v2/api-keys/of-viewer", workspace="default")
        result = call("deployment_info", **options)
        assert result["code"] == "unauthenticated"
        assert over_http.url in result["msg"]
        assert options["api_key"] not in str({**result, "invocation": None})

    def test_a_key_of_the_organization_has_to_say_where(self, call: Call, over_http: ControlPlane) -> None:
        options: dict[str, Any] = {"bare": True, "api_url": over_http.url, "api_key": over_http.key}
        over_http.ask("POST", "/v2/workspaces", {"name": "team"}, workspace="default")
        assert "workspace" in call("deployment_info", **options)["msg"]
        assert call("deployment_info", workspace="default", **options)["deployments"] == []

    def test_only_a_dsn_leads_to_the_schema(self, call: Call, over_http: ControlPlane) -> None:
        result = call("records_schema", **self.options(over_http, "admin"))
        assert result["code"] == "invalid_input"
        assert "give dsn" in result["msg"]

    def test_the_root_of_the_service_and_a_slash_work_as_well(self, call: Call, over_http: ControlPlane) -> None:
        options = self.options(over_http, "viewer")
        for url in (f"{over_http.url}/", over_http.url.removesuffix("/api-host")):
            assert call("deployment_info", **{**options, "api_url": url})["deployments"] == []
        wrong = call("deployment_info", **{**options, "api_url": f"{over_http.url}/wrong"})
        assert "/api-host" in wrong["msg"]
        assert wrong["code"] == "invalid_input"


# -- audit and differences ---------------------------------------------------------------------------------------------


def test_audit(ok: Call, records: Records) -> None:
    ok("deployment", name="chat", env={"A": "1"}, secrets={"KEY": "canary-of-audit"}, actor="ticket 7")
    ok("deployment", name="chat", env={"A": "2"}, actor="Zoë")
    entries = ok("audit_info", kind="deployment", record="chat")["entries"]
    assert [entry["action"] for entry in entries] == ["update", "create"]
    assert entries[1]["actor"].startswith("ticket 7 (")
    assert entries[0]["actor"].startswith("Zoë (")
    assert entries[0]["after"]["env"] == {"A": "2"}
    assert "canary-of-audit" not in str(entries)
    first = ok("audit_info", kind="deployment", limit=1)
    second = ok("audit_info", kind="deployment", limit=1, after=first["next_offset"])
    assert first["entries"] + second["entries"] == entries
    assert ok("audit_info", actor="ticket 7", kind="deployment")["entries"] == entries[1:]
    assert ok("audit_info", action="delete")["entries"] == []


def test_differences_of_revisions(ok: Call, fails: Call, source: Path) -> None:
    options: dict[str, Any] = {"name": "chat", "source_directory": str(source)}
    ok("deployment", env={"A": "1"}, secrets={"KEY": "canary-one"}, **options)
    ok("deployment", env={"A": "2"}, secrets={"KEY": "canary-two"}, **options)
    (found,) = ok("revision_info", deployment="chat", number=2, diff_with=1)["revisions"]
    assert found["differences"] == {
        "left": 1,
        "right": 2,
        "fields": ["env.A", "secrets.KEY"],
        "before": {"env": {"A": "1"}, "secrets": {"KEY": "********"}},
        "after": {"env": {"A": "2"}, "secrets": {"KEY": "******** (changed)"}},
    }
    both = ok("revision_info", deployment="chat", diff_with=1)["revisions"]
    assert [revision["differences"]["fields"] for revision in both] == [["env.A", "secrets.KEY"], []]
    assert "3" in fails("revision_info", deployment="chat", diff_with=3)["msg"]
