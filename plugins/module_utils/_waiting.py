# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until work in the records has come to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import DEPLOYED, FINAL, INTERRUPTED, SKIPPED
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records

_SHORTEST, _LONGEST, _GROWTH = 0.2, 2.0, 1.3


def poll(look: Callable[[], Any], timeout: float) -> Any:
    """What ``look`` gives as soon as that is not None, or None when ``timeout`` seconds have passed; asks less "
    "often with time."""
    end = time.monotonic() + timeout
    pause = _SHORTEST
    while True:
        found = look()
        left = end - time.monotonic()
        if found is not None or left <= 0:
            return found
        time.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST)


def wait_for_revision(
    records: Records, deployment: str, number: int, timeout: float, wanted: str = DEPLOYED
) -> dict[str, Any]:
    """The revision once it is final. Conflict with its cause and log tail if that is not ``wanted``, or if it takes "
    "too long."""
    latest: dict[str, Any] = {}

    def look() -> dict[str, Any] | None:
        revision = records.revision(deployment, number)
        if revision is None:
            raise NotFound(
                f"Revision {number} of deployment {deployment} is gone: the deployment was deleted meanwhile.",
                kind="revision",
            )
        latest.update(revision)
        return revision if revision["status"] in FINAL else None

    revision = poll(look, timeout)
    if revision is None:
        raise Conflict(
            f"Revision {number} of deployment {latest['deployment']} is still {latest['status']} after {timeout:.0f} "
            "s: see "
            "that a listener or "
            "ansible-playbook selfhosted.langgraph.apply works on it, or raise wait_timeout.",
            revision=latest,
        )
    if revision["status"] != wanted:
        raise Conflict(
            why_not(revision["deployment"], revision),
            revision=dict(revision),
            cause=revision.get("cause"),
            log_tail=revision.get("log_tail"),
        )
    return dict(revision)


def why_not(deployment: str, revision: Mapping[str, Any]) -> str:
    """One sentence on a final revision that is not what was waited for."""
    number, status = revision["number"], revision["status"]
    subject = f"Revision {number} of deployment {deployment}"
    if status == SKIPPED:
        return f"{subject} was skipped, as a newer revision replaced it before it began: look at the newest one."
    if status == INTERRUPTED:
        return f"{subject} was interrupted: redeploy it, or make a new one."
    if status == DEPLOYED:
        return f"{subject} was deployed before it could be interrupted: activate another one."
    cause = (revision.get("cause") or "no cause was reported").rstrip(".")
    return f"{subject} is {status}: {cause}."


def wait_for_delete(records: Records, deployment_id: str, name: str, timeout: float, before: Mapping[str, Any]) -> None:
    """Until the deployment is gone. Conflict with the cause if the delete failed, or if it takes too long.

    before: the deployment before the delete was asked for, with the cause of an earlier failure.
    """
    old_failure = before.get("cause"), before.get("updated_at")

    def look() -> dict[str, Any] | None:
        current = records.deployment(deployment_id)
        if current is None:
            return {}
        failure = current.get("cause"), current.get("updated_at")
        return (
            current if failure[0] and failure != old_failure and not (current.get("claim") or {}).get("held") else None
        )

    current = poll(look, timeout)
    if current is None:
        raise Conflict(
            f"Deployment {name} is still being deleted after {timeout:.0f} s: see that a listener or ansible-playbook "
            "selfhosted.langgraph.apply works on it, or raise wait_timeout."
        )
    if current:
        raise Conflict(
            f"The delete of deployment {name} failed: {str(current['cause']).rstrip('.')}.", cause=current["cause"]
        )
