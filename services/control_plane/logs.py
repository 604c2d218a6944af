# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs of the service: one JSON object a line. No query string, header, body or value of a request is in any."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from ansible_collections.selfhosted.langgraph.services.common import logs as common

LOGGER = logging.getLogger("control_plane")
_ACCESS = logging.getLogger("control_plane.access")


def set_up(level: str) -> None:
    """Send all logs of the process to standard error, as JSON."""
    common.set_up(level)
    # Each connection that is lent and taken back, and each that could not be made: the service says it once itself.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)


def access(request_id: str, method: str, route: str, status: int, seconds: float) -> None:
    """One request that was answered. All of it is plain text that needs no escaping: there are many such lines."""
    if _ACCESS.isEnabledFor(logging.INFO):
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        sys.stderr.write(
            f'{{"time": "{now}", "level": "INFO", "logger": "control_plane.access", "message": "request", '
            f'"request_id": "{request_id}", "method": "{method}", "route": "{route}", "status": {status}, '
            f'"duration_ms": {seconds * 1000:.2f}}}\n'
        )
        sys.stderr.flush()
