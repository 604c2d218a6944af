# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check for drift found, as the records keep it: checked and bounded. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

IN_SYNC, DRIFTED, FAILED = "in_sync", "drifted", "failed"
STATUSES = (IN_SYNC, DRIFTED, FAILED)

MOST_CHANGES, MOST_BYTES = 200, 64 * 1024
_CAUSE_LIMIT = 4096
_LIMITS = {"task": 512, "host": 255, "message": 2048, "diff": 16384}


def bounded(drift: Mapping[str, Any]) -> dict[str, Any]:
    """{status, changes [{task, host, message, diff}], more (how many changes are left out), cause}.

    Texts are cut; where there is no room any more, first diffs are left out and then changes. InvalidInput: it is none.
    """
    status, changes = drift.get("status"), drift.get("changes") or []
    unknown = sorted(set(drift) - {"status", "changes", "more", "cause"})
    if status not in STATUSES:
        raise InvalidInput(
            f"{status!r} is no result of a check; use one of {', '.join(STATUSES)}.", field="drift.status"
        )
    if unknown or not isinstance(changes, (list, tuple)) or not all(isinstance(one, Mapping) for one in changes):
        raise InvalidInput(
            "drift is malformed; give status, changes (task, host, message, diff) and cause.", field="drift"
        )
    cause = _text(drift.get("cause"), _CAUSE_LIMIT)
    kept, size = [], 0
    for change in changes[:MOST_CHANGES]:
        told = {key: _text(change.get(key), limit) for key, limit in _LIMITS.items()}
        for form in (told, {**told, "diff": None}):
            length = len(json.dumps(form, ensure_ascii=False).encode())
            if size + length <= MOST_BYTES:
                break
        else:
            break
        kept.append(form)
        size += length
    more = drift.get("more") or 0
    left_out = len(changes) - len(kept) + (more if isinstance(more, int) and more > 0 else 0)
    return {"status": status, "changes": kept, "more": left_out, "cause": cause}


def _text(value: Any, limit: int) -> str | None:
    """A program's text as JSON and Postgres can keep it."""
    if value is None:
        return None
    short = str(value)[:limit].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return short.encode("utf-8", "replace").decode()
