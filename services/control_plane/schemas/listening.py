# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of a listener tell, and what they are told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    Answer,
    Asked,
    Line,
    Moment,
    NameOrId,
    Uuid,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.deployments import DeploymentStatus
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.listeners import ComputeType
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.work import (
    OwnerRequest,
    SampleRequest,
    SmallNumber,
)


class _Listening(Asked):
    listener: NameOrId | None = None


class WorkRequest(Asked):
    """What a process works on."""

    claim_id: Line | None = None
    deployment: Line | None = None
    revision: SmallNumber | None = None
    action: Line | None = None
    step: Line | None = None
    since: Line | None = None


class ProcessRequest(Asked):
    """A process of a listener. ``capacity``: pieces of work at once; ``stopping``: it will not be there any more."""

    id: Uuid
    owner: OwnerRequest
    version: Line | None = None
    capacity: Annotated[int, Field(ge=0, le=10000)] = 0
    started_at: Moment
    work: Annotated[list[WorkRequest], Field(max_length=1000)] = []
    stopping: bool = False


class HeartbeatRequest(_Listening):
    """A process that is there. Without ``listener``: of the one that the API key belongs to."""

    process: ProcessRequest


class ListeningTo(Answer):
    """The listener that the process belongs to."""

    id: UUID
    compute_id: str
    compute_type: ComputeType
    host_groups: list[str]
    workspace_id: UUID


class Heartbeat(Answer):
    """Whose process it is, and whether it does what one process alone has to do."""

    listener: ListeningTo
    leader: bool


class ServedRequest(_Listening):
    """Without ``listener``: of the one that the API key belongs to."""


class ServedDeployment(Answer):
    """A deployment of the listener."""

    id: UUID
    name: str
    slug: str
    status: DeploymentStatus
    url: str | None
    host: str | None
    host_group: str | None
    active_revision_id: UUID | None
    active_revision_number: int | None
    health: dict[str, Any] | None
    drift_checked_at: datetime | None
    claimed: bool


class Served(Answer):
    """All deployments of the listener, by name."""

    deployments: list[ServedDeployment]


# What programs wrote is cut and cleaned, not refused.
_Raw = Annotated[str, StringConstraints(max_length=262144)]
_Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=63)]


class ObservedLineRequest(Asked):
    """A line of a running server's log; ``seq`` counts for its writer, so that one sent twice is kept once."""

    writer: Uuid
    seq: SmallNumber
    timestamp: Moment | None = None
    level: Line | None = None  # what is none of the five is INFO
    message: _Raw = ""


class ReplicaHealthRequest(Asked):
    """Whether a process of a server answers."""

    ok: bool
    message: _Raw | None = None


class HealthRequest(Asked):
    """Whether a server answers, and which of its processes."""

    ok: bool
    message: _Raw | None = None
    replicas: Annotated[dict[Line, ReplicaHealthRequest], Field(max_length=1000)] | None = None


class ObservationRequest(Asked):
    """What is seen of the servers of a deployment. Without ``revision_id`` it is about the active revision."""

    slug: _Slug
    revision_id: Uuid | None = None
    health: HealthRequest | None = None
    logs: Annotated[list[ObservedLineRequest], Field(max_length=5000)] | None = None
    samples: Annotated[list[SampleRequest], Field(max_length=5000)] | None = None


class ObservationsRequest(_Listening):
    """At most 5000 lines and samples. Without ``listener``: of the one that the API key belongs to."""

    observations: Annotated[list[ObservationRequest], Field(max_length=1000)]


class Observed(Answer):
    """How many lines and samples were new, and of which slugs there is no deployment."""

    accepted: int
    unknown: list[str]
