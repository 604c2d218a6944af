# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that the records only refer to: from the module deployment to the claim file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from tests.integration.modules.conftest import PLAYBOOK

Call = Callable[..., dict[str, Any]]
VALUE = "canary-of-references {{ 7 * 7 }}"
IN_ENV = {"name": "FROM_ENV", "secret_name": "env", "secret_key": "LANGGRAPH_SECRET_CHAT"}
IN_FILE = {"name": "FROM_FILE", "secret_name": "file", "secret_key": "chat/key"}
IN_CLUSTER = {"name": "FROM_CLUSTER", "secret_name": "llm-keys", "secret_key": "openai"}


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A controller that has what is referred to; gives the options that allow it."""
    monkeypatch.setenv("LANGGRAPH_SECRET_CHAT", VALUE)
    path = tmp_path / "secrets" / "chat" / "key"
    path.parent.mkdir(parents=True)
    path.write_text(f"{VALUE} in a file\n")
    return {"secrets_directory": str(tmp_path / "secrets")}


def deploy(ok: Call, source: Path, *references: dict[str, str], name: str = "chat") -> dict[str, Any]:
    """A deployment with references."""
    return ok(
        "deployment",
        name=name,
        source_directory=str(source),
        secrets={"OWN": "canary-own"},
        secret_references=list(references),
    )


def claimed(result: dict[str, Any]) -> dict[str, Any]:
    """The content of the one claim file."""
    (claim,) = result["claims"]
    content: dict[str, Any] = json.loads(Path(claim["claim_file"]).read_text())
    return content


def test_references_are_kept_and_compared(ok: Call, source: Path) -> None:
    made = deploy(ok, source, IN_FILE, IN_ENV)
    assert made["deployment"]["secret_references"] == [IN_ENV, IN_FILE]
    assert not deploy(ok, source, IN_ENV, IN_FILE)["changed"]
    changed = deploy(ok, source, IN_ENV)
    assert changed["new_revision"]
    assert changed["diff"]["before"]["secret_references"] == [IN_ENV, IN_FILE]
    assert deploy(ok, source)["deployment"]["secret_references"] == []


def test_a_claim_has_their_values(ok: Call, source: Path, secrets: dict[str, Any]) -> None:
    deploy(ok, source, IN_ENV, IN_FILE, IN_CLUSTER)
    preview = ok("work_claim", check=True, **secrets)
    result = ok("work_claim", **secrets)
    for given in (preview, result):
        assert VALUE not in str(given)
        content = claimed(given)
        assert content["secrets"] == {"OWN": "canary-own", "FROM_ENV": VALUE, "FROM_FILE": f"{VALUE} in a file"}
        assert content["secret_references"] == [IN_CLUSTER]
    assert result["refused"] == []


def test_the_prefix_is_the_controllers_choice(ok: Call, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_TOKEN", VALUE)
    deploy(ok, source, {"name": "TOKEN", "secret_name": "env", "secret_key": "TEAM_TOKEN"})
    assert ok("work_claim", check=True)["claims"] == []
    assert ok("work_claim", check=True, secrets_env_prefix="")["claims"] == []
    assert claimed(ok("work_claim", secrets_env_prefix="TEAM_"))["secrets"]["TOKEN"] == VALUE


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({**IN_ENV, "secret_key": "LANGGRAPH_SECRET_MISSING"}, "FROM_ENV refers to the environment variable"),
        ({**IN_ENV, "secret_key": "PATH"}, "begin with LANGGRAPH_SECRET_"),
        ({**IN_FILE, "secret_key": "chat/missing"}, "FROM_FILE refers to the file chat/missing"),
    ],
)
def test_what_is_missing_fails_the_revision_and_nothing_else(
    ok: Call, source: Path, secrets: dict[str, Any], records: Records, reference: dict[str, str], words: str
) -> None:
    deploy(ok, source, IN_ENV, reference if reference["name"] != "FROM_ENV" else IN_FILE, name="good")
    records.apply_deployment({"name": "good", "secret_references": [IN_ENV]})
    deploy(ok, source, reference)
    preview = ok("work_claim", check=True, **secrets)
    assert [item["reported"] for item in preview["refused"]] == [False]
    result = ok("work_claim", **secrets)
    assert [claim["deployment"]["name"] for claim in result["claims"]] == ["good"]
    (refused,) = result["refused"]
    assert (refused["deployment"], refused["revision"], refused["reported"]) == ("chat", 1, True)
    assert words in refused["cause"]
    assert refused["cause"] == preview["refused"][0]["cause"]
    revision: Any = records.revision("chat")
    assert revision["status"].endswith("_FAILED")
    assert revision["cause"] == refused["cause"]
    deployment: Any = records.deployment("chat")
    assert not deployment["claim"]["held"]
    assert VALUE not in str(result)
    # Named and not deployed, it fails again and stays as it is.
    named = ok("work_claim", deployments=["chat"], **secrets)
    assert named["claims"] == []


def test_a_deployed_revision_stays_deployed(ok: Call, source: Path, secrets: Any, records: Records) -> None:
    deploy(ok, source, IN_FILE)
    claim = ok("work_claim", **secrets)["claims"][0]
    ok("work_report", claim_file=claim["claim_file"], status="DEPLOYED", url="http://h", release=True)
    result = ok("work_claim", deployments=["chat"])
    assert (result["claims"], result["changed"]) == ([], False)
    assert [item["reported"] for item in result["refused"]] == [False]
    revision: Any = records.revision("chat")
    assert revision["status"] == "DEPLOYED"
    deployment: Any = records.deployment("chat")
    assert not deployment["claim"]["held"]


def test_a_delete_needs_no_secret(ok: Call, source: Path, secrets: Any) -> None:
    deploy(ok, source, IN_FILE)
    claim = ok("work_claim", **secrets)["claims"][0]
    ok("work_report", claim_file=claim["claim_file"], status="DEPLOYED", url="http://h", release=True)
    ok("deployment", name="chat", state="absent")
    (delete,) = ok("work_claim")["claims"]
    assert delete["action"] == "delete"


def test_the_playbook_fails_with_what_is_missing(ok: Call, source: Path, playbook: Any, records: Records) -> None:
    deploy(ok, source, IN_FILE)
    (playbook.directory / "hosts.json").write_text(
        json.dumps({"langgraph_servers": {"hosts": {"here": {"ansible_connection": "local"}}}})
    )
    words = ["-i", str(playbook.directory / "hosts.json"), "-e", "langgraph_platform=supervisor"]
    command = [str(PLAYBOOK), *words, "selfhosted.langgraph.apply"]
    run = subprocess.run(command, env=dict(playbook.env), capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 2, run.stdout + run.stderr
    assert "1 of 1 failed: chat revision 1: The secret FROM_FILE refers to the file chat/key" in run.stdout
    revision: Any = records.revision("chat")
    assert revision["status"].endswith("_FAILED")
