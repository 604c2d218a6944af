"""The graph: think -> (tool -> think)* -> end, with a human asked before anything is kept.

    START -> think --no tool wanted------------------------> END
               |--tool without side effect--> act --> think
               |--tool that keeps something-> ask a human --> act --> think

What is said (`messages`) and what was noted (`notes`) are kept over the turns of a thread by the server's checkpointer.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from agent.model import RuleModel
from agent.tools import NEEDS_APPROVAL, calculate


class State(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[str], operator.add]


def think(state: State) -> dict[str, Any]:
    model = RuleModel(notes=state.get("notes", []))
    return {"messages": [model.invoke(state["messages"])]}


def wanted(state: State) -> Literal["ask_human", "act", "__end__"]:
    message = state["messages"][-1]
    if not isinstance(message, AIMessage) or not message.tool_calls:
        return END
    return "ask_human" if message.tool_calls[0]["name"] in NEEDS_APPROVAL else "act"


def ask_human(state: State) -> Command[Literal["act", "think"]]:
    """Stop here until somebody answers `true`, `false`, or `{"approved": bool, "text": other words for the note}`."""
    call = _tool_call(state)
    answer = interrupt({"question": "May I keep this note?", "tool": call["name"], "arguments": call["args"]})
    answer = answer if isinstance(answer, dict) else {"approved": bool(answer)}
    if not answer.get("approved"):
        refusal = ToolMessage("All right, I keep nothing.", tool_call_id=call["id"])
        return Command(goto="think", update={"messages": [refusal]})
    return Command(goto="act", update=_reworded(state, answer.get("text")))


def act(state: State) -> dict[str, Any]:
    call = _tool_call(state)
    if call["name"] == "calculate":
        return {"messages": [ToolMessage(calculate(**call["args"]), tool_call_id=call["id"])]}
    note = call["args"]["text"]
    return {"messages": [ToolMessage(f"Noted: {note}", tool_call_id=call["id"])], "notes": [note]}


def _tool_call(state: State) -> Any:
    message = state["messages"][-1]
    assert isinstance(message, AIMessage)
    return message.tool_calls[0]


def _reworded(state: State, text: str | None) -> dict[str, Any]:
    """The same message with the human's words in the tool call; nothing when the human changed no word."""
    if not text:
        return {}
    message = state["messages"][-1]
    assert isinstance(message, AIMessage)
    call = {**message.tool_calls[0], "args": {"text": text}}
    return {"messages": [AIMessage(message.content, id=message.id, tool_calls=[call])]}


builder = StateGraph(State)
builder.add_node("think", think)
builder.add_node("ask_human", ask_human)
builder.add_node("act", act)
builder.add_edge(START, "think")
builder.add_conditional_edges("think", wanted)
builder.add_edge("act", "think")
graph = builder.compile()
