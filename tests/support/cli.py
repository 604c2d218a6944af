# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stock `langgraph` CLI, as its users run it: a program of its own environment, with nothing of ours in it.

Each version of VERSIONS is installed once below build/, from its locked list in stock_cli/, and kept until the list
changes. A call sees a home directory of its own, the control plane and a key, and nothing else of the caller's
environment.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent.parent
LISTS = Path(__file__).parent / "stock_cli"
HOME = ROOT / "build" / "stock-cli"
OLDEST, NEWEST = VERSIONS = ("0.4.34", "0.4.40")
# what a call keeps of the caller's environment: how to reach the machine's programs, engine and network
KEPT = ("PATH", "LANG", "LC_ALL", "TERM", "DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")


def installed(version: str) -> Path:
    """The program of a version; installs it when its list has changed or it is not there."""
    lock = LISTS / f"{version}.txt"
    folder = HOME / version
    stamp = folder / "stamp"
    wanted = hashlib.sha256(f"{sys.version}\n{folder}\n".encode() + lock.read_bytes()).hexdigest()
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{version}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (stamp.exists() and stamp.read_text() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            uv = Path(sys.executable).parent / "uv"
            python = folder / "bin" / "python"
            env = {**os.environ, "UV_SYSTEM_CERTS": "1"}
            steps: list[list[str | Path]] = [
                ["venv", "--quiet", "--python", sys.executable, folder],
                ["pip", "sync", "--quiet", "--require-hashes", "--python", python, lock],
            ]
            for words in steps:
                subprocess.run([uv, *words], check=True, env=env)
            stamp.write_text(wanted)
    return folder / "bin" / "langgraph"


@dataclasses.dataclass(frozen=True)
class Done:
    """A call that has ended."""

    rc: int
    out: str
    err: str

    def ok(self) -> Done:
        """This call, which succeeded."""
        assert self.rc == 0, self.text
        return self

    def failed(self, rc: int = 1) -> str:
        """What a call said that failed with this status; it must not have been a crash of the client."""
        assert self.rc == rc, self.text
        assert "Traceback" not in self.text, self.text
        return self.text

    @property
    def text(self) -> str:
        """All that it said."""
        return f"{self.out}\n{self.err}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it printed with --json: one event a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def rows(self) -> list[list[str]]:
        """Cells of the table that it printed, without the heads."""
        lines = self.out.splitlines()
        rule = next(number for number, line in enumerate(lines) if line and set(line) <= {"-", " "})
        starts = [i for i, sign in enumerate(lines[rule]) if sign == "-" and (i == 0 or lines[rule][i - 1] == " ")]
        edges = [*starts, None]
        return [[line[begin:end].strip() for begin, end in itertools.pairwise(edges)] for line in lines[rule + 1 :]]


class Running:
    """A call that runs; its lines can be awaited."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], cwd: Path) -> None:
        self._process = subprocess.Popen(
            words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._texts: dict[str, list[str]] = {"out": [], "err": []}
        self._readers = []
        for name, stream in (("out", self._process.stdout), ("err", self._process.stderr)):
            assert stream is not None
            reader = threading.Thread(target=self._read, args=(stream, self._texts[name]), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line)
            self._lines.put(line)

    def until(self, text: str, seconds: float = 30) -> str:
        """The next line that holds this text."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, min(0.5, deadline - time.monotonic())))
            except queue.Empty:
                assert time.monotonic() < deadline, f"{text!r} was not said: {self._texts}"
                assert self._process.poll() is None or not self._lines.empty(), f"ended without {text!r}: {self._texts}"
                continue
            if text in line:
                return line

    def stop(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float = 60) -> Done:
        """Its end."""
        try:
            rc = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"the call did not end: {self._texts}") from None
        for reader in self._readers:
            reader.join(10)
        return Done(rc, "".join(self._texts["out"]), "".join(self._texts["err"]))


@dataclasses.dataclass(frozen=True)
class StockCli:
    """The CLI of one version, pointed at a control plane with a key; ``home`` is a directory of this user's own."""

    version: str
    home: Path
    url: str
    key: str

    def environment(self, env: Mapping[str, str | None]) -> dict[str, str]:
        """Environment of a call; None takes a variable away."""
        self.home.mkdir(parents=True, exist_ok=True)
        made: dict[str, str | None] = {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "HOME": str(self.home),
            "LANGGRAPH_CLI_NO_ANALYTICS": "1",
            "LANGGRAPH_HOST_URL": self.url,
            "LANGSMITH_API_KEY": self.key,
            "PYTHONUNBUFFERED": "1",
            **env,
        }
        return {name: value for name, value in made.items() if value is not None}

    def start(self, *words: str, cwd: Path | None = None, **env: str | None) -> Running:
        """Begin a call."""
        command = [str(installed(self.version)), *words]
        variables = self.environment(env)
        return Running(command, variables, cwd or self.home)

    def run(self, *words: str, cwd: Path | None = None, seconds: float = 60, **env: str | None) -> Done:
        """A call to its end; nobody answers what it asks."""
        return self.start(*words, cwd=cwd, **env).wait(seconds)

    def answer(self, answers: str, *words: str, cwd: Path | None = None, **env: str | None) -> Done:
        """A call to its end by a person who types these lines."""
        done = subprocess.run(
            [str(installed(self.version)), *words],
            env=self.environment(env),
            cwd=cwd or self.home,
            input=answers,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)
