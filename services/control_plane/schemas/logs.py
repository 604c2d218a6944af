# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs and metrics of deployments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import (
    Answer,
    Asked,
    Cursor,
    Moment,
    SearchText,
)

LogType = Literal["build", "deploy"]
UpperLogType = Literal["BUILD", "DEPLOY"]
Order = Literal["asc", "desc"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class ProjectLogsRequest(Asked):
    """Which lines of a log to read."""

    order: Order = "asc"
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    offset: Cursor | None = None
    level: LogLevel | None = None
    query: SearchText | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None


class LogLine(Answer):
    """A line of a log."""

    id: str
    timestamp: datetime
    level: LogLevel
    message: str


class LogsResponse(Answer):
    """Lines of a log; ``next_offset`` goes on where they end, and is null only if there never was a line."""

    logs: list[LogLine]
    next_offset: str | None


class DeploymentLogs(Answer):
    """Lines of a log; ``next_cursor`` goes on where they end."""

    items: list[LogLine]
    next_cursor: str | None


class Sample(Answer):
    """A figure at one moment."""

    name: str
    replica: str
    at: datetime
    value: float


class SamplesList(Answer):
    """Figures in the order of time."""

    resources: list[Sample]
    offset: int
