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
import stat
import time
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _children
from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import Account, Deadline, Done
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._interpreters import SEARCH_PATH
from ansible_collections.selfhosted.langgraph.plugins.module_utils._langgraph_config import GraphConfig
from ansible_collections.selfhosted.langgraph.plugins.module_utils._unpack import disk_full

REASON_LENGTH = 500  # characters
KEEP_TEMPLATES = 8  # of a builder
DRAFT_SECONDS = 86400.0  # no run takes that long
TEMPLATE_FORMAT = "1"
LOCK_HEADER = "# selfhosted.langgraph lock "
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
        _no_space(done, self.scratch)
        return done

    def must(self, argv: t.Sequence[str], problem: str) -> None:
        """Run a plain program as the builder; HostError that begins with `problem` when it fails."""
        done = _children.run(
            argv,
            what=argv[0],
            deadline=self.deadline,
            env=plain_environment(self.home, self.scratch),
            cwd=self.scratch,
            account=self.account,
        )
        _no_space(done, self.scratch)
        if done.code:
            raise HostError(f"{problem} ({(done.lines or ['no reason given'])[-1]}).", done.lines)


def _no_space(done: Done, path: Path) -> None:
    if done.code and any("No space left on device" in line or "os error 28" in line for line in done.lines):
        raise disk_full(path)


def plain_environment(home: Path, scratch: Path) -> dict[str, str]:
    """What every program of the builder gets."""
    return {"PATH": SEARCH_PATH, "HOME": str(home), "TMPDIR": str(scratch), "LANG": "C.UTF-8"}


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
    """Make `venv` from the lock; it may exist empty. Returns findings.

    The packages come as hard links of a template that all revisions of the workspace with the same packages share,
    compiled bytecode included: the server may not write into the venv, so it would compile everything at each start.
    """
    pins, _local = split_lock(lock)
    template = builder.home / "venvs" / _template_name(pins, interpreter)
    if not os.access(template / "bin" / "python", os.X_OK):
        _make_template(builder, pins, config.directory, interpreter, template)
    copy = 'touch "$1" && mkdir -p "$2" && cp -al "$1/." "$2"'
    builder.must(["sh", "-c", copy, "sh", str(template), str(venv)], f"The venv cannot be linked to {venv.parent}")
    return install_local(builder, config, lock, venv)


def _template_name(pins: t.Sequence[str], interpreter: str) -> str:
    parts = [TEMPLATE_FORMAT, os.path.realpath(interpreter), *pins]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _make_template(builder: Builder, pins: t.Sequence[str], cwd: Path, interpreter: str, template: Path) -> None:
    """In a draft that gets its name by one rename; two builders at once make it twice, and one of them stays."""
    draft = template.parent / f".{template.name}.tmp-{os.urandom(4).hex()}"
    command = ["venv", "--quiet", "--relocatable", "--no-project", "--python", interpreter, str(draft)]
    done = builder.run(command, "Making the venv", cwd)
    if done.code:
        raise HostError(f"The venv cannot be made with {interpreter}: {_reason(done.lines)}.", done.lines)
    try:
        _install_pins(builder, pins, cwd, draft)
        move = 'rm -rf "$2.old"; test ! -e "$2" || mv -T "$2" "$2.old"; mv -T "$1" "$2"; rm -rf "$2.old"'
        builder.must(["sh", "-c", move, "sh", str(draft), str(template)], f"The venv cannot be put at {template}")
    finally:
        _remove(builder, [draft, *_outdated(template)])


def _outdated(template: Path) -> list[Path]:
    """Templates that were not used for long, and drafts of runs that died. Their packages live on in the venvs."""
    aged: list[tuple[float, Path]] = []
    drafts: list[Path] = []
    now = time.time()
    for path in template.parent.iterdir():
        with contextlib.suppress(OSError):
            used = path.lstat().st_mtime
            if path.name.startswith("."):
                drafts += [path] if now - used > DRAFT_SECONDS else []
            elif path != template:
                aged.append((used, path))
    return drafts + [path for _used, path in sorted(aged, reverse=True)[KEEP_TEMPLATES - 1 :]]


def _remove(builder: Builder, paths: t.Sequence[Path]) -> None:
    """As the builder: root does not walk through a tree that somebody else can rearrange meanwhile."""
    found = [str(path) for path in paths if os.path.lexists(path)]
    if found:
        with contextlib.suppress(HostError):
            builder.must(["rm", "-rf", "--", *found], "Old venvs cannot be removed")


def split_lock(lock: str) -> tuple[list[str], list[str]]:
    """Lines of the lock: packages of an index, and projects of the source."""
    lines = [line.strip() for line in lock.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return [line for line in lines if not _LOCAL.match(line)], [line for line in lines if _LOCAL.match(line)]


def _install_pins(builder: Builder, pins: t.Sequence[str], cwd: Path, venv: Path) -> None:
    file = builder.scratch / "pins.txt"
    _write_new(file, "".join(f"{line}\n" for line in pins))
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
    """The last cause that uv gives (they go from the general to the special), else its last line."""
    said: list[str] = []
    for line in (line.strip() for line in lines):
        begins = line.startswith(("error:", "cause:", "hint:", "warning:"))
        if begins or not said:
            said.append(line)
        elif line:
            said[-1] += f" {line}"  # a long sentence goes on
    known = [line for line in said if line.startswith(("error:", "cause:"))] or said or ["uv gave no reason"]
    text = known[-1].removeprefix("cause:").removeprefix("error:").strip().rstrip(".")
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]}..."


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
