# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gives more than they have: keys that make keys, and the setting that shows secrets to everybody."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Place


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({"role": "viewer", "permissions": ["secrets:reveal"]}, "secrets:reveal"),
        ({"role": "admin", "organization": True}, "organization:manage"),
    ],
)
def test_an_admin_makes_no_key_that_may_do_more(place: Place, asked: dict[str, Any], missing: str) -> None:
    admin = place.of("admin")
    answer = admin.post("/v2/api-keys", json={"name": "more", **asked})
    assert answer.status_code == 403, answer.text
    assert answer.json()["extra"]["permission"] == missing
    assert place.admin.get("/v2/api-keys/more").status_code == 404
    assert place.admin.post("/v2/api-keys", json={"name": "more", **asked}).status_code == 201, "the organization may"
    for change in ({"expires_at": "2030-01-01T00:00:00Z"}, {"role": "viewer"}):
        assert admin.patch("/v2/api-keys/more", json=change).status_code == 403, "nor takes over one that may"


def test_what_one_has_can_be_given(place: Place) -> None:
    admin = place.of("admin", "secrets:reveal")
    made = admin.post("/v2/api-keys", json={"name": "same", "role": "viewer", "permissions": ["secrets:reveal"]})
    assert made.status_code == 201, made.text
    assert "secrets:reveal" in made.json()["permissions"]
    assert admin.patch("/v2/api-keys/same", json={"permissions": []}).status_code == 200


def test_the_organizations_keys_are_revoked_by_the_organization_alone(place: Place) -> None:
    place.key("admin", organization=True)
    name = next(key["name"] for key in place.admin.get("/v2/api-keys").json()["resources"] if key["organization"])
    assert place.of("admin").delete(f"/v2/api-keys/{name}").status_code == 403
    assert place.admin.delete(f"/v2/api-keys/{name}").status_code == 204


def test_showing_secrets_to_everybody_needs_the_right_to_see_them(place: Place) -> None:
    refused = place.of("admin").patch(f"/v2/workspaces/{place.name}", json={"secrets_in_clear": True})
    assert (refused.status_code, refused.json()["extra"]["permission"]) == (403, "secrets:reveal")
    assert not place.admin.get(f"/v2/workspaces/{place.name}").json()["secrets_in_clear"]
    allowed = place.of("admin", "secrets:reveal").patch(f"/v2/workspaces/{place.name}", json={"secrets_in_clear": True})
    assert allowed.status_code == 200, allowed.text
    hidden = place.of("admin").patch(f"/v2/workspaces/{place.name}", json={"secrets_in_clear": False})
    assert hidden.status_code == 200, "hiding them again is everybody's who manages the workspace"
