# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the quickstart lives and what it listens on."""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent
VENV = CHECKOUT / ".venv"
#: Ports of one deployment: API blue and green, queue blue and green, Redis. More deployments take the next ones.
PORTS_PER_DEPLOYMENT = 5
PORTS = 100
#: A path of a socket has 107 bytes; supervisord appends its process id to the name while it binds.
LONGEST_SUPERVISOR_DIR = 83
#: Characters that some part (supervisord, make, the shell of a virtual environment) would take for something else.
FORBIDDEN = "\"'\\$%`\n:;"
#: How builds reach package indexes, besides what supervisord hands on: as the user's shell says, so does the listener.
NETWORK = re.compile(r"^UV_(\w*INDEX\w*|\w*CERTS?|NATIVE_TLS|INSECURE_HOST|HTTP_TIMEOUT)$|^GIT_SSL_CAINFO$")


class QuickstartError(Exception):
    """One sentence for the user, which names the object and the next step."""


@dataclass
class State:
    """What was decided when this quickstart was made; kept in `state.json` (0600) below its directory."""

    port: int
    postgres_port: int
    api_port: int
    listener_port: int
    supervisor_dir: str
    postgres_password: str
    records_password: str

    def ports(self) -> dict[int, tuple[str, str]]:
        """Port -> (what listens there, the variable that changes it)."""
        names = ["the server", "the server's next revision", "its queue", "its next queue", "Redis"]
        return {
            self.postgres_port: ("Postgres", VARIABLES["postgres_port"]),
            self.api_port: ("the control plane", VARIABLES["api_port"]),
            self.listener_port: ("the listener", VARIABLES["listener_port"]),
            **{self.port + number: (name, VARIABLES["port"]) for number, name in enumerate(names)},
        }

    @property
    def api_url(self) -> str:
        """Where the control plane is, as the stock CLI wants it."""
        return f"http://127.0.0.1:{self.api_port}/api-host"


@dataclass
class Settings:
    """The directory of a quickstart, and its state if there is one.

    ``undecided``: ports that this call decides, because nothing or an older version has decided them before.
    """

    directory: Path
    state: State
    is_new: bool
    undecided: frozenset[int] = frozenset()

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yml"

    @property
    def configuration(self) -> Path:
        return self.directory / "ansible.cfg"

    @property
    def log(self) -> Path:
        return self.directory / "quickstart.log"

    @property
    def result(self) -> Path:
        return self.directory / "result.json"

    @property
    def api_key(self) -> Path:
        """The key of an administrator of the control plane."""
        return self.directory / "api.key"

    @property
    def temporary(self) -> Path:
        return self.directory / "tmp"

    @property
    def parts(self) -> Path:
        """What the parts were made from the last time."""
        return self.directory / "parts.sha256"

    @property
    def lock(self) -> Path:
        return self.directory / ".lock"

    def shown(self, path: Path | str) -> str:
        """The path as a user in the checkout would write it."""
        try:
            return str(Path(path).relative_to(CHECKOUT))
        except ValueError:
            return str(path)


def directory() -> Path:
    """LANGGRAPH_QUICKSTART_DIR, or `.quickstart` in the checkout."""
    return Path(os.environ.get("LANGGRAPH_QUICKSTART_DIR") or CHECKOUT / ".quickstart").absolute()


def load() -> Settings:
    """The settings of the quickstart that is there, else those of a new one. Raises QuickstartError for a bad port."""
    home = directory()
    kept = home / "state.json"
    asked = {name: _port(variable) for name, variable in VARIABLES.items()}
    if kept.exists():
        try:
            known: dict[str, Any] = json.loads(kept.read_text())
            undecided = _ADDED - known.keys()
            state = State(**known | {name: asked[name] or _DEFAULTS[name] for name in undecided})
        except (ValueError, TypeError, AttributeError) as error:
            raise QuickstartError(f"{kept} is damaged ({error}): run `make quickstart-down PURGE=1`.") from error
        for name, port in asked.items():
            if port is not None and port != getattr(state, name):
                raise QuickstartError(
                    f"This quickstart was made with {VARIABLES[name]}={getattr(state, name)}, which cannot be "
                    f"changed to {port} any more: run `make quickstart-down PURGE=1`, then make it anew."
                )
        settings = Settings(home, state, False, frozenset(getattr(state, name) for name in undecided))
    else:
        state = State(
            **{name: asked[name] or default for name, default in _DEFAULTS.items()},
            supervisor_dir=str(home / "supervisor"),
            postgres_password=secrets.token_urlsafe(24),
            records_password=secrets.token_urlsafe(24),
        )
        settings = Settings(home, state, True, frozenset(state.ports()))
    if settings.undecided:
        _check_apart(state)
    return settings


def _check_apart(state: State) -> None:
    """Raise QuickstartError when one port is meant for two things."""
    last = state.port + PORTS_PER_DEPLOYMENT - 1
    others = [name for name in VARIABLES if name != "port"]
    for name in others:
        port = getattr(state, name)
        if state.port <= port <= last:
            raise QuickstartError(
                f"{VARIABLES[name]}={port} is one of the ports {state.port} to {last} of the server: "
                "choose another one."
            )
    for number, name in enumerate(others):
        for other in others[:number]:
            if getattr(state, name) == getattr(state, other):
                raise QuickstartError(
                    f"{VARIABLES[name]} and {VARIABLES[other]} are both {getattr(state, name)}: choose another one."
                )


VARIABLES = {
    "port": "QUICKSTART_PORT",
    "postgres_port": "QUICKSTART_POSTGRES_PORT",
    "api_port": "QUICKSTART_API_PORT",
    "listener_port": "QUICKSTART_LISTENER_PORT",
}
_DEFAULTS = {"port": 22000, "postgres_port": 25432, "api_port": 1985, "listener_port": 1986}
#: Ports that quickstarts of older versions have not decided.
_ADDED = {"api_port", "listener_port"}


def _port(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65535 - PORTS:
        raise QuickstartError(f"{variable}={text} is not a port: give a number from 1024 to {65535 - PORTS}.")
    return int(text)


def write(settings: Settings) -> None:
    """Write the state and the inventory, readable by the user alone; what stands there already is left."""
    settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.is_new and len(os.fsencode(settings.state.supervisor_dir)) > LONGEST_SUPERVISOR_DIR:
        # the directory stays where it is; its sockets are reached through a short symbolic link
        Path(settings.state.supervisor_dir).mkdir(mode=0o700, exist_ok=True)
        short = Path(tempfile.mkdtemp(prefix="langgraph-")) / "s"
        short.symlink_to(settings.state.supervisor_dir)
        settings.state.supervisor_dir = str(short)
    elif not settings.is_new and not Path(settings.state.supervisor_dir).is_relative_to(settings.directory):
        _restore_link(settings)
    _put(settings.directory / "state.json", json.dumps(asdict(settings.state), indent=1) + "\n")
    _put(settings.inventory, inventory(settings))
    _put(settings.configuration, configuration(settings))


def _restore_link(settings: Settings) -> None:
    """A directory for temporary files may be emptied (at a reboot): make the link again, but follow nobody else's."""
    short = Path(settings.state.supervisor_dir)
    target = settings.directory / "supervisor"
    short.parent.mkdir(mode=0o700, exist_ok=True)
    if short.parent.stat().st_uid != os.getuid():
        raise QuickstartError(f"{short.parent} belongs to somebody else: run `make quickstart-down PURGE=1`.")
    if not short.is_symlink():
        short.symlink_to(target)


def _put(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(path)


def configuration(settings: Settings) -> str:
    """Settings of Ansible that keep its own files in the quickstart's directory."""
    home = settings.directory / "ansible"
    return f"""# Written by `make quickstart`.
[defaults]
inventory = {settings.inventory}
home = {home}
local_tmp = {home / "tmp"}
remote_tmp = {home / "tmp"}
callback_result_format = yaml

[connection]
pipelining = true
"""


def inventory(settings: Settings) -> str:
    """An inventory of this machine, good for every playbook of the collection; values are never taken for templates."""
    state, home = settings.state, settings.directory
    dsn = f"postgresql://control_plane:{state.records_password}@127.0.0.1:{state.postgres_port}/control_plane"
    values: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": str(VENV / "bin" / "python"),
        "langgraph_platform": "supervisor",
        "langgraph_supervisor_dir": state.supervisor_dir,
        "langgraph_root": str(home / "servers"),
        "langgraph_port_range": f"{state.port}-{state.port + PORTS - 1}",
        "langgraph_records_dsn": dsn,
        "langgraph_encryption_key_file": str(home / "encryption.key"),
        "langgraph_api_url": state.api_url,
        "langgraph_api_key_file": str(settings.api_key),
        "langgraph_control_plane_port": state.api_port,
        "langgraph_control_plane_dir": str(home / "control-plane"),
        "langgraph_control_plane_python": str(VENV / "bin" / "python"),
        "langgraph_control_plane_encryption_key_file": str(home / "encryption.key"),
        "langgraph_control_plane_bootstrap_key_file": str(settings.api_key),
        "langgraph_listener": "quickstart",
        "langgraph_listener_port": state.listener_port,
        "langgraph_listener_dir": str(home / "listener"),
        "langgraph_listener_python": str(VENV / "bin" / "python"),
        "langgraph_listener_api_key_file": str(home / "listener.key"),
        "langgraph_listener_inventory": [str(settings.inventory)],
        "langgraph_listener_environment": {
            name: os.environ[name] for name in sorted(os.environ) if NETWORK.match(name)
        },
        "langgraph_listener_ansible_config": str(settings.configuration),
        "langgraph_listener_shutdown_timeout": 60,
        "langgraph_postgres_port": state.postgres_port,
        "langgraph_postgres_data_dir": str(home / "postgres"),
        "langgraph_postgres_password": state.postgres_password,
        "langgraph_quickstart_dir": str(home),
        "langgraph_quickstart_records_password": state.records_password,
        "langgraph_quickstart_source": str(CHECKOUT / "examples" / "agent"),
    }
    lines = [
        "# Written by `make quickstart`. Try: ansible-playbook -i THIS selfhosted.langgraph.apply --check --diff",
        "all:",
        "  vars:",
    ]
    for name, value in values.items():
        lines.append(f"    {name}: " + (str(value) if isinstance(value, int) else f"!unsafe {json.dumps(value)}"))
    lines.append("  children:")
    for group in ("langgraph_servers", "langgraph_control_planes", "langgraph_listeners"):
        lines += [f"    {group}:", "      hosts:", "        quickstart:"]
    lines.append("")
    return "\n".join(lines)
