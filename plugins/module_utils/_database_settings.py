# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: settings of a Postgres cluster of this host, in a drop-in file that the server itself checks."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._database_login import (
    DatabaseError,
    Login,
    explain,
)

if t.TYPE_CHECKING:
    import psycopg

_RELOAD_SECONDS = 5.0
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)")
_BYTES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BOOLEANS = {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}


def text_of(settings: t.Mapping[str, t.Any]) -> str:
    """The drop-in file."""
    lines = [f"{name} = {_literal(settings[name])}\n" for name in sorted(settings)]
    return "# Written by selfhosted.langgraph.postgres_settings; changes by hand are lost.\n" + "".join(lines)


def _literal(value: t.Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def same(wanted: t.Any, live: str, unit: str | None, kind: str) -> bool:
    """Whether a setting's value means what the server has. live: as in pg_settings, counted in `unit`."""
    text = _literal(wanted).strip("'").replace("''", "'")
    if kind == "bool":
        return _BOOLEANS.get(text.lower(), text.lower()) == live
    if kind in ("integer", "real"):
        return _amount(text, unit) == _amount(live, unit)
    return text.lower() == live.lower() if kind == "enum" else text == live


def _amount(text: str, unit: str | None) -> float | str:
    """A number in base units (bytes or seconds where there is a unit)."""
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return text
    return float(found.group(1)) * _factor(found.group(2) or unit or "")


def _factor(unit: str) -> float:
    if not unit:
        return 1.0
    found = re.fullmatch(r"(\d*)([A-Za-z]+)", unit)
    if not found:
        return 1.0
    word = found.group(2).lower()
    return float(found.group(1) or 1) * float(_BYTES.get(word) or _SECONDS.get(word) or 1.0)


class Cluster:
    """A running cluster whose configuration is in `directory`. Errors are DatabaseError."""

    def __init__(self, directory: Path, socket_dir: str, os_user: str) -> None:
        self.directory = directory
        self.drop_in = directory / "conf.d" / "50-langgraph.conf"
        self._connection, self.login = self._find(socket_dir, os_user)

    def _find(self, socket_dir: str, os_user: str) -> tuple[psycopg.Connection[t.Any], Login]:
        """Log in at each local socket until one belongs to this configuration: its port may be about to change."""
        last: DatabaseError | None = None
        for path in sorted(Path(socket_dir).glob(".s.PGSQL.*[0-9]")):
            login = Login(os_user=os_user, socket_dir=socket_dir, port=int(path.name.rpartition(".")[2]))
            try:
                connection = login.connect()
            except DatabaseError as error:
                last = error
                continue
            row = connection.execute("SELECT current_setting('config_file')").fetchone()
            if row and Path(row[0]).parent == self.directory:
                return connection, login
            connection.close()
        raise last or DatabaseError(f"No Postgres with its configuration in {self.directory} answers; start it first.")

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *dummy: object) -> None:
        self._connection.close()

    def _rows(self, query: str, *values: t.Any) -> list[t.Any]:
        with explain(self.login):
            return self._connection.execute(query, values or None).fetchall()

    def restarts_for(self, settings: t.Mapping[str, t.Any]) -> list[str]:
        """Names of the settings that differ from the running server and take effect only when it is started anew."""
        rows = self._rows(
            "SELECT name, setting, unit, vartype FROM pg_settings WHERE context = 'postmaster' AND name = ANY(%s)",
            sorted(settings),
        )
        return sorted(name for name, live, unit, kind in rows if not same(settings[name], live, unit, kind))

    def current(self) -> str:
        try:
            return self.drop_in.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def write(self, text: str) -> None:
        """Put the drop-in in place and let the server take it; the old one comes back if the server finds a mistake."""
        old = self.current()
        self._put(text)
        mistake = self._mistake()
        if mistake:
            if old:
                self._put(old)
            else:
                self.drop_in.unlink()
            raise DatabaseError(f"Postgres refuses its settings ({mistake}); correct langgraph_postgres_settings.")
        before = self._rows("SELECT pg_conf_load_time()")
        self._rows("SELECT pg_reload_conf()")
        deadline = time.monotonic() + _RELOAD_SECONDS
        while self._rows("SELECT pg_conf_load_time()") == before and time.monotonic() < deadline:
            time.sleep(0.05)

    def _mistake(self) -> str:
        """What the server's program says against its files; empty when it could start with them."""
        program = Path(self._rows("SELECT setting FROM pg_config WHERE name = 'BINDIR'")[0][0]) / "postgres"
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
            [str(program), "-D", str(self.directory), "-C", "config_file"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            user=self.login.os_user if os.geteuid() == 0 else None,
        )
        lines = [line.split(":", 1)[-1].strip() for line in done.stderr.splitlines() if line.strip()]
        return "" if done.returncode == 0 else (lines or [f"exit status {done.returncode}"])[0]

    def _put(self, text: str) -> None:
        group = self.directory.stat().st_gid
        self.drop_in.parent.mkdir(mode=0o755, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self.drop_in.parent, prefix=".new-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), 0o644)
            os.fchown(stream.fileno(), os.geteuid(), group)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, self.drop_in)
