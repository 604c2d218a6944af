#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_database
short_description: The Postgres database and role of one deployment
version_added: 0.1.0
description:
  - Creates a role with a password and a limit of connections, and a database that belongs to it and keeps others out.
  - Removes both again, after a final dump. A dump that fails stops the removal.
  - Runs on a host that reaches Postgres, usually the one of the server. Passwords reach Postgres as SCRAM verifiers, so
    that no log of statements can show one.
options:
  slug:
    description:
      - Slug of the deployment. It names database and role, and the fence against outdated claims.
      - Left out for a database that belongs to no deployment; then O(name) is needed.
    type: str
  root:
    description: Directory of the deployments on this host, where the fence lies.
    type: path
    default: /opt/langgraph
  epoch:
    description: Epoch of the claim that this work belongs to. Left out where no records are used.
    type: int
  wait_lock:
    description: How long to wait for other work on the same deployment, in seconds.
    type: int
    default: 60
  claim_file:
    description:
      - File of a claim on the controller, as M(selfhosted.langgraph.work_claim) returns it.
      - It gives O(slug), O(epoch) and O(password).
    type: path
  name:
    description: Name of the database. Derived from O(slug) when left out.
    type: str
  role:
    description: Name of the role. The same as the database's when left out.
    type: str
  password:
    description: Password of the role. Needed with O(state=present).
    type: str
  connection_limit:
    description:
      - How many connections the role may have at least. A lower limit is raised, a higher one left alone, since a
        revision that still serves may need it. V(-1) is no limit.
    type: int
    default: -1
  login_dsn:
    description:
      - How the administrator, who may create roles and databases, logs in; a connection string of Postgres.
      - Left out, O(login_os_user) logs in over the local socket; then the module runs as root or as that user.
    type: str
  login_password_file:
    description: File on the host with the administrator's password, for a O(login_dsn) without one.
    type: path
  login_os_user:
    description: System user, and role of the same name, that logs in over the local socket.
    type: str
    default: postgres
  login_socket_dir:
    description: Directory of the local socket.
    type: path
    default: /var/run/postgresql
  login_port:
    description: Port of the server, for the local socket.
    type: int
    default: 5432
  server_host:
    description:
      - Address under which servers reach Postgres, for the result.
      - That of O(login_dsn) when left out, else V(127.0.0.1).
    type: str
  server_port:
    description: Port under which servers reach Postgres. That of O(login_dsn) when left out, else O(login_port).
    type: int
  state:
    description:
      - Whether database and role are there.
      - With V(reachable) the administrator only logs in, and needs the rights to create roles and databases.
    type: str
    choices: [present, absent, reachable]
    default: present
  wait:
    description: How long to wait for a server that does not answer yet, in seconds.
    type: int
    default: 0
  dump_dir:
    description: Directory for the final dump with O(state=absent), made with mode 0700 where missing.
    type: path
    default: /var/backups/langgraph
  skip_dump:
    description: Remove without a final dump.
    type: bool
    default: false
  pg_dump:
    description: The program that dumps, as a name on the PATH or a path.
    type: str
    default: pg_dump
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
requirements:
  - psycopg >= 3.1 (Python library, on the host that runs the module)
  - pg_dump at least as new as the server (for O(state=absent))
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Database of a deployment, password from its claim
  selfhosted.langgraph.server_database:
    claim_file: "{{ claim.claim_file }}"
    connection_limit: 40

- name: The same without records, in a server elsewhere
  selfhosted.langgraph.server_database:
    slug: chat-1a2b3c4d
    password: "{{ vault_chat_database_password }}"
    login_dsn: postgresql://admin@db.example.org/
    login_password_file: /etc/langgraph/postgres.password

- name: Dump and remove
  selfhosted.langgraph.server_database:
    slug: chat-1a2b3c4d
    state: absent
  register: removed
"""

RETURN = r"""
host:
  description: Address under which servers reach Postgres.
  returned: with O(state=present)
  type: str
  sample: 127.0.0.1
port:
  description: Port under which servers reach Postgres.
  returned: with O(state=present)
  type: int
  sample: 5432
name:
  description: Name of the database.
  returned: always
  type: str
  sample: lg_chat_1a2b3c4d
user:
  description: Name of the role.
  returned: always
  type: str
  sample: lg_chat_1a2b3c4d
sslmode:
  description: How servers should use TLS towards Postgres, as O(login_dsn) says; empty when it says nothing.
  returned: with O(state=present)
  type: str
  sample: require
steps:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [create role, create database]
dump:
  description: Path of the final dump on the host; empty without one.
  returned: with O(state=absent)
  type: str
  sample: /var/backups/langgraph/lg_chat_1a2b3c4d-20260301T101500Z.dump
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._database import Database, Wanted, database_name
from ansible_collections.selfhosted.langgraph.plugins.module_utils._database_login import Login
from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import Fence, compare, fenced
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import host_paths


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """Do what the options say, behind the fence of the deployment if there is one; the task's result."""
    params = module.params
    if not params["slug"]:
        return _work(module, None)
    paths = host_paths(params["root"], params["slug"])
    # Of a deployment that this host has nothing of (any more) there is nothing to guard, and nothing should be made.
    if module.check_mode or (params["state"] == "absent" and not paths.home.is_dir()):
        compare(paths, params["epoch"])
        return _work(module, None)
    with fenced(paths, params["epoch"], params["wait_lock"]) as fence:
        return _work(module, fence)


def _work(module: AnsibleModule, fence: Fence | None) -> dict[str, t.Any]:
    params = module.params
    name = params["name"] or (database_name(params["slug"]) if params["slug"] else "postgres")
    wanted = Wanted(name, params["role"] or name, params["password"] or "", params["connection_limit"]).checked()
    login = Login(
        dsn=params["login_dsn"] or "",
        os_user=params["login_os_user"],
        socket_dir=params["login_socket_dir"],
        port=params["login_port"],
        password_file=params["login_password_file"] or "",
    )
    with login.connect(wait=params["wait"]) as connection:
        database = Database(connection, login, wanted)
        if params["state"] == "reachable":
            database.check_rights()
            return {"changed": False, "steps": [], "name": wanted.name, "user": wanted.role}
        if params["state"] == "absent":
            return _absent(module, fence, database, login)
        return _present(module, fence, database, login)


def _present(module: AnsibleModule, fence: Fence | None, database: Database, login: Login) -> dict[str, t.Any]:
    params = module.params
    steps = database.steps()
    if steps and not module.check_mode:
        if fence:
            fence.check()
        database.make()
    limits = database.limits()
    if limits["promised"] > limits["max_connections"]:
        module.warn(
            f"Postgres on {login.where} has {limits['max_connections']} connections, but its roles may ask for"
            f" {limits['promised']}; raise langgraph_postgres_connections_budget."
        )
    found = login.parameters()
    host = params["server_host"] or (found.get("host") if params["login_dsn"] else None) or "127.0.0.1"
    return {
        "changed": bool(steps),
        "steps": steps,
        "diff": {"before": "", "after": "".join(f"{step} ({database.wanted.name})\n" for step in steps)},
        "host": host,
        "port": params["server_port"] or int(found.get("port", 5432)),
        "name": database.wanted.name,
        "user": database.wanted.role,
        "sslmode": found.get("sslmode", ""),
    }


def _absent(module: AnsibleModule, fence: Fence | None, database: Database, login: Login) -> dict[str, t.Any]:
    params = module.params
    steps = []
    if database.exists():
        steps += ["drop database"] if params["skip_dump"] else ["dump", "drop database"]
    if database.role_exists():
        steps.append("drop role")
    dump = ""
    if steps and not module.check_mode:
        if fence:
            fence.check()
        if "dump" in steps:
            dump = str(login.dump(database.wanted.name, Path(params["dump_dir"]), params["pg_dump"]))
        if fence:
            fence.check()
        database.drop()
    return {
        "changed": bool(steps),
        "steps": steps,
        "diff": {"before": "".join(f"{step} ({database.wanted.name})\n" for step in steps), "after": ""},
        "dump": dump,
        "name": database.wanted.name,
        "user": database.wanted.role,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "slug": {"type": "str"},
            "root": {"type": "path", "default": "/opt/langgraph"},
            "epoch": {"type": "int"},
            "wait_lock": {"type": "int", "default": 60},
            "claim_file": {"type": "path"},
            "name": {"type": "str"},
            "role": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "connection_limit": {"type": "int", "default": -1},
            "login_dsn": {"type": "str", "no_log": True},
            "login_password_file": {"type": "path", "no_log": False},
            "login_os_user": {"type": "str", "default": "postgres"},
            "login_socket_dir": {"type": "path", "default": "/var/run/postgresql"},
            "login_port": {"type": "int", "default": 5432},
            "server_host": {"type": "str"},
            "server_port": {"type": "int"},
            "state": {"type": "str", "choices": ["present", "absent", "reachable"], "default": "present"},
            "wait": {"type": "int", "default": 0},
            "dump_dir": {"type": "path", "default": "/var/backups/langgraph"},
            "skip_dump": {"type": "bool", "default": False},
            "pg_dump": {"type": "str", "default": "pg_dump"},
        },
        required_if=[
            ("state", "present", ["password"]),
            ("state", "present", ["slug", "name"], True),
            ("state", "absent", ["slug", "name"], True),
        ],
        supports_check_mode=True,
    )
    try:
        result = work(module)
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
