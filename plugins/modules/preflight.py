#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check on a server host whether a staged revision can run
version_added: 0.1.0
description:
  - Looks at Postgres (reachable, version, rights, connections left), Redis, ports and disk, and imports the graphs, in
    one process of the revision's virtual environment as the user that the server runs as.
  - Each finding is one sentence. No finding holds a password. Nothing is changed.
author:
  - selfhosted.langgraph contributors (@selfhosted)
extends_documentation_fragment:
  - selfhosted.langgraph.server_host
options:
  number:
    description: Number of the staged revision; by default the one that serves.
    type: int
  database_uri:
    description:
      - Address of the database. By default that of O(database_host) and so on, else the one the server uses.
    type: str
  database_host:
    description: Host of Postgres, or the directory of its socket.
    type: str
  database_port:
    description: Port of Postgres.
    type: int
    default: 5432
  database_name:
    description: Name of the database.
    type: str
  database_user:
    description: Role that the server connects as.
    type: str
  database_password:
    description: Password of the role. With O(claim_file) it comes from the claim.
    type: str
  redis_uri:
    description: Address of Redis. By default that of O(redis_host) and so on, else the one the server uses.
    type: str
  redis_host:
    description: Host of Redis.
    type: str
  redis_port:
    description: Port of Redis.
    type: int
    default: 6379
  redis_user:
    description: User of Redis.
    type: str
    default: langgraph
  redis_password:
    description: Password of that user. With O(claim_file) it comes from the claim.
    type: str
  connections:
    description: Connections to Postgres that the servers of this deployment hold together; V(0) leaves this out.
    type: int
    default: 0
  ports:
    description: Ports that have to be free, or held by this deployment.
    type: list
    elements: int
    default: []
  disk_mb:
    description: Megabytes that have to be free below O(root); V(0) leaves this out.
    type: int
    default: 200
  imports:
    description: Import every graph.
    type: bool
    default: true
  strict:
    description: Fail when a finding is bad.
    type: bool
    default: true
  timeout:
    description: Seconds that the checks may take.
    type: int
    default: 60
attributes:
  check_mode:
    description: This module changes nothing.
    support: full
  diff_mode:
    description: This module changes nothing.
    support: N/A
"""

EXAMPLES = r"""
- name: Check what serves
  selfhosted.langgraph.preflight:
    root: /opt/langgraph
    slug: chat-1a2b3c4d

- name: Check a revision before it is started, and go on in any case
  selfhosted.langgraph.preflight:
    root: /opt/langgraph
    slug: chat-1a2b3c4d
    number: 4
    database_uri: postgresql://lg_chat_1a2b3c4d@db.example.org/lg_chat_1a2b3c4d
    connections: 40
    ports: [22000, 22001]
    strict: false
"""

RETURN = r"""
findings:
  description: All findings, good ones too.
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description: What was looked at.
      type: str
      sample: postgres_version
    ok:
      description: Whether it is as it should be.
      type: bool
    message:
      description: One sentence; a bad one names the next step.
      type: str
ok:
  description: Whether every finding is good.
  returned: always
  type: bool
log_tail:
  description: Last lines of the process when it did not come to an answer.
  returned: failure
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _database, _redis_instance
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import host_spec, module_paths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._probe import preflight
from ansible_collections.selfhosted.langgraph.plugins.module_utils._revision_files import read_json


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **host_spec(),
            "number": {"type": "int"},
            "database_uri": {"type": "str", "no_log": True},
            "database_host": {"type": "str"},
            "database_port": {"type": "int", "default": 5432},
            "database_name": {"type": "str"},
            "database_user": {"type": "str"},
            "database_password": {"type": "str", "no_log": True},
            "redis_uri": {"type": "str", "no_log": True},
            "redis_host": {"type": "str"},
            "redis_port": {"type": "int", "default": 6379},
            "redis_user": {"type": "str", "default": "langgraph"},
            "redis_password": {"type": "str", "no_log": True},
            "connections": {"type": "int", "default": 0},
            "ports": {"type": "list", "elements": "int", "default": []},
            "disk_mb": {"type": "int", "default": 200},
            "imports": {"type": "bool", "default": True},
            "strict": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 60},
        },
        required_by={"database_host": ["database_name", "database_user"]},
        supports_check_mode=True,
    )
    try:
        findings = run(module.params)
    except HostError as error:
        module.fail_json(**error.result())
    bad = [finding["message"] for finding in findings if not finding["ok"]]
    result = {"changed": False, "findings": findings, "ok": not bad}
    if bad and module.params["strict"]:
        module.fail_json(msg=" ".join(bad), **result)
    module.exit_json(**result)


def run(params: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    paths = module_paths(params)
    number = params["number"]
    if number is None:
        number = (read_json(paths.state) or {}).get("revision")
    if number is None:
        raise HostError(f"No revision of {paths.slug} serves on this host; give the number of a staged one.")
    database_uri, redis_uri = params["database_uri"], params["redis_uri"]
    if not database_uri and params["database_host"]:
        keys = ("host", "port", "name", "user")
        found = {key: params[f"database_{key}"] for key in keys}
        database_uri = _database.uri(found, params["database_password"] or "")
    if not redis_uri and params["redis_host"]:
        found = {"host": params["redis_host"], "port": params["redis_port"], "username": params["redis_user"]}
        redis_uri = _redis_instance.uri(found, params["redis_password"] or "")
    used = read_json(paths.connections) or {}
    return preflight(
        paths,
        number,
        database_uri=database_uri or used.get("DATABASE_URI"),
        redis_uri=redis_uri or used.get("REDIS_URI"),
        connections=params["connections"],
        ports=params["ports"],
        disk_mb=params["disk_mb"],
        imports=params["imports"],
        timeout=float(params["timeout"]),
    )


if __name__ == "__main__":
    main()
