# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the listener: a JSON file, read at the start and at each reload. A bad value is one sentence."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

LEVELS = ("debug", "info", "warning", "error")
#: What a running process cannot take anew: it needs a restart.
FIXED = ("state_dir", "host", "port")


@dataclass(frozen=True)
class Settings:
    """How the listener runs. Times in seconds. Paths are absolute."""

    api_url: str
    api_key_file: str
    inventory: tuple[str, ...]
    state_dir: str
    listener: str = ""
    workspace: str = ""
    validate_certs: bool = True
    ca_path: str = ""
    concurrency: int = 0
    run_timeout: float = 3600.0
    lease_margin: float = 15.0
    retries: int = 3
    shutdown_timeout: float = 900.0
    drift_interval: float = 3600.0
    drift_correct: bool = False
    health_interval: float = 2.0
    health_failures: int = 3
    repairs_per_hour: int = 4
    metrics_interval: float = 60.0
    follow_logs: bool = True
    host: str = "127.0.0.1"
    port: int = 1986
    log_level: str = "info"
    secrets_env_prefix: str = ""
    secrets_directory: str = ""
    ansible_config: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    playbook: str = "selfhosted.langgraph.apply"

    @property
    def capacity(self) -> int:
        """How many runs at once: ``concurrency``, else the cores that this process may use."""
        return self.concurrency or len(os.sched_getaffinity(0))

    @property
    def runs(self) -> Path:
        """Where the private directories of runs are."""
        return Path(self.state_dir) / "runs"

    def read_key(self) -> str:
        """The API key; InvalidInput when its file cannot be read or holds none."""
        try:
            key = Path(self.api_key_file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise _bad(
                "api_key_file", f"{self.api_key_file} cannot be read ({why}); put the listener's key there"
            ) from None
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise _bad(
                "api_key_file", f"{self.api_key_file} holds no API key; write the listener's key into it, in one line"
            )
        return key


def load(path: str) -> Settings:
    """The settings in a file; InvalidInput names the file or the first bad key."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"The settings {path} cannot be read ({error.strerror}); give --config a file.") from None
    except ValueError as error:
        raise InvalidInput(f"The settings {path} are no JSON ({error}); correct the file.") from None
    if not isinstance(content, dict):
        raise InvalidInput(f'The settings {path} are no JSON object; write {{"api_url": ...}}.')
    return parse(content)


def parse(content: Mapping[str, Any]) -> Settings:
    """Settings from an object, checked."""
    known = {item.name: item for item in dataclasses.fields(Settings)}
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise _bad(unknown[0], "is not known; remove it or correct its name")
    values: dict[str, Any] = {}
    for name, item in known.items():
        if name in content and content[name] is not None:
            values[name] = _CHECKS[name](name, content[name])
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise _bad(name, "is missing")
    settings = Settings(**values)
    if settings.lease_margin > 40:
        raise _bad("lease_margin", "leaves nothing of a lease of 60 s; give at most 40")
    return settings


def _bad(name: str, what: str) -> InvalidInput:
    return InvalidInput(f"Setting {name} {what}.", field=name)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or "\n" in value:
        raise _bad(name, "is no text of one line")
    return value.strip()


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(name, "is neither true nor false")
    return value


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _bad(name, f"is no whole number from {low} to {high}")
        return value

    return check


def _seconds(low: float, high: float, zero: bool = False) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (low <= value <= high or (zero and value == 0)):
            raise _bad(name, f"is no number of seconds from {low:g} to {high:g}" + (", or 0 for never" if zero else ""))
        return float(value)

    return check


def _path(name: str, value: Any) -> str:
    text = _text(name, value)
    if text and not os.path.isabs(text):
        raise _bad(name, f"is {text!r}, which is no absolute path")
    return text


def _needed_path(name: str, value: Any) -> str:
    text = _path(name, value)
    if not text:
        raise _bad(name, "is empty; give an absolute path")
    return text


def _paths(name: str, value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        raise _bad(name, "is neither a path nor a list of paths")
    return tuple(_needed_path(name, item) for item in items)


def _url(name: str, value: Any) -> str:
    text = _text(name, value).rstrip("/")
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        good = good and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good:
        raise _bad(name, "is malformed; write https://HOST/api-host, with the base path of the control plane")
    return text


def _level(name: str, value: Any) -> str:
    if value not in LEVELS:
        raise _bad(name, f"is none of {', '.join(LEVELS)}")
    return str(value)


def _environment(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in (*value, *value.values())):
        raise _bad(name, "is no object of names and texts")
    return dict(value)


def _playbook(name: str, value: Any) -> str:
    text = _text(name, value)
    if not text or text.startswith("-"):
        raise _bad(name, "names no playbook")
    return text


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "api_url": _url,
    "api_key_file": _needed_path,
    "inventory": _paths,
    "state_dir": _needed_path,
    "listener": _text,
    "workspace": _text,
    "validate_certs": _flag,
    "ca_path": _path,
    "concurrency": _whole(0, 256),
    "run_timeout": _seconds(1, 86400),
    "lease_margin": _seconds(1, 59),
    "retries": _whole(0, 20),
    "shutdown_timeout": _seconds(0, 86400),
    "drift_interval": _seconds(1, 31 * 86400, zero=True),
    "drift_correct": _flag,
    "health_interval": _seconds(1, 3600, zero=True),
    "health_failures": _whole(1, 100),
    "repairs_per_hour": _whole(0, 60),
    "metrics_interval": _seconds(1, 86400, zero=True),
    "follow_logs": _flag,
    "host": _text,
    "port": _whole(0, 65535),
    "log_level": _level,
    "secrets_env_prefix": _text,
    "secrets_directory": _path,
    "ansible_config": _path,
    "environment": _environment,
    "playbook": _playbook,
}
