# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments in Postgres: reading, planning, creating, updating, deleting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Applied, Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    Row,
    check_page,
    new_id,
    statement,
    to_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_revisions import RevisionRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import (
    DEPLOYMENT,
    deployment_view,
    flat,
)

_SLUG_TRIES = 5


class DeploymentRecords(RevisionRecords):
    """The part of the adapter that knows deployments."""

    def deployment(self, name_or_id: str) -> dict[str, Any] | None:
        """See ``_records.Records.deployment``."""
        row = self.find_deployment(name_or_id)
        return deployment_view(row) if row else None

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
    ) -> list[dict[str, Any]]:
        """See ``_records.Records.deployments``."""
        self.ready()
        check_page(limit, offset)
        if status is not None and status not in _model.DEPLOYMENT_STATUSES:
            raise InvalidInput(
                f"{status!r} is no status of a deployment; use one of {', '.join(_model.DEPLOYMENT_STATUSES)}.",
                field="status",
            )
        where = ["where d.workspace_id = %(workspace)s and d.deleted_at is null"]
        values: dict[str, Any] = {"workspace": self.workspace_id, "limit": limit, "offset": offset}
        if name is not None:
            where.append("and d.name = %(name)s")
            values["name"] = name
        if name_contains:
            # The index knows parts of up to three characters; the position decides.
            where.append("and d.name_parts @> %(parts)s and position(%(contains)s in d.name) > 0")
            size = min(3, len(name_contains))
            values["contains"] = name_contains
            values["parts"] = sorted({name_contains[i : i + size] for i in range(len(name_contains) - size + 1)})
        if status is not None:
            where.append("and d.status = %(status)s")
            values["status"] = status
        if deployment_ids is not None:
            where.append("and d.id = any(%(ids)s::uuid[])")
            values["ids"] = [found for found in deployment_ids if _model.is_uuid(found)]
        if deployment_type is not None:
            where.append("and d.attributes ->> 'deployment_type' = %(deployment_type)s")
            values["deployment_type"] = deployment_type
        if url is not None:
            where.append("and d.url = %(url)s")
            values["url"] = url
        if image_version is not None:
            where.append("and c.api_version = %(image_version)s")
            values["image_version"] = image_version
        if listener is not None:
            where.append("and d.listener_id = %(listener)s")
            values["listener"] = self._listener(listener)["id"]
        order, page = "order by d.created_at desc, d.id", "limit %(limit)s offset %(offset)s"
        if image_version is None:
            # What is left out is not joined with its revisions: a late page costs little more than the first.
            ids = statement("select d.id from control_plane.deployments d", *where, order, page)
            query = statement(DEPLOYMENT, f"where d.id = any(array({ids}))", order)
        else:
            query = statement(DEPLOYMENT, *where, order, page)
        return [deployment_view(row) for row in self.all(query, values)]

    # -- planning ------------------------------------------------------------------------------------------------

    def plan_deployment(
        self,
        desired: Mapping[str, Any],
        state: Literal["present", "absent"] = "present",
        *,
        always_revision: bool = False,
        must: Literal["create", "update"] | None = None,
    ) -> Plan:
        """See ``_records.Records.plan_deployment``."""
        if state == "absent":
            row = self.find_deployment(str(desired.get("name") or ""))
            return _plan.plan(flat(row) if row else None, desired, "absent")
        row, asked = self._asked(desired, must)
        return self._plan(row, asked, always_revision, must)[0]

    def _asked(
        self, desired: Mapping[str, Any], must: str | None, lock: bool = False
    ) -> tuple[Row | None, dict[str, Any]]:
        """The deployment's row, and what is asked of it; an update may name it by its id."""
        if must == "update":
            row = self.must_deployment(str(desired.get("name") or ""), lock)
            return row, _plan.normalise({**desired, "name": row["name"]})
        asked = _plan.normalise(desired)
        return self.find_deployment(asked["name"], lock), asked

    def _plan(
        self,
        row: Row | None,
        asked: dict[str, Any],
        always_revision: bool,
        must: Literal["create", "update"] | None,
    ) -> tuple[Plan, dict[str, Any] | None]:
        """The plan, and the current flat state with the secrets as far as they are needed to compare."""
        if "listener" in asked:
            asked["listener"] = self._listener(asked["listener"])["compute_id"]
        elif row is None:
            default = self.default_listener()
            if default is not None:
                asked["listener"] = default
        current = flat(row) if row else None
        if current is not None and "secrets" in asked and current["token"]:
            current = self.with_secrets(current)
        return _plan.plan(current, asked, always_revision=always_revision, must=must), current

    def default_listener(self) -> str | None:
        """The compute_id of the listener that a deployment gets when none is asked for: the workspace's default, else
        its only one.
        """
        rows = self.all(
            "select l.compute_id, l.id = w.default_listener_id as chosen from control_plane.listeners l "
            "join control_plane.workspaces w on w.id = l.workspace_id where l.workspace_id = %s "
            "order by l.id = w.default_listener_id desc nulls last limit 2",
            [self.workspace_id],
        )
        if rows and (rows[0]["chosen"] or len(rows) == 1):
            name: str = rows[0]["compute_id"]
            return name
        return None

    def _listener(self, name_or_id: str) -> Row:
        by_id = name_or_id if _model.is_uuid(name_or_id) else None
        row = self.one(
            "select l.id, l.compute_id from control_plane.listeners l "
            "where l.workspace_id = %(workspace)s and (l.compute_id = %(name)s or l.id = %(id)s)",
            {"workspace": self.workspace_id, "name": name_or_id, "id": by_id},
        )
        if row is None:
            raise NotFound(
                f"There is no listener {name_or_id} in workspace {self.workspace_name}; create it or correct its name.",
                kind="listener",
                names=[name_or_id],
            )
        return row

    # -- changes -------------------------------------------------------------------------------------------------

    def apply_deployment(
        self,
        desired: Mapping[str, Any],
        version: int | None = None,
        *,
        always_revision: bool = False,
        must: Literal["create", "update"] | None = None,
    ) -> Applied:
        """See ``_records.Records.apply_deployment``."""
        with self.transaction():
            row, asked = self._asked(desired, must, lock=True)
            plan, current = self._plan(row, asked, always_revision, must)
            if version is not None and (row is None or row["version"] != version):
                raise Conflict(f"Deployment {asked['name']} was changed by somebody else meanwhile; run again.")
            self._check_source(asked)
            if row is None or current is None:
                return self._create(asked, plan)
            if not plan.changed:
                return self.applied(row["id"], plan)
            return self._update(row, current, asked, plan, always_revision)

    def _check_source(self, asked: Mapping[str, Any]) -> None:
        sha256 = asked.get("source_sha256")
        # The lock keeps a source that nothing refers to yet from being pruned before this transaction ends.
        if sha256 and not self.one(
            "select size from control_plane.sources where workspace_id = %s and sha256 = %s for key share",
            [self.workspace_id, sha256],
        ):
            raise NotFound(
                f"The source {sha256} of deployment {asked['name']} is not stored; upload it first.",
                kind="source",
                names=[sha256],
            )

    def _create(self, asked: Mapping[str, Any], plan: Plan) -> Applied:
        config = _plan.initial(asked)
        deployment_id, slug = self._new_slug(config["name"])
        listener = self._listener(asked["listener"]) if "listener" in asked else None
        token = self.encrypting().encrypt_map(config["secrets"]) if config["secrets"] else None
        draft = {key: config[key] for key in _plan.CONFIG_FIELDS if key != "secrets"}
        made = self.one(
            "insert into control_plane.deployments (id, workspace_id, name, slug, display_name, source, "
            "repo_url, listener_id, status, "
            "draft, draft_secrets, attributes) values (%(id)s, %(workspace)s, %(name)s, %(slug)s, %(display_name)s, "
            "%(source)s, %(repo_url)s, "
            "%(listener)s, 'UNUSED', %(draft)s, %(secrets)s, %(attributes)s) "
            "on conflict (workspace_id, name) where deleted_at is null do nothing returning id",
            {
                **{key: config[key] for key in ("name", "display_name", "source", "repo_url")},
                "id": deployment_id,
                "workspace": self.workspace_id,
                "slug": slug,
                "listener": listener["id"] if listener else None,
                "draft": to_json({**draft, "secret_names": sorted(config["secrets"])}),
                "secrets": token,
                "attributes": to_json(_attributes(config)),
            },
        )
        if made is None:
            # The sentence is the contract's.
            raise Conflict(f"A deployment named '{config['name']}' already exists.")
        self.audit("create", "deployment", deployment_id, config["name"], None, plan.after)
        revision = None
        if plan.new_revision:
            row = self.must(statement(DEPLOYMENT, "where d.id = %s"), [deployment_id])
            revision = self.insert_revision(
                row, config, token=token, kind=_model.KIND_CREATE, message=asked.get("message")
            )
        return self.applied(deployment_id, plan, revision)

    def _new_slug(self, name: str) -> tuple[str, str]:
        for _try in range(_SLUG_TRIES):
            deployment_id = new_id()
            slug = _model.make_slug(name, deployment_id)
            if not self.one("select 1 as taken from control_plane.deployments where slug = %s", [slug]):
                return deployment_id, slug
        raise Conflict(f"No free slug was found for deployment {name}; try again.")

    def _update(
        self, row: Row, current: dict[str, Any], asked: Mapping[str, Any], plan: Plan, always_revision: bool
    ) -> Applied:
        after = _plan.merge(current, asked)
        if row["source"] == _model.SOURCE_GITHUB:
            after["source_sha256"] = None  # the ref is fetched anew
        token = current["token"]
        if "secrets" in asked and after["secrets"] != current["secrets"]:
            token = self.encrypting().encrypt_map(after["secrets"]) if after["secrets"] else None
        self.audit("update", "deployment", str(row["id"]), row["name"], plan.before, plan.after)
        if after["listener"] != current["listener"]:
            row["listener_id"] = self._listener(after["listener"])["id"]
            self.notify(str(row["id"]), str(row["listener_id"]), "listener")
        self.run(
            "update control_plane.deployments set display_name = %s, attributes = %s, listener_id = %s, "
            "version = version + 1, updated_at = clock_timestamp() where id = %s",
            [after["display_name"], to_json(_attributes(after)), row["listener_id"], row["id"]],
        )
        revision = None
        if plan.new_revision:
            lock = None
            if _same_build(current, after) and row["latest_revision_id"]:
                lock = self.must_revision(row, None)["lock"]
            kind = _model.KIND_UPDATE if row["c_number"] else _model.KIND_CREATE
            revision = self.insert_revision(row, after, token=token, kind=kind, message=asked.get("message"), lock=lock)
        elif row["c_number"] is None:
            draft = {key: after[key] for key in _plan.CONFIG_FIELDS if key != "secrets"}
            self.run(
                "update control_plane.deployments set draft = %s, draft_secrets = %s where id = %s",
                [to_json({**draft, "secret_names": sorted(after["secrets"])}), token, row["id"]],
            )
        return self.applied(row["id"], plan, revision)

    def delete_deployment(self, name_or_id: str, force: bool = False, skip_dump: bool = False) -> dict[str, Any] | None:
        """See ``_records.Records.delete_deployment``; the answer has ``changed`` besides, and ``deleted`` when it is
        gone.
        """
        with self.transaction():
            row = self.find_deployment(name_or_id, lock=True)
            if row is None:
                return None
            plan = _plan.plan(flat(row), {"skip_dump": skip_dump, "force": force}, "absent")
            if not plan.changed:
                return {**deployment_view(row), "changed": False, "deleted": False}
            if row["status"] != _model.AWAITING_DELETE:
                _model.check_deployment_transition(row["name"], row["status"], _model.AWAITING_DELETE)
            after = {"status": _model.AWAITING_DELETE, "force": force, "skip_dump": skip_dump}
            self.audit("delete", "deployment", str(row["id"]), row["name"], plan.before, after)
            self.run(
                "update control_plane.deployments set status = 'AWAITING_DELETE', skip_dump = skip_dump or %s, "
                "delete_failed = false, delete_attempts = 0, "
                "delete_cause = null, delete_log_tail = null, due_since = clock_timestamp(), version = version + 1, "
                "interrupted_by = case when progress_revision_id is not null then coalesce(interrupted_by, %s) end, "
                "updated_at = clock_timestamp() where id = %s",
                [skip_dump, self.author, row["id"]],
            )
            if row["queued_revision_id"]:
                queued = self.must_revision(row, str(row["queued_revision_id"]))
                self.move_revision(row, queued, _model.SKIPPED, cause="The deployment is deleted.")
            # Never claimed: nothing of it can be on any host.
            gone = force or row["epoch"] == 0
            if gone:
                self.finish_delete(row, fence=True)
            else:
                self.notify(str(row["id"]), str(row["listener_id"] or "") or None, "delete")
            shown = self.must(statement(DEPLOYMENT, "where d.id = %s"), [row["id"]])
            return {**deployment_view(shown), "changed": True, "deleted": gone}

    def fail_deletion(self, row: Row, cause: str | None, log_tail: str | None) -> None:
        """Say why a deletion failed; it is due again when somebody asks for it. Part of the caller's transaction."""
        self.run(
            "update control_plane.deployments set delete_failed = true, delete_cause = %s, delete_log_tail = %s, "
            "updated_at = clock_timestamp() where id = %s",
            [cause, log_tail, row["id"]],
        )
        self.audit("delete_failed", "deployment", str(row["id"]), row["name"], None, {"cause": cause})

    def finish_delete(self, row: Row, *, fence: bool) -> None:
        """Make a deployment's record final: name and ports free, its sources gone. Part of the caller's transaction.

        fence: whoever holds a claim on it is refused from now on.
        """
        if row["progress_revision_id"]:
            progress = self.must_revision(row, str(row["progress_revision_id"]))
            self.move_revision(row, progress, _model.INTERRUPTED, cause="The deployment is deleted.")
        self.end_claim(row, fence=fence)
        self.run("delete from control_plane.placements where deployment_id = %s", [row["id"]])
        self.run(
            "update control_plane.deployments set status = 'AWAITING_FINAL_DELETE', deleted_at = clock_timestamp(), "
            "updated_at = clock_timestamp(), url = null, database_password = null, redis_password = null, "
            "draft = null, "
            "draft_secrets = null where id = %s",
            [row["id"]],
        )
        # Secret values are of no use to anybody any more.
        self.run("update control_plane.revisions set secrets = null where deployment_id = %s", [row["id"]])
        self.prune_sources_of(row["id"])
        self.audit("deleted", "deployment", str(row["id"]), row["name"], {"status": row["status"]}, None)

    def prune_sources_of(self, deployment_id: Any) -> None:
        """Remove the sources that only deleted deployments refer to."""
        self.run(
            "delete from control_plane.sources s using control_plane.revisions r where r.deployment_id = %(id)s "
            "and s.workspace_id = r.workspace_id and s.sha256 = r.source_sha256 and not exists ("
            "select 1 from control_plane.revisions o join control_plane.deployments d on d.id = o.deployment_id "
            "where o.workspace_id = s.workspace_id and o.source_sha256 = s.sha256 and d.deleted_at is null)",
            {"id": deployment_id},
        )


def _attributes(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: config[key] for key in _plan.ATTRIBUTES if config.get(key) is not None}


def _same_build(current: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the lock resolved for the latest revision holds for a new one: same source, same server, same place of
    its config.
    """
    same = ("source_sha256", "langgraph_config_path", "flavour", "api_version")
    return bool(after["source_sha256"]) and all(current[key] == after[key] for key in same)
