# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's loader of collections, before any conftest or test imports one; and what stays together on one worker.

A collection that was imported without the loader (as a namespace package of the environment) cannot be used by it
later.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from ansible.plugins.loader import init_plugin_loader
from xdist.scheduler import LoadScopeScheduling

init_plugin_loader()

# Folders whose tests share what is dear to make, the longest first; everything else goes by files.
TOGETHER = ("servers", "staging", "schemathesis", "control_plane", "clients")
# Files that share the one systemd host of the end-to-end tests.
SYSTEMD = ("test_load.py", "test_serving.py")


def group_of(nodeid: str) -> str:
    """What a test shares a host or a dear fixture with, if several workers run (``-n 2``)."""
    path = PurePath(nodeid.partition("::")[0])
    if path.name in SYSTEMD and path.parent.name == "e2e":
        return "systemd"
    return path.parent.name if path.parent.name in TOGETHER else str(path)


class Groups(LoadScopeScheduling):
    """Hands out groups as a whole, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """The scheduler of several workers."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups of tests, the longest first, so that no worker is left with one at the end."""
    order = {name: place for place, name in enumerate((*TOGETHER, "systemd"))}
    items.sort(key=lambda item: order.get(group_of(item.nodeid), len(order)))
