#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: work_report
short_description: Report on claimed work
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Says in the records how far the work on a claimed deployment is, asks for ports on a host, and releases the claim
    at the end.
  - The records are those the claim came from, unless the options name others.
  - Fails when the claim was lost to somebody else. The work must stop then.
  - Runs on the controller, where the claim file is, in the process of the task and whatever host the task is for.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.work
  - selfhosted.langgraph.records
attributes:
  check_mode:
    details: Nothing is reported then, and ports that are not given out yet are foretold. With a claim of check mode
      it is always so.
options:
  claim_file:
    description: The RV(selfhosted.langgraph.work_claim#module:claims[].claim_file) of the claim.
    type: path
    required: true
  status:
    description:
      - Status of the revision from now on. V(FAILED) means the failure that fits how far it was.
      - For a delete V(DELETED), or V(DELETE_FAILED).
      - On a revision that is deployed already, V(DEPLOYED) changes nothing but O(url) and O(health).
    type: str
    choices:
      - ""
      - BUILDING
      - AWAITING_DEPLOY
      - DEPLOYING
      - DEPLOYED
      - BUILD_FAILED
      - DEPLOY_FAILED
      - INTERRUPTED
      - FAILED
      - DELETED
      - DELETE_FAILED
  cause:
    description: Why it failed, as one sentence for people.
    type: str
  log_tail:
    description: The last lines of the log that show why it failed.
    type: str
  url:
    description: Where the deployment answers.
    type: str
  lock:
    description: The resolved dependencies of the revision. Later installations of it use them.
    type: str
  repo_commit_sha:
    description: The commit that the revision was made from.
    type: str
  source_sha256:
    description: SHA-256 of the stored source tarball that was made from O(repo_commit_sha).
    type: str
  health:
    description: What is known of the health of the servers, as a dictionary of one's own making.
    type: dict
  host_key:
    description: Key of a host (its machine ID) on which the deployment needs ports. They stay the same for its life
      on that host.
    type: str
  queue_count:
    description: How many queue units are to run on the host of O(host_key).
    type: int
    default: 1
  port_range:
    description: First and last port that may be given out.
    type: str
    default: 22000-22999
  fixed_ports:
    description: "Ports that are to be exactly these, by role and slot, such as C({api: {blue: 8123}})."
    type: dict
  release:
    description: End the claim after this report, and remove its file.
    type: bool
    default: false
seealso:
  - module: selfhosted.langgraph.work_claim
"""

EXAMPLES = r"""
- name: Claim what is due
  selfhosted.langgraph.work_claim:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
  register: work

- name: Say that the deployment goes on, and ask for the ports on this host
  selfhosted.langgraph.work_report:
    claim_file: "{{ work.claims[0].claim_file }}"
    status: DEPLOYING
    host_key: d6f3b1c09a4e4f7f8a54f9d7f3b0a6c1
    queue_count: 2
  register: report
  when: work.claims | length > 0

- name: Report a failure and end the claim
  selfhosted.langgraph.work_report:
    claim_file: "{{ work.claims[0].claim_file }}"
    status: FAILED
    cause: "Graph agent cannot be imported: No module named 'numpy'."
    log_tail: "ModuleNotFoundError: No module named 'numpy'"
    release: true
  when: work.claims | length > 0
"""

RETURN = r"""
interrupt_requested:
  description: Whether somebody asked for this work to be stopped. Look at it between steps, but not between switch
    and drain.
  returned: success
  type: bool
  sample: false
revision_status:
  description: Status of the revision after the report.
  returned: success
  type: str
  sample: DEPLOYING
placements:
  description: The ports of the deployment on the host of O(host_key), by role and slot.
  returned: success
  type: dict
  sample: {"api": {"blue": 22000, "green": 22001}, "queue": {"blue-1": 22003, "green-1": 22004}, "redis": {"main":
    22002}}
placements_predicted:
  description: Whether some of the ports are only foretold.
  returned: check mode
  type: bool
  sample: true
reported:
  description: Whether anything was written into the records; V(false) in check mode.
  returned: success
  type: bool
  sample: true
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_argspec import REPORT
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_report import work


def main() -> None:
    run(REPORT, work)


if __name__ == "__main__":
    main()
