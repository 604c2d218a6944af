# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flips.py SLUG BLUE_PORT GREEN_PORT: switch a deployment under load, as server_switch does, and count what failed.

A server that is switched off is really stopped, and between switches another deployment's route makes the proxy reload,
so that workers of before a reload hold idle connections while their server goes away.
"""

from __future__ import annotations

import collections
import dataclasses
import http.client
import json
import subprocess
import sys
import threading
import time

from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy import open_proxy
from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy_files import Route

FLIPS = 6


class Load:
    """Clients without retries. `failed` holds what went wrong, `done` how many requests were answered."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.failed: collections.Counter[str] = collections.Counter()
        self.done: dict[str, int] = {}
        self.over = threading.Event()

    def fail(self, what: str) -> None:
        self.failed[what] += 1

    def _count(self, kind: str) -> None:
        self.done[kind] = self.done.get(kind, 0) + 1

    def keep_alive(self, pause: float) -> None:
        """One connection for many requests; a pause leaves it idle across switches and reloads."""
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=30)
        while not self.over.is_set():
            fresh = connection.sock is None
            try:
                connection.request("GET", f"{self.prefix}/who")
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self.fail(f"keep-alive: {answer.status} {text[:100]!r}")
                self._count("keep-alive")
            except (OSError, http.client.HTTPException) as error:
                # The proxy may close an idle connection; only a request on a fresh one must not fail.
                if fresh:
                    self.fail(f"keep-alive: {error!r}")
                self._count("closed while idle")
                connection.close()
            self.over.wait(pause)

    def stream(self) -> None:
        while not self.over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=30)
            try:
                connection.request("GET", f"{self.prefix}/stream")
                text = connection.getresponse().read()
                if not text.endswith(b"data: end\n\n"):
                    self.fail(f"stream: cut after {text[-40:]!r}")
                self._count("stream")
            except (OSError, http.client.HTTPException) as error:
                self.fail(f"stream: {error!r}")
            finally:
                connection.close()


def systemctl(*words: str) -> None:
    subprocess.run(["systemctl", *words], check=True)


def main(slug: str, blue: str, green: str) -> int:
    proxy = open_proxy()
    load = Load(f"/{slug}")
    threads = [threading.Thread(target=load.keep_alive, args=(pause,)) for pause in (0.005, 0.01, 0.5, 4.0)]
    threads += [threading.Thread(target=load.stream) for dummy in range(2)]
    for thread in threads:
        thread.start()
    reloads = 0
    other = Route(slug="other-99999999", ports={"blue": 29998, "green": 29999}, path_prefix="/other")
    try:
        for number in range(FLIPS):
            old = proxy.active(slug) or "blue"
            new = "green" if old == "blue" else "blue"
            systemctl("start", f"test-{new}.service")
            proxy.set_server(slug, new, "ready")
            proxy.wait_healthy(slug, new, 10)
            proxy.set_server(slug, old, "drain")
            left = proxy.wait_drained(slug, old, 40)
            if left:
                load.fail(f"{left} sessions of {old} did not end")
            proxy.set_server(slug, old, "maint")
            proxy.write_active(slug, new)
            systemctl("stop", f"test-{old}.service")
            # A reload by somebody else's route.
            reloads += proxy.apply(other.slug, dataclasses.replace(other, host=f"h{number}.example.org"))[0]
            time.sleep(0.5)
    finally:
        load.over.set()
        for thread in threads:
            thread.join()
        proxy.apply(other.slug, None)
    print(json.dumps({"failed": load.failed, "done": load.done, "flips": FLIPS, "reloads": reloads}))
    return 1 if load.failed or load.done.get("stream", 0) < FLIPS else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
