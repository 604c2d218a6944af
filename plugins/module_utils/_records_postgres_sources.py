# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources in Postgres: content-addressed, in chunks, streamed in and out; kept while a living deployment refers to
them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _sources
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_sha256
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import PostgresBase

CHUNK_SIZE = 1024 * 1024
ORPHAN_HOURS = 24  # an upload that no revision refers to is removed after that long


class SourceRecords(PostgresBase):
    """The part of the adapter that keeps sources."""

    def put_source(self, fileobj: BinaryIO) -> dict[str, Any]:
        """See ``_records.Records.put_source``."""
        self.ready()
        with _sources.seekable(fileobj) as stream:
            sha256, size = _sources.check_tarball(stream)
            stream.seek(0)
            with self.transaction():
                made = self.run(
                    "insert into control_plane.sources (workspace_id, sha256, size) values (%s, %s, %s) on "
                    "conflict do nothing",
                    [self.workspace_id, sha256, size],
                )
                if made:
                    for number, chunk in enumerate(iter(lambda: stream.read(CHUNK_SIZE), b"")):
                        self.run(
                            "insert into control_plane.source_chunks (workspace_id, sha256, number, data) "
                            "values (%s, %s, %s, %s)",
                            [self.workspace_id, sha256, number, chunk],
                        )
                else:
                    # Somebody is about to refer to it: it is as good as new.
                    self.run(
                        "update control_plane.sources set created_at = now() where workspace_id = %s and sha256 = %s",
                        [self.workspace_id, sha256],
                    )
        if made:
            self.prune_sources()
        return {"sha256": sha256, "size": size, "changed": bool(made)}

    def open_source(self, sha256: str) -> Iterator[bytes]:
        """See ``_records.Records.open_source``."""
        check_sha256(sha256)
        if not self.has_source(sha256):
            raise NotFound(f"The source {sha256} is not stored; upload it again.", kind="source", names=[sha256])
        return self._chunks(sha256)

    def _chunks(self, sha256: str) -> Iterator[bytes]:
        number = 0
        while True:
            row = self.one(
                "select data from control_plane.source_chunks where workspace_id = %s and sha256 = %s and number = %s",
                [self.workspace_id, sha256, number],
            )
            if row is None:
                return
            yield bytes(row["data"])
            number += 1

    def has_source(self, sha256: str) -> bool:
        """See ``_records.Records.has_source``."""
        self.ready()
        found = self.one(
            "select size from control_plane.sources where workspace_id = %s and sha256 = %s",
            [self.workspace_id, sha256],
        )
        return found is not None

    def prune_sources(self, hours: float = ORPHAN_HOURS) -> int:
        """Remove sources older than that to which no living deployment refers; how many there were."""
        with self.transaction():
            return self.run(
                "delete from control_plane.sources s where s.workspace_id = %(workspace)s "
                "and s.created_at < now() - make_interval(secs => %(seconds)s) and not exists ("
                "select 1 from control_plane.revisions r join control_plane.deployments d on d.id = r.deployment_id "
                "where r.workspace_id = s.workspace_id and r.source_sha256 = s.sha256 and d.deleted_at is null)",
                {"workspace": self.workspace_id, "seconds": hours * 3600},
            )
