# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migration 1: the records. Never to be changed; later migrations alter it."""

from __future__ import annotations

_TABLES = """
create schema if not exists control_plane;

create table control_plane.schema_info (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    minimum_code integer not null,
    updated_at timestamptz not null default now()
);

-- Encrypted known text: tells at once whether a key file is the right one.
create table control_plane.encryption_check (
    only_row boolean primary key default true check (only_row),
    token text not null,
    updated_at timestamptz not null default now()
);

create table control_plane.workspaces (
    id uuid primary key,
    name text not null unique,
    created_at timestamptz not null default now()
);

create table control_plane.listeners (
    id uuid primary key,
    workspace_id uuid not null references control_plane.workspaces,
    compute_type text not null check (compute_type in ('hosts', 'k8s')),
    compute_id text not null,
    compute_config jsonb not null,
    version text,
    record_version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (workspace_id, compute_id)
);

-- All parts of a name of 1 to 3 characters: an index over them serves "name contains".
create function control_plane.name_parts(name text) returns text[]
    language sql immutable strict parallel safe
    as $$
        select pg_catalog.array_agg(distinct pg_catalog.substr(name, first, size))
        from pg_catalog.generate_series(1, pg_catalog.length(name)) as first,
             pg_catalog.generate_series(1, 3) as size
        where first + size - 1 <= pg_catalog.length(name)
    $$;

create table control_plane.deployments (
    id uuid primary key,
    workspace_id uuid not null references control_plane.workspaces,
    name text not null,
    name_parts text[] generated always as (control_plane.name_parts(name)) stored,
    slug text not null unique,
    display_name text,
    source text not null,
    repo_url text,
    listener_id uuid references control_plane.listeners,
    status text not null,
    url text,
    health jsonb,
    latest_revision_id uuid,
    active_revision_id uuid,
    -- Configuration that no revision carries yet: of an empty create, until a source is set.
    draft jsonb,
    draft_secrets text,
    -- What is to be done. At most one revision is queued and one in progress.
    queued_revision_id uuid,
    progress_revision_id uuid,
    interrupt_requested boolean not null default false,
    due_since timestamptz,
    skip_dump boolean not null default false,
    delete_failed boolean not null default false,
    delete_cause text,
    delete_log_tail text,
    -- The claim.
    epoch bigint not null default 0,
    claim_id uuid unique,
    claim_revision_id uuid,
    claim_action text,
    claim_owner jsonb,
    claim_since timestamptz,
    lease_until timestamptz,
    -- When it may be claimed next as due work; null: nothing is due.
    claimable_at timestamptz generated always as (
        case when deleted_at is null
                  and (status = 'AWAITING_DELETE' and not delete_failed
                       or status <> 'AWAITING_DELETE' and (queued_revision_id is not null or
                       progress_revision_id is not null))
             then coalesce(lease_until, due_since) end
    ) stored,
    database_password text,
    redis_password text,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create unique index deployments_name on control_plane.deployments (workspace_id, name) where deleted_at is null;
create index deployments_newest on control_plane.deployments (workspace_id, created_at desc, id) where deleted_at is
null;
create index deployments_status on control_plane.deployments (workspace_id, status, created_at desc, id)
    where deleted_at is null;
create index deployments_name_parts on control_plane.deployments using gin (name_parts) where deleted_at is null;
create index deployments_listener on control_plane.deployments (listener_id) where listener_id is not null;
-- Due work, oldest first: of deployments without a listener, and of a listener.
-- Two, because "is null" gives an index no order.
create index deployments_due on control_plane.deployments (workspace_id, claimable_at)
    where claimable_at is not null and listener_id is null;
create index deployments_due_of_listener on control_plane.deployments (listener_id, claimable_at)
    where claimable_at is not null and listener_id is not null;
create index deployments_claimed on control_plane.deployments (workspace_id) where claim_id is not null;

create table control_plane.revisions (
    id uuid primary key,
    workspace_id uuid not null,
    deployment_id uuid not null references control_plane.deployments,
    number integer not null,
    kind text not null,
    rollback_of integer,
    author text not null,
    message text,
    status text not null,
    cause text,
    log_tail text,
    repo_ref text,
    image_uri text,
    langgraph_config_path text,
    resource_spec jsonb not null,
    env jsonb not null,
    secret_names text[] not null,
    secrets text,
    flavour text not null,
    api_version text,
    source_sha256 text,
    lock text,
    repo_commit_sha text,
    timings jsonb not null default '{}',
    pinned boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (deployment_id, number)
);
create unique index revisions_in_progress on control_plane.revisions (deployment_id)
    where status in ('AWAITING_BUILD', 'BUILDING', 'AWAITING_DEPLOY', 'DEPLOYING');
create unique index revisions_queued on control_plane.revisions (deployment_id) where status = 'QUEUED';
create index revisions_deployed on control_plane.revisions (deployment_id, number desc) where status = 'DEPLOYED';
create index revisions_pinned on control_plane.revisions (deployment_id, number) where pinned;
create index revisions_source on control_plane.revisions (workspace_id, source_sha256) where source_sha256 is not null;

create table control_plane.claims (
    id uuid primary key,
    workspace_id uuid not null,
    deployment_id uuid not null references control_plane.deployments,
    revision_id uuid,
    epoch bigint not null,
    action text not null,
    owner jsonb not null,
    claimed_at timestamptz not null default now(),
    unique (deployment_id, epoch)
);

create table control_plane.sources (
    workspace_id uuid not null references control_plane.workspaces,
    sha256 text not null,
    size bigint not null,
    created_at timestamptz not null default now(),
    primary key (workspace_id, sha256)
);
create index sources_created on control_plane.sources (workspace_id, created_at);

create table control_plane.source_chunks (
    workspace_id uuid not null,
    sha256 text not null,
    number integer not null,
    data bytea not null,
    primary key (workspace_id, sha256, number),
    foreign key (workspace_id, sha256) references control_plane.sources on delete cascade
);
-- Tarballs are compressed already.
alter table control_plane.source_chunks alter column data set storage external;

create table control_plane.placements (
    deployment_id uuid not null references control_plane.deployments,
    host_key text not null,
    role text not null,
    slot text not null,
    port integer not null check (port between 1 and 65535),
    created_at timestamptz not null default now(),
    primary key (deployment_id, host_key, role, slot),
    unique (host_key, port)
);

create table control_plane.revision_logs (
    id bigint generated always as identity primary key,
    deployment_id uuid not null references control_plane.deployments,
    revision_id uuid,
    type text not null,
    writer uuid not null,
    seq bigint not null,
    at timestamptz not null,
    level text not null,
    message text not null,
    unique (writer, type, seq)
);
create index revision_logs_of_revision on control_plane.revision_logs (revision_id, type, id);
create index revision_logs_of_deployment on control_plane.revision_logs (deployment_id, type, id);

create table control_plane.audit_entries (
    id bigint generated always as identity primary key,
    workspace_id uuid,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    session_user_name text not null default session_user,
    from_address text default host(inet_client_addr()),
    action text not null,
    kind text not null,
    record_id text not null,
    record_name text not null,
    before jsonb,
    after jsonb
);
create index audit_entries_of_record on control_plane.audit_entries (workspace_id, record_id, id);
create index audit_entries_newest on control_plane.audit_entries (workspace_id, id);
"""

SQL = (
    _TABLES
    + """
insert into control_plane.workspaces (id, name) values ('00000000-0000-4000-8000-000000000001', 'default');
"""
)
