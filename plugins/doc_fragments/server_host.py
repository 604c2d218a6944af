# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of every module that works on a server host."""

    DOCUMENTATION = r"""
options:
  root:
    description: Directory of all deployments on the host.
    type: path
    required: true
  platform:
    description: What runs the servers on this host.
    type: str
    choices: [systemd, supervisor]
    default: systemd
  supervisor_dir:
    description: Directory of supervisor, on O(platform=supervisor).
    type: path
  slug:
    description: Name of the deployment on hosts.
    type: str
    required: true
  epoch:
    description:
      - Epoch of the claim. A host that has seen a higher one refuses.
      - Left out only where no claim ever worked on the deployment.
    type: int
  claim_file:
    description:
      - Path on the controller of the claim's file, as M(selfhosted.langgraph.work_claim) returns it.
      - The action reads it and fills the options that come from the claim; their values are never templated.
    type: path
  wait_lock:
    description: Seconds to wait for another run on the same deployment and host.
    type: int
    default: 60
attributes:
  check_mode:
    description: Predicts the result without changing anything.
  diff_mode:
    description: Returns what changed, or would change.
"""
