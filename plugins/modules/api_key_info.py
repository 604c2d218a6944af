#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_key_info
short_description: Show API keys of the control plane
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Lists the API keys of a workspace by name, with what they may do, when they end and when they were last used.
  - Keys themselves are never shown.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.info
  - selfhosted.langgraph.records
  - selfhosted.langgraph.records.paging
options:
  name:
    description: Name or ID of the one key to show.
    type: str
seealso:
  - module: selfhosted.langgraph.api_key
"""

EXAMPLES = r"""
- name: List the API keys
  selfhosted.langgraph.api_key_info:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
  register: found

- name: Show those that were never used
  ansible.builtin.debug:
    msg: "{{ found.api_keys | rejectattr('last_used_at') | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
api_keys:
  description: The keys; empty if none fits.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the key.
      type: str
      sample: 0d2f6a1e-1f0b-4f4e-9a59-2c1d8e7f6a5b
    name:
      description: Its name.
      type: str
      sample: pipeline
    prefix:
      description: How the key begins, to tell keys apart.
      type: str
      sample: lgcp_a2b3c4d5
    role:
      description: Its role.
      type: str
      sample: editor
    permissions:
      description: All that it may do.
      type: list
      elements: str
      sample: ["deployments:create", "deployments:read", "deployments:update", "listeners:read"]
    extra_permissions:
      description: What it was given besides its role.
      type: list
      elements: str
      sample: []
    listener:
      description: The listener whose key it is.
      type: str
      sample: null
    member:
      description: The member of the workspace whose key it is.
      type: str
      sample: alice@example.org
    organization:
      description: Whether it works in all workspaces.
      type: bool
      sample: false
    expires_at:
      description: When it ends.
      type: str
      sample: "2026-12-31T00:00:00+00:00"
    last_used_at:
      description: When it was last used.
      type: str
      sample: "2026-01-31T10:02:11+00:00"
    created_by:
      description: Who made it.
      type: str
      sample: alice@controller
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import list_spec, records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import api_keys
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(spec(records_spec(), list_spec(), options={"name": {"type": "str"}}), api_keys)


if __name__ == "__main__":
    main()
