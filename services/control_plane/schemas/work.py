# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work protocol: claiming, renewing, reporting, ports, logs, metrics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import DEFAULT_PORT_RANGE
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    NO_NUL,
    ONE_LINE,
    Answer,
    Asked,
    Line,
    LongLine,
    Moment,
    NameOrId,
    Sha256,
    Uuid,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.deployments import Revision

EXACT = 2**53 - 1  # the greatest integer that every reader of JSON keeps
MAX_WAIT = 55  # seconds; proxies close what is silent for a minute
_Epoch = Annotated[int, Field(ge=0, le=EXACT)]
_Port = Annotated[int, Field(ge=1, le=65535)]
_Text = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=262144)]
SmallNumber = Annotated[int, Field(ge=0, le=EXACT)]


class OwnerRequest(Asked):
    """Who works: a process on a host. ``host`` and ``boot_id`` tell who is on the same host."""

    host: Line
    boot_id: Line
    pid_ns: Line | None = None
    pid: SmallNumber | None = None
    start_time: SmallNumber | None = None
    user: Line | None = None
    label: Line | None = None


class ClaimRequest(Asked):
    """What to claim: named deployments, else what is due."""

    deployments: Annotated[list[NameOrId], Field(min_length=1, max_length=1000)] | None = None
    listener: NameOrId | None = None
    owner: OwnerRequest
    takeover: bool = False
    preview: bool = False
    limit: Annotated[int, Field(ge=1, le=1000)] | None = None
    dead: Annotated[list[dict[str, Any]], Field(max_length=1000)] = []
    check_older_than: Annotated[float, Field(ge=0, le=366 * 86400, allow_inf_nan=False)] | None = None
    wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT, allow_inf_nan=False)] = 0


class _OfClaim(Asked):
    claim_id: Uuid
    epoch: _Epoch


class RenewRequest(_OfClaim):
    """A lease that shall go on."""


class Renewed(Answer):
    """How long the lease is now, and whether to stop."""

    seconds_left: float
    interrupt_requested: bool


class DriftChangeRequest(Asked):
    """A step that would change something."""

    task: _Text | None = None
    host: _Text | None = None
    message: _Text | None = None
    diff: _Text | None = None


class DriftRequest(Asked):
    """What a check found. ``more``: how many changes are left out already."""

    status: Literal["in_sync", "drifted", "failed"]
    changes: Annotated[list[DriftChangeRequest], Field(max_length=5000)] | None = None
    more: SmallNumber | None = None
    cause: _Text | None = None


class ReportRequest(_OfClaim):
    """How far the work is."""

    status: (
        Literal[
            "BUILDING",
            "AWAITING_DEPLOY",
            "DEPLOYING",
            "DEPLOYED",
            "BUILD_FAILED",
            "DEPLOY_FAILED",
            "INTERRUPTED",
            "FAILED",
            "DELETED",
            "DELETE_FAILED",
        ]
        | None
    ) = None
    cause: _Text | None = None
    log_tail: _Text | None = None
    url: LongLine | None = None
    lock: Annotated[str, StringConstraints(pattern=NO_NUL)] | None = None
    repo_commit_sha: Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=128)] | None = None
    source_sha256: Sha256 | None = None
    health: dict[str, Any] | None = None
    host: Line | None = None
    retry_after: Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)] | None = None
    drift: DriftRequest | None = None
    release: bool = False


class Reported(Answer):
    """How the revision is now, and whether to stop."""

    revision: Revision | None
    interrupt_requested: bool
    changed: bool


class WantedPort(Asked):
    """A port that is needed."""

    role: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=64)]
    slot: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=64)]
    port: _Port | None = None


class PlaceRequest(_OfClaim):
    """Ports on a host."""

    host_key: Annotated[str, StringConstraints(pattern=ONE_LINE, min_length=1, max_length=255)]
    wanted: Annotated[list[WantedPort], Field(max_length=1000)]
    port_range: Annotated[list[_Port], Field(min_length=2, max_length=2)] = list(DEFAULT_PORT_RANGE)


class Placed(Answer):
    """All ports of the deployment on the host: role, slot, port."""

    placements: dict[str, dict[str, int]]


class LogEntryRequest(Asked):
    """A line; ``seq`` counts within a claim and type, so that one sent twice is kept once."""

    seq: SmallNumber
    timestamp: Moment | None = None
    level: Line | None = None  # what is none of the five is INFO
    message: Annotated[str, StringConstraints(pattern=NO_NUL, max_length=65536)] = ""


class AppendLogsRequest(Asked):
    """Lines of a claim's (or a revision's) log."""

    id: Uuid
    type: Literal["build", "deploy"]
    entries: Annotated[list[LogEntryRequest], Field(max_length=5000)]


class SampleRequest(Asked):
    """A figure at one moment (now, if none is given)."""

    name: Annotated[str, StringConstraints(pattern=ONE_LINE, min_length=1, max_length=255)]
    replica: Line | None = None
    at: Moment | None = None
    value: Annotated[float, Field(allow_inf_nan=False)]


class AppendMetricsRequest(Asked):
    """Figures of a claim's deployment."""

    claim_id: Uuid
    samples: Annotated[list[SampleRequest], Field(max_length=5000)]


class Appended(Answer):
    """How many were new."""

    appended: int
