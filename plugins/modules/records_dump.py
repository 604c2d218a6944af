#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: records_dump
short_description: Write all records to a file
version_added: 0.1.0
description:
  - Dumps the schema C(control_plane) with everything in it, of all workspaces, as one consistent state. Nobody
    who works with the records is disturbed.
  - Secrets in the file are encrypted with the key of the records, which is not in it. Keep both, apart from each other.
  - The file is in the custom format of C(pg_dump), readable by its owner alone.
options:
  dsn:
    description:
      - Where the records are, as a connection string of Postgres.
      - Falls back to the environment variable E(LANGGRAPH_RECORDS_DSN).
    type: str
    required: true
  path:
    description: The file to write on the host that runs the module. There must be none yet.
    type: path
    required: true
  pg_dump:
    description: The program, at least as new as the server.
    type: str
    default: pg_dump
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
attributes:
  diff_mode:
    support: none
  idempotent:
    support: none
    details: Each run writes another file.
requirements:
  - psycopg >= 3.1 (Python library, on the host that runs the module)
  - pg_dump
seealso:
  - module: selfhosted.langgraph.records_restore
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Write all records to a file
  selfhosted.langgraph.records_dump:
    dsn: postgresql://control_plane@db.example.org/control_plane
    path: /var/backups/langgraph-control-plane/before-the-move.dump
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /var/backups/langgraph-control-plane/before-the-move.dump
bytes:
  description: Its size.
  returned: when it was written
  type: int
  sample: 48213
sha256:
  description: SHA-256 of its content.
  returned: when it was written
  type: str
  sample: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_dump import Database, dump


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
            "pg_dump": {"type": "str", "default": "pg_dump"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        result = dump(Database(params["dsn"]), Path(params["path"]), params["pg_dump"], module.check_mode)
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
