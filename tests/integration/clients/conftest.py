# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One control plane for all clients, a workspace of its own for each test, and the stock CLI in both versions."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.clients.worker import Work, Worker
from tests.support.cli import VERSIONS, StockCli
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.postgres import PostgresServer

GRAPHS = Path(__file__).parent.parent.parent / "support" / "graphs"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(postgres_server: PostgresServer, records_template: str, key_file: Path) -> Iterator[ControlPlane]:
    """The service, for the whole session."""
    database = postgres_server.create_database(records_template)
    with running_control_plane(postgres_server.dsn(database), key_file) as running:
        yield running
    postgres_server.drop_database(database)


@dataclasses.dataclass
class Team:
    """A workspace, an admin's key of it, and who works for it."""

    plane: ControlPlane
    id: str
    name: str
    key: str
    http: httpx.Client
    worker: Worker

    def make_key(self, **desired: Any) -> str:
        """Another key of the workspace."""
        body = {"name": f"key-{next(_numbers)}", **desired}
        key: str = self.http.post("/v2/api-keys", json=body).raise_for_status().json()["key"]
        return key

    def make_key_of_the_organization(self) -> str:
        """A key that acts in any workspace."""
        body = {"name": f"key-{next(_numbers)}", "role": "admin", "organization": True}
        headers = {"X-Api-Key": self.plane.key, "X-Tenant-Id": self.id}
        key: str = self.http.post("/v2/api-keys", json=body, headers=headers).raise_for_status().json()["key"]
        return key

    def image(self, name: str, **body: Any) -> dict[str, Any]:
        """Create a deployment of an image by HTTP."""
        usual = {
            "name": name,
            "source": "external_docker",
            "source_config": {"resource_spec": {}},
            "source_revision_config": {"image_uri": f"registry.example/agent@sha256:{'0' * 64}"},
            "secrets": [],
        }
        made: dict[str, Any] = self.http.post("/v2/deployments", json={**usual, **body}).raise_for_status().json()
        return made

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its name."""
        found = self.http.get("/v2/deployments", params={"name": name}).raise_for_status().json()["resources"]
        assert len(found) == 1, found
        one: dict[str, Any] = found[0]
        return one

    def revisions(self, deployment_id: str) -> list[dict[str, Any]]:
        """Revisions, newest first."""
        answer = self.http.get(f"/v2/deployments/{deployment_id}/revisions").raise_for_status()
        found: list[dict[str, Any]] = answer.json()["resources"]
        return found

    def work(self, *names: str) -> Work:
        """The next claim."""
        return self.worker.claim(*names)


@pytest.fixture
def team(plane: ControlPlane) -> Iterator[Team]:
    """A workspace with nothing in it."""
    name = f"team-{next(_numbers)}"
    with plane.client(workspace="default") as admin:
        made = admin.post("/v2/workspaces", json={"name": name}).raise_for_status().json()
        place = {"X-Tenant-Id": made["id"]}
        key = admin.post("/v2/api-keys", json={"name": "tests", "role": "admin"}, headers=place).raise_for_status()
    secret = key.json()["key"]
    worker = Worker(plane.url, secret)
    with httpx.Client(base_url=plane.url, headers={"X-Api-Key": secret}, timeout=30) as client:
        yield Team(plane, made["id"], name, secret, client, worker)
    worker.close()


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """A version of the CLI."""
    found: str = request.param
    return found


@pytest.fixture
def cli(version: str, team: Team, tmp_path: Path) -> StockCli:
    """The CLI of a member of the team."""
    return StockCli(version, tmp_path / "home", team.plane.url, team.key)


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Make a project's directory from a graph; files given replace its own."""

    def make(graph: str = "echo", **files: str) -> Path:
        folder = tmp_path / f"project-{next(_numbers)}"
        shutil.copytree(GRAPHS / graph, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(content)
        return folder

    return make
