# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: which of Postgres and Redis a deployment needs, as its flavours say, and what this host remembers of it.

`<root>/<slug>/needs.json` is the sum of all revisions that were ever staged here. It is there only when something is
not needed, and it outlives the server: a deletion that is tried again must still know what was never made.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths

NEEDS = ("postgres", "redis")
FILE = "needs.json"


def known(said: t.Any) -> dict[str, bool]:
    """What somebody noted as needed; what is not noted is needed."""
    found = said if isinstance(said, dict) else {}
    return {name: bool(found.get(name, True)) for name in NEEDS}


def noted(paths: HostPaths) -> dict[str, bool]:
    """What the deployment needs as far as this host knows; of one that it has never seen: everything."""
    try:
        return known(json.loads((paths.home / FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return known(None)


def note(paths: HostPaths, needs: t.Mapping[str, bool]) -> None:
    """Add what a revision needs, before it is there. To be called under the deployment's lock."""
    path = paths.home / FILE
    first = not any(name.isdigit() for name in os.listdir(paths.revisions))
    if not path.exists() and not first:
        return  # one that needed everything was staged before
    before = noted(paths) if path.exists() else dict.fromkeys(NEEDS, False)
    after = {name: before[name] or needs[name] for name in NEEDS}
    if all(after.values()):
        path.unlink(missing_ok=True)
        return
    draft = paths.home / f".{FILE}.new"
    draft.write_text(json.dumps(after, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(draft, path)
