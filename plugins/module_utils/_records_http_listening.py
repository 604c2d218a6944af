# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of a listener tell over HTTP, and what they are told."""

from __future__ import annotations

from typing import Any, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Heartbeat, ListenerProcess
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_work import WorkRecords


class ListeningRecords(WorkRecords):
    """The part of the adapter that listeners use."""

    def heartbeat(self, listener: str, process: ListenerProcess) -> Heartbeat:
        """See ``_records.Records.heartbeat``."""
        return cast("Heartbeat", self._listening("heartbeat", listener, process=dict(process)))

    def served(self, listener: str) -> list[dict[str, Any]]:
        """See ``_records.Records.served``."""
        found: list[dict[str, Any]] = self._listening("served", listener)["deployments"]
        return found

    def _listening(self, what: str, listener: str, **body: Any) -> Any:
        """Ask in the name of a listener; without a name it is the API key's own."""
        return self._work(what, {**({"listener": listener} if listener else {}), **body}, repeat=True)
