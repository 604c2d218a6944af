# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workspaces, API keys, audit entries, and who one is."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import EXTRA_PERMISSIONS
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    Answer,
    Asked,
    ComputeId,
    Moment,
    Name,
    Plan,
)

MemberRole = Literal["admin", "editor", "viewer"]
KeyRole = Literal["admin", "editor", "viewer", "listener"]
_Permission = Annotated[
    str,
    StringConstraints(pattern="^(" + "|".join(sorted(EXTRA_PERMISSIONS)) + ")$"),
    Field(json_schema_extra={"enum": sorted(EXTRA_PERMISSIONS)}),
]
_Permissions = Annotated[list[_Permission], Field(max_length=20)]
_MemberName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$")]
_OptionalName = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$", max_length=128)
]


class MemberRequest(Asked):
    """A person or program in a workspace."""

    name: Annotated[_MemberName, Field(max_length=255)]
    role: MemberRole


_Members = Annotated[list[MemberRequest], Field(max_length=1000)]


class WorkspaceCreateRequest(Asked):
    """A new workspace."""

    name: Name
    secrets_in_clear: bool | None = None
    default_listener: _OptionalName | None = None
    members: _Members | None = None


class WorkspacePatchRequest(Asked):
    """A change of a workspace; ``members`` is the whole list, ``default_listener`` "" is none."""

    secrets_in_clear: bool | None = None
    default_listener: _OptionalName | None = None
    members: _Members | None = None


class Member(Answer):
    """A person or program in a workspace."""

    name: str
    role: MemberRole


class Workspace(Answer):
    """A workspace."""

    id: UUID
    name: str
    secrets_in_clear: bool
    default_listener: str | None
    members: list[Member]
    version: int
    created_at: datetime


class ChangedWorkspace(Workspace):
    """A workspace after a change."""

    change: Plan


class WorkspacesList(Answer):
    """Workspaces."""

    resources: list[Workspace]
    offset: int


class ApiKeyCreateRequest(Asked):
    """A new API key."""

    name: ComputeId
    role: KeyRole | None = None
    permissions: _Permissions | None = None
    listener: _OptionalName | None = None
    member: Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]*$", max_length=255)] | None = None
    organization: bool | None = None
    expires_at: Moment | None = None


class ApiKeyPatchRequest(Asked):
    """A change of an API key; the key itself stays."""

    role: KeyRole | None = None
    permissions: _Permissions | None = None
    listener: _OptionalName | None = None
    member: Annotated[str, StringConstraints(pattern=r"^[^\x00\r\n]*$", max_length=255)] | None = None
    organization: bool | None = None
    expires_at: Moment | Literal[""] | None = None


class ApiKey(Answer):
    """An API key; the key itself is shown once, when it is made."""

    id: UUID
    name: str
    prefix: str
    role: KeyRole
    permissions: list[str]
    extra_permissions: list[str]
    listener: str | None
    member: str | None
    organization: bool
    workspace: str
    expires_at: datetime | None
    last_used_at: datetime | None
    created_by: str
    created_at: datetime
    version: int


class ChangedApiKey(ApiKey):
    """An API key after a change."""

    change: Plan


class CreatedApiKey(ChangedApiKey):
    """A new API key, with the key itself."""

    key: str


class ApiKeysList(Answer):
    """A page of API keys; ``offset`` is where the next one begins."""

    resources: list[ApiKey]
    offset: int


class AuditKey(Answer):
    """The API key that was used."""

    id: UUID
    name: str | None


class AuditEntry(Answer):
    """Who did what to which record."""

    id: str
    at: datetime
    actor: str
    key: AuditKey | None
    database_user: str
    from_address: str | None
    action: str
    kind: str
    record_id: str
    record_name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditEntries(Answer):
    """Audit entries, the newest first; ``next_offset`` goes on where they end."""

    entries: list[AuditEntry]
    next_offset: str | None


class WhoAmI(Answer):
    """Who the API key speaks for, and where."""

    key_id: UUID
    key_name: str
    member: str | None
    role: KeyRole
    permissions: list[str]
    workspace_id: UUID
    workspace_name: str
    listener_id: UUID | None
    organization: bool
    secrets_in_clear: bool
