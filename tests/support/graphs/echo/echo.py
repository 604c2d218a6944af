# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A graph that says what its process sees: input `names` (of environment variables), output `values`."""

from __future__ import annotations

import os
from typing import Any

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class Question(TypedDict, total=False):
    names: list[str]
    values: dict[str, str | None]


def look(state: Question) -> dict[str, Any]:
    return {"values": {name: os.environ.get(name) for name in state["names"]}}


builder = StateGraph(Question)
builder.add_node("look", look)
builder.add_edge(START, "look")
builder.add_edge("look", END)
graph = builder.compile()
