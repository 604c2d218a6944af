# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revisions in Postgres: reading, making, moving along the table of transitions, activating, interrupting, pinning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_text
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Applied, Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    PostgresBase,
    Row,
    check_page,
    new_id,
    statement,
    to_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import (
    DEPLOYMENT,
    REVISION,
    deployment_view,
    flat,
    revision_config,
    revision_view,
)

_JSON_FIELDS = ("resource_spec", "env", "secret_references", "tracked_packages")
_BY_NAME = "where d.workspace_id = %(workspace)s and d.name = %(name)s and d.deleted_at is null"
_BY_ID = "where d.workspace_id = %(workspace)s and d.id = %(name)s and d.deleted_at is null"


class RevisionRecords(PostgresBase):
    """The part of the adapter that knows revisions."""

    # -- shared look-ups -----------------------------------------------------------------------------------------

    def find_deployment(self, name_or_id: str, lock: bool = False) -> Row | None:
        """The deployment's row with its latest configuration; ``lock`` it until the transaction ends."""
        self.ready()
        values = {"workspace": self.workspace_id, "name": name_or_id}
        by = _BY_ID if _model.is_uuid(name_or_id) else _BY_NAME
        if lock:
            locked = self.one(statement("select d.id from control_plane.deployments d", by, "for update"), values)
            if locked is None:
                return None
            values["name"], by = str(locked["id"]), _BY_ID
        return self.one(statement(DEPLOYMENT, by), values)

    def must_deployment(self, name_or_id: str, lock: bool = False) -> Row:
        """As ``find_deployment``, or NotFound."""
        row = self.find_deployment(name_or_id, lock)
        if row is None:
            raise NotFound(
                f"There is no deployment {name_or_id} in workspace {self.workspace_name}; create it or correct "
                "its name.",
                kind="deployment",
                names=[name_or_id],
            )
        return row

    def find_revision(self, deployment: Mapping[str, Any], number_or_id: int | str | None) -> Row | None:
        """A revision's row by number or id (None: the latest)."""
        values: dict[str, Any] = {"deployment": deployment["id"]}
        if number_or_id is None:
            by, values["key"] = "where r.id = %(key)s", deployment["latest_revision_id"]
        elif isinstance(number_or_id, int) or str(number_or_id).isdecimal():
            by, values["key"] = "where r.deployment_id = %(deployment)s and r.number = %(key)s", int(number_or_id)
        elif _model.is_uuid(number_or_id):
            by, values["key"] = "where r.deployment_id = %(deployment)s and r.id = %(key)s", number_or_id
        else:
            return None
        if isinstance(values["key"], int) and values["key"] > 2147483647:
            return None
        return self.one(statement(REVISION, by), values)

    def must_revision(self, deployment: Mapping[str, Any], number_or_id: int | str | None) -> Row:
        """As ``find_revision``, or NotFound."""
        row = self.find_revision(deployment, number_or_id)
        if row is None:
            what = f"revision {number_or_id}" if number_or_id is not None else "revision yet"
            raise NotFound(
                f"Deployment {deployment['name']} has no {what}; list its revisions with revision_info.",
                kind="revision",
                names=[number_or_id],
            )
        return row

    def with_secrets(self, config: dict[str, Any]) -> dict[str, Any]:
        """A configuration with its secret values instead of masks (only for comparing and copying)."""
        return {**config, "secrets": self.crypt.decrypt_map(config["token"]) if config["token"] else {}}

    # -- reading -------------------------------------------------------------------------------------------------

    def revision(self, deployment: str, number_or_id: int | str | None = None) -> dict[str, Any] | None:
        """See ``_records.Records.revision``."""
        row = self.find_deployment(deployment)
        found = self.find_revision(row, number_or_id) if row else None
        return {**revision_view(found), "lock": found["lock"]} if found else None

    def revisions(
        self, deployment: str, status: Sequence[str] | None = None, limit: int = 20, offset: int = 0
    ) -> list[dict[str, Any]]:
        """See ``_records.Records.revisions``."""
        row = self.must_deployment(deployment)
        check_page(limit, offset)
        for word in status or ():
            if word not in _model.REVISION_STATUSES:
                raise InvalidInput(
                    f"{word!r} is no status of a revision; use one of {', '.join(_model.REVISION_STATUSES)}.",
                    field="status",
                )
        values = {"deployment": row["id"], "status": list(status or ()), "limit": limit, "offset": offset}
        by = "where r.deployment_id = %(deployment)s" + (" and r.status = any(%(status)s)" if status else "")
        page = "order by r.number desc limit %(limit)s offset %(offset)s"
        return [revision_view(found) for found in self.all(statement(REVISION, by, page), values)]

    def diff_revisions(self, deployment: str, left: int, right: int) -> dict[str, Any]:
        """See ``_records.Records.diff_revisions``."""
        row = self.must_deployment(deployment)
        configs = []
        for number in (left, right):
            config = revision_config(self.must_revision(row, number))
            configs.append(self.with_secrets(config) if config["token"] else config)
        fields, before, after = _plan.differing(*configs)
        return {"left": left, "right": right, "fields": list(fields), "before": before, "after": after}

    def secret_values(self, deployment: str, number: int | None = None) -> dict[str, str]:
        """See ``_records.Records.secret_values``."""
        with self.transaction():
            row = self.must_deployment(deployment)
            config = flat(row) if number is None else revision_config(self.must_revision(row, number))
            values: dict[str, str] = self.with_secrets(config)["secrets"] if config["token"] else {}
            self.audit("reveal", "deployment", str(row["id"]), row["name"], None, {"secrets": sorted(values)})
            return values

    # -- making and moving (inside the caller's transaction, the deployment's row locked) ------------------------

    def insert_revision(
        self,
        deployment: Mapping[str, Any],
        config: Mapping[str, Any],
        *,
        token: str | None,
        kind: str,
        message: str | None,
        rollback_of: int | None = None,
        lock: str | None = None,
        commit: str | None = None,
    ) -> Row:
        """A new QUEUED revision; one that was still QUEUED becomes SKIPPED. Gives its row."""
        number = (deployment["c_number"] or 0) + 1
        if message is not None:
            check_text(message, "message", limit=16384, multiline=True)
        if deployment["queued_revision_id"] is not None:
            queued = self.must_revision(deployment, str(deployment["queued_revision_id"]))
            self.move_revision(deployment, queued, _model.SKIPPED, cause=f"Revision {number} came before it was begun.")
        revision_id = new_id()
        self.run(
            "insert into control_plane.revisions (id, workspace_id, deployment_id, number, kind, rollback_of, "
            "author, message, status, "
            "repo_ref, image_uri, langgraph_config_path, resource_spec, env, secret_names, secrets, flavour, "
            "api_version, "
            "source_sha256, install_command, build_command, secret_references, tracked_packages, lock, "
            "repo_commit_sha, timings) values (%(id)s, %(workspace)s, %(deployment)s, "
            "%(number)s, %(kind)s, "
            "%(rollback_of)s, %(author)s, %(message)s, 'QUEUED', %(repo_ref)s, %(image_uri)s, "
            "%(langgraph_config_path)s, "
            "%(resource_spec)s, %(env)s, %(secret_names)s, %(secrets)s, %(flavour)s, %(api_version)s, "
            "%(source_sha256)s, %(install_command)s, %(build_command)s, %(secret_references)s, %(tracked_packages)s, "
            "%(lock)s, %(commit)s, jsonb_build_object('CREATING', clock_timestamp() at time zone 'utc' || '+00:00', "
            "'QUEUED', clock_timestamp() at time zone 'utc' || '+00:00'))",
            {
                **{key: config[key] for key in _plan.CONFIG_FIELDS if key != "secrets"},
                "id": revision_id,
                "workspace": self.workspace_id,
                "deployment": deployment["id"],
                "number": number,
                "kind": kind,
                "rollback_of": rollback_of,
                "author": self.author,
                "message": message,
                **{key: to_json(config[key]) for key in _JSON_FIELDS},
                "secret_names": sorted(config["secrets"]),
                "secrets": token,
                "lock": lock,
                "commit": commit,
            },
        )
        status = deployment["status"]
        if status == _model.UNUSED:
            _model.check_deployment_transition(deployment["name"], status, _model.AWAITING_DATABASE)
            status = _model.AWAITING_DATABASE
        self.run(
            "update control_plane.deployments set latest_revision_id = %(revision)s, queued_revision_id = "
            "%(revision)s, "
            "due_since = clock_timestamp(), status = %(status)s, draft = null, draft_secrets = null, version = "
            "version + 1, "
            "updated_at = clock_timestamp() where id = %(id)s",
            {"revision": revision_id, "status": status, "id": deployment["id"]},
        )
        self.notify(str(deployment["id"]), str(deployment["listener_id"] or "") or None, "revision")
        return self.must(statement(REVISION, "where r.id = %s"), [revision_id])

    def move_revision(
        self,
        deployment: Mapping[str, Any],
        revision: Row,
        *steps: str,
        cause: str | None = None,
        log_tail: str | None = None,
    ) -> None:
        """One or more edges of the table; keeps what the deployment knows of its pending work in step, and the row
        given.
        """
        what = f"{revision['number']} of deployment {deployment['name']}"
        old = revision["status"]
        for step in steps:
            _model.check_revision_transition(what, revision["status"], step)
            revision["status"] = step
        status = steps[-1]
        changed = self.run(
            "update control_plane.revisions set status = %(new)s, cause = coalesce(%(cause)s, cause), "
            "log_tail = coalesce(%(log_tail)s, log_tail), updated_at = clock_timestamp(), timings = timings || ("
            "select jsonb_object_agg(step, clock_timestamp() at time zone 'utc' || '+00:00') from "
            "unnest(%(steps)s::text[]) step) "
            "where id = %(id)s and status = %(old)s",
            {
                "new": status,
                "old": old,
                "steps": list(steps),
                "cause": cause,
                "log_tail": log_tail,
                "id": revision["id"],
            },
        )
        if not changed:
            raise Conflict(f"Revision {what} was changed meanwhile; look at its state before the next step.")
        if status in _model.IN_PROGRESS and old in _model.IN_PROGRESS:
            return
        if status in _model.IN_PROGRESS:
            columns = "queued_revision_id = nullif(queued_revision_id, %(id)s), progress_revision_id = %(id)s"
        elif status in _model.FINAL:
            columns = (
                "queued_revision_id = nullif(queued_revision_id, %(id)s), "
                "interrupt_requested = interrupt_requested and progress_revision_id is distinct from %(id)s, "
                "interrupted_by = case when progress_revision_id is distinct from %(id)s then interrupted_by end, "
                "progress_revision_id = nullif(progress_revision_id, %(id)s)"
            )
        else:
            return
        self.run(
            statement("update control_plane.deployments set", columns, "where id = %(deployment)s"),
            {"id": revision["id"], "deployment": deployment["id"]},
        )

    def applied(
        self, deployment_id: Any, plan: Plan, revision: Row | None = None, changed: bool | None = None
    ) -> Applied:
        """What a change answers."""
        row = self.must(statement(DEPLOYMENT, "where d.id = %s"), [deployment_id])
        return {
            "changed": plan.changed if changed is None else changed,
            "deployment": deployment_view(row),
            "revision": revision_view(revision) if revision else None,
            "plan": plan,
        }

    # -- changes -------------------------------------------------------------------------------------------------

    def _activation(
        self, row: Row, number: int, secrets: Literal["current", "of_revision"]
    ) -> tuple[Plan, Row | None, dict[str, Any]]:
        if secrets not in ("current", "of_revision"):
            raise InvalidInput(f"secrets is {secrets!r}; use current or of_revision.", field="secrets")
        target = self.find_revision(row, number)
        pending = row["queued_revision_id"] or row["progress_revision_id"] or row["active_revision_id"]
        running = self.find_revision(row, str(pending)) if pending else None
        current = flat(row)
        configs = [current, *(revision_config(found) for found in (target, running) if found)]
        if any(config["token"] for config in configs):
            configs = [self.with_secrets(config) for config in configs]
        full_target = {**configs[1], "number": number} if target else None
        full_running = (
            {**configs[-1], "number": running["number"], "rollback_of": running["rollback_of"]} if running else None
        )
        plan = _plan.plan_activation(row, configs[0], full_target, full_running, number=number, secrets=secrets)
        return plan, target, configs[0]

    def plan_activation(
        self, deployment: str, number: int, secrets: Literal["current", "of_revision"] = "current"
    ) -> Plan:
        """See ``_records.Records.plan_activation``."""
        return self._activation(self.must_deployment(deployment), number, secrets)[0]

    def activate_revision(
        self,
        deployment: str,
        number: int,
        secrets: Literal["current", "of_revision"] = "current",
        message: str | None = None,
    ) -> Applied:
        """See ``_records.Records.activate_revision``."""
        with self.transaction():
            row = self.must_deployment(deployment, lock=True)
            plan, target, current = self._activation(row, number, secrets)
            made = None
            if plan.changed and target is not None:
                of = current if secrets == "current" else revision_config(target)
                made = self.insert_revision(
                    row,
                    {**revision_config(target), "secrets": of["secrets"]},
                    token=of["token"],
                    kind=_model.KIND_ROLLBACK,
                    rollback_of=target["number"],
                    message=message,
                    lock=target["lock"],
                    commit=target["repo_commit_sha"],
                )
                self.audit("activate", "revision", str(made["id"]), _title(row, made), plan.before, plan.after)
            return self.applied(row["id"], plan, made)

    def redeploy_revision(self, deployment: str, number: int | None = None, message: str | None = None) -> Applied:
        """See ``_records.Records.redeploy_revision``."""
        with self.transaction():
            row = self.must_deployment(deployment, lock=True)
            self._refuse_deleted(row)
            target = self.must_revision(row, number)
            config = revision_config(target)
            # What a branch says now is taken anew; a rollback, or an older number, is repeated as it was.
            latest = target["number"] == row["c_number"] and target["rollback_of"] is None
            fresh = latest and row["source"] == _model.SOURCE_GITHUB
            made = self.insert_revision(
                row,
                {**config, "source_sha256": None} if fresh else config,
                token=config["token"],
                kind=_model.KIND_REDEPLOY,
                rollback_of=None if fresh else target["rollback_of"] or target["number"],
                message=message,
                lock=None if fresh else target["lock"],
                commit=None if fresh else target["repo_commit_sha"],
            )
            before, after = {"revision": row["c_number"]}, {"revision": made["number"], "copy_of": target["number"]}
            plan = Plan("update", True, True, ("revision",), before, after, row["version"])
            self.audit("redeploy", "revision", str(made["id"]), _title(row, made), before, after)
            return self.applied(row["id"], plan, made)

    def interrupt_revision(self, deployment: str, number: int | None = None) -> Applied:
        """See ``_records.Records.interrupt_revision``."""
        with self.transaction():
            row = self.must_deployment(deployment, lock=True)
            revision = self.must_revision(row, number)
            status = revision["status"]
            before = {"revision": revision["number"], "status": status}
            if status == _model.INTERRUPTED or (
                status in _model.IN_PROGRESS and row["interrupt_requested"] and row["held"]
            ):
                return self.applied(row["id"], Plan("none", version=row["version"]), revision)
            if status in _model.FINAL:
                raise Conflict(
                    f"Revision {revision['number']} of deployment {row['name']} is {status}; only a pending one "
                    "can be interrupted.",
                    status=status,
                )
            after: dict[str, Any]
            if status in _model.IN_PROGRESS and row["held"]:
                self.run(
                    "update control_plane.deployments set interrupt_requested = true, interrupted_by = %s "
                    "where id = %s",
                    [self.author, row["id"]],
                )
                after = {"revision": revision["number"], "interrupt_requested": True}
            else:
                # Nobody works on it: whoever might still believe to do so is fenced off.
                self.move_revision(row, revision, _model.INTERRUPTED, cause=f"Interrupted by {self.author}.")
                if status in _model.IN_PROGRESS:
                    self.end_claim(row, fence=True)
                after = {"revision": revision["number"], "status": _model.INTERRUPTED}
            self.notify(str(row["id"]), str(row["listener_id"] or "") or None, "interrupt")
            plan = Plan("update", False, True, ("status",), before, after, row["version"])
            self.audit("interrupt", "revision", str(revision["id"]), _title(row, revision), before, after)
            return self.applied(row["id"], plan, self.find_revision(row, str(revision["id"])))

    def pin_revision(self, deployment: str, number: int, pinned: bool = True) -> Applied:
        """See ``_records.Records.pin_revision``."""
        with self.transaction():
            row = self.must_deployment(deployment, lock=True)
            revision = self.must_revision(row, number)
            if revision["pinned"] == pinned:
                return self.applied(row["id"], Plan("none", version=row["version"]), revision)
            self.run(
                "update control_plane.revisions set pinned = %s, updated_at = clock_timestamp() where id = %s",
                [pinned, revision["id"]],
            )
            before, after = {"pinned": revision["pinned"]}, {"pinned": pinned}
            plan = Plan("update", False, True, ("pinned",), before, after, row["version"])
            self.audit("pin", "revision", str(revision["id"]), _title(row, revision), before, after)
            return self.applied(row["id"], plan, self.find_revision(row, number))

    def end_claim(self, row: Mapping[str, Any], *, fence: bool = False, retry_after: float = 0) -> None:
        """End the claim on a deployment; ``fence`` raises the epoch so that its holder is refused from now on.
        retry_after: seconds until what is left is due.
        """
        self.run(
            "update control_plane.deployments set claim_id = null, claim_revision_id = null, claim_action = "
            "null, claim_owner = null, "
            "claim_since = null, lease_until = null, due_since = case when claim_action = "
            "'check' then due_since else clock_timestamp() + make_interval(secs => %s) end, "
            "epoch = epoch + %s where id = %s",
            [retry_after, 1 if fence else 0, row["id"]],
        )

    def _refuse_deleted(self, row: Mapping[str, Any]) -> None:
        if row["status"] in (_model.AWAITING_DELETE, _model.AWAITING_FINAL_DELETE):
            raise Conflict(f"Deployment {row['name']} is being deleted; wait until it is gone.", status=row["status"])


def interrupted_cause(deployment: Mapping[str, Any], said: str | None) -> str | None:
    """Why a revision is INTERRUPTED: who asked for it, and what whoever worked on it said."""
    author = deployment["interrupted_by"]
    if author is None:
        return said or ("Interrupted as asked." if deployment["interrupt_requested"] else None)
    return f"Interrupted by {author}: {said}" if said else f"Interrupted by {author}."


def _title(deployment: Mapping[str, Any], revision: Mapping[str, Any]) -> str:
    return f"{deployment['name']} {revision['number']}"
