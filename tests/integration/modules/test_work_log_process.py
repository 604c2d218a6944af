# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that posts a run's log: what becomes of lines when the records, it, or the run itself is gone."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_log_process import SenderProcess
from tests.support.renewers import wait_until

CLAIM = str(uuid.uuid4())
NOWHERE = {"api_url": "http://127.0.0.1:9", "api_key": "k", "api_timeout": 1}


class Taking(http.server.BaseHTTPRequestHandler):
    """Takes lines of a log."""

    posted: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append(json.loads(body))
        answer = json.dumps({"appended": len(self.posted[-1]["entries"])}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def taking() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """A connection, and what was posted over it."""
    posted: list[dict[str, Any]] = []
    handler = type("Handler", (Taking,), {"posted": posted})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"api_url": f"http://127.0.0.1:{server.server_port}", "api_key": "k"}, posted
        server.shutdown()


def lines(posted: list[dict[str, Any]]) -> list[str]:
    """Messages in what was posted, in order."""
    found = [entry for body in posted for entry in body["entries"]]
    return [entry["message"] for entry in sorted(found, key=lambda entry: entry["seq"])]


def test_lines_arrive_in_order(taking: Any) -> None:
    connection, posted = taking
    sender = SenderProcess(0.05, 100)
    sender.know(CLAIM, connection)
    for number in range(20):
        sender.add(CLAIM, "build", "INFO", f"line {number}")
    sender.close(10)
    assert (sender.lost, sender.problem) == (0, None)
    assert lines(posted) == [f"line {number}" for number in range(20)]


def test_what_is_not_posted_is_counted() -> None:
    sender = SenderProcess(0.05, 100)
    sender.know(CLAIM, NOWHERE)
    sender.add(CLAIM, "build", "INFO", "one")
    sender.close(10)
    assert sender.lost == 1
    assert "127.0.0.1:9" in str(sender.problem)


def test_a_sender_that_was_killed_disturbs_nobody() -> None:
    sender = SenderProcess(0.05, 100)
    os.kill(sender._pid, signal.SIGKILL)
    for number in range(3):
        sender.add(CLAIM, "build", "INFO", f"line {number}")
    sender.close(10)
    assert (sender.lost, sender.problem) == (3, "the process that posts them was ended")


def test_a_run_that_ends_without_a_word_leaves_no_line_and_no_process(taking: Any) -> None:
    connection, posted = taking
    pid = os.fork()
    if pid == 0:
        sender = SenderProcess(60, 100)
        sender.know(CLAIM, connection)
        sender.add(CLAIM, "build", "INFO", f"of {sender._pid}")
        os._exit(0)
    os.waitpid(pid, 0)
    wait_until(lambda: posted, 30)
    (said,) = lines(posted)
    wait_until(lambda: not os.path.exists(f"/proc/{said.split()[1]}"), 30)
