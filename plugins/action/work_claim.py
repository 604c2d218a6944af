# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_adopt import claim_or_adopt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_argspec import CLAIM
from ansible_collections.selfhosted.langgraph.plugins.plugin_utils._work import WorkAction


class ActionModule(WorkAction):
    """The module of this name, in the process of the task."""

    spec = CLAIM
    work = staticmethod(claim_or_adopt)
