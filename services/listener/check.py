# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a listener would work here: settings, key, inventory, control plane. Changes nothing."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener.api import Api
from ansible_collections.selfhosted.langgraph.services.listener.inventory import Inventory
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings


async def check(settings: Settings) -> dict[str, Any]:
    """What was found; a RecordsError says in one sentence what is wrong."""
    os.makedirs(settings.state_dir, mode=0o700, exist_ok=True)
    inventory = Inventory()
    await inventory.load(settings)
    api = Api(settings)
    try:
        served = await api.served()
    finally:
        await api.close()
    return {
        "changed": False,
        "api_url": settings.api_url,
        "capacity": settings.capacity,
        "host_groups": inventory.host_groups(),
        "deployments": sorted(str(item.get("name")) for item in served),
    }
