# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bad input gets: one sentence that names the object and the next step, and a host as it was before."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.staging import GRAPH, StageHost, config, flavour, project

First = tuple[str, dict[str, Any], Path]

CONFIGS = {
    "no langgraph.json": (
        {"agent.py": GRAPH},
        "langgraph.json is not in the source; add it or set langgraph_config_path.",
    ),
    "langgraph.json elsewhere": (
        {"chat/langgraph.json": config(), "chat/agent.py": GRAPH},
        "langgraph.json is not in the source; add it or found chat/langgraph.json: set langgraph_config_path.",
    ),
    "no JSON": ({"langgraph.json": "{,"}, "langgraph.json is not valid JSON ("),
    "no object": ({"langgraph.json": "[]"}, "langgraph.json holds no JSON object; correct it."),
    "no graphs": (project(**{"langgraph.json": '{"dependencies": ["."]}'}), "langgraph.json names no graphs; add "),
    "graph path missing": (
        project(**{"langgraph.json": config(graphs={"a": "./gone.py:graph"})}),
        "Graph 'a' in langgraph.json is ./gone.py:graph, but the source has no file gone.py.",
    ),
    "graph path leaves the source": (
        project(**{"langgraph.json": config(graphs={"a": "../../x.py:graph"})}),
        "Graph 'a' is ../../x.py, which is outside of the source; use a path inside of it.",
    ),
    "no attribute": (
        project(**{"langgraph.json": config(graphs={"a": "./agent.py"})}),
        "Graph 'a' in langgraph.json is './agent.py'; write it as ./file.py:attribute or package.module:attribute.",
    ),
    "JavaScript": (
        project(**{"langgraph.json": config(graphs={"a": "./src/agent.ts:graph"})}),
        (
            "Graph 'a' in langgraph.json is JavaScript (./src/agent.ts:graph), which this platform "
            "does not run; use Python."
        ),
    ),
    "dependency missing": (
        project(**{"langgraph.json": config(dependencies=["./lib"])}),
        "Dependency ./lib in langgraph.json is not a directory of the source; correct it.",
    ),
    "dependency is an option": (
        project(**{"langgraph.json": config(dependencies=["--index-url=http://x"])}),
        "Dependency '--index-url=http://x' in langgraph.json is no package; options are not allowed here.",
    ),
    "python too new": (
        project(**{"langgraph.json": config(python_version="3.99")}),
        (
            "Flavour langgraph does not run on Python 3.99; set python_version in langgraph.json "
            "to one of 3.11, 3.12, 3.13."
        ),
    ),
    "python no version": (
        project(**{"langgraph.json": config(python_version="latest")}),
        "python_version 'latest' in langgraph.json is not of the form 3.12; correct it.",
    ),
    "malformed name in env": (
        project(**{"langgraph.json": config(env={"A-B": "1"})}),
        "env in langgraph.json has a malformed variable 'A-B'; names are letters, digits and _.",
    ),
    "broken pyproject": (
        project(**{"pyproject.toml": "[project"}),
        "pyproject.toml is not valid TOML (",
    ),
    "uv without lock": (
        {
            "agent.py": GRAPH,
            "langgraph.json": json.dumps({"graphs": {"a": "./agent.py:graph"}, "source": {"kind": "uv"}}),
        },
        "source.root in langgraph.json has no pyproject.toml; add it, or use dependencies.",
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configuration(host: StageHost, name: str) -> None:
    files, sentence = CONFIGS[name]
    found = host.refused(host.slug("bad"), 1, files)
    assert found["msg"].startswith(sentence)


IMPORTS = {
    "raises": ('raise RuntimeError("no key\\nfor the model")\n', "RuntimeError: no key for the model (agent.py:1)."),
    "module missing": (
        "import os\nimport not_there\n",
        "ModuleNotFoundError: No module named 'not_there' (agent.py:2).",
    ),
    "deeper": (
        "import helper\n",
        "ZeroDivisionError: division by zero (helper.py:2).",
    ),
    "syntax": ("def graph(:\n", "SyntaxError: invalid syntax (agent.py:1)."),
    "no such name": ("grahp = 1\n", "AttributeError: agent.py has no graph, it has grahp (no line)."),
    "exits": ('print("bye")\nraise SystemExit(3)\n', "SystemExit: 3 (agent.py:2)."),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_graph_that_cannot_be_imported(host: StageHost, first: First, name: str) -> None:
    text, cause = IMPORTS[name]
    files = project(**{"agent.py": text, "helper.py": "def f():\n    1 / 0\n\n\nf()\n"})
    before = sorted(path.name for path in (host.home(first[0]) / "revisions").iterdir())
    found = host.stage(first[0], 50, files)
    assert found["msg"] == f"Graph agent cannot be imported: {cause.replace(' (no line)', '')}"
    assert found["log_tail"], "the last lines of the process"
    assert sorted(path.name for path in (host.home(first[0]) / "revisions").iterdir()) == before


def test_process_that_dies_without_a_word(host: StageHost, first: First) -> None:
    found = host.stage(first[0], 50, project(**{"agent.py": 'import os\nprint("about to", flush=True)\nos._exit(7)\n'}))
    assert found["msg"].startswith("Importing the graphs of revision 50 ended with exit code 7 before it was done;")
    assert found["log_tail"][-1] == "about to"


def test_import_that_never_ends(host: StageHost, first: First) -> None:
    text = "import subprocess, time\nsubprocess.Popen(['sleep', '600'], cwd='.')\ntime.sleep(600)\n"
    found = host.stage(first[0], 50, project(**{"agent.py": text}), timeout=6)
    assert found["msg"] == "Importing the graphs of revision 50 took longer than 6 s."
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 600" not in listed.splitlines()


def test_secrets_in_the_output_are_masked(host: StageHost, first: First) -> None:
    text = 'import os\nprint("key is", os.environ["KEY"])\nraise RuntimeError(os.environ["KEY"])\n'
    found = host.stage(first[0], 50, project(**{"agent.py": text}), secrets={"KEY": "sk-very-secret", "SHORT": "1"})
    assert found["msg"] == "Graph agent cannot be imported: RuntimeError: ******** (agent.py:3)."
    assert "sk-very-secret" not in json.dumps(found)


def test_server_setting_that_the_server_refuses(host: StageHost, first: First) -> None:
    files = project(**{"langgraph.json": config(http={"app": "./agent.py:graph"})})
    found = host.stage(first[0], 50, files)
    assert found["failed"]
    assert found["msg"].startswith("The server cannot be imported: ")


def test_dependency_that_does_not_exist(host: StageHost) -> None:
    found = host.refused(
        host.slug("bad"), 1, project(**{"langgraph.json": config(dependencies=[".", "langgraph==0.0.0.1"])})
    )
    assert found["msg"].startswith("The dependencies cannot be resolved: Because ")
    assert "langgraph==0.0.0.1" in found["msg"]


def test_project_that_cannot_be_built(host: StageHost, first: First) -> None:
    build = '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n'
    metadata = '[project]\nname = "broken"\nversion = "1"\n'
    files = project(**{"pyproject.toml": metadata + build, "setup.py": 'raise SystemExit("cannot build")\n'})
    found = host.refused(host.slug("bad"), 1, files)
    assert "cannot be built: " in found["msg"] or "cannot be resolved: " in found["msg"]
    assert any("cannot build" in line for line in found["log_tail"])


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "flavour": (
        {"flavour": {"name": ""}},
        "Flavour '' is unknown; choose one that role langgraph_server has data for.",
    ),
    "flavour data": ({"flavour": {"name": "x"}}, "The data of flavour x is incomplete ("),
    "version": (
        {"api_version": "0.99"},
        (
            "Flavour langgraph has no version 0.99; tested are 0.11.1.post1: set api_version to "
            "one of them, or leave it out."
        ),
    ),
    "python": ({"python": "/nowhere/python3.11"}, "There is no Python at /nowhere/python3.11 on this host; correct "),
    "uv": (
        {"uv": "/nowhere/uv"},
        "There is no uv at /nowhere/uv on this host; correct langgraph_server_uv or leave it out.",
    ),
    "reserved": (
        {"env": {"DATABASE_URI": "x"}},
        "DATABASE_URI is set by the platform itself; take it out of env and secrets.",
    ),
    "malformed": ({"secrets": {"A B": "x"}}, "'A B' is no name of an environment variable; use letters, digits and _."),
    "NUL": ({"env": {"A": "x\0y"}}, "The value of A holds a NUL character; remove it."),
    "twice": ({"env": {"A": "x"}, "secrets": {"A": "y"}}, "A is both in env and in secrets; give it once."),
    "number as value": ({"env": {"A": 1}}, "env.A is int, not a string; put it in quotes."),
    "file": ({"files": {"../x": ""}}, "File '../x' cannot be part of a revision; give it another name."),
    "slug": ({"slug": "../etc"}, "Slug '../etc' is not of the form name-12ab34cd"),
    "root": ({"root": "/"}, "Root '/' is not an absolute directory below /; set langgraph_server_root."),
    "workspace": ({"workspace_id": "../x"}, "Workspace id '../x' is not a UUID; take it from the claim."),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(host: StageHost, name: str) -> None:
    options, sentence = OPTIONS[name]
    slug = host.slug("bad")
    found = host.run("server_stage", {**host.parameters(slug, 1, project()), **options})
    assert found["failed"]
    assert found["msg"].startswith(sentence)
    assert not host.revision(slug, 1).exists()
    assert host.leftovers(slug) == []


def test_python_that_the_host_lacks(host: StageHost) -> None:
    data = flavour()
    data["python"]["supported"].append("3.98")
    found = host.refused(
        host.slug("bad"), 1, project(**{"langgraph.json": config(python_version="3.98")}), flavour=data
    )
    assert found["msg"] == (
        "This host has no Python 3.98; install it (for example package python3.98), "
        "or set python_version in langgraph.json."
    )


def link(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("agent.py")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.addfile(member)


def device(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("null")
    member.type, member.devmajor, member.devminor = tarfile.CHRTYPE, 1, 3
    archive.addfile(member)


def named(name: str) -> Callable[[tarfile.TarFile], None]:
    def add(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))

    return add


MEMBERS = {
    "parent": (named("../outside"), "The source holds '../outside', which leaves its folder; pack it again without."),
    "inner parent": (
        named("a/../../b"),
        "The source holds 'a/../../b', which leaves its folder; pack it again without.",
    ),
    "absolute": (
        named("/tmp/outside"),
        "The source holds '/tmp/outside', which leaves its folder; pack it again without.",
    ),
    "link": (link, "The source holds 'agent.py', which is a link; pack it again without."),
    "device": (device, "The source holds 'null', which is a special file; pack it again without."),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_tarball_that_leaves_its_folder(host: StageHost, tmp_path: Path, name: str) -> None:
    add, sentence = MEMBERS[name]
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz") as archive:
        add(archive)
    assert host.refused(host.slug("bad"), 1, tmp_path / "source.tar.gz")["msg"] == sentence


@pytest.mark.parametrize("content", [b"", b"no tarball at all", b"\x1f\x8b\x08\x00cut"])
def test_source_that_is_no_tarball(host: StageHost, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "source").write_bytes(content)
    assert host.refused(host.slug("bad"), 1, tmp_path / "source")["msg"].startswith(
        "The source is no tarball that can be read ("
    )


def test_source_that_was_cut_off(host: StageHost, tmp_path: Path, first: First) -> None:
    (tmp_path / "source").write_bytes(first[2].read_bytes()[:-100])
    assert "The source is no tarball" in host.refused(host.slug("bad"), 1, tmp_path / "source")["msg"]


def test_source_that_arrived_damaged(host: StageHost, first: First) -> None:
    found = host.refused(host.slug("bad"), 1, first[2], source_sha256="0" * 64)
    assert found["msg"].startswith("The source of revision 1 arrived damaged (SHA-256 ")


@pytest.mark.parametrize("size_mb", [18, 60], ids=["unpacking", "installing"])
def test_disk_full(host: StageHost, tmp_path: Path, size_mb: int) -> None:
    """On a file system of its own, which only this process sees."""
    wrap = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*wrap, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a mount namespace")
    root = tmp_path / "small"
    root.mkdir()
    mount = f'mount -t tmpfs -o size={size_mb}m none {root} && "$@"; code=$?; ls -A {root}/*/revisions >&2; exit $code'
    slug = host.slug("full")
    source = host.pack({**project(), "big.bin": os.urandom(4 * 1024**2)})
    parameters = host.parameters(slug, 1, source, root=str(root))
    found = host.run("server_stage", parameters, wrap=(*wrap, "sh", "-c", mount, "sh"))
    assert found["failed"]
    assert found["msg"].startswith(f"No space left for {root}/{slug}/revisions")
    assert " MB are free" in found["msg"]
    assert found["msg"].endswith("; make room and run again.")
