# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make .venv from the locked lists: `venv.py quickstart` for the stack alone, `venv.py dev` for everything.

A stamp in the environment holds its level and the hash of what it was made from, so that a second call costs nothing;
a `dev` environment serves as a `quickstart` one too. Runs with the Python that the environment shall rest on, standard
library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LISTS = {
    "quickstart": ["runtime", "control_plane", "listener", "quickstart"],
    "dev": ["runtime", "control_plane", "listener", "quickstart", "dev"],
}
MINIMUM = (3, 11)
CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


class SetupError(Exception):
    """Something is missing on this machine; the message is one sentence for the user."""


def check_python() -> None:
    """Raise SetupError when this interpreter cannot carry the environment."""
    version = platform.python_version()
    if sys.version_info[:2] < MINIMUM:
        raise SetupError(
            f"{sys.executable} is Python {version}, but 3.11 or later is needed: "
            "install one, then run make again (or make PYTHON=/path/to/python3)."
        )
    try:
        import ensurepip  # noqa: F401  # only looked for; Debian splits it off into python3-venv
        import venv  # noqa: F401  # as above
    except ImportError:
        raise SetupError(
            f"{sys.executable} (Python {version}) has no venv module: install it "
            "(on Debian: apt-get install python3-venv), then run make again."
        ) from None


def fingerprint(level: str) -> str:
    """Hash of all that decides the content of an environment of this level."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for name in ["bootstrap", *LISTS[level]]:
        digest.update((ROOT / "requirements" / f"{name}.txt").read_bytes())
    return digest.hexdigest()


def is_current(level: str) -> bool:
    """Say whether .venv already serves this level."""
    try:
        stamps = dict(line.split() for line in (VENV / "stamp").read_text().splitlines())
    except (OSError, ValueError):
        return False
    serving = [have for have in LISTS if set(LISTS[level]) <= set(LISTS[have])]
    return any(stamps.get(have) == fingerprint(have) for have in serving)


def run(*command: str | Path, **environment: str) -> None:
    """Run a step; its output is the user's. Raises SetupError with the command that failed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env={**os.environ, **environment}, cwd=ROOT / "requirements", check=False)
    if done.returncode:
        raise SetupError(f"`{' '.join(words)}` failed with status {done.returncode}: see the lines above.")


def certificates(python: Path) -> dict[str, str]:
    """Environment that makes an old pip trust the system's certificates as newer ones do: a company's CA is there."""
    named = {"PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} & os.environ.keys()
    question = [str(python), "-m", "pip", "config", "get", "global.cert"]
    configured = subprocess.run(question, capture_output=True, check=False)
    bundle = next((path for path in CA_BUNDLES if os.path.exists(path)), None)
    return {} if named or configured.returncode == 0 or bundle is None else {"PIP_CERT": bundle}


def make(level: str) -> None:
    """Create .venv unless it rests on this Python already, bring it to the locks, and link the checkout into it."""
    python = VENV / "bin" / "python"
    version = f"{sys.version}\n{ROOT}"
    marker = VENV / "made-by"
    if not (marker.exists() and marker.read_text() == version):
        shutil.rmtree(VENV, ignore_errors=True)
        run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", VENV)
        pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        run(python, *pip, "--no-deps", "--require-hashes", "-r", "bootstrap.txt", **certificates(python))
        marker.write_text(version)
    sync: list[str | Path] = [VENV / "bin" / "uv", "pip", "sync", "--quiet", "--require-hashes", "--python", python]
    run(*sync, *(f"{name}.txt" for name in ["bootstrap", *LISTS[level]]), UV_SYSTEM_CERTS="1")
    link_collection(python)
    (VENV / "stamp").write_text(f"{level} {fingerprint(level)}\n")


def link_collection(python: Path) -> None:
    """Make the checkout the installed collection for every tool of the environment."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    purelib = subprocess.run([str(python), "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    link = Path(purelib) / "ansible_collections" / "selfhosted" / "langgraph"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT)


def main() -> int:
    level = sys.argv[1] if len(sys.argv) > 1 else "dev"
    if level not in LISTS:
        print(f"venv: unknown level {level!r}, use one of {', '.join(LISTS)}", file=sys.stderr)
        return 2
    try:
        check_python()
        if is_current(level):
            return 0
        # two makes in one checkout: the second waits, then finds the work done
        with (ROOT / "requirements" / "bootstrap.txt").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_current(level):
                started = time.monotonic()
                version = platform.python_version()
                print(f"venv: installing the {level} packages into .venv (Python {version})", flush=True)
                make(level)
                print(f"venv: ready after {time.monotonic() - started:.1f} s", flush=True)
    except SetupError as error:
        print(f"venv: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
