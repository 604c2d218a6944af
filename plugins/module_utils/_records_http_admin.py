# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator looks after, over HTTP: listeners, workspaces, API keys, the audit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict
from ansible_collections.selfhosted.langgraph.plugins.module_utils._plan_access import plan_api_key, plan_workspace
from ansible_collections.selfhosted.langgraph.plugins.module_utils._plan_listener import merge_listener
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_base import HttpBase, Json
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import plan_from_wire

State = Literal["present", "absent"]

_WORKSPACES = "/v2/workspaces"
_KEYS = "/v2/api-keys"
_LISTENERS = "/v2/listeners"
_NAME_OR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class AdminRecords(HttpBase):
    """The part of the adapter that knows listeners, workspaces, API keys and the audit."""

    # -- all kinds alike -----------------------------------------------------------------------------------------

    def _plan_record(self, place: str, found: str | None, body: Mapping[str, Any] | None) -> Plan:
        """What creating, changing or (without a body) deleting a record would do."""
        dry = {"dry_run": True}
        if body is None:
            answer = self.ask_or_none("DELETE", f"{place}/{found}", dry) if found else None
            return Plan("none") if answer is None else plan_from_wire(answer.json)
        if found is None:
            return plan_from_wire(self.ask("POST", place, dry, body, repeat=True))
        return plan_from_wire(self.ask("PATCH", f"{place}/{found}", dry, body, repeat=True))

    def _write_record(
        self, place: str, found: str | None, body: Mapping[str, Any], version: int | None, what: str
    ) -> tuple[Plan, Json]:
        """Create or change a record: what that did, and the record."""
        if found is None and version is not None:
            raise Conflict(f"{what} was changed by somebody else meanwhile; run again.")
        if found is None:
            answer = self.ask("POST", place, None, body)
        else:
            headers = None if version is None else {"If-Match": f'"{version}"'}
            answer = self.ask("PATCH", f"{place}/{found}", None, body, headers=headers)
        plan = plan_from_wire(answer.pop("change"))
        return plan, answer

    # -- listeners -----------------------------------------------------------------------------------------------

    def listener(self, name_or_id: str) -> Json | None:
        """See ``_records.Records.listener``."""
        if _model.is_uuid(name_or_id):
            answer = self.ask_or_none("GET", f"{_LISTENERS}/{name_or_id}")
            return None if answer is None else answer.json
        found = self.pages(_LISTENERS, {"compute_id": name_or_id})
        return next((listener for listener in found if listener["compute_id"] == name_or_id), None)

    def listeners(self, limit: int = 100, offset: int = 0) -> list[Json]:
        """See ``_records.Records.listeners``."""
        found: list[Json] = self.ask("GET", _LISTENERS, {"limit": limit, "offset": offset})["resources"]
        return found

    def plan_listener(self, desired: Mapping[str, Any], state: State = "present") -> Plan:
        """See ``_records.Records.plan_listener``."""
        _model.check_compute_id(desired.get("compute_id"))
        current = self.listener(desired["compute_id"])
        body = None if state == "absent" else _listener_body(current, desired)
        return self._plan_record(_LISTENERS, current["id"] if current else None, body)

    def apply_listener(self, desired: Mapping[str, Any], version: int | None = None) -> Json:
        """See ``_records.Records.apply_listener``."""
        _model.check_compute_id(desired.get("compute_id"))
        current = self.listener(desired["compute_id"])
        body, what = _listener_body(current, desired), f"Listener {desired['compute_id']}"
        plan, listener = self._write_record(_LISTENERS, current["id"] if current else None, body, version, what)
        return {"changed": plan.changed, "listener": listener, "plan": plan}

    def delete_listener(self, name_or_id: str) -> bool:
        """See ``_records.Records.delete_listener``."""
        found = self.listener(name_or_id)
        return found is not None and self.ask_or_none("DELETE", f"{_LISTENERS}/{found['id']}") is not None

    # -- workspaces ----------------------------------------------------------------------------------------------

    def workspace(self, name_or_id: str) -> Json | None:
        """See ``_records.Records.workspace``."""
        return self._named(_WORKSPACES, name_or_id)

    def workspaces(self) -> list[Json]:
        """See ``_records.Records.workspaces``."""
        return list(self.pages(_WORKSPACES))

    def plan_workspace(self, desired: Mapping[str, Any], state: State = "present") -> Plan:
        """See ``_records.Records.plan_workspace``."""
        name = _checked_workspace(desired, state)
        found = self._found(_WORKSPACES, name)
        return self._plan_record(_WORKSPACES, found, None if state == "absent" else _asked(desired, found))

    def apply_workspace(self, desired: Mapping[str, Any], version: int | None = None) -> Json:
        """See ``_records.Records.apply_workspace``."""
        name = _checked_workspace(desired, "present")
        found = self._found(_WORKSPACES, name)
        body = _asked(desired, found)
        plan, workspace = self._write_record(_WORKSPACES, found, body, version, f"Workspace {name}")
        return {"changed": plan.changed, "workspace": workspace, "plan": plan}

    def delete_workspace(self, name: str) -> bool:
        """See ``_records.Records.delete_workspace``."""
        return bool(_NAME_OR_ID.fullmatch(name)) and self.ask_or_none("DELETE", f"{_WORKSPACES}/{name}") is not None

    def _named(self, place: str, name_or_id: str) -> Json | None:
        """A workspace or key, or None, also for what can be no name of one."""
        if not _NAME_OR_ID.fullmatch(name_or_id):
            return None
        answer = self.ask_or_none("GET", f"{place}/{name_or_id}")
        return None if answer is None else answer.json

    def _found(self, place: str, name: str) -> str | None:
        """The id of a workspace or key by its name, or None."""
        json = self._named(place, name)
        return None if json is None else str(json["id"])

    # -- API keys ------------------------------------------------------------------------------------------------

    def api_key(self, name_or_id: str) -> Json | None:
        """See ``_records.Records.api_key``."""
        return self._named(_KEYS, name_or_id)

    def api_keys(self, limit: int = 100, offset: int = 0) -> list[Json]:
        """See ``_records.Records.api_keys``."""
        found: list[Json] = self.ask("GET", _KEYS, {"limit": limit, "offset": offset})["resources"]
        return found

    def plan_api_key(self, desired: Mapping[str, Any], state: State = "present") -> Plan:
        """See ``_records.Records.plan_api_key``."""
        found = self._checked_key(desired, state)
        return self._plan_record(_KEYS, found, None if state == "absent" else _asked(desired, found))

    def apply_api_key(self, desired: Mapping[str, Any], version: int | None = None) -> Json:
        """See ``_records.Records.apply_api_key``."""
        found = self._checked_key(desired, "present")
        body, what = _asked(desired, found), f"API key {desired['name']}"
        plan, record = self._write_record(_KEYS, found, body, version, what)
        key = record.pop("key", None)
        return {"changed": plan.changed, "api_key": record, "plan": plan, "key": key}

    def delete_api_key(self, name_or_id: str) -> bool:
        """See ``_records.Records.delete_api_key``."""
        known = bool(_NAME_OR_ID.fullmatch(name_or_id))
        return known and self.ask_or_none("DELETE", f"{_KEYS}/{name_or_id}") is not None

    def _checked_key(self, desired: Mapping[str, Any], state: State) -> str | None:
        """The id of the key, or None; InvalidInput if what is asked for could be of no key, in the words of all."""
        name = _model.check_compute_id(desired.get("name"), "name", "an API key")
        current = self.api_key(name)
        plan_api_key(current, desired, state)
        return None if current is None else str(current["id"])

    # -- audit ---------------------------------------------------------------------------------------------------

    def audit_entries(
        self,
        *,
        kind: str | None = None,
        record: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Json:
        """See ``_records.Records.audit_entries``."""
        query = {
            "kind": kind,
            "record": record,
            "action": action,
            "actor": actor,
            "since": since,
            "until": until,
            "limit": limit,
            "offset": after,
        }
        answer: Json = self.ask("GET", "/v2/audit", query)
        return {"entries": answer["entries"], "next_offset": answer["next_offset"]}


def _asked(desired: Mapping[str, Any], found: str | None) -> Json:
    """What is asked for. A record that is there is named by its address; of a new one, "none" need not be said."""
    if found is not None:
        return {key: value for key, value in desired.items() if value is not None and key != "name"}
    return {key: value for key, value in desired.items() if value is not None and value != ""}


def _checked_workspace(desired: Mapping[str, Any], state: State) -> str:
    """The name of the workspace; InvalidInput if what is asked for could be of no workspace, in the words of all."""
    if state == "present":
        plan_workspace(None, desired)
    return _model.check_name(desired.get("name"), "workspace")


def _listener_body(current: Mapping[str, Any] | None, desired: Mapping[str, Any]) -> Json:
    """The body of a request; what cannot be changed is refused here, as a change has no place for it."""
    merge_listener(current, desired)
    body = {key: desired[key] for key in ("version", "compute_config") if desired.get(key) is not None}
    if current is None:
        body = {"compute_id": desired["compute_id"], "compute_type": desired.get("compute_type") or "hosts", **body}
        body.setdefault("compute_config", {})
    return body
