# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners, as the vendor's API has them; on hosts, their namespaces are groups of hosts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    ONE_LINE,
    Answer,
    Asked,
    ComputeId,
    Plan,
)

ComputeType = Literal["hosts", "k8s"]
_Group = Annotated[str, StringConstraints(pattern=ONE_LINE, min_length=1, max_length=255)]
_Groups = Annotated[list[_Group], Field(max_length=1000)]
_Version = Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=128)]


class ListenerComputeConfigRequest(Asked):
    """Where the listener may put deployments: one list, by either name."""

    k8s_namespaces: _Groups | None = None
    host_groups: _Groups | None = None


class ListenerCreateRequest(Asked):
    """A new listener."""

    version: _Version | None = None
    compute_type: ComputeType
    compute_id: ComputeId
    compute_config: ListenerComputeConfigRequest


class ListenerPatchRequest(Asked):
    """A change of a listener."""

    version: _Version | None = None
    compute_config: ListenerComputeConfigRequest | None = None
    compute_type: ComputeType | None = None


class ListenerComputeConfig(Answer):
    """Where the listener may put deployments."""

    k8s_namespaces: list[str] | None
    host_groups: list[str]


class ListenerWork(Answer):
    """What a process of a listener works on."""

    claim_id: str | None
    deployment: str | None
    revision: int | None
    action: str | None
    step: str | None
    since: str | None


class ListenerProcess(Answer):
    """A process of a listener, as it was when it was seen last."""

    id: UUID
    host: str | None
    pid: int | None
    version: str | None
    capacity: int
    work: list[ListenerWork]
    started_at: datetime
    seen_at: datetime


class Listener(Answer):
    """A listener; ``deployments`` are counted up to 100, ``processes`` are those of the last day.

    It is online, and has a capacity, by the processes that were seen within the last 30 seconds.
    """

    id: UUID
    tenant_id: UUID
    version: str | None
    compute_type: ComputeType
    compute_id: str
    compute_config: ListenerComputeConfig
    deployments: int
    status: Literal["online", "offline"]
    last_seen_at: datetime | None
    capacity: int
    processes: list[ListenerProcess]
    record_version: int
    created_at: datetime
    updated_at: datetime


class ListenersList(Answer):
    """A page of listeners; ``offset`` is where the next one begins."""

    resources: list[Listener]
    offset: int


class ChangedListener(Listener):
    """A listener after a change."""

    change: Plan
