# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on logs and figures of deployments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown


@dataclass(frozen=True)
class Lines:
    """Which lines of a log to read."""

    type: Literal["build", "deploy"] = "deploy"
    order: Literal["asc", "desc"] = "asc"
    limit: int = 50
    after: str | None = None
    level: str | None = None
    query: str | None = None
    start_time: str | None = None
    end_time: str | None = None


@operation
def read_logs(context: Context, deployment: str, revision: str | None, lines: Lines) -> dict[str, Any]:
    """Lines of a log of a revision, or of all revisions of a deployment."""
    context.guard(deployment)
    number = None
    if revision is not None:
        found = context.records.revision(deployment, revision)
        if found is None:
            known = context.seen(context.records.deployment(deployment), deployment)
            raise shown.missing("revision", revision, f"deployment {known['name']}")
        number = found["number"]
    return context.records.logs(
        deployment,
        number,
        lines.type,
        lines.after,
        lines.limit,
        order=lines.order,
        level=lines.level,
        query=lines.query,
        start_time=lines.start_time,
        end_time=lines.end_time,
    )


@operation
def read_metrics(
    context: Context, deployment: str, name: str | None, since: str | None, until: str | None, limit: int
) -> dict[str, Any]:
    """Figures of a deployment in the order of time."""
    context.guard(deployment)
    return shown.page(context.records.metrics(deployment, name, since, until, limit), 0)
