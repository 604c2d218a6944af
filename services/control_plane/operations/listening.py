# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations of listeners' processes. A listener's key speaks for its listener alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations.work import listener_of

_Json = dict[str, Any]
MOST_OBSERVED = 5000  # lines and samples in one request


def _listener(context: Context, asked: str | None) -> str:
    """The id of the listener that is spoken for."""
    found = listener_of(context, asked)
    if found is None:
        raise InvalidInput(
            f"listener is missing: API key {context.identity.key_name} belongs to no listener; name the one that is "
            "meant.",
            field="listener",
        )
    return found


@operation
def keep_heartbeat(context: Context, listener: str | None, process: Mapping[str, Any]) -> _Json:
    """A process of a listener is there."""
    return dict(context.records.heartbeat(_listener(context, listener), process))  # type: ignore[arg-type]  # checked


@operation
def list_served(context: Context, listener: str | None) -> _Json:
    """What a listener serves, or has to."""
    return {"deployments": context.records.served(_listener(context, listener))}


@operation
def observe_servers(context: Context, listener: str | None, observations: Sequence[Mapping[str, Any]]) -> _Json:
    """Keep what a listener sees of running servers."""
    count = sum(len(one.get(key) or ()) for one in observations for key in ("logs", "samples"))
    if count > MOST_OBSERVED:
        raise InvalidInput(
            f"The request holds {count} lines and samples; send at most {MOST_OBSERVED} at once.", field="observations"
        )
    return dict(context.records.observe(_listener(context, listener), observations))  # type: ignore[arg-type]  # checked
