# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""server_stage against the real uv and the real server packages."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.ansible_runs import Controller
from tests.support.staging import GRAPH, WORKSPACE, StageHost, config, flavour, project

First = tuple[str, dict[str, Any], Path]
GIVEN = {"env": {"GREETING": "hi"}, "secrets": {"TOKEN": "s3cr3t-value"}}


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_revision_is_whole(host: StageHost, first: First) -> None:
    slug, result, _source = first
    revision = host.revision(slug, 1)
    assert (result["changed"], result["staged"], result["lock_changed"]) == (True, True, True)
    assert (result["graphs"], result["version"]) == (["agent"], "0.11.1.post1")
    assert "langgraph-api==0.11.1\n" in result["lock"]
    env = read(revision / "env.json")
    assert (env["GREETING"], env["TOKEN"], env["LANGGRAPH_RUNTIME_EDITION"]) == ("hi", "s3cr3t-value", "pg")
    assert json.loads(env["LANGSERVE_GRAPHS"]) == {"agent": f"{revision}/source/agent.py:graph"}
    assert env["PYTHONPATH"] == f"{revision}/source"
    assert env["LANGSMITH_TENANT_ID"] == WORKSPACE
    meta = read(revision / "meta.json")
    assert (meta["number"], meta["working_dir"], meta["python_path"]) == (
        1,
        f"{revision}/source",
        [f"{revision}/source"],
    )
    assert (revision / "requirements.lock").read_text() == result["lock"]
    assert (revision / "start.py").read_text() == "# start\n"
    assert [oct((revision / name).stat().st_mode & 0o777) for name in (".", "env.json")] == ["0o700", "0o600"]
    assert list((revision / "venv" / "lib").rglob("langgraph_api/__pycache__/server.*.pyc"))
    assert host.leftovers(slug) == []
    assert "s3cr3t-value" not in json.dumps(result)


def test_again_changes_nothing_and_needs_no_source(host: StageHost, first: First) -> None:
    slug, result, source = first
    before = {p: p.stat().st_mtime_ns for p in host.revision(slug, 1).iterdir()}
    again = host.staged(slug, 1, source, **GIVEN)
    assert (again["changed"], again["lock"], again["diff"]) == (False, result["lock"], [])
    digest = read(host.revision(slug, 1) / "meta.json")["source_sha256"]
    assert host.staged(slug, 1, None, source_sha256=digest, **GIVEN)["changed"] is False
    assert {p: p.stat().st_mtime_ns for p in host.revision(slug, 1).iterdir()} == before


def test_without_source_it_says_so(host: StageHost, first: First) -> None:
    found = host.stage(first[0], 77, None)
    assert (found["needs_source"], found["staged"], found["changed"]) == (True, False, False)


def test_new_collection_or_flavour_changes_no_staged_revision(host: StageHost, first: First) -> None:
    slug, _result, source = first
    data = flavour()
    data["env"]["LG_BG_JOB_HEARTBEAT"] = "31"
    found = host.staged(
        slug, 1, source, flavour=data, files={"start.py": "# new\n"}, collection_version="9.9.9", **GIVEN
    )
    assert found["changed"] is False
    assert read(host.revision(slug, 1) / "env.json")["LG_BG_JOB_HEARTBEAT"] == "30"


@pytest.mark.parametrize("name", ["env.json", "start.py", "units/api.unit", "requirements.lock", "meta.json"])
def test_hand_edited_files_are_put_right(host: StageHost, first: First, name: str) -> None:
    slug, _result, source = first
    path = host.revision(slug, 1) / name
    text = path.read_text()
    path.unlink()
    if name != "meta.json":
        path.write_text("{}")
    assert host.run("server_stage", {**host.parameters(slug, 1, source, **GIVEN), "_ansible_check_mode": True})[
        "changed"
    ]
    assert path.exists() == (name != "meta.json")
    assert host.staged(slug, 1, source, **GIVEN)["changed"] is True
    assert path.read_text() == text
    assert host.staged(slug, 1, source, **GIVEN)["changed"] is False


def test_other_contents_need_a_new_number(host: StageHost, first: First) -> None:
    slug, _result, source = first
    found = host.stage(slug, 1, source, env={"GREETING": "changed"})
    assert found["failed"]
    assert "give the new contents a new number" in found["msg"]


def test_next_revision_keeps_the_lock_and_shares_the_packages(host: StageHost, first: First) -> None:
    slug, result, _source = first
    found = host.staged(slug, 2, {**project(), "agent.py": GRAPH + "\n# 2\n"})
    assert (found["lock"], found["lock_changed"]) == (result["lock"], False)
    inside = "venv/lib/python{}/site-packages/langgraph_api/server.py".format(found["python_version"])
    assert (host.revision(slug, 1) / inside).stat().st_ino == (host.revision(slug, 2) / inside).stat().st_ino


def test_damaged_venv_is_made_again(host: StageHost, first: First) -> None:
    slug, _result, source = first
    host.staged(slug, 3, source)
    (host.revision(slug, 3) / "venv" / "bin" / "python").unlink()
    assert host.stage(slug, 3, None, source_sha256=read(host.revision(slug, 3) / "meta.json")["source_sha256"])[
        "needs_source"
    ]
    assert host.staged(slug, 3, source)["changed"] is True
    assert os.access(host.revision(slug, 3) / "venv" / "bin" / "python", os.X_OK)


def test_lock_of_the_records_is_installed(host: StageHost, first: First) -> None:
    slug = host.slug("other")
    lock = first[1]["lock"].replace("idna==", "idna==3.7 # was ", 1)
    found = host.staged(slug, 1, first[2], lock=lock)
    assert (found["lock"], found["lock_changed"]) == (lock, False)
    assert list(host.revision(slug, 1).glob("venv/lib/*/site-packages/idna-3.7.dist-info"))
    # Another host resolved first: what this one has is replaced by what the records hold.
    assert host.staged(slug, 1, first[2], lock=first[1]["lock"])["changed"] is True
    assert not list(host.revision(slug, 1).glob("venv/lib/*/site-packages/idna-3.7.dist-info"))


def test_check_mode_does_nothing_and_masks(host: StageHost) -> None:
    slug = host.slug("check")
    parameters = host.parameters(slug, 1, project(), env={"NAME": "value-1"}, secrets={"KEY": "value-2"}, epoch=3)
    found = host.run("server_stage", {**parameters, "_ansible_check_mode": True, "_ansible_diff": True})
    assert (found["changed"], found["staged"]) == (True, False)
    assert not host.home(slug).exists()
    assert found["diff"][0]["after"] == "KEY=********\nNAME=********\n"
    assert {entry["after_header"] for entry in found["diff"][1:]} == {
        f"{slug} revision 1: start.py",
        f"{slug} revision 1: units/api.unit",
    }
    assert "value-" not in json.dumps(found)


def test_diff_against_what_serves(host: StageHost, first: First) -> None:
    slug, _result, source = first
    (host.home(slug) / "state.json").write_text(json.dumps({"colour": "blue", "revision": 1}))
    parameters = host.parameters(slug, 9, source, env={"GREETING": "ho"}, files={"start.py": "# start\n"})
    found = host.run("server_stage", {**parameters, "_ansible_check_mode": True, "_ansible_diff": True})
    (host.home(slug) / "state.json").unlink()
    assert [(entry["before"], entry["after"]) for entry in found["diff"]] == [
        ("GREETING=********\nTOKEN=********\n", "GREETING=******** (changed)\n")
    ]


LAYOUT = {
    "apps/chat/langgraph.json": config(
        dependencies=["./lib", "../shared", "idna==3.7"],
        graphs={"agent": {"path": "./lib/src/chat/graph.py:graph", "description": "d"}, "two": "chat.graph:graph"},
        http={"app": "./lib/web.py:app"},
        auth={"path": "./lib/access.py:auth"},
        env={"FROM_FILE": "1", "BOTH": "file", "PORT": "1"},
        store={"index": {"dims": 3}, "x": 1},
        dockerfile_lines=["RUN true"],
        node_version="20",
        wat=1,
    ),
    "apps/chat/lib/pyproject.toml": '[project]\nname = "chat-lib"\nversion = "1.2"\ndependencies = ["h11"]\n'
    '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n',
    "apps/chat/lib/src/chat/__init__.py": "",
    "apps/chat/lib/src/chat/graph.py": "import importlib.metadata, os, shared_names\n"
    'assert importlib.metadata.version("chat-lib") == "1.2"\nassert os.environ["BOTH"] == "deployment"\n' + GRAPH,
    "apps/chat/lib/web.py": "from starlette.applications import Starlette\napp = Starlette()\n",
    "apps/chat/lib/access.py": "from langgraph_sdk import Auth\nauth = Auth()\n\n\n@auth.authenticate\n"
    'async def who(headers: dict) -> str:\n    return "me"\n',
    "apps/shared/shared_names.py": "import iniconfig\n",
    "apps/shared/requirements.txt": "iniconfig==2.0.0\n",
}


def test_layouts_of_projects(host: StageHost) -> None:
    slug = host.slug("layout")
    found = host.staged(slug, 1, LAYOUT, langgraph_config_path="apps/chat/langgraph.json", env={"BOTH": "deployment"})
    revision = host.revision(slug, 1)
    source = revision / "source" / "apps"
    env = read(revision / "env.json")
    assert (env["FROM_FILE"], env["BOTH"]) == ("1", "deployment")
    assert "PORT" not in env
    assert env["PYTHONPATH"].split(":") == [f"{source}/chat/lib/src", f"{source}/chat/lib", f"{source}/shared"]
    assert json.loads(env["LANGGRAPH_HTTP"]) == {"app": f"{source}/chat/lib/web.py:app"}
    assert json.loads(env["LANGGRAPH_AUTH"]) == {"path": f"{source}/chat/lib/access.py:auth"}
    assert json.loads(env["LANGGRAPH_STORE"]) == {"x": 1}
    assert json.loads(env["LANGSERVE_GRAPHS"])["agent"] == {
        "path": f"{source}/chat/lib/src/chat/graph.py:graph",
        "description": "d",
    }
    assert "idna==3.7\n" in found["lock"]
    assert "iniconfig==2.0.0\n" in found["lock"]
    assert not list((revision / "source").rglob("*.egg-info")), "the source stays as it was uploaded"
    said = "\n".join(found["findings"])
    for word in ("dockerfile_lines", "node_version", "store.index", "wat", "PORT"):
        assert word in said


UV = {
    "langgraph.json": json.dumps({"graphs": {"agent": "./agent.py:graph"}, "source": {"kind": "uv", "root": "."}}),
    "agent.py": "import iniconfig\n" + GRAPH,
    "pyproject.toml": '[project]\nname = "locked"\nversion = "1"\nrequires-python = ">=3.11"\n'
    'dependencies = ["iniconfig", "langgraph"]\n[tool.uv]\npackage = false\n',
}


def test_uv_lock_of_the_source_is_kept(host: StageHost, tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "pyproject.toml").write_text(UV["pyproject.toml"].replace("iniconfig", "iniconfig==2.0.0"))
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "lock", "--quiet"], cwd=tmp_path, check=True, env=uv_environment(host))
    lock = (tmp_path / "uv.lock").read_text().replace('specifier = "==2.0.0"', "").replace(", }", " }")
    slug = host.slug("uv")
    found = host.staged(slug, 1, {**UV, "uv.lock": lock})
    assert "iniconfig==2.0.0\n" in found["lock"]
    assert found["findings"] == [] or "cannot be built" in found["findings"][0]


def uv_environment(host: StageHost) -> dict[str, str]:
    return {**os.environ, "UV_CACHE_DIR": str(host.root / "builders" / "00000000" / "cache"), "UV_SYSTEM_CERTS": "1"}


WILD = {"TEMPLATE": "{{ 6 * 7 }}", "SHELL": "$(touch /tmp/never) `id` ; \\n", "TEXT": "a\nb\t\"c\" 'd' ü €"}


def test_values_of_a_claim_arrive_byte_for_byte(host: StageHost, first: First, tmp_path: Path) -> None:
    """Through the action: the claim's file is read after templating, the source is sent once."""
    slug = host.slug("claim")
    claim = {
        "claim_id": "c",
        "epoch": 4,
        "deployment": {
            "id": WORKSPACE.replace("1", "2"),
            "name": "{{ name }}",
            "slug": slug,
            "workspace_id": WORKSPACE,
        },
        "revision": {"id": "r-1", "number": 1, "langgraph_config_path": "langgraph.json", "source_sha256": None},
        "connection": {},
        "env": WILD,
        "secrets": {"SECRET": "{{ lookup('pipe', 'id') }}"},
        "lock": first[1]["lock"],
    }
    (tmp_path / "claim.json").write_text(json.dumps(claim))
    (tmp_path / "inventory").write_text(
        f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
    )
    arguments = {
        "root": str(host.root),
        "platform": "supervisor",
        "flavour": flavour(),
        "claim_file": str(tmp_path / "claim.json"),
    }
    task = {"name": "Stage", "selfhosted.langgraph.server_stage": {**arguments, "source": str(first[2])}}
    controller = Controller(tmp_path, tmp_path / "inventory", {})
    predicted = controller.tasks([task], "--check", "--diff").ok().result("Stage")
    assert (predicted["changed"], predicted["needs_source"]) == (True, False)
    assert not host.home(slug).exists()
    run = controller.tasks([task]).ok()
    assert run.result("Stage")["changed"]
    assert "pipe" not in run.output
    env = read(host.revision(slug, 1) / "env.json")
    assert {name: env[name] for name in WILD} == WILD
    assert (env["SECRET"], env["LANGSMITH_HOST_PROJECT_NAME"]) == ("{{ lookup('pipe', 'id') }}", "{{ name }}")
    assert (host.home(slug) / "epoch").read_text() == "4\n"
    again = controller.tasks([{**task, "selfhosted.langgraph.server_stage": arguments}]).ok()
    assert (again.changed, again.result("Stage")["needs_source"]) == (0, False)
