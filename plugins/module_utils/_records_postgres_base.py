# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the Postgres adapter rest on: connection, errors as sentences, transactions, audit entries,
wake-ups.

Each object owns one connection and belongs to one thread. A lost connection is opened anew by the next call.
"""

from __future__ import annotations

import getpass
import json
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _migrations, _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import Crypt
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Conflict,
    EncryptionKeyError,
    InvalidInput,
    NotFound,
    RecordsUnavailable,
    SchemaMissing,
)

try:
    import psycopg
    from psycopg import conninfo
    from psycopg.rows import dict_row

    PSYCOPG_ERROR: ImportError | None = None
except ImportError as missing:
    PSYCOPG_ERROR = missing

Row = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """Who works on which workspace over a connection that belongs to somebody else (a pool of the service).

    author: shown as author and actor. key_id, key_name, address: of the API key and the client, for audit entries.
    """

    workspace_id: str
    workspace_name: str
    crypt: Crypt | None
    check_token: str | None
    author: str
    key_id: str | None = None
    key_name: str | None = None
    address: str | None = None


CHANNEL = "control_plane_work"
KEYS_CHANNEL = "control_plane_keys"  # an API key, or what one may do, has changed
_CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "application_name": "selfhosted.langgraph",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
# What the server or libpq says -> what is wrong, and what to do. The first match counts; no part of the dsn is
# repeated.
_CAUSES = (
    (("password authentication failed", "no password supplied"), "refuses the user or password", "check both in dsn"),
    (("no pg_hba.conf entry", "peer authentication failed"), "does not let this user in", "allow it in pg_hba.conf"),
    (("role", "does not exist"), "does not know the user", "create it or correct the user in dsn"),
    (("database", "does not exist"), "has no database of that name", "create it or correct the name in dsn"),
    (
        ("too many clients", "remaining connection slots", "too many connections"),
        "is out of connections",
        "raise max_connections or end what holds them",
    ),
    (("starting up", "shutting down", "recovery mode"), "is starting or stopping", "try again in a moment"),
    (("timeout expired", "timed out"), "does not answer in time", "check host and port in dsn, and the network"),
    (
        ("could not translate host name", "resolve host", "Name or service"),
        "has an unknown host name",
        "correct it in dsn",
    ),
    (("Connection refused", "No such file"), "is not running there", "start it or correct host and port in dsn"),
    (("certificate", "SSL"), "cannot be reached over TLS as dsn asks for", "check sslmode and certificates"),
)


class PostgresBase:
    """Connection and helpers; the parts of the adapter inherit from it."""

    def __init__(self, dsn: str, encryption_key_file: str | None, workspace: str, actor: str | None) -> None:
        if PSYCOPG_ERROR is not None:
            raise RecordsUnavailable(
                "The Python library psycopg (3.1 or newer) is missing where the records are used; install "
                "psycopg[binary] there.",
                cause=str(PSYCOPG_ERROR),
            )
        try:
            options = conninfo.conninfo_to_dict(dsn)
        except psycopg.Error:
            raise InvalidInput(
                "dsn is malformed; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE or host=... dbname=...",
                field="dsn",
            ) from None
        defaults: dict[str, Any] = {**_CONNECTION_DEFAULTS, **options}
        self._dsn = conninfo.make_conninfo("", **defaults)
        database = options.get("dbname") or options.get("user") or "postgres"
        self.place_text = (
            f"Postgres {options.get('host') or 'on the local socket'}:{options.get('port') or 5432}/{database}"
        )
        self._key_file = encryption_key_file
        self._workspace = workspace
        user = f"{_user_name()}@{socket.gethostname()}"
        self._author = f"{actor} ({user})" if actor else user
        self._connection: psycopg.Connection[Row] | None = None
        self._session: Session | None = None
        self._ready = False
        self._crypt: Crypt | None = None
        self._check_token: str | None = None
        self.workspace_id = ""
        self.workspace_name = ""

    @classmethod
    def of_pool(cls, connection: psycopg.Connection[Row], session: Session) -> Self:
        """Records over a connection (autocommit, rows as dicts) that the caller lends for a moment and takes back.

        Schema, workspace and key were looked at by whoever made the session.
        """
        records = cls.__new__(cls)
        info = connection.info
        records.place_text = f"Postgres {info.host or 'on the local socket'}:{info.port}/{info.dbname}"
        records._connection, records._session, records._ready = connection, session, True
        records._key_file, records._workspace, records._author = None, session.workspace_name, session.author
        records._crypt, records._check_token = session.crypt, session.check_token
        records.workspace_id, records.workspace_name = session.workspace_id, session.workspace_name
        return records

    # -- connection --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Give the connection back (one that is lent stays open)."""
        if self._session is not None:
            return
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._ready = False

    @property
    def connection(self) -> psycopg.Connection[Row]:
        """The connection, opened when needed; schema and workspace are not looked at."""
        if self._connection is None or self._connection.closed:
            if self._session is not None:
                raise RecordsUnavailable(f"{self.place_text} closed the connection; try again.")
            self._ready = False
            with self.sentences():
                self._connection = psycopg.connect(
                    self._dsn, autocommit=True, row_factory=dict_row, prepare_threshold=None
                )
        return self._connection

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Errors of the driver become errors of the records, in one sentence and without values."""
        try:
            yield
        except psycopg.errors.UndefinedTable:
            raise SchemaMissing(
                f"{self.place_text} holds no records yet; run the module records_schema first."
            ) from None
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            raise Conflict("Others changed the same records at the same moment; run again.") from None
        except psycopg.errors.InsufficientPrivilege:
            raise RecordsUnavailable(
                f"{self.place_text} does not let this user use the records; use their owner in dsn or grant it "
                "the rights."
            ) from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if self._connection is not None and (self._connection.closed or self._connection.broken):
                self._connection = None
                self._ready = self._session is not None
            what, step = cause_of(str(error))
            raise RecordsUnavailable(f"{self.place_text} {what}; {step}.") from None

    def ready(self) -> None:
        """Once a connection: the schema serves this code, the workspace exists, the key fits. One round trip."""
        connection = self.connection
        if self._ready:
            return
        with self.sentences():
            row = connection.execute(
                "select s.version, s.minimum_code, k.token, w.id, w.name from control_plane.schema_info s "
                "left join control_plane.encryption_check k on true "
                "left join control_plane.workspaces w on w.name = %(w)s or w.id = %(id)s",
                {"w": self._workspace, "id": self._workspace if _model.is_uuid(self._workspace) else None},
            ).fetchone()
        status = _migrations.status_of(row["version"], row["minimum_code"]) if row else _migrations.status_of(0, 0)
        _migrations.check(status, self.place_text)
        if row is None or row["id"] is None:
            raise NotFound(
                f"There is no workspace {self._workspace} in {self.place_text}; correct it or create it.",
                kind="workspace",
                names=[self._workspace],
            )
        self.workspace_id, self.workspace_name = str(row["id"]), row["name"]
        self._check_token = row["token"]
        if self._key_file is not None:
            self._crypt = self._open_crypt(self._key_file)
        self._ready = True

    def _open_crypt(self, path: str) -> Crypt:
        crypt = Crypt(path)
        if self._check_token is not None:
            crypt.verify(self._check_token)
        return crypt

    def write_check_token(self, crypt: Crypt) -> str:
        """Keep the proof of the first key that encrypts something; gives the one that is kept."""
        with self.sentences():
            self.connection.execute(
                "insert into control_plane.encryption_check (token) values (%s) on conflict do nothing",
                [crypt.check_token()],
            )
            row = self.connection.execute("select token from control_plane.encryption_check").fetchone()
        assert_row(row)
        token: str = row["token"] if row else ""
        return token

    @property
    def crypt(self) -> Crypt:
        """The keys; EncryptionKeyError if none were given."""
        if self._crypt is None:
            raise EncryptionKeyError(
                "encryption_key_file is missing, and this needs the secrets of the records; give the path of "
                "their key file.",
                file="",
            )
        return self._crypt

    def encrypting(self) -> Crypt:
        """The keys, for writing: the records remember the first one that is used, so that a wrong one is found at
        once.
        """
        crypt = self.crypt
        if self._check_token is None:
            token = self.write_check_token(crypt)
            crypt.verify(token)
            # Not kept in this object: the transaction may yet be undone.
        return crypt

    # -- statements --------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; errors as sentences. Inside of another one it is a savepoint."""
        self.ready()
        with self.sentences(), self.connection.transaction():
            yield

    def all(self, query: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> list[Row]:
        """All rows."""
        self.ready()
        with self.sentences():
            return self.connection.execute(query, values or None).fetchall()

    def one(self, query: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        self.ready()
        with self.sentences():
            return self.connection.execute(query, values or None).fetchone()

    def must(self, query: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Row:
        """The first row of a statement that always gives one."""
        return assert_row(self.one(query, values))

    def run(self, query: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it touched."""
        self.ready()
        with self.sentences():
            return self.connection.execute(query, values or None).rowcount

    # -- audit and wake-ups ------------------------------------------------------------------------------------------

    @property
    def author(self) -> str:
        """Who acts: the actor given and the user of the operating system on this host, or who the session says."""
        return self._author

    def audit(
        self,
        action: str,
        kind: str,
        record_id: str,
        name: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Who did what to which record; before/after hold no secret. Part of the caller's transaction."""
        session = self._session
        key_id, key_name, address = (session.key_id, session.key_name, session.address) if session else (None,) * 3
        self.run(
            "insert into control_plane.audit_entries (workspace_id, actor, action, kind, record_id, "
            "record_name, before, after, key_id, key_name, from_address) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, host(inet_client_addr())))",
            [self.workspace_id, self.author, action, kind, record_id, name, to_json(before), to_json(after)]
            + [key_id, key_name, address],
        )

    def notify(self, deployment_id: str, listener_id: str | None, event: str) -> None:
        """Wake whoever waits for work; sent when the transaction commits."""
        payload = {"workspace": self.workspace_id, "listener": listener_id, "deployment": deployment_id, "event": event}
        self.run("select pg_notify(%s, %s)", [CHANNEL, json.dumps(payload)])


def cause_of(text: str) -> tuple[str, str]:
    """What is wrong and the next step, for a message of the server or of libpq."""
    for words, what, step in _CAUSES:
        matched = (
            all(word in text for word in words) if "does not exist" in words else any(word in text for word in words)
        )
        if matched:
            return what, step
    return "does not answer as expected (the connection was lost or refused)", "see the log of Postgres, then try again"


def assert_row(row: Row | None) -> Row:
    """A row that must be there."""
    if row is None:
        raise RecordsUnavailable(
            "The records gave no answer to a statement that always has one; see the log of Postgres."
        )
    return row


def statement(*parts: str) -> str:
    """One statement of constant parts; values always travel apart from it."""
    return " ".join(parts)


def check_page(limit: int, offset: int, most: int = 100) -> None:
    """InvalidInput unless limit and offset are those of a page."""
    if not 1 <= limit <= most or not 0 <= offset <= 2**31:
        raise InvalidInput(
            f"limit is {limit} and offset {offset}; use a limit of 1 to {most} and an offset of 0 or more.",
            field="limit",
        )


def position(after: str) -> int:
    """The place in a list that a next_offset names; InvalidInput if it is none."""
    if not after.isascii() or not after.isdecimal() or len(after) > 18:
        raise InvalidInput("The position is malformed; give the next_offset of an answer.", field="after")
    return int(after)


def moment(text: str, field: str) -> datetime:
    """A time; one without a zone is in UTC. InvalidInput names the field."""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{field} is no time; write it as in 2026-01-31T12:00:00Z.", field=field) from None


def clean(text: str | None, limit: int, tail: bool = False) -> str | None:
    """A program's text as Postgres can keep it: no NUL, no lone surrogate, at most ``limit`` characters (the last
    ones of a tail).
    """
    if text is None:
        return None
    text = text[-limit:] if tail else text[:limit]
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def to_json(value: Any) -> str | None:
    """JSON for a jsonb parameter."""
    return None if value is None else json.dumps(value, ensure_ascii=False)


def new_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
