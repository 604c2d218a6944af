# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of what a playbook does about its claims; one place for the modules and the actions of these names."""

from __future__ import annotations

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import from_environment, records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_report import STATUSES

CLAIM = spec(
    records_spec(),
    options={
        "deployments": {"type": "list", "elements": "str"},
        "listener": {"type": "str"},
        "takeover": {"type": "bool", "default": False},
        "claim_id": {"type": "str"},
        "work_dir": {"type": "path", **from_environment("LANGGRAPH_WORK_DIR")},
        "secrets_env_prefix": {"type": "str", "no_log": False, **from_environment("LANGGRAPH_SECRETS_ENV_PREFIX")},
        "secrets_directory": {"type": "path", "no_log": False, **from_environment("LANGGRAPH_SECRETS_DIRECTORY")},
    },
)

SOURCE = spec(
    records_spec(),
    options={
        "claim_file": {"type": "path", "required": True},
        "timeout": {"type": "int", "default": 300},
    },
)

REPORT = spec(
    records_spec(),
    options={
        "claim_file": {"type": "path", "required": True},
        "status": {"type": "str", "choices": list(STATUSES)},
        "cause": {"type": "str"},
        "log_tail": {"type": "str"},
        "url": {"type": "str"},
        "lock": {"type": "str"},
        "repo_commit_sha": {"type": "str"},
        "source_sha256": {"type": "str"},
        "health": {"type": "dict"},
        "host_key": {"type": "str", "no_log": False},
        "queue_count": {"type": "int", "default": 1},
        "port_range": {"type": "str", "default": "22000-22999"},
        "fixed_ports": {"type": "dict"},
        "release": {"type": "bool", "default": False},
    },
)
