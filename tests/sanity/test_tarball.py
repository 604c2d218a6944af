# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built collection holds what it should and nothing else; it installs and runs from a fresh folder, offline."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TOP_FILES = {"CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md"}
TOP_FOLDERS = {"changelogs", "docs", "examples", "extensions", "meta", "playbooks", "plugins", "roles"}
TOP_FOLDERS |= {"requirements", "services"}
LOCKS = {"requirements/control_plane.txt", "requirements/listener.txt"}
LEFTOVERS = ("__pycache__", ".pyc", "/tests/", "molecule", ".retry", "/fragments/", ".venv", ".git/", "_cache/")


def galaxy(*words: str | Path, env: Mapping[str, str] | None = None) -> None:
    """Run ansible-galaxy collection."""
    command = ["ansible-galaxy", "collection", *map(str, words)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, check=True)


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection as built from the checkout as it is, with all that tools left in it."""
    folder = tmp_path_factory.mktemp("dist")
    galaxy("build", "--output-path", folder, ROOT)
    found = list(folder.glob("selfhosted-langgraph-*.tar.gz"))
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def names(tarball: Path) -> set[str]:
    """Files in the tarball."""
    with tarfile.open(tarball) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


def shipped() -> set[str]:
    """Files that git holds in the folders that are shipped."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]
    return {
        name
        for name in tracked
        if (name in TOP_FILES or name.split("/")[0] in TOP_FOLDERS)
        and not name.startswith(("extensions/molecule/", "changelogs/fragments/"))
        and (not name.startswith("requirements/") or name in LOCKS)
    }


def test_tarball_holds_what_is_shipped(names: set[str]) -> None:
    assert sorted(shipped() - names) == []
    assert {"README.md", "LICENSE", "meta/runtime.yml", "meta/execution-environment.yml"} <= names


def test_tarball_holds_nothing_else(names: set[str]) -> None:
    strangers = {name for name in names if "/" not in name} - TOP_FILES
    strangers |= {name for name in names if "/" in name and name.split("/")[0] not in TOP_FOLDERS}
    assert sorted(strangers) == []
    assert sorted(name for name in names if any(mark in f"/{name}" for mark in LEFTOVERS)) == []


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which only the installed tarball is the collection."""
    folder = tmp_path_factory.mktemp("installed")
    home = tmp_path_factory.mktemp("home")
    # the test environment has the checkout as its collection: without the scan of Python's path only `folder` is one
    env = {
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    galaxy("install", "--offline", tarball, "-p", folder, env=env)
    return env


def test_installed_collection_documents_every_module(installed: dict[str, str], tmp_path: Path) -> None:
    command = ["ansible-doc", "--type", "module", "--list", "--json", "selfhosted.langgraph"]
    done = subprocess.run(
        command, env={**os.environ, **installed}, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    wanted = {f"selfhosted.langgraph.{path.stem}" for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py")}
    assert json.loads(done.stdout).keys() == wanted
    assert all(json.loads(done.stdout).values())


def test_installed_playbooks_are_found_by_name(installed: dict[str, str], tmp_path: Path) -> None:
    playbooks = [path.stem for path in (ROOT / "playbooks").glob("[a-z]*.yml")]
    assert playbooks
    for name in playbooks:
        command = ["ansible-playbook", "--syntax-check", "-i", "localhost,", f"selfhosted.langgraph.{name}"]
        done = subprocess.run(
            command, env={**os.environ, **installed}, cwd=tmp_path, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
        assert str(ROOT) not in done.stdout, "the checkout answered in place of the installed collection"


def test_version_agrees_everywhere(tarball: Path) -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert tarball.name == f"selfhosted-langgraph-{version}.tar.gz"
