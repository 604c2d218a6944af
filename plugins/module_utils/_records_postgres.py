# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records in Postgres: the adapter put together from its parts, and what belongs to the schema and the keys."""

from __future__ import annotations

from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _migrations
from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import Crypt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import SchemaStatus
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_audit import AuditRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import to_json
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_keys import KeyRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_observed import ObservedRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_reports import ReportRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_uploads import UploadRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_workspaces import WorkspaceRecords

_ROTATION_BATCH = 200
# Every column that holds a token: how to read and lock a batch of it, and how to write one.
_TOKENS = (
    (
        "select id, secrets as token from control_plane.revisions where id > %s order by id limit %s for update",
        "update control_plane.revisions set secrets = %s where id = %s",
    ),
    (
        (
            "select id, draft_secrets as token from control_plane.deployments where id > %s order by id limit %s "
            "for update"
        ),
        "update control_plane.deployments set draft_secrets = %s where id = %s",
    ),
    (
        (
            "select id, database_password as token from control_plane.deployments where id > %s order by id limit "
            "%s for update"
        ),
        "update control_plane.deployments set database_password = %s where id = %s",
    ),
    (
        (
            "select id, redis_password as token from control_plane.deployments where id > %s order by id limit %s "
            "for update"
        ),
        "update control_plane.deployments set redis_password = %s where id = %s",
    ),
)


class PostgresRecords(ReportRecords, ObservedRecords, UploadRecords, WorkspaceRecords, KeyRecords, AuditRecords):
    """Implements ``_records.Records`` over one connection; open it with ``_records_open.open_records``."""

    def schema_status(self) -> SchemaStatus:
        """See ``_records.Records.schema_status``."""
        with self.sentences():
            return _migrations.read_status(self.connection)

    def migrate(self) -> dict[str, Any]:
        """See ``_records.Records.migrate``."""
        crypt = Crypt(self._key_file) if self._key_file else None
        connection = self.connection
        with self.sentences():
            applied = _migrations.migrate(connection, self.place_text)
        self._ready = False
        if crypt is not None:
            crypt.verify(self.write_check_token(crypt))
        if applied:
            with self.sentences():
                connection.execute(
                    "insert into control_plane.audit_entries (actor, action, kind, record_id, record_name, after) "
                    "values (%s, 'migrate', 'schema', 'control_plane', 'control_plane', %s)",
                    [self.author, to_json({"versions": applied})],
                )
        return {**self.schema_status(), "changed": bool(applied), "applied": applied}

    def rotate_keys(self, preview: bool = False) -> dict[str, Any]:
        """See ``_records.Records.rotate_keys``."""
        self.ready()
        crypt, count = self.crypt, 0
        for read, write in _TOKENS:
            last = "00000000-0000-0000-0000-000000000000"
            while True:
                with self.transaction():
                    rows = self.all(read, [last, _ROTATION_BATCH])
                    for row in rows:
                        if row["token"] is not None and not crypt.is_newest(row["token"]):
                            if not preview:
                                self.run(write, [crypt.rotate(row["token"]), row["id"]])
                            count += 1
                if not rows:
                    break
                last = str(rows[-1]["id"])
        pepper = self.one("select token from control_plane.api_key_pepper")
        if pepper is not None and not crypt.is_newest(pepper["token"]):
            if not preview:
                self.run("update control_plane.api_key_pepper set token = %s", [crypt.rotate(pepper["token"])])
            count += 1
        if self._check_token is None or not crypt.is_newest(self._check_token):
            if not preview:
                with self.transaction():
                    self.run(
                        "insert into control_plane.encryption_check (token) values (%s) on conflict (only_row) "
                        "do update set token = excluded.token, updated_at = now()",
                        [crypt.check_token()],
                    )
            count += 1
        if count and not preview:
            self._ready = False
            with self.transaction():
                self.audit("rotate_keys", "schema", "control_plane", "control_plane", None, {"tokens": count})
        return {"changed": count > 0, "reencrypted": count}
