# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the logs of each host are to be read on: what was taken over last, kept in a file over restarts."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SAVE_SECONDS = 5.0
OLDEST = 60 * 86400.0


class Positions:
    """{host: {source: position}}. A lost file costs nothing but lines that are sent twice, and kept once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._changed = False
        self._saved = time.monotonic()
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        oldest = time.time() - OLDEST
        for host, sources in found.items() if isinstance(found, dict) else ():
            kept: dict[str, Mapping[str, Any]] = {
                source: position
                for source, position in (sources.items() if isinstance(sources, dict) else ())
                if isinstance(position, dict)
                and isinstance(position.get("at"), int | float)
                and position["at"] > oldest
            }
            if kept:
                self._known[str(host)] = kept

    def of(self, host: str) -> Mapping[str, Any]:
        """Of one host."""
        return self._known.get(host, {})

    def move(self, host: str, source: str, position: Mapping[str, Any]) -> None:
        """Lines up to there were taken over."""
        self._known.setdefault(host, {})[source] = position
        self._changed = True

    def save(self, now: bool = False) -> None:
        """Write them down, unless that was done a moment ago."""
        if not self._changed or (not now and time.monotonic() - self._saved < SAVE_SECONDS):
            return
        self._saved, self._changed = time.monotonic(), False
        try:
            handle, draft = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(self._known, stream)
            os.replace(draft, self._path)
        except OSError:
            self._changed = True  # a full disk; the next time
