# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a claim hands out; the same as ``_records.Claim``."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import Answer
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.deployments import (
    DeploymentStatus,
    RevisionStatus,
    ShownSecretReference,
    Source,
)


class ClaimedDeployment(Answer):
    """The deployment to work on."""

    id: UUID
    name: str
    slug: str
    workspace_id: UUID
    status: DeploymentStatus
    active_revision_number: int | None
    listener_id: UUID | None
    url: str | None
    skip_dump: bool
    delete_attempts: int
    host: str | None
    host_group: str | None


class ClaimedRevision(Answer):
    """The revision to apply."""

    id: UUID
    number: int
    status: RevisionStatus
    kind: str
    source: Source
    source_sha256: str | None
    repo_url: str | None
    repo_ref: str | None
    repo_commit_sha: str | None
    langgraph_config_path: str | None
    image_uri: str | None
    flavour: str
    api_version: str | None
    has_lock: bool
    resource_spec: dict[str, Any]
    attempts: int


class ClaimPublic(Answer):
    """What of a claim may be shown. ``claim_id`` is empty in a preview."""

    claim_id: str
    epoch: int
    seconds_left: float
    action: Literal["apply", "delete", "check"]
    reason: Literal["due", "named", "check"]
    preview: bool
    deployment: ClaimedDeployment
    revision: ClaimedRevision | None
    keep_revisions: list[int]
    placements: dict[str, dict[str, dict[str, int]]]


class ClaimPrivate(Answer):
    """What of a claim is shown nowhere."""

    env: dict[str, str]
    secrets: dict[str, str]
    secret_references: list[ShownSecretReference]
    lock: str | None
    database_password: str | None
    redis_password: str | None


class HandedOut(Answer):
    """A claim."""

    public: ClaimPublic
    private: ClaimPrivate


class Claims(Answer):
    """What was claimed. ``suspects``: owners on the same host of whom the client can see whether they are dead."""

    protocol: int
    claims: list[HandedOut]
    suspects: list[dict[str, Any]]
