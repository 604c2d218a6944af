# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: the one family of errors of everything that runs on a server host.

The message is one sentence that names the object and the next step; `extra` reaches the task's result.
"""

from __future__ import annotations

import typing as t


class HostError(Exception):
    """A step on a host cannot go on. `log_tail` holds the last log lines of what failed, oldest first."""

    def __init__(self, message: str, log_tail: t.Sequence[str] = (), **extra: t.Any) -> None:
        super().__init__(message)
        self.log_tail = list(log_tail)
        self.extra: dict[str, t.Any] = dict(extra)

    def result(self) -> dict[str, t.Any]:
        """Keyword arguments for `fail_json`."""
        found: dict[str, t.Any] = {"msg": str(self), **self.extra}
        if self.log_tail:
            found["log_tail"] = self.log_tail
        return found


class StaleEpoch(HostError):
    """Somebody with a newer claim works on this deployment: the caller must stop and change nothing more."""


class Busy(HostError):
    """Another process of this host works on this deployment and did not finish before the deadline."""
