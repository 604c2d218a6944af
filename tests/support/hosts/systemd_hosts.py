#!/usr/bin/env python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian hosts that boot a real systemd, as containers of the engine in DOCKER_HOST.

    systemd_hosts.py up NAME...          make the image when needed, start what is not running, wait for systemd
    systemd_hosts.py down NAME...        remove the hosts (and their network with the last one)
    systemd_hosts.py inventory NAME...   print an inventory (YAML) that reaches them

From pytest: ``systemd_hosts.up(["lg-node"])`` and ``systemd_hosts.inventory(["lg-node"])``; run tests by
``tests/support/hosts/with-engine pytest ...`` so that an engine answers. Hosts find one another by name.
"""

from __future__ import annotations

import collections.abc as c
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NETWORK = "lg-test-hosts"
BOOT_SECONDS = 60.0

# A container's cgroup tree is mounted read-only; systemd needs to write its own part of it.
ENTRY = 'for c in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw "$c" 2>/dev/null; done; exec /sbin/init'
FLAGS = (
    "--cap-add=SYS_ADMIN",  # mounts of sandboxed units
    "--cap-add=SYS_PTRACE",  # units with ProtectProc and PrivateUsers (Debian's redis-server)
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=private",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp:exec",
    "--stop-signal=SIGRTMIN+3",
    "--env=container=docker",
)


def image() -> str:
    """Tag of the image that hosts are made of."""
    return os.environ.get("TEST_IMAGE", "testhost:12")


def docker(*arguments: str, check: bool = True) -> str:
    """Run the docker client; its output."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments[:3])} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def running(name: str) -> bool:
    return docker("inspect", "--format={{.State.Running}}", name, check=False) == "true"


def up(names: c.Sequence[str], build: bool = True) -> list[str]:
    """Start the hosts that do not run and wait until systemd is up in all; the names that were started."""
    if build:
        subprocess.run([str(HERE / "build-image"), image()], check=True)
    missing = [name for name in names if not running(name)]
    if missing and not docker("network", "ls", "--quiet", f"--filter=name=^{NETWORK}$"):
        docker("network", "create", NETWORK)
    for name in missing:
        docker("rm", "--force", name, check=False)
        docker(
            "run",
            "--detach",
            f"--name={name}",
            f"--hostname={name}",
            f"--network={NETWORK}",
            *FLAGS,
            image(),
            "/bin/sh",
            "-c",
            ENTRY,
        )
    deadline = time.monotonic() + BOOT_SECONDS
    for name in names:
        # "degraded" is up as well; the call fails outright while there is no bus yet.
        while (state := docker("exec", name, "systemctl", "is-system-running", check=False)) not in (
            "running",
            "degraded",
        ):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"systemd in {name} is not up after {BOOT_SECONDS:g} s ({state or 'no answer'}): docker logs {name}"
                )
            time.sleep(0.1)
    return missing


def down(names: c.Sequence[str]) -> None:
    """Remove the hosts; the network goes when nobody uses it."""
    if names:
        docker("rm", "--force", "--volumes", *names, check=False)
    docker("network", "rm", NETWORK, check=False)


def inventory(names: c.Sequence[str], group: str = "langgraph_servers", **variables: Any) -> dict[str, Any]:
    """An inventory (JSON is YAML) with the hosts in `group`; `variables` are the group's."""
    known: dict[str, Any] = {
        "ansible_connection": "community.docker.docker",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    if certificates_needed():
        known["langgraph_environment"] = {"UV_SYSTEM_CERTS": "1"}
    return {"all": {"children": {group: {"hosts": {name: {} for name in names}, "vars": {**known, **variables}}}}}


def certificates_needed() -> bool:
    """This machine trusts certificate authorities of its own, which the image got too."""
    return any(Path("/usr/local/share/ca-certificates").glob("*.crt"))


def address(name: str) -> str:
    """IP address of a host, reachable from this machine."""
    return docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)


def restart(name: str) -> None:
    """Reboot a host and wait for its systemd."""
    docker("restart", name)
    up([name], build=False)


def main(arguments: c.Sequence[str]) -> int:
    if len(arguments) < 2 or arguments[0] not in ("up", "down", "inventory"):
        print(__doc__, file=sys.stderr)
        return 2
    names = list(arguments[1:])
    if arguments[0] == "inventory":
        print(json.dumps(inventory(names), indent=2))
    elif arguments[0] == "up":
        print(" ".join(up(names)) or "all run already")
    else:
        down(names)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
