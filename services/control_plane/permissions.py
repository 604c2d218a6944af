# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each operation needs: the one table behind the checks, the OpenAPI, the docs and their tests.

An operation that is not listed here fails when it is imported. Where several permissions are listed, one of them is
enough. Names of permissions and the roles that bundle them: ``module_utils/_permissions``.
"""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.selfhosted.langgraph.plugins.module_utils._permissions import (
    API_KEYS_MANAGE,
    AUDIT_READ,
    DEPLOYMENTS_APPLY,
    DEPLOYMENTS_CREATE,
    DEPLOYMENTS_DELETE,
    DEPLOYMENTS_READ,
    DEPLOYMENTS_UPDATE,
    LISTENERS_MANAGE,
    LISTENERS_READ,
    ORGANIZATION_MANAGE,
    SECRETS_REVEAL,
    WORKSPACES_MANAGE,
    WORKSPACES_READ,
)

# An empty tuple: any valid key will do.
OPERATIONS: dict[str, tuple[str, ...]] = {
    # deployments
    "list_deployments": (DEPLOYMENTS_READ,),
    "get_deployment": (DEPLOYMENTS_READ,),
    "count_free_deployments": (DEPLOYMENTS_READ,),
    "create_deployment": (DEPLOYMENTS_CREATE,),
    "update_deployment": (DEPLOYMENTS_UPDATE,),
    "delete_deployment": (DEPLOYMENTS_DELETE,),
    "delete_deployments": (DEPLOYMENTS_DELETE,),
    "make_push_token": (DEPLOYMENTS_UPDATE,),
    "reveal_secrets": (SECRETS_REVEAL,),
    # revisions
    "list_revisions": (DEPLOYMENTS_READ,),
    "get_revision": (DEPLOYMENTS_READ,),
    "create_revision": (DEPLOYMENTS_UPDATE,),
    "diff_revisions": (DEPLOYMENTS_READ,),
    "rollback_deployment": (DEPLOYMENTS_UPDATE,),
    "pin_revision": (DEPLOYMENTS_UPDATE,),
    "redeploy_revision": (DEPLOYMENTS_UPDATE,),
    "interrupt_revision": (DEPLOYMENTS_UPDATE,),
    # logs and metrics
    "read_logs": (DEPLOYMENTS_READ,),
    "read_metrics": (DEPLOYMENTS_READ,),
    # sources
    "begin_upload": (DEPLOYMENTS_UPDATE,),
    "put_source": (DEPLOYMENTS_CREATE, DEPLOYMENTS_UPDATE, DEPLOYMENTS_APPLY),
    "has_source": (DEPLOYMENTS_READ,),
    "open_source": (DEPLOYMENTS_APPLY, DEPLOYMENTS_UPDATE),
    # listeners
    "list_listeners": (LISTENERS_READ,),
    "get_listener": (LISTENERS_READ,),
    "create_listener": (LISTENERS_MANAGE,),
    "update_listener": (LISTENERS_MANAGE,),
    "delete_listener": (LISTENERS_MANAGE,),
    # work
    "claim_work": (DEPLOYMENTS_APPLY,),
    "find_place": (DEPLOYMENTS_APPLY,),
    "release_work": (DEPLOYMENTS_APPLY,),
    "renew_claim": (DEPLOYMENTS_APPLY,),
    "report_work": (DEPLOYMENTS_APPLY,),
    "place_servers": (DEPLOYMENTS_APPLY,),
    "append_logs": (DEPLOYMENTS_APPLY,),
    "append_metrics": (DEPLOYMENTS_APPLY,),
    # listening
    "keep_heartbeat": (DEPLOYMENTS_APPLY,),
    "list_served": (DEPLOYMENTS_APPLY,),
    "observe_servers": (DEPLOYMENTS_APPLY,),
    # administration
    "who_am_i": (),
    "list_workspaces": (WORKSPACES_READ,),
    "get_workspace": (WORKSPACES_READ,),
    "create_workspace": (ORGANIZATION_MANAGE,),
    "update_workspace": (WORKSPACES_MANAGE,),
    "delete_workspace": (ORGANIZATION_MANAGE,),
    "list_api_keys": (API_KEYS_MANAGE,),
    "get_api_key": (API_KEYS_MANAGE,),
    "create_api_key": (API_KEYS_MANAGE,),
    "update_api_key": (API_KEYS_MANAGE,),
    "delete_api_key": (API_KEYS_MANAGE,),
    "read_audit": (AUDIT_READ,),
}


def allowed(name: str, permissions: Collection[str]) -> bool:
    """Whether somebody with these permissions may do the operation."""
    needed = OPERATIONS[name]
    return not needed or any(permission in permissions for permission in needed)
