#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: records_restore
short_description: Bring the records of a file into a database
version_added: 0.1.0
description:
  - Restores what M(selfhosted.langgraph.records_dump) wrote, all of it or nothing.
  - A database that holds records already is refused, unless O(replace) says that they may be lost. They stay until the
    restored ones are complete, and come back when the restore fails.
  - The file may be from an older version of the collection; M(selfhosted.langgraph.records_schema) then brings the
    schema up to date.
  - Stop the control plane before; role C(langgraph_control_plane) does it in its entry point C(restore).
options:
  dsn:
    description:
      - The database, as a connection string of Postgres, of a user who may create a schema there.
      - Falls back to the environment variable E(LANGGRAPH_RECORDS_DSN).
    type: str
    required: true
  path:
    description: The file, on the host that runs the module.
    type: path
    required: true
  replace:
    description: Replace the records that are there.
    type: bool
    default: false
  pg_restore:
    description: The program, at least as new as the one that wrote the file.
    type: str
    default: pg_restore
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
attributes:
  diff_mode:
    support: none
  idempotent:
    support: none
    details: With O(replace) each run restores again, without it a second one is refused.
requirements:
  - psycopg >= 3.1 (Python library, on the host that runs the module)
  - pg_restore
seealso:
  - module: selfhosted.langgraph.records_dump
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Restore into an empty database
  selfhosted.langgraph.records_restore:
    dsn: postgresql://control_plane@db.example.org/control_plane
    path: /var/backups/langgraph-control-plane/records-20261126T020000Z.dump
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /var/backups/langgraph-control-plane/records-20261126T020000Z.dump
bytes:
  description: Its size.
  returned: success
  type: int
  sample: 48213
sha256:
  description: SHA-256 of its content.
  returned: success
  type: str
  sample: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
replaced:
  description: How many deployments and revisions were there before, null for an empty database.
  returned: success
  type: dict
  sample: {deployments: 3, revisions: 41}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_dump import Database, restore


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dsn": {
                "type": "str",
                "required": True,
                "no_log": True,
                "fallback": (env_fallback, ["LANGGRAPH_RECORDS_DSN"]),
            },
            "path": {"type": "path", "required": True},
            "replace": {"type": "bool", "default": False},
            "pg_restore": {"type": "str", "default": "pg_restore"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        result = restore(
            Database(params["dsn"]), Path(params["path"]), params["pg_restore"], params["replace"], module.check_mode
        )
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
