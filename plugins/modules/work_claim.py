#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: work_claim
short_description: Claim deployments to work on
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Claims deployments, so that this playbook alone may work on them, and returns what is to be done.
  - Without O(deployments) it claims what is due, which is a revision that waits, a delete that was asked for, and
    work whose holder was
    lost. With O(deployments) it claims those, whether they are due or not.
  - A claim ends 60 seconds after its last renewal. A small process, bound to the life of the C(ansible-playbook) that
    runs this task,
    renews it; when that ends, the process gives back what was not released and removes the claim files.
  - Nothing that a user wrote into a deployment can become a template this way, because results of tasks never are
    templates.
    Secrets are in the claim file alone, which only the user who runs this task may read.
  - What the secrets of a deployment refer to is read here, from the environment and the files of the controller. A
    revision that refers to something missing or not allowed fails with that as its cause, and is not among
    RV(claims).
  - Runs on the controller, in the process of the task and whatever host the task is for. The
    controller must be Linux for the renewal.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.work
  - selfhosted.langgraph.records
attributes:
  check_mode:
    details: The claims are previews then. Nothing is claimed, the claim files are written all the same for the tasks
      that follow.
  idempotent:
    support: partial
    details: What was due is not due any more once it was applied.
options:
  deployments:
    description:
      - Names or IDs of the deployments to claim, due or not.
      - The single word V(all) means all of them.
    type: list
    elements: str
  listener:
    description:
      - Name (its C(compute_id)) or ID of the listener whose deployments are to be claimed.
      - Without it, what is due is looked for among the deployments that have no listener.
    type: str
  takeover:
    description:
      - Take deployments over that somebody else holds.
      - The steps of the other run are refused from then on, on the hosts as well.
      - A holder on this host that has died is taken over without it.
    type: bool
    default: false
  claim_id:
    description:
      - ID of a claim that was made already by whoever started this playbook (the listener), and that is renewed there.
      - Its file is looked for in O(work_dir). The other options that choose work are not looked at then, and nothing
        is claimed.
    type: str
  work_dir:
    description:
      - Directory for the claim files. It must belong to the user who runs this task, and nobody else may write to it.
      - The default is a directory of the user's own (mode 0700) below E(XDG_RUNTIME_DIR), else below the temporary
        directory.
      - Read from E(LANGGRAPH_WORK_DIR) if it is not set.
    type: path
  secrets_env_prefix:
    description:
      - How the names of environment variables begin that secrets of a deployment may refer to, as
        O(selfhosted.langgraph.deployment#module:secret_references) with the name V(env).
      - Read from E(LANGGRAPH_SECRETS_ENV_PREFIX) if it is not set; without both, and when it is empty, it is
        C(LANGGRAPH_SECRET_).
    type: str
  secrets_directory:
    description:
      - Directory of the files that secrets of a deployment may refer to, as
        O(selfhosted.langgraph.deployment#module:secret_references) with the name V(file). No file is read without it.
      - A file has at most 64 KiB of text; one line break at its end does not belong to the value.
      - Read from E(LANGGRAPH_SECRETS_DIRECTORY) if it is not set.
    type: path
seealso:
  - module: selfhosted.langgraph.work_report
  - module: selfhosted.langgraph.work_source
"""

EXAMPLES = r"""
- name: Claim what is due
  selfhosted.langgraph.work_claim:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
  register: due

- name: Claim two deployments, due or not
  selfhosted.langgraph.work_claim:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    deployments: [chat, search]
  register: named

- name: Give the claims back
  selfhosted.langgraph.work_report:
    claim_file: "{{ claim.claim_file }}"
    release: true
  loop: "{{ due.claims + named.claims }}"
  loop_control:
    loop_var: claim
    label: "{{ claim.deployment.name }}"
"""

RETURN = r"""
claims:
  description: The claims, without any secret. Each names the file that later tasks read.
  returned: success
  type: list
  elements: dict
  contains:
    claim_id:
      description: ID of the claim; empty in check mode.
      type: str
      sample: 6f2c1f0a-7f0c-4a39-9d1d-0d2b7b1c9a55
    epoch:
      description: Number that grows with each claim of a deployment. Hosts refuse steps with a lower one.
      type: int
      sample: 7
    seconds_left:
      description: How long the claim lasts without renewal.
      type: float
      sample: 60.0
    action:
      description: What is to be done, V(apply) or V(delete).
      type: str
      sample: apply
    reason:
      description: V(due) if the work was waiting, V(named) if it was claimed only because it was asked for.
      type: str
      sample: due
    preview:
      description: Whether this is the preview of check mode.
      type: bool
      sample: false
    deployment:
      description: The deployment, with C(id), C(name), C(slug), C(workspace_id), C(status),
        C(active_revision_number), C(url).
      type: dict
      sample: {"id": "0b7e6f2e-3d5d-4c55-8b62-8c0f4a3f1a11", "name": "chat", "slug": "chat-0b7e6f2e", "status": "READY"}
    revision:
      description: The revision to apply. Null for the delete of a deployment that never had one.
      type: dict
      sample: {"number": 3, "status": "QUEUED", "kind": "update", "source": "internal_source", "flavour": "langgraph"}
    keep_revisions:
      description: Numbers of the revisions whose directories hosts keep.
      type: list
      elements: int
      sample: [1, 2, 3]
    placements:
      description: Ports by host, role and slot, as far as they were given out.
      type: dict
      sample: {"d6f3b1": {"api": {"blue": 22000, "green": 22001}}}
    claim_file:
      description: File on the controller (mode 0600) with the claim and its secrets.
      type: str
      sample: /run/user/1000/selfhosted-langgraph/chat-0b7e6f2e-x3k9/claim.json
refused:
  description: Deployments that were claimed and given back at once, as a secret of theirs refers to something that is
    missing or not allowed here.
  returned: success
  type: list
  elements: dict
  contains:
    deployment:
      description: Name of the deployment.
      type: str
      sample: chat
    revision:
      description: Number of its revision.
      type: int
      sample: 3
    cause:
      description: What is missing.
      type: str
      sample: "The secret OPENAI_API_KEY refers to the environment variable LANGGRAPH_SECRET_OPENAI, which is not set
        where the deployment is applied: set it there."
    msg:
      description: The same with the names of deployment and revision.
      type: str
      sample: "chat revision 3: The secret OPENAI_API_KEY refers to the file openai/key, and no file is allowed: ..."
    reported:
      description: Whether the revision failed of it. In check mode, and for a revision that is deployed, it did not.
      type: bool
      sample: true
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_adopt import claim_or_adopt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_argspec import CLAIM


def main() -> None:
    run(CLAIM, claim_or_adopt)


if __name__ == "__main__":
    main()
