# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of the example agent does, by the vendor's SDK, through the served URL."""

from __future__ import annotations

import time
from typing import Any

from langgraph_sdk import get_sync_client


def say(text: str) -> dict[str, Any]:
    """The input of one turn."""
    return {"messages": [{"role": "user", "content": text}]}


def converse(url: str) -> None:
    """A run on a thread, a stream, an interrupt and its resume, a background run; the thread remembers."""
    client = get_sync_client(url=url)
    thread = client.threads.create()["thread_id"]

    answer = client.runs.wait(thread, "agent", input=say("What is 6 * 7 ?"))
    assert "42" in answer["messages"][-1]["content"], answer

    events = list(client.runs.stream(thread, "agent", input=say("Hello"), stream_mode=["messages-tuple", "values"]))
    tokens = [event for event in events if event.event == "messages"]
    assert len(tokens) > 3, [event.event for event in events]

    client.runs.wait(thread, "agent", input=say("Remember that the door is green."))
    state = client.threads.get_state(thread)
    assert state["next"] == ["ask_human"], state["next"]
    client.runs.wait(thread, "agent", command={"resume": True})

    run = client.runs.create(thread, "agent", input=say("What do you know?"))
    client.runs.join(thread, run["run_id"])
    deadline = time.monotonic() + 30
    while client.runs.get(thread, run["run_id"])["status"] in ("pending", "running") and time.monotonic() < deadline:
        time.sleep(0.1)
    state = client.threads.get_state(thread)
    assert "the door is green" in state["values"]["messages"][-1]["content"], state["values"]["messages"][-1]
