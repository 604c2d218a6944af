# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of a service: what is packed, and what stays when a new one comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._releases import Releases, bring
from ansible_collections.selfhosted.langgraph.plugins.modules import service_release
from ansible_collections.selfhosted.langgraph.plugins.plugin_utils._collection import Release, pack

COLLECTION = "ansible_collections/selfhosted/langgraph"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    home = tmp_path / "collection"
    for name, text in {
        "galaxy.yml": "version: 1.2.3\n",
        "README.md": "not packed\n",
        "plugins/module_utils/_core.py": "VALUE = 1\n",
        "plugins/module_utils/__pycache__/_core.pyc": "not packed\n",
        "plugins/modules/thing.py": "VALUE = 2\n",
        "plugins/callback/work_log.py": "VALUE = 3\n",
        "roles/thing/tasks/main.yml": "---\n[]\n",
        "playbooks/apply.yml": "---\n[]\n",
        "meta/runtime.yml": "requires_ansible: '>=2.19.0'\n",
        "services/common/where.py": "print(__file__)\n",
        "services/control_plane/__main__.py": "VALUE = 4\n",
        "services/listener/__main__.py": "VALUE = 5\n",
        "requirements/control_plane.txt": "fastapi==1\n",
        "requirements/listener.txt": "ansible-core==2\n",
        "requirements/dev.txt": "not packed\n",
    }.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return home


def options(release: Release, archive: Path | None, keep: int = 3, service: str = "control_plane") -> dict[str, Any]:
    where = str(archive) if archive else None
    known = {
        "name": release.name,
        "lock_sha256": release.lock_sha256,
        "archive": where,
        "keep": keep,
        "service": service,
    }
    return {**known, "python": sys.executable, "venv_python": sys.executable, "uv": None, "uv_env": None}


def install(home: Path, collection: Path, keep: int = 3) -> dict[str, Any]:
    release = pack(collection, "control_plane")
    archive = home.parent / "archive.tar.gz"
    archive.write_bytes(release.archive)
    return bring(Releases(home), options(release, archive, keep), check=False)


PACKED = {
    "control_plane": [
        "plugins/module_utils/_core.py",
        "requirements/control_plane.txt",
        "services/common/where.py",
        "services/control_plane/__main__.py",
    ],
    "listener": [
        "meta/runtime.yml",
        "playbooks/apply.yml",
        "plugins/callback/work_log.py",
        "plugins/module_utils/_core.py",
        "plugins/modules/thing.py",
        "requirements/listener.txt",
        "roles/thing/tasks/main.yml",
        "services/common/where.py",
        "services/listener/__main__.py",
    ],
}


@pytest.mark.parametrize("service", PACKED)
def test_only_what_the_service_needs_is_packed(collection: Path, service: str) -> None:
    with tarfile.open(fileobj=BytesIO(pack(collection, service).archive)) as archive:
        assert archive.getnames() == [
            "ansible_collections/__init__.py",
            "ansible_collections/selfhosted/__init__.py",
            f"{COLLECTION}/MANIFEST.json",
            f"{COLLECTION}/__init__.py",
            *(f"{COLLECTION}/{name}" for name in PACKED[service]),
        ]
        manifest = archive.extractfile(f"{COLLECTION}/MANIFEST.json")
        assert manifest is not None
        assert json.load(manifest)["collection_info"]["version"] == "1.2.3"


def test_what_another_service_runs_on_is_no_new_release(collection: Path) -> None:
    before = {service: pack(collection, service) for service in PACKED}
    (collection / "services/listener/__main__.py").write_text("VALUE = 6\n")
    (collection / "playbooks/apply.yml").write_text("---\n# another one\n[]\n")
    assert pack(collection, "control_plane") == before["control_plane"]
    assert pack(collection, "listener").name != before["listener"].name
    assert pack(collection, "listener").lock_sha256 == before["listener"].lock_sha256


def test_equal_content_is_the_same_release(collection: Path) -> None:
    first = pack(collection, "control_plane")
    assert first.name.startswith("1.2.3-")
    os.utime(collection / "services/common/where.py", (1, 1))
    (collection / "README.md").write_text("something else\n")
    assert pack(collection, "control_plane") == first
    (collection / "services/common/where.py").write_text("print('else')\n")
    assert pack(collection, "control_plane").name != first.name


def test_an_incomplete_collection_is_named(collection: Path) -> None:
    (collection / "requirements/control_plane.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"control_plane\.txt"):
        pack(collection, "control_plane")


def test_a_release_wins_over_the_interpreters_own_collections(collection: Path, tmp_path: Path) -> None:
    done = install(tmp_path / "home", collection)
    command = [sys.executable, "-c", "from ansible_collections.selfhosted.langgraph.services.common import where"]
    environment = {"PYTHONPATH": done["directory"]}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith(done["directory"])


def test_installed_once(collection: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    preview = bring(Releases(home), options(pack(collection, "control_plane"), None), check=True)
    assert preview["changed"]
    assert preview["interpreter"] == os.path.realpath(sys.executable)
    assert not home.exists()
    assert bring(Releases(home), options(pack(collection, "control_plane"), None), check=False)["needs_archive"]
    done = install(home, collection)
    assert (done["changed"], done["actions"]) == (True, preview["actions"])
    assert os.readlink(home / "current") == f"releases/{done['release']}"
    again = install(home, collection)
    assert (again["changed"], again["actions"]) == (False, [])


def test_older_releases_are_kept_to_go_back(collection: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    names = []
    for number in range(4):
        (collection / "services/common/where.py").write_text(f"print({number})\n")
        names.append(install(home, collection, keep=2)["release"])
        os.utime(home / "releases" / names[-1], (number, number))
    assert sorted(path.name for path in (home / "releases").iterdir()) == sorted(names[1:])
    (collection / "services/common/where.py").write_text("print(1)\n")
    back = install(home, collection, keep=2)
    assert (back["release"], back["actions"]) == (names[1], [f"let current lead to {names[1]}"])


def test_the_environment_that_runs_stays_until_the_next_change(collection: Path, tmp_path: Path) -> None:
    home, uv = tmp_path / "home", tmp_path / "uv"
    uv.write_text('#!/bin/sh\nfor last; do :; done\n[ "$1" != venv ] || mkdir -p "$last/bin"\n')
    uv.chmod(0o755)
    made = []
    for number in range(3):
        interpreter = tmp_path / f"python{number}"
        interpreter.write_text(f"#!/bin/sh\necho 3 11 cpython-311 /opt/python{number}\n")
        interpreter.chmod(0o755)
        release = pack(collection, "control_plane")
        (tmp_path / "archive.tar.gz").write_bytes(release.archive)
        wanted = {**options(release, tmp_path / "archive.tar.gz"), "python": None, "uv": str(uv)}
        done = bring(Releases(home), {**wanted, "venv_python": str(interpreter)}, check=False)
        made.append(Path(done["python"]).parent.parent)
    assert done["removed"] == [str(made[0])]
    assert sorted((home / "venvs").iterdir()) == sorted(made[1:])


def test_drafts_of_killed_runs_go_away(collection: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    draft = home / "releases" / ".draft-abc"
    draft.mkdir(parents=True)
    install(home, collection)
    assert not draft.exists()


def test_a_damaged_archive_leaves_nothing(collection: Path, tmp_path: Path) -> None:
    home, archive = tmp_path / "home", tmp_path / "archive.tar.gz"
    archive.write_bytes(b"no tarball")
    with pytest.raises(HostError, match="no tarball"):
        bring(Releases(home), options(pack(collection, "control_plane"), archive), check=False)
    assert not list((home / "releases").iterdir())
    assert not (home / "current").exists()


def test_an_interpreter_that_is_none(collection: Path, tmp_path: Path) -> None:
    wanted = {**options(pack(collection, "control_plane"), None), "python": None, "venv_python": "/bin/echo"}
    with pytest.raises(HostError, match="/bin/echo is no Python that works"):
        bring(Releases(tmp_path / "home"), wanted, check=True)


@pytest.mark.parametrize("fails", [False, True])
def test_the_environment_of_uv_is_not_shown(
    collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fails: bool
) -> None:
    release = pack(collection, "control_plane")
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "no answer of $UV_DEFAULT_INDEX"\nexit 2\n')
    uv.chmod(0o755)
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(release.archive)
    wanted = {**options(release, archive), "dir": str(tmp_path / "home"), "uv": str(uv)}
    wanted.update(python=None if fails else sys.executable)
    wanted.update(uv_env={"UV_DEFAULT_INDEX": "https://me:word@index.test", "UV_NO_CACHE": "1"})
    with patch_module_args(wanted), pytest.raises(SystemExit):
        service_release.main()
    said = capsys.readouterr().out
    assert "me:word" not in said
    result = json.loads(said)
    assert result.get("failed", False) is fails
    assert fails or result["release"] == release.name
