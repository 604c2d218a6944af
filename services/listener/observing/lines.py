# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of servers' logs as the records keep them: one text for people, with a level and a time."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import LOG_LEVELS

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LEVEL = re.compile(r"^(?:\S+ ){0,3}?\W?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_NAMES = {"WARN": "WARNING", "FATAL": "CRITICAL", "EXCEPTION": "ERROR", "TRACE": "DEBUG", "NOTICE": "INFO"}
_SPACE = uuid.UUID("7d8f1c5e-5f0b-4b52-9b35-6a3f0d8a2c11")
LONGEST = 16 * 1024
# What each line says and nobody looks for in it.
_LEFT_OUT = frozenset(
    ("event", "message", "msg", "level", "timestamp", "time", "logger", "exception", "stack_info")
) | {
    "thread_name",
    "api_variant",
    "api_revision",
    "langgraph_api_version",
    "langsmith_langgraph_api_revision",
    "filename",
    "func_name",
    "lineno",
    "process",
    "thread",
}


def writer_of(host: str, writer: str) -> str:
    """The id of one log of one host."""
    return str(uuid.uuid5(_SPACE, f"{host}/{writer}"))


def clean(text: str) -> str:
    """Text without what a terminal would obey, and without halves of characters, which no request can carry."""
    text = text.replace("\r\n", "\n").rstrip("\r\n").encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub("\ufffd", _ANSI.sub("", text))


def level_of(word: Any, default: str = "INFO") -> str:
    """A level of the records."""
    name = str(word or "").upper()
    name = _NAMES.get(name, name)
    return name if name in LOG_LEVELS else default


def moment(value: Any, now: datetime) -> str | None:
    """A time that an entry tells, as ISO 8601; None for none that makes sense, or that is not yet."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        else:
            found = datetime.fromisoformat(str(value))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found.isoformat() if found.year >= 2000 and found - now < timedelta(days=1) else None


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def entry_of(host: str, message: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A line as the observer tells it -> {writer, seq, timestamp, level, message}."""
    text = clean(str(message.get("text") or ""))
    given = message.get("level")
    level, at = level_of(given) if given else "", moment(message.get("time"), now)
    if message.get("note") is True:
        level = "WARNING"
    elif text.startswith("{"):
        with contextlib.suppress(RecursionError):  # nested on purpose: it stays as it is
            text, own_level, own_at = _structured(text, now)
            level, at = own_level or level, own_at or at
    elif not given:
        found = _LEVEL.match(text)
        level = found[1] if found else ""
    unit = str(message.get("unit") or "")
    text = text.replace("\n", "\n  ")  # what follows cannot be taken for a line of another process
    return {
        "writer": writer_of(host, str(message.get("writer") or "")),
        "seq": int(message["seq"]),
        "timestamp": at or now.isoformat(),
        "level": level_of(level),
        "message": f"[{unit}] {text}"[:LONGEST],
    }


def _structured(text: str, now: datetime) -> tuple[str, str, str | None]:
    """(text, level, time) of a line of JSON; a line that only looks like one stays as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text, "", None
    if not isinstance(found, dict):
        return text, "", None
    event = next((found[key] for key in ("event", "message", "msg") if found.get(key)), None)
    if event is None:
        return text, level_of(found.get("level"), ""), moment(found.get("timestamp") or found.get("time"), now)
    details = [
        f"{key}={_short(value)}"
        for key, value in found.items()
        if key not in _LEFT_OUT and value is not None and value != "" and not isinstance(value, dict | list)
    ]
    lines = [" ".join([_short(event), *details])]
    lines += [str(found[key]).strip() for key in ("exception", "stack_info") if found.get(key)]
    level = level_of(found.get("level") or found.get("severity"), "")
    return clean("\n".join(lines)), level, moment(found.get("timestamp") or found.get("time"), now)
