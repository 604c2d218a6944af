# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ansible-core versions to test on: the floor in .venv, and the newest that the machine's Pythons allow."""

from __future__ import annotations

import configparser
import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.venv import link_collection
from tests.support.steps import ROOT

BUILD = ROOT / "build"
HOME = BUILD / "home"
LOCK = ROOT / "requirements" / "newest.txt"
SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "cert", "proxy", "timeout")

# In place of the bootstrap script that ansible-test would download for its own environments.
GET_PIP = """\
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
words = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *words])
"""


@dataclasses.dataclass(frozen=True)
class Core:
    """An environment with an ansible-core: its folder of programs, and both versions."""

    bin: Path
    version: str
    python: str

    @property
    def name(self) -> str:
        """Short name, good for folders."""
        return f"core{'.'.join(self.version.split('.')[:2])}"

    def __str__(self) -> str:
        return f"ansible-core {self.version} with Python {self.python}"


def core_of(folder: Path) -> Core:
    """Ask an environment for its versions."""
    program = "import platform, ansible.release as r; print(r.__version__, platform.python_version())"
    done = subprocess.run([folder / "python", "-c", program], check=True, capture_output=True, text=True)
    return Core(folder, *done.stdout.split())


def pythons() -> dict[str, Path]:
    """Interpreters that really run, from PATH and from a version manager behind its shims: {"3.12": path}."""
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    manager = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    folders += sorted(manager.glob("*/bin"), reverse=True)
    found: dict[str, Path] = {}
    for folder in folders:
        for program in sorted(folder.glob("python3.*")):
            version = re.fullmatch(r"python(3\.\d+)", program.name)
            if version is None or version[1] in found or ROOT / ".venv" in program.parents:
                continue
            question: list[str | Path] = [program, "-c", "import ensurepip, sys; print(sys.executable)"]
            try:
                done = subprocess.run(question, capture_output=True, text=True, timeout=30, check=False)
            except OSError:
                continue
            if done.returncode == 0:  # a shim for a Python that is not chosen answers with an error
                found[version[1]] = Path(done.stdout.strip())
    return found


def cores() -> list[Core]:
    """The floor core; then the newest one, when the lock has a newer one for a Python of this machine."""
    floor = core_of(ROOT / ".venv" / "bin")
    supported = {version: path for version, path in pythons().items() if (3, 12) <= as_numbers(version) <= (3, 14)}
    if not supported:
        return [floor]
    newest = core_of(environment(supported[max(supported, key=as_numbers)]))
    return [floor] if newest.version == floor.version else [floor, newest]


def as_numbers(version: str) -> tuple[int, ...]:
    """A version as something that sorts."""
    return tuple(int(part) for part in version.split("."))


def environment(python: Path) -> Path:
    """Programs of an environment below build/ with the newest core for this Python; made when its lock changed."""
    digest = hashlib.sha256(f"{python}\n{ROOT}\n".encode() + LOCK.read_bytes()).hexdigest()
    folder = BUILD / "newest"
    stamp = folder / "stamp"
    if not (stamp.exists() and stamp.read_text() == digest):
        shutil.rmtree(folder, ignore_errors=True)
        inside = {**os.environ, "VIRTUAL_ENV": str(folder)}
        subprocess.run(["uv", "venv", "--quiet", "--python", python, folder], check=True)
        subprocess.run(["uv", "pip", "sync", "--quiet", "--require-hashes", LOCK], check=True, env=inside)
        link_collection(folder / "bin" / "python")
        stamp.write_text(digest)
    return folder / "bin"


def sanity_environment(core: Core) -> dict[str, str]:
    """Environment of ansible-test: a home of its own with this machine's pip settings, real interpreters on PATH."""
    home, real = HOME / core.name, BUILD / "pythons" / core.name
    shutil.rmtree(real, ignore_errors=True)
    real.mkdir(parents=True)
    for version, path in pythons().items():
        (real / f"python{version}").symlink_to(path)
    write_pip_settings(home / ".config" / "pip" / "pip.conf")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions(core):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)
    return {"HOME": str(home), "PATH": os.pathsep.join([str(core.bin), str(real), *SYSTEM_PATH])}


def pip_versions(core: Core) -> Iterator[str]:
    """Versions of pip that this core's ansible-test wants to bootstrap."""
    program = "import ansible_test._internal.python_requirements as r; print(r.__file__)"
    done = subprocess.run([core.bin / "python", "-c", program], check=True, capture_output=True, text=True)
    text = Path(done.stdout.strip()).read_text()
    yield from {match[1] for match in re.finditer(r"""["']?pip["']?\s*[:=]\s*["'](\d[\d.]*)["']""", text)}


def write_pip_settings(path: Path) -> None:
    """Write down what pip is told here by files and variables, since ansible-test passes no PIP_* variable on."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    settings: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        name, value = line.split("=", 1)
        key = name.rpartition(".")[2]
        if key in PIP_SETTINGS:
            settings[key] = value.strip("'\"")
    config = configparser.RawConfigParser()
    config["global"] = settings
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        config.write(file)
