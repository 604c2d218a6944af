# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on sources and their uploads."""

from __future__ import annotations

from typing import Any, BinaryIO

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_service import (
    source_chunk,
    source_size,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._sources import check_tarball
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown


@operation
def begin_upload(context: Context, deployment: str) -> dict[str, Any]:
    """An upload for a deployment's source: its id, token, path and end."""
    context.guard(deployment)
    return context.records.begin_upload(deployment)


@operation
def put_source(context: Context, sha256: str, stream: BinaryIO) -> dict[str, Any]:
    """Store a source that is named by its content."""
    found, _size = check_tarball(stream)
    if found != sha256:
        raise InvalidInput(
            f"What was sent has the SHA-256 {found}, not {sha256}; send the source that the address names.",
            field="source_sha256",
        )
    stream.seek(0)
    return context.records.put_source(stream)


@operation
def has_source(context: Context, sha256: str) -> bool:
    """Whether a source is stored."""
    return context.records.has_source(sha256)


@operation
def open_source(context: Context, sha256: str) -> int:
    """The size of a stored source that is about to be read."""
    size = source_size(context.records, sha256)
    if size is None:
        raise shown.missing("source", sha256, f"workspace {context.identity.workspace_name}")
    return size


def read_chunk(context: Context, sha256: str, number: int) -> bytes | None:
    """A part of a source that was opened; None after the last one."""
    return source_chunk(context.records, sha256, number)
