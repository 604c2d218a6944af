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
    status:
      description: Whether one of its processes was seen within the last 30 seconds, V(online) or V(offline).
      type: str
      sample: online
    last_seen_at:
      description: When one of its processes was seen last. Null if none was within the last day.
      type: str
      sample: "2026-01-31T12:00:00+00:00"
    capacity:
      description: How many pieces of work its processes do at once.
      type: int
      sample: 2
    processes:
      description: Its processes of the last day.
      type: list
      elements: dict
      contains:
        id:
          description: ID of the process.
          type: str
          sample: 5b0e2a53-6d0f-4f6c-9a53-0e4d5f1c2b7a
        host:
          description: Host that it runs on.
          type: str
          sample: rack-1
        pid:
          description: Its number there.
          type: int
          sample: 4711
        version:
          description: Its version.
          type: str
          sample: 0.1.0
        capacity:
          description: How many pieces of work it does at once.
          type: int
          sample: 2
        work:
          description: What it works on.
          type: list
          elements: dict
          sample:
            - claim_id: 0b4f1d8e-2f1e-4b58-8d6e-3d6a1b0c9e11
              deployment: chat
              revision: 4
              action: apply
              step: Build the revision
              since: "2026-01-31T11:59:00+00:00"
        started_at:
          description: When it was started.
          type: str
          sample: "2026-01-31T08:00:00+00:00"
        seen_at:
          description: When it was seen last.
          type: str
          sample: "2026-01-31T12:00:00+00:00"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import list_spec, records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import listeners
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(spec(records_spec(), list_spec(), options={"compute_id": {"type": "str"}}), listeners)


if __name__ == "__main__":
    main()
