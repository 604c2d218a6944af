# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the service, read from the environment once; a bad value is one sentence that names its variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from psycopg import Error as PsycopgError
from psycopg.conninfo import conninfo_to_dict

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

PREFIX = "LANGGRAPH_CONTROL_PLANE_"
API_PATH = "/api-host"  # where the stock client looks for the API below the address of a self-hosted control plane
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_LEVELS = ("debug", "info", "warning", "error")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """How the service runs. Times in seconds, sizes in bytes."""

    dsn: str
    encryption_key_file: str
    host: str = "127.0.0.1"
    port: int = 1985
    fd: int | None = None
    public_url: str = ""
    base_path: str = ""
    pool_size: int = 10
    listen_dsn: str = ""
    statement_timeout: float = 15.0
    max_body: int = _MIB
    max_upload: int = 200 * _MIB
    drain_seconds: float = 30.0
    observed_days: float = 7.0
    log_level: str = "info"
    migrate: bool = True
    registry_url: str = ""
    registry_username: str = ""
    registry_token_file: str = ""
    metrics_open: bool = False
    trusted_proxies: str = "127.0.0.1,::1"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Paths below which the API answers besides the root, the longest first."""
        known = (f"{self.base_path}{API_PATH}", self.base_path, API_PATH)
        return tuple(path for path in dict.fromkeys(known) if path)

    @property
    def api_path(self) -> str:
        """The path of the API as clients are told it."""
        return f"{self.base_path}{API_PATH}"


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings, checked. An empty variable counts as not set. InvalidInput names the first bad one."""
    read = _Reader(os.environ if environment is None else environment)
    dsn = read.dsn("DSN")
    key_file = read.text("ENCRYPTION_KEY_FILE")
    if not dsn:
        raise _bad("DSN", "is missing; give the address of the database, as postgresql://USER@HOST:PORT/DATABASE")
    if not key_file:
        raise _bad("ENCRYPTION_KEY_FILE", "is missing; give the path of the key file of the records")
    public_url = read.url("PUBLIC_URL")
    base_path = read.path("BASE_PATH")
    return Settings(
        dsn=dsn,
        encryption_key_file=key_file,
        host=read.text("HOST") or Settings.host,
        port=int(read.number("PORT", Settings.port, 0, 65535)),
        fd=int(read.number("FD", 0, 0, 4096)) or None,
        public_url=public_url,
        base_path=base_path,
        pool_size=int(read.number("POOL_SIZE", Settings.pool_size, 1, 200)),
        listen_dsn=read.dsn("LISTEN_DSN"),
        statement_timeout=read.number("STATEMENT_TIMEOUT", Settings.statement_timeout, 0.1, 600),
        max_body=int(read.number("MAX_BODY", Settings.max_body, 1024, 64 * _MIB)),
        max_upload=int(read.number("MAX_UPLOAD", Settings.max_upload, 1024, 200 * _MIB)),
        drain_seconds=read.number("DRAIN_SECONDS", Settings.drain_seconds, 0, 600),
        observed_days=read.number("OBSERVED_DAYS", Settings.observed_days, 0.01, 3650),
        log_level=read.choice("LOG_LEVEL", Settings.log_level, _LEVELS),
        migrate=read.flag("MIGRATE", Settings.migrate),
        registry_url=read.text("REGISTRY_URL").rstrip("/"),
        registry_username=read.text("REGISTRY_USERNAME"),
        registry_token_file=read.file("REGISTRY_TOKEN_FILE"),
        metrics_open=read.flag("METRICS_OPEN", Settings.metrics_open),
        trusted_proxies=read.text("TRUSTED_PROXIES") or Settings.trusted_proxies,
    )


def _bad(name: str, what: str) -> InvalidInput:
    return InvalidInput(f"{PREFIX}{name} {what}.", field=f"{PREFIX}{name}")


class _Reader:
    """Variables by name, each as the kind of value that is wanted."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str) -> str:
        return self._environment.get(f"{PREFIX}{name}", "").strip()

    def number(self, name: str, default: float, low: float, high: float) -> float:
        text = self.text(name)
        if not text:
            return default
        try:
            value = float(text) if isinstance(default, float) else int(text)
        except ValueError:
            raise _bad(name, f"is {text!r}; give a number from {low:g} to {high:g}") from None
        if not low <= value <= high:
            raise _bad(name, f"is {text}; give a number from {low:g} to {high:g}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name).lower()
        if not text:
            return default
        if text not in _TRUE + _FALSE:
            raise _bad(name, f"is {text!r}; give true or false")
        return text in _TRUE

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        text = self.text(name).lower() or default
        if text not in known:
            raise _bad(name, f"is {text!r}; give one of {', '.join(known)}")
        return text

    def dsn(self, name: str) -> str:
        text = self.text(name)
        try:
            conninfo_to_dict(text)
        except PsycopgError:
            raise _bad(name, "is malformed; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE or host=...") from None
        return text

    def url(self, name: str) -> str:
        text = self.text(name).rstrip("/")
        if text:
            parts = urlsplit(text)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
                raise _bad(name, f"is {text!r}; give the address of the control plane, as https://HOST")
        return text.removesuffix(API_PATH)

    def path(self, name: str) -> str:
        text = self.text(name).strip("/")
        if text and not all(part and part.replace("-", "").replace("_", "").isalnum() for part in text.split("/")):
            raise _bad(name, f"is {text!r}; give a path of letters, digits, hyphens and slashes, as /platform")
        return f"/{text}" if text else ""

    def file(self, name: str) -> str:
        text = self.text(name)
        if text and not Path(text).is_file():
            raise _bad(name, f"is {text!r}, where no file is; correct its path")
        return text
