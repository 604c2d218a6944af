# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work over HTTP: claims, reports, ports, logs, metrics (the work protocol of the control plane), and sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _process, _records_drift, _sources
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Held,
    NotFound,
    RecordsUnavailable,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._inputs import check_sha256
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import (
    DEFAULT_PORT_RANGE,
    Claim,
    LogEntry,
    Owner,
    Renewed,
    Reported,
    Wanted,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_deployments import DeploymentRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import WORK_PROTOCOL, revision_from_wire

IsDead = Callable[[Mapping[str, Any]], bool]

_PROTOCOL = {"X-Work-Protocol": str(WORK_PROTOCOL)}
_ROUNDS = 4  # of telling the control plane who is dead
_LONGEST_TEXT, _LONGEST_TAIL = 16384, 65536
_MOST_ITEMS, _MOST_BYTES = 1000, 256 * 1024  # in one request


class WorkRecords(DeploymentRecords):
    """The part of the adapter that hands out work and takes reports on it."""

    def _work(self, what: str, body: Mapping[str, Any], repeat: bool = False) -> Any:
        return self.ask("POST", f"/v2/work/{what}", None, body, repeat=repeat, headers=_PROTOCOL)

    def _of_claim(self, what: str, claim_id: str, epoch: int, body: Mapping[str, Any], repeat: bool = False) -> Any:
        if not _model.is_uuid(claim_id):
            raise StaleClaim(f"Claim {claim_id} is not known (any more); stop this work and claim again.")
        return self._work(what, {"claim_id": claim_id, "epoch": epoch, **body}, repeat)

    # -- claims --------------------------------------------------------------------------------------------------

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
        """See ``_records.Records.claim``. Who is dead on this host is found out here, and asked again with."""
        judge = is_dead or _process.is_dead
        body: dict[str, Any] = {
            "deployments": None if deployments is None else list(deployments),
            "listener": listener,
            "owner": {"host": "", "boot_id": "", **owner},
            "takeover": takeover,
            "preview": preview,
            "limit": limit,
            "dead": [],
            "check_older_than": check_older_than,
        }
        claims: list[Claim] = []
        for left in reversed(range(_ROUNDS)):
            try:
                answer = self._work("claim", {key: value for key, value in body.items() if value is not None}, preview)
            except Held as held:
                dead = self._dead(held.extra.pop("suspects", None), body["dead"], judge)
                if not dead or not left:
                    raise
            else:
                found = cast("list[Claim]", answer["claims"])
                claims = found if preview else [*claims, *found]
                dead = self._dead(answer.get("suspects"), body["dead"], judge)
                if limit is not None and not preview:
                    body["limit"] = limit - len(claims)
                if not dead or body["limit"] == 0:
                    break
            body["dead"] = [*body["dead"], *dead]
        return claims

    def _dead(self, suspects: Any, told: Sequence[Any], judge: IsDead) -> list[Any]:
        """Those of the suspects that are dead and were not told yet."""
        return [owner for owner in suspects or () if owner not in told and judge(owner)]

    def renew(self, claim_id: str, epoch: int) -> Renewed:
        """See ``_records.Records.renew``."""
        return cast("Renewed", self._of_claim("renew", claim_id, epoch, {}, repeat=True))

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
        told = {
            "status": status,
            "cause": None if cause is None else _clean(cause),
            "log_tail": None if log_tail is None else _clean(log_tail[-_LONGEST_TAIL:], _LONGEST_TAIL),
            "url": url,
            "lock": lock,
            "repo_commit_sha": repo_commit_sha,
            "source_sha256": source_sha256,
            "health": None if health is None else dict(health),
            "host": host,
            "retry_after": retry_after,
            "drift": None if drift is None else _records_drift.bounded(drift),
        }
        body = {key: value for key, value in told.items() if value is not None}
        answer = self._of_claim("report", claim_id, epoch, {"release": release, **body})
        revision = answer["revision"]
        return {
            "revision": revision_from_wire(revision) if revision else None,
            "interrupt_requested": answer["interrupt_requested"],
            "changed": answer["changed"],
        }

    def place(
        self,
        claim_id: str,
        epoch: int,
        host_key: str,
        wanted: Iterable[Wanted],
        port_range: tuple[int, int] = DEFAULT_PORT_RANGE,
    ) -> dict[str, dict[str, int]]:
        """See ``_records.Records.place``."""
        body = {
            "host_key": host_key,
            "wanted": [dict(item) for item in wanted],
            "port_range": list(port_range),
        }
        answer = self._of_claim("place", claim_id, epoch, body, repeat=True)
        placements: dict[str, dict[str, int]] = answer["placements"]
        return placements

    # -- logs and metrics ----------------------------------------------------------------------------------------

    def append_logs(
        self, claim_or_revision_id: str, type: Literal["build", "deploy"], entries: Iterable[LogEntry]
    ) -> int:
        """See ``_records.Records.append_logs``."""
        if not _model.is_uuid(claim_or_revision_id):
            raise _no_claim(f"claim or revision {claim_or_revision_id}")
        count = 0
        for lines in batches(line_of(entry) for entry in entries):
            # A line with a number is kept once, however often it arrives.
            body = {"id": claim_or_revision_id, "type": type, "entries": lines}
            count += self._work("logs", body, repeat=all("seq" in line for line in lines))["appended"]
        return count

    def logs(
        self,
        deployment: str,
        number: int | None = None,
        type: Literal["build", "deploy"] = "deploy",
        after: str | None = None,
        limit: int = 50,
        *,
        order: Literal["asc", "desc"] = "asc",
        level: str | None = None,
        query: str | None = None,
        start_time: str | None = None,
        end_time: str | None = None,
    ) -> dict[str, Any]:
        """See ``_records.Records.logs``."""
        if number is None:
            place = f"/v2/deployments/{self.must_id(deployment)}"
        else:
            place = self.must_revision(deployment, number)
        asked = {
            "type": type,
            "offset": after,
            "limit": limit,
            "order": order,
            "level": level,
            "query": query,
            "start_time": start_time,
            "end_time": end_time,
        }
        answer: dict[str, Any] = self.ask("GET", f"{place}/logs", asked)
        return answer

    def append_metrics(self, claim_id: str, samples: Iterable[Mapping[str, Any]]) -> int:
        """See ``_records.Records.append_metrics``."""
        if not _model.is_uuid(claim_id):
            raise _no_claim(f"claim {claim_id}")
        count = 0
        for batch in batches({**sample} for sample in samples):
            count += self._work("metrics", {"claim_id": claim_id, "samples": batch})["appended"]
        return count

    def metrics(
        self,
        deployment: str,
        name: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """See ``_records.Records.metrics``."""
        query = {"name": name, "since": since, "until": until, "limit": limit}
        answer = self.ask("GET", f"/v2/deployments/{self.must_id(deployment)}/metrics", query)
        samples: list[dict[str, Any]] = answer["resources"]
        return samples

    # -- sources -------------------------------------------------------------------------------------------------

    def put_source(self, fileobj: BinaryIO) -> dict[str, Any]:
        """See ``_records.Records.put_source``. Checked here first: what is no source need not travel."""
        with _sources.seekable(fileobj) as stream:
            sha256, size = _sources.check_tarball(stream)
            stream.seek(0)
            stored: dict[str, Any] = self.transport.upload(
                f"/v2/sources/{sha256}", stream, size, "application/gzip"
            ).json
        return stored

    def open_source(self, sha256: str) -> Iterator[bytes]:
        """See ``_records.Records.open_source``; RecordsUnavailable if what arrived is not what the name says."""
        return self._checked(sha256, self.transport.download(f"/v2/sources/{check_sha256(sha256)}"))

    def _checked(self, sha256: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != sha256:
            raise RecordsUnavailable(
                f"The source {sha256} broke off on its way from {self.transport.url} or is damaged there; try again, "
                "then give the deployment its source again.",
                sha256=sha256,
            )

    def has_source(self, sha256: str) -> bool:
        """See ``_records.Records.has_source``."""
        try:
            self.transport.ask("HEAD", f"/v2/sources/{check_sha256(sha256)}")
        except NotFound:
            return False
        return True


def _no_claim(what: str) -> NotFound:
    return NotFound(f"There is no {what}; claim again.", kind="claim", names=[])


def line_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A line as the control plane takes it; what somebody's program wrote is cut and cleaned, not refused."""
    line: dict[str, Any] = {**entry, "message": _clean(str(entry.get("message") or ""))}
    level = str(line.pop("level", None) or "").upper()
    return {**line, "level": level} if level in _model.LOG_LEVELS else line


def _clean(text: str, limit: int = _LONGEST_TEXT) -> str:
    """A program's text as JSON and Postgres can carry it."""
    short = text[:limit].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return short.encode("utf-8", "replace").decode()


def batches(items: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Items in pieces that fit into one request each."""
    batch: list[dict[str, Any]] = []
    size = 0
    for item in items:
        more = len(json.dumps(item))
        if batch and (len(batch) >= _MOST_ITEMS or size + more > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield batch
