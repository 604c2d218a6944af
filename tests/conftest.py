# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's loader of collections, before any conftest or test imports one; and what stays together on one worker.

A collection that was imported without the loader (as a namespace package of the environment) cannot be used by it
later.
"""

from __future__ import annotations

import pytest
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader()

# Folders whose tests share what is dear to make, the longest first; everything else goes by files.
TOGETHER = ("servers", "staging", "schemathesis", "control_plane", "clients")


def group_of(item: pytest.Item) -> str:
    """What a test shares a host or a dear fixture with, if several workers run (``-n 2 --dist loadgroup``)."""
    if item.get_closest_marker("systemd"):
        return "systemd"
    folder = item.path.parent.name
    return folder if folder in TOGETHER else f"{folder}/{item.path.name}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups of tests, the longest first, so that no worker is left with one at the end."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=lambda item: TOGETHER.index(group_of(item)) if group_of(item) in TOGETHER else len(TOGETHER))
