#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workspace_info
short_description: Show workspaces
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Lists workspaces by name, with their settings and members.
  - Through O(api_url), an API key of one workspace sees that one alone.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.info
  - selfhosted.langgraph.records
options:
  name:
    description: Name or ID of the one workspace to show.
    type: str
seealso:
  - module: selfhosted.langgraph.workspace
"""

EXAMPLES = r"""
- name: List the workspaces
  selfhosted.langgraph.workspace_info:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
  register: found

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ found.workspaces | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
workspaces:
  description: The workspaces; empty if none fits.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the workspace.
      type: str
      sample: 5b0f3a52-9a1b-4c6d-8e2f-0a9b8c7d6e5f
    name:
      description: Its name.
      type: str
      sample: research
    secrets_in_clear:
      description: Whether answers of the API show the values of secrets to everybody who may read deployments.
      type: bool
      sample: false
    default_listener:
      description: Name of the listener that new deployments get which name none.
      type: str
      sample: main
    members:
      description: Who belongs to it, with C(name) and C(role).
      type: list
      elements: dict
      sample: [{"name": "alice@example.org", "role": "admin"}]
    created_at:
      description: When it was made.
      type: str
      sample: "2026-01-31T10:02:11+00:00"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import workspaces
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(spec(records_spec(), options={"name": {"type": "str"}}), workspaces)


if __name__ == "__main__":
    main()
