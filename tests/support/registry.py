# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real registry of container images on this machine, which asks for a user name and a token.

The program is Debian's docker-registry: the one on PATH, else that of the package, unpacked below build/ (an installed
package would start a registry without a password).
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
HOME = ROOT / "build" / "registry"
TOKEN = "registry-test-token"
USERS = ("deployer", "oauth2accesstoken")  # the second is what old clients log in as, whatever they are told
_HASH = "$2y$04$dsv8n0C0EkK2kLs3.icwTuhrLwDVligvG31Hc1un3Kc7FNmKR/rzK"  # bcrypt of TOKEN
_CONFIG = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/images}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: tests, path: {folder}/users}}}}
"""


def program() -> Path | None:
    """The registry's program; None where there is none and no Debian package of it."""
    found = shutil.which("docker-registry")
    if found:
        return Path(found)
    unpacked = HOME / "usr" / "bin" / "docker-registry"
    if not unpacked.exists() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        HOME.mkdir(parents=True, exist_ok=True)
        # an index may be old or absent; only root may renew it
        for words in (["download", "docker-registry"], ["update"], ["download", "docker-registry"]):
            got = subprocess.run(["apt-get", "-q", *words], cwd=HOME, capture_output=True, check=False)
            if got.returncode == 0 and words[0] == "download":
                break
        for package in HOME.glob("docker-registry_*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, HOME], check=True)
            package.unlink()
    return unpacked if unpacked.exists() else None


class Registry:
    """A registry for a ``with`` block; ``address`` is what stands before the name of a repository."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"  # engines speak plain HTTP with registries on loopback

    def __enter__(self) -> Registry:
        binary = program()
        assert binary is not None, "there is no docker-registry here, and no Debian package of it could be had"
        (self._folder / "users").write_text("".join(f"{user}:{_HASH}\n" for user in USERS))
        config = self._folder / "config.yml"
        config.write_text(_CONFIG.format(folder=self._folder, port=self.port))
        log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen([binary, "serve", config], stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.get("/v2/").raise_for_status()
                return self
            except httpx.TransportError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def get(self, path: str) -> httpx.Response:
        """Ask the registry as one who may."""
        return httpx.get(f"http://{self.address}{path}", auth=(USERS[0], TOKEN), timeout=10)

    def digest(self, repository: str, tag: str) -> str:
        """The digest of an image that the registry holds under a tag."""
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        url = f"http://{self.address}/v2/{repository}/manifests/{tag}"
        answer = httpx.head(url, auth=(USERS[0], TOKEN), headers=accept, timeout=10).raise_for_status()
        return answer.headers["docker-content-digest"]
