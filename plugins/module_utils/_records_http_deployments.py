# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and their revisions over HTTP. Plans are the control plane's own: it alone knows the secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Applied, Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_base import HttpBase, Json
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import (
    deployment_from_wire,
    desired_to_create,
    desired_to_patch,
    plan_from_wire,
    revision_from_wire,
)

Must = Literal["create", "update"]
Secrets = Literal["current", "of_revision"]

_TRIES = 3  # for a deployment that others create or delete at the same moment
_HIGHEST_NUMBER = 2147483647


class DeploymentRecords(HttpBase):
    """The part of the adapter that knows deployments and revisions."""

    # -- reading deployments -------------------------------------------------------------------------------------

    def deployment(self, name_or_id: str) -> Json | None:
        """See ``_records.Records.deployment``."""
        return self.view(name_or_id)

    def deployments(
        self,
        name: str | None = None,
        name_contains: str | None = None,
        status: str | None = None,
        limit: int = 20,
        offset: int = 0,
        *,
        deployment_ids: Sequence[str] | None = None,
        deployment_type: str | None = None,
        url: str | None = None,
        image_version: str | None = None,
        listener: str | None = None,
    ) -> list[Json]:
        """See ``_records.Records.deployments``."""
        ids = None if deployment_ids is None else [one for one in deployment_ids if _model.is_uuid(one)]
        if ids == []:
            return []  # an empty list on the wire would be no filter
        query = {
            "name": name,
            "name_contains": name_contains,
            "status": status,
            "limit": limit,
            "offset": offset,
            "deployment_ids": ids,
            "deployment_type": deployment_type,
            "url": url,
            "image_version": image_version,
            "listener": listener,
        }
        return [deployment_from_wire(json) for json in self.ask("GET", "/v2/deployments", query)["resources"]]

    # -- changing deployments ------------------------------------------------------------------------------------

    def plan_deployment(
        self,
        desired: Mapping[str, Any],
        state: Literal["present", "absent"] = "present",
        *,
        always_revision: bool = False,
        must: Must | None = None,
    ) -> Plan:
        """See ``_records.Records.plan_deployment``."""
        if state == "present":
            return plan_from_wire(self._write(desired, None, always_revision, must, dry_run=True))
        found = self.find_id(str(desired.get("name") or ""))
        query = {"force": bool(desired.get("force")), "skip_dump": bool(desired.get("skip_dump")), "dry_run": True}
        answer = self.ask_or_none("DELETE", f"/v2/deployments/{found}", query) if found else None
        return Plan("none") if answer is None else plan_from_wire(answer.json)

    def apply_deployment(
        self,
        desired: Mapping[str, Any],
        version: int | None = None,
        *,
        always_revision: bool = False,
        must: Must | None = None,
    ) -> Applied:
        """See ``_records.Records.apply_deployment``."""
        return applied(self._write(desired, version, always_revision, must, dry_run=False))

    def _write(
        self, desired: Mapping[str, Any], version: int | None, always_revision: bool, must: Must | None, dry_run: bool
    ) -> Json:
        """Create or update, whichever is to be done; begins again when others came in between."""
        asked = _plan.normalise(desired)
        name = asked["name"]
        for left in reversed(range(_TRIES)):
            found = None if must == "create" else self._existing(name)
            if found is None and must == "update":
                raise self.no_deployment(name)
            if found is None and version is not None:
                raise Conflict(f"Deployment {name} was changed by somebody else meanwhile; run again.")
            try:
                if found is None:
                    return self._create(asked, dry_run)
                return self._update(found, asked, version, always_revision, dry_run)
            except Conflict:
                if not left or must == "create" or found is not None or self._existing(name) is None:
                    raise
            except NotFound as error:
                if not left or must == "update" or found is None or error.extra.get("kind") != "deployment":
                    raise
        raise Conflict(f"Deployment {name} is created and deleted by others at the same moment; run again.")

    def _existing(self, name: str) -> str | None:
        """The id of a deployment that is there; one that is given as an id may be gone."""
        json = self.find(name)
        return None if json is None else str(json["id"])

    def _create(self, asked: Mapping[str, Any], dry_run: bool) -> Json:
        body = desired_to_create({**asked, "source": _plan.derive_source(asked)})
        answer: Json = self.ask("POST", "/v2/deployments", {"dry_run": dry_run or None}, body, repeat=dry_run)
        return answer

    def _update(
        self, found: str, asked: Mapping[str, Any], version: int | None, always_revision: bool, dry_run: bool
    ) -> Json:
        query = {"dry_run": dry_run or None, "if_changed": None if always_revision else True}
        headers = None if version is None else {"If-Match": f'"{version}"'}
        body = desired_to_patch(asked)
        answer: Json = self.ask("PATCH", f"/v2/deployments/{found}", query, body, repeat=dry_run, headers=headers)
        return answer

    def delete_deployment(self, name_or_id: str, force: bool = False, skip_dump: bool = False) -> Json | None:
        """See ``_records.Records.delete_deployment``; the answer has ``changed`` besides, and ``deleted`` when it is
        gone.
        """
        before = self.view(name_or_id)
        if before is None:
            return None
        query = {"force": force, "skip_dump": skip_dump}
        if self.ask_or_none("DELETE", f"/v2/deployments/{before['id']}", query) is None:
            return None
        after = self.view(before["id"])
        if after is None:
            # Its record is final, and no answer shows it any more.
            return {**before, "status": _model.AWAITING_FINAL_DELETE, "changed": True, "deleted": True}
        return {**after, "changed": after["version"] != before["version"], "deleted": False}

    # -- reading revisions ---------------------------------------------------------------------------------------

    def revision(self, deployment: str, number_or_id: int | str | None = None) -> Json | None:
        """See ``_records.Records.revision``."""
        place = self.find_revision(deployment, number_or_id)
        answer = self.ask_or_none("GET", place) if place else None
        return None if answer is None else revision_from_wire(answer.json)

    def find_revision(self, deployment: str, number_or_id: int | str | None) -> str | None:
        """The path of a revision by number or id (None: the latest), or None."""
        if number_or_id is None:
            view = self.view(deployment)
            latest = view["latest_revision_id"] if view else None
            return f"/v2/deployments/{view['id']}/revisions/{latest}" if view and latest else None
        found = self.find_id(deployment)
        if found is None:
            return None
        place = f"/v2/deployments/{found}/revisions"
        if _model.is_uuid(str(number_or_id)):
            return f"{place}/{number_or_id}"
        if not str(number_or_id).isdecimal() or int(number_or_id) > _HIGHEST_NUMBER:
            return None
        answer = self.ask_or_none("GET", place, {"number": int(number_or_id), "limit": 1})
        revisions = answer.json["resources"] if answer else []
        return next((f"{place}/{json['id']}" for json in revisions if json["number"] == int(number_or_id)), None)

    def must_revision(self, deployment: str, number: int | None) -> str:
        """As ``find_revision``, or NotFound."""
        place = self.find_revision(deployment, number)
        if place is not None:
            return place
        view = self.view(deployment)
        if view is None:
            raise self.no_deployment(deployment)
        what = f"revision {number}" if number is not None else "revision yet"
        raise NotFound(
            f"Deployment {view['name']} has no {what}; list its revisions with revision_info.",
            kind="revision",
            names=[number],
        )

    def revisions(
        self, deployment: str, status: Sequence[str] | None = None, limit: int = 20, offset: int = 0
    ) -> list[Json]:
        """See ``_records.Records.revisions``."""
        query = {"status": list(status) if status else None, "limit": limit, "offset": offset}
        answer = self.ask("GET", f"/v2/deployments/{self.must_id(deployment)}/revisions", query)
        return [revision_from_wire(json) for json in answer["resources"]]

    def diff_revisions(self, deployment: str, left: int, right: int) -> Json:
        """See ``_records.Records.diff_revisions``."""
        query = {"left": left, "right": right}
        answer: Json = self.ask("GET", f"/v2/deployments/{self.must_id(deployment)}/diff", query)
        return answer

    def secret_values(self, deployment: str, number: int | None = None) -> dict[str, str]:
        """See ``_records.Records.secret_values``."""
        answer = self.ask("GET", f"/v2/deployments/{self.must_id(deployment)}/secrets", {"number": number})
        return {secret["name"]: secret["value"] for secret in answer["secrets"]}

    # -- changing revisions --------------------------------------------------------------------------------------

    def plan_activation(self, deployment: str, number: int, secrets: Secrets = "current") -> Plan:
        """See ``_records.Records.plan_activation``."""
        body = {"number": number, "secrets": secrets}
        place = f"/v2/deployments/{self.must_id(deployment)}/rollback"
        return plan_from_wire(self.ask("POST", place, {"dry_run": True}, body, repeat=True))

    def activate_revision(
        self, deployment: str, number: int, secrets: Secrets = "current", message: str | None = None
    ) -> Applied:
        """See ``_records.Records.activate_revision``."""
        body = {"number": number, "secrets": secrets, "message": message}
        answer = self.ask("POST", f"/v2/deployments/{self.must_id(deployment)}/rollback", None, body)
        return {
            "changed": answer["change"]["changed"],
            "deployment": deployment_from_wire(answer["deployment"]),
            "revision": revision_from_wire(answer["revision"]) if answer["revision"] else None,
            "plan": plan_from_wire(answer["change"]),
        }

    def redeploy_revision(self, deployment: str, number: int | None = None, message: str | None = None) -> Applied:
        """See ``_records.Records.redeploy_revision``."""
        place = self.must_revision(deployment, number)
        return applied(self.ask("POST", f"{place}/redeploy", None, {"message": message}))

    def interrupt_revision(self, deployment: str, number: int | None = None) -> Applied:
        """See ``_records.Records.interrupt_revision``."""
        return self._change_revision(deployment, number, lambda place: self.ask("POST", f"{place}/interrupt"))

    def pin_revision(self, deployment: str, number: int, pinned: bool = True) -> Applied:
        """See ``_records.Records.pin_revision``."""
        body = {"pinned": pinned}
        return self._change_revision(deployment, number, lambda place: self.ask("PATCH", place, None, body))

    def _change_revision(self, deployment: str, number: int | None, change: Callable[[str], Json]) -> Applied:
        """A change that answers with the revision it was made to."""
        answer = change(self.must_revision(deployment, number))
        view = self.view(answer["deployment_id"])
        if view is None:
            raise self.no_deployment(deployment)
        plan = plan_from_wire(answer["change"])
        return {"changed": plan.changed, "deployment": view, "revision": revision_from_wire(answer), "plan": plan}


def applied(answer: Json) -> Applied:
    """What a change that answers with the deployment has done."""
    plan = plan_from_wire(answer["change"])
    revision = answer.get("revision")
    return {
        "changed": plan.changed,
        "deployment": deployment_from_wire(answer),
        "revision": revision_from_wire(revision) if revision else None,
        "plan": plan,
    }
