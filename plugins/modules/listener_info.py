#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: listener_info
short_description: Show listeners
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Lists the listeners of a workspace by name.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.info
  - selfhosted.langgraph.records
  - selfhosted.langgraph.records.paging
options:
  compute_id:
    description: Name or ID of the one listener to show.
    type: str
seealso:
  - module: selfhosted.langgraph.listener
"""

EXAMPLES = r"""
- name: List the listeners
  selfhosted.langgraph.listener_info:
    dsn: postgresql:///control_plane
  register: found

- name: Show their names
  ansible.builtin.debug:
    msg: "{{ found.listeners | map(attribute='compute_id') | join(', ') }}"
"""

RETURN = r"""
listeners:
  description: The listeners; empty if none fits.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the listener.
      type: str
      sample: 9a2c0b7d-3c0e-4a51-9e0e-1b8b0f6f6b1d
    compute_id:
      description: Its name.
      type: str
      sample: main
    compute_type:
      description: What it deploys to, V(hosts) or V(k8s).
      type: str
      sample: hosts
    compute_config:
      description: Where it may deploy to.
      type: dict
      sample: {"host_groups": ["langgraph_servers"], "k8s_namespaces": ["langgraph_servers"]}
    version:
      description: Version of the program that listens.
      type: str
      sample: 0.1.0
    deployments:
      description: How many deployments it has.
      type: int
      sample: 3
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import list_spec, records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import listeners
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(spec(records_spec(), list_spec(), options={"compute_id": {"type": "str"}}), listeners)


if __name__ == "__main__":
    main()
