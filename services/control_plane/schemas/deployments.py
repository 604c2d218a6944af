# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments, as the vendor's API has them, and what is ours on top."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    ONE_LINE,
    Answer,
    Asked,
    ComputeId,
    EnvName,
    EnvValue,
    LongLine,
    Message,
    Plan,
    Uuid,
    Word,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.resources import ResourceSpec

Source = Literal["github", "external_docker", "internal_docker", "internal_source"]
RevisionSource = Literal["github", "internal_docker", "internal_source"]
DeploymentType = Literal["dev_free", "dev", "prod", "dev_zero", "dev_free_zero"]
DeploymentStatus = Literal[
    "AWAITING_DATABASE", "READY", "UNUSED", "AWAITING_DELETE", "AWAITING_FINAL_DELETE", "UNKNOWN"
]
RevisionStatus = Literal[
    "CREATING",
    "QUEUED",
    "AWAITING_BUILD",
    "BUILDING",
    "AWAITING_DEPLOY",
    "DEPLOYING",
    "CREATE_FAILED",
    "BUILD_FAILED",
    "DEPLOY_FAILED",
    "DEPLOYED",
    "SKIPPED",
    "INTERRUPTED",
    "UNKNOWN",
]
Tier = Literal["SERVERLESS_S", "SERVERLESS_M", "SERVERLESS_L", "DEDICATED_S", "DEDICATED_M", "DEDICATED_L"]

_RepoUrl = Annotated[
    str,
    StringConstraints(
        pattern=r"^((https://[A-Za-z0-9.-]+(:[0-9]+)?/[^\s\x00@]+)|(ssh://[A-Za-z0-9._@:-]+/[^\s\x00]+)|"
        r"([A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s\x00]+))?$",
        max_length=2048,
    ),
]
_RepoRef = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f~^:?*\[\\]*$", max_length=255)]
_ConfigPath = Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n/\\][^\x00\r\n\\]*$|^$", max_length=1024)]
_ImageUri = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._/:@\[\]-]*)?$", max_length=512)]
_Url = Annotated[str, StringConstraints(pattern=r"^(https?://[A-Za-z0-9.:-]+(/[^\s\x00]*)?)?$", max_length=2048)]
_Namespace = Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=255)]
_DisplayName = Annotated[str, StringConstraints(pattern=ONE_LINE, min_length=1, max_length=255)]
_Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}:[^\x00-\x1f]{1,255}$")]
_Env = Annotated[dict[EnvName, EnvValue], Field(max_length=1000, json_schema_extra={"additionalProperties": False})]


class Secret(Asked):
    """An environment variable whose value is kept encrypted. ``********`` as a value means: as it is."""

    name: EnvName
    value: EnvValue


class SecretReference(Asked):
    """An environment variable whose value whoever applies looks up: ``secret_name`` env, file, or a Kubernetes one."""

    name: EnvName
    secret_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", max_length=253)]
    secret_key: Annotated[str, StringConstraints(pattern=ONE_LINE, min_length=1, max_length=1024)]


Secrets = Annotated[list[Secret], Field(max_length=1000)]
SecretReferences = Annotated[list[SecretReference], Field(max_length=200)]
Packages = Annotated[list[_Package], Field(max_length=100)]


# -- requests ----------------------------------------------------------------------------------------------------------


class ListenerConfig(Asked):
    """Where the listener is to put the deployment."""

    k8s_namespace: _Namespace | None = None


class SourceConfigRequest(Asked):
    """What belongs to the deployment as a whole."""

    integration_id: Uuid | None = None
    repo_url: _RepoUrl | None = None
    deployment_type: DeploymentType | None = None
    build_on_push: bool | None = None
    custom_url: _Url | None = None
    resource_spec: ResourceSpec | None = None
    listener_id: Uuid | None = None
    listener_config: ListenerConfig | None = None
    install_command: LongLine | None = None
    build_command: LongLine | None = None


class SourceRevisionConfigRequest(Asked):
    """What the revision runs."""

    repo_ref: _RepoRef | None = None
    langgraph_config_path: _ConfigPath | None = None
    image_uri: _ImageUri | None = None
    source_tarball_path: Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=255)] | None = None


class DeploymentCreateRequest(Asked):
    """A new deployment."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", max_length=63)]
    source: Source
    source_config: SourceConfigRequest
    source_revision_config: SourceRevisionConfigRequest
    secrets: Secrets
    secret_references: SecretReferences | None = None
    shareable: bool = False
    route_through_gateway: bool = False
    display_name: _DisplayName | None = None
    deployment_tier: Tier | None = None
    compute_tier: Tier | None = None
    database_tier: Tier | None = None
    tracked_packages: Packages | None = None
    env: _Env | None = None
    flavour: Word | None = None
    api_version: Word | None = None
    message: Message | None = None
    listener: ComputeId | None = None


class _Change(Asked):
    source_config: SourceConfigRequest | None = None
    source_revision_config: SourceRevisionConfigRequest | None = None
    secrets: Secrets | None = None
    secret_references: SecretReferences | None = None
    tracked_packages: Packages | None = None
    source: Source | None = None
    env: _Env | None = None
    flavour: Word | None = None
    api_version: Word | None = None
    message: Message | None = None
    listener: ComputeId | None = None
    clear_secrets: bool = False


class DeploymentPatchRequest(_Change):
    """A change of a deployment; what is missing or null stays as it is. An empty list of secrets changes nothing."""

    display_name: _DisplayName | None = None
    revision_source: RevisionSource | None = None
    deployment_tier: Tier | None = None
    compute_tier: Tier | None = None
    database_tier: Tier | None = None
    shareable: bool | None = None
    route_through_gateway: bool | None = None


class DeploymentTierRequest(Asked):
    """A tier, which is only kept and shown."""

    deployment_tier: Tier


class ResourceTiersRequest(Asked):
    """Tiers, which are only kept and shown; at least one."""

    compute_tier: Tier | None = None
    database_tier: Tier | None = None


class RollbackRequest(Asked):
    """Make a revision that runs what an earlier one ran."""

    number: Annotated[int, Field(ge=1, le=2**31 - 1)]
    secrets: Literal["current", "of_revision"] = "current"
    message: Message | None = None


class PushTokenRequest(Asked):
    """What the client can do with the answer."""

    supports_registry_username: bool = False


class UploadUrlRequest(Asked):
    """What the client can do with the answer."""

    supports_upload_headers: bool = False


# -- answers -----------------------------------------------------------------------------------------------------------


class ShownListenerConfig(Answer):
    """Where the listener puts the deployment."""

    k8s_namespace: str | None = None


class SourceConfig(Answer):
    """What belongs to the deployment as a whole."""

    integration_id: UUID | None
    repo_url: str | None
    deployment_type: DeploymentType | None
    build_on_push: bool | None
    custom_url: str | None
    resource_spec: ResourceSpec | None
    listener_id: UUID | None
    listener_config: ShownListenerConfig | None
    install_command: str | None
    build_command: str | None
    template_id: str | None
    repo_branch: str | None


class SourceRevisionConfig(Answer):
    """What the latest revision runs."""

    repo_ref: str | None
    langgraph_config_path: str | None
    image_uri: str | None
    source_tarball_path: str | None
    repo_commit_sha: str | None


class ShownSecret(Answer):
    """A secret; its value is masked unless the key may reveal it."""

    name: str
    value: str


class ShownSecretReference(Answer):
    """A secret that lies elsewhere."""

    name: str
    secret_name: str
    secret_key: str


class DriftChange(Answer):
    """A step that would change something."""

    task: str | None
    host: str | None
    message: str | None
    diff: str | None


class Drift(Answer):
    """What the last check found that differs from the record; ``more`` changes are not shown."""

    status: Literal["in_sync", "drifted", "failed"]
    changes: list[DriftChange]
    more: int
    cause: str | None
    checked_at: datetime


class Claim(Answer):
    """Who works on the deployment now."""

    held: bool
    action: Literal["apply", "delete", "check"] | None
    owner: str | None
    since: datetime | None
    until: datetime | None
    epoch: int


class Deployment(Answer):
    """A deployment."""

    id: UUID
    tenant_id: UUID
    name: str
    slug: str
    display_name: str | None
    status: DeploymentStatus
    source: Source
    source_config: SourceConfig
    source_revision_config: SourceRevisionConfig
    source_sha256: str | None
    env: dict[str, str]
    secrets: list[ShownSecret]
    secret_references: list[ShownSecretReference] | None
    tracked_packages: list[str]
    flavour: str
    api_version: str | None
    image_version: str | None
    shareable: bool
    route_through_gateway: bool
    deployment_tier: Tier | None
    compute_tier: Tier | None
    database_tier: Tier | None
    url: str | None
    listener_id: UUID | None
    listener: str | None
    latest_revision_id: UUID | None
    latest_revision_number: int | None
    latest_revision_status: RevisionStatus | None
    active_revision_id: UUID | None
    active_revision_number: int | None
    cause: str | None
    log_tail: str | None
    health: dict[str, Any] | None
    host: str | None
    drift: Drift | None
    skip_dump: bool
    claim: Claim
    version: int
    created_at: datetime
    updated_at: datetime
    tracer_session_id: UUID | None
    is_preview: bool
    is_managed_deep_agent: bool
    agent: dict[str, Any] | None


class RevisionSourceConfig(Answer):
    """What of the deployment's configuration the revision froze."""

    repo_url: str | None
    resource_spec: ResourceSpec | None
    install_command: str | None
    build_command: str | None


class Revision(Answer):
    """A revision: what was to run at one moment, and how far it came."""

    id: UUID
    deployment_id: UUID
    deployment: str
    number: int
    kind: Literal["create", "update", "rollback", "redeploy", "upload"]
    rollback_of: int | None
    author: str
    message: str | None
    status: RevisionStatus
    cause: str | None
    log_tail: str | None
    source: Source
    source_config: RevisionSourceConfig
    source_revision_config: SourceRevisionConfig
    source_sha256: str | None
    env: dict[str, str]
    secrets: list[ShownSecret]
    secret_references: list[ShownSecretReference]
    tracked_packages: list[str]
    flavour: str
    api_version: str | None
    has_lock: bool
    repo_commit_sha: str | None
    timings: dict[str, datetime]
    pinned: bool
    attempts: int
    active: bool
    interrupt_requested: bool
    created_at: datetime
    updated_at: datetime


class RevisionInFull(Revision):
    """A revision with the lock that its build resolved."""

    lock: str | None


class ChangedDeployment(Deployment):
    """A deployment after a change."""

    change: Plan
    revision: Revision | None


class DeploymentsList(Answer):
    """A page of deployments; ``offset`` is where the next one begins."""

    resources: list[Deployment]
    offset: int


class RevisionsList(Answer):
    """A page of revisions, the newest first; ``offset`` is where the next one begins."""

    resources: list[Revision]
    offset: int


class FreeCount(Answer):
    """How many deployments of a free type there are: this control plane knows none."""

    count: int


class Removed(Answer):
    """What became of one of several deletes."""

    deployment_id: UUID
    status: int
    detail: str | None


class RemovedList(Answer):
    """What became of several deletes."""

    resources: list[Removed]


class RevisionCreateRequest(_Change):
    """A new revision; what is missing or null stays as it is."""


class RevisionPatchRequest(Asked):
    """Keep a revision on the hosts, or no longer."""

    pinned: bool


class RedeployRequest(Asked):
    """Why it is done."""

    message: Message | None = None


class CreatedRevision(Revision):
    """A new revision."""

    change: Plan


class Rollback(Answer):
    """What a rollback did."""

    revision: Revision | None
    deployment: Deployment
    change: Plan


class Difference(Answer):
    """What differs between two revisions; secrets are masked, and one that differs is told by its mask."""

    left: int
    right: int
    fields: list[str]
    before: dict[str, Any]
    after: dict[str, Any]


class RevealedSecrets(Answer):
    """Secrets with their values."""

    secrets: list[ShownSecret]


class PushToken(Answer):
    """How to push an image."""

    token: str
    registry_url: str
    username: str | None = None
    repository_url: str | None = None


class UploadUrl(Answer):
    """Where to PUT a source, and what to call it then."""

    upload_url: str
    object_path: str
    upload_headers: dict[str, str] | None = None
    expires_at: datetime


class Uploaded(Answer):
    """A source that is stored."""

    object_path: str
    sha256: str
    size: int


class StoredSource(Answer):
    """A source that is stored."""

    sha256: str
    size: int
    changed: bool
