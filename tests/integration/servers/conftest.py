# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host for all tests of running servers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ansible_runs import Run
from tests.support.postgres import running_postgres
from tests.support.servers import Server, ServerHost, redis_binary

ROLE = "selfhosted.langgraph.langgraph_server"


def by_role(server: Server, entry: str, number: int, *arguments: str, **variables: object) -> Run:
    """Run an entry point of the role on this deployment."""
    return server.host.controller.tasks(
        [{"name": entry, "ansible.builtin.include_role": {"name": ROLE, "tasks_from": entry}}],
        *arguments,
        langgraph_server_claim=server.claim(number),
        langgraph_server_ports=server.ports,
        langgraph_server_database={"uri": server.run_options["database_uri"]},
        langgraph_server_redis={"uri": server.run_options["redis_uri"]},
        langgraph_server_env={"COUNTER_FILE": str(server.counted), "COUNTER_VERSION": str(number)},
        **variables,
    )


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerHost]:
    """supervisord, Postgres and Redis; the paths are short, as those of sockets must be."""
    base = Path(tempfile.mkdtemp(prefix="lgs-", dir="/tmp"))
    with running_postgres(max_connections="200") as postgres:
        found = ServerHost(base, postgres, redis_binary(tmp_path_factory.mktemp("bin")))
        try:
            yield found
        finally:
            found.stop()
            shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def chat(host: ServerHost) -> Server:
    """A deployment whose revision 1 was staged and serves, all of it by the role."""
    server = Server(host, "chat")
    server.tarball = str(server.source())
    run = by_role(server, "revision", 1, langgraph_server_source=server.tarball).ok()
    assert run.result("The revision serves")["changed"]
    host.origin = host.revision(server.slug, 1)
    return server


@pytest.fixture(scope="module")
def server(chat: Server) -> Iterator[Server]:
    """Another deployment that serves; each test goes on from the revision that the one before left serving."""
    found = Server(chat.host, "work")
    found.apply(found.make())
    yield found
    found.remove()
