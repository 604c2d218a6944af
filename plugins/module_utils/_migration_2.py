# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migration 2: what the control plane's API adds. Only adds, so that code of version 1 goes on; never to be changed."""

from __future__ import annotations

SQL = """
alter table control_plane.workspaces
    add column secrets_in_clear boolean not null default false,
    add column default_listener_id uuid references control_plane.listeners on delete set null,
    add column version bigint not null default 1,
    add column updated_at timestamptz not null default now();

create table control_plane.members (
    workspace_id uuid not null references control_plane.workspaces on delete cascade,
    name text not null,
    role text not null check (role in ('admin', 'editor', 'viewer')),
    created_at timestamptz not null default now(),
    primary key (workspace_id, name)
);

-- The key of the hashes below, encrypted like every secret.
create table control_plane.api_key_pepper (
    only_row boolean primary key default true check (only_row),
    token text not null
);

create table control_plane.api_keys (
    id uuid primary key,
    workspace_id uuid not null references control_plane.workspaces,
    name text not null,
    prefix text not null unique,
    hash text not null,
    role text not null check (role in ('admin', 'editor', 'viewer', 'listener')),
    permissions text[] not null default '{}',
    listener_id uuid references control_plane.listeners on delete cascade,
    member text,
    organization boolean not null default false,
    expires_at timestamptz,
    last_used_at timestamptz,
    created_by text not null,
    created_at timestamptz not null default now(),
    version bigint not null default 1,
    revoked_at timestamptz
);
create unique index api_keys_name on control_plane.api_keys (workspace_id, name) where revoked_at is null;
create index api_keys_listener on control_plane.api_keys (listener_id) where listener_id is not null;

-- A claim to put one source into the store; the token is known to whoever asked for it only.
create table control_plane.uploads (
    id uuid primary key,
    workspace_id uuid not null references control_plane.workspaces,
    deployment_id uuid not null references control_plane.deployments,
    token_hash text not null,
    state text not null default 'open' check (state in ('open', 'receiving', 'done')),
    sha256 text,
    size bigint,
    expires_at timestamptz not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index uploads_expiry on control_plane.uploads (expires_at);
create index uploads_deployment on control_plane.uploads (deployment_id);

-- Fields of the vendor's API that belong to a deployment as a whole and that nothing here computes with.
alter table control_plane.deployments add column attributes jsonb not null default '{}';
create index deployments_type on control_plane.deployments
    (workspace_id, (attributes ->> 'deployment_type'), created_at desc, id) where deleted_at is null;
create index deployments_url on control_plane.deployments (workspace_id, url, created_at desc, id)
    where deleted_at is null;
create index deployments_of_listener on control_plane.deployments (listener_id, created_at desc, id)
    where deleted_at is null;

alter table control_plane.revisions
    add column install_command text,
    add column build_command text,
    add column secret_references jsonb not null default '[]',
    add column tracked_packages jsonb not null default '[]';
create index revisions_status on control_plane.revisions (deployment_id, status, number desc);

create index revision_logs_time on control_plane.revision_logs (deployment_id, type, at, id);

create table control_plane.deployment_metrics (
    deployment_id uuid not null references control_plane.deployments on delete cascade,
    name text not null,
    replica text not null default '',
    at timestamptz not null,
    value double precision not null,
    primary key (deployment_id, name, at, replica)
);
create index deployment_metrics_age on control_plane.deployment_metrics (at);

alter table control_plane.audit_entries
    add column key_id uuid,
    add column key_name text;
create index audit_entries_kind on control_plane.audit_entries (workspace_id, kind, id);
create index audit_entries_name on control_plane.audit_entries (workspace_id, record_name, id);
"""
