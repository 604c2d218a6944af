# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.selfhosted.langgraph.plugins.plugin_utils._claim import ClaimAction


class ActionModule(ClaimAction):
    """The module of this name, with the password from the claim."""

    def secrets(self, claim: dict[str, t.Any]) -> dict[str, t.Any]:
        return {"password": claim["redis_password"]}
