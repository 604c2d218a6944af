# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way: a listener process observes a host, and what it saw is read from the control plane."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from tests.integration.listener.conftest import Desk
from tests.integration.observing.conftest import SmallHost, observers


def until(found: Callable[[], Any], place: Desk, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, place.daemons[0].log[-5000:]
        time.sleep(0.2)
    return value


def test_listener_observes(desk: Desk, host: SmallHost) -> None:
    desk.inventory.write_text(
        json.dumps({"all": {"children": {"langgraph_servers": {"hosts": {"localhost": host.variables()}}}}})
    )
    made = desk.create("chat")
    revision = desk.revision(made)
    chat = host.deployment("chat", identity=made["id"], revision=revision["id"]).serve()
    daemon = desk.daemon(health_interval=1, metrics_interval=1, follow_logs=True).start()
    assert desk.final(made)["status"] == "DEPLOYED"

    def deployment() -> dict[str, Any]:
        return desk.get(f"/v2/deployments/{made['id']}")

    def message() -> str:
        return str((deployment()["health"] or {}).get("message"))

    until(lambda: message() == "2 processes answer.", desk)
    assert set(deployment()["health"]["replicas"]) == {"localhost/api-blue", "localhost/queue-blue-1"}
    asyncio.run(chat.api.say("hello from the server"))
    until(lambda: "[api-blue] hello from the server" in desk.logs(made), desk)
    path = f"/v2/deployments/{made['id']}/revisions/{revision['id']}/logs"
    lines = desk.get(path, type="deploy", limit=1000)["logs"]
    assert "[api-blue] hello from the server" in [line["message"] for line in lines]

    asyncio.run(chat.api.ask("/count?10"))
    samples = until(lambda: desk.get(f"/v2/deployments/{made['id']}/metrics", name="errors")["resources"], desk)
    assert {sample["replica"] for sample in samples} == {"localhost/api-blue"}

    chat.queue.signal(signal.SIGSTOP)
    until(lambda: "queue-blue-1 does not answer" in message(), desk)
    until(lambda: daemon.lines("a deployment is not well"), desk)
    until(lambda: daemon.lines("work begins")[1:], desk)  # to deploy it, and now
    chat.queue.signal(signal.SIGCONT)
    until(lambda: message() == "2 processes answer.", desk)
    assert daemon.health()["observing"]["hosts"]["localhost"]["connected"]
    assert daemon.process is not None
    pids = observers(daemon.process.pid)
    assert len(pids) == 1
    daemon.kill()
    until(lambda: not os.path.exists(f"/proc/{pids[0]}"), desk, 20)
