# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: users and identity of a server host."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

MACHINE_ID = Path("/etc/machine-id")


def host_key() -> str:
    """Stable name of this host in the records' placements: its machine id, else a hash of its name."""
    try:
        found = MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    if len(found) == 32 and all(c in "0123456789abcdef" for c in found):
        return found
    return hashlib.sha256(socket.getfqdn().encode()).hexdigest()[:32]


def ensure_system_user(name: str, home: Path) -> tuple[Account, bool]:
    """The system user, made when missing (own group, no login, no home made), and whether it was made."""
    found = Account.find(name)
    if found is not None:
        return found, False
    if os.geteuid() != 0:
        raise HostError(f"User {name} is missing on this host and only root can make it; run with become.")
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(home)]
    command += ["--shell", "/usr/sbin/nologin", name]
    text = ""
    for _attempt in range(5):  # another deployment's run may hold the lock of /etc/passwd, or make the same user
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
            command, capture_output=True, text=True, check=False, timeout=60
        )
        text = done.stderr.strip()
        found = Account.find(name)
        if found is not None:
            return found, True
        time.sleep(0.5)
    raise HostError(f"User {name} cannot be made on this host: {text or 'useradd failed'}.")
