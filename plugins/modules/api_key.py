#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_key
short_description: Manage API keys of the control plane
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Makes, changes and revokes keys for the control plane API, for people, pipelines and listeners.
  - The records keep no key, only what it takes to recognise one. A key is returned once, when it is made, or written to
    a file.
  - What is not given stays as it is.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.records
attributes:
  idempotent:
    details: A key that is there stays as it is, whatever the runs.
options:
  name:
    description: Name of the key, unique in its workspace.
    type: str
    required: true
  role:
    description:
      - What the key may do. A new one uses V(viewer), which reads.
      - V(editor) creates and changes deployments as well, V(admin) does everything in the workspace.
      - V(listener) claims and applies the deployments of one listener, see O(listener).
    type: str
    choices: ["", admin, editor, viewer, listener]
  permissions:
    description:
      - Permissions besides those of the role, for example V(secrets:reveal) or V(deployments:apply).
      - The whole list is replaced when given.
    type: list
    elements: str
  listener:
    description: Name (its C(compute_id)) of the listener whose key it is. It goes with O(role=listener).
    type: str
  member:
    description: Member of the workspace whose key it is. It never may do more than the member. It cannot be changed
      later.
    type: str
  organization:
    description: Whether the key works in all workspaces and manages them. It cannot be changed later.
    type: bool
  expires_at:
    description: When the key ends, as a time in ISO 8601, or V(never). A new one does not end by itself.
    type: str
  path:
    description:
      - File on the host that runs this module, to which a new key is written, with mode 0600. It is not returned then.
      - A key that exists must be in this file. With O(state=absent) the file is removed together with its key.
    type: path
  recreate:
    description: Revoke a key that exists but is not in O(path), and make another one.
    type: bool
    default: false
  state:
    description: Whether the key is to be there. One that is absent is refused at once.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: selfhosted.langgraph.api_key_info
  - module: selfhosted.langgraph.workspace
"""

EXAMPLES = r"""
- name: Have a key for a pipeline, in a file
  selfhosted.langgraph.api_key:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    name: pipeline
    role: editor
    path: /etc/pipeline/langgraph.key

- name: Make a key for a person who will look at deployments for a month
  selfhosted.langgraph.api_key:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    name: auditor
    expires_at: "2026-12-31T00:00:00+00:00"
  register: made
  no_log: true

- name: Revoke a key
  selfhosted.langgraph.api_key:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    name: auditor
    state: absent
"""

RETURN = r"""
action:
  description: What was (or would be) done to the record, V(none), V(create), V(update) or V(delete).
  returned: success
  type: str
  sample: create
key:
  description:
    - The key itself. Null but for the one run that made it without O(path).
    - It cannot be had again. Use C(no_log) on the task.
  returned: success
  type: str
  sample: null
path:
  description: The file with the key. Null without O(path).
  returned: success
  type: str
  sample: /etc/pipeline/langgraph.key
api_key:
  description: The record of the key as it is now. Null if there is none. In check mode, as it is before the change.
  returned: success
  type: dict
  sample:
    id: 0d2f6a1e-1f0b-4f4e-9a59-2c1d8e7f6a5b
    name: pipeline
    prefix: lgcp_a2b3c4d5
    role: editor
    permissions: ["deployments:create", "deployments:read", "deployments:update", "listeners:read"]
    expires_at: null
    last_used_at: "2026-01-31T10:02:11+00:00"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import ROLES
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_api_key import work
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(
        spec(
            records_spec(),
            options={
                "name": {"type": "str", "required": True},
                "role": {"type": "str", "choices": ["", *ROLES]},
                "permissions": {"type": "list", "elements": "str"},
                "listener": {"type": "str"},
                "member": {"type": "str"},
                "organization": {"type": "bool"},
                "expires_at": {"type": "str"},
                "path": {"type": "path"},
                "recreate": {"type": "bool", "default": False},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
        ),
        work,
    )


if __name__ == "__main__":
    main()
