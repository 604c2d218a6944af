# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: releases of a service on its host: code and virtual environment, each in a directory that never changes.

``<dir>/releases/<name>`` holds the code and a link ``venv``; ``<dir>/venvs/<key>`` an environment, which releases with
the same lock and interpreter share; ``<dir>/current`` leads to the newest release. A directory gets its name when it is
complete, so that a run that was killed leaves drafts only.
"""

from __future__ import annotations

import collections.abc as c
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _children
from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Deadline
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._unpack import unpack

MINIMUM_PYTHON = (3, 11)
LOCKS = "ansible_collections/selfhosted/langgraph/requirements"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}")
_DRAFT = ".draft-"
# Settings that would make another environment than the one asked for; index and proxies are the host's.
_LAYOUT = re.compile(
    r"VIRTUAL_ENV|PYTHON|UV_(PYTHON|PROJECT|WORKING|LINK|TOOL|OFFLINE|SYSTEM_PYTHON|CONSTRAINT|OVERRIDE)"
)
_ASK = "import sys; print(*sys.version_info[:2], sys.implementation.cache_tag, sys.exec_prefix)"


class Releases:
    """The directory of a service. Errors are HostError."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.releases = directory / "releases"
        self.venvs = directory / "venvs"
        self.current = directory / "current"

    # -- reading -------------------------------------------------------------------------------------------------------

    def release(self, name: str) -> Path:
        """Where a release lies, or would."""
        if not NAME.fullmatch(name):
            raise HostError(f"{name!r} is no name of a release; use letters, digits, dots and hyphens.")
        return self.releases / name

    def current_name(self) -> str | None:
        """Name of the release that ``current`` leads to."""
        try:
            return os.path.basename(os.readlink(self.current))
        except OSError:
            return None

    def venv(self, lock_sha256: str, interpreter: str) -> Path:
        """Where the environment with these packages and this interpreter lies, or would."""
        return self.venvs / hashlib.sha256(f"{lock_sha256} {describe(interpreter)}".encode()).hexdigest()[:12]

    def leads(self, name: str, venv: Path | None) -> bool:
        """The release's own link is as it should be; None: it has none."""
        link = self.release(name) / "venv"
        return not os.path.lexists(link) if venv is None else link.is_symlink() and os.readlink(link) == _relative(venv)

    # -- changing ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> c.Iterator[None]:
        """One at a time; drafts of runs that were killed go away."""
        for folder in (self.directory, self.releases, self.venvs):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            for folder in (self.releases, self.venvs):
                for draft in folder.glob(f"{_DRAFT}*"):
                    shutil.rmtree(draft, ignore_errors=True)
            yield
        finally:
            os.close(handle)

    def add(self, name: str, archive: Path) -> None:
        """Unpack a release."""
        with self._draft(self.releases) as draft:
            unpack(archive, draft / "release")
            os.sync()
            os.rename(draft / "release", self.release(name))

    def add_venv(self, venv: Path, lock: Path, uv: str, interpreter: str, settings: c.Mapping[str, str]) -> None:
        """Make an environment from a lock with hashes."""
        with self._draft(self.venvs) as draft:
            target = draft / "venv"
            env = {key: value for key, value in os.environ.items() if not _LAYOUT.match(key)}
            env.setdefault("UV_SYSTEM_CERTS", "1")
            env.update(settings, UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never")
            deadline = Deadline(900)
            sync = ["pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python"]
            for what, arguments in (
                ("made", ["venv", "--quiet", "--relocatable", "--no-project", "--python", interpreter, str(target)]),
                ("filled", [*sync, str(target / "bin" / "python"), str(lock)]),
            ):
                done = _children.run([uv, *arguments], what=f"uv {arguments[0]}", deadline=deadline, env=env, cwd=draft)
                if done.code:
                    reason = next((line for line in reversed(done.lines) if line.strip()), "uv gave no reason").strip()
                    raise HostError(f"The virtual environment {venv} cannot be {what}: {reason}", done.lines)
            os.sync()
            os.rename(target, venv)

    def link(self, name: str, venv: Path | None) -> str:
        """Give a release its environment; the one that it had, which still runs until the service is restarted."""
        link = self.release(name) / "venv"
        former = os.path.realpath(link)
        if venv is None:
            link.unlink(missing_ok=True)
        else:
            _point(link, _relative(venv))
        return former

    def choose(self, name: str, keep: int, former: str) -> list[str]:
        """Let ``current`` lead to the release. ``keep`` older ones stay, those used last; gives what was removed.

        The environment ``former`` stays too. It goes with the next change, if no release has it then.
        """
        _point(self.current, f"releases/{name}")
        os.utime(self.release(name))
        found = [path for path in self.releases.iterdir() if path.is_dir() and not path.name.startswith(".")]
        older = sorted((path for path in found if path.name != name), key=lambda path: path.stat().st_mtime)
        outdated = older[: len(older) - keep] if keep < len(older) else []
        for path in outdated:
            shutil.rmtree(path)
        needed = {former, *(os.path.realpath(path / "venv") for path in found if path not in outdated)}
        unused = [path for path in self.venvs.iterdir() if os.path.realpath(path) not in needed]
        for path in unused:
            shutil.rmtree(path)
        return sorted(str(path) for path in [*outdated, *unused])

    @contextlib.contextmanager
    def _draft(self, folder: Path) -> c.Iterator[Path]:
        draft = Path(tempfile.mkdtemp(dir=folder, prefix=_DRAFT))
        draft.chmod(0o755)
        try:
            yield draft
        except OSError as error:
            raise HostError(
                f"{folder} cannot be written ({error.strerror or error}); make room or change it."
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def describe(interpreter: str) -> str:
    """Version and place of an interpreter; HostError when it is none that the service can run on."""
    done = _children.run([interpreter, "-c", _ASK], what="The interpreter", deadline=Deadline(30), env=_plain())
    words = (done.lines or [""])[-1].split(maxsplit=2)
    if done.code or len(words) < 3 or not (words[0].isdigit() and words[1].isdigit()):
        raise HostError(f"{interpreter} is no Python that works; give another one.", done.lines)
    if (int(words[0]), int(words[1])) < MINIMUM_PYTHON:
        raise HostError(
            f"{interpreter} is Python {words[0]}.{words[1]}, and 3.11 or later is needed; give another one."
        )
    return " ".join(words)


def _plain() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _relative(venv: Path) -> str:
    return f"../../venvs/{venv.name}"


def _point(link: Path, target: str) -> None:
    """Make or replace a link in one step."""
    if link.is_symlink() and os.readlink(link) == target:
        return
    draft = link.with_name(f".{link.name}-new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    os.replace(draft, link)


def bring(releases: Releases, params: c.Mapping[str, t.Any], check: bool) -> dict[str, t.Any]:
    """What module service_release does; the task's result."""
    name, given = params["name"], params["python"]
    release = releases.release(name)
    there = release.is_dir()
    if not there and not params["archive"] and not check:
        return {"changed": False, "needs_archive": True}
    venv = None if given else releases.venv(params["lock_sha256"], params["venv_python"])
    actions = [] if there else [f"unpack release {name}"]
    if venv is not None and not venv.is_dir():
        actions.append(f"make virtual environment {venv.name}")
    if releases.current_name() != name or (there and not releases.leads(name, venv)):
        actions.append(f"let current lead to {name}")
    removed: list[str] = []
    if actions and not check:
        with releases.locked():
            if not release.is_dir():
                releases.add(name, Path(params["archive"]))
            if venv is not None and not venv.is_dir():
                lock = release / LOCKS / f"{params['service']}.txt"
                releases.add_venv(venv, lock, params["uv"], params["venv_python"], params["uv_env"] or {})
            former = releases.link(name, venv)
            removed = releases.choose(name, params["keep"], former)
    python = given or str(t.cast(Path, venv) / "bin" / "python")
    return {
        "changed": bool(actions),
        "actions": actions,
        "release": name,
        "directory": str(release),
        "python": python,
        "interpreter": os.path.realpath(python if os.path.exists(python) else params["venv_python"]),
        "removed": removed,
    }
