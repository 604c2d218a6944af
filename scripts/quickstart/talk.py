# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to the deployed agent once, and say how a person goes on."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

from langgraph_sdk import get_client
from preflight import space
from progress import Progress
from settings import CHECKOUT, VENV, Settings
from stack import programs

QUESTION = "What is 6 * 7?"
TIMEOUT = 60


async def _ask(url: str) -> str:
    client = get_client(url=url, api_key=None)
    thread = await client.threads.create()
    said: dict[str, str] = {}
    question: dict[str, Any] = {"messages": [{"role": "user", "content": QUESTION}]}
    async for part in client.runs.stream(thread["thread_id"], "agent", input=question, stream_mode="messages-tuple"):
        if part.event == "messages" and part.data[0]["type"].startswith("AI"):
            message = part.data[0]
            said[message["id"]] = said.get(message["id"], "") + message["content"]
    state: Any = await client.threads.get_state(thread["thread_id"])
    return str(state["values"]["messages"][-1]["content"] if state["values"] else list(said.values())[-1])


def ask(url: str) -> str:
    """The agent's answer to QUESTION, streamed on a thread of its own. Raises what langgraph_sdk raises."""
    return asyncio.run(asyncio.wait_for(_ask(url), TIMEOUT))


def curl(url: str) -> str:
    body = json.dumps({"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": QUESTION}]}})
    return f"curl -s {url}/runs/wait -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def cli(settings: Settings) -> str:
    key = shlex.quote(settings.shown(settings.api_key))
    return f"LANGGRAPH_HOST_URL={settings.state.api_url} LANGSMITH_API_KEY=$(cat {key}) langgraph deploy list"


def snippet(python: str, url: str) -> str:
    return f"""{shlex.quote(python)} - <<'PYTHON'
from langgraph_sdk import get_sync_client

client = get_sync_client(url="{url}")
thread = client.threads.create()["thread_id"]

def say(text):
    for part in client.runs.stream(
            thread, "agent", input={{"messages": [{{"role": "user", "content": text}}]}}, stream_mode="messages-tuple"):
        if part.event == "messages" and part.data[0]["type"] == "AIMessageChunk":
            print(part.data[0]["content"], end="", flush=True)
    print()

say("Hello")
say("Remember that tea is at four")                    # stops and asks a human
print(client.threads.get_state(thread)["interrupts"][0]["value"]["question"])
client.runs.wait(thread, "agent", command={{"resume": True}})
say("What do you know?")
PYTHON"""


def summary(settings: Settings, result: dict[str, Any], answer: str, changed: int, progress: Progress) -> str:
    """What runs where, how to talk to it, how to stop it."""
    ending = "Ready" if changed else "Nothing had to be changed; ready"
    url = result["url"]
    state = settings.state
    rows = [
        ("agent", f"{url} (revision {result['revision']}, id {result['revision_id']})"),
        ("its source", settings.shown(CHECKOUT / "examples" / "agent")),
        ("API", f"{state.api_url} (key of an administrator: {settings.shown(settings.api_key)})"),
        ("listener", f"http://127.0.0.1:{state.listener_port}/ok (applies every deployment; record: quickstart)"),
        ("Postgres", f"127.0.0.1:{state.postgres_port} (records: database control_plane)"),
        ("all files", f"{settings.shown(settings.directory)} ({space(settings.directory)})"),
    ]
    python = settings.shown(VENV / "bin" / "python")
    running = [(program["name"], program["statename"].lower()) for program in programs(state.supervisor_dir)]
    lines = [
        "",
        *(f"  {name:<11}{text}" for name, text in rows),
        f"  programs   under supervisord in {settings.shown(state.supervisor_dir)}, logs in log/ there:",
        *(f"               {name:<44}{status}" for name, status in sorted(running)),
        "",
        f"  You:   {QUESTION}",
        f"  Agent: {answer}",
        "",
        "Ask it yourself:",
        "",
        curl(url),
        "",
        "Talk on a thread, with an interrupt (langgraph_sdk):",
        "",
        snippet(python, url),
        "",
        "Use it with the stock CLI (pip install langgraph-cli):",
        "",
        cli(settings),
        "",
        "Stop:  make quickstart-down           (PURGE=1 removes everything, the data too)",
        "",
        f"{ending} after {progress.seconds():.1f} s (changed={changed}).",
    ]
    return "\n".join(lines)
