#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_info
short_description: Show deployments of LangGraph servers
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Lists deployments of a workspace, newest first. Values of secrets are never shown.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.info
  - selfhosted.langgraph.records
  - selfhosted.langgraph.records.paging
options:
  name:
    description: Name or ID of the one deployment to show.
    type: str
  name_contains:
    description: Show only deployments whose name holds this.
    type: str
  status:
    description: Show only deployments of this status.
    type: str
    choices: ["", UNUSED, AWAITING_DATABASE, READY, AWAITING_DELETE]
seealso:
  - module: selfhosted.langgraph.deployment
  - module: selfhosted.langgraph.revision_info
"""

EXAMPLES = r"""
- name: Look at one deployment
  selfhosted.langgraph.deployment_info:
    dsn: postgresql:///control_plane
    name: chat
  register: chat

- name: Say where it answers
  ansible.builtin.debug:
    msg: "{{ chat.deployments | map(attribute='url') | join }}"

- name: List the first hundred deployments that are in use
  selfhosted.langgraph.deployment_info:
    dsn: postgresql:///control_plane
    status: READY
    limit: 100
"""

RETURN = r"""
deployments:
  description: The deployments; empty if none fits.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the deployment.
      type: str
      sample: 0b7e6f2e-3d5d-4c55-8b62-8c0f4a3f1a11
    name:
      description: Its name.
      type: str
      sample: chat
    slug:
      description: Its name outside the records, for paths, units and databases.
      type: str
      sample: chat-0b7e6f2e
    status:
      description: Its status.
      type: str
      sample: READY
    url:
      description: Where it answers; null before the first revision is deployed.
      type: str
      sample: http://langgraph.example.org/chat
    source:
      description: Kind of its source.
      type: str
      sample: internal_source
    source_config:
      description: Its C(repo_url), C(custom_url), C(resource_spec) and C(listener_id).
      type: dict
      sample: {"repo_url": null, "resource_spec": {"memory_mb": 1024}}
    source_revision_config:
      description: C(repo_ref), C(langgraph_config_path), C(image_uri) and C(repo_commit_sha) of the latest revision.
      type: dict
      sample: {"langgraph_config_path": "langgraph.json"}
    env:
      description: Environment of the latest revision.
      type: dict
      sample: {"LOG_LEVEL": "info"}
    secrets:
      description: Names of the secrets of the latest revision.
      type: dict
      sample: {"OPENAI_API_KEY": "********"}
    latest_revision_number:
      description: Number of the newest revision.
      type: int
      sample: 2
    latest_revision_status:
      description: Status of the newest revision.
      type: str
      sample: DEPLOYED
    active_revision_number:
      description: Number of the revision that serves.
      type: int
      sample: 2
    health:
      description: Whether its servers answer, since when, and when somebody looked last. Null if nobody did yet.
      type: dict
      sample:
        ok: true
        message: null
        replicas: {"server-1/api-blue": {"ok": true, "message": null}}
        since: "2026-01-31T08:00:00+00:00"
        checked_at: "2026-01-31T12:00:00+00:00"
    host:
      description: Host of the inventory that serves it. Null if none has told yet.
      type: str
      sample: server-1
    drift:
      description: What the last check found that differs from the record. Null if there was none yet.
      type: dict
      sample:
        status: drifted
        changes:
          - task: Write the settings of the server
            host: server-1
            message: ""
            diff: "-LOG_LEVEL=debug\n+LOG_LEVEL=info\n"
        more: 0
        cause: null
        checked_at: "2026-01-31T12:00:00+00:00"
    claim:
      description: Who works on it since when, and whether to V(apply), V(delete) or V(check).
      type: dict
      sample: {"held": false, "action": null, "owner": null, "since": null}
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import list_spec, records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import deployments
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(
        spec(
            records_spec(),
            list_spec(),
            options={
                "name": {"type": "str"},
                "name_contains": {"type": "str"},
                "status": {
                    "type": "str",
                    "choices": ["", "UNUSED", "AWAITING_DATABASE", "READY", "AWAITING_DELETE"],
                },
            },
        ),
        deployments,
    )


if __name__ == "__main__":
    main()
