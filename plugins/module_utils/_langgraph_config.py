# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: reads langgraph.json of an unpacked source: checks it, and says what a server on a host gets from it.

The vendor's tool turns this file into a Dockerfile; this module turns it into environment, import path and
requirements. What has no meaning on a host is named in `findings`, one sentence each, never dropped silently.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import re
import tomllib
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import Flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
JAVASCRIPT = (".ts", ".mts", ".cts", ".js", ".mjs", ".cjs")
# Keys that are honoured, or that say nothing about a server on a host.
QUIET = {"$schema", "api_version", "dependencies", "env", "graphs", "keep_pkg_tools", "pip_installer", "python_version"}
QUIET |= {"source"}
UNSUPPORTED = {
    "_INTERNAL_docker_tag": "no image is built",
    "base_image": "no image is built; use source external_docker for an image of your own",
    "dockerfile_lines": "no image is built; install system packages on the host",
    "image_distro": "no image is built; the host's system is used",
    "node_version": "JavaScript does not run on this platform",
    "pip_config_file": "set the package index on the host instead",
    "package": "use source.package",
    "project_root": "use source.root",
    "ui": "user interface components need JavaScript, which does not run on this platform",
    "ui_config": "user interface components need JavaScript, which does not run on this platform",
}
# Keys that hold "file.py:attribute" of a Python object that the server imports.
OBJECTS = (("auth", "path"), ("encryption", "path"), ("priority", "path"), ("checkpointer", "path"), ("http", "app"))


@dataclasses.dataclass(frozen=True)
class LocalProject:
    """A directory of the source that `dependencies` names. `kind`: package (is built), requirements or plain."""

    path: Path
    kind: str


@dataclasses.dataclass(frozen=True)
class GraphConfig:
    """langgraph.json, checked. Paths are those of the unpacked source, so they change with its directory."""

    root: Path
    directory: Path
    graphs: dict[str, str]
    objects: dict[str, str]
    settings: dict[str, t.Any]
    env: dict[str, str]
    requirements: list[str]
    projects: list[LocalProject]
    uv_root: Path | None
    uv_package: str | None
    python_version: str | None
    api_version: str | None
    findings: list[str]

    @property
    def python_path(self) -> list[str]:
        """Directories to import from: each local project, and its `src` when it has that layout."""
        found: list[str] = []
        for project in self.projects or [LocalProject(self.directory, "plain")]:
            inner = project.path / "src"
            if inner.is_dir() and not (inner / "__init__.py").exists():
                found.append(str(inner))
            found.append(str(project.path))
            if (project.path / "__init__.py").exists():
                found.append(str(project.path.parent))  # the directory is itself the package
        return list(dict.fromkeys(found))

    def server_env(self, flavour: Flavour, moved_to: Path | None = None) -> dict[str, str]:
        """The honoured keys as the server's environment variables; `moved_to`: where `root` will be by then."""
        return {
            name: json.dumps(self._moved(self.settings[key], moved_to), separators=(",", ":"))
            for key, name in flavour.config_env.items()
            if self.settings.get(key) is not None
        }

    def moved_path(self, path: str, moved_to: Path | None) -> str:
        """`path` (with or without :attribute) as it will be once the source lies in `moved_to`."""
        if moved_to is not None and (path == str(self.root) or path.startswith(f"{self.root}/")):
            return f"{moved_to}{path[len(str(self.root)) :]}"
        return path

    def _moved(self, value: t.Any, moved_to: Path | None) -> t.Any:
        if isinstance(value, str):
            return self.moved_path(value, moved_to)
        if isinstance(value, dict):
            return {key: self._moved(item, moved_to) for key, item in value.items()}
        if isinstance(value, list):
            return [self._moved(item, moved_to) for item in value]
        return value


def read_config(source: Path, config_path: str, flavour: Flavour) -> GraphConfig:
    """Read and check `<source>/<config_path>`; HostError names what is wrong, in the user's words for paths."""
    data, path = _load(source, config_path)
    name = Path(config_path).name
    findings: list[str] = []
    directory = path.parent
    settings = copy.deepcopy(data)
    graphs = _graphs(settings, source, directory, name)
    objects = _objects(settings, source, directory, name)
    uv_root, uv_package = _uv_source(data, source, directory, name)
    requirements, projects = _dependencies(data, source, directory, name, uv_root)
    if not flavour.packages and (requirements or any(project.kind != "plain" for project in projects)):
        findings.append(f"dependencies in {name} are not installed: flavour {flavour.name} runs nothing of the source.")
    _unsupported(data, settings, flavour, name, findings)
    return GraphConfig(
        root=source,
        directory=directory,
        graphs=graphs,
        objects=objects,
        settings=settings,
        env=_env(data.get("env"), directory, flavour, name, findings),
        requirements=requirements,
        projects=projects,
        uv_root=uv_root,
        uv_package=uv_package,
        python_version=_text(data, "python_version", name),
        api_version=_text(data, "api_version", name),
        findings=findings,
    )


def _load(source: Path, config_path: str) -> tuple[dict[str, t.Any], Path]:
    path = _inside(source, source, config_path, "langgraph_config_path")
    if not path.is_file():
        others = sorted(str(p.relative_to(source)) for p in source.glob("*/langgraph.json"))[:3]
        hint = f"found {', '.join(others)}: set langgraph_config_path" if others else "set langgraph_config_path"
        raise HostError(f"{config_path} is not in the source; add it or {hint}.")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise HostError(f"{config_path} is not valid JSON ({error}); correct it.") from error
    if not isinstance(data, dict):
        raise HostError(f"{config_path} holds no JSON object; correct it.")
    return data, path


def _graphs(settings: dict[str, t.Any], source: Path, directory: Path, name: str) -> dict[str, str]:
    graphs = settings.get("graphs")
    if not isinstance(graphs, dict) or not graphs:
        raise HostError(f'{name} names no graphs; add "graphs": {{"agent": "./agent.py:graph"}}.')
    found = {}
    for graph, spec in graphs.items():
        reference = spec.get("path") if isinstance(spec, dict) else spec
        if not isinstance(reference, str):
            raise HostError(f"Graph {graph!r} in {name} is neither a string nor an object with a path; correct it.")
        found[graph] = _resolve(reference, f"Graph {graph!r}", source, directory, name)
        if isinstance(spec, dict):
            spec["path"] = found[graph]
        else:
            graphs[graph] = found[graph]
    return found


def _objects(settings: dict[str, t.Any], source: Path, directory: Path, name: str) -> dict[str, str]:
    found = {}
    for key, field in OBJECTS:
        part = settings.get(key)
        if part is None:
            continue
        if not isinstance(part, dict):
            raise HostError(f"{key} in {name} is not an object; correct it.")
        if part.get(field):
            part[field] = _resolve(str(part[field]), f"{key}.{field}", source, directory, name)
            found[f"{key}.{field}"] = part[field]
    return found


def _resolve(reference: str, what: str, source: Path, directory: Path, name: str) -> str:
    """'./a.py:x' -> '/abs/a.py:x'; 'package.module:x' stays."""
    module, _colon, attribute = reference.rpartition(":")
    if not module and reference.endswith(JAVASCRIPT):
        module = reference
    if module.endswith(JAVASCRIPT):
        raise HostError(f"{what} in {name} is JavaScript ({reference}), which this platform does not run; use Python.")
    if not module or not attribute:
        raise HostError(
            f"{what} in {name} is {reference!r}; write it as ./file.py:attribute or package.module:attribute."
        )
    if "/" not in module and "\\" not in module and not module.endswith(".py"):
        return reference
    path = _inside(source, directory, module.replace("\\", "/"), what)
    if not path.is_file():
        raise HostError(f"{what} in {name} is {reference}, but the source has no file {path.relative_to(source)}.")
    return f"{path}:{attribute}"


def _dependencies(
    data: dict[str, t.Any], source: Path, directory: Path, name: str, uv_root: Path | None
) -> tuple[list[str], list[LocalProject]]:
    wanted = data.get("dependencies") or ([] if uv_root is None else [str(uv_root)])
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise HostError(f"dependencies in {name} is not a list of strings; correct it.")
    requirements, projects = [], []
    for item in wanted:
        if uv_root is not None and item == str(uv_root):
            path = uv_root
        elif not item.startswith("."):
            if item.startswith("-") or "\n" in item:
                raise HostError(f"Dependency {item!r} in {name} is no package; options are not allowed here.")
            requirements.append(item)
            continue
        else:
            path = _inside(source, directory, item, f"Dependency {item}")
        if not path.is_dir():
            raise HostError(f"Dependency {item} in {name} is not a directory of the source; correct it.")
        if _is_package(path, source):
            kind = "package"
        else:
            kind = "requirements" if (path / "requirements.txt").is_file() else "plain"
        projects.append(LocalProject(path, kind))
    return requirements, projects


def _is_package(path: Path, source: Path) -> bool:
    """A pyproject.toml that only configures tools does not make a package."""
    file = path / "pyproject.toml"
    if not file.is_file():
        return (path / "setup.py").is_file()
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HostError(f"{file.relative_to(source)} is not valid TOML ({error}); correct it.") from error
    return bool("project" in data or "poetry" in data.get("tool", {}) or (path / "setup.py").is_file())


def _uv_source(data: dict[str, t.Any], source: Path, directory: Path, name: str) -> tuple[Path | None, str | None]:
    wanted = data.get("source")
    if wanted is None:
        return None, None
    if not isinstance(wanted, dict) or wanted.get("kind") != "uv":
        raise HostError(f'source in {name} is not of kind uv; write {{"kind": "uv", "root": "."}} or leave it out.')
    root = _inside(source, directory, str(wanted.get("root") or "."), "source.root")
    for file in ("pyproject.toml", "uv.lock"):
        if not (root / file).is_file():
            raise HostError(f"source.root in {name} has no {file}; add it, or use dependencies.")
    package = wanted.get("package")
    return root, str(package) if package else None


def _env(wanted: t.Any, directory: Path, flavour: Flavour, name: str, findings: list[str]) -> dict[str, str]:
    if wanted is None or wanted == {}:
        return {}
    if isinstance(wanted, str):
        path = directory / wanted
        if not path.is_file():
            findings.append(
                f"{name} reads env from {wanted}, which is not in the source; give its variables as env and secrets."
            )
            return {}
        pairs = parse_env_file(path.read_text(encoding="utf-8", errors="replace"))
    elif isinstance(wanted, dict):
        pairs = {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in wanted.items()}
    else:
        raise HostError(f"env in {name} is neither an object nor the name of a file; correct it.")
    for key in [key for key in pairs if key in flavour.ours()]:
        findings.append(f"env in {name} sets {key}, which the platform sets itself; it is ignored.")
        del pairs[key]
    for key, value in pairs.items():
        if not ENV_NAME.fullmatch(key) or "\0" in value:
            raise HostError(f"env in {name} has a malformed variable {key!r}; names are letters, digits and _.")
    return pairs


def parse_env_file(text: str) -> dict[str, str]:
    """NAME=value lines as in a .env file: `export`, quotes and comments are known; nothing is expanded."""
    pairs = {}
    for line in text.splitlines():
        key, equals, value = line.strip().removeprefix("export ").partition("=")
        key, value = key.strip(), value.strip()
        if not equals or key.startswith("#"):
            continue
        if value[:1] in ("'", '"') and value.rfind(value[0]) > 0:
            quote = value[0]
            value = value[1 : value.rfind(quote)]
            if quote == '"':
                value = value.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
        else:
            value = re.split(r"\s+#", value, maxsplit=1)[0]
        pairs[key] = value
    return pairs


def _unsupported(
    data: dict[str, t.Any], settings: dict[str, t.Any], flavour: Flavour, name: str, findings: list[str]
) -> None:
    """Name what cannot be honoured and take it out of `settings`."""
    for key, reason in {**UNSUPPORTED, **flavour.unsupported}.items():
        *parents, last = key.split(".")
        holder: t.Any = settings
        for parent in parents:
            holder = holder.get(parent) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and holder.get(last) not in (None, [], {}, ""):
            findings.append(f"{key} in {name} is not honoured: {reason}.")
            del holder[last]
    known = QUIET | set(UNSUPPORTED) | set(flavour.unsupported) | set(flavour.config_env)
    for key in sorted(set(data) - known):
        findings.append(f"{key} in {name} is not known to flavour {flavour.name}; it is ignored.")


def _inside(source: Path, directory: Path, wanted: str, what: str) -> Path:
    path = Path(os.path.normpath(directory / wanted))  # the unpacked tree holds no links: comparing names is enough
    if Path(wanted).is_absolute() or not path.is_relative_to(source):
        raise HostError(f"{what} is {wanted}, which is outside of the source; use a path inside of it.")
    return path


def _text(data: dict[str, t.Any], key: str, name: str) -> str | None:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise HostError(f'{key} in {name} is {value!r}; write it as a string, such as "3.12".')
    return value or None
