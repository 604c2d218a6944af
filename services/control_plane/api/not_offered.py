# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vendor's API has besides and this control plane has not: told in words, for whoever asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ansible_collections.selfhosted.langgraph.services.control_plane import answers
from ansible_collections.selfhosted.langgraph.services.control_plane.routing import Routes

ROUTES = Routes("not offered")
FAMILIES = {
    "/v1/integrations/github": "The GitHub integration",
    "/v2/auth": "OAuth for agents",
    "/v2/sandboxes": "The sandbox product",
}


def _offer_not(prefix: str, what: str) -> None:
    async def not_offered(request: Request) -> Response:
        raise answers.NotOffered(f"{what} is not offered by this control plane.")

    for path in (prefix, f"{prefix}/{{path:path}}"):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            ROUTES.on(method, path, None, None, shown=False)(not_offered)


for _prefix, _what in FAMILIES.items():
    _offer_not(_prefix, _what)
