# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of all modules that work on the records; twin of ``module_utils/_argspec.py``."""

    DOCUMENTATION = r"""
options:
  dsn:
    description:
      - Where the records are, as a connection string of Postgres, for example
        V(postgresql://control_plane@db.example.org/control_plane).
      - A user of this string is an administrator of all records in that database.
      - Falls back to the environment variable E(LANGGRAPH_RECORDS_DSN). An empty string means not given.
    type: str
  encryption_key_file:
    description:
      - File with the keys that encrypt the secrets in the records, one a line, the newest first.
      - Needed by whatever writes or delivers secrets. M(selfhosted.langgraph.records_schema) can create it.
      - Falls back to the environment variable E(LANGGRAPH_RECORDS_ENCRYPTION_KEY_FILE).
    type: path
  workspace:
    description:
      - Name or ID of the workspace that owns the records.
      - Falls back to the environment variable E(LANGSMITH_TENANT_ID).
    type: str
    default: default
  actor:
    description:
      - Free text for the audit entries, for example the number of a ticket or the name of a pipeline.
      - The user of the database and the user on the host are always recorded.
    type: str
requirements:
  - psycopg >= 3.1 (Python library, on the host that runs the module)
  - cryptography (Python library, where secrets are written or delivered)
attributes:
  action_group:
    description: Use C(group/selfhosted.langgraph.records) in C(module_defaults) to set the options of the connection
      once.
    support: full
    membership:
      - selfhosted.langgraph.records
"""

    WAIT = r"""
options:
  wait:
    description:
      - Wait until the revision is final, and fail with its cause if it is not deployed then.
      - Something must do the work meanwhile, as a listener or C(ansible-playbook selfhosted.langgraph.apply) elsewhere.
    type: bool
    default: false
  wait_timeout:
    description: How long to wait at most, in seconds.
    type: int
    default: 900
"""

    PAGING = r"""
options:
  limit:
    description: How many to return at most (1 to 100).
    type: int
    default: 20
  offset:
    description: How many to leave out at the start.
    type: int
    default: 0
"""
