# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real service for the session, a workspace of its own for each test.

Every answer that a test gets through ``Place`` is held against the service's own OpenAPI: status, kind of content,
schema, and that no key is there that the schema does not know.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.postgres import PostgresServer

IMAGE = "registry.test/demo@sha256:" + "a" * 64
OWNER: dict[str, Any] = {
    "host": "worker.test",
    "boot_id": "boot",
    "pid": 4711,
    "start_time": 1,
    "label": "alice@worker",
}
OTHER: dict[str, Any] = {**OWNER, "pid": 4712, "label": "bob@worker"}
_NAMES = itertools.count(1)


class Answers:
    """The OpenAPI of the service, as a judge of answers."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._operations = [
            (method.upper(), re.compile(re.sub(r"{\w+}", "[^/]+", path)), operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        ]

    def operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        """What answers there; a path without parameters goes first."""
        found = [one for name, pattern, one in self._operations if name == method and pattern.fullmatch(path)]
        return found[0] if found else None

    def check(self, answer: httpx.Response) -> None:
        """Fail unless the answer is as it was described."""
        request = answer.request
        operation = self.operation(request.method, request.url.path.removeprefix("/api-host"))
        if operation is None or answer.status_code in (405, 501):
            return
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{request.method} {request.url.path} answers {answer.status_code}: {answer.text}"
        content = described.get("content")
        if not content:
            assert not answer.read(), f"{request.method} {request.url.path} {answer.status_code} has a body"
            return
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in content, f"{request.method} {request.url.path} answers {kind}"
        if kind == "application/json":
            schema = {**content[kind]["schema"], "components": self.document["components"]}
            jsonschema.Draft202012Validator(schema).validate(answer.json())
            self._known(content[kind]["schema"], answer.json(), request.url.path)

    def _known(self, schema: Mapping[str, Any], value: Any, place: str) -> None:
        """Fail for a key that the schema does not name."""
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return
        if isinstance(value, list):
            for one in value:
                self._known(schema.get("items", {}), one, f"{place}[]")
        elif isinstance(value, dict) and schema.get("properties"):
            unknown = value.keys() - schema["properties"].keys()
            assert not unknown, f"{place} has {sorted(unknown)}, which {schema.get('title')} does not know"
            for key, one in value.items():
                self._known(schema["properties"][key], one, f"{place}.{key}")


class Place:
    """A workspace of a control plane, and keys of each role in it."""

    def __init__(self, service: ControlPlane, answers: Answers, name: str) -> None:
        self.service, self.answers, self.name = service, answers, name
        self._keys: dict[str, str] = {}
        self._clients: list[httpx.Client] = []
        self.id: str = service.ask("POST", "/v2/workspaces", {"name": name}, workspace="default")["id"]
        self.admin = self.client(service.key)

    def client(self, key: str | None, **options: Any) -> httpx.Client:
        """A client with a key, in this workspace."""
        client = self.service.client(key, self.id, event_hooks={"response": [self._check]}, **options)
        self._clients.append(client)
        return client

    def _check(self, answer: httpx.Response) -> None:
        answer.read()
        self.answers.check(answer)

    def key(self, role: str, *permissions: str, **desired: Any) -> str:
        """A key of a role, with extra permissions."""
        name = "-".join([role, *(word.replace(":", "-") for word in permissions), *sorted(map(str, desired.values()))])
        if name not in self._keys:
            body = {"permissions": list(permissions), **desired}
            self._keys[name] = self.service.make_key(name, role, self.id, **body)
        return self._keys[name]

    def of(self, role: str, *permissions: str, **desired: Any) -> httpx.Client:
        """A client with a key of a role."""
        return self.client(self.key(role, *permissions, **desired))

    def close(self) -> None:
        """End all clients."""
        for client in self._clients:
            client.close()

    # -- what many tests need --------------------------------------------------------------------------------------

    def create(self, name: str = "demo", **body: Any) -> dict[str, Any]:
        """A deployment of an image, with its first revision queued."""
        asked = {
            "name": name,
            "source": "external_docker",
            "source_config": {"resource_spec": {}},
            "source_revision_config": {"image_uri": IMAGE},
            "secrets": [],
            **body,
        }
        answer = self.admin.post("/v2/deployments", json=asked)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def create_empty(self, name: str = "demo", source: str = "internal_source") -> dict[str, Any]:
        """What the stock client creates before it uploads."""
        return self.create(
            name, source=source, source_config={"deployment_type": "dev_zero"}, source_revision_config={}
        )

    def listener(self, compute_id: str) -> dict[str, Any]:
        """A listener of hosts."""
        body = {"compute_type": "hosts", "compute_id": compute_id, "compute_config": {"host_groups": ["all"]}}
        answer = self.admin.post("/v2/listeners", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def claim(self, client: httpx.Client | None = None, **body: Any) -> dict[str, Any]:
        """The answer to a claim."""
        answer = (client or self.admin).post("/v2/work/claim", json={"owner": OWNER, **body})
        assert answer.status_code == 200, answer.text
        claimed: dict[str, Any] = answer.json()
        return claimed

    def deploy(self, url: str | None = None) -> dict[str, Any]:
        """Claim the one deployment that is due, and report that its revision serves."""
        public: dict[str, Any] = self.claim()["claims"][0]["public"]
        body = {"claim_id": public["claim_id"], "epoch": public["epoch"], "status": "DEPLOYED", "release": True}
        answer = self.admin.post("/v2/work/report", json={**body, "url": url})
        assert answer.status_code == 200, answer.text
        return public


@pytest.fixture(scope="session")
def database(postgres_server: PostgresServer, records_template: str) -> str:
    """The records of the session's service."""
    return postgres_server.dsn(postgres_server.create_database(records_template))


@pytest.fixture(scope="session")
def service(database: str, key_file: Path) -> Iterator[ControlPlane]:
    """The session's service."""
    with running_control_plane(database, key_file) as running:
        yield running


@pytest.fixture(scope="session")
def answers(service: ControlPlane) -> Answers:
    """The judge of answers."""
    return Answers(service.ask("GET", "/openapi.json"))


@pytest.fixture
def place(service: ControlPlane, answers: Answers) -> Iterator[Place]:
    """A workspace of the test's own."""
    made = Place(service, answers, f"place-{next(_NAMES)}")
    yield made
    made.close()


@pytest.fixture
def other_place(service: ControlPlane, answers: Answers) -> Iterator[Place]:
    """Another workspace."""
    made = Place(service, answers, f"place-{next(_NAMES)}")
    yield made
    made.close()


@pytest.fixture
def tables(database: str) -> Iterator[Any]:
    """Rows of a query on the session's records."""
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        yield lambda query, *values: connection.execute(query, values or None).fetchall()
