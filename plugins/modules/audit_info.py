#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_info
short_description: Show who changed what in the records
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Lists entries of the audit, newest first. Each change of the records wrote one in the same transaction.
  - Values of secrets stand in no entry.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.info
  - selfhosted.langgraph.records
options:
  kind:
    description: Only changes of this kind of record, for example V(deployment), V(revision), V(listener) or V(api_key).
    type: str
  record:
    description: Only changes of this record, by name or ID.
    type: str
  action:
    description: Only this action, for example V(create), V(update), V(delete), V(claim), V(takeover) or V(reveal).
    type: str
  actor:
    description: Only changes by whom this is a part of the name.
    type: str
  since:
    description: Only changes from this time on, in ISO 8601.
    type: str
  until:
    description: Only changes up to this time, in ISO 8601.
    type: str
  limit:
    description: How many to return at most (1 to 1000).
    type: int
    default: 50
  after:
    description: Go on after an earlier answer, with its RV(next_offset).
    type: str
seealso:
  - module: selfhosted.langgraph.deployment_info
"""

EXAMPLES = r"""
- name: Look at the latest changes of a deployment
  selfhosted.langgraph.audit_info:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    kind: deployment
    record: chat
    limit: 10
  register: audit

- name: Say who did what
  ansible.builtin.debug:
    msg: "{{ item.at }} {{ item.actor }}: {{ item.action }}"
  loop: "{{ audit.entries }}"
  loop_control:
    label: "{{ item.id }}"
"""

RETURN = r"""
entries:
  description: The entries; empty if none fits.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Number of the entry.
      type: raw
      sample: 1042
    at:
      description: When it was.
      type: str
      sample: "2026-01-31T10:02:11+00:00"
    actor:
      description: Who did it.
      type: str
      sample: pipeline 4711 (alice@controller)
    key:
      description: The API key that was used, with C(id) and C(name). Null without one.
      type: dict
      sample: {"id": "0d2f6a1e-1f0b-4f4e-9a59-2c1d8e7f6a5b", "name": "pipeline"}
    from_address:
      description: The address that the request came from.
      type: str
      sample: 192.0.2.17
    action:
      description: What was done.
      type: str
      sample: update
    kind:
      description: The kind of record.
      type: str
      sample: deployment
    record_id:
      description: ID of the record.
      type: str
      sample: 0b7e6f2e-3d5d-4c55-8b62-8c0f4a3f1a11
    record_name:
      description: Its name.
      type: str
      sample: chat
    before:
      description: What it was, as far as it changed.
      type: dict
      sample: {"env": {"LOG_LEVEL": "info"}}
    after:
      description: What it became.
      type: dict
      sample: {"env": {"LOG_LEVEL": "debug"}}
next_offset:
  description: What to give as O(after) to go on. Null at the end.
  returned: success
  type: str
  sample: "1041"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import audit
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    texts = ("kind", "record", "action", "actor", "since", "until", "after")
    run(
        spec(
            records_spec(),
            options={"limit": {"type": "int", "default": 50}, **{name: {"type": "str"} for name in texts}},
        ),
        audit,
    )


if __name__ == "__main__":
    main()
