# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real control plane for tests: ``python -m ...services.control_plane serve`` as a process of its own.

Fixture (import it in a conftest, beside those of ``tests.support.postgres``): ``control_plane``, over the test's own
``records_database``. Its ``key`` is an administrator's of the organization (without ``secrets:reveal``).
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess

PREFIX = "LANGGRAPH_CONTROL_PLANE_"


def environment(dsn: str, key_file: Path | str, **settings: Any) -> dict[str, str]:
    """The environment of a process of the service: settings by their names in lower case without the prefix."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {"dsn": dsn, "encryption_key_file": key_file, **settings}
    return {**own, **{f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()}}


class ControlPlane(ServiceProcess):
    """A control plane.

    url: of the API, with /api-host. key: an API key of the organization, role admin, once started. ``listening``: a
    socket of the test's own that it serves on; else a free port.
    """

    service = "control_plane"

    def __init__(self, dsn: str, key_file: Path | str, listening: socket.socket | None = None, **settings: Any) -> None:
        super().__init__()
        self._listening = listening
        self.port = listening.getsockname()[1] if listening else int(settings.pop("port", 0)) or free_port()
        self.key = ""
        self.dsn, self.encryption_key_file = dsn, Path(key_file)
        self._settings = {"port": self.port, "drain_seconds": 10, **settings}
        if listening is not None:
            self._settings["fd"] = listening.fileno()

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.port}{self._settings.get('base_path', '')}/api-host"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the process."""
        return environment(self.dsn, self.encryption_key_file, **self._settings)

    def bootstrap(self) -> str:
        """Make the first API key (of this object: others over the same records keep theirs); gives it."""
        file = self.home / "key"
        done = command(["bootstrap-key", "--file", str(file), "--name", f"tests-{self.port}"], self.environment)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return file.read_text().strip()

    def start(self, wait: bool = True) -> ControlPlane:
        """Start it, and wait until it answers (with a key of its own, unless there is one already)."""
        if wait and not self.key:
            self.key = self.bootstrap()
        passed = (self._listening.fileno(),) if self._listening else ()
        said = self.launch(["serve"], self.environment, passed)
        if wait:
            self.until(lambda: '"message": "serving"' in self.log[said:], 30)
        return self

    def remove(self) -> None:
        """Stop and leave nothing behind."""
        try:
            self.stop()
        finally:
            super().remove()

    # -- requests -------------------------------------------------------------------------------------------------

    def client(self, key: str | None = None, workspace: str | None = None, **options: Any) -> httpx.Client:
        """A client with a key (default: the first one; "" for none); to be closed by the test."""
        headers = {}
        if key != "":
            headers["X-Api-Key"] = key or self.key
        if workspace is not None:
            headers["X-Tenant-Id"] = workspace
        return httpx.Client(base_url=self.url, headers=headers, **{"timeout": 60, **options})

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, workspace: str = "") -> Any:
        """One request; the JSON of its answer. An error is an HTTPStatusError with the answer in its text."""
        with self.client(key, workspace or None) as client:
            answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
            if answer.is_error:
                raise httpx.HTTPStatusError(
                    f"{answer.status_code} {answer.text}", request=answer.request, response=answer
                )
            return answer.json() if answer.content else None

    def make_key(self, name: str, role: str = "viewer", workspace: str = "", **desired: Any) -> str:
        """Another API key; gives its text."""
        made: str = self.ask("POST", "/v2/api-keys", {"name": name, "role": role, **desired}, workspace=workspace)[
            "key"
        ]
        return made


def command(words: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the service to its end."""
    argv = ControlPlane.program(*words)
    return subprocess.run(argv, env=dict(env), capture_output=True, text=True, check=False)


@contextlib.contextmanager
def running_control_plane(dsn: str, key_file: Path | str, **settings: Any) -> Iterator[ControlPlane]:
    """A control plane for a ``with`` block."""
    service = ControlPlane(dsn, key_file, **settings)
    try:
        yield service.start()
    finally:
        service.remove()


def answers(url: str) -> bool:
    """Whether something answers there."""
    try:
        with urllib.request.urlopen(f"{url}/ok", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture
def control_plane(records_database: str, key_file: Path) -> Iterator[ControlPlane]:
    """A control plane over the test's own records."""
    with running_control_plane(records_database, key_file) as service:
        yield service
