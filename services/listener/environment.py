# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of everything of Ansible that the listener starts: its own home, nothing of the service manager's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings

COLLECTION = Path(__file__).resolve().parent.parent.parent
_LONGEST_SOCKET_DIRECTORY = 107 - 1 - 10 - 17  # a slash, Ansible's name of the socket, what ssh adds while it binds
#: Of the listener itself, and not for what it starts.
_OWN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "MAINPID")


def _ssh_masters(directory: Path) -> dict[str, str]:
    """Connections of this program's own: ssh's master ends with the run that began it, and with it the connections of
    all others that share it. By default all of a user's do. Without any where the path of its socket is too long.
    """
    if len(os.fsencode(directory)) <= _LONGEST_SOCKET_DIRECTORY:
        return {"ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory)}
    return {"ANSIBLE_SSH_ARGS": "-C -o ControlMaster=no -o ControlPath=none"}


def ansible_environment(settings: Settings, home: Path) -> dict[str, str]:
    """Environment of one program of Ansible. home: its ANSIBLE_HOME, which concurrent runs must not share."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in _OWN and not name.startswith("ANSIBLE_")
    }
    kept = {name: value for name, value in os.environ.items() if name.startswith("ANSIBLE_VAULT_")}
    secrets = {
        "LANGGRAPH_SECRETS_ENV_PREFIX": settings.secrets_env_prefix,
        "LANGGRAPH_SECRETS_DIRECTORY": settings.secrets_directory,
    }
    found = [str(COLLECTION.parent.parent.parent)] if COLLECTION.parent.parent.name == "ansible_collections" else []
    return {
        **inherited,
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCAL_TEMP": str(home / "tmp"),
        **_ssh_masters(home / "cp"),
        "ANSIBLE_CONFIG": settings.ansible_config or str(Path(__file__).with_name("ansible.cfg")),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([*found, "/usr/share/ansible/collections"]),
        "ANSIBLE_CALLBACKS_ENABLED": "selfhosted.langgraph.work_log",
        "ANSIBLE_NOCOLOR": "true",
        # Half an inventory is worse than none: deployments would seem to have lost their hosts.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        **{name: value for name, value in secrets.items() if value},
        **settings.environment,
    }
