# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the HTTP adapter rest on: asking, "there is none" as None, names and ids of deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_transport import Answer, Transport
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import deployment_from_wire

Json = dict[str, Any]

_LONGEST_PAGE = 100


class HttpBase:
    """The transport and helpers; the parts of the adapter inherit from it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def close(self) -> None:
        """Nothing is held between two requests."""

    def ask(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, **how: Any) -> Any:
        """The JSON of an answer."""
        return self.transport.ask(method, path, query, body, **how).json

    def ask_or_none(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, **how: Any
    ) -> Answer | None:
        """An answer; None where the control plane knows no such record."""
        try:
            return self.transport.ask(method, path, query, body, **how)
        except NotFound:
            return None

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Json]:
        """All records of a list."""
        offset = 0
        while True:
            found = self.ask("GET", path, {**(query or {}), "limit": _LONGEST_PAGE, "offset": offset})["resources"]
            yield from found
            offset += len(found)
            if len(found) < _LONGEST_PAGE:
                return

    # -- deployments -----------------------------------------------------------------------------------------------

    def find(self, name_or_id: str) -> Json | None:
        """The JSON of a deployment, or None."""
        if _model.is_uuid(name_or_id):
            answer = self.ask_or_none("GET", f"/v2/deployments/{name_or_id}")
            return None if answer is None else answer.json
        found = self.ask("GET", "/v2/deployments", {"name": name_or_id, "limit": 1})["resources"]
        return next((json for json in found if json["name"] == name_or_id), None)

    def view(self, name_or_id: str) -> Json | None:
        """A deployment, or None."""
        json = self.find(name_or_id)
        return None if json is None else deployment_from_wire(json)

    def find_id(self, name_or_id: str) -> str | None:
        """The id of a deployment by its name (an id is taken as it is), or None."""
        if _model.is_uuid(name_or_id):
            return name_or_id
        json = self.find(name_or_id)
        return None if json is None else json["id"]

    def must_id(self, name_or_id: str) -> str:
        """As ``find_id``, or NotFound."""
        found = self.find_id(name_or_id)
        if found is None:
            raise self.no_deployment(name_or_id)
        return found

    def no_deployment(self, name_or_id: str) -> NotFound:
        """The error for a deployment that is not there."""
        return NotFound(
            f"There is no deployment {name_or_id} in the workspace at {self.transport.url}; create it or correct its "
            "name.",
            kind="deployment",
            names=[name_or_id],
        )
