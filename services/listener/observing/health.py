# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a deployment is: what the observer says of its processes, and what is to be told of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.services.listener.observing.lines import clean

GRACE = 120.0  # seconds that somebody who works on a deployment may leave it without an answer
LOST = 30.0  # seconds without a host before what runs there counts as not well
SILENT = 120.0  # seconds without a word about a deployment, which is said again and again, before nothing is known
Health = dict[str, Any]


class Watched:
    """One deployment. Times are seconds of a monotonic clock."""

    def __init__(self, slug: str, host: str) -> None:
        self.slug = slug
        self.host = host
        self.replicas: dict[str, dict[str, Any]] | None = None  # None: nothing is known
        self.installed = True
        self.bad_since: float | None = None
        self.unreachable = ""
        self.heard_at = 0.0

    def hear(self, units: Mapping[str, Any] | None, now: float) -> None:
        """What the observer says: {process: {ok, message}}, None for a host that holds nothing of it."""
        self.heard_at = now
        self.installed = units is not None
        self.unreachable = ""
        self.replicas = {
            clean(f"{self.host}/{name}")[:200]: {
                "ok": unit.get("ok") is True,
                "message": clean(str(unit.get("message") or ""))[:1000],
            }
            for name, unit in itertools.islice((units or {}).items(), 500)
            if isinstance(unit, Mapping)
        }
        self._mark(now)

    def lose(self, why: str, now: float) -> None:
        """The host was not reached for a while."""
        self.unreachable = clean(why)
        self.heard_at = now
        self._mark(now)

    def _mark(self, now: float) -> None:
        if self.ok:
            self.bad_since = None
        elif self.bad_since is None:
            self.bad_since = now

    @property
    def known(self) -> bool:
        """Whether anything was heard of it."""
        return self.replicas is not None or bool(self.unreachable)

    @property
    def ok(self) -> bool:
        """Whether all that has to answer does."""
        if self.unreachable or not self.installed or not self.replicas:
            return False
        return all(replica["ok"] for replica in self.replicas.values())

    @property
    def repairable(self) -> bool:
        """Whether a repair could help: its host can be reached."""
        return not self.ok and not self.unreachable and self.replicas is not None

    def patient(self, claimed: bool, now: float) -> bool:
        """Whether nothing is to be told of it: somebody works on it, and not for too long yet."""
        return claimed and self.bad_since is not None and now - self.bad_since < GRACE

    def health(self, more: str = "") -> Health:
        """What is told. more: a sentence about repairs."""
        if self.unreachable:
            sentences = [f"Host {self.host} cannot be reached, so nothing is known: {self.unreachable}."]
        elif not self.installed:
            sentences = [f"Host {self.host} holds nothing of this deployment that serves."]
        elif not self.replicas:
            sentences = ["No process of it is meant to run."]
        else:
            sentences = [replica["message"] for replica in self.replicas.values() if not replica["ok"]]
        if self.ok:
            count = len(self.replicas or {})
            sentences = ["1 process answers." if count == 1 else f"{count} processes answer."]
        if more:
            sentences.append(more)
        return {"ok": self.ok, "message": " ".join(sentences)[:4000], "replicas": dict(self.replicas or {})}
