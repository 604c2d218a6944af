# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: take a deployment's server off this host: units, revisions, service user.

``epoch`` and ``work.lock`` stay: a module of a killed run may still be on its way with an older epoch, and must find it
refused. They hold a number and nothing else; remove the directory by hand when the deployment's id never comes back.
``needs.json``, of a flavour without a database or Redis, stays for a deletion that is tried again.
"""

from __future__ import annotations

import pwd
import shutil
import subprocess
import typing as t
from functools import partial
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _needs
from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy import Proxy
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import COLOURS
from ansible_collections.selfhosted.langgraph.plugins.module_utils._serving import Server, Steps

STAYS = ("epoch", "work.lock", _needs.FILE)
STATE = Path("/var/lib/langgraph")  # where systemd makes the StateDirectory of the units


def remove(server: Server, steps: Steps, proxy: Proxy | None = None) -> None:
    """Bring the host to have nothing of this deployment's server. Redis and the proxy's route are others' work."""
    slug = server.paths.slug
    for colour in COLOURS:
        if proxy is not None and proxy.server_states(slug).get(colour) == "ready":
            steps.do(f"Proxy: no requests to API {colour}", partial(proxy.set_server, slug, colour, "maint"))
    for colour in COLOURS:
        if server.queue_there(colour):
            steps.do(f"Drain and remove queue processes {colour}", partial(server.drop_queue, colour))
    for colour in COLOURS:
        unit = server.paths.api_unit(colour)
        if server.services.installed_text(unit) is not None or server.api_up(colour):
            steps.do(f"Stop and remove API {colour}", partial(server.drop_api, colour))
    of_units = [STATE / slug] if server.paths.platform == "systemd" and (STATE / slug).exists() else []
    for path in [*leftovers(server.paths.home), *of_units]:
        steps.do(f"Remove {path}", partial(_drop, path))
    if server.paths.platform == "systemd" and user_exists(server.paths.service_user):
        user = server.paths.service_user
        steps.do(f"Remove user {user}", partial(_drop_user, user))


def leftovers(home: Path) -> list[Path]:
    """Everything below a deployment's directory that goes with its server."""
    try:
        return sorted(path for path in home.iterdir() if path.name not in STAYS and path.name != "redis")
    except FileNotFoundError:
        return []


def _drop(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def user_exists(name: str) -> bool:
    """Whether the system knows this user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _drop_user(name: str, run: t.Callable[..., t.Any] = subprocess.run) -> None:
    done = run(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
        ["userdel", name], check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0 and user_exists(name):
        reason = (done.stderr or done.stdout).strip() or f"userdel ended with {done.returncode}"
        raise HostError(f"User {name} could not be removed: {reason}; end its processes and run again.")
