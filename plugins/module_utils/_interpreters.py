# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: finds uv and the right Python on a server host, such that the builder can run them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account
from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import Flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_uv(given: str | None, own: Path, account: Account | None) -> str:
    """The uv given, else the host's own, else the one next to Ansible's Python, else one on PATH."""
    if given:
        if not os.access(given, os.X_OK):
            raise HostError(f"There is no uv at {given} on this host; correct langgraph_server_uv or leave it out.")
        return given
    found = shutil.which("uv", path=os.environ.get("PATH", SEARCH_PATH))
    for path in (str(own), str(Path(sys.executable).parent / "uv"), found):
        if path and os.access(path, os.X_OK) and (account is None or _reachable(Path(path).resolve())):
            return path
    raise HostError(f"This host has no uv at {own}; run role langgraph_server, which installs it.")


def choose_python(
    flavour: Flavour, wanted: str | None, locked: str | None, given: str | None, account: Account | None
) -> tuple[str, str]:
    """(version, interpreter). What langgraph.json asks for is binding, and so is what the lock was made with.

    Without either: the flavour's default, else the Python that Ansible uses here, else any that the flavour supports.
    """
    if wanted or locked or given:
        version = flavour.python(wanted or locked or (_version_of(given) if given else None))
        return version, find_python(version, given, account)
    default = flavour.python(None)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    choice = [default, *(version for version in (own, *reversed(flavour.pythons)) if version in flavour.pythons)]
    for version in dict.fromkeys(choice):
        with contextlib.suppress(HostError):
            return version, find_python(version, None, account)
    raise HostError(
        f"This host has none of Python {', '.join(sorted(dict.fromkeys(choice)))}; "
        f"install one (for example package python{default})."
    )


def _version_of(interpreter: str) -> str | None:
    """'/usr/bin/python3.12' -> '3.12'; None when the name does not say, and the flavour's default has to do."""
    found = re.search(r"python(3\.\d+)$", os.path.realpath(interpreter))
    return found[1] if found else None


def find_python(version: str, given: str | None, account: Account | None) -> str:
    """An interpreter of exactly `version` (3.12) that the builder can run, or HostError."""
    if given:
        if not os.access(given, os.X_OK):
            raise HostError(
                f"There is no Python at {given} on this host; correct langgraph_server_python or leave it out."
            )
        if (_version_of(given) or version) != version:
            raise HostError(
                f"{given} is not Python {version}, which the source wants; correct langgraph_server_python."
            )
        return given
    name = f"python{version}"
    candidates = [shutil.which(name, path=SEARCH_PATH), shutil.which(name)]
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        candidates.append(sys.executable)
    found = [path for path in candidates if path and os.access(path, os.X_OK)]
    for path in found:
        if account is None or _reachable(Path(path).resolve()):
            return path
    if found:
        raise HostError(
            f"{found[0]} is below a directory that only its owner can enter; install Python {version} for everybody."
        )
    raise HostError(
        f"This host has no Python {version}; install it (for example package python{version}), "
        "or set python_version in langgraph.json."
    )


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
