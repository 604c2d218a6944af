# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""langgraph.json: what is honoured, what is named, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import Flavour, parse_flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._langgraph_config import (
    GraphConfig,
    parse_env_file,
    read_config,
)

DATA: dict[str, Any] = {
    "name": "langgraph",
    "version": {"default": "1.2.3", "tested": ["1.2.3", "1.3.0"]},
    "python": {"default": "3.11", "supported": ["3.11", "3.12"]},
    "requirements": ["server=={version}", "driver"],
    "config_env": {"graphs": "GRAPHS", "http": "HTTP", "store": "STORE"},
    "env": {"LOG": "true"},
    "fixed_env": {"EDITION": "pg"},
    "identity_env": {"REVISION": "revision_id"},
    "reserved_env": ["DATABASE_URI"],
    "unsupported": {"store.index": "there is no search", "ui": "there is no bundler"},
}


@pytest.fixture
def flavour() -> Flavour:
    return parse_flavour(DATA)


def read(tmp_path: Path, flavour: Flavour, files: tuple[str, ...] = ("agent.py",), **keys: Any) -> GraphConfig:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    content = {"dependencies": ["."], "graphs": {"agent": "./agent.py:graph"}, **keys}
    (tmp_path / "langgraph.json").write_text(json.dumps(content))
    return read_config(tmp_path, "langgraph.json", flavour)


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("./agent.py:graph", "{}/agent.py:graph"),
        ("agent.py:graph", "{}/agent.py:graph"),
        ("./x/../agent.py:graph", "{}/agent.py:graph"),
        (".\\agent.py:graph", "{}/agent.py:graph"),
        ("package.module:graph", "package.module:graph"),
    ],
)
def test_graph_references(tmp_path: Path, flavour: Flavour, reference: str, resolved: str) -> None:
    found = read(tmp_path, flavour, graphs={"a": reference, "b": {"path": reference, "description": "d"}})
    wanted = resolved.format(tmp_path)
    assert found.graphs == {"a": wanted, "b": wanted}
    env = found.server_env(flavour)
    assert json.loads(env["GRAPHS"]) == {"a": wanted, "b": {"path": wanted, "description": "d"}}


def test_environment_of_another_place(tmp_path: Path, flavour: Flavour) -> None:
    found = read(tmp_path, flavour, http={"app": "./agent.py:app", "cors": {"allow_origins": ["*"]}}, store={"x": 1})
    env = found.server_env(flavour, moved_to=Path("/opt/ü/source"))
    assert json.loads(env["HTTP"]) == {"app": "/opt/ü/source/agent.py:app", "cors": {"allow_origins": ["*"]}}
    assert json.loads(env["GRAPHS"]) == {"agent": "/opt/ü/source/agent.py:graph"}
    assert found.moved_path(f"{tmp_path}-other/x", Path("/y")) == f"{tmp_path}-other/x"


def test_what_is_not_honoured_is_named(tmp_path: Path, flavour: Flavour) -> None:
    found = read(
        tmp_path,
        flavour,
        store={"index": {"dims": 3}, "ttl": 1},
        ui={"a": "b"},
        dockerfile_lines=["RUN x"],
        base_image="",
        grahps={},
        env={"DATABASE_URI": "x", "EDITION": "y", "HTTP": "z", "REVISION": "1", "OWN": 1},
    )
    assert set(found.findings) == {
        "env in langgraph.json sets DATABASE_URI, which the platform sets itself; it is ignored.",
        "env in langgraph.json sets EDITION, which the platform sets itself; it is ignored.",
        "env in langgraph.json sets HTTP, which the platform sets itself; it is ignored.",
        "env in langgraph.json sets REVISION, which the platform sets itself; it is ignored.",
        "dockerfile_lines in langgraph.json is not honoured: no image is built; install system packages on the host.",
        "ui in langgraph.json is not honoured: there is no bundler.",
        "store.index in langgraph.json is not honoured: there is no search.",
        "grahps in langgraph.json is not known to flavour langgraph; it is ignored.",
    }
    assert found.env == {"OWN": "1"}
    assert json.loads(found.server_env(flavour)["STORE"]) == {"ttl": 1}


def test_keys_that_say_nothing_here_are_quiet(tmp_path: Path, flavour: Flavour) -> None:
    quiet = {
        "pip_installer": "uv",
        "keep_pkg_tools": True,
        "$schema": "x",
        "dockerfile_lines": [],
        "node_version": None,
    }
    assert read(tmp_path, flavour, **quiet).findings == []


def test_import_path_follows_the_layout(tmp_path: Path, flavour: Flavour) -> None:
    files = ("agent.py", "lib/src/pkg/__init__.py", "flat/__init__.py", "odd/src/__init__.py")
    found = read(tmp_path, flavour, files, dependencies=["./lib", "./flat", "./odd", "idna>=3"])
    assert found.python_path == [f"{tmp_path}/{p}" for p in ("lib/src", "lib", "flat")] + [
        str(tmp_path),
        f"{tmp_path}/odd",
    ]
    assert found.requirements == ["idna>=3"]


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"pyproject.toml": "[project]\nname='x'"}, "package"),
        ({"pyproject.toml": "[tool.poetry]\nname='x'"}, "package"),
        ({"setup.py": ""}, "package"),
        ({"pyproject.toml": "[tool.ruff]", "requirements.txt": ""}, "requirements"),
        ({"pyproject.toml": "[tool.ruff]"}, "plain"),
    ],
)
def test_kinds_of_projects(tmp_path: Path, flavour: Flavour, files: dict[str, str], kind: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert [project.kind for project in read(tmp_path, flavour).projects] == [kind]


def test_env_file(tmp_path: Path, flavour: Flavour) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    assert read(tmp_path, flavour, env=".env").env == {"A": "1"}
    missing = read(tmp_path, flavour, env=".env.production")
    assert missing.env == {}
    assert missing.findings == [
        (
            "langgraph.json reads env from .env.production, which is not in the source; "
            "give its variables as env and secrets."
        )
    ]


def test_env_file_syntax() -> None:
    text = "# c\nA=1\nexport B = two # c\nC='$HOME #x'\nD=\"a\\nb\"\nnothing\nE=\nF={{ x }}#y\n"
    wanted = {"A": "1", "B": "two", "C": "$HOME #x", "D": "a\nb", "E": "", "F": "{{ x }}#y"}
    assert parse_env_file(text) == wanted


@pytest.mark.parametrize("path", ["../langgraph.json", "/etc/passwd", "a/../../x"])
def test_configuration_outside_of_the_source(tmp_path: Path, flavour: Flavour, path: str) -> None:
    with pytest.raises(HostError, match="outside of the source"):
        read_config(tmp_path, path, flavour)


def test_flavour_versions(flavour: Flavour) -> None:
    assert [flavour.version(wanted) for wanted in (None, "", "1.3", "1.2.3")] == ["1.2.3", "1.2.3", "1.3.0", "1.2.3"]
    assert flavour.requirement_lines("1.3.0") == ["server==1.3.0", "driver"]
    assert (flavour.python(None), flavour.python("3.12-bookworm")) == ("3.11", "3.12")
    with pytest.raises(HostError, match=r"Flavour langgraph has no version 9; tested are 1.2.3, 1.3.0"):
        flavour.version("9")
    with pytest.raises(HostError, match=r"does not run on Python 3\.10"):
        flavour.python("3.10")


@pytest.mark.parametrize("missing", ["version", "python", "requirements"])
def test_flavour_that_is_incomplete(missing: str) -> None:
    with pytest.raises(HostError, match=r"The data of flavour langgraph is incomplete"):
        parse_flavour({key: value for key, value in DATA.items() if key != missing})
    with pytest.raises(HostError, match="Flavour 'aegra' is unknown"):
        parse_flavour(DATA, asked="aegra")
