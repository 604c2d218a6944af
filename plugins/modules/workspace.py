#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workspace
short_description: Manage workspaces
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Writes into the records what workspace there is to be. Deployments, listeners and API keys belong to a workspace.
  - What is not given stays as it is.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.records
options:
  name:
    description:
      - Name of the workspace.
      - 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end.
    type: str
    required: true
  secrets_in_clear:
    description:
      - Whether answers of the API show the values of secrets to everybody who may read deployments, as the LangSmith
        control plane does.
      - A new workspace masks them, and shows them only to keys with the permission C(secrets:reveal).
    type: bool
  default_listener:
    description:
      - Name (its C(compute_id)) or ID of the listener that new deployments get which name none.
      - V(-) means that there is none. Deployments then get the only listener of the workspace, if there is one alone.
    type: str
  members:
    description: Who belongs to the workspace, and as what. The whole list is replaced when given.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the member, for example an address of e-mail.
        type: str
        required: true
      role:
        description: What the member may do. No API key of a member may do more.
        type: str
        choices: [admin, editor, viewer]
        required: true
  state:
    description:
      - Whether the workspace is to be there.
      - One with deployments or listeners cannot be deleted, nor can the one called C(default).
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: selfhosted.langgraph.workspace_info
  - module: selfhosted.langgraph.api_key
"""

EXAMPLES = r"""
- name: Have a workspace for a team
  selfhosted.langgraph.workspace:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    name: research
    members:
      - {name: alice@example.org, role: admin}
      - {name: bob@example.org, role: editor}

- name: Delete a workspace
  selfhosted.langgraph.workspace:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    name: trial
    state: absent
"""

RETURN = r"""
action:
  description: What was (or would be) done to the record, V(none), V(create), V(update) or V(delete).
  returned: success
  type: str
  sample: create
workspace:
  description: The workspace as it is now. Null if there is none. In check mode, as it is before the change.
  returned: success
  type: dict
  sample:
    id: 5b0f3a52-9a1b-4c6d-8e2f-0a9b8c7d6e5f
    name: research
    secrets_in_clear: false
    default_listener: main
    members: [{"name": "alice@example.org", "role": "admin"}]
    version: 2
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import MEMBER_ROLES
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_workspace import work


def main() -> None:
    run(
        spec(
            records_spec(),
            options={
                "name": {"type": "str", "required": True},
                "secrets_in_clear": {"type": "bool", "no_log": False},
                "default_listener": {"type": "str"},
                "members": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "name": {"type": "str", "required": True},
                        "role": {"type": "str", "choices": list(MEMBER_ROLES), "required": True},
                    },
                },
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
        ),
        work,
    )


if __name__ == "__main__":
    main()
