# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who works: claims what is due over the work protocol and reports what came of it, without any server."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Any

import httpx

ROAD = ("BUILDING", "AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED")


class Work:
    """One claim that is held."""

    def __init__(self, client: httpx.Client, claim: dict[str, Any]) -> None:
        self._client = client
        self._numbers = itertools.count(1)
        self.public: dict[str, Any] = claim["public"]
        self.private: dict[str, Any] = claim["private"]

    def report(self, status: str, **more: Any) -> None:
        """Say how it stands."""
        names = {name: self.public[name] for name in ("claim_id", "epoch")}
        self._client.post("/v2/work/report", json={**names, "status": status, **more}).raise_for_status()

    def log(self, type: str, *lines: str, level: str = "INFO") -> None:
        """Write lines into the log."""
        entries = [{"seq": next(self._numbers), "level": level, "message": line} for line in lines]
        body = {"id": self.public["claim_id"], "type": type, "entries": entries}
        self._client.post("/v2/work/logs", json=body).raise_for_status()

    def place(self, host_key: str, *roles: str) -> dict[str, Any]:
        """Take ports on a host."""
        names = {name: self.public[name] for name in ("claim_id", "epoch")}
        wanted = [{"role": role, "slot": "blue"} for role in roles]
        body = {**names, "host_key": host_key, "wanted": wanted, "port_range": [22000, 22099]}
        answer = self._client.post("/v2/work/place", json=body).raise_for_status().json()
        placed: dict[str, Any] = answer["placements"]
        return placed

    def deploy(self, url: str | None = None) -> None:
        """All goes well."""
        for status in ROAD:
            last = status == ROAD[-1]
            self.report(status, release=last, **({"url": url} if last and url else {}))

    def fail(self, status: str, cause: str) -> None:
        """It does not."""
        before = ROAD[: {"BUILD_FAILED": 1, "DEPLOY_FAILED": 3}[status]]
        for step in before:
            self.report(step)
        self.report(status, cause=cause, release=True)


class Worker:
    """Claims with a key, one piece of work at a time."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"X-Api-Key": key, "X-Work-Protocol": "1"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=60)

    def claim(self, *names: str, seconds: float = 20) -> Work:
        """The next piece of work; waits for it."""
        owner = {"host": socket.gethostname(), "boot_id": "none", "pid": os.getpid(), "label": "a worker of the tests"}
        body: dict[str, Any] = {"owner": owner, "limit": 1, "wait_seconds": seconds}
        if names:
            body["deployments"] = list(names)
        answer = self._client.post("/v2/work/claim", json=body).raise_for_status().json()
        assert len(answer["claims"]) == 1, answer
        return Work(self._client, answer["claims"][0])

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
