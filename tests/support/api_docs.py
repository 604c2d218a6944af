# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of docs/api.md that follow from code and data: ``python -m tests.support.api_docs`` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ansible_collections.selfhosted.langgraph.services.control_plane.app import create_app

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "api.md"
DEVIATIONS = ROOT / "tests" / "integration" / "api_contract" / "deviations.yml"


def operations() -> str:
    """Every operation with what it needs."""
    rows = ["| Method and path | Permission | |", "|---|---|---|"]
    for path, item in create_app().openapi()["paths"].items():
        for method, operation in item.items():
            needed = " or ".join(f"`{name}`" for name in operation.get("x-permission", ()))
            who = needed or ("any key" if operation.get("security") != [] else "no key")
            rows.append(f"| `{method.upper()} {path}` | {who} | {operation['summary']} |")
    return "\n".join(rows)


def deviations() -> str:
    """What differs from the contract, and why."""
    data = yaml.safe_load(DEVIATIONS.read_text())
    rows = ["| What | Why |", "|---|---|"]
    for entry in data["deviations"]:
        places = ", ".join(f"`{place}`" for place in entry["places"])
        rows.append(f"| {places}: {entry['what']} | {entry['reason']} |")
    rows += [f"| {entry['what']} | {entry['reason']} |" for entry in data["behaviour"]]
    return "\n".join(rows)


def written(page: str) -> str:
    """The page with its tables as they should be."""
    for name, table in (("operations", operations()), ("deviations", deviations())):
        place = re.search(rf"(?s)<!-- {name}: [^\n]*-->\n(.*?)<!-- end -->", page)
        if place is None:
            raise ValueError(f"docs/api.md has no place for its table of {name}")
        page = f"{page[: place.start(1)]}{table}\n{page[place.end(1) :]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
