# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INTERNAL COLLECTION USE ONLY. Services under systemd, through systemctl and journalctl."""

from __future__ import annotations

import glob
import os
import subprocess
import tempfile
import time
from datetime import UTC, datetime

from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import (
    Run,
    ServiceError,
    Status,
    check_name,
)

UNIT_DIR = "/etc/systemd/system"
POLL_SECONDS = 0.2
KILL_SECONDS = 10.0
_PROPERTIES = (
    "LoadState,UnitFileState,ActiveState,SubState,MainPID,Result,NRestarts,ExecMainStartTimestamp,"
    "ExecMainStatus,NeedDaemonReload"
)


def _run(argv: list[str]) -> tuple[int, str, str]:
    """Run a command without a shell; output as text."""
    done = subprocess.run(  # pylint: disable=ansible-bad-function  # the core knows no Ansible
        argv, check=False, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
    )
    return done.returncode, done.stdout, done.stderr


def parse_show(text: str) -> dict[str, str]:
    """``systemctl show`` output (Key=Value lines) as a dict."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def parse_timestamp(text: str) -> float:
    """systemd's ``@seconds`` (``--timestamp=unix``) in seconds since the epoch; 0.0 for nothing or another form."""
    try:
        return float(text.removeprefix("@")) if text.startswith("@") else 0.0
    except ValueError:
        return 0.0


def status_from(props: dict[str, str]) -> Status:
    """The Status that the properties of ``systemctl show`` mean."""
    active, sub = props.get("ActiveState", ""), props.get("SubState", "")
    result = props.get("Result", "")
    if result == "exit-code":
        result = f"exit-code {props.get('ExecMainStatus', '')}".strip()
    return Status(
        installed=props.get("LoadState") == "loaded",
        enabled=props.get("UnitFileState") in ("enabled", "enabled-runtime"),
        active=active in ("active", "reloading", "deactivating") and props.get("MainPID", "0") != "0",
        starting=active == "activating" or sub == "auto-restart",
        retrying=sub == "auto-restart",
        failed=active == "failed",
        pid=int(props.get("MainPID") or 0),
        result=result,
        started_at=parse_timestamp(props.get("ExecMainStartTimestamp", "")),
        restarts=int(props.get("NRestarts") or 0),
    )


class SystemdServices:
    """The Services interface over systemd's system manager. Needs the rights to manage units (root)."""

    platform = "systemd"

    def __init__(self, run: Run | None = None, unit_dir: str = UNIT_DIR) -> None:
        self._run = run or _run
        self._unit_dir = unit_dir

    def _path(self, name: str) -> str:
        return os.path.join(self._unit_dir, f"{check_name(name)}.service")

    def _systemctl(self, verb: str, name: str, *more: str, why: str) -> None:
        code, out, err = self._run(["systemctl", verb, *more, f"{check_name(name)}.service"])
        if code != 0:
            text = (err or out).strip().splitlines()
            raise ServiceError(f"Unit {name} could not be {why}: {text[0] if text else f'systemctl ended with {code}'}")

    def _show(self, name: str) -> dict[str, str]:
        code, out, err = self._run(
            ["systemctl", "show", "--timestamp=unix", f"--property={_PROPERTIES}", f"{check_name(name)}.service"]
        )
        if code != 0:
            raise ServiceError(f"systemd does not answer about unit {name}: {err.strip() or code}")
        return parse_show(out)

    def installed_text(self, name: str) -> str | None:
        try:
            with open(self._path(name), encoding="utf-8") as handle:
                return handle.read()
        except FileNotFoundError:
            return None

    def install(self, name: str, text: str) -> bool:
        if self.installed_text(name) == text:
            if not name.endswith("@") and self._show(name).get("NeedDaemonReload") == "yes":
                self.reload()
            return False
        handle, temporary = tempfile.mkstemp(dir=self._unit_dir, prefix=".langgraph-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, self._path(name))
        self.reload()
        return True

    def remove(self, name: str) -> bool:
        path = self._path(name)
        if name.endswith("@"):
            for instance in self.list(name):
                if not instance.endswith("@"):
                    self.stop(instance)
                    self.disable(instance)
        else:
            self.stop(name)
            if os.path.exists(path):
                self.disable(name)
        if not os.path.exists(path):
            return False
        os.unlink(path)
        self.reload()
        return True

    def start(self, name: str) -> None:
        self._run(["systemctl", "reset-failed", f"{check_name(name)}.service"])
        self._systemctl("start", name, why="started")

    def stop(self, name: str, timeout: float = 90.0) -> None:
        self.stop_all([name], timeout)

    def stop_all(self, names: list[str], timeout: float = 90.0) -> None:
        left = [name for name in names if not self._stopped(name)]
        for name in left:
            self._systemctl("stop", name, "--no-block", why="stopped")
        deadline, killed = time.monotonic() + timeout, False
        while left := [name for name in left if not self._stopped(name)]:
            if time.monotonic() >= deadline:
                if killed:
                    raise ServiceError(f"Unit {left[0]} does not stop, not even by SIGKILL; look at systemctl status.")
                for name in left:
                    self._systemctl("kill", name, "--signal=SIGKILL", why="killed")
                deadline, killed = time.monotonic() + KILL_SECONDS, True
            time.sleep(POLL_SECONDS)

    def _stopped(self, name: str) -> bool:
        props = self._show(name)
        return props.get("ActiveState") in ("inactive", "failed", None) and props.get("SubState") != "auto-restart"

    def forget(self, name: str) -> None:
        self._run(["systemctl", "reset-failed", f"{check_name(name)}.service"])

    def enable(self, name: str) -> bool:
        if self.status(name).enabled:
            return False
        self._systemctl("enable", name, "--quiet", why="enabled")
        return True

    def disable(self, name: str) -> bool:
        if not self.status(name).enabled:
            return False
        self._systemctl("disable", name, "--quiet", why="disabled")
        return True

    def status(self, name: str) -> Status:
        return status_from(self._show(name))

    def list(self, prefix: str) -> list[str]:
        check_name(prefix)
        names = {
            os.path.basename(p)[: -len(".service")]
            for p in glob.glob(os.path.join(self._unit_dir, f"{prefix}*.service"))
        }
        code, out, _err = self._run(
            ["systemctl", "list-units", "--all", "--full", "--plain", "--no-legend", "--no-pager", f"{prefix}*.service"]
        )
        if code == 0:
            for line in out.splitlines():
                words = line.split()
                if words and words[0].endswith(".service"):
                    names.add(words[0][: -len(".service")])
        for wants in glob.glob(os.path.join(self._unit_dir, "*.wants", f"{prefix}*.service")):
            names.add(os.path.basename(wants)[: -len(".service")])
        return sorted(names)

    def log_mark(self, name: str) -> float:
        return time.time()

    def log_tail(self, name: str, lines: int = 40, since: float | None = None) -> str:
        self._run(["journalctl", "--sync"])
        argv = [
            "journalctl",
            "--no-pager",
            "--quiet",
            "--output=cat",
            f"--lines={lines}",
            f"--unit={check_name(name)}.service",
        ]
        if since:
            argv.append(f"--since={datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S.%f} UTC")
        code, out, err = self._run(argv)
        return out.rstrip("\n") if code == 0 else f"(the journal of {name} cannot be read: {err.strip()})"

    def reload(self) -> None:
        code, _out, err = self._run(["systemctl", "daemon-reload"])
        if code != 0:
            raise ServiceError(f"systemd could not read the unit files again: {err.strip() or code}")
