# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who has just heard of this project: an account, an empty home, a clone, and a bare environment."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
#: How this machine reaches package indexes, if it needs to be told; nothing else of our environment is handed on.
NETWORK = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT", "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
PATH = "/usr/bin:/bin"


@dataclass
class Done:
    status: int
    output: str
    seconds: float


@dataclass
class Visitor:
    """`home` holds everything; `checkout` is the clone below it."""

    uid: int
    gid: int
    home: Path
    checkout: Path

    def run(self, *words: str, timeout: float = 300, **environment: str) -> Done:
        """Run a command in the checkout as this visitor; output is standard output and error together."""
        bare = {"PATH": PATH, "HOME": str(self.home)}
        bare |= {name: os.environ[name] for name in NETWORK if name in os.environ}
        drop = {"user": self.uid, "group": self.gid, "extra_groups": []} if os.getuid() == 0 else {}
        started = time.monotonic()
        done = subprocess.run(
            words,
            cwd=self.checkout,
            env=bare | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            umask=0o022,
            **drop,
        )
        print(f"$ {' '.join(words)}  {environment or ''}\n{done.stdout}")
        return Done(done.returncode, done.stdout, time.monotonic() - started)

    def paste(self, text: str) -> Done:
        """What a person does with printed commands."""
        return self.run("/bin/sh", "-c", text)

    def processes(self) -> dict[int, str]:
        """Process id -> command of all that runs from the home or, with an account of its own, as the visitor."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
                own = self.uid not in (0, os.getuid()) and entry.stat().st_uid == self.uid
                if words and (own or str(self.home) in words):
                    found[int(entry.name)] = words
        return found

    def files(self) -> set[str]:
        """All in the home beside the checkout, and what the visitor owns in the folders for temporary files."""
        found = {path.name for path in self.home.iterdir()} - {self.checkout.name}
        for folder in (Path("/tmp"), Path("/var/tmp"), Path("/run/user"), Path("/dev/shm")):
            if folder.is_dir() and self.uid != 0:
                found |= {str(path) for path in folder.iterdir() if path.lstat().st_uid == self.uid}
        return found


def settle(home: Path, checkout: str, owner: tuple[int, int]) -> Visitor:
    """A visitor whose home is `home` and who has just cloned the last commit."""
    visitor = Visitor(*owner, home=home, checkout=home / checkout)
    home.mkdir(mode=0o755, parents=True)
    clone = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--no-hardlinks", "--no-local"]
    subprocess.run([*clone, str(ROOT), str(visitor.checkout)], check=True)
    if os.getuid() == 0:
        for folder, _folders, names in os.walk(home):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.lchown(path, *owner)
    return visitor


def leave(visitor: Visitor) -> None:
    """End what is left of a visitor and remove the home; for the case that a test failed half-way."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in visitor.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + 10
        while visitor.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
    shutil.rmtree(visitor.home.parent, ignore_errors=True)


def place() -> Path:
    """A folder of our own that any account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="qs-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def make_account() -> tuple[str, int, int]:
    """An account without a home: (name, uid, gid). Its uid is nobody's, in no container of this machine either."""
    name = f"lgqs{os.getpid()}"
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            taken.add(process.stat().st_uid)
    uid = next(number for number in range(47_000 + os.getpid() % 1000, 60_000) if number not in taken)
    account = ["--uid", str(uid), "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(["useradd", *account], check=True)
    entry = pwd.getpwnam(name)
    return name, entry.pw_uid, entry.pw_gid


def are_free(first: int, last: int) -> bool:
    for port in range(first, last + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def curl_of(output: str) -> str:
    """The printed curl command."""
    return re.search(r"^curl .*$", output, re.MULTILINE)[0]  # type: ignore[index]  # a missing one fails the test


def snippet_of(output: str) -> str:
    """The printed Python snippet with the shell line around it."""
    return re.search(r"^\S[^\n]* - <<'PYTHON'\n.*?^PYTHON$", output, re.MULTILINE | re.DOTALL)[0]  # type: ignore[index]  # as above
