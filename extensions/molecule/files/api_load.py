# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""api_load.py KEY_FILE URL...: ask the control plane without pause and without second tries until SIGTERM.

For each URL: connections that are kept (busy ones, and one that pauses), a new one for each request, a reader of the
database, a writer and a poll that waits for work. At the end one line of JSON says what was done and what failed.
"""

from __future__ import annotations

import collections
import http.client
import json
import signal
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 45


class Load:
    """`failed`: what went wrong, how often; `done`: requests by kind; `slowest`: seconds by kind."""

    def __init__(self, key: str) -> None:
        self.headers = {"x-api-key": key, "Content-Type": "application/json"}
        self.failed: collections.Counter[str] = collections.Counter()
        self.done: collections.Counter[str] = collections.Counter()
        self.slowest: dict[str, float] = {}
        self.over = threading.Event()
        self._lock = threading.Lock()

    def _connect(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        assert parts.hostname
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT, context=context)

    def ask(self, kind: str, url: str, pause: float, keep: bool, *request: Any) -> None:
        """The same request again and again."""
        connection = self._connect(url)
        method, path, body, wanted = request
        while not self.over.is_set():
            began = time.monotonic()
            trouble = ""
            try:
                connection.request(method, urlsplit(url).path + path, body and json.dumps(body), self.headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status not in wanted:
                    trouble = f"{answer.status} {text[:200]!r}"
                if not keep:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                trouble = repr(error)
                connection.close()
            with self._lock:
                self.done[kind] += 1
                self.slowest[kind] = max(self.slowest.get(kind, 0.0), round(time.monotonic() - began, 2))
                if trouble:
                    self.failed[f"{kind}: {trouble}"] += 1
            self.over.wait(pause)

    def threads(self, number: int, url: str) -> list[threading.Thread]:
        name = {"name": f"load-{number}", "source": "external_docker", "source_revision_config": {"image_uri": "a/b:1"}}
        made = {"source_config": {}, "secrets": [], **name}
        owner = {"host": "load", "boot_id": "load", "pid": 1, "start_time": 1}
        poll = {"listener": "load", "owner": owner, "wait_seconds": 5}
        kinds: list[tuple[Any, ...]] = [
            ("kept", 0.05, True, "GET", "/ok", None, {200}),
            ("kept", 0.1, True, "GET", "/v2/deployments?limit=5", None, {200}),
            ("pausing", 1.5, True, "GET", "/v2/deployments?limit=1", None, {200}),
            ("new", 0.1, False, "GET", "/v2/deployments?limit=1", None, {200}),
            ("write", 0.5, True, "POST", "/v2/deployments", made, {201, 409}),
            ("preview", 0.3, True, "POST", "/v2/deployments?dry_run=true", {**made, "name": "other"}, {200}),
            ("poll", 0.0, True, "POST", "/v2/work/claim", poll, {200}),
        ]
        scheme = urlsplit(url).scheme
        return [
            threading.Thread(target=self.ask, args=(f"{scheme} {kind}", url, pause, keep, *request))
            for kind, pause, keep, *request in kinds
        ]

    def prepare(self, url: str) -> None:
        """The listener whose work the polls wait for."""
        connection = self._connect(url)
        listener = {"compute_type": "hosts", "compute_id": "load", "compute_config": {}}
        connection.request("POST", urlsplit(url).path + "/v2/listeners", json.dumps(listener), self.headers)
        answer = connection.getresponse()
        if answer.status not in (201, 409):
            self.failed[f"listener: {answer.status} {answer.read()[:200]!r}"] += 1
        connection.close()


def main(key_file: str, *urls: str) -> int:
    load = Load(Path(key_file).read_text().strip())
    load.prepare(urls[0])
    threads = [thread for number, url in enumerate(urls) for thread in load.threads(number, url)]
    signal.signal(signal.SIGTERM, lambda *_: load.over.set())
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"failed": load.failed, "done": load.done, "slowest": load.slowest}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
