# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migration 3: what listeners tell: their processes, drift, health and logs of running servers. Only adds, so that code
of version 1 goes on; never to be changed."""

from __future__ import annotations

SQL = """
-- host: the host of the inventory that serves it. drift: what a check found.
alter table control_plane.deployments
    add column host text,
    add column drift jsonb,
    add column drift_checked_at timestamptz,
    add column interrupted_by text;

-- When it may be claimed next as due work; null: nothing is due. A check holds no due work back.
alter table control_plane.deployments drop column claimable_at;
alter table control_plane.deployments add column claimable_at timestamptz generated always as (
    case when deleted_at is null
              and (status = 'AWAITING_DELETE' and not delete_failed
                   or status <> 'AWAITING_DELETE' and (queued_revision_id is not null or
                   progress_revision_id is not null))
         then case when claim_action = 'check' then due_since else coalesce(lease_until, due_since) end end
) stored;
create index deployments_due on control_plane.deployments (workspace_id, claimable_at)
    where claimable_at is not null and listener_id is null;
create index deployments_due_of_listener on control_plane.deployments (listener_id, claimable_at)
    where claimable_at is not null and listener_id is not null;
-- What can be checked for drift, the one that waits longest first: without a listener, and of a listener.
create index deployments_checked on control_plane.deployments (workspace_id, drift_checked_at nulls first)
    where claimable_at is null and active_revision_id is not null and deleted_at is null and listener_id is null;
create index deployments_checked_of_listener on control_plane.deployments (listener_id, drift_checked_at nulls first)
    where claimable_at is null and active_revision_id is not null and deleted_at is null and listener_id is not null;

-- How often it was claimed before it came to an end; how often a deletion was since somebody asked for it.
alter table control_plane.revisions add column attempts integer not null default 0;
alter table control_plane.deployments add column delete_attempts integer not null default 0;

create table control_plane.listener_processes (
    id uuid primary key,
    listener_id uuid not null references control_plane.listeners on delete cascade,
    owner jsonb not null,
    version text,
    capacity integer not null,
    work jsonb not null,
    started_at timestamptz not null,
    seen_at timestamptz not null
);
create index listener_processes_of_listener on control_plane.listener_processes (listener_id);

-- observed: a line of a running server, which is kept for some days only.
alter table control_plane.revision_logs add column observed boolean not null default false;
create index revision_logs_observed on control_plane.revision_logs (deployment_id, id) where observed;
create index revision_logs_observed_age on control_plane.revision_logs (at) where observed;
"""
