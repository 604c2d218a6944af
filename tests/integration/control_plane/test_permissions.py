# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of permissions: every route with every role, and nothing outside of it."""

from __future__ import annotations

import re

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import ROLES, SECRETS_REVEAL
from ansible_collections.selfhosted.langgraph.services.control_plane import permissions
from ansible_collections.selfhosted.langgraph.services.control_plane.app import PARTS
from tests.integration.control_plane.conftest import Place

NOWHERE = "00000000-0000-4000-8000-00000000dead"
ROUTES = [
    (method, route.path, (route.openapi_extra or {}).get("x-operation"))
    for part in PARTS
    for route in part.ROUTES.router.routes
    for method in route.methods
]
# Without a key: liveness, documents, figures, uploads by their token, and what is not offered.
OPEN = {"/ok", "/docs", "/openapi.json", "/metrics", "/v2/uploads/{upload_id}"}


def address(path: str) -> str:
    return re.sub(r"{\w+}", lambda part: "a" * 64 if part[0] == "{sha256}" else NOWHERE, path)


@pytest.fixture
def keys(place: Place) -> dict[str, frozenset[str]]:
    """Keys by what they may do: each role, one that may reveal, and the organization's."""
    place.listener("hosts-1")
    made = {place.key(role): ROLES[role] for role in ("admin", "editor", "viewer")}
    made[place.key("listener", listener="hosts-1")] = ROLES["listener"]
    made[place.key("viewer", SECRETS_REVEAL)] = ROLES["viewer"] | {SECRETS_REVEAL}
    made[place.service.key] = ROLES["admin"] | {"organization:manage"}
    return made


def test_every_route_with_every_role(place: Place, keys: dict[str, frozenset[str]]) -> None:
    wrong = []
    for key, allowed in keys.items():
        client = place.client(key)
        for method, path, operation in ROUTES:
            if operation is None:
                continue
            query = {"type": "deploy", "left": 1, "right": 1, "deployment_ids": NOWHERE, "deployment_id": NOWHERE}
            status = client.request(method, address(path), params=query).status_code
            if (status == 403) == permissions.allowed(operation, allowed) or status in (401, 500):
                wrong.append((method, path, operation, sorted(allowed), status))
    assert not wrong


def test_every_operation_has_a_route_and_every_route_an_operation() -> None:
    named = {operation for _method, _path, operation in ROUTES if operation}
    # Parts of a claim: which place it waits at, and what becomes of it when nobody waits any more.
    assert named | {"find_place", "release_work"} == set(permissions.OPERATIONS)
    assert {
        path for _method, path, operation in ROUTES if operation is None and not path.startswith(NOT_OFFERED)
    } == OPEN


NOT_OFFERED = ("/v1/integrations/github", "/v2/auth", "/v2/sandboxes")
