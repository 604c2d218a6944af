# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a server's log, health and figures to the control plane, through a real observer on a real host."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable
from ansible_collections.selfhosted.langgraph.services.listener.observing.on_host.output import WINDOW_LINES
from tests.integration.observing.conftest import SmallHost, Watch, observers, until
from tests.sanity.cores import pythons


def test_logs_health_and_figures_arrive(host: SmallHost, watch: Watch) -> None:
    chat = host.deployment().serve()

    async def main() -> None:
        async with watch.running() as observing:
            await until(lambda: watch.api.last(chat.slug)["ok"])
            await chat.api.say("hello from the API")
            await chat.queue.say('{"event": "ran", "level": "warning", "timestamp": "2026-01-02T03:04:05Z", "run": 7}')
            await until(lambda: watch.api.said("hello") and watch.api.said("ran"))
            await chat.api.say('{"a":' + "[" * 3000)  # more than a parser takes
            await chat.api.say("after it")
            await until(lambda: watch.api.said('{"a":[') and watch.api.said("after it"))
            await chat.api.ask("/count?10")
            await until(lambda: [s for s in watch.api.samples if s["name"] == "errors" and s["value"] > 0])
            assert observing.status()["hosts"]["here"]["connected"]

    asyncio.run(main())
    api = watch.api
    assert api.revisions == {chat.revision}
    assert {"[api-blue] hello from the API", "[queue-blue-1] ran run=7"} <= set(api.order)
    ran = next(line for line in api.lines.values() if "ran run" in line["message"])
    assert ran["level"] == "WARNING"
    assert ran["timestamp"] == "2026-01-02T03:04:05+00:00"
    assert api.last(chat.slug)["message"] == "2 processes answer."
    assert set(api.last(chat.slug)["replicas"]) == {"here/api-blue", "here/queue-blue-1"}
    names = {(sample["replica"], sample["name"]) for sample in api.samples}
    everywhere = {"memory_bytes", "cpu", "restarts"}
    assert names == {
        *(("here/api-blue", name) for name in everywhere | {"requests", "errors", "latency_ms", "queue_depth"}),
        *(("here/queue-blue-1", name) for name in everywhere | {"running_jobs"}),
    }
    values = {name: [s["value"] for s in api.samples if s["name"] == name] for name in ("latency_ms", "memory_bytes")}
    assert values["latency_ms"] == [10.0]
    assert min(values["memory_bytes"]) > 1_000_000


def test_oldest_python_and_a_way_by_ssh(host: SmallHost, watch: Watch, tmp_path: Path) -> None:
    """The words for ssh are those that ssh understands, and the observer runs under what a host has."""
    chat = host.deployment().serve()
    versions = {tuple(map(int, version.split("."))): path for version, path in pythons().items()}
    oldest = min(version for version in versions if version >= (3, 9))
    ssh = tmp_path / "my-ssh"
    # Does with the last word what sshd does; the words before it have to be options and an address.
    ssh.write_text(f'#!/bin/bash\nprintf "%s\\n" "${{@:1:$#-1}}" >{tmp_path}/words\nexec /bin/sh -c "${{@: -1}}"\n')
    ssh.chmod(0o755)
    watch.inventory.of["here"] |= {
        "ansible_connection": "ssh",
        "ansible_ssh_executable": str(ssh),
        "ansible_host": "192.0.2.1",
        "ansible_become": True,  # we are root already, or sudo asks for no password, or this host says why not
        "ansible_python_interpreter": str(versions[oldest]),
    }
    if os.getuid() != 0:
        del watch.inventory.of["here"]["ansible_become"]

    async def main() -> None:
        async with watch.running():
            await chat.api.say("hello")
            await until(lambda: watch.api.said("hello"))
            await until(lambda: watch.api.last(chat.slug)["ok"])
            await chat.api.ask("/count?10")
            await until(lambda: [s for s in watch.api.samples if s["name"] == "errors" and s["value"] > 0])
            for pid in observers():
                os.kill(pid, signal.SIGKILL)
            await chat.api.say("hello again")
            await until(lambda: watch.api.said("hello again"))

    asyncio.run(main())
    assert watch.api.twice == 0
    words = (tmp_path / "words").read_text().splitlines()
    assert words[-2:] == ["--", "192.0.2.1"]
    assert "BatchMode=yes" in words


def test_host_that_does_not_wait_to_be_told(host: SmallHost, watch: Watch, tmp_path: Path) -> None:
    """A host that sends more than it was let fills no memory of the listener."""
    chat = host.deployment().serve()
    python = tmp_path / "python"
    log = {"t": "log", "slug": chat.slug, "unit": "api-blue", "writer": "w", "source": "s", "position": {}}
    said = [json.dumps({"t": "hello", "time": 0, "python": "3.9"})]
    said += [json.dumps({**log, "seq": number, "text": f"{number}"}) for number in range(20000)]
    (tmp_path / "said").write_text("\n".join(said) + "\n")
    python.write_text(
        f'#!/bin/sh\ncase "$2" in *version_info*) exit 0;; esac\nsleep 0.5\ncat {tmp_path}/said\ncat >/dev/null\n'
    )
    python.chmod(0o755)
    watch.inventory.of["here"]["ansible_python_interpreter"] = str(python)

    async def main() -> None:
        async with watch.running() as observing:
            await until(lambda: "here" in observing.status()["hosts"])
            watch.api.error = RecordsUnavailable("away")
            await until(lambda: observing.status()["waiting"]["lines"] >= 2 * WINDOW_LINES)
            await asyncio.sleep(1)
            assert observing.status()["waiting"]["lines"] <= 2 * WINDOW_LINES

    asyncio.run(main())


def test_what_is_no_observer_is_not_obeyed(host: SmallHost, watch: Watch, tmp_path: Path) -> None:
    """A host that says something else: a banner, half a message, words about deployments that are not its own."""
    chat = host.deployment().serve()
    python = tmp_path / "python"
    log = {"t": "log", "slug": chat.slug, "unit": "api-blue", "writer": "w", "seq": 1, "source": "s", "text": "forged"}
    said = [
        "Welcome to this host",
        '{"t": "health"',
        "[]",
        '{"t": 7}',
        json.dumps({**log, "position": {}}),  # before it says hello
        json.dumps({"t": "hello", "time": 0, "python": "3.9"}),
        json.dumps({"t": "log", "slug": chat.slug}),
        json.dumps({**log, "seq": -1, "position": {}}),
        json.dumps({**log, "slug": "another-00000000", "position": {}}),
        json.dumps({"t": "health", "slug": "another-00000000", "units": {"api": {"ok": False}}}),
        json.dumps({"t": "health", "slug": chat.slug, "units": "all"}),
        json.dumps({"t": "samples", "samples": [[chat.slug, "api", "password", 1], [chat.slug, "api", "cpu", "x"]]}),
        json.dumps({"t": "samples", "samples": [[chat.slug, "api", "cpu", float("nan")]]}),
        json.dumps({"t": "nonsense"}),
        json.dumps({**log, "seq": 2, "text": "good", "position": {}}),
    ]
    (tmp_path / "said").write_text("\n".join(said) + "\n")
    python.write_text(
        f'#!/bin/sh\ncase "$2" in *version_info*) exit 0;; esac\nsleep 0.5\ncat {tmp_path}/said\ncat >/dev/null\n'
    )
    python.chmod(0o755)
    watch.inventory.of["here"]["ansible_python_interpreter"] = str(python)

    async def main() -> None:
        async with watch.running():
            await until(lambda: watch.api.said("good"))
            await asyncio.sleep(0.5)

    asyncio.run(main())
    assert watch.api.order_texts() == ["good"]
    assert watch.api.samples == []
    assert watch.api.health == {}
