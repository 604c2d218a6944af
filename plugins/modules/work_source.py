#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: work_source
short_description: Get the source of a claimed revision
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Puts the source of a claimed revision as a tarball beside the claim file, from the store in the records.
  - For a git repository it fetches the ref, packs the commit, and stores both in the records. From then on the
    revision is
    that commit, on every host and whatever becomes of the branch.
  - Git is used with https and ssh only, with the credentials of the user who runs this task, and never asks for any.
    Submodules are not followed.
  - Runs on the controller, where the claim file is, in the process of the task and whatever host the task is
    for. The tarball goes when the claim is released.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes.work
  - selfhosted.langgraph.records
attributes:
  check_mode:
    details: The tarball is made then as well, for the tasks that follow; nothing is written into the records.
options:
  claim_file:
    description: The RV(selfhosted.langgraph.work_claim#module:claims[].claim_file) of the claim.
    type: path
    required: true
  timeout:
    description: How long git may take, in seconds.
    type: int
    default: 300
requirements:
  - git (for revisions of a git repository)
seealso:
  - module: selfhosted.langgraph.work_claim
"""

EXAMPLES = r"""
- name: Claim what is due
  selfhosted.langgraph.work_claim:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
  register: work

- name: Get the source of the first claim
  selfhosted.langgraph.work_source:
    claim_file: "{{ work.claims[0].claim_file }}"
  register: source
  when: work.claims | length > 0
"""

RETURN = r"""
path:
  description: The tarball (gzip) on the controller. Empty for a revision that runs an image, and for a delete.
  returned: success
  type: str
  sample: /run/user/1000/selfhosted-langgraph/chat-0b7e6f2e-x3k9/source.tar.gz
sha256:
  description: SHA-256 of the tarball.
  returned: success
  type: str
  sample: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
repo_commit_sha:
  description: The commit, for a git repository.
  returned: success
  type: str
  sample: 9fceb02d0ae598e95dc970b74767f19372d61af8
log_tail:
  description: The last lines of git.
  returned: failure of git
  type: str
  sample: "fatal: couldn't find remote ref nope"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_argspec import SOURCE
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_source import work


def main() -> None:
    run(SOURCE, work)


if __name__ == "__main__":
    main()
