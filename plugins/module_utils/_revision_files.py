# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: what a staged revision consists of besides source and venv, and whether one lies there as it should.

`generated.json` (0600) keeps the text of every file that we wrote, so that a file edited by hand can be put right
without making it anew: a later collection, flavour or default changes nothing about a staged revision.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account
from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import Flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths, RevisionPaths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._langgraph_config import ENV_NAME, GraphConfig

GENERATED = "generated.json"
SECRET_FILES = ("env.json", "meta.json")
MASK = "********"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Options of one staging; times in seconds, texts byte for byte."""

    number: int
    revision_id: str
    deployment_id: str
    deployment_name: str
    workspace_id: str
    source: Path | None
    source_sha256: str | None
    config_path: str
    env: t.Mapping[str, str]
    secrets: t.Mapping[str, str]
    lock: str | None
    api_version: str | None
    flavour: Flavour
    files: t.Mapping[str, str]
    collection_version: str
    uv: str | None
    python: str | None
    uv_env: t.Mapping[str, str]
    refresh_lock: bool
    timeout: float

    def checked(self) -> Wanted:
        """HostError for names and values that no process environment can hold, or that are the platform's."""
        both = sorted(set(self.env) & set(self.secrets))
        if both:
            raise HostError(f"{both[0]} is both in env and in secrets; give it once.")
        ours = self.flavour.ours()
        for name, value in {**self.env, **self.secrets}.items():
            if not ENV_NAME.fullmatch(name):
                raise HostError(f"{name!r} is no name of an environment variable; use letters, digits and _.")
            if "\0" in value:
                raise HostError(f"The value of {name} holds a NUL character; remove it.")
            if name in ours:
                raise HostError(f"{name} is set by the platform itself; take it out of env and secrets.")
        for name in self.files:
            if (
                name.startswith("/")
                or ".." in Path(name).parts
                or name in (*SECRET_FILES, GENERATED, "requirements.lock")
            ):
                raise HostError(f"File {name!r} cannot be part of a revision; give it another name.")
        return self

    def inputs_digest(self) -> str:
        """Of what makes the revision this one, its source apart. Only ever stored where its secrets lie as well."""
        parts = [self.config_path, dict(self.env), dict(self.secrets), self.api_version or ""]
        return hashlib.sha256(json.dumps([*parts, self.flavour.name], sort_keys=True).encode()).hexdigest()


def server_environment(wanted: Wanted, config: GraphConfig, moved_to: Path | None = None) -> dict[str, str]:
    """All environment of the server but ports, colour and connections; later sources win."""
    flavour = wanted.flavour
    identity = {name: str(getattr(wanted, key, "") or "") for name, key in flavour.identity_env.items()}
    env = {**flavour.env, **config.env, **wanted.env, **wanted.secrets, **flavour.fixed_env}
    env.update(config.server_env(flavour, moved_to))
    env.update({name: value for name, value in identity.items() if value})
    own = [config.moved_path(path, moved_to) for path in config.python_path]
    env["PYTHONPATH"] = os.pathsep.join([*own, *filter(None, [env.get("PYTHONPATH")])])
    return env


def meta_of(
    wanted: Wanted,
    config: GraphConfig,
    final: RevisionPaths,
    *,
    python: str,
    version: str,
    lock: str,
    findings: list[str],
) -> dict[str, t.Any]:
    return {
        "revision_id": wanted.revision_id,
        "number": wanted.number,
        "deployment_id": wanted.deployment_id,
        "deployment_name": wanted.deployment_name,
        "graphs": sorted(config.graphs),
        "python_version": python,
        "python_path": [config.moved_path(path, final.source) for path in config.python_path],
        "working_dir": config.moved_path(str(config.directory), final.source),
        "flavour": wanted.flavour.name,
        "version": version,
        "postgres_minimum": wanted.flavour.postgres_minimum,
        "redis_minimum": wanted.flavour.redis_minimum,
        "needs": wanted.flavour.needs,
        "collection_version": wanted.collection_version,
        "source_sha256": wanted.source_sha256,
        "langgraph_config_path": wanted.config_path,
        "config_digest": wanted.inputs_digest(),
        "lock_sha256": sha256(lock),
        "projects": sorted(os.path.relpath(project.path, config.root) for project in config.projects),
        "env_names": sorted({*wanted.env, *wanted.secrets, *config.env}),
        "findings": findings,
    }


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path) -> dict[str, t.Any] | None:
    """The object in a file, None when there is none or no object in it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def to_json(value: t.Mapping[str, t.Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def write_files(directory: Path, texts: t.Mapping[str, str], service: Account | None) -> None:
    """Write generated files below `directory`, each at once or not at all; meta.json is the last one."""
    for name in sorted(texts, key=lambda name: (name == "meta.json", name)):
        path = directory / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = path.parent / f".{path.name}.new"
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(texts[name])
            if service is not None and name != GENERATED:
                os.fchown(handle, 0, service.gid)
                os.fchmod(handle, 0o640)
            file.flush()
            os.fsync(handle)
        os.replace(draft, path)


def misfits(revision: RevisionPaths, generated: t.Mapping[str, str], service: Account | None) -> list[str]:
    """Names of generated files that are not as we wrote them."""
    found = []
    for name, text in generated.items():
        path = revision.path / name
        try:
            state = path.stat()
            same = path.read_bytes() == text.encode()
        except OSError:
            found.append(name)
            continue
        if not same or (service is not None and (state.st_gid != service.gid or state.st_mode & 0o137)):
            found.append(name)
    return found


def preview(paths: HostPaths, wanted: Wanted) -> list[dict[str, str]]:
    """Diff entries of what this revision changes against the one that serves. Values of env are never shown."""
    serving = (read_json(paths.state) or {}).get("revision")
    before: dict[str, t.Any] = {}
    old_env: dict[str, t.Any] = {}
    old_names: list[str] = []
    label = "nothing serves"
    if isinstance(serving, int) and serving != wanted.number:
        revision = paths.revision(serving)
        before = read_json(revision.path / GENERATED) or {}
        old_env = read_json(revision.env) or {}
        old_names = (read_json(revision.meta) or {}).get("env_names") or []
        label = f"revision {serving}"
    new_env = {**wanted.env, **wanted.secrets}
    masked = [
        f"{name}={MASK}{' (changed)' if name in old_env and old_env[name] != new_env[name] else ''}\n"
        for name in sorted(new_env)
    ]
    header = f"{paths.slug} revision {wanted.number}"
    found = [
        {
            "before_header": f"{label}: environment",
            "after_header": f"{header}: environment",
            "before": "".join(f"{name}={MASK}\n" for name in sorted(old_names)),
            "after": "".join(masked),
        }
    ]
    for name, text in sorted(wanted.files.items()):
        found.append(
            {
                "before_header": f"{label}: {name}",
                "after_header": f"{header}: {name}",
                "before": str(before.get(name, "")),
                "after": text,
            }
        )
    return [entry for entry in found if entry["before"] != entry["after"]]
