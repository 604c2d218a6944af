# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook of the collection: a line for each step, everything else in a log."""

from __future__ import annotations

import hashlib
import locale
import os
import re
import subprocess
from dataclasses import dataclass
from typing import IO

from progress import Progress
from settings import CHECKOUT, VENV, QuickstartError, Settings
from stack import programs

#: Variables of the environment that would change what the playbook does.
FOREIGN = re.compile(r"^(ANSIBLE_|LANGGRAPH_(?!QUICKSTART)|LANGSMITH_|LANGCHAIN_|PYTHON)")
#: Programs that run as long as the parts do.
PARTS = {"langgraph-postgres", "langgraph-control-plane", "langgraph-listener"}
_HEADER = re.compile(r"^(PLAY|TASK) \[(.*)\] \*+$")
_RECAP = re.compile(r"^\S+\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)")


@dataclass
class Outcome:
    status: int
    changed: int
    failure: str


def environment(settings: Settings) -> dict[str, str]:
    """The user's environment without what is meant for other tools; Ansible's own files stay in the quickstart."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    kept |= {
        "PATH": f"{VENV / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(settings.configuration),
        "ANSIBLE_NOCOLOR": "1",
        "TMPDIR": str(settings.temporary),
        "XDG_RUNTIME_DIR": str(settings.temporary),
        "PYTHONUNBUFFERED": "1",
        "UV_SYSTEM_CERTS": "1",
    }
    if "utf-8" not in locale.getpreferredencoding(False).lower() or not {"LANG", "LC_ALL", "LC_CTYPE"} & kept.keys():
        kept["LC_ALL"] = "C.UTF-8"  # Ansible refuses any other encoding
    return kept


def fingerprint(settings: Settings) -> str:
    """Changes with whatever the parts (supervisord, Postgres, Redis, tools, control plane, listener) are made from."""
    digest = hashlib.sha256()
    sources = [CHECKOUT / name for name in ("playbooks", "plugins", "roles", "services")]
    files = [path for source in sources for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    for path in [settings.inventory, VENV / "stamp", *sorted(files)]:
        digest.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _parts_run(settings: Settings, made_from: str) -> bool:
    running = {one["name"] for one in programs(settings.state.supervisor_dir) if one["statename"] == "RUNNING"}
    kept = settings.parts.exists() and settings.api_key.exists() and settings.parts.read_text() == made_from
    return kept and running.issuperset(PARTS)


def run(settings: Settings, progress: Progress) -> Outcome:
    """Run playbooks/quickstart.yml with the inventory; without the parts when they are as they should be."""
    settings.temporary.mkdir(mode=0o700, exist_ok=True)
    made_from = fingerprint(settings)
    command = [str(VENV / "bin" / "python"), "-m", "ansible", "playbook"]
    command += ["-i", str(settings.inventory), "selfhosted.langgraph.quickstart"]
    if _parts_run(settings, made_from):
        command += ["--skip-tags", "parts"]
        progress.done("Supervisor, Postgres, Redis, tools, control plane, listener: running, unchanged")
    with open(settings.log, "w", encoding="utf-8", opener=_private) as log:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        try:
            outcome = _follow(process.stdout, log, progress)
        finally:
            outcome_status = process.wait()
    outcome.status = outcome_status
    if outcome.status == 0:
        settings.parts.write_text(made_from)
    return outcome


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _follow(lines: IO[str], log: IO[str], progress: Progress) -> Outcome:
    outcome = Outcome(status=0, changed=0, failure="")
    step, told = "", True
    said: list[str] = []  # since the last header
    for line in lines:
        log.write(line)
        log.flush()
        text = line.rstrip()
        header, recap = _HEADER.match(text), _RECAP.match(text)
        if recap:
            outcome.changed += int(recap[2])
        elif header or text.startswith("PLAY RECAP"):
            outcome.failure = _failure(said) or outcome.failure
            said = []
        else:
            said.append(text)
        if not header:
            continue
        name = header[2].split(" : ")[-1]
        if header[1] == "PLAY":
            step, told = name, False
            continue
        if not told:  # a play without tasks is not worth a line
            progress.done(step)
            told = True
        progress.doing(f"{step}: {name}")
    outcome.failure = _failure(said) or outcome.failure or "\n".join(said[-15:])
    return outcome


def _failure(said: list[str]) -> str:
    """What a failed task said, without what it says twice."""
    for marks in (("fatal:", "failed:"), ("[ERROR]", "ERROR!")):
        for number, line in enumerate(said):
            if line.startswith(marks):
                return "\n".join(said[number : number + 40]).strip()
    return ""


def require(outcome: Outcome, settings: Settings) -> None:
    """Raise QuickstartError when the playbook failed, with what it said."""
    if outcome.status == 0:
        return
    said = outcome.failure or "it gave no reason"
    raise QuickstartError(
        f"The playbook failed with status {outcome.status}; "
        f"all of its output is in {settings.shown(settings.log)}:\n{said}"
    )
