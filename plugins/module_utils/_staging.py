# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: stage one revision on a host: source, venv from a lock, import check, generated files.

All of it grows in `revisions/.<n>.tmp-*` and gets its name by one rename, so `revisions/<n>` is whole or not there.
A run that died leaves only such drafts behind; the next one removes them.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import (
    _host,
    _needs,
    _probe,
    _revision_files,
    _unpack,
    _venv,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account, Deadline, signals_as_errors
from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import Fence, compare, fenced
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths, RevisionPaths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._interpreters import choose_python, find_uv
from ansible_collections.selfhosted.langgraph.plugins.module_utils._langgraph_config import GraphConfig, read_config
from ansible_collections.selfhosted.langgraph.plugins.module_utils._revision_files import GENERATED, Wanted


@dataclasses.dataclass
class Staged:
    """Answer of `stage`. `needs_source`: not staged and no source given. `lock_changed`: this run resolved it."""

    changed: bool
    staged: bool
    needs_source: bool = False
    lock: str | None = None
    lock_changed: bool = False
    graphs: list[str] = dataclasses.field(default_factory=list)
    findings: list[str] = dataclasses.field(default_factory=list)
    version: str | None = None
    python_version: str | None = None
    needs: dict[str, bool] = dataclasses.field(default_factory=dict)


def stage(paths: HostPaths, wanted: Wanted, epoch: int | None, wait_lock: float, check_mode: bool) -> Staged:
    """Make `revisions/<number>` be there as wanted. Errors: HostError, one sentence and the last log lines."""
    wanted.checked()
    wanted.flavour.version(wanted.api_version)
    staging = _Staging(paths, wanted)
    if check_mode:
        compare(paths, epoch)
        return staging.predict()
    with signals_as_errors(f"Staging revision {wanted.number} of {paths.slug}"):
        os.umask(0o022)
        try:
            with fenced(paths, epoch, wait_lock) as fence:
                return staging.work(fence)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _unpack.disk_full(paths.revisions) from error
            raise


class _Staging:
    def __init__(self, paths: HostPaths, wanted: Wanted) -> None:
        self.paths = paths
        self.wanted = wanted
        self.final = paths.revision(wanted.number)
        self.deadline = Deadline(wanted.timeout)
        self.service: Account | None = None
        self.account: Account | None = None

    # -- what is there
    def predict(self) -> Staged:
        if self.paths.platform == "systemd":
            self.service = Account.find(self.paths.service_user)
        found, misfits = self._look()
        found.changed = not found.staged or bool(misfits)
        return found

    def work(self, fence: Fence) -> Staged:
        made_users = self._users()
        found, misfits = self._look()
        if found.staged:
            if misfits:
                fence.check()
                self._put_right(misfits)
            found.changed = made_users or bool(misfits)
            return found
        if found.needs_source:
            found.changed = False
            return found
        return self._make(fence)

    def _look(self) -> tuple[Staged, dict[str, str]]:
        """Is the revision there, and the texts of those generated files that are not as they should be."""
        wanted = self.wanted
        needs = wanted.flavour.needs
        missing = Staged(changed=True, staged=False, needs_source=wanted.source is None, needs=needs)
        meta = _revision_files.read_json(self.final.meta)
        generated = _revision_files.read_json(self.final.path / GENERATED)
        if generated is None:
            return missing, {}
        if meta is None:
            meta = json.loads(generated["meta.json"])
        sources = {meta.get("source_sha256"), wanted.source_sha256} - {None}
        same = meta.get("revision_id") == wanted.revision_id and meta.get("config_digest") == wanted.inputs_digest()
        if not same or len(sources) > 1:
            raise HostError(
                f"Revision {wanted.number} of {self.paths.slug} is staged on this host from another source, "
                "environment or version; give the new contents a new number."
            )
        if not os.access(self.final.python, os.X_OK) or not self.final.source.is_dir():
            return missing, {}
        lock = generated["requirements.lock"]
        if wanted.lock and _venv.split_lock(wanted.lock) != _venv.split_lock(lock):
            return missing, {}
        misfits = _revision_files.misfits(self.final, generated, self.service)
        return _known(meta, lock), {name: generated[name] for name in misfits}

    def _put_right(self, texts: dict[str, str]) -> None:
        _revision_files.write_files(self.final.path, texts, self.service)
        self._own(self.final)

    # -- users
    def _users(self) -> bool:
        """Find the accounts of platform systemd, make them when missing; True when one was made."""
        if self.paths.platform != "systemd":
            return False
        if os.geteuid() != 0:
            raise HostError("Platform systemd needs root on the host; run with become, or use platform supervisor.")
        builder_home = self.paths.builder(self.wanted.workspace_id)
        self.service, made = _host.ensure_system_user(self.paths.service_user, self.paths.home)
        if not self.wanted.flavour.packages:
            return made
        name = self.paths.builder_user(self.wanted.workspace_id)
        self.account, made_builder = _host.ensure_system_user(name, builder_home)
        return made or made_builder

    # -- making it
    def _make(self, fence: Fence) -> Staged:
        revisions = self.paths.revisions
        revisions.mkdir(mode=0o711, exist_ok=True)
        _remove_leftovers(revisions)
        self._check_source()
        draft = Path(tempfile.mkdtemp(prefix=self.paths.staging_prefix(self.wanted.number), dir=revisions))
        try:
            draft.chmod(0o711 if self.account else 0o700)
            found = self._fill(RevisionPaths(draft, self.wanted.number), fence)
            fence.check()
            _needs.note(self.paths, self.wanted.flavour.needs)
            self._install(draft)
            return found
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _check_source(self) -> None:
        wanted = self.wanted
        if wanted.source is None or not wanted.source_sha256:
            return
        with wanted.source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != wanted.source_sha256:
            raise HostError(f"The source of revision {wanted.number} arrived damaged (SHA-256 {digest}); run again.")

    def _fill(self, draft: RevisionPaths, fence: Fence) -> Staged:
        wanted = self.wanted
        if wanted.source is None:
            raise HostError(f"Revision {wanted.number} of {self.paths.slug} is not staged and no source was given.")
        _unpack.unpack(wanted.source, draft.source)
        config = read_config(draft.source, wanted.config_path, wanted.flavour)
        findings = list(config.findings)
        version = self._version(config, findings)
        locked = _venv.lock_header(wanted.lock or "").get("python")
        account = self.account or self.service
        python = choose_python(wanted.flavour, config.python_version, locked, wanted.python, account)
        lock, resolved = "", False
        if wanted.flavour.packages:
            lock, resolved = self._build(draft, fence, config, version, python, findings)
        else:
            draft.python.parent.mkdir(mode=0o755, parents=True)
            draft.python.symlink_to(os.path.realpath(python[1]))
        texts = dict(wanted.files)
        texts["env.json"] = _revision_files.to_json(
            _revision_files.server_environment(wanted, config, moved_to=self.final.source)
        )
        texts["requirements.lock"] = lock
        meta = _revision_files.meta_of(
            wanted, config, self.final, python=python[0], version=version, lock=lock, findings=findings
        )
        texts["meta.json"] = _revision_files.to_json(meta)
        texts_and_copy = {**texts, GENERATED: _revision_files.to_json(texts)}
        _revision_files.write_files(draft.path, texts_and_copy, self.service)
        self._own(draft)
        found = _known(meta, lock)
        found.changed, found.lock_changed = True, resolved
        return found

    def _build(
        self,
        draft: RevisionPaths,
        fence: Fence,
        config: GraphConfig,
        version: str,
        python: tuple[str, str],
        findings: list[str],
    ) -> tuple[str, bool]:
        """The environment, in which every graph can be imported; returns the lock, and whether this run resolved it."""
        builder = self._builder(draft)
        fence.check()
        lock, resolved, found = self._environment(draft, builder, version, python)
        findings += found
        fence.check()
        self._check_imports(draft, config, builder)
        shutil.rmtree(builder.scratch, ignore_errors=True)
        return lock, resolved

    def _version(self, config: GraphConfig, findings: list[str]) -> str:
        flavour = self.wanted.flavour
        if self.wanted.api_version:
            return flavour.version(self.wanted.api_version)
        try:
            return flavour.version(config.api_version)
        except HostError:
            findings.append(
                f"api_version {config.api_version} in {Path(self.wanted.config_path).name} is not honoured: flavour "
                f"{flavour.name} runs {flavour.version_default}."
            )
            return flavour.version_default

    def _builder(self, draft: RevisionPaths) -> _venv.Builder:
        """uv as the builder, with a scratch directory that holds a copy of the source in `build`.

        The builder works on a copy, since building writes into the tree, and the source stays what was uploaded.
        Root makes nothing and hands nothing over in a directory that the builder can already reach: it could be
        another one by then.
        """
        wanted, account = self.wanted, self.account
        uv = find_uv(wanted.uv, self.paths.uv, account)
        home = self.paths.builder(wanted.workspace_id)
        home.parent.mkdir(mode=0o711, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
        scratch = draft.path / "tmp"
        scratch.mkdir(mode=0o700)
        shutil.copytree(draft.source, scratch / "build")
        if account is not None:
            os.chown(home, account.uid, account.gid)
            draft.venv.mkdir(mode=0o755)
            os.chown(draft.venv, account.uid, account.gid)
            _hand_over(scratch, account)
        cache = self.paths.cache(wanted.workspace_id)
        return _venv.Builder(uv, cache, home, scratch, account, wanted.uv_env, self.deadline)

    def _environment(
        self, draft: RevisionPaths, builder: _venv.Builder, version: str, python: tuple[str, str]
    ) -> tuple[str, bool, list[str]]:
        """Make the venv; returns the lock, whether this run resolved it, and findings. python: (version, path)."""
        wanted = self.wanted
        config = read_config(builder.scratch / "build", wanted.config_path, wanted.flavour)
        requirements = wanted.flavour.requirement_lines(version)
        lock, resolved = wanted.lock, False
        if not lock and not wanted.refresh_lock:
            lock = self._known_lock(_venv.inputs_digest(config, requirements, python[0]))
        if not lock:
            lock, resolved = _venv.resolve(builder, config, requirements, python[0], python[1]), True
        return lock, resolved, _venv.make(builder, config, lock, python[1], draft.venv)

    def _known_lock(self, inputs: str) -> str | None:
        """The lock of the newest revision with the same requirements: a change of code moves no package."""
        numbers = [int(path.name) for path in self.paths.revisions.iterdir() if path.name.isdigit()]
        for number in sorted(numbers, reverse=True):
            generated = _revision_files.read_json(self.paths.revision(number).path / GENERATED) or {}
            lock = str(generated.get("requirements.lock", ""))
            if _venv.lock_header(lock).get("inputs") == inputs:
                return lock
        return None

    def _check_imports(self, draft: RevisionPaths, config: GraphConfig, builder: _venv.Builder) -> None:
        flavour = self.wanted.flavour
        env = _revision_files.server_environment(self.wanted, config)
        for name, value in flavour.check_env.items():
            env.setdefault(name, value)
        answer = _probe.run_inside(
            draft.python,
            _probe.import_request(config, flavour),
            what=f"Importing the graphs of revision {self.wanted.number}",
            env={**_venv.plain_environment(builder.home, builder.scratch), **env},
            cwd=config.directory,
            account=self.account,
            deadline=self.deadline,
        )
        for finding in answer.findings:
            if not finding["ok"]:
                raise HostError(finding["message"], answer.lines)

    def _own(self, revision: RevisionPaths) -> None:
        """Who may read: the service user and root. The builder no longer gets in."""
        if self.service is None:
            revision.path.chmod(0o700)
            return
        os.chown(revision.path, 0, self.service.gid)
        revision.path.chmod(0o750)

    def _install(self, draft: Path) -> None:
        if self.final.path.exists():
            old = Path(tempfile.mkdtemp(prefix=self.paths.staging_prefix(self.wanted.number), dir=self.paths.revisions))
            os.rename(self.final.path, old / "old")
            os.rename(draft, self.final.path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(draft, self.final.path)


def _known(meta: dict[str, t.Any], lock: str) -> Staged:
    return Staged(
        changed=False,
        staged=True,
        lock=lock,
        graphs=list(meta.get("graphs") or []),
        findings=list(meta.get("findings") or []),
        version=meta.get("version"),
        python_version=meta.get("python_version"),
        needs=_needs.known(meta.get("needs")),
    )


def _remove_leftovers(revisions: Path) -> None:
    """Drafts of runs that died; under the work lock nobody else's is among them."""
    for path in revisions.glob(".*.tmp-*"):
        shutil.rmtree(path, ignore_errors=True)


def _hand_over(top: Path, account: Account) -> None:
    """Make a tree the builder's from the leaves up: until the top is his, he gets at nothing in it."""
    for directory, _names, files in os.walk(top, topdown=False):
        for name in files:
            os.chown(os.path.join(directory, name), account.uid, account.gid, follow_symlinks=False)
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
