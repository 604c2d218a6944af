#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: records_schema
short_description: Bring the schema of the records up to date
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Creates the schema C(control_plane) in the database of O(dsn), with the workspace C(default), or brings it up to
    date.
  - Can create the key that secrets are encrypted with.
  - Newer schemas serve the code of the version before as well, so that the schema can be migrated first and the
    collection updated after.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.records
options:
  state:
    description: The schema is to be there and up to date.
    type: str
    choices: [present]
    default: present
  generate_key:
    description:
      - Create O(encryption_key_file) with a new key if there is no such file (mode 0600).
      - It is refused when the records were made with another key. Keep a copy of this file, for without it all
        secrets are lost.
    type: bool
    default: false
  rotate_keys:
    description:
      - Put all secrets under the newest key, which is the first line of O(encryption_key_file). Nothing is done for
        those
        that are under it already.
      - Put a new key on the first line, have this done, then take the old lines away. Whoever works with the records
        meanwhile needs the file with both keys.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Create the records, or bring them up to date
  selfhosted.langgraph.records_schema:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    generate_key: true
  register: schema

- name: Put all secrets under the key on the first line of the file
  selfhosted.langgraph.records_schema:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    rotate_keys: true

- name: Say what was done
  ansible.builtin.debug:
    msg: "Version {{ schema.version }}, applied {{ schema.applied }}"
"""

RETURN = r"""
action:
  description: What was (or would be) done, V(none), V(create) or V(update).
  returned: success
  type: str
  sample: create
version:
  description: Version of the schema. In check mode, before the change; V(0) if there is none.
  returned: success
  type: int
  sample: 1
code_version:
  description: Version of the schema that this collection is made for.
  returned: success
  type: int
  sample: 1
minimum_code:
  description: Lowest version of the code that the schema serves.
  returned: success
  type: int
  sample: 1
applied:
  description: Versions that were (or would be) applied.
  returned: success
  type: list
  elements: int
  sample: [1]
reencrypted:
  description: How many secrets were (or would be) put under the newest key.
  returned: success
  type: int
  sample: 0
key_generated:
  description: Whether a key was (or would be) made.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_schema import work


def main() -> None:
    run(
        spec(
            records_spec(),
            options={
                "state": {"type": "str", "choices": ["present"], "default": "present"},
                "generate_key": {"type": "bool", "default": False, "no_log": False},
                "rotate_keys": {"type": "bool", "default": False, "no_log": False},
            },
        ),
        work,
    )


if __name__ == "__main__":
    main()
