#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: listener
short_description: Manage listeners
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Writes into the records what listener there is to be. A listener is who applies the revisions of its deployments.
  - What is not given stays as it is.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.records
options:
  compute_id:
    description: Name of the listener, unique in its workspace.
    type: str
    required: true
  compute_type:
    description: What it deploys to. A new listener uses C(hosts). It cannot be changed later.
    type: str
    choices: ["", hosts, k8s]
  compute_config:
    description: Where it may deploy to.
    type: dict
    suboptions:
      host_groups:
        description: Groups of hosts.
        type: list
        elements: str
      k8s_namespaces:
        description: Namespaces. For the tools of the LangSmith control plane this is the same list as
          O(compute_config.host_groups).
        type: list
        elements: str
  version:
    description: Version of the program that listens.
    type: str
  state:
    description: Whether the listener is to be there. One that still has deployments cannot be deleted.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: selfhosted.langgraph.listener_info
"""

EXAMPLES = r"""
- name: Have a listener for the hosts of the group langgraph_servers
  selfhosted.langgraph.listener:
    dsn: postgresql:///control_plane
    compute_id: main
    compute_type: hosts
    compute_config:
      host_groups: [langgraph_servers]

- name: Delete a listener
  selfhosted.langgraph.listener:
    dsn: postgresql:///control_plane
    compute_id: old
    state: absent
"""

RETURN = r"""
action:
  description: What was (or would be) done to the record, V(none), V(create), V(update) or V(delete).
  returned: success
  type: str
  sample: create
listener:
  description: The listener as it is now. Null if there is none. In check mode, as it is before the change.
  returned: success
  type: dict
  sample:
    id: 9a2c0b7d-3c0e-4a51-9e0e-1b8b0f6f6b1d
    compute_id: main
    compute_type: hosts
    compute_config: {"host_groups": ["langgraph_servers"], "k8s_namespaces": ["langgraph_servers"]}
    deployments: 3
    status: online
    capacity: 2
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_listener import work
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(
        spec(
            records_spec(),
            options={
                "compute_id": {"type": "str", "required": True},
                "compute_type": {"type": "str", "choices": ["", "hosts", "k8s"]},
                "compute_config": {
                    "type": "dict",
                    "options": {
                        "host_groups": {"type": "list", "elements": "str"},
                        "k8s_namespaces": {"type": "list", "elements": "str"},
                    },
                },
                "version": {"type": "str"},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
        ),
        work,
    )


if __name__ == "__main__":
    main()
