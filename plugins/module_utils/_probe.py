# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: checks before something starts. `run_inside` asks the revision's venv, the rest looks at the host.

A finding is {"check": str, "ok": bool, "message": one sentence}; no message holds a password.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _children, _inside
from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account, Deadline
from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import Flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._langgraph_config import GraphConfig
from ansible_collections.selfhosted.langgraph.plugins.module_utils._unpack import free_bytes

Finding = dict[str, t.Any]
SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclasses.dataclass(frozen=True)
class Answer:
    """Findings of the process in the venv, and its last lines of output."""

    findings: list[Finding]
    lines: list[str]


def run_inside(
    python: Path,
    request: t.Mapping[str, t.Any],
    *,
    what: str,
    env: t.Mapping[str, str],
    cwd: Path,
    account: Account | None,
    deadline: Deadline,
) -> Answer:
    """Run `_inside` with a revision's Python as `account`; HostError when it does not come to an answer."""
    done = _children.run(
        [python, "-c", _inside_source()],
        what=what,
        deadline=deadline,
        env=env,
        cwd=cwd,
        account=account,
        stdin=json.dumps(request).encode(),
    )
    try:
        findings = json.loads(done.result)["findings"]
    except (ValueError, KeyError, TypeError):
        ended = f"signal {-done.code}" if done.code < 0 else f"exit code {done.code}"
        raise HostError(f"{what} ended with {ended} before it was done; look at the last lines.", done.lines) from None
    return Answer(findings, done.lines)


def import_request(config: GraphConfig, flavour: Flavour) -> dict[str, t.Any]:
    """What to import of a source that lies where `config` was read."""
    objects = [[f"Graph {name}", reference] for name, reference in config.graphs.items()]
    objects += [[f"{name} of langgraph.json", reference] for name, reference in config.objects.items()]
    return {
        "objects": objects,
        "modules": list(flavour.check_modules),
        "strip": f"{config.root}/",
        "python_path": config.python_path,
    }


def preflight(
    paths: HostPaths,
    number: int,
    *,
    database_uri: str | None = None,
    redis_uri: str | None = None,
    connections: int = 0,
    ports: t.Sequence[int] = (),
    disk_mb: int = 0,
    imports: bool = False,
    timeout: float = 60.0,
) -> list[Finding]:
    """All findings about a staged revision and its host, good ones too.

    connections: that the servers of this deployment will hold together, 0 leaves the budget out.
    ports: that have to be free or held by this deployment. disk_mb: that has to be free below the root.
    """
    found = [check_port(paths, port) for port in ports]
    if disk_mb:
        found.append(check_disk(paths, disk_mb))
    revision = paths.revision(number)
    try:
        meta = json.loads(revision.meta.read_text(encoding="utf-8"))
        env = json.loads(revision.env.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = f"Revision {number} of {paths.slug} is not staged on this host; run server_stage first."
        return [*found, {"check": "staged", "ok": False, "message": message}]
    request: dict[str, t.Any] = {
        "database_uri": database_uri,
        "redis_uri": redis_uri,
        "connections": connections,
        "postgres_minimum": meta.get("postgres_minimum"),
        "redis_minimum": meta.get("redis_minimum"),
        "python_path": meta.get("python_path"),
    }
    if imports:
        graphs = json.loads(env.get("LANGSERVE_GRAPHS") or "{}")
        request["objects"] = [
            [f"Graph {name}", spec["path"] if isinstance(spec, dict) else spec] for name, spec in graphs.items()
        ]
        request["strip"] = f"{revision.source}/"
    if not (database_uri or redis_uri or imports):
        return found
    account = Account.find(paths.service_user) if paths.platform == "systemd" else None
    if paths.platform == "systemd" and account is None:
        raise HostError(f"User {paths.service_user} is missing on this host; run server_stage again.")
    base = {"PATH": SEARCH_PATH, "HOME": "/nonexistent" if account else os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
    extra = {"PYTHONDONTWRITEBYTECODE": "1"}
    for name, value in (("DATABASE_URI", database_uri), ("REDIS_URI", redis_uri)):
        if value:
            extra[name] = value
    answer = run_inside(
        revision.python,
        request,
        what=f"The check of revision {number} of {paths.slug}",
        env={**base, **env, **extra},
        cwd=Path(meta["working_dir"]),
        account=account,
        deadline=Deadline(timeout),
    )
    return [*found, *answer.findings]


def check_disk(paths: HostPaths, need_mb: int) -> Finding:
    free = free_bytes(paths.home) // 1024**2
    if free >= need_mb:
        return {"check": "disk", "ok": True, "message": f"{free} MB are free for {paths.home}."}
    message = f"Only {free} MB are free for {paths.home} and {need_mb} MB are wanted; make room."
    return {"check": "disk", "ok": False, "message": message}


def check_port(paths: HostPaths, port: int) -> Finding:
    """Free, ours, or whose it is."""
    inodes = _listening(port)
    if not inodes:
        return {"check": "port", "ok": True, "message": f"Port {port} is free."}
    pid, command = _owner(inodes)
    if command and f"{paths.home}/" in command:
        return {"check": "port", "ok": True, "message": f"Port {port} is held by {paths.slug} itself."}
    who = f"process {pid} ({command[:80].strip()})" if pid else "a process of another user"
    message = f"Port {port} is taken by {who}; stop it, or give this deployment another port range."
    return {"check": "port", "ok": False, "message": message}


def _listening(port: int) -> set[str]:
    """Socket inodes that listen on a TCP port, on whatever address."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _owner(inodes: set[str]) -> tuple[int, str]:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if any(os.readlink(link) in inodes for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                return int(process.name), command
    return 0, ""


def _inside_source() -> str:
    """The text of `_inside`, also from within the archive that modules travel in."""
    spec = importlib.util.find_spec(_inside.__name__)
    source = getattr(spec.loader, "get_source", lambda name: None)(_inside.__name__) if spec else None
    if not source:
        raise HostError("The module's archive lacks _inside.py; install the collection again.")
    return str(source)
