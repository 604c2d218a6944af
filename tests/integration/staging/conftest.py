# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host for all tests of staging, so that the package cache is filled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.staging import StageHost, project


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> StageHost:
    """A host with an empty root."""
    return StageHost(tmp_path_factory.mktemp("root") / "langgraph", tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="session")
def first(host: StageHost) -> tuple[str, dict[str, object], Path]:
    """Slug, result and tarball of a deployment whose first revision is staged: cold cache."""
    slug = host.slug("first")
    source = host.pack(project())
    return slug, host.staged(slug, 1, source, env={"GREETING": "hi"}, secrets={"TOKEN": "s3cr3t-value"}), source
