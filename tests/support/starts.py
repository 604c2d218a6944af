# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers of flavour small wrote down about their own starts: the witness of work that was done twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Start:
    """One start of one process."""

    at: float
    pid: int
    role: str
    slot: str
    number: int
    revision: str
    epoch: int
    worker: int | None


def read_starts(home: Path) -> list[Start]:
    """All starts of a deployment on its host; ``home``: its directory there."""
    path = home / "starts.log"
    return [Start(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def doubles(starts: list[Start], revisions: list[Mapping[str, Any]]) -> list[str]:
    """Work that was done twice, one sentence each; ``revisions`` of the deployment as the records have them.

    Within a claim (an epoch) each process of a revision starts once. Nobody with an older claim starts anything, nor
    does anything start by itself. A revision is begun by no more claims than were made for it, and not again after it
    was told that it is deployed.
    """
    found = []
    places = Counter((start.epoch, start.number, start.role, start.slot) for start in starts)
    for (epoch, number, role, slot), count in places.items():
        if count > 1:
            found.append(f"epoch {epoch} started {role} {slot} of revision {number} {count} times")
    for start in starts:
        if start.worker != start.epoch:
            whose = "nobody" if start.worker is None else f"epoch {start.worker}"
            found.append(
                f"{start.role} {start.slot} of revision {start.number} was started by {whose}, not {start.epoch}"
            )
    for revision in revisions:
        number = revision["number"]
        mine = [start for start in starts if start.number == number]
        if mine and {start.revision for start in mine} != {revision["id"]}:
            found.append(f"revision {number} was started with another id")
        epochs = sorted({start.epoch for start in mine if start.slot == "green" or start.role == "queue"})
        if len(epochs) > revision["attempts"]:
            found.append(f"revision {number} was started in epochs {epochs}, by {revision['attempts']} claims")
        deployed = (revision.get("timings") or {}).get("DEPLOYED")
        if deployed:
            late = [start for start in mine if start.at > datetime.fromisoformat(deployed).timestamp()]
            found += [f"{start.role} {start.slot} of revision {number} started after it was deployed" for start in late]
    return found
