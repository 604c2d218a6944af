# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two installations, made once a session by the collection's own playbooks: a systemd host, one under supervisor."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Stack
from tests.support.ansible_runs import Controller
from tests.support.hosts import systemd_hosts
from tests.support.ports import free_port, port_range
from tests.support.postgres import PostgresServer, key_file, postgres_server

__all__ = ["key_file", "postgres_server"]

HOST = "lg-e2e"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


def controller(home: Path, inventory: dict[str, Any], variables: dict[str, Any]) -> Controller:
    """A control node whose files lie in ``home``."""
    home.mkdir(exist_ok=True)
    path = home / "inventory.json"
    path.write_text(json.dumps(inventory))
    return Controller(home=home, inventory=path, variables=variables)


def records(server: PostgresServer, key: Path) -> dict[str, Any]:
    """Options of the records modules; the database is empty."""
    dsn = server.tcp_dsn(server.create_database())
    return {"dsn": dsn, "encryption_key_file": str(key), "workspace": "default"}


def shared_variables(options: dict[str, Any]) -> dict[str, Any]:
    """What a user keeps in group_vars, whatever the platform."""
    return {
        "langgraph_records_dsn": options["dsn"],
        "langgraph_encryption_key_file": options["encryption_key_file"],
        "langgraph_server_uv_env": {
            name: os.environ[name] for name in ("UV_DEFAULT_INDEX", "HTTPS_PROXY", "NO_PROXY") if os.environ.get(name)
        },
    }


@pytest.fixture(scope="session")
def systemd(
    postgres_server: PostgresServer, key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A Debian host that boots systemd, with all parts installed by `site`; records on the control node."""
    systemd_hosts.up([HOST])
    options = records(postgres_server, key_file)
    variables = {
        **shared_variables(options),
        "langgraph_platform": "systemd",
        "langgraph_hosts": "langgraph_servers",
        "langgraph_proxy_public_host": systemd_hosts.address(HOST),
    }
    made = Stack(
        controller=controller(tmp_path_factory.mktemp("systemd"), systemd_hosts.inventory([HOST]), variables),
        records_options=options,
        platform="systemd",
    )
    made.module("records_schema")
    made.controller.playbook("site", timeout=900).ok()
    yield made
    systemd_hosts.down([HOST])


@pytest.fixture(scope="session")
def supervisor(
    postgres_server: PostgresServer, key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Everything as one user under supervisor, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="lge-", dir="/tmp") as short:
        options = records(postgres_server, key_file)
        port = free_port()
        variables = {
            **shared_variables(options),
            "langgraph_platform": "supervisor",
            "langgraph_hosts": "localhost",
            "langgraph_supervisor_dir": f"{short}/s",
            "langgraph_root": f"{short}/servers",
            "langgraph_port_range": port_range(100),
            "langgraph_postgres_port": port,
            "langgraph_postgres_password": "postgres-e2e-password",
        }
        made = Stack(
            controller=controller(
                tmp_path_factory.mktemp("supervisor"),
                {"all": {"hosts": {"localhost": LOCAL}}},
                variables,
            ),
            records_options=options,
            platform="supervisor",
        )
        role = {"ansible.builtin.include_role": {"name": "selfhosted.langgraph.langgraph_supervisor"}}
        made.controller.tasks([role]).ok()
        try:
            made.module("records_schema")
            made.controller.playbook("site").ok()
            yield made
        finally:
            made.controller.tasks([{**role, "vars": {"langgraph_supervisor_state": "stopped"}}]).ok()
