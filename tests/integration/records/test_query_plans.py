# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every statement the adapter runs is bound by an index at 10,000 deployments x 10 revisions: the plans are read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.bulk import multiply
from tests.support.postgres import PostgresServer

from .conftest import OTHER, OWNER, claim, create, deploy, key_of, tarball, update

DEPLOYMENTS, REVISIONS = 10_000, 10
BIG = {
    "deployments",
    "revisions",
    "claims",
    "sources",
    "source_chunks",
    "placements",
    "revision_logs",
    "audit_entries",
}
MANY = 500  # rows that nothing sorts, hashes or aggregates

# What ten thousand living deployments leave behind besides themselves.
_REST = """
insert into control_plane.claims (id, workspace_id, deployment_id, revision_id, epoch, action, owner)
select md5('claim ' || d.id || e)::uuid, d.workspace_id, d.id, d.latest_revision_id, 1000 + e, 'apply', '{}'
from control_plane.deployments d, generate_series(1, 1) e;
insert into control_plane.placements (deployment_id, host_key, role, slot, port)
select d.id, 'host-' || (d.n / 100), 'api', s.slot, 20000 + (d.n % 100) * 2 + s.n
from (select id, row_number() over (order by id) as n from control_plane.deployments) d, (values ('blue', 0),
('green', 1)) s (slot, n);
insert into control_plane.sources (workspace_id, sha256, size, created_at)
select workspace_id, md5(id::text) || md5(id::text || 'x'), 10, now() from control_plane.deployments;
insert into control_plane.source_chunks (workspace_id, sha256, number, data)
select workspace_id, sha256, 0, '\\x00' from control_plane.sources s
where not exists (select 1 from control_plane.source_chunks c where c.sha256 = s.sha256);
update control_plane.revisions r set source_sha256 = md5(deployment_id::text) || md5(deployment_id::text || 'x') where
number = 1;
insert into control_plane.revision_logs (deployment_id, revision_id, type, writer, seq, at, level, message)
select d.id, d.latest_revision_id, 'build', d.id, s, now(), 'INFO', 'line' from control_plane.deployments d,
generate_series(1, 3) s;
insert into control_plane.audit_entries (workspace_id, actor, action, kind, record_id, record_name)
select workspace_id, 'somebody', 'create', 'deployment', id::text, name from control_plane.deployments;
"""


@pytest.fixture(scope="module")
def crowded(postgres_server: PostgresServer, records_template: str, key_file: Path) -> Iterator[str]:
    """The dsn of records with 10,000 deployments, half of them due, a quarter of those of a listener; and of a
    small workspace."""
    name = postgres_server.create_database(records_template)
    dsn = postgres_server.dsn(name)
    records = open_records({"dsn": dsn, "encryption_key_file": str(key_file)})
    records.apply_listener({"compute_id": "core"})  # with two of them, none is everybody's default
    records.apply_listener({"compute_id": "east"})
    for model, listener, due, count in (
        ("still", None, False, 5000),
        ("due", None, True, 3500),
        ("far", "east", True, 1500),
    ):
        create(records, model, f"{model}\n", secrets={"K": "v"}, **({"listener": listener} if listener else {}))
        for number in range(2, REVISIONS + 1):
            deploy(records, model)
            update(records, model, env={"A": str(number)})
        if not due:
            deploy(records, model)
        multiply(dsn, model, count - 1)
    records.apply_workspace({"name": "small"})
    small = open_records({"dsn": dsn, "encryption_key_file": str(key_file), "workspace": "small"})
    for number in range(5):
        create(small, f"small-{number}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_REST)
        connection.execute("vacuum analyze")
    records.close()
    small.close()
    yield dsn
    postgres_server.drop_database(name)


class Capture:
    """Runs work on records and keeps the statements with their plans."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plans: dict[str, Any] = {}
        plain = psycopg.Connection.execute

        def execute(connection: Any, query: Any, values: Any = None, **options: Any) -> Any:
            if isinstance(query, str) and "control_plane." in query and query not in self.plans:
                with connection.transaction(force_rollback=True):
                    found = plain(connection, "explain (format json) " + query, values).fetchone()
                plan = found["QUERY PLAN"]
                self.plans[query] = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
            return plain(connection, query, values, **options)

        monkeypatch.setattr(psycopg.Connection, "execute", execute)

    def findings(self) -> list[str]:
        """Statements whose cost grows with the tables."""
        found = []
        for query, plan in self.plans.items():
            for node in nodes(plan):
                table, kind = node.get("Relation Name"), node["Node Type"]
                whole = kind == "Seq Scan" and table in BIG
                many = kind in ("Sort", "Incremental Sort", "Hash", "Aggregate", "Materialize") and any(
                    below["Plan Rows"] > MANY for below in node.get("Plans", ())
                )
                if whole or many:
                    found.append(f"{kind} {table or ''} in: {query}")
        return found


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def use_everything(open_: Callable[..., Records]) -> None:
    """Each thing the interface can do, in each of its ways."""
    records = open_()
    for options in (
        {},
        {"name": "due-7"},
        {"name_contains": "e-77"},
        {"name_contains": "zz"},
        {"status": "READY"},
        {"offset": 5000},
    ):
        records.deployments(**options)
    for name in ("still-7", "nothing", records.deployment("still-9")["id"]):  # type: ignore[index]  # it is there
        records.deployment(name)
    records.revisions("still-7", status=["DEPLOYED"])
    records.revisions("still-7", offset=5)
    for number in (None, 3, records.revision("still-7")["id"]):  # type: ignore[index]  # it is there
        records.revision("still-7", number)
    create(records, "brand-new", "new\n", secrets={"K": "v"})
    records.apply_deployment({"name": "empty"})
    records.apply_deployment({"name": "empty", "env": {"A": "1"}})
    records.plan_deployment({"name": "still-7", "secrets": {"K": "w"}})
    update(records, "still-7", env={"B": "1"}, secrets={"K": "w"})
    records.activate_revision("still-8", 2, "of_revision")
    records.redeploy_revision("still-9")
    records.interrupt_revision("still-9")
    records.pin_revision("still-9", 3)
    claims = records.claim(owner=OWNER, limit=3) + records.claim(owner=OWNER, listener="east", limit=3)
    claims += records.claim(["still-10", records.deployment("still-11")["id"]], owner=OWNER)
    claims += records.claim(["still-10"], owner=OTHER, takeover=True)
    records.claim(owner=OWNER, preview=True, limit=3)
    records.claim(["still-12"], owner=OWNER, preview=True)
    checked = records.claim(owner=OWNER, check_older_than=3600, limit=2)
    checked += records.claim(owner=OWNER, listener="east", check_older_than=3600, limit=2)
    checked += records.claim(["still-13"], owner=OWNER, check_older_than=0)
    records.report(*key_of(checked[0]), drift={"status": "in_sync"}, release=True)
    open_(workspace="small").claim(["all"], owner=OWNER)
    working = claims[0]
    records.renew(*key_of(working))
    records.place(*key_of(working), "host-7", [{"role": "queue", "slot": "blue-1"}])
    records.append_logs(working["public"]["claim_id"], "build", [{"seq": 1, "message": "x"}])
    records.logs(working["public"]["deployment"]["id"], type="build")
    records.logs("still-7", 10, "build", after="7")
    sha256 = records.put_source(tarball("git\n"))["sha256"]
    records.report(*key_of(working), "DEPLOYING", lock="a", source_sha256=sha256, cause="slow")
    records.report(*key_of(working), cause="slower")
    records.report(*key_of(working), "DEPLOYED", url="http://x", health={"ok": True}, release=True)
    for stale in ((claims[-2]["public"]["claim_id"], 1), (working["public"]["claim_id"], 9)):
        for call in (records.renew, records.report):
            with pytest.raises(RecordsError):
                call(*stale)
    running = claims[1]["public"]["deployment"]["name"]
    records.interrupt_revision(running)
    records.report(*key_of(claims[1]), release=True)
    records.delete_deployment("due-3000")
    records.delete_deployment("still-10")
    records.report(*key_of(claims[-1]), release=True)
    records.report(*key_of(claim(records, "still-10")), "DELETE_FAILED", cause="x", release=True)
    records.report(*key_of(claim(records, "still-10")), "DELETED", release=True)
    b"".join(records.open_source(sha256))
    records.listeners()
    records.apply_listener({"compute_id": "west"})
    records.apply_listener({"compute_id": "west", "version": "2"})
    records.listener("east")
    process: Any = {"id": str(uuid.uuid4()), "owner": OWNER, "started_at": "2026-01-01T00:00:00Z"}
    records.heartbeat("west", process)
    records.heartbeat("west", {**process, "stopping": True})
    records.served("west")
    slug = next(one["slug"] for one in records.served("east") if one["active_revision_id"])
    line: Any = {"writer": process["id"], "seq": 1, "message": "x"}
    sample = {"name": "cpu", "value": 1.0}
    records.observe("east", [{"slug": slug, "logs": [line], "samples": [sample], "health": {"ok": True}}])
    records.prune_metrics()  # type: ignore[attr-defined]  # of this adapter
    records.delete_listener("west")
    records.workspaces()
    records.apply_workspace({"name": "small", "default_listener": "", "members": [{"name": "a", "role": "viewer"}]})
    records.workspace("small")
    records.apply_api_key({"name": "ci", "role": "editor"})
    records.apply_api_key({"name": "ci", "role": "viewer"})
    records.api_keys()
    records.delete_api_key("ci")
    for filters in (
        {"deployment_type": "prod"},
        {"url": "http://x"},
        {"listener": "east"},
        {"deployment_ids": [working["public"]["deployment"]["id"]]},
    ):
        records.deployments(**filters)
    records.diff_revisions("still-7", 1, 2)
    records.logs("still-11", level="ERROR", order="desc", start_time="2026-01-01T00:00:00Z", query="x")
    records.metrics("still-11", "requests", since="2026-01-01T00:00:00Z")
    for filters in ({"kind": "deployment"}, {"record": "still-11"}, {}):
        records.audit_entries(**filters)
    records.schema_status()
    records.prune_sources()  # type: ignore[attr-defined]  # of this adapter


def test_no_statement_grows_with_the_tables(crowded: str, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(crowded) as connection:
        counts = connection.execute(
            "select (select count(*) from control_plane.deployments), (select count(*) from control_plane.revisions)"
        ).fetchone()
    assert counts is not None
    assert counts[0] >= DEPLOYMENTS
    assert counts[1] >= DEPLOYMENTS * REVISIONS
    capture = Capture(monkeypatch)
    opened: list[Records] = []

    def open_(**options: str) -> Records:
        opened.append(open_records({"dsn": crowded, "encryption_key_file": str(key_file), **options}))
        return opened[-1]

    use_everything(open_)
    for records in opened:
        records.close()
    assert len(capture.plans) > 60
    assert not capture.findings(), "\n\n".join(capture.findings())
