# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads in Postgres: a token that puts one source of one deployment into the store, once, within an hour."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, BinaryIO

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import Row, new_id
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_revisions import RevisionRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_sources import SourceRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import iso
from ansible_collections.selfhosted.langgraph.plugins.module_utils._sources import MAX_SIZE

UPLOAD_SECONDS = 3600
_STALLED_SECONDS = 600  # an upload that was begun and not ended for that long may be begun again
_UPLOADS, _SOURCES = "uploads/", "sources/"


class UploadRecords(SourceRecords, RevisionRecords):
    """The part of the adapter that the service takes uploads with."""

    def begin_upload(self, deployment: str) -> dict[str, Any]:
        """A new upload for a deployment with source internal_source: {upload_id, token, object_path, expires_at}.

        NotFound: no such deployment. InvalidInput: it has another source.
        """
        with self.transaction():
            row = self.must_deployment(deployment)
            if row["source"] != _model.SOURCE_INTERNAL:
                raise InvalidInput(
                    f"upload URL is only available for '{_model.SOURCE_INTERNAL}' source deployments; the source of "
                    f"deployment {row['name']} is {row['source']}.",
                    field="source",
                )
            self.run("delete from control_plane.uploads where expires_at < now() - interval '1 day'")
            upload_id, token = new_id(), secrets.token_urlsafe(32)
            made = self.must(
                "insert into control_plane.uploads (id, workspace_id, deployment_id, token_hash, expires_at) "
                "values (%s, %s, %s, %s, clock_timestamp() + make_interval(secs => %s)) returning expires_at",
                [upload_id, self.workspace_id, row["id"], _digest(token), UPLOAD_SECONDS],
            )
            return {
                "upload_id": upload_id,
                "token": token,
                "object_path": f"{_UPLOADS}{upload_id}",
                "expires_at": iso(made["expires_at"]),
            }

    def open_upload(self, upload_id: str, token: str) -> dict[str, Any]:
        """Begin to receive: {deployment_id, workspace_id, max_size}. The workspace is the upload's own.

        AccessDenied: the token does not fit. Conflict: it was used, is in use, or has expired.
        """
        with self.transaction():
            row = self._upload(upload_id, lock=True)
            if row is None or not hmac.compare_digest(row["token_hash"], _digest(token)):
                raise AccessDenied("The upload is not known or its token does not fit; ask for a new upload URL.")
            if row["state"] == "done":
                raise Conflict("The upload was used already; ask for a new upload URL.")
            if row["expired"]:
                raise Conflict("The upload has expired; ask for a new upload URL.")
            if row["state"] == "receiving" and not row["stalled"]:
                raise Conflict("The upload is being received already; wait for its end.")
            self._move_upload(upload_id, "receiving")
            return {
                "deployment_id": str(row["deployment_id"]),
                "workspace_id": str(row["workspace_id"]),
                "max_size": MAX_SIZE,
            }

    def finish_upload(self, upload_id: str, fileobj: BinaryIO) -> dict[str, Any]:
        """Check what was received and put it into the store: {sha256, size, object_path}. InvalidInput: it is no good
        source; the upload may then be tried again.
        """
        row = self._upload(upload_id)
        if row is None or row["state"] != "receiving":
            raise Conflict("The upload is not being received; ask for a new upload URL.")
        # Sources belong to workspaces, and the token decided on it.
        self.workspace_id = str(row["workspace_id"])
        with self.transaction():
            stored = self.put_source(fileobj)
            self.run(
                "update control_plane.uploads set state = 'done', sha256 = %s, size = %s, "
                "updated_at = clock_timestamp() where id = %s",
                [stored["sha256"], stored["size"], upload_id],
            )
            self.audit(
                "upload",
                "deployment",
                str(row["deployment_id"]),
                row["name"],
                None,
                {"source_sha256": stored["sha256"], "size": stored["size"]},
            )
        return {"sha256": stored["sha256"], "size": stored["size"], "object_path": f"{_UPLOADS}{upload_id}"}

    def abandon_upload(self, upload_id: str) -> None:
        """What was being received did not come to its end: the token may be used again."""
        self.run(
            "update control_plane.uploads set state = 'open', updated_at = clock_timestamp() where id = %s "
            "and state = 'receiving'",
            [upload_id],
        )

    def source_of_path(self, deployment: str, object_path: str) -> str:
        """The SHA-256 of what an object path names: ``uploads/<id>`` of this deployment, or ``sources/<sha256>`` that
        is stored. InvalidInput: neither, or nothing was uploaded.
        """
        row = self.must_deployment(deployment)
        kind, name = object_path[:8], object_path[8:]
        if kind == _UPLOADS and _model.is_uuid(name):
            upload = self._upload(name)
            if upload is not None and upload["deployment_id"] == row["id"] and upload["sha256"]:
                sha256: str = upload["sha256"]
                return sha256
        if kind == _SOURCES and len(name) == 64 and "\x00" not in name and self.has_source(name):
            return name
        raise InvalidInput(
            f"source_tarball_path {object_path[:200]!r} was not uploaded for deployment {row['name']}; ask for an "
            "upload URL and upload the source there first.",
            field="source_tarball_path",
        )

    def _upload(self, upload_id: str, lock: bool = False) -> Row | None:
        if not _model.is_uuid(upload_id):
            return None
        # One of a deployment that is deleted leads nowhere.
        query = (
            "select u.id, u.workspace_id, u.deployment_id, u.token_hash, u.state, u.sha256, d.name, "
            "u.expires_at <= clock_timestamp() as expired, "
            "u.updated_at < clock_timestamp() - make_interval(secs => %s) as stalled from control_plane.uploads u "
            "join control_plane.deployments d on d.id = u.deployment_id where u.id = %s and d.deleted_at is null"
        )
        if lock:
            self.run("select 1 from control_plane.uploads where id = %s for update", [upload_id])
        return self.one(query, [_STALLED_SECONDS, upload_id])

    def _move_upload(self, upload_id: str, state: str) -> None:
        self.run(
            "update control_plane.uploads set state = %s, updated_at = clock_timestamp() where id = %s",
            [state, upload_id],
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
