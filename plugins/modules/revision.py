#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: revision
short_description: Activate, interrupt, redeploy or pin a revision of a deployment
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Brings a revision of a deployment to a state. Revisions themselves are made by M(selfhosted.langgraph.deployment).
  - Activating an earlier revision is the rollback. It makes a new revision from the earlier one, unless that one, or
    a copy of it, is active
    or on its way already.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.records
  - selfhosted.langgraph.records.wait
attributes:
  idempotent:
    support: partial
    details: O(state=redeployed) makes a new revision each time.
options:
  deployment:
    description: Name or ID of the deployment.
    type: str
    required: true
  number:
    description: Number of the revision. The default is the latest one; O(state=active) needs a number.
    type: int
  state:
    description:
      - V(present) means that the revision exists, which is for O(pinned) alone.
      - V(active) means that it, or a copy of it, is what serves, or will be once it was applied.
      - V(interrupted) means that nobody goes on with it. A revision in work stops at its next step.
      - V(redeployed) repeats the revision as a new one, for example after a failure. For the latest revision of a git
        repository, it takes the commit that the ref names then; an earlier one is repeated with its own commit.
    type: str
    choices: [present, active, interrupted, redeployed]
    default: present
  pinned:
    description: Whether hosts keep the files of the revision however old it gets.
    type: bool
  secrets:
    description:
      - For O(state=active), whether the copy of an earlier revision gets the secrets of today or those of that time.
    type: str
    choices: [current, of_revision]
    default: current
  comment:
    description: Why, for people, as the C(message) of the revision. It is kept with the new revision.
    type: str
seealso:
  - module: selfhosted.langgraph.deployment
  - module: selfhosted.langgraph.revision_info
"""

EXAMPLES = r"""
- name: Go back to revision 3
  selfhosted.langgraph.revision:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    deployment: chat
    number: 3
    state: active
    comment: Revision 4 answers too slowly

- name: Keep revision 3 on the hosts
  selfhosted.langgraph.revision:
    dsn: postgresql:///control_plane
    deployment: chat
    number: 3
    pinned: true

- name: Stop what is being deployed
  selfhosted.langgraph.revision:
    dsn: postgresql:///control_plane
    deployment: chat
    state: interrupted

- name: Try the latest revision again
  selfhosted.langgraph.revision:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    deployment: chat
    state: redeployed
"""

RETURN = r"""
action:
  description: What was (or would be) done to the record, V(none), V(create) or V(update).
  returned: success
  type: str
  sample: update
new_revision:
  description: Whether the change makes a revision.
  returned: success
  type: bool
  sample: true
revision:
  description: The revision that was made, else the one that is what was asked for.
  returned: success
  type: dict
  sample: {"number": 5, "status": "QUEUED", "kind": "rollback", "rollback_of": 3, "pinned": false}
cause:
  description: Why the revision that was waited for failed.
  returned: failure of a revision
  type: str
  sample: "Graph agent cannot be imported: No module named 'numpy'"
log_tail:
  description: The last lines of its log.
  returned: failure of a revision
  type: str
  sample: "ModuleNotFoundError: No module named 'numpy'"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec, wait_spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_revision import work


def main() -> None:
    run(
        spec(
            records_spec(),
            wait_spec(),
            options={
                "deployment": {"type": "str", "required": True},
                "number": {"type": "int"},
                "state": {
                    "type": "str",
                    "choices": ["present", "active", "interrupted", "redeployed"],
                    "default": "present",
                },
                "pinned": {"type": "bool"},
                "secrets": {
                    "type": "str",
                    "choices": ["current", "of_revision"],
                    "default": "current",
                    "no_log": False,
                },
                "comment": {"type": "str"},
            },
        ),
        work,
    )


if __name__ == "__main__":
    main()
