# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI of the application: FastAPI's, with what it cannot say by itself."""

from __future__ import annotations

import re
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
# What leads from the answer of a create to the other operations on the same record: parameter of a path -> key of the
# answer.
_LINKS = {
    ("post", "/v2/deployments"): {"deployment_id": "id", "revision_id": "latest_revision_id"},
    ("post", "/v2/deployments/{deployment_id}/revisions"): {"deployment_id": "deployment_id", "revision_id": "id"},
    ("post", "/v2/listeners"): {"listener_id": "id"},
    ("post", "/v2/workspaces"): {"name_or_id": "name"},
    ("post", "/v2/api-keys"): {"name_or_id": "name"},
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
        _link(made["paths"])
        app.openapi_schema = made
    return app.openapi_schema


def _finish(operation: dict[str, Any]) -> None:
    operation.setdefault("security", _SECURITY)
    for parameter in operation.get("parameters", ()):
        # A header that may be left out is never null: null is no text.
        if parameter["in"] == "header":
            parameter["schema"] = _without_null(parameter["schema"])
    for code, content in operation.pop("x-content", {}).items():
        operation["responses"][code]["content"] = content
    for code, response in operation["responses"].items():
        # No answer of ours without a body says that it has one.
        if code in ("200", "204", "404") and _empty(response):
            response.pop("content", None)


def _link(paths: dict[str, Any]) -> None:
    for (method, path), keys in _LINKS.items():
        links = paths[path][method]["responses"]["201"].setdefault("links", {})
        for other, item in paths.items():
            names = set(re.findall("{([a-z_]+)}", other))
            if names and names <= keys.keys() and ("name_or_id" not in names or other.startswith(path)):
                parameters = {name: f"$response.body#/{keys[name]}" for name in sorted(names)}
                for operation in item.values():
                    name = operation["operationId"]
                    links[name] = {"operationId": name, "parameters": parameters}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **choices[0]}


def _empty(response: dict[str, Any]) -> bool:
    content = response.get("content", {})
    return all(not kind.get("schema") for kind in content.values())
