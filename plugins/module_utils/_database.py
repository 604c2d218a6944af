# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the role and the database of one deployment in a Postgres server.

Passwords reach Postgres as SCRAM verifiers only, which are made here, so that no statement log can show one.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import re
import typing as t
import urllib.parse

from ansible_collections.selfhosted.langgraph.plugins.module_utils._database_login import (
    DatabaseError,
    Login,
    explain,
)

if t.TYPE_CHECKING:
    import psycopg

NAME_BYTES = 63
_SCRAM = re.compile(r"SCRAM-SHA-256\$(?P<rounds>\d+):(?P<salt>[^$]+)\$(?P<stored>[^:]+):(?P<server>.+)")


def database_name(slug: str) -> str:
    """Name of a deployment's database and of its role."""
    return "lg_" + slug.replace("-", "_")


def uri(found: t.Mapping[str, t.Any], password: str) -> str:
    """DATABASE_URI of a server. found: {host, port, name, user} and optionally sslmode."""
    host = str(found["host"])
    query = {"sslmode": str(found["sslmode"])} if found.get("sslmode") else {}
    if host.startswith("/"):  # a socket's directory
        query["host"] = host
        host = ""
    elif ":" in host:
        host = f"[{host}]"
    user, secret = (urllib.parse.quote(str(word), safe="") for word in (found["user"], password))
    name = urllib.parse.quote(str(found["name"]), safe="")
    address = f"{host}:{found['port']}" if host else ""
    return f"postgresql://{user}:{secret}@{address}/{name}" + (f"?{urllib.parse.urlencode(query)}" if query else "")


def verifier_matches(verifier: str, password: str) -> bool | None:
    """Whether a stored SCRAM verifier is that of `password`; None when that cannot be said here."""
    found = _SCRAM.fullmatch(verifier)
    if not found or not password.isascii():  # other texts are normalised by rules that only Postgres has
        return None
    salt = base64.b64decode(found["salt"])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, int(found["rounds"]))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(stored, base64.b64decode(found["stored"]))


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a deployment's database should be. `connection_limit` is raised to this, never lowered."""

    name: str
    role: str
    password: str
    connection_limit: int = -1

    def checked(self) -> Wanted:
        """Itself, or DatabaseError that names what is wrong."""
        for kind, word in (("database", self.name), ("role", self.role)):
            if not word or "\0" in word or len(word.encode()) > NAME_BYTES:
                raise DatabaseError(f"The name of the {kind} {word!r} must have 1 to {NAME_BYTES} bytes.")
        return self


class Database:
    """One database and its role, over a connection of an administrator. Errors are DatabaseError."""

    def __init__(self, connection: psycopg.Connection[t.Any], login: Login, wanted: Wanted) -> None:
        self._connection = connection
        self._login = login
        self.wanted = wanted

    # -- reading -------------------------------------------------------------------------------------------------------

    def _one(self, query: str, *values: t.Any) -> t.Any:
        with explain(self._login):
            return self._connection.execute(query, values or None).fetchone()

    def limits(self) -> dict[str, int]:
        """{"max_connections", "promised"}: what the server has, and what the limits of all roles add up to."""
        row = self._one(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
            " coalesce((SELECT sum(rolconnlimit) FROM pg_roles WHERE rolcanlogin AND rolconnlimit > 0), 0)::int"
        )
        return {"max_connections": row[0], "promised": row[1]}

    def exists(self) -> bool:
        return self._one("SELECT 1 FROM pg_database WHERE datname = %s", self.wanted.name) is not None

    def role_exists(self) -> bool:
        return self._one("SELECT 1 FROM pg_roles WHERE rolname = %s", self.wanted.role) is not None

    def _superuser(self) -> bool:
        return bool(self._one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")[0])

    def check_rights(self) -> None:
        """DatabaseError unless the administrator may create roles and databases."""
        row = self._one(
            "SELECT rolsuper OR rolcreaterole, rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        for may, word, right in ((row[0], "roles", "CREATEROLE"), (row[1], "databases", "CREATEDB")):
            if not may:
                user = self._login.parameters().get("user", "its default user")
                raise DatabaseError(
                    f"The role {user} on {self._login.where} has no right to create {word}; give it {right}."
                )

    def password_is_right(self) -> bool:
        """The role has this password; by its verifier where it can be read, else by logging in."""
        if self._superuser():
            row = self._one("SELECT rolpassword FROM pg_authid WHERE rolname = %s", self.wanted.role)
            answer = verifier_matches((row and row[0]) or "", self.wanted.password)
            if answer is not None:
                return answer
        return self._login.accepts(self.wanted.role, self.wanted.password, "postgres")

    # -- planning ------------------------------------------------------------------------------------------------------

    def steps(self) -> list[str]:
        """What has to be done so that it is as wanted, as words for people; empty: nothing."""
        todo = []
        row = self._one("SELECT rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname = %s", self.wanted.role)
        if row is None:
            todo.append("create role")
        else:
            if not row[0]:
                todo.append("allow login")
            if 0 <= row[1] < self.wanted.connection_limit or (row[1] >= 0 > self.wanted.connection_limit):
                todo.append("raise connection limit")
            if not self.password_is_right():
                todo.append("set password")
        row = self._one(
            "SELECT pg_get_userbyid(datdba), has_database_privilege('public', oid, 'CONNECT')"
            " FROM pg_database WHERE datname = %s",
            self.wanted.name,
        )
        if row is None:
            todo.append("create database")
        else:
            if row[0] != self.wanted.role:
                todo.append("set owner")
            if row[1]:
                todo.append("keep others out")
        return todo

    # -- changing ------------------------------------------------------------------------------------------------------

    def _do(self, text: str, **names: t.Any) -> None:
        from psycopg import sql

        parts = {key: sql.Identifier(value) if isinstance(value, str) else value for key, value in names.items()}
        with explain(self._login):
            self._connection.execute(sql.SQL(text).format(**parts))

    def _verifier(self) -> t.Any:
        from psycopg import sql

        made = self._connection.pgconn.encrypt_password(
            self.wanted.password.encode(), self.wanted.role.encode(), b"scram-sha-256"
        )
        return sql.Literal(made.decode())

    def make(self) -> None:
        """Do what `steps` names. Each statement may be repeated after an interruption."""
        from psycopg import sql

        todo = self.steps()
        role, name = self.wanted.role, self.wanted.name
        limit = sql.Literal(self.wanted.connection_limit)
        if "create role" in todo:
            self._do(
                "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE "
                " CONNECTION LIMIT {limit} PASSWORD {secret}",
                role=role,
                limit=limit,
                secret=self._verifier(),
            )
        if "allow login" in todo:
            self._do("ALTER ROLE {role} LOGIN", role=role)
        if "raise connection limit" in todo:
            self._do("ALTER ROLE {role} CONNECTION LIMIT {limit}", role=role, limit=limit)
        if "set password" in todo:
            self._do("ALTER ROLE {role} PASSWORD {secret}", role=role, secret=self._verifier())
        if {"create database", "set owner"} & set(todo) and not self._superuser():
            # An administrator without superuser may hand a database only to a role that it belongs to.
            self._do("GRANT {role} TO CURRENT_USER", role=role)
        if "create database" in todo:
            self._do("CREATE DATABASE {name} OWNER {role} ENCODING 'UTF8' TEMPLATE template0", name=name, role=role)
        if "set owner" in todo:
            self._do("ALTER DATABASE {name} OWNER TO {role}", name=name, role=role)
        if {"create database", "keep others out"} & set(todo):
            self._do("REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC", name=name)

    def drop(self) -> None:
        """Remove database and role, whoever is connected."""
        if self.role_exists():
            self._do("ALTER ROLE {role} NOLOGIN", role=self.wanted.role)
        if self.exists():
            self._do("DROP DATABASE {name} WITH (FORCE)", name=self.wanted.name)
        if self.role_exists():
            self._do("DROP ROLE {role}", role=self.wanted.role)
