# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Postgres and Redis a deployment needs: by its flavours, and as its host remembers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _needs
from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import parse_flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths, host_paths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._removing import leftovers
from tests.support.staging import flavour

BOTH = {"postgres": True, "redis": True}
NEITHER = {"postgres": False, "redis": False}


@pytest.fixture
def paths(tmp_path: Path) -> HostPaths:
    found = host_paths(str(tmp_path), "chat-1a2b3c4d")
    found.revisions.mkdir(parents=True)
    return found


def staged(paths: HostPaths, number: int, needs: dict[str, bool]) -> dict[str, bool]:
    _needs.note(paths, needs)
    (paths.revisions / str(number)).mkdir(exist_ok=True)
    return _needs.noted(paths)


def test_flavours_say_it() -> None:
    assert parse_flavour(flavour("langgraph")).needs == BOTH
    assert parse_flavour(flavour("small")).needs == NEITHER
    assert not parse_flavour(flavour("small")).packages
    assert _needs.known({"redis": False}) == {"postgres": True, "redis": False}


def test_unknown_deployment_needs_everything(paths: HostPaths) -> None:
    assert _needs.noted(paths) == BOTH
    (paths.home / _needs.FILE).write_text("garbage")
    assert _needs.noted(paths) == BOTH


def test_one_that_never_needed_any_needs_none(paths: HostPaths) -> None:
    assert staged(paths, 1, NEITHER) == NEITHER
    assert staged(paths, 2, NEITHER) == NEITHER


def test_what_one_revision_needed_stays_needed(paths: HostPaths) -> None:
    staged(paths, 1, NEITHER)
    assert staged(paths, 2, {"postgres": True, "redis": False}) == {"postgres": True, "redis": False}
    assert staged(paths, 3, NEITHER) == {"postgres": True, "redis": False}
    assert staged(paths, 4, BOTH) == BOTH
    assert not (paths.home / _needs.FILE).exists()
    assert staged(paths, 5, NEITHER) == BOTH


def test_deletion_that_is_tried_again_still_knows(paths: HostPaths) -> None:
    staged(paths, 1, NEITHER)
    assert paths.revisions in leftovers(paths.home)
    assert paths.home / _needs.FILE not in leftovers(paths.home)
