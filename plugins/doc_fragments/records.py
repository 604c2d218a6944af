# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of all modules that work on the records; twin of ``module_utils/_argspec.py``."""

    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - Address of the control plane through which the records are reached, for example
        V(https://langgraph.example.org/api-host).
      - This or O(dsn) is needed. Options win over the environment. Where neither is given,
        E(LANGGRAPH_RECORDS_DSN) wins over E(LANGGRAPH_HOST_URL).
      - Falls back to the environment variable E(LANGGRAPH_HOST_URL). An empty string means not given, here and in the
        other options.
    type: str
  api_key:
    description:
      - API key for O(api_url). What it may do follows from its role.
      - M(selfhosted.langgraph.api_key) makes one.
      - Falls back to the environment variable E(LANGSMITH_API_KEY).
    type: str
  validate_certs:
    description: Whether the certificate of O(api_url) is checked.
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates (PEM) of the authorities that may have signed the one of O(api_url).
      - The default are those of the system.
    type: path
  api_timeout:
    description: For how many seconds O(api_url) may stay silent.
    type: int
    default: 30
  dsn:
    description:
      - Where the records are, as a connection string of Postgres, for example
        V(postgresql://control_plane@db.example.org/control_plane).
      - A user of this string is an administrator of all records in that database.
      - Cannot be given together with O(api_url).
      - Falls back to the environment variable E(LANGGRAPH_RECORDS_DSN).
    type: str
  encryption_key_file:
    description:
      - File with the keys that encrypt the secrets in the records, one a line, the newest first. It goes with O(dsn).
      - Needed by whatever writes or delivers secrets. M(selfhosted.langgraph.records_schema) can create it.
      - Falls back to the environment variable E(LANGGRAPH_RECORDS_ENCRYPTION_KEY_FILE).
    type: path
  workspace:
    description:
      - Name or ID of the workspace that owns the records.
      - The default is V(default) with O(dsn), and the workspace of O(api_key) with O(api_url).
      - Falls back to the environment variable E(LANGSMITH_TENANT_ID).
    type: str
  actor:
    description:
      - Free text for the audit entries, for example the number of a ticket or the name of a pipeline.
      - The user of the database and the user on the host, or the API key, are always recorded.
    type: str
requirements:
  - psycopg >= 3.1 (Python library, on the host that runs the module; only with O(dsn))
  - cryptography (Python library, where secrets are written or delivered; only with O(dsn))
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
