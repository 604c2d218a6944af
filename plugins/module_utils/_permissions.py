# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions and the roles that bundle them. Pure.

Names of deployment permissions are the vendor's; ``deployments:apply`` (claim work, with its secrets) and
``secrets:reveal`` (see values of secrets) are ours.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

DEPLOYMENTS_CREATE = "deployments:create"
DEPLOYMENTS_READ = "deployments:read"
DEPLOYMENTS_UPDATE = "deployments:update"
DEPLOYMENTS_DELETE = "deployments:delete"
DEPLOYMENTS_APPLY = "deployments:apply"
SECRETS_REVEAL = "secrets:reveal"
LISTENERS_READ = "listeners:read"
LISTENERS_MANAGE = "listeners:manage"
WORKSPACES_READ = "workspaces:read"
WORKSPACES_MANAGE = "workspaces:manage"
API_KEYS_MANAGE = "api-keys:manage"
AUDIT_READ = "audit:read"
ORGANIZATION_MANAGE = "organization:manage"

ROLE_ADMIN, ROLE_EDITOR, ROLE_VIEWER, ROLE_LISTENER = "admin", "editor", "viewer", "listener"

_VIEWER = frozenset({DEPLOYMENTS_READ, LISTENERS_READ})
_EDITOR = _VIEWER | {DEPLOYMENTS_CREATE, DEPLOYMENTS_UPDATE}
_ADMIN = _EDITOR | {
    DEPLOYMENTS_DELETE,
    DEPLOYMENTS_APPLY,
    LISTENERS_MANAGE,
    WORKSPACES_READ,
    WORKSPACES_MANAGE,
    API_KEYS_MANAGE,
    AUDIT_READ,
}
ROLES: dict[str, frozenset[str]] = {
    ROLE_ADMIN: _ADMIN,
    ROLE_EDITOR: _EDITOR,
    ROLE_VIEWER: _VIEWER,
    ROLE_LISTENER: frozenset({DEPLOYMENTS_APPLY, DEPLOYMENTS_READ}),
}
MEMBER_ROLES = (ROLE_ADMIN, ROLE_EDITOR, ROLE_VIEWER)
PERMISSIONS = _ADMIN | {SECRETS_REVEAL, ORGANIZATION_MANAGE}
# What a key may be given besides its role; organization:manage comes with an organization key alone.
EXTRA_PERMISSIONS = PERMISSIONS - {ORGANIZATION_MANAGE}


def effective(
    role: str, extra: Iterable[str] = (), *, organization: bool = False, member_role: str | None = None
) -> frozenset[str]:
    """What a key may do. A key of a member never has more than the member's role, so its extras do not count beyond
    that but for ``secrets:reveal`` and ``deployments:apply`` of a member who is an admin.
    """
    permissions = ROLES[role] | frozenset(extra)
    if organization:
        permissions |= {ORGANIZATION_MANAGE}
    if member_role is None:
        return permissions
    allowed = ROLES[member_role] | ({SECRETS_REVEAL, ORGANIZATION_MANAGE} if member_role == ROLE_ADMIN else set())
    return permissions & allowed


def check_role(role: object, *, of_member: bool = False) -> str:
    """The role, if there is one of that name; InvalidInput names those that are."""
    known = MEMBER_ROLES if of_member else tuple(ROLES)
    if not isinstance(role, str) or role not in known:
        raise InvalidInput(f"{role!r} is no role; use one of {', '.join(known)}.", field="role")
    return role


def check_permissions(permissions: Iterable[object]) -> list[str]:
    """Extra permissions of a key, sorted and without doubles; InvalidInput names one that is none."""
    given = list(permissions)
    unknown = [name for name in given if name not in EXTRA_PERMISSIONS]
    if unknown:
        raise InvalidInput(
            f"{unknown[0]!r} is no permission that a key can be given; use some of "
            f"{', '.join(sorted(EXTRA_PERMISSIONS))}.",
            field="permissions",
        )
    return sorted({str(name) for name in given})
