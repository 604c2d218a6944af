# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observer as it travels: its files in one line, and the words that start it on a host where nothing is
installed.
"""

from __future__ import annotations

import base64
import json
import shlex
import zlib
from pathlib import Path

MODULES = ("output", "files", "journal", "units", "probes", "deployments", "figures", "main")
_ON_HOST = Path(__file__).resolve().parent / "on_host"
# Reads one line of its standard input, byte by byte: what follows belongs to the observer.
_BOOTSTRAP = """
import base64, json, sys, types, zlib
files = json.loads(zlib.decompress(base64.b64decode(open(0, "rb", 0, closefd=False).readline())))
package = types.ModuleType("langgraph_observer")
package.__path__ = []
sys.modules[package.__name__] = package
for name, source in files:
    module = types.ModuleType(package.__name__ + "." + name)
    module.__package__ = package.__name__
    sys.modules[module.__name__] = module
    exec(compile(source, "observer/" + name + ".py", "exec"), module.__dict__)
module.main()
"""
_VERSION = "import sys; sys.exit(sys.version_info < (3, 9))"
_NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9")
NO_PYTHON = "this host has no Python 3.9 or later"


def payload() -> bytes:
    """All files, as one line."""
    files = [(name, (_ON_HOST / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]
    return base64.b64encode(zlib.compress(json.dumps(files).encode(), 9)) + b"\n"


def start_command(python: str = "", sudo: str = "") -> str:
    """A command for /bin/sh. python: a path, else one is looked for; sudo: how to become root where one is not."""
    names = " ".join(shlex.quote(name) for name in ([python] if python else _NAMES))
    become = f'as="{sudo}"; [ "$(id -u)" = 0 ] && as=; ' if sudo else "as=; "
    return (
        f'{become}for python in {names}; do if "$python" -c {shlex.quote(_VERSION)} >/dev/null 2>&1; then '
        f'exec $as "$python" -I -c {shlex.quote(_BOOTSTRAP)}; fi; done; echo {shlex.quote(NO_PYTHON)} >&2; exit 127'
    )
