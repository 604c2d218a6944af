# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch that is killed with SIGKILL before any of its steps: the next run finishes it, or undoes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap

import pytest

from tests.support.servers import Server, good
from tests.support.staging import ROOT

# The module's own work in a process that ends itself at the step that begins with a word.
KILLER = textwrap.dedent(
    """
    import json, os, signal, sys
    from ansible_collections.selfhosted.langgraph.plugins.module_utils import _server_work, _serving

    verb, word, params = json.load(sys.stdin)
    do = _serving.Steps.do

    def killing(steps, sentence, *work):
        if sentence.startswith(word):
            os.kill(os.getpid(), signal.SIGKILL)
        do(steps, sentence, *work)

    _serving.Steps.do = killing
    getattr(_server_work, verb)(params, False)
    """
)


def killed(server: Server, verb: str, word: str, number: int) -> None:
    """Run server_start or server_switch until it kills itself."""
    params = {
        **server.base,
        **server.run_options,
        **dict.fromkeys(("smoke", "keep", "proxy", "epoch"), None),
        "number": number,
        "state": "started",
        "queue_count": 1,
        "connections_per_process": 10,
        "disk_mb": 0,
        "wait_lock": 10,
    }
    done = subprocess.run(
        [server.host.python, "-c", KILLER],
        input=json.dumps([verb, word, params]),
        text=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def whole(server: Server, number: int) -> None:
    """Exactly this revision serves, and nothing of another is left."""
    assert server.serves(number)
    assert server.number == number
    assert sorted(server.running()) == ["api-blue", f"queue-{server.state()['queue']}@1"]
    assert server.work(f"after {number}")["version"] == str(number)
    assert good(server.start(number))["changed"] is False
    assert good(server.switch(number))["changed"] is False


STEPS = [
    "Stop the API of revision",
    "Start the API of revision",
    "Install queue unit",
    "Start queue process",
    "Drain and remove queue processes",
    "Note that revision",
    "Stop and remove API",
]


@pytest.mark.parametrize("word", STEPS)
def test_run_again_finishes_the_switch(server: Server, word: str) -> None:
    new = server.make()
    good(server.start(new))
    killed(server, "switch", word, new)
    server.apply(new)
    whole(server, new)


def test_killed_start_is_begun_again(server: Server) -> None:
    new, old = server.make(), server.number
    killed(server, "start", "Start revision", new)
    assert server.serves(old)
    server.apply(new)
    whole(server, new)


@pytest.mark.parametrize("word", ["Start the API of revision", "Drain and remove queue processes"])
def test_another_revision_after_a_cut_switch(server: Server, word: str) -> None:
    cut = server.make()
    good(server.start(cut))
    killed(server, "switch", word, cut)
    new = server.make()
    started = good(server.start(new))
    assert started["candidate"]
    assert server.serves(cut) or server.serves(server.number), "something whole serves meanwhile"
    good(server.switch(new))
    whole(server, new)
