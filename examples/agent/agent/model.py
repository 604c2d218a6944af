"""A chat model that runs anywhere: it follows a few rules instead of calling a provider.

It behaves as a provider's model does: it answers in tokens when it is asked to stream, and it asks for
tools by tool calls. Put a real model in its place and the graph stays the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

ARITHMETIC = re.compile(r"[\d(][\d\s.+*/()-]*[\d)]")
NOTE = re.compile(r"\b(?:note|remember)\b:?\s*(?:that\s+)?(?P<text>.+)", re.IGNORECASE | re.DOTALL)


class RuleModel(BaseChatModel):
    """Answers by rules. `notes` are what the thread knows already; `token_seconds` is the pause between two tokens."""

    notes: list[str] = []
    token_seconds: float = 0.01

    @property
    def _llm_type(self) -> str:
        return "rules"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages)
        for token in re.findall(r"\S+\s*", str(answer.content)):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=token))
            if run_manager:
                run_manager.on_llm_new_token(token, chunk=chunk)
            yield chunk
            time.sleep(self.token_seconds)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_calls=answer.tool_calls))

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            return AIMessage(str(last.content))
        text = last.text.strip()
        turn = sum(isinstance(message, HumanMessage) for message in messages)
        if "?" not in text and (note := NOTE.search(text)):
            saying = f"I would like to note that down: turn {turn}."
            return _call("save_note", {"text": note["text"].strip()}, saying, turn)
        if (sum_ := ARITHMETIC.search(text)) and re.search(r"[+*/-]", sum_.group()):
            return _call("calculate", {"expression": sum_.group().strip()}, "Let me work that out.", turn)
        if "know" in text.lower() or "remember" in text.lower():
            known = "; ".join(self.notes) or "nothing yet"
            return AIMessage(f"On this thread I know: {known}. We are at turn {turn}.")
        return AIMessage(
            f"This is turn {turn} of our thread. Ask me to calculate something such as 6 * 7, "
            "to remember something, or ask what I know."
        )


def _call(tool: str, arguments: dict[str, str], saying: str, turn: int) -> AIMessage:
    call = {"name": tool, "args": arguments, "id": f"{tool}-{turn}", "type": "tool_call"}
    return AIMessage(saying, tool_calls=[call])
