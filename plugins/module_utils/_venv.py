# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: a revision's virtual environment, made by uv: find Python, resolve once, install from the lock.

Everything here runs as the builder (the account given), because resolving and building run the user's code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _children
from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account, Deadline, Done
from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import Flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._langgraph_config import GraphConfig
from ansible_collections.selfhosted.langgraph.plugins.module_utils._unpack import disk_full

LOCK_HEADER = "# selfhosted.langgraph lock "
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROXY = re.compile(r"(?i)(https?|all|no)_proxy")
_INHERITED = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC")
# Settings of uv that would break the layout here when they come from the environment.
_NOT_INHERITED = re.compile(
    r"UV_(PYTHON|PROJECT|WORKING|CACHE|LINK|TOOL|OFFLINE|COMPILE|SYSTEM_PYTHON|CONSTRAINT|OVERRIDE).*"
)
_OFFLINE = ("error sending request", "dns error", "failed to lookup address", "network is unreachable", "connect error")
_LOCAL = re.compile(r"^(?:-e\s+)?\.{1,2}(?:/|$|\s)")


@dataclasses.dataclass(frozen=True)
class Builder:
    """uv with its cache, as the user that builds. `scratch` is the builder's own, for one run."""

    uv: str
    cache: Path
    home: Path
    scratch: Path
    account: Account | None
    settings: t.Mapping[str, str]
    deadline: Deadline

    def environment(self) -> dict[str, str]:
        """For uv: index and proxy settings of this host, then those given, then what the layout needs."""
        env = {
            key: value
            for key, value in os.environ.items()
            if _PROXY.fullmatch(key)
            or key in _INHERITED
            or (key.startswith("UV_") and not _NOT_INHERITED.fullmatch(key))
        }
        env.update(self.settings)
        env.update(plain_environment(self.home, self.scratch))
        env.setdefault("UV_SYSTEM_CERTS", "1")
        env.update(
            UV_CACHE_DIR=str(self.cache), UV_LINK_MODE="hardlink", UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never"
        )
        return env

    def run(self, arguments: t.Sequence[str], what: str, cwd: Path) -> Done:
        done = _children.run(
            [self.uv, *arguments],
            what=what,
            deadline=self.deadline,
            env=self.environment(),
            cwd=cwd,
            account=self.account,
        )
        if done.code and any("No space left on device" in line or "os error 28" in line for line in done.lines):
            raise disk_full(self.scratch)
        return done


def plain_environment(home: Path, scratch: Path) -> dict[str, str]:
    """What every program of the builder gets."""
    return {"PATH": SEARCH_PATH, "HOME": str(home), "TMPDIR": str(scratch), "LANG": "C.UTF-8"}


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
    flavour: Flavour, wanted: str | None, lock: str | None, given: str | None, account: Account | None
) -> tuple[str, str]:
    """(version, interpreter). What langgraph.json asks for is binding, and so is what a lock was made with.

    Without either: the flavour's default, else the Python that Ansible uses here, else any that the flavour supports.
    """
    locked = lock_header(lock).get("python") if lock else None
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


def inputs_digest(config: GraphConfig, requirements: t.Sequence[str], python: str) -> str:
    """Changes when the answer of the resolver may change because of the source, the flavour or the machine."""
    digest = hashlib.sha256()
    digest.update(json.dumps([list(requirements), config.requirements, python, os.uname().machine]).encode())
    roots = [project.path for project in config.projects] + ([config.uv_root] if config.uv_root else [])
    for root in roots:
        for name in ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "uv.lock"):
            file = root / name
            if file.is_file():
                digest.update(f"{os.path.relpath(file, config.directory)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def resolve(builder: Builder, config: GraphConfig, requirements: t.Sequence[str], python: str, interpreter: str) -> str:
    """Ask the resolver; returns the text of the lock. `config` is that of a copy which the builder may write to."""
    wanted = [*requirements, *config.requirements]
    arguments = []
    for project in config.projects:
        if project.kind == "package":
            wanted.append(_relative(project.path, config.directory))
        elif project.kind == "requirements":
            arguments.append(_relative(project.path / "requirements.txt", config.directory))
    if config.uv_root is not None:
        arguments += ["--constraints", str(_export(builder, config))]
    inputs = builder.scratch / "requirements.in"
    _write_new(inputs, "".join(f"{line}\n" for line in wanted))
    output = builder.scratch / "requirements.lock"
    command = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", interpreter]
    command += ["--output-file", str(output), str(inputs), *arguments]
    done = builder.run(command, "Resolving the dependencies", config.directory)
    if done.code and any(sign in line.lower() for line in done.lines for sign in _OFFLINE):
        offline = builder.run([*command, "--offline"], "Resolving the dependencies", config.directory)
        done = done if offline.code else offline
    if done.code:
        raise HostError(f"The dependencies cannot be resolved: {_reason(done.lines)}.", done.lines)
    header = {"inputs": inputs_digest(config, requirements, python), "python": python}
    lines = [re.sub(r"^-e\s+", "", line) for line in _read_owned(output, builder.account).splitlines()]
    return "\n".join([LOCK_HEADER + json.dumps(header, sort_keys=True), *lines]) + "\n"


def _export(builder: Builder, config: GraphConfig) -> Path:
    path = builder.scratch / "constraints.txt"
    command = [
        "export",
        "--quiet",
        "--frozen",
        "--no-dev",
        "--no-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-local",
    ]
    command += ["--project", str(config.uv_root), "--output-file", str(path)]
    command += ["--package", config.uv_package] if config.uv_package else []
    done = builder.run(command, "Reading uv.lock", config.directory)
    if done.code:
        raise HostError(f"uv.lock cannot be read: {_reason(done.lines)}.", done.lines)
    return path


def lock_header(lock: str) -> dict[str, t.Any]:
    """What the lock was made of: {"inputs", "python"}, empty when somebody else made it."""
    first = lock.partition("\n")[0]
    if not first.startswith(LOCK_HEADER):
        return {}
    try:
        found = json.loads(first[len(LOCK_HEADER) :])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def make(builder: Builder, config: GraphConfig, lock: str, interpreter: str, venv: Path) -> list[str]:
    """Make `venv` from the lock: packages first out of the cache alone, then with the index. Returns findings."""
    done = builder.run(
        ["venv", "--quiet", "--relocatable", "--no-project", "--python", interpreter, str(venv)],
        "Making the venv",
        venv.parent,
    )
    if done.code:
        raise HostError(f"The venv cannot be made with {interpreter}: {_reason(done.lines)}.", done.lines)
    pins, _local = split_lock(lock)
    _install_pins(builder, pins, config.directory, venv)
    return install_local(builder, config, lock, venv)


def clone(donor: Path, venv: Path, account: Account | None) -> None:
    """Make `venv` as hard links of another revision's venv with the same lock, compiled bytecode included."""
    shutil.copytree(donor, venv, symlinks=True, copy_function=_link)
    if account is not None:
        for directory, _names, _files in os.walk(venv):
            os.chown(directory, account.uid, account.gid)


def _link(source: str, target: str) -> str:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    else:
        os.link(source, target)
    return target


def split_lock(lock: str) -> tuple[list[str], list[str]]:
    """Lines of the lock: packages of an index, and projects of the source."""
    lines = [line.strip() for line in lock.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return [line for line in lines if not _LOCAL.match(line)], [line for line in lines if _LOCAL.match(line)]


def _install_pins(builder: Builder, pins: t.Sequence[str], cwd: Path, venv: Path) -> None:
    file = builder.scratch / "pins.txt"
    _write_new(file, "".join(f"{line}\n" for line in pins))
    # Compiled here, since the server may not write into the venv: its start would compile everything each time.
    command = ["pip", "install", "--quiet", "--no-deps", "--compile-bytecode"]
    command += ["--python", str(venv / "bin" / "python"), "--requirements", str(file)]
    done = builder.run([*command, "--offline"], "Installing the dependencies", cwd)
    if done.code:
        done = builder.run(command, "Installing the dependencies", cwd)
    if done.code:
        raise HostError(f"The dependencies cannot be installed: {_reason(done.lines)}.", done.lines)


def install_local(builder: Builder, config: GraphConfig, lock: str, venv: Path) -> list[str]:
    """Build and install the projects of the source (also over an older build of them). Returns findings."""
    findings = []
    _pins, local = split_lock(lock)
    for line in local:
        project = config.directory / line.split(" ")[0]
        command = ["pip", "install", "--quiet", "--no-deps", "--python", str(venv / "bin" / "python"), str(project)]
        done = builder.run([*command, "--offline"], f"Building {line}", config.directory)
        if done.code:
            done = builder.run(command, f"Building {line}", config.directory)
        if not done.code:
            continue
        declared = project / "pyproject.toml"
        if declared.is_file() and "[build-system]" not in declared.read_text(encoding="utf-8", errors="replace"):
            findings.append(
                f"Project {line} declares no build system and cannot be built; it is imported from its directory."
            )
            continue
        raise HostError(f"Project {line} of the source cannot be built: {_reason(done.lines)}.", done.lines)
    return findings


def _relative(path: Path, start: Path) -> str:
    found = os.path.relpath(path, start)
    return found if found.startswith(".") else f"./{found}"


def _reason(lines: t.Sequence[str]) -> str:
    """The last cause that uv gives, else its last line."""
    said = [line.strip() for line in lines if line.strip()]
    causes = [line for line in said if line.lower().startswith(("cause:", "caused by:"))]
    errors = [line for line in said if line.startswith(("error:",))]
    text = (causes or errors or said or ["uv gave no reason"])[-1]
    for prefix in ("cause:", "error:", "Caused by:"):
        text = text.removeprefix(prefix).strip()
    return text.rstrip(".")[:500]


def _write_new(path: Path, text: str) -> None:
    """Into the builder's directory: refuse whatever already has the name."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o644), "w", encoding="utf-8") as file:
        file.write(text)


def _read_owned(path: Path, account: Account | None) -> str:
    """A file that the builder made; not one that it only pointed to."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise HostError("The resolver's answer was replaced by a link; look at what the build runs.") from error
        raise
    with open(handle, encoding="utf-8") as file:
        state = os.fstat(file.fileno())
        owner = os.geteuid() if account is None else account.uid
        if not stat.S_ISREG(state.st_mode) or state.st_uid != owner or state.st_nlink != 1:
            raise HostError("The resolver's answer was replaced by another file; look at what the build runs.")
        return file.read()
