# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads: a token puts one source of one deployment into the store. Only the service asks, and only in Postgres."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AccessDenied, Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records

from .conftest import Backstage, tarball


@pytest.fixture
def records(records_database: str, key_file: Path) -> Iterator[Any]:
    """The records in Postgres with an empty deployment ``chat``."""
    opened = open_records({"dsn": records_database, "encryption_key_file": str(key_file), "actor": "tests"})
    opened.apply_deployment({"name": "chat"})
    yield opened
    opened.close()


def test_an_upload_becomes_a_source_of_its_deployment(records: Any) -> None:
    upload = records.begin_upload("chat")
    with pytest.raises(InvalidInput, match="was not uploaded"):
        records.source_of_path("chat", upload["object_path"])
    opened = records.open_upload(upload["upload_id"], upload["token"])
    assert opened["deployment_id"] == records.deployment("chat")["id"]
    stored = records.finish_upload(upload["upload_id"], tarball())
    assert records.source_of_path("chat", upload["object_path"]) == stored["sha256"]
    assert records.source_of_path("chat", f"sources/{stored['sha256']}") == stored["sha256"]
    made = records.apply_deployment({"name": "chat", "source_sha256": stored["sha256"]})
    assert made["revision"]["source_revision_config"]["source_tarball_path"] == f"sources/{stored['sha256']}"
    assert records.audit_entries(action="upload")["entries"][0]["after"]["source_sha256"] == stored["sha256"]


def test_a_token_fits_one_upload_once(records: Any) -> None:
    first, second = records.begin_upload("chat"), records.begin_upload("chat")
    with pytest.raises(AccessDenied, match="token does not fit"):
        records.open_upload(first["upload_id"], second["token"])
    with pytest.raises(AccessDenied, match="not known"):
        records.open_upload("00000000-0000-4000-8000-00000000dead", first["token"])
    records.open_upload(first["upload_id"], first["token"])
    with pytest.raises(Conflict, match="being received already"):
        records.open_upload(first["upload_id"], first["token"])
    records.finish_upload(first["upload_id"], tarball())
    with pytest.raises(Conflict, match="used already"):
        records.open_upload(first["upload_id"], first["token"])


def test_what_broke_off_can_be_sent_again(records: Any, backstage: Backstage) -> None:
    upload = records.begin_upload("chat")
    records.open_upload(upload["upload_id"], upload["token"])
    with pytest.raises(InvalidInput, match="no \\(complete\\) gzip"):
        records.finish_upload(upload["upload_id"], io.BytesIO(b"no tarball"))
    records.abandon_upload(upload["upload_id"])
    records.open_upload(upload["upload_id"], upload["token"])
    backstage.rows("update control_plane.uploads set updated_at = now() - interval '1 hour'")
    records.open_upload(upload["upload_id"], upload["token"])  # whoever received it before is lost
    assert records.finish_upload(upload["upload_id"], tarball())["size"] > 0


def test_an_expired_upload(records: Any, backstage: Backstage) -> None:
    upload = records.begin_upload("chat")
    backstage.rows("update control_plane.uploads set expires_at = now() - interval '1 second'")
    with pytest.raises(Conflict, match="has expired"):
        records.open_upload(upload["upload_id"], upload["token"])
    backstage.rows("update control_plane.uploads set expires_at = now() - interval '2 days'")
    records.begin_upload("chat")
    assert len(backstage.rows("select id from control_plane.uploads")) == 1, "old ones are cleared away"


def test_an_upload_of_another_deployment_or_source(records: Any) -> None:
    records.apply_deployment({"name": "other"})
    upload = records.begin_upload("chat")
    records.open_upload(upload["upload_id"], upload["token"])
    records.finish_upload(upload["upload_id"], tarball())
    for path in (upload["object_path"], "sources/" + "0" * 64, "elsewhere", "uploads/x", "sources/\x00" + "0" * 63, ""):
        with pytest.raises(InvalidInput, match="was not uploaded for deployment other"):
            records.source_of_path("other", path)
    records.apply_deployment({"name": "image", "image_uri": "registry.test/agent:1"})
    with pytest.raises(InvalidInput, match="only available for 'internal_source' source deployments"):
        records.begin_upload("image")


def test_uploads_of_a_deleted_deployment_lead_nowhere(records: Any) -> None:
    upload = records.begin_upload("chat")
    records.delete_deployment("chat")
    with pytest.raises(AccessDenied, match="not known"):
        records.open_upload(upload["upload_id"], upload["token"])


def test_the_token_is_kept_as_a_hash_only(records: Any, backstage: Backstage) -> None:
    upload = records.begin_upload("chat")
    assert upload["token"] not in backstage.everything()
