# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the way into a Postgres server as its administrator, its errors as sentences, and its dumps."""

from __future__ import annotations

import collections.abc as c
import contextlib
import dataclasses
import os
import pwd
import subprocess
import tempfile
import time
import traceback
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

if t.TYPE_CHECKING:
    import psycopg as psycopg_types

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    HAS_PSYCOPG = True
    PSYCOPG_ERROR = ""
except ImportError:
    HAS_PSYCOPG = False
    PSYCOPG_ERROR = traceback.format_exc()

_CONNECT_SECONDS = 15
_DUMP_SECONDS = 6 * 3600
#: What libpq's programs read instead of an argument that others could see.
_ENVIRONMENT = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "service": "PGSERVICE",
    "options": "PGOPTIONS",
}


#: Words of libpq or Postgres -> the sentence for them.
_DSN = "correct langgraph_postgres_login_dsn"
_KNOWN = (
    (
        ("connection refused", "no such file or directory", "is the server running"),
        f"Postgres does not answer on {{where}}; start it, or {_DSN}.",
    ),
    (
        ("could not translate host name", "name or service not known", "failed to resolve host"),
        f"The host of Postgres ({{where}}) cannot be resolved; {_DSN}.",
    ),
    (
        ("timeout expired", "connection timeout"),
        "Postgres on {where} did not answer in time; look at the network and its load.",
    ),
    (
        ("password authentication failed", "no password supplied"),
        f"Postgres on {{where}} refuses the password of {{user}}; {_DSN}.",
    ),
    (
        ("peer authentication failed",),
        "Postgres on {where} does not let the system user in as {user}; see its pg_hba.conf.",
    ),
    (
        ("too many clients", "remaining connection slots", "too many connections"),
        "Postgres on {where} is out of connections; raise langgraph_postgres_connections_budget.",
    ),
    (
        ("permission denied to create role",),
        "The role {user} on {where} has no right to create roles; give it CREATEROLE.",
    ),
    (
        ("permission denied to create database",),
        "The role {user} on {where} has no right to create databases; give it CREATEDB.",
    ),
    (
        ("no pg_hba.conf entry",),
        "Postgres on {where} does not let {user} in from this host; add an entry to its pg_hba.conf.",
    ),
)


class DatabaseError(HostError):
    """Postgres cannot do what is needed; the message is one sentence."""


@dataclasses.dataclass(frozen=True)
class Login:
    """How the administrator logs in: by `dsn`, else as the system user `os_user` over the local socket."""

    dsn: str = ""
    os_user: str = "postgres"
    socket_dir: str = "/var/run/postgresql"
    port: int = 5432
    password_file: str = ""

    def parameters(self) -> dict[str, str]:
        """Parameters of libpq, without the database."""
        if not HAS_PSYCOPG:
            raise DatabaseError(
                "The Python library psycopg (version 3) is missing on this host; apply the role langgraph_postgres.",
                exception=PSYCOPG_ERROR,
            )
        if not self.dsn:
            return {"host": self.socket_dir, "port": str(self.port), "user": self.os_user}
        try:
            found = {key: str(value) for key, value in conninfo_to_dict(self.dsn).items() if value is not None}
        except psycopg.Error as error:
            raise DatabaseError(
                f"The login_dsn is malformed ({error}); write it as postgresql://user@host:port/."
            ) from error
        found.pop("dbname", None)
        if self.password_file:
            try:
                found["password"] = Path(self.password_file).read_text(encoding="utf-8").strip("\n")
            except OSError as error:
                raise DatabaseError(
                    f"The administrator's password cannot be read from {self.password_file}: {error.strerror}."
                ) from error
        return found

    @property
    def where(self) -> str:
        """The server, for messages."""
        found = self.parameters()
        return f"{found.get('host') or found.get('hostaddr') or 'localhost'}:{found.get('port', '5432')}"

    def _becomes(self) -> pwd.struct_passwd | None:
        """The system user to be while the socket is opened: Postgres asks the kernel who calls."""
        if self.dsn or os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam(self.os_user)
        except KeyError as error:
            raise DatabaseError(
                f"There is no system user {self.os_user} on this host; install Postgres by the role langgraph_postgres"
                " or set langgraph_postgres_login_dsn."
            ) from error

    def connect(self, wait: float = 0.0) -> psycopg_types.Connection[t.Any]:
        """A connection to the database postgres; one that does not answer yet is waited for, `wait` seconds."""
        deadline = time.monotonic() + wait
        while True:
            try:
                return self._connect("postgres")
            except DatabaseError as error:
                early = isinstance(error.__cause__, psycopg.OperationalError) and any(
                    word in str(error.__cause__) for word in ("refused", "No such file", "starting up")
                )
                if not early or time.monotonic() >= deadline:
                    raise
            time.sleep(0.1)

    def _connect(self, database: str) -> psycopg_types.Connection[t.Any]:
        """In autocommit, as databases cannot be created in a transaction."""
        found = self.parameters()
        user = self._becomes()
        with explain(self):
            if user:
                os.seteuid(user.pw_uid)
            try:
                return psycopg.connect(
                    **found,  # type: ignore[arg-type]  # parameters of libpq are texts
                    dbname=database,
                    autocommit=True,
                    connect_timeout=_CONNECT_SECONDS,
                    application_name="selfhosted.langgraph",
                )
            finally:
                if user:
                    os.seteuid(0)

    def accepts(self, role: str, password: str, database: str) -> bool:
        """Whether the server lets this role in with this password (it may refuse the database afterwards)."""
        found = {**self.parameters(), "user": role, "password": password}
        if found.get("host", "").startswith("/"):
            found["host"] = "127.0.0.1"  # sockets ask for no password
        try:
            psycopg.connect(**found, dbname=database, connect_timeout=_CONNECT_SECONDS).close()  # type: ignore[arg-type]  # texts
        except psycopg.OperationalError as error:
            text = str(error)
            if "password authentication failed" in text or "no password assigned" in text:
                return False
            if "permission denied for database" in text or "too many connections for role" in text:
                return True
            raise DatabaseError(sentence(text, self)) from error
        return True

    def dump(self, database: str, directory: Path, program: str) -> Path:
        """Write `database` in pg_dump's custom format to a new file (0600); its path. Nothing is left when it fails."""
        found = self.parameters()
        user = self._becomes()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = directory / f"{database}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.dump"
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PG")},
            **{_ENVIRONMENT[key]: value for key, value in found.items() if key in _ENVIRONMENT},
            "PGDATABASE": database,
        }
        handle, draft = tempfile.mkstemp(dir=directory, prefix=".dump-")
        try:
            with os.fdopen(handle, "wb") as stream:
                done = subprocess.run(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
                    [program, "--format=custom", "--no-password"],
                    stdout=stream,
                    stderr=subprocess.PIPE,
                    stdin=subprocess.DEVNULL,
                    env=environment,
                    cwd="/",
                    check=False,
                    timeout=_DUMP_SECONDS,
                    **({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}),  # type: ignore[call-overload]  # only on request
                )
                stream.flush()
                os.fsync(stream.fileno())
            if done.returncode:
                lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
                raise DatabaseError(
                    f"The dump of database {database} failed, so it was not deleted: {lines[0].rstrip('.')}; "
                    "mend that, or give the dump up with skip_dump.",
                    log_tail=lines[-20:],
                )
            os.replace(draft, target)
        except FileNotFoundError as error:
            raise DatabaseError(
                f"The dump of database {database} failed, so it was not deleted: {program} is not on this host."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise DatabaseError(
                f"The dump of database {database} took more than 6 hours, so it was not deleted."
            ) from error
        finally:
            Path(draft).unlink(missing_ok=True)
        return target


def sentence(text: str, login: Login) -> str:
    """What Postgres or libpq says, as one sentence with the next step."""
    where, user = login.where, login.parameters().get("user", "its default user")
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    low = text.lower()
    for words, answer in _KNOWN:
        if any(word in low for word in words):
            return answer.format(where=where, user=user)
    return f"Postgres on {where} says: {first}"


@contextlib.contextmanager
def explain(login: Login) -> c.Iterator[None]:
    """Turn errors of the driver into DatabaseError; they hold no statement and so no password."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseError(sentence(str(error), login)) from error
