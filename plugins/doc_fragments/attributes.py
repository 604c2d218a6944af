# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a module can do; extended as ``attributes``, ``attributes.info`` or ``attributes.work``."""

    # Modules that bring a record to a state
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and predict what it would change without changing it.
    support: full
  diff_mode:
    description: Returns what differs (or would differ) when in diff mode. Values of secrets are masked.
    support: full
  idempotent:
    description: Changes nothing when run again with the same options.
    support: full
"""

    # Modules that only read
    INFO = r"""
attributes:
  check_mode:
    description: Can run in check mode and predict what it would change without changing it.
    support: full
    details: This module changes nothing.
  diff_mode:
    description: Returns what differs (or would differ) when in diff mode. Values of secrets are masked.
    support: N/A
  idempotent:
    description: Changes nothing when run again with the same options.
    support: full
"""

    # Modules of the work protocol
    WORK = r"""
attributes:
  action:
    description: Has an action plugin of the same name, so that some or all of it runs on the controller.
    support: full
    details: All of it runs on the controller, in its Python. Neither C(become) nor the connection of the host matters.
  check_mode:
    description: Can run in check mode and predict what it would change without changing it.
    support: full
  diff_mode:
    description: Returns what differs (or would differ) when in diff mode. Values of secrets are masked.
    support: none
  idempotent:
    description: Changes nothing when run again with the same options.
    support: full
"""
