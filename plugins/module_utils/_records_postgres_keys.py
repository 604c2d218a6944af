# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys in Postgres: made at random, kept as a keyed hash only, looked up by their prefix.

A key is ``lgcp_<8 characters>_<43 characters>``. The key of the hash is made once and kept encrypted like a secret, so
that a copy of the database alone serves nobody to try keys.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model, _permissions, _plan_access
from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import Crypt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AccessDenied,
    AuthenticationError,
    Conflict,
    InvalidInput,
    NotFound,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_base import (
    KEYS_CHANNEL,
    PostgresBase,
    Row,
    check_page,
    moment,
    new_id,
    statement,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_views import iso, text_id

if TYPE_CHECKING:
    import psycopg

_KEY = re.compile(r"(lgcp_[a-z2-7]{8})_[A-Za-z0-9_-]{43}")
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

_API_KEY = """
select k.id, k.name, k.prefix, k.role, k.permissions, k.member, k.organization, k.expires_at, k.last_used_at,
       k.created_by, k.created_at, k.version, w.name as workspace, l.compute_id as listener, m.role as member_role
from control_plane.api_keys k
join control_plane.workspaces w on w.id = k.workspace_id
left join control_plane.listeners l on l.id = k.listener_id
left join control_plane.members m on m.workspace_id = k.workspace_id and m.name = k.member
"""


@dataclass(frozen=True)
class Identity:
    """Who a key speaks for, in one workspace."""

    key_id: str
    key_name: str
    member: str | None
    role: str
    permissions: frozenset[str]
    workspace_id: str
    workspace_name: str
    listener_id: str | None
    organization: bool
    secrets_in_clear: bool
    author: str


class KeyRecords(PostgresBase):
    """The part of the adapter that knows API keys of its workspace."""

    def _find_key(self, name_or_id: str, lock: bool = False) -> Row | None:
        by_id = name_or_id if _model.is_uuid(name_or_id) else None
        return self.one(
            statement(
                _API_KEY,
                "where k.workspace_id = %(workspace)s and k.revoked_at is null "
                "and (k.name = %(name)s or k.id = %(id)s)",
                "for update of k" if lock else "",
            ),
            {"workspace": self._own_workspace(), "name": name_or_id, "id": by_id},
        )

    def _own_workspace(self) -> str:
        self.ready()
        return self.workspace_id

    def api_key(self, name_or_id: str) -> dict[str, Any] | None:
        """See ``_records.Records.api_key``."""
        row = self._find_key(name_or_id)
        return _view(row) if row else None

    def api_keys(self, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """See ``_records.Records.api_keys``."""
        check_page(limit, offset)
        rows = self.all(
            statement(
                _API_KEY, "where k.workspace_id = %s and k.revoked_at is null order by k.name limit %s offset %s"
            ),
            [self._own_workspace(), limit, offset],
        )
        return [_view(row) for row in rows]

    def plan_api_key(self, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present") -> Plan:
        """See ``_records.Records.plan_api_key``."""
        row = self._find_key(str(desired.get("name") or ""))
        plan = _plan_access.plan_api_key(_view(row) if row else None, _timed(desired), state)
        if plan.action in ("create", "update"):
            self._check_key_references(plan.after)
        return plan

    def apply_api_key(self, desired: Mapping[str, Any], version: int | None = None) -> dict[str, Any]:
        """See ``_records.Records.apply_api_key``."""
        asked = _timed(desired)
        with self.transaction():
            row = self._find_key(str(asked.get("name") or ""), lock=True)
            plan = _plan_access.plan_api_key(_view(row) if row else None, asked)
            name = str(asked["name"])
            if version is not None and (row is None or row["version"] != version):
                raise Conflict(f"API key {name} was changed by somebody else meanwhile; run again.")
            key = None
            if plan.changed:
                listener_id = self._check_key_references(plan.after)
                if row is None:
                    key = self._create_key(plan.after, listener_id)
                else:
                    self._update_key(row, plan.after)
                self.audit(plan.action, "api_key", str(self._id_of(name)), name, plan.before or None, plan.after)
            return {"changed": plan.changed, "api_key": self.api_key(name), "plan": plan, "key": key}

    def _id_of(self, name: str) -> Any:
        row = self._find_key(name)
        return row["id"] if row else ""

    def _check_key_references(self, after: Mapping[str, Any]) -> Any:
        """The id of the key's listener (None: it has none); NotFound if listener or member do not exist."""
        listener, member = after.get("listener"), after.get("member")
        found = None
        if listener:
            found = self.one(
                "select id from control_plane.listeners where workspace_id = %s and compute_id = %s",
                [self._own_workspace(), listener],
            )
            if found is None:
                raise NotFound(
                    f"There is no listener {listener} in workspace {self.workspace_name}; create it first.",
                    kind="listener",
                    names=[listener],
                )
        if member and not self.one(
            "select 1 as there from control_plane.members where workspace_id = %s and name = %s",
            [self._own_workspace(), member],
        ):
            raise NotFound(
                f"There is no member {member} in workspace {self.workspace_name}; add it to the workspace first.",
                kind="member",
                names=[member],
            )
        return found["id"] if found else None

    def _create_key(self, after: Mapping[str, Any], listener_id: Any) -> str:
        prefix = "lgcp_" + "".join(secrets.choice(_PREFIX_ALPHABET) for _place in range(8))
        key = f"{prefix}_{secrets.token_urlsafe(32)}"
        made = self.one(
            "insert into control_plane.api_keys (id, workspace_id, name, prefix, hash, role, permissions, listener_id, "
            "member, organization, expires_at, created_by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "on conflict do nothing returning id",
            [
                *(new_id(), self.workspace_id, after["name"], prefix, _hash(self._pepper(), key), after["role"]),
                *(after["permissions"], listener_id, after["member"], after["organization"], after["expires_at"]),
                self.author,
            ],
        )
        if made is None:
            raise Conflict(f"API key {after['name']} was created by somebody else meanwhile; run again.")
        return key

    def _update_key(self, row: Row, after: Mapping[str, Any]) -> None:
        values = {"role": row["role"], "permissions": row["permissions"], "expires_at": row["expires_at"]}
        values.update({name: after[name] for name in values if name in after})
        self.run(
            "update control_plane.api_keys set role = %s, permissions = %s, expires_at = %s, version = version + 1 "
            "where id = %s",
            [values["role"], values["permissions"], values["expires_at"], row["id"]],
        )
        self.run("select pg_notify(%s, '')", [KEYS_CHANNEL])

    def delete_api_key(self, name_or_id: str) -> bool:
        """See ``_records.Records.delete_api_key``."""
        with self.transaction():
            row = self._find_key(name_or_id, lock=True)
            if row is None:
                return False
            plan = _plan_access.plan_api_key(_view(row), {"name": row["name"]}, "absent")
            # The row stays, for the audit entries that name it; the hash serves nobody any more.
            self.run(
                "update control_plane.api_keys set revoked_at = clock_timestamp(), hash = '' where id = %s", [row["id"]]
            )
            self.run("select pg_notify(%s, '')", [KEYS_CHANNEL])
            self.audit("delete", "api_key", str(row["id"]), row["name"], plan.before, None)
            return True

    def _pepper(self) -> bytes:
        """The key of the hashes; made with the first API key."""
        crypt = self.encrypting()
        self.run(
            "insert into control_plane.api_key_pepper (token) values (%s) on conflict do nothing",
            [crypt.encrypt(secrets.token_bytes(32))],
        )
        return crypt.decrypt(self.must("select token from control_plane.api_key_pepper")["token"])


def authenticate(connection: psycopg.Connection[Row], crypt: Crypt, key: str, workspace: str | None) -> Identity:
    """Who ``key`` speaks for in ``workspace`` (name or id; None or "": where it belongs).

    AuthenticationError: there is no such key (any more). AccessDenied: not in that workspace. NotFound is never
    raised: whoever has no right to a workspace does not learn which ones there are.
    """
    match = _KEY.fullmatch(key)
    row = None
    if match is not None:
        row = connection.execute(_AUTHENTICATE, [match[1]]).fetchone()
    if row is None or not row["hash"] or not _fits(crypt, row, key):
        raise AuthenticationError("The API key is not valid; give one that was created here and is not revoked.")
    if row["expired"]:
        raise AuthenticationError(f"The API key {row['name']} has expired; ask for a new one.")
    place = _place(connection, row, workspace or None)
    if row["member"] is not None and row["member_role"] is None:
        raise AccessDenied(
            f"{row['member']}, whom the API key {row['name']} belongs to, is no member of workspace {place['name']} "
            "any more; use another key."
        )
    if row["stale_use"]:
        connection.execute(
            "update control_plane.api_keys set last_used_at = clock_timestamp() where id = %s", [row["id"]]
        )
    member = row["member"]
    return Identity(
        key_id=str(row["id"]),
        key_name=row["name"],
        member=member,
        role=row["role"],
        permissions=_permissions.effective(
            row["role"], row["permissions"], organization=row["organization"], member_role=row["member_role"]
        ),
        workspace_id=str(place["id"]),
        workspace_name=place["name"],
        listener_id=text_id(row["listener_id"]),
        organization=row["organization"],
        secrets_in_clear=place["secrets_in_clear"],
        author=f"{member} (key {row['name']})" if member else f"key {row['name']}",
    )


_AUTHENTICATE = """
-- last_used_at is written at most once a minute
select k.id, k.name, k.hash, k.role, k.permissions, k.listener_id, k.member, k.organization,
       k.workspace_id, p.token, m.role as member_role, k.expires_at <= clock_timestamp() as expired,
       coalesce(k.last_used_at < clock_timestamp() - interval '60 seconds', true) as stale_use
from control_plane.api_keys k
cross join control_plane.api_key_pepper p
left join control_plane.members m on m.workspace_id = k.workspace_id and m.name = k.member
where k.prefix = %s and k.revoked_at is null
"""


def _place(connection: psycopg.Connection[Row], row: Row, workspace: str | None) -> Row:
    """The workspace to work in."""
    columns = "select id, name, secrets_in_clear from control_plane.workspaces"
    if workspace is not None:
        by_id = workspace if _model.is_uuid(workspace) else None
        found = None
        if "\x00" not in workspace:
            found = connection.execute(f"{columns} where name = %s or id = %s", [workspace, by_id]).fetchone()
        if found is None or not (row["organization"] or found["id"] == row["workspace_id"]):
            raise AccessDenied(
                f"The API key {row['name']} gives no access to the workspace in X-Tenant-Id; correct it or leave "
                "it out."
            )
        return found
    if not row["organization"]:
        return _must(connection.execute(f"{columns} where id = %s", [row["workspace_id"]]).fetchone())
    all_of_them = connection.execute(f"{columns} limit 2").fetchall()
    if len(all_of_them) > 1:
        # The words are the contract's: the stock client looks for them and asks for the workspace.
        raise AccessDenied(
            "This API key is org-scoped and requires workspace specification. Please provide 'X-Tenant-ID' header."
        )
    return _must(all_of_them[0])


def _must(row: Row | None) -> Row:
    if row is None:
        raise AuthenticationError("The workspace of the API key is gone; use another key.")
    return row


def _fits(crypt: Crypt, row: Row, key: str) -> bool:
    return hmac.compare_digest(_hash(crypt.decrypt(row["token"]), key), row["hash"])


def _hash(pepper: bytes, key: str) -> str:
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def _timed(desired: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for, with the expiry as the records show it."""
    asked = dict(desired)
    if asked.get("expires_at"):
        if not isinstance(asked["expires_at"], str):
            raise InvalidInput("expires_at is no text; write it as in 2027-01-31T12:00:00Z.", field="expires_at")
        asked["expires_at"] = iso(moment(asked["expires_at"], "expires_at"))
    return asked


def _view(row: Row) -> dict[str, Any]:
    permissions = _permissions.effective(
        row["role"], row["permissions"], organization=row["organization"], member_role=row["member_role"]
    )
    return {
        "id": str(row["id"]),
        **{key: row[key] for key in ("name", "prefix", "role")},
        "permissions": sorted(permissions),
        "extra_permissions": list(row["permissions"]),
        **{key: row[key] for key in ("listener", "member", "organization", "workspace", "created_by", "version")},
        **{key: iso(row[key]) for key in ("expires_at", "last_used_at", "created_at")},
    }
