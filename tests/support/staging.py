# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server host for tests of staging: a root of our own, the real uv and server packages, modules as processes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FLAVOURS = ROOT / "roles" / "langgraph_server" / "vars" / "flavours"
WORKSPACE = "00000000-0000-4000-8000-000000000001"
RUNNER = textwrap.dedent(
    """
    import importlib, json, sys
    from ansible.module_utils.testing import patch_module_args
    name, arguments = json.load(sys.stdin)
    with patch_module_args(arguments):
        importlib.import_module(f"ansible_collections.selfhosted.langgraph.plugins.modules.{name}").main()
    """
)

GRAPH = """
from typing import TypedDict
from langgraph.graph import START, StateGraph


class State(TypedDict):
    text: str


def answer(state):
    return {"text": "hello"}


graph = StateGraph(State).add_node("answer", answer).add_edge(START, "answer").compile()
"""


def flavour(name: str = "langgraph") -> dict[str, Any]:
    """The data of a flavour, as the role hands it over."""
    data: dict[str, Any] = yaml.safe_load((FLAVOURS / f"{name}.yml").read_text())
    found: dict[str, Any] = data["__langgraph_server_flavour"]
    return found


def config(**keys: Any) -> str:
    """Text of a langgraph.json with a good graph in agent.py."""
    return json.dumps({"dependencies": ["."], "graphs": {"agent": "./agent.py:graph"}, **keys})


def project(**files: str) -> dict[str, str]:
    """Files of a small good project; further ones and replacements by name, with `__` for `/`."""
    named = {name.replace("__", "/"): text for name, text in files.items()}
    return {"langgraph.json": config(), "agent.py": GRAPH, **named}


def tarball(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """Pack files; the same files make the same tarball."""
    with tarfile.open(path, "w:gz") as archive:
        for name, text in sorted(files.items()):
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@dataclasses.dataclass
class Process:
    """A module that runs."""

    popen: subprocess.Popen[str]
    request: str

    def wait(self, timeout: float = 120) -> dict[str, Any]:
        out, err = self.popen.communicate(timeout=timeout)
        start = out.find("{")
        assert start >= 0, f"no answer: {out}{err}"
        found: dict[str, Any] = json.loads(out[start:])
        return found

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.send_signal(signal.SIGKILL)
        self.popen.communicate(timeout=20)


class StageHost:
    """A host on platform supervisor, as the current user."""

    def __init__(self, root: Path, work: Path) -> None:
        self.root = root
        self.work = work
        self.python = sys.executable

    def slug(self, name: str = "chat") -> str:
        return f"{name}-{uuid.uuid4().hex[:8]}"

    def home(self, slug: str) -> Path:
        return self.root / slug

    def revision(self, slug: str, number: int) -> Path:
        return self.home(slug) / "revisions" / str(number)

    def leftovers(self, slug: str) -> list[str]:
        revisions = self.home(slug) / "revisions"
        return [path.name for path in revisions.iterdir() if not path.name.isdigit()] if revisions.exists() else []

    def pack(self, files: Mapping[str, str | bytes]) -> Path:
        return tarball(self.work / f"{uuid.uuid4().hex}.tar.gz", files)

    def parameters(
        self, slug: str, number: int, source: Mapping[str, str | bytes] | Path | None, **more: Any
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "root": str(self.root),
            "platform": "supervisor",
            "slug": slug,
            "workspace_id": WORKSPACE,
            "number": number,
            "revision_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{slug}/{number}")),
            "flavour": flavour(),
            "files": {"start.py": "# start\n", "units/api.unit": "[Unit]\n"},
            "timeout": 120,
        }
        if source is not None:
            path = source if isinstance(source, Path) else self.pack(source)
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            found |= {"source": str(path), "source_sha256": digest}
        return {**found, **more}

    def start(self, module: str, parameters: Mapping[str, Any], wrap: tuple[str, ...] = ()) -> Process:
        request = json.dumps([module, {**parameters, "_ansible_remote_tmp": str(self.work)}])
        popen = subprocess.Popen(
            [*wrap, self.python, "-c", RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert popen.stdin is not None
        popen.stdin.write(request)
        popen.stdin.close()
        popen.stdin = None
        return Process(popen, request)

    def run(self, module: str, parameters: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        return self.start(module, parameters, **options).wait()

    def stage(self, slug: str, number: int, source: Any, **more: Any) -> dict[str, Any]:
        return self.run("server_stage", self.parameters(slug, number, source, **more))

    def staged(self, slug: str, number: int, source: Any, **more: Any) -> dict[str, Any]:
        found = self.stage(slug, number, source, **more)
        assert not found.get("failed"), found
        assert found["staged"], found
        return found

    def refused(self, slug: str, number: int, source: Any, **more: Any) -> dict[str, Any]:
        """A staging that fails: one sentence, no draft left, no revision."""
        found = self.stage(slug, number, source, **more)
        assert found.get("failed"), found
        assert "Traceback" not in found["msg"], found["msg"]
        assert "\n" not in found["msg"], found["msg"]
        assert self.leftovers(slug) == []
        assert not self.revision(slug, number).exists()
        return found


def until(condition: Callable[[], bool], timeout: float = 30) -> bool:
    """Wait for it, in small steps."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


def processes_below(path: Path) -> list[int]:
    """Processes that work on files below a directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes()
                cwd = os.readlink(process / "cwd")
            except OSError:
                continue
            if str(path).encode() in command or cwd.startswith(str(path)):
                found.append(int(process.name))
    return found
