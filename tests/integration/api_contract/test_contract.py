# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own OpenAPI against the contract: paths, parameters, fields, statuses; deviations are one list."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.api_contract.compare import Comparison, Contract, Document, unlisted

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
DEVIATIONS = yaml.safe_load((HERE / "deviations.yml").read_text())


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """What the application says of itself."""
    from ansible_collections.selfhosted.langgraph.services.control_plane.app import create_app

    document: dict[str, Any] = create_app().openapi()
    return document


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(yaml.safe_load((HERE / "contract.yml").read_text()))


def test_what_differs_is_listed_and_what_is_listed_differs(contract: Contract, openapi: dict[str, Any]) -> None:
    differences = Comparison(contract, Document(openapi)).differences
    listed = [*DEVIATIONS["deviations"], *DEVIATIONS["additions"]]
    found = list(unlisted(differences, listed))
    assert not found, "\n".join(["", *found])


def test_each_entry_says_why() -> None:
    for kind in ("deviations", "additions", "behaviour"):
        for entry in DEVIATIONS[kind]:
            assert len(entry["reason"]) > 20, entry


def test_what_the_schemas_cannot_show_is_shown_by_a_test_that_exists() -> None:
    for entry in DEVIATIONS["behaviour"]:
        file, name = entry["shown_by"].split("::")
        assert f"def {name}(" in (ROOT / file).read_text(), entry["shown_by"]


@pytest.mark.parametrize(
    ("path", "change", "place"),
    [
        (("paths", "/v2/deployments", "get", "parameters"), "drop limit", "GET /v2/deployments query limit"),
        (("paths", "/v2/listeners"), "drop post", "POST /v2/listeners"),
        (("components", "schemas", "Secret", "properties"), "drop value", "Secret.value"),
        (("components", "schemas", "Secret", "properties"), "add colour", "Secret.colour"),
    ],
)
def test_a_change_of_the_application_is_seen(
    contract: Contract, openapi: dict[str, Any], path: tuple[str, ...], change: str, place: str
) -> None:
    changed = copy.deepcopy(openapi)
    part: Any = changed
    for key in path:
        part = part[key]
    verb, word = change.split()
    if verb == "add":
        part[word] = {"type": "string"}
    elif isinstance(part, list):
        part[:] = [entry for entry in part if entry["name"] != word]
    else:
        del part[word]
    before, after = (set(Comparison(contract, Document(x)).differences) for x in (openapi, changed))
    assert any(place in difference.place for difference in after - before)
