#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_settings
short_description: Settings of a Postgres cluster, checked by the server itself
version_added: 0.1.0
description:
  - Writes settings to the drop-in file C(conf.d/50-langgraph.conf) of a cluster and lets the running server take them.
  - The server checks the file first; when it finds a mistake, the old file comes back and the module fails.
  - Never restarts the server. RV(restart_required) names the settings that take effect only then, in check mode too.
  - Runs as root, or as the system user of the server, on the server's host.
options:
  config_dir:
    description: Directory of the cluster's C(postgresql.conf), which includes C(conf.d).
    type: path
    required: true
  settings:
    description: Names and values, such as V(max_connections) and V(512MB).
    type: dict
    required: true
  login_os_user:
    description: System user that owns the server.
    type: str
    default: postgres
  login_socket_dir:
    description: Directory of the local sockets.
    type: path
    default: /var/run/postgresql
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
requirements:
  - psycopg >= 3.1 (Python library, on the host that runs the module)
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: More connections
  selfhosted.langgraph.postgres_settings:
    config_dir: /etc/postgresql/15/main
    settings:
      max_connections: 430
      shared_buffers: 512MB
  register: settings

- name: Restart only for that
  ansible.builtin.systemd_service:
    name: postgresql@15-main.service
    state: restarted
  when: settings.restart_required | length > 0
"""

RETURN = r"""
restart_required:
  description: Settings that differ from what the server runs with and take effect only when it is started anew.
  returned: always
  type: list
  elements: str
  sample: [max_connections]
port:
  description: Port on which the server answers now.
  returned: always
  type: int
  sample: 5432
"""

import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._database_settings import Cluster, text_of
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError


def work(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Bring the drop-in to what the options say; the task's result."""
    directory = Path(params["config_dir"])
    with Cluster(directory, params["login_socket_dir"], params["login_os_user"]) as cluster:
        before, after = cluster.current(), text_of(params["settings"])
        if before != after and not check:
            cluster.write(after)
        return {
            "changed": before != after,
            "diff": {
                "before": before,
                "after": after,
                "before_header": str(cluster.drop_in),
                "after_header": str(cluster.drop_in),
            },
            "restart_required": cluster.restarts_for(params["settings"]),
            "port": cluster.login.port,
        }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config_dir": {"type": "path", "required": True},
            "settings": {"type": "dict", "required": True},
            "login_os_user": {"type": "str", "default": "postgres"},
            "login_socket_dir": {"type": "path", "default": "/var/run/postgresql"},
        },
        supports_check_mode=True,
    )
    try:
        result = work(module.params, module.check_mode)
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
