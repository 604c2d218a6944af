#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: revision_info
short_description: Show revisions of a deployment
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Lists the revisions of a deployment, newest first, with status, times, cause of a failure and its last log lines.
  - Values of secrets are never shown.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.info
  - selfhosted.langgraph.records
  - selfhosted.langgraph.records.paging
options:
  deployment:
    description: Name or ID of the deployment.
    type: str
    required: true
  number:
    description: Number of the one revision to show, with its lock.
    type: int
  status:
    description: Show only revisions of these statuses.
    type: list
    elements: str
    choices:
      - CREATING
      - QUEUED
      - AWAITING_BUILD
      - BUILDING
      - AWAITING_DEPLOY
      - DEPLOYING
      - CREATE_FAILED
      - BUILD_FAILED
      - DEPLOY_FAILED
      - DEPLOYED
      - SKIPPED
      - INTERRUPTED
      - UNKNOWN
  logs:
    description: Show the log of the build or of the deployment with each revision.
    type: str
    choices: ["", build, deploy]
  log_lines:
    description: How many lines of O(logs) to show at most (1 to 1000).
    type: int
    default: 50
  diff_with:
    description: Number of another revision. Show with each revision in what it differs from that one.
    type: int
seealso:
  - module: selfhosted.langgraph.revision
  - module: selfhosted.langgraph.deployment_info
"""

EXAMPLES = r"""
- name: Look at the latest revisions that failed
  selfhosted.langgraph.revision_info:
    dsn: postgresql:///control_plane
    deployment: chat
    status: [BUILD_FAILED, DEPLOY_FAILED]
    limit: 5
  register: failed

- name: Say why
  ansible.builtin.debug:
    msg: "{{ item.number }}: {{ item.cause }}"
  loop: "{{ failed.revisions }}"
  loop_control:
    label: "{{ item.number }}"

- name: Read the log of revision 3
  selfhosted.langgraph.revision_info:
    dsn: postgresql:///control_plane
    deployment: chat
    number: 3
    logs: deploy

- name: See what differs between revisions 2 and 3
  selfhosted.langgraph.revision_info:
    dsn: postgresql:///control_plane
    deployment: chat
    number: 3
    diff_with: 2
"""

RETURN = r"""
revisions:
  description: The revisions; empty if none fits.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: ID of the revision.
      type: str
      sample: 3f0a9c3e-52a4-4a0a-a8b0-3f8a3c7f7b52
    number:
      description: Its number in the deployment.
      type: int
      sample: 3
    kind:
      description: How it came to be, V(create), V(update), V(rollback), V(redeploy) or V(upload).
      type: str
      sample: rollback
    rollback_of:
      description: Number of the revision it is a copy of.
      type: int
      sample: 1
    status:
      description: Its status.
      type: str
      sample: DEPLOY_FAILED
    active:
      description: Whether it is the one that serves.
      type: bool
      sample: false
    pinned:
      description: Whether hosts keep it however old it gets.
      type: bool
      sample: false
    attempts:
      description: How often somebody began to apply it. After 8 times without an end, it fails.
      type: int
      sample: 1
    cause:
      description: Why it failed.
      type: str
      sample: "Graph agent cannot be imported: No module named 'numpy'"
    log_tail:
      description: The last lines of the log that show why.
      type: str
      sample: "ModuleNotFoundError: No module named 'numpy'"
    timings:
      description: When it got each status.
      type: dict
      sample: {"QUEUED": "2026-01-31T10:02:11+00:00", "BUILDING": "2026-01-31T10:02:12+00:00"}
    author:
      description: Who made it.
      type: str
      sample: alice@controller
    message:
      description: Why it was made.
      type: str
      sample: First version
    repo_commit_sha:
      description: The commit it was made from.
      type: str
      sample: 9fceb02d0ae598e95dc970b74767f19372d61af8
    source_sha256:
      description: SHA-256 of its source.
      type: str
      sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    has_lock:
      description: Whether its dependencies were resolved.
      type: bool
      sample: true
    lock:
      description: Its resolved dependencies.
      returned: when O(number) is given
      type: str
      sample: "langgraph==1.0.1\n"
    env:
      description: Its environment.
      type: dict
      sample: {"LOG_LEVEL": "info"}
    secrets:
      description: Names of its secrets.
      type: dict
      sample: {"OPENAI_API_KEY": "********"}
    logs:
      description: Lines of its log, with C(id), C(timestamp), C(level) and C(message).
      returned: when O(logs) is given
      type: list
      elements: dict
      sample: [{"id": "17", "timestamp": "2026-01-31T10:02:12+00:00", "level": "INFO", "message": "Stage the revision"}]
    differences:
      description: What differs from the revision O(diff_with), as dotted names in C(fields), and both sides of it in
        C(before) (that one) and C(after) (this one). Secrets are masked.
      returned: when O(diff_with) is given
      type: dict
      sample: {"left": 2, "right": 3, "fields": ["env.LOG_LEVEL"], "before": {"env": {"LOG_LEVEL": "info"}},
        "after": {"env": {"LOG_LEVEL": "debug"}}}
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import list_spec, records_spec, spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import REVISION_STATUSES
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_lists import revisions
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run


def main() -> None:
    run(
        spec(
            records_spec(),
            list_spec(),
            options={
                "deployment": {"type": "str", "required": True},
                "number": {"type": "int"},
                "status": {"type": "list", "elements": "str", "choices": list(REVISION_STATUSES)},
                "logs": {"type": "str", "choices": ["", "build", "deploy"]},
                "log_lines": {"type": "int", "default": 50},
                "diff_with": {"type": "int"},
            },
        ),
        revisions,
    )


if __name__ == "__main__":
    main()
