# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.selfhosted.langgraph.plugins.plugin_utils._claim import ClaimAction


class ActionModule(ClaimAction):
    """The module of this name, with slug and epoch from the claim."""
