# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the control plane answers: said once when it stops, and once when it answers again."""

from __future__ import annotations

import logging

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError

LOGGER = logging.getLogger("listener")
_CLOCK_SECONDS = 30.0  # a difference that is worth a warning


class Contact:
    """What is known of the last requests."""

    def __init__(self) -> None:
        #: Whether there ever was an answer.
        self.made = False
        self._said = ""

    @property
    def good(self) -> bool:
        """Whether the last request was answered."""
        return self.made and not self._said

    def renew(self) -> None:
        """The settings are new: what is wrong now is said again."""
        self._said = ""

    def heard(self, api_url: str, clock_ahead: float) -> None:
        """An answer came; the control plane's clock is so many seconds ahead of ours."""
        if not self.good:
            LOGGER.info("the control plane answers", extra={"fields": {"api_url": api_url}})
            if abs(clock_ahead) > _CLOCK_SECONDS:
                LOGGER.warning(
                    "the clocks differ; leases do not depend on it, times in logs do",
                    extra={"fields": {"seconds_ahead": round(clock_ahead)}},
                )
        self.made, self._said = True, ""

    def trouble(self, error: RecordsError) -> None:
        """No answer of use: said, and said again only when it is something else."""
        if str(error) != self._said:
            self._said = str(error)
            LOGGER.error(
                "no answer of use from the control plane; it is asked again and again",
                extra={"fields": {"code": error.code, "cause": str(error)}},
            )
