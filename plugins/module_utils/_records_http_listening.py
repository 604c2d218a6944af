# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of a listener tell over HTTP, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import (
    Heartbeat,
    ListenerProcess,
    Observation,
    Observed,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_work import (
    WorkRecords,
    batches,
    line_of,
)


class ListeningRecords(WorkRecords):
    """The part of the adapter that listeners use."""

    def heartbeat(self, listener: str, process: ListenerProcess) -> Heartbeat:
        """See ``_records.Records.heartbeat``."""
        return cast("Heartbeat", self._listening("heartbeat", listener, process=dict(process)))

    def served(self, listener: str) -> list[dict[str, Any]]:
        """See ``_records.Records.served``."""
        found: list[dict[str, Any]] = self._listening("served", listener)["deployments"]
        return found

    def observe(self, listener: str, observations: Sequence[Observation]) -> Observed:
        """See ``_records.Records.observe``."""
        accepted, unknown = 0, set()
        for batch in batches(piece for observation in observations for piece in _pieces(observation)):
            # A sample without a time is one of now, and of another now when it is sent again.
            repeat = all(sample.get("at") for piece in batch for sample in piece.get("samples", ()))
            answer = self._listening("observations", listener, repeat=repeat, observations=batch)
            accepted += answer["accepted"]
            unknown |= set(answer["unknown"])
        return {"accepted": accepted, "unknown": sorted(unknown)}

    def _listening(self, what: str, listener: str, repeat: bool = True, **body: Any) -> Any:
        """Ask in the name of a listener; without a name it is the API key's own."""
        return self._work(what, {**({"listener": listener} if listener else {}), **body}, repeat=repeat)


def _pieces(observation: Observation) -> Iterator[dict[str, Any]]:
    """The observation in parts that fit into one request each; the first one has everything but lines and samples."""
    given: Mapping[str, Any] = observation
    whose = {key: given[key] for key in ("slug", "revision_id") if given.get(key) is not None}
    yield {key: value for key, value in given.items() if key not in ("logs", "samples")}
    for lines in batches(line_of(line) for line in given.get("logs") or ()):
        yield {**whose, "logs": lines}
    for samples in batches({**sample} for sample in given.get("samples") or ()):
        yield {**whose, "samples": samples}
