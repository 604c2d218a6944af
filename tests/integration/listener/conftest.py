# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane, a workspace with a listener, and listener processes whose playbook is a skeleton.

Claims, leases and reports are real, and so is ansible-playbook; only servers are missing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.listener import ListenerDaemon
from tests.support.postgres import PostgresServer

PLAYBOOK = Path(__file__).parent / "playbooks" / "report.yml"
FINAL = ("DEPLOYED", "BUILD_FAILED", "DEPLOY_FAILED", "INTERRUPTED", "SKIPPED", "REPLACED")
INVENTORY = """\
all:
  children:
    langgraph_servers:
      hosts:
        localhost: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
    away:
      hosts:
        nowhere: {ansible_host: 127.0.0.1, ansible_port: 1, ansible_ssh_common_args: "-o ConnectTimeout=2"}
    empty: {}
"""
_numbers = itertools.count(1)


def image(name: str, **source_config: Any) -> dict[str, Any]:
    """What a deployment of an image is created with."""
    return {
        "name": name,
        "source": "external_docker",
        "source_config": {"resource_spec": {}, **source_config},
        "source_revision_config": {"image_uri": f"registry.example/agent@sha256:{'0' * 64}"},
        "secrets": [{"name": "CANARY", "value": "canary-c0ffee-value"}],
    }


@pytest.fixture(scope="session")
def plane(postgres_server: PostgresServer, records_template: str, key_file: Path) -> Iterator[ControlPlane]:
    """The service, for the whole session."""
    database = postgres_server.create_database(records_template)
    with running_control_plane(postgres_server.dsn(database), key_file) as running:
        yield running
    postgres_server.drop_database(database)


@dataclass
class Desk:
    """A workspace with the listener rack-1, its key, and what was started for it."""

    plane: ControlPlane
    http: httpx.Client
    listener: dict[str, Any]
    key: str
    inventory: Path
    daemons: list[ListenerDaemon] = field(default_factory=list)

    def daemon(self, **settings: Any) -> ListenerDaemon:
        """A listener process, not started yet."""
        usual = {"playbook": str(PLAYBOOK), "health_interval": 0, "metrics_interval": 0, "follow_logs": False}
        url = settings.pop("api_url", self.plane.url)
        made = ListenerDaemon(url, settings.pop("key", self.key), self.inventory, **{**usual, **settings})
        self.daemons.append(made)
        return made

    def create(self, name: str, **source_config: Any) -> dict[str, Any]:
        """A deployment of an image that nobody looks at."""
        references = source_config.pop("secret_references", [])
        body = {**image(name, listener_id=self.listener["id"], **source_config), "secret_references": references}
        made: dict[str, Any] = self.http.post("/v2/deployments", json=body).raise_for_status().json()
        return made

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """An answer of the API."""
        found: dict[str, Any] = self.http.get(path, params=params).raise_for_status().json()
        return found

    def revision(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """The latest revision."""
        found: dict[str, Any] = self.get(f"/v2/deployments/{deployment['id']}/revisions")["resources"][0]
        return found

    def final(self, deployment: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
        """The latest revision once it is final."""
        deadline = time.monotonic() + seconds
        while (found := self.revision(deployment))["status"] not in FINAL:
            said = "\n".join(daemon.log[-3000:] for daemon in self.daemons)
            assert time.monotonic() < deadline, f"{deployment['name']} is {found['status']}\n{said}"
            time.sleep(0.1)
        return found

    def logs(self, deployment: dict[str, Any]) -> list[str]:
        """Lines of its logs, of the build and of the deployment."""
        found: list[str] = []
        for kind in ("build", "deploy"):
            lines = self.get(f"/v2/deployments/{deployment['id']}/logs", type=kind, limit=1000)["logs"]
            found += [line["message"] for line in lines]
        return found


@pytest.fixture
def desk(plane: ControlPlane, tmp_path: Path) -> Iterator[Desk]:
    """A workspace of the test's own; what was started for it is gone afterwards."""
    name = f"desk-{next(_numbers)}"
    with plane.client(workspace="default") as admin:
        made = admin.post("/v2/workspaces", json={"name": name}).raise_for_status().json()
        place = {"X-Tenant-Id": made["id"]}
        key = admin.post("/v2/api-keys", json={"name": "tests", "role": "admin"}, headers=place).raise_for_status()
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(INVENTORY)
    with httpx.Client(base_url=plane.url, headers={"X-Api-Key": key.json()["key"]}, timeout=30) as client:
        config = {"host_groups": ["langgraph_servers", "away", "empty", "lacking"]}
        body = {"compute_type": "hosts", "compute_id": "rack-1", "compute_config": config}
        listener = client.post("/v2/listeners", json=body).raise_for_status().json()
        body = {"name": "rack-1", "role": "listener", "listener": "rack-1"}
        secret = client.post("/v2/api-keys", json=body).raise_for_status().json()["key"]
        found = Desk(plane, client, listener, secret, inventory)
        try:
            yield found
        finally:
            for daemon in found.daemons:
                daemon.remove()
