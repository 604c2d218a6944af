# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Claiming work in Postgres: due work with SKIP LOCKED, named deployments, previews. Everything by the database's
clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _process
from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_password
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Held, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import (
    LEASE_SECONDS,
    Claim,
    ClaimRevision,
    Owner,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    Row,
    new_id,
    statement,
    to_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_deployments import (
    DeploymentRecords,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_revisions import interrupted_cause
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import (
    DEPLOYMENT,
    REVISION,
    iso,
    owner_label,
    text_id,
)

IsDead = Callable[[Mapping[str, Any]], bool]

ALL = "all"
_KEPT_CLAIMS = 20
_LONGEST_AGE = 366 * 86400
_IDS = "select d.id, d.name from control_plane.deployments d where d.workspace_id = %(workspace)s"
_UNCHECKED = (
    "and (d.drift_checked_at is null or d.drift_checked_at < statement_timestamp() - make_interval(secs => %(age)s)) "
    "order by d.drift_checked_at nulls first limit %(limit)s for update of d skip locked"
)
_NAMED = "and d.id = any(%(chosen)s) order by d.id limit %(limit)s"
_OF_NOBODY, _OF_LISTENER = "and d.listener_id is null", "and d.listener_id = %(listener)s"


class ClaimRecords(DeploymentRecords):
    """The part of the adapter that hands out work."""

    def claim(
        self,
        deployments: Sequence[str] | None = None,
        listener: str | None = None,
        *,
        owner: Owner,
        takeover: bool = False,
        preview: bool = False,
        limit: int | None = None,
        is_dead: IsDead | None = None,
        check_older_than: float | None = None,
    ) -> list[Claim]:
        """See ``_records.Records.claim``."""
        dead = is_dead or _process.is_dead
        if check_older_than is not None:
            check_age(check_older_than, takeover or preview)
        with self.transaction():
            values: dict[str, Any] = {"workspace": self.workspace_id, "limit": limit}
            if listener is not None:
                values["listener"] = self._listener(listener)["id"]
            lock = "" if preview else "for update of d"
            if check_older_than is not None:
                named = None if deployments is None else self._named(list(deployments), values, lock)
                ids = self._checkable({**values, "age": check_older_than}, named)
                return self._left(ids, [self._take_check(deployment_id, owner) for deployment_id in ids])
            if deployments is None:
                values = {**values, "host": owner.get("host"), "boot_id": owner.get("boot_id")}
                while True:
                    ids = self._due(values, lock, dead)
                    taken = self._take_all(ids[:limit], "due", owner, preview)
                    # What came to its end instead of being handed out is not due any more: look for more.
                    if taken or preview or not ids:
                        return taken
            ids = self._named(list(deployments), values, lock)
            if not takeover:
                self._refuse_held(ids, dead)
            return self._take_all(ids, "named", owner, preview)

    # -- which ---------------------------------------------------------------------------------------------------

    def _due(self, values: dict[str, Any], lock: str, dead: IsDead) -> list[Any]:
        whose = _OF_LISTENER if "listener" in values else _OF_NOBODY
        skip = f"{lock} skip locked" if lock else ""
        due = "and d.claimable_at <= statement_timestamp() order by d.claimable_at limit %(limit)s"
        ids = [row["id"] for row in self.all(statement(_IDS, whose, due, skip), values)]
        # Leases that are alive, of owners on the host of who asks that are dead: no need to wait until they run out.
        leased = (
            "and d.claim_id is not null and d.claimable_at > statement_timestamp() and d.claim_owner ->> "
            "'host' = %(host)s "
            "and d.claim_owner ->> 'boot_id' = %(boot_id)s"
        )
        mine = statement(_IDS.replace("d.name", "d.name, d.claim_owner"), whose, leased, skip)
        return ids + [row["id"] for row in self.all(mine, values) if dead(row["claim_owner"])]

    def _named(self, names: list[str], values: dict[str, Any], lock: str) -> list[Any]:
        whose = _OF_LISTENER if "listener" in values else ""
        alive = "and d.deleted_at is null"
        # Everybody locks in the order of the ids: no two claims wait for each other.
        order = f"order by d.id {lock}"
        if names == [ALL]:
            return [row["id"] for row in self.all(statement(_IDS, whose, alive, order), values)]
        if not names or ALL in names:
            raise InvalidInput(
                "deployments names nothing, or all among others; give names, or all alone.", field="deployments"
            )
        values["names"] = [name for name in names if not _model.is_uuid(name)]
        values["ids"] = [name for name in names if _model.is_uuid(name)]
        found = self.all(
            statement(_IDS, whose, alive, "and (d.name = any(%(names)s) or d.id = any(%(ids)s::uuid[]))", order), values
        )
        known = {row["name"] for row in found} | {str(row["id"]) for row in found}
        unknown = sorted(name for name in set(names) if name not in known and name.lower() not in known)
        if unknown:
            where = f"of listener {text_id(values['listener'])} " if whose else ""
            raise NotFound(
                f"There is no deployment {', '.join(unknown)} {where}in workspace {self.workspace_name}; "
                "create it or correct its name.",
                kind="deployment",
                names=unknown,
            )
        return [row["id"] for row in found]

    def _checkable(self, values: dict[str, Any], named: list[Any] | None) -> list[Any]:
        """What serves, where nobody works and nothing is due. Passwords are made by whoever applies, not here."""
        whose = _OF_LISTENER if "listener" in values else _OF_NOBODY
        serves = (
            "and d.claimable_at is null and d.active_revision_id is not null and d.deleted_at is null "
            "and d.status = 'READY' and (d.claim_id is null or d.lease_until <= statement_timestamp()) "
            "and d.database_password is not null and d.redis_password is not null"
        )
        if named is not None:
            return [row["id"] for row in self.all(statement(_IDS, serves, _NAMED), {**values, "chosen": named})]
        return [row["id"] for row in self.all(statement(_IDS, whose, serves, _UNCHECKED), values)]

    def _refuse_held(self, ids: list[Any], dead: IsDead) -> None:
        held = self.all(
            "select d.name, d.claim_owner, d.claim_since from control_plane.deployments d where d.id = any(%s) "
            "and d.claim_id is not null and d.claim_action <> 'check' and d.lease_until > clock_timestamp() "
            "order by d.name",
            [ids],
        )
        for row in held:
            if dead(row["claim_owner"]):
                continue
            owner, since = owner_label(row["claim_owner"]), iso(row["claim_since"]) or ""
            raise Held(
                f"Deployment {row['name']} is being worked on by {owner} since {since[11:19]} UTC; "
                "wait, or set langgraph_takeover: true.",
                deployment=row["name"],
                owner=owner,
                since=since,
            )

    # -- taking --------------------------------------------------------------------------------------------------

    def _take_all(self, ids: list[Any], reason: Literal["due", "named"], owner: Owner, preview: bool) -> list[Claim]:
        claims = (self._take(deployment_id, reason, owner, preview) for deployment_id in ids)
        taken = [claim for claim in claims if claim is not None]
        return taken if preview else self._left(ids, taken)

    def _left(self, ids: list[Any], taken: list[Claim]) -> list[Claim]:
        """The claims with the seconds that are left of each: of several, the first ones were taken a while ago."""
        if len(taken) < 2:
            return taken
        left = self.all(
            "select id, extract(epoch from lease_until - clock_timestamp())::float8 as seconds "
            "from control_plane.deployments where id = any(%s)",
            [ids],
        )
        seconds = {str(row["id"]): row["seconds"] for row in left}
        for claim in taken:
            claim["public"]["seconds_left"] = round(seconds[claim["public"]["deployment"]["id"]], 3)
        return taken

    def _take_check(self, deployment_id: Any, owner: Owner) -> Claim:
        row = self.must(statement(DEPLOYMENT, "where d.id = %s"), [deployment_id])
        revision = self.must(statement(REVISION, "where r.id = %s"), [row["active_revision_id"]])
        claim_id = self._lease(row, revision["id"], "check", owner)
        return self._claim(row, revision, claim_id, "check", False)

    def _take(self, deployment_id: Any, reason: Literal["due", "named"], owner: Owner, preview: bool) -> Claim | None:
        by_id = statement(DEPLOYMENT, "where d.id = %s")
        row = self.must(by_id, [deployment_id])
        delete = row["status"] == _model.AWAITING_DELETE
        if delete and reason == "due" and row["delete_attempts"] >= _model.MAX_ATTEMPTS:
            if not preview:
                self._give_deletion_up(row)
            return None
        stopped = row["progress_revision_id"] is not None and (row["interrupt_requested"] or delete)
        if stopped and not preview:
            # Its holder is gone: what it was asked to do is done here.
            progress = self.must_revision(row, str(row["progress_revision_id"]))
            cause = interrupted_cause(row, "Whoever worked on it was lost.")
            self.move_revision(row, progress, _model.INTERRUPTED, cause=cause)
            row = self.must(by_id, [deployment_id])
        given_up = not stopped and not delete and self._give_up(row, preview)
        if given_up and not preview:
            row = self.must(by_id, [deployment_id])
        revision_id = None if preview and (stopped or given_up) else row["progress_revision_id"]
        revision_id = revision_id or row["queued_revision_id"]
        if delete:
            revision_id = row["active_revision_id"] or row["latest_revision_id"]
        elif revision_id is None and reason == "named":
            revision_id = row["active_revision_id"]
        if revision_id is None and not delete:
            return None
        revision = self.must(statement(REVISION, "where r.id = %s"), [revision_id]) if revision_id else None
        claim_id = ""
        if not preview:
            claim_id = self._lease(row, revision_id, "delete" if delete else "apply", owner)
            if revision is not None and not delete and revision["status"] in _model.PENDING:
                # One that somebody lost begins again.
                begin = (_model.AWAITING_BUILD, _model.BUILDING)
                self.move_revision(row, revision, *begin[revision["status"] == _model.AWAITING_BUILD :])
                self.run("update control_plane.revisions set attempts = attempts + 1 where id = %s", [revision_id])
                revision["attempts"] += 1
            if delete:
                self.run(
                    "update control_plane.deployments set delete_attempts = delete_attempts + 1 where id = %s",
                    [row["id"]],
                )
                row["delete_attempts"] += 1
        return self._claim(row, revision, claim_id, reason, preview)

    def _give_up(self, row: Row, preview: bool) -> bool:
        """Let a revision fail that was claimed too often; whether it was."""
        if row["progress_revision_id"] is None:
            return False
        revision = self.must_revision(row, str(row["progress_revision_id"]))
        if revision["attempts"] < _model.MAX_ATTEMPTS:
            return False
        if not preview:
            before, last = revision["status"], f" Last: {revision['cause']}" if revision["cause"] else ""
            cause = f"Given up after {revision['attempts']} attempts: whoever worked on it was lost each time.{last}"
            self.move_revision(row, revision, _model.fitting_failure(before), cause=cause)
            # Whoever might still believe to work on it is fenced off.
            self.end_claim(row, fence=True)
            title = f"{row['name']} {revision['number']}"
            after = {"status": revision["status"], "attempts": revision["attempts"]}
            self.audit("give_up", "revision", str(revision["id"]), title, {"status": before}, after)
        return True

    def _give_deletion_up(self, row: Row) -> None:
        """Let a deletion fail that was claimed too often."""
        cause = f"Given up after {row['delete_attempts']} attempts: none brought it to an end."
        self.end_claim(row, fence=True)
        self.fail_deletion(row, cause, None)

    def _lease(self, row: Row, revision_id: Any, action: str, owner: Owner) -> str:
        """Write the claim, and the passwords if there are none yet; keeps the row given in step."""
        claim_id = new_id()
        taken_from = owner_label(row["claim_owner"]) if row["claim_id"] else None
        before = row["epoch"]
        for password in ("database_password", "redis_password"):
            row[password] = row[password] or self.encrypting().encrypt_text(generate_password())
        epoch = row["epoch"] = self.must(
            "update control_plane.deployments set epoch = epoch + 1, claim_id = %(claim)s, claim_revision_id = "
            "%(revision)s, "
            "claim_action = %(action)s, claim_owner = %(owner)s, claim_since = clock_timestamp(), "
            "lease_until = clock_timestamp() + make_interval(secs => %(seconds)s), interrupt_requested = false, "
            "interrupted_by = null, "
            "database_password = %(database)s, redis_password = %(redis)s where id = %(id)s returning epoch",
            {
                "database": row["database_password"],
                "redis": row["redis_password"],
                "claim": claim_id,
                "revision": revision_id,
                "action": action,
                "owner": to_json(dict(owner)),
                "seconds": LEASE_SECONDS,
                "id": row["id"],
            },
        )["epoch"]
        self.run(
            "insert into control_plane.claims (id, workspace_id, deployment_id, revision_id, epoch, action, owner) "
            "values (%s, %s, %s, %s, %s, %s, %s)",
            [claim_id, self.workspace_id, row["id"], revision_id, epoch, action, to_json(dict(owner))],
        )
        if epoch % _KEPT_CLAIMS == 0:
            oldest = epoch - _KEPT_CLAIMS
            self.run("delete from control_plane.claims where deployment_id = %s and epoch <= %s", [row["id"], oldest])
        self.audit(
            "takeover" if taken_from else "claim",
            "deployment",
            str(row["id"]),
            row["name"],
            {"epoch": before, "owner": taken_from},
            {"epoch": epoch, "owner": owner_label(owner), "action": action},
        )
        return claim_id

    # -- what is handed out --------------------------------------------------------------------------------------

    def _claim(
        self, row: Row, revision: Row | None, claim_id: str, reason: Literal["due", "named", "check"], preview: bool
    ) -> Claim:
        action: Literal["apply", "delete", "check"] = "delete" if row["status"] == _model.AWAITING_DELETE else "apply"
        secrets: dict[str, str] = {}
        if revision and revision["secrets"]:
            secrets = self.crypt.decrypt_map(revision["secrets"])
        return {
            "public": {
                "claim_id": claim_id,
                "epoch": row["epoch"],
                "seconds_left": float(LEASE_SECONDS),
                "action": "check" if reason == "check" else action,
                "reason": reason,
                "preview": preview,
                "deployment": {
                    "id": str(row["id"]),
                    "name": row["name"],
                    "slug": row["slug"],
                    "workspace_id": str(row["workspace_id"]),
                    "status": row["status"],
                    "active_revision_number": row["active_number"],
                    "listener_id": text_id(row["listener_id"]),
                    "url": row["url"],
                    "skip_dump": row["skip_dump"],
                    "delete_attempts": row["delete_attempts"],
                    "host": row["host"],
                    "host_group": row["attributes"].get("k8s_namespace"),
                },
                "revision": _claim_revision(revision) if revision else None,
                "keep_revisions": self._kept(row, revision),
                "placements": self.placements_of(row["id"]),
            },
            "private": {
                "env": dict(revision["env"]) if revision else {},
                "secrets": secrets,
                "secret_references": list(revision["secret_references"]) if revision else [],
                "lock": revision["lock"] if revision else None,
                "database_password": self._password(row["database_password"]),
                "redis_password": self._password(row["redis_password"]),
            },
        }

    def _password(self, token: str | None) -> str | None:
        return self.crypt.decrypt_text(token) if token else None

    def _kept(self, row: Row, revision: Row | None) -> list[int]:
        deployed = self.all(
            "select number from control_plane.revisions where deployment_id = %s and status = 'DEPLOYED' "
            "order by number desc limit %s",
            [row["id"], _model.KEPT_REVISIONS + 2],
        )
        pinned = self.all("select number from control_plane.revisions where deployment_id = %s and pinned", [row["id"]])
        return _model.kept_numbers(
            [found["number"] for found in deployed],
            row["active_number"],
            revision["number"] if revision else None,
            [found["number"] for found in pinned],
        )

    def placements_of(self, deployment_id: Any, host_key: str | None = None) -> dict[str, dict[str, dict[str, int]]]:
        """Ports of a deployment: host key -> role -> slot -> port."""
        result: dict[str, dict[str, dict[str, int]]] = {}
        only = "and p.host_key = %(host)s" if host_key is not None else ""
        rows = self.all(
            statement(
                "select p.host_key, p.role, p.slot, p.port from control_plane.placements p where "
                "p.deployment_id = %(id)s",
                only,
                "order by p.host_key, p.role, p.slot",
            ),
            {"id": deployment_id, "host": host_key},
        )
        for row in rows:
            result.setdefault(row["host_key"], {}).setdefault(row["role"], {})[row["slot"]] = row["port"]
        return result


def check_age(seconds: float, otherwise: bool) -> None:
    """InvalidInput unless a claim of checks has a meaning."""
    if otherwise:
        raise InvalidInput(
            "check_older_than was given with takeover or preview; a check takes nothing and shows nothing beforehand.",
            field="check_older_than",
        )
    if not 0 <= seconds <= _LONGEST_AGE:
        raise InvalidInput(
            f"check_older_than is {seconds}; use seconds from 0 to {_LONGEST_AGE}.", field="check_older_than"
        )


def _claim_revision(row: Mapping[str, Any]) -> ClaimRevision:
    return {
        "id": str(row["id"]),
        "number": row["number"],
        "status": row["status"],
        "kind": row["kind"],
        "source": row["source"],
        "source_sha256": row["source_sha256"],
        "repo_url": row["repo_url"],
        "repo_ref": row["repo_ref"],
        "repo_commit_sha": row["repo_commit_sha"],
        "langgraph_config_path": row["langgraph_config_path"],
        "image_uri": row["image_uri"],
        "flavour": row["flavour"],
        "api_version": row["api_version"],
        "has_lock": row["lock"] is not None,
        "resource_spec": row["resource_spec"],
        "attempts": row["attempts"],
    }
