# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page under ``/docs``: the OpenAPI as plain HTML, without script and without anything from another host."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_METHODS = ("get", "put", "post", "patch", "delete", "head")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.25rem .75rem;border-bottom:1px solid #bbb}"
    "code{font-family:ui-monospace,monospace}"
)


def docs(openapi: Mapping[str, Any]) -> str:
    """All operations with what they need."""
    title = escape(openapi["info"]["title"])
    groups: dict[str, list[str]] = {}
    for path, item in openapi["paths"].items():
        for method in _METHODS:
            if method in item:
                groups.setdefault(item[method]["tags"][0], []).append(_row(path, method, item[method]))
    tables = "".join(
        f"<h2>{escape(tag)}</h2><table><thead><tr><th>Method</th><th>Path</th><th>What</th><th>Permission</th></tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
        for tag, rows in groups.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"</head><body><main><h1>{title}</h1>"
        '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1). Send the API key in the header '
        f"<code>X-Api-Key</code>.</p>{tables}</main></body></html>"
    )


def _row(path: str, method: str, operation: Mapping[str, Any]) -> str:
    needed = " or ".join(operation.get("x-permission", ())) or ("a key" if operation.get("security") != [] else "none")
    cells = (
        f"<code>{method.upper()}</code>",
        f"<code>{escape(path)}</code>",
        escape(operation["summary"]),
        escape(needed),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
