# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who this process is: for claims, for the records, for its siblings."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _process
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import user_name
from ansible_collections.selfhosted.langgraph.services.listener.environment import COLLECTION


def own() -> dict[str, Any]:
    """This process as the owner of claims."""
    host, pid = socket.gethostname(), os.getpid()
    return {
        "host": host,
        "boot_id": _process.boot_id(),
        "pid_ns": _process.pid_namespace(),
        "pid": pid,
        "start_time": _process.start_time(pid) or 0,
        "user": user_name(),
        "label": f"langgraph-listener {pid} on {host}",
    }


def is_gone(owner: Mapping[str, Any]) -> bool:
    """True only if it is certain that this owner runs no more: dead, or of this machine before it was started anew."""
    boot, mine = owner.get("boot_id"), _process.boot_id()
    rebooted = bool(mine and boot) and boot != mine and owner.get("host") == socket.gethostname()
    return rebooted or _process.is_dead(owner)


def version() -> str:
    """Version of the collection."""
    try:
        manifest = json.loads((COLLECTION / "MANIFEST.json").read_text(encoding="utf-8"))
        return str(manifest["collection_info"]["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        found = re.search(r"^version: *(\S+)", (COLLECTION / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else "unknown"
