# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going on with a claim that whoever started this playbook has made: the listener, which renews it as well."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim, ClaimPrivate
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_claim import with_references, work
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import (
    CLAIM_FILE,
    read_claim,
    remove_claim,
    rewrite_claim,
)

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context

_PRIVATE = tuple(ClaimPrivate.__annotations__)
_OWN = ("connection",)


def claim_or_adopt(context: Context) -> dict[str, Any]:
    """What is named or due, or what the listener has claimed."""
    return adopt(context) if context.params["claim_id"] else work(context)


def adopt(context: Context) -> dict[str, Any]:
    """The module work_claim with claim_id: {changed, claims: [the one], refused: [...]}, as if it had claimed it."""
    claim_id, directory = context.params["claim_id"], context.params["work_dir"]
    if not directory:
        raise InvalidInput(
            "The option claim_id names a claim that was made, and no directory to look for it: set work_dir, or "
            "leave claim_id to the listener.",
            field="work_dir",
        )
    path = _find(directory, claim_id)
    content = read_claim(path)
    context.work_on(content)
    claim = cast(
        Claim,
        {
            "public": {key: value for key, value in content.items() if key not in (*_PRIVATE, *_OWN)},
            "private": {key: content[key] for key in _PRIVATE if key in content},
        },
    )
    claims, refused = with_references(context, [claim], preview=bool(content.get("preview")))
    if refused:
        remove_claim(path)
        return {"changed": any(item["reported"] for item in refused), "claims": [], "refused": refused}
    rewrite_claim(path, {**content, **claim["private"]})
    public = {**claims[0]["public"], "claim_file": path}
    return {"changed": public["reason"] == "due", "claims": [public], "refused": []}


def _find(directory: str, claim_id: str) -> str:
    """The file of a claim below a directory."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise InvalidInput(f"Directory {directory} cannot be read ({error.strerror}): correct work_dir.") from error
    for name in names:
        path = os.path.join(directory, name, CLAIM_FILE)
        if os.path.isfile(path) and read_claim(path)["claim_id"] == claim_id:
            return path
    raise InvalidInput(
        f"There is no claim {claim_id} below {directory}: it has ended, or was made by somebody else.", field="claim_id"
    )
