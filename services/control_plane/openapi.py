# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI of the application: FastAPI's, with what it cannot say by itself."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

TITLE, VERSION = "LangSmith Deployment Control Plane API", "0.1.0"
DESCRIPTION = (
    "A self-hosted control plane for LangGraph servers: wire-compatible with the vendor's API, with additions of its "
    "own. All of it answers below /api-host too."
)
_SCHEMES = {
    "API Key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "Tenant ID": {"type": "apiKey", "in": "header", "name": "X-Tenant-Id"},
    "Bearer Auth": {"type": "http", "scheme": "bearer"},
}
# The workspace may be left out: then the key decides.
_SECURITY: list[dict[str, list[str]]] = [{"API Key": []}, {"API Key": [], "Tenant ID": []}, {"Bearer Auth": []}]


def document(app: FastAPI, server: str) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=TITLE, version=VERSION, description=DESCRIPTION, routes=app.routes, servers=[{"url": server}]
        )
        made.setdefault("components", {})["securitySchemes"] = _SCHEMES
        for item in made["paths"].values():
            for operation in item.values():
                _finish(operation)
        app.openapi_schema = made
    return app.openapi_schema


def _finish(operation: dict[str, Any]) -> None:
    operation.setdefault("security", _SECURITY)
    links = operation.pop("x-links", None)
    if links:
        operation["responses"]["201"]["links"] = links
    for code, content in operation.pop("x-content", {}).items():
        operation["responses"][code]["content"] = content
    for code, response in operation["responses"].items():
        # No answer of ours without a body says that it has one.
        if code in ("200", "204", "404") and _empty(response):
            response.pop("content", None)


def _empty(response: dict[str, Any]) -> bool:
    content = response.get("content", {})
    return all(not kind.get("schema") for kind in content.values())
