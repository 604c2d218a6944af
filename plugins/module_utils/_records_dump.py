# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: all records as one file of pg_dump's custom format, and back. Errors are HostError.

The programs get the connection by their environment: an argument could be seen by others.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _children
from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Deadline
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

if t.TYPE_CHECKING:
    import psycopg as psycopg_types

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:
    PSYCOPG_ERROR: ImportError | None = error
else:
    PSYCOPG_ERROR = None

SCHEMA = "control_plane"
#: Where the records wait while others are restored; a run that was killed leaves them there.
ASIDE = "control_plane_before_restore"
_SECONDS = 6 * 3600
_VARIABLES = {
    **{name: f"PG{name.upper()}" for name in ("host", "hostaddr", "port", "user", "password", "passfile", "service")},
    **{name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "options")},
    "dbname": "PGDATABASE",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}


@dataclasses.dataclass(frozen=True)
class Database:
    """The database of the records, by its connection string."""

    dsn: str

    def parameters(self) -> dict[str, str]:
        """Parameters of libpq."""
        if PSYCOPG_ERROR is not None:
            raise HostError(
                "The Python library psycopg (3.1 or newer) is missing where the records are dumped; install "
                f"psycopg[binary] there ({PSYCOPG_ERROR})."
            )
        try:
            return {key: str(value) for key, value in conninfo_to_dict(self.dsn).items() if value is not None}
        except psycopg.Error:
            raise HostError("dsn is malformed; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE.") from None

    @property
    def where(self) -> str:
        """The database, for messages."""
        found = self.parameters()
        name = found.get("dbname") or found.get("user") or "postgres"
        return f"Postgres {found.get('host') or 'on the local socket'}:{found.get('port') or 5432}/{name}"

    def environment(self) -> dict[str, str]:
        """For pg_dump and pg_restore."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        found = {_VARIABLES[key]: value for key, value in self.parameters().items() if key in _VARIABLES}
        return {**kept, **found}

    @contextlib.contextmanager
    def connection(self) -> c.Iterator[psycopg_types.Connection[t.Any]]:
        """A connection in autocommit; errors of the driver become sentences."""
        self.parameters()
        try:
            with psycopg.connect(self.dsn, autocommit=True, connect_timeout=15) as connection:
                yield connection
        except psycopg.Error as error:
            first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
            raise HostError(f"{self.where} says: {first}") from None

    def schemas(self) -> set[str]:
        """Which of the schemas of the records there are, SCHEMA and ASIDE."""
        with self.connection() as connection:
            rows = connection.execute("select nspname from pg_namespace where nspname = any(%s)", [[SCHEMA, ASIDE]])
            return {row[0] for row in rows}

    def content(self) -> dict[str, int]:
        """How many deployments and revisions the records hold."""
        with self.connection() as connection:
            row = connection.execute(
                f"select (select count(*) from {SCHEMA}.deployments), (select count(*) from {SCHEMA}.revisions)"  # noqa: S608  # a constant
            ).fetchone()
        return {"deployments": row[0], "revisions": row[1]} if row else {}

    def run(self, argv: c.Sequence[str], what: str) -> None:
        """A program of Postgres; HostError that begins with `what` when it fails."""
        name = os.path.basename(argv[0])
        if not shutil.which(argv[0]):
            raise HostError(f"{what}: {argv[0]} is not on this host; install the client programs of Postgres.")
        done = _children.run(argv, what=name, deadline=Deadline(_SECONDS), env=self.environment(), cwd=Path("/"))
        if done.code:
            lines = done.lines or [f"{name} ended with {done.code}"]
            reason = next((line for line in lines if "error:" in line), lines[0])
            raise HostError(f"{what}: {reason.strip().rstrip('.')}.", lines[-20:])


def dump(database: Database, target: Path, program: str, check: bool) -> dict[str, t.Any]:
    """Write all records to a new file (0600): {"path", "bytes", "sha256"}. Nothing is left when it fails.

    `check`: only look, and give the path alone.
    """
    what = f"The records cannot be dumped to {target}"
    if target.exists():
        raise HostError(f"{what}: there is such a file already; choose another path.")
    if SCHEMA not in database.schemas():
        raise HostError(f"{what}: {database.where} holds no records; correct dsn.")
    if check:
        return {"path": str(target)}
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".dump-")
    except OSError as error:
        raise HostError(f"{what}: {error.strerror}; choose another path.") from None
    try:
        os.close(handle)
        # Most of it are sources, which are compressed already: more effort would only make it slow.
        argv = [program, "--format=custom", "--compress=1", "--no-password", f"--schema={SCHEMA}", f"--file={draft}"]
        database.run(argv, what)
        os.sync()
        found = describe(Path(draft))
        os.replace(draft, target)
    finally:
        Path(draft).unlink(missing_ok=True)
    return {"path": str(target), **found}


def describe(path: Path) -> dict[str, t.Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as stream:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def restore(database: Database, source: Path, program: str, replace: bool, check: bool) -> dict[str, t.Any]:
    """Bring the records of a dump into the database: {"path", "bytes", "sha256", "replaced": what was there before}.

    Records that are there stay until the new ones are complete, and come back when it fails. `check`: only look.
    """
    what = f"The records cannot be restored from {source}"
    if not source.is_file():
        raise HostError(f"{what}: there is no such file on this host; correct path.")
    # A file that is no dump, or one of a newer pg_dump, is found before anything is done.
    database.run([program, "--list", str(source)], what)
    there = database.schemas()
    if there == {ASIDE} and not check:  # a restore was killed on its way
        _bring_back(database)
        there = {SCHEMA}
    before = database.content() if SCHEMA in there else None
    if before is not None and not replace:
        raise HostError(
            f"{database.where} holds records already ({before['deployments']} deployments, {before['revisions']} "
            "revisions); restore into an empty database, or say replace to lose these."
        )
    if not check:
        _put_aside(database, there)
        argv = [program, "--dbname=", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
        try:
            database.run([*argv, "--no-password", str(source)], what)
        except HostError:
            _bring_back(database)
            raise
        _forget(database)
    return {"path": str(source), **describe(source), "replaced": before}


def _put_aside(database: Database, there: set[str]) -> None:
    with database.connection() as connection, connection.transaction():
        if SCHEMA in there:
            # What a restore that was killed at its end left aside is older than what stands there now.
            connection.execute(f"drop schema if exists {ASIDE} cascade")
            connection.execute(f"alter schema {SCHEMA} rename to {ASIDE}")


def _bring_back(database: Database) -> None:
    if ASIDE in database.schemas():
        with database.connection() as connection, connection.transaction():
            connection.execute(f"drop schema if exists {SCHEMA} cascade")
            connection.execute(f"alter schema {ASIDE} rename to {SCHEMA}")


def _forget(database: Database) -> None:
    with database.connection() as connection:
        connection.execute(f"drop schema if exists {ASIDE} cascade")
