# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the Postgres adapter as the records show them: the SELECT lists and the dicts made of them. No secret value
in any."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, SEEN_SECONDS

Row = dict[str, Any]

# The deployment with the configuration of its latest revision (c_*); of an empty create it lies in draft.
DEPLOYMENT = """
select d.id, d.workspace_id, d.name, d.slug, d.display_name, d.source, d.repo_url, d.listener_id, d.status, d.url,
d.health,
       d.latest_revision_id, d.active_revision_id, d.draft, d.draft_secrets, d.queued_revision_id,
       d.progress_revision_id,
       d.interrupt_requested, d.skip_dump, d.delete_failed, d.delete_attempts, d.delete_cause, d.delete_log_tail,
       d.epoch, d.claim_id,
       d.claim_revision_id, d.claim_action, d.claim_owner, d.claim_since, d.lease_until, d.database_password,
       d.redis_password, d.host, d.drift, d.drift_checked_at, d.interrupted_by,
       d.attributes, d.version, d.created_at, d.updated_at, d.deleted_at,
       (d.claim_id is not null and d.lease_until > clock_timestamp()) as held,
       l.compute_id as listener, a.number as active_number,
       c.number as c_number, c.status as c_status, c.repo_ref as c_repo_ref, c.image_uri as c_image_uri,
       c.langgraph_config_path as c_langgraph_config_path, c.resource_spec as c_resource_spec, c.env as c_env,
       c.secret_names as c_secret_names, c.secrets as c_secrets, c.flavour as c_flavour, c.api_version as c_api_version,
       c.source_sha256 as c_source_sha256, c.repo_commit_sha as c_repo_commit_sha, c.cause as c_cause,
       c.install_command as c_install_command, c.build_command as c_build_command,
       c.secret_references as c_secret_references, c.tracked_packages as c_tracked_packages
from control_plane.deployments d
left join control_plane.listeners l on l.id = d.listener_id
left join control_plane.revisions c on c.id = d.latest_revision_id
left join control_plane.revisions a on a.id = d.active_revision_id
"""

REVISION = """
select r.id, r.deployment_id, r.number, r.kind, r.rollback_of, r.author, r.message, r.status, r.cause, r.log_tail,
r.repo_ref,
       r.image_uri, r.langgraph_config_path, r.resource_spec, r.env, r.secret_names, r.secrets, r.flavour,
       r.api_version,
       r.source_sha256, r.install_command, r.build_command, r.secret_references, r.tracked_packages,
       r.lock, r.repo_commit_sha, r.timings, r.pinned, r.attempts, r.created_at, r.updated_at,
       d.name as deployment, d.source, d.repo_url, d.active_revision_id, d.progress_revision_id, d.interrupt_requested
from control_plane.revisions r
join control_plane.deployments d on d.id = r.deployment_id
"""

LISTENER = """
select l.id, l.workspace_id, l.compute_type, l.compute_id, l.compute_config, l.version, l.record_version,
l.created_at, l.updated_at,
       (select count(*) from (select 1 from control_plane.deployments d
                              where d.listener_id = l.id and d.deleted_at is null limit 100) counted) as deployments,
       (select jsonb_agg(jsonb_build_object('id', p.id, 'owner', p.owner, 'version', p.version, 'capacity', p.capacity,
                                            'work', p.work, 'started_at', p.started_at, 'seen_at', p.seen_at,
                                            'age', extract(epoch from clock_timestamp() - p.seen_at))
                         order by p.started_at, p.id)
        from (select * from control_plane.listener_processes s where s.listener_id = l.id
              order by s.seen_at desc limit 100) p) as processes
from control_plane.listeners l
"""

# What a listener serves, or has to.
SERVED = """
select d.id, d.name, d.slug, d.status, d.url, d.host, d.attributes ->> 'k8s_namespace' as host_group,
       d.active_revision_id, a.number as active_number, d.health, d.drift_checked_at,
       (d.claim_id is not null and d.claim_action <> 'check' and d.lease_until > clock_timestamp()) as claimed
from control_plane.deployments d
left join control_plane.revisions a on a.id = d.active_revision_id
where d.listener_id = %s and d.deleted_at is null order by d.name
"""

CONFIG_COLUMNS = (
    "repo_ref",
    "image_uri",
    "langgraph_config_path",
    "resource_spec",
    "env",
    "flavour",
    "api_version",
    "source_sha256",
    "install_command",
    "build_command",
    "secret_references",
    "tracked_packages",
)
# What a draft may lack: all of it once its deployment is deleted, the last four in one of schema 1.
_DRAFT: dict[str, Any] = {
    **dict.fromkeys(CONFIG_COLUMNS),
    "resource_spec": {},
    "env": {},
    "secret_references": [],
    "tracked_packages": [],
}


def iso(value: datetime | None) -> str | None:
    """A time in UTC as ISO-8601."""
    return None if value is None else value.astimezone(UTC).isoformat()


def text_id(value: Any) -> str | None:
    """An id as text."""
    return None if value is None else str(value)


def config_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a deployment's row, as ``_plan`` wants it; ``secrets`` masked, their token under
    ``token``.
    """
    if row["c_number"] is None:
        draft = dict(row["draft"] or {})
        names = draft.pop("secret_names", [])
        return {**_DRAFT, **draft, "secrets": dict.fromkeys(names, MASK), "token": row["draft_secrets"]}
    config = {column: row[f"c_{column}"] for column in CONFIG_COLUMNS}
    return {**config, "secrets": dict.fromkeys(row["c_secret_names"], MASK), "token": row["c_secrets"]}


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment's row as ``current`` of ``_plan.plan`` (secrets masked, their token under ``token``)."""
    keys = ("name", "display_name", "source", "repo_url", "listener", "status", "version", "delete_failed", "skip_dump")
    return {
        **{key: row[key] for key in keys},
        **attributes_of(row),
        "latest_number": row["c_number"],
        **config_of(row),
    }


def attributes_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``_plan.ATTRIBUTES``; None: not set."""
    return {key: row["attributes"].get(key) for key in _plan.ATTRIBUTES}


def tarball_path(source: str, sha256: str | None) -> str | None:
    """How the vendor's field names an uploaded source."""
    return f"sources/{sha256}" if source == _model.SOURCE_INTERNAL and sha256 else None


def deployment_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment as everybody may see it."""
    config, attributes = config_of(row), attributes_of(row)
    listener_id = text_id(row["listener_id"])
    namespace = attributes["k8s_namespace"]
    return {
        "id": str(row["id"]),
        "tenant_id": str(row["workspace_id"]),
        "name": row["name"],
        "slug": row["slug"],
        "display_name": row["display_name"],
        "status": row["status"],
        "source": row["source"],
        "source_config": {
            "integration_id": attributes["integration_id"],
            "repo_url": row["repo_url"],
            "deployment_type": attributes["deployment_type"],
            "build_on_push": attributes["build_on_push"],
            "custom_url": attributes["custom_url"] or row["url"],
            "resource_spec": config["resource_spec"],
            "listener_id": listener_id,
            "listener_config": {"k8s_namespace": namespace} if namespace else None,
            "install_command": config["install_command"],
            "build_command": config["build_command"],
            "template_id": None,
            "repo_branch": config["repo_ref"] if row["source"] == _model.SOURCE_GITHUB else None,
        },
        "source_revision_config": {
            "repo_ref": config["repo_ref"],
            "langgraph_config_path": config["langgraph_config_path"],
            "image_uri": config["image_uri"],
            "source_tarball_path": tarball_path(row["source"], config["source_sha256"]),
            "repo_commit_sha": row["c_repo_commit_sha"],
        },
        "source_sha256": config["source_sha256"],
        "env": config["env"],
        "secrets": config["secrets"],
        "secret_references": config["secret_references"],
        "tracked_packages": config["tracked_packages"],
        "flavour": config["flavour"],
        "api_version": config["api_version"],
        "image_version": config["api_version"],
        "shareable": bool(attributes["shareable"]),
        "route_through_gateway": bool(attributes["route_through_gateway"]),
        "deployment_tier": attributes["deployment_tier"],
        "compute_tier": attributes["compute_tier"],
        "database_tier": attributes["database_tier"],
        "url": row["url"],
        "listener_id": listener_id,
        "listener": row["listener"],
        "latest_revision_id": text_id(row["latest_revision_id"]),
        "latest_revision_number": row["c_number"],
        "latest_revision_status": row["c_status"],
        "active_revision_id": text_id(row["active_revision_id"]),
        "active_revision_number": row["active_number"],
        "cause": row["delete_cause"] if row["delete_failed"] else None,
        "log_tail": row["delete_log_tail"] if row["delete_failed"] else None,
        "health": row["health"],
        "host": row["host"],
        "drift": drift_view(row["drift"]),
        "skip_dump": row["skip_dump"],
        "claim": claim_view(row),
        "version": row["version"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def drift_view(drift: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the last check found; None: there was none."""
    return None if drift is None else {**drift, "checked_at": drift["checked_at"].replace(" ", "T")}


def claim_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """Who works on a deployment now."""
    held = row["held"]
    return {
        "held": held,
        "action": row["claim_action"] if held else None,
        "owner": owner_label(row["claim_owner"]) if held else None,
        "since": iso(row["claim_since"]) if held else None,
        "until": iso(row["lease_until"]) if held else None,
        "epoch": row["epoch"],
    }


def owner_label(owner: Mapping[str, Any] | None) -> str:
    """How people know the holder of a claim."""
    known = owner or {}
    return str(known.get("label") or f"{known.get('user', 'somebody')} on {known.get('host', 'an unknown host')}")


def revision_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A revision as everybody may see it."""
    return {
        "id": str(row["id"]),
        "deployment_id": str(row["deployment_id"]),
        "deployment": row["deployment"],
        "number": row["number"],
        "kind": row["kind"],
        "rollback_of": row["rollback_of"],
        "author": row["author"],
        "message": row["message"],
        "status": row["status"],
        "cause": row["cause"],
        "log_tail": row["log_tail"],
        "source": row["source"],
        "source_config": {
            "repo_url": row["repo_url"],
            "resource_spec": row["resource_spec"],
            "install_command": row["install_command"],
            "build_command": row["build_command"],
        },
        "source_revision_config": {
            "repo_ref": row["repo_ref"],
            "langgraph_config_path": row["langgraph_config_path"],
            "image_uri": row["image_uri"],
            "source_tarball_path": tarball_path(row["source"], row["source_sha256"]),
            "repo_commit_sha": row["repo_commit_sha"],
        },
        "source_sha256": row["source_sha256"],
        "env": row["env"],
        "secrets": dict.fromkeys(row["secret_names"], MASK),
        "secret_references": row["secret_references"],
        "tracked_packages": row["tracked_packages"],
        "flavour": row["flavour"],
        "api_version": row["api_version"],
        "has_lock": row["lock"] is not None,
        "repo_commit_sha": row["repo_commit_sha"],
        "timings": timings_view(row["timings"]),
        "pinned": row["pinned"],
        "attempts": row["attempts"],
        "active": row["active_revision_id"] == row["id"],
        "interrupt_requested": bool(row["interrupt_requested"] and row["progress_revision_id"] == row["id"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def timings_view(timings: Mapping[str, str]) -> dict[str, str]:
    """When a revision reached which status, in the order of time."""
    road = {status: place for place, status in enumerate(_model.REVISION_STATUSES)}
    ordered = sorted(timings.items(), key=lambda item: (item[1], road.get(item[0], 0)))
    return {status: at.replace(" ", "T") for status, at in ordered}


def revision_config(row: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a revision's row, as ``_plan`` wants it; ``secrets`` masked, their token under ``token``."""
    config = {column: row[column] for column in CONFIG_COLUMNS}
    return {**config, "secrets": dict.fromkeys(row["secret_names"], MASK), "token": row["secrets"]}


def listener_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A listener; its host groups are shown as namespaces too, so that the stock client can pick them."""
    groups = list((row["compute_config"] or {}).get("host_groups") or [])
    processes = list(row["processes"] or ())
    live = [process for process in processes if process["age"] < SEEN_SECONDS]
    return {
        "id": str(row["id"]),
        "tenant_id": str(row["workspace_id"]),
        "compute_id": row["compute_id"],
        "compute_type": row["compute_type"],
        "compute_config": {"host_groups": groups, "k8s_namespaces": groups},
        "version": row["version"],
        "deployments": row["deployments"],
        "status": "online" if live else "offline",
        "last_seen_at": max((_utc(process["seen_at"]) for process in processes), default=None),
        "capacity": sum(process["capacity"] for process in live),
        "processes": [_process_view(process) for process in processes],
        "record_version": row["record_version"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def _process_view(process: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": process["id"],
        "host": process["owner"].get("host"),
        "pid": process["owner"].get("pid"),
        "version": process["version"],
        "capacity": process["capacity"],
        "work": process["work"],
        "started_at": _utc(process["started_at"]),
        "seen_at": _utc(process["seen_at"]),
    }


def _utc(text: str) -> str:
    """A time of a JSON column, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


def served_view(row: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment as its listener sees it."""
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "slug": row["slug"],
        "status": row["status"],
        "url": row["url"],
        "host": row["host"],
        "host_group": row["host_group"],
        "active_revision_id": text_id(row["active_revision_id"]),
        "active_revision_number": row["active_number"],
        "health": row["health"],
        "drift_checked_at": iso(row["drift_checked_at"]),
        "claimed": row["claimed"],
    }
