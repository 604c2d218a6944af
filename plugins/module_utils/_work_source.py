# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of a claimed revision as a tarball beside its claim file."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import SOURCE_GITHUB, SOURCE_IMAGE
from ansible_collections.selfhosted.langgraph.plugins.module_utils._patience import patiently
from ansible_collections.selfhosted.langgraph.plugins.module_utils._sources import pack_directory
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import read_claim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_git import fetch

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context

_FILE = "source.tar.gz"


def work(context: Context) -> dict[str, Any]:
    """The module work_source: {changed, path, sha256, repo_commit_sha}; path "" when the revision runs an image."""
    claim = read_claim(context.params["claim_file"])
    context.work_on(claim)
    revision = claim.get("revision")
    if revision is None or revision["source"] == SOURCE_IMAGE:
        return {"changed": False, "path": "", "sha256": None, "repo_commit_sha": None}
    path = os.path.join(os.path.dirname(context.params["claim_file"]), _FILE)
    if revision["source_sha256"]:
        patiently(lambda: from_store(context.records, revision["source_sha256"], path), context.close)
        return _result(False, path, revision["source_sha256"], revision.get("repo_commit_sha"))
    if revision["source"] != SOURCE_GITHUB:
        raise InvalidInput(
            f"Revision {revision['number']} of deployment {claim['deployment']['name']} has no source: give the "
            "deployment "
            "source_directory, source_tarball, repo_url or image_uri."
        )
    return _from_git(context, claim, revision, path)


def _result(changed: bool, path: str, sha256: str, commit: str | None) -> dict[str, Any]:
    return {"changed": changed, "path": path, "sha256": sha256, "repo_commit_sha": commit}


def from_store(records: Records, sha256: str, path: str) -> None:
    """Write a stored source to ``path`` (0600), unless it is there already; Conflict if its content is not what its "
    "name says."""
    if os.path.exists(path) and _sha256_of(path) == sha256:
        return
    digest = hashlib.sha256()
    part = f"{path}.part"
    try:
        with _created(part) as stream:
            for chunk in records.open_source(sha256):
                digest.update(chunk)
                stream.write(chunk)
        if digest.hexdigest() != sha256:
            raise Conflict(
                f"The stored source {sha256} is damaged: give the deployment its source again.", sha256=sha256
            )
        os.replace(part, path)
    except OSError as error:
        raise InvalidInput(
            f"The source cannot be written to {path} ({error.strerror}): make room, or set work_dir of work_claim to "
            "another place."
        ) from error


def _from_git(context: Context, claim: Mapping[str, Any], revision: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Fetch the ref, pack the commit, and have the records keep both, so that nobody fetches this revision again."""
    checkout = tempfile.mkdtemp(prefix="git-", dir=os.path.dirname(path))
    try:
        commit = fetch(revision["repo_url"], revision["repo_ref"], checkout, context.params["timeout"])
        with pack_directory(checkout, honour_ignore=False) as packed, _created(path) as stream:
            shutil.copyfileobj(packed.file, stream)
    finally:
        shutil.rmtree(checkout, ignore_errors=True)
    if not (context.check_mode or claim["preview"]):
        built: dict[str, Any] = {"repo_commit_sha": commit, "source_sha256": packed.sha256}

        def put() -> None:
            with open(path, "rb") as stream:
                context.records.put_source(stream)

        patiently(put, context.close)
        patiently(lambda: context.records.report(claim["claim_id"], claim["epoch"], **built), context.close)
    return _result(True, path, packed.sha256, commit)


def _created(path: str) -> BinaryIO:
    """A new file for this user alone."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")


def _sha256_of(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
