# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stock CLI pushes an image for real: its Docker client, a container engine, a registry that asks for a token.

What runs images comes later; here somebody claims the revision that the push made and says how it went.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import GRAPHS, copy_graph
from tests.integration.clients.worker import Worker
from tests.support.cli import OLDEST, VERSIONS, StockCli
from tests.support.control_plane import running_control_plane
from tests.support.postgres import PostgresServer
from tests.support.registry import TOKEN, USERS, Registry

URL = "https://agents.example/chat"
IMAGE = "lg-e2e-agent:1"


def docker(*words: str, data: bytes | None = None) -> str:
    """The Docker client; its output."""
    done = subprocess.run(["docker", *words], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """A local image for linux/amd64: one file."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        member = tarfile.TarInfo("agent")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"agent"))
    docker("import", "--platform", "linux/amd64", "-", IMAGE, data=layer.getvalue())
    yield IMAGE
    docker("image", "rm", "--force", docker("image", "inspect", "--format", "{{.Id}}", IMAGE).strip())


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_graph(GRAPHS / "echo", tmp_path / "project")


@pytest.fixture(params=VERSIONS)
def cli(
    request: pytest.FixtureRequest,
    postgres_server: PostgresServer,
    key_file: Path,
    registry: Registry,
    tmp_path: Path,
) -> Iterator[StockCli]:
    """The CLI, and a control plane that is set up with the registry."""
    token = tmp_path / "registry-token"
    token.write_text(TOKEN + "\n")
    user = USERS[1 if request.param == OLDEST else 0]
    settings = {"registry_url": f"{registry.address}/agents", "registry_username": user, "registry_token_file": token}
    dsn = postgres_server.dsn(postgres_server.create_database())
    with running_control_plane(dsn, key_file, **settings) as plane:
        yield StockCli(request.param, tmp_path / "home", plane.url, plane.key)


@pytest.fixture
def worker(cli: StockCli) -> Iterator[Worker]:
    """Somebody who claims."""
    with Worker(cli.url, cli.key) as working:
        yield working


def test_an_image_goes_to_the_registry_of_the_control_plane(
    cli: StockCli, worker: Worker, registry: Registry, image: str, project: Path
) -> None:
    for number in (1, 2):
        call = cli.start("deploy", "--no-input", "--name", "chat", "--image", image, cwd=project)
        work = worker.claim()
        repository, _at, digest = work.public["revision"]["image_uri"].partition("@")
        name = repository.removeprefix(f"{registry.address}/")
        assert name == (f"agents/{work.public['deployment']['slug']}" if cli.version != OLDEST else "agents/chat")
        assert digest == registry.digest(name, "latest")
        assert work.public["revision"]["number"] == number
        work.deploy(URL)
        done = call.wait().ok()
        assert f"URL: {URL}" in done.out
        assert TOKEN not in done.text


def test_an_image_goes_to_a_registry_of_the_user(
    cli: StockCli, worker: Worker, registry: Registry, image: str, project: Path
) -> None:
    config = cli.home / ".docker"
    docker("--config", str(config), "login", "-u", USERS[0], "--password-stdin", registry.address, data=TOKEN.encode())
    target = f"{registry.address}/team/agent:2"
    call = cli.start("deploy", "--no-input", "--name", "chat", "--image", image, "--push-to", target, cwd=project)
    work = worker.claim()
    assert work.public["revision"]["image_uri"] == f"{registry.address}/team/agent@{registry.digest('team/agent', '2')}"
    work.fail("DEPLOY_FAILED", "This listener runs no images.")
    assert "Deployment failed" in call.wait().failed()


def test_a_token_that_the_registry_refuses(
    cli: StockCli, registry: Registry, image: str, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "registry-token").write_text("an old one")
    said = cli.run("deploy", "--no-input", "--name", "chat", "--image", image, cwd=project).failed()
    assert "401 Unauthorized" in said
    headers = {"X-Api-Key": cli.key}
    made = httpx.get(f"{cli.url}/v2/deployments", headers=headers).raise_for_status().json()["resources"][0]
    assert made["latest_revision_id"] is None
