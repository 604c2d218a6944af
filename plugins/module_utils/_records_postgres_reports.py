# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a holder of a claim says in Postgres: renewals, reports, ports, logs. A claim that is not the current one is
refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _records_drift
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_sha256, check_text
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import (
    DEFAULT_PORT_RANGE,
    LEASE_SECONDS,
    Renewed,
    Reported,
    Wanted,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    Row,
    clean,
    statement,
    to_json,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_claims import ClaimRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_revisions import interrupted_cause
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import (
    DEPLOYMENT,
    owner_label,
    revision_view,
)

_CAUSE_LIMIT = 4096
_TAIL_LIMIT = 65536
_LONGEST_WAIT = 86400  # seconds until work is due again
_TAIL_LINES = 100  # of a failure's tail, in the log


class ReportRecords(ClaimRecords):
    """The part of the adapter that listens to whoever works."""

    def renew(self, claim_id: str, epoch: int) -> Renewed:
        """See ``_records.Records.renew``."""
        row = None
        if _model.is_uuid(claim_id):
            row = self.one(
                "update control_plane.deployments set lease_until = clock_timestamp() + make_interval(secs => %s) "
                "where claim_id = %s and epoch = %s and workspace_id = %s "
                "returning interrupt_requested, status, claim_action",
                [LEASE_SECONDS, claim_id, epoch, self._workspace_of_claims()],
            )
        if row is None:
            raise self._stale(claim_id, epoch)
        return {"seconds_left": float(LEASE_SECONDS), "interrupt_requested": _interrupted(row)}

    def report(
        self,
        claim_id: str,
        epoch: int,
        status: str | None = None,
        *,
        cause: str | None = None,
        log_tail: str | None = None,
        url: str | None = None,
        lock: str | None = None,
        repo_commit_sha: str | None = None,
        source_sha256: str | None = None,
        health: Mapping[str, Any] | None = None,
        host: str | None = None,
        retry_after: float | None = None,
        drift: Mapping[str, Any] | None = None,
        release: bool = False,
    ) -> Reported:
        """See ``_records.Records.report``."""
        check_retry(retry_after, release)
        host = None if host is None else check_text(host, "host", limit=255)
        with self.transaction():
            row = self._claimed(claim_id, epoch)
            if row["deleted_at"] is not None:
                return {"revision": None, "interrupt_requested": False, "changed": False}
            cause, log_tail = clean(cause, _CAUSE_LIMIT), clean(log_tail, _TAIL_LIMIT, tail=True)
            built = {"lock": lock, "repo_commit_sha": repo_commit_sha, "source_sha256": source_sha256}
            if row["claim_action"] == "check" or drift is not None:
                others = (status, cause, log_tail, url, health, host, retry_after, *built.values())
                self._report_check(row, drift, any(value is not None for value in others))
                changed = False
            elif row["claim_action"] == "delete":
                changed = self._report_delete(row, status, cause, log_tail)
            else:
                changed = self._report_built(row, {key: value for key, value in built.items() if value})
                changed |= self._report_apply(row, status, cause, log_tail)
            changed |= self._report_serving(row, url, health, host)
            if row["claim_action"] == "apply" and row["claim_revision_id"] == row["active_revision_id"]:
                self._report_repaired(row, status, health)
            interrupted = self._end_or_renew(row, release, retry_after)
            shown = self.find_revision(row, str(row["claim_revision_id"])) if row["claim_revision_id"] else None
            return {
                "revision": revision_view(shown) if shown else None,
                "interrupt_requested": interrupted,
                "changed": changed,
            }

    # -- the claim -----------------------------------------------------------------------------------------------

    def _workspace_of_claims(self) -> str:
        self.ready()
        return self.workspace_id

    def _claimed(self, claim_id: str, epoch: int) -> Row:
        """The locked row of the deployment that this very claim holds (or that it has just deleted), or StaleClaim."""
        self.ready()
        if _model.is_uuid(claim_id):
            known = self.one(
                "select deployment_id, epoch from control_plane.claims where id = %s and workspace_id = %s",
                [claim_id, self.workspace_id],
            )
            if known is not None:
                self.run("select 1 from control_plane.deployments where id = %s for update", [known["deployment_id"]])
                row = self.must(statement(DEPLOYMENT, "where d.id = %s"), [known["deployment_id"]])
                holds = str(row["claim_id"] or "") == claim_id and row["epoch"] == epoch
                deleted = row["deleted_at"] is not None and row["epoch"] == known["epoch"] == epoch
                if holds or deleted:
                    return row
        raise self._stale(claim_id, epoch)

    def _stale(self, claim_id: str, epoch: int) -> StaleClaim:
        row = None
        if _model.is_uuid(claim_id):
            row = self.one(
                "select d.name, d.epoch, d.claim_id, d.claim_owner from control_plane.claims c "
                "join control_plane.deployments d on d.id = c.deployment_id where c.id = %s and c.workspace_id = %s",
                [claim_id, self.workspace_id],
            )
        if row is None:
            return StaleClaim(f"Claim {claim_id} is not known (any more); stop this work and claim again.", epoch=None)
        if row["epoch"] != epoch:
            who = f" by {owner_label(row['claim_owner'])}" if row["claim_id"] else ""
            reason = f"was taken over{who} (epoch {row['epoch']}, this one has {epoch})"
        else:
            reason = "has ended"
        return StaleClaim(
            f"The claim on deployment {row['name']} {reason}; stop this work and claim again.",
            epoch=row["epoch"],
            deployment=row["name"],
        )

    def _end_or_renew(self, row: Row, release: bool, retry_after: float | None) -> bool:
        """Give the claim back, or lengthen its lease; whether its holder is asked to stop."""
        now = self.must(statement(DEPLOYMENT, "where d.id = %s"), [row["id"]])
        if now["deleted_at"] is not None:
            return False
        if not release:
            self.run(
                "update control_plane.deployments set lease_until = clock_timestamp() + make_interval(secs => "
                "%s) where id = %s",
                [LEASE_SECONDS, row["id"]],
            )
            return _interrupted(now)
        if now["interrupt_requested"] and now["progress_revision_id"]:
            progress = self.must_revision(now, str(now["progress_revision_id"]))
            self.move_revision(now, progress, _model.INTERRUPTED, cause=interrupted_cause(now, None))
            now["progress_revision_id"] = None
        # Only what was begun waits; what is queued behind it does not.
        begun = now["progress_revision_id"] is not None or now["status"] == _model.AWAITING_DELETE
        wait = retry_after or 0 if begun else 0
        self.end_claim(row, retry_after=wait)
        if not wait and self.one(
            "select 1 as due from control_plane.deployments where id = %s and claimable_at is not null", [row["id"]]
        ):
            self.notify(str(row["id"]), str(row["listener_id"] or "") or None, "released")
        return False

    # -- parts of a report ---------------------------------------------------------------------------------------

    def _report_built(self, row: Row, built: dict[str, str]) -> bool:
        if not built or row["claim_revision_id"] is None:
            return False
        if "source_sha256" in built:
            check_sha256(built["source_sha256"])
            if not self.one(
                "select size from control_plane.sources where workspace_id = %s and sha256 = %s for key share",
                [self.workspace_id, built["source_sha256"]],
            ):
                raise NotFound(
                    f"The source {built['source_sha256']} of deployment {row['name']} is not stored; upload it first.",
                    kind="source",
                    names=[built["source_sha256"]],
                )
        changed = self.run(
            "update control_plane.revisions set lock = coalesce(%(lock)s, lock), "
            "repo_commit_sha = coalesce(%(repo_commit_sha)s, repo_commit_sha), "
            "source_sha256 = coalesce(%(source_sha256)s, source_sha256), updated_at = clock_timestamp() where "
            "id = %(id)s and "
            "(lock, repo_commit_sha, source_sha256) is distinct from (coalesce(%(lock)s, lock), "
            "coalesce(%(repo_commit_sha)s, repo_commit_sha), coalesce(%(source_sha256)s, source_sha256))",
            {"lock": None, "repo_commit_sha": None, "source_sha256": None, **built, "id": row["claim_revision_id"]},
        )
        return bool(changed)

    def _report_apply(self, row: Row, status: str | None, cause: str | None, log_tail: str | None) -> bool:
        revision = self.must_revision(row, str(row["claim_revision_id"]))
        if status is not None and status not in _model.REPORTABLE:
            raise InvalidInput(
                f"{status!r} cannot be reported on a revision; use one of {', '.join(sorted(_model.REPORTABLE))}.",
                field="status",
            )
        if revision["status"] == _model.DEPLOYED:
            return self._report_repair(row, status, cause)
        if status is None:
            return self._keep_cause(revision, cause, log_tail)
        before = revision["status"]
        steps = _model.steps(before, status)
        if not steps:
            return self._keep_cause(revision, cause, log_tail)
        if steps[-1] == _model.INTERRUPTED:
            cause = interrupted_cause(row, cause)
        self.move_revision(row, revision, *steps, cause=cause, log_tail=log_tail)
        if revision["status"] == _model.DEPLOYED:
            self._deployed(row, revision)
            self._keep_drift(row, {"status": _records_drift.IN_SYNC})
        if revision["status"] in _model.FAILED:
            self._log_failure(row, revision, cause, log_tail)
        self.audit(
            "report",
            "revision",
            str(revision["id"]),
            f"{row['name']} {revision['number']}",
            {"status": before},
            {"status": revision["status"], "epoch": row["epoch"]},
        )
        return True

    def _log_failure(self, row: Row, revision: Row, cause: str | None, log_tail: str | None) -> None:
        """Write the failure at the end of the log of its stage: clients of the vendor's API read the cause there, its
        revisions have none.
        """
        lines = [("INFO", line) for line in (log_tail or "").splitlines()[-_TAIL_LINES:]]
        if cause:
            lines.append(("ERROR", cause))
        self.run(
            "insert into control_plane.revision_logs (deployment_id, revision_id, type, writer, seq, at, level, "
            "message) "
            "select %(deployment)s, %(revision)s, %(type)s, %(writer)s, seq, clock_timestamp(), level, message "
            "from unnest(%(levels)s::text[], %(messages)s::text[]) with ordinality as entry (level, message, seq)",
            {
                "deployment": row["id"],
                "revision": revision["id"],
                "type": "deploy" if revision["status"] == _model.DEPLOY_FAILED else "build",
                "writer": uuid.uuid4(),
                "levels": [level for level, _message in lines],
                "messages": [message for _level, message in lines],
            },
        )

    def _report_repair(self, row: Row, status: str | None, cause: str | None) -> bool:
        """A reconciled revision stays DEPLOYED; that it failed is the deployment's health."""
        if cause is None and status in (None, _model.DEPLOYED):
            return False
        if status in (None, _model.REPORT_FAILED, _model.BUILD_FAILED, _model.DEPLOY_FAILED, _model.INTERRUPTED):
            return self._report_serving(row, None, {"ok": False, "message": cause})
        return False

    def _report_repaired(self, row: Row, status: str | None, health: Mapping[str, Any] | None) -> None:
        """A revision that serves and was applied once more is as the record says."""
        if status in (None, _model.DEPLOYED) and health is not None and health.get("ok") is True:
            self._keep_drift(row, {"status": _records_drift.IN_SYNC})

    def _report_check(self, row: Row, drift: Mapping[str, Any] | None, otherwise: bool) -> None:
        """What a check found; it moves nothing."""
        if row["claim_action"] != "check":
            raise InvalidInput(
                f"drift was reported on a claim to {row['claim_action']} deployment {row['name']}; only a check does.",
                field="drift",
            )
        if otherwise:
            raise InvalidInput(
                f"The claim on deployment {row['name']} is a check, which reports drift and nothing else.",
                field="drift",
            )
        if drift is not None:
            self._keep_drift(row, drift)

    def _keep_drift(self, row: Row, drift: Mapping[str, Any]) -> None:
        self.run(
            "update control_plane.deployments set drift = %s::jsonb || jsonb_build_object('checked_at', "
            "clock_timestamp() at time zone 'utc' || '+00:00'), drift_checked_at = clock_timestamp() where id = %s",
            [to_json(_records_drift.bounded(drift)), row["id"]],
        )

    def _keep_cause(self, revision: Row, cause: str | None, log_tail: str | None) -> bool:
        if cause is None and log_tail is None:
            return False
        return bool(
            self.run(
                "update control_plane.revisions set cause = coalesce(%(cause)s, cause), log_tail = "
                "coalesce(%(tail)s, log_tail), "
                "updated_at = clock_timestamp() where id = %(id)s "
                "and (cause, log_tail) is distinct from (coalesce(%(cause)s, cause), coalesce(%(tail)s, log_tail))",
                {"cause": cause, "tail": log_tail, "id": revision["id"]},
            )
        )

    def _deployed(self, row: Row, revision: Row) -> None:
        status = row["status"]
        if status == _model.AWAITING_DATABASE:
            _model.check_deployment_transition(row["name"], status, _model.READY)
            status = _model.READY
        self.run(
            "update control_plane.deployments set active_revision_id = %s, status = %s, updated_at = "
            "clock_timestamp() where id = %s",
            [revision["id"], status, row["id"]],
        )

    def _report_serving(
        self, row: Row, url: str | None, health: Mapping[str, Any] | None, host: str | None = None
    ) -> bool:
        if url is None and health is None and host is None:
            return False
        shown = to_json(dict(health)) if health is not None else None
        return bool(
            self.run(
                "update control_plane.deployments set url = coalesce(%(url)s, url), health = "
                "coalesce(%(health)s::jsonb, health), host = coalesce(%(host)s, host), "
                "updated_at = clock_timestamp() where id = %(id)s and (url, health, host) is distinct from "
                "(coalesce(%(url)s, url), coalesce(%(health)s::jsonb, health), coalesce(%(host)s, host))",
                {"url": url, "health": shown, "host": host, "id": row["id"]},
            )
        )

    def _report_delete(self, row: Row, status: str | None, cause: str | None, log_tail: str | None) -> bool:
        if status is None:
            return False
        if status not in _model.REPORTABLE_ON_DELETE:
            raise InvalidInput(
                f"{status!r} cannot be reported on a delete; use one of "
                f"{', '.join(sorted(_model.REPORTABLE_ON_DELETE))}.",
                field="status",
            )
        if status == _model.REPORT_DELETED:
            _model.check_deployment_transition(row["name"], row["status"], _model.AWAITING_FINAL_DELETE)
            self.finish_delete(row, fence=False)
            return True
        self.fail_deletion(row, cause, log_tail)
        return True

    # -- ports ---------------------------------------------------------------------------------------------------

    def place(
        self,
        claim_id: str,
        epoch: int,
        host_key: str,
        wanted: Iterable[Wanted],
        port_range: tuple[int, int] = DEFAULT_PORT_RANGE,
    ) -> dict[str, dict[str, int]]:
        """See ``_records.Records.place``."""
        first, last = port_range
        if not 1 <= first <= last <= 65535:
            raise InvalidInput(
                f"The port range {first}-{last} is none; give first and last within 1 to 65535.", field="port_range"
            )
        if not host_key or len(host_key) > 255:
            raise InvalidInput("host_key is missing or too long; give the machine id of the host.", field="host_key")
        with self.transaction():
            row = self._claimed(claim_id, epoch)
            # One at a time for a host: who looks for a free port sees all that are taken.
            self.run("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"control_plane.placements {host_key}"])
            placed = self.placements_of(row["id"], host_key).get(host_key, {})
            for want in wanted:
                port = placed.get(want["role"], {}).get(want["slot"])
                fixed = want.get("port")
                if port is not None and (port == fixed if fixed else first <= port <= last):
                    continue
                self.run(
                    "delete from control_plane.placements where deployment_id = %s and host_key = %s and role "
                    "= %s and slot = %s",
                    [row["id"], host_key, want["role"], want["slot"]],
                )
                chosen = self._take_port(row, host_key, want, fixed, first, last)
                placed.setdefault(want["role"], {})[want["slot"]] = chosen
            return placed

    def _take_port(self, row: Row, host_key: str, want: Wanted, fixed: int | None, first: int, last: int) -> int:
        if fixed:
            first = last = fixed
        taken = {
            row["port"]
            for row in self.all(
                "select port from control_plane.placements where host_key = %s and port between %s and %s",
                [host_key, first, last],
            )
        }
        port = next((number for number in range(first, last + 1) if number not in taken), None)
        if port is None:
            what = f"Port {fixed} is" if fixed else f"All ports from {first} to {last} are"
            raise Conflict(
                f"{what} taken on the host of deployment {row['name']} by other deployments; set another port range."
            )
        self.run(
            "insert into control_plane.placements (deployment_id, host_key, role, slot, port) values (%s, %s, "
            "%s, %s, %s)",
            [row["id"], host_key, want["role"], want["slot"], port],
        )
        return port


def check_retry(retry_after: float | None, release: bool) -> None:
    """InvalidInput unless the wait has a meaning and an end."""
    if retry_after is None:
        return
    if not release:
        raise InvalidInput("retry_after was given without release; give both.", field="retry_after")
    if not 0 <= retry_after <= _LONGEST_WAIT:
        raise InvalidInput(f"retry_after is {retry_after}; use seconds from 0 to {_LONGEST_WAIT}.", field="retry_after")


def _interrupted(row: Mapping[str, Any]) -> bool:
    """Whether the holder of the claim should stop: asked to, or the deployment is to be deleted."""
    unwanted = row["status"] == _model.AWAITING_DELETE and row["claim_action"] != "delete"
    return bool(row["interrupt_requested"] or unwanted)
