# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INTERNAL COLLECTION USE ONLY. Long-running services on a host, under systemd or supervisor.

Names are the collection's own and the same on both platforms: ``langgraph-<slug>-api-blue`` or, for one of several
instances of a template, ``langgraph-<slug>-queue-blue@2``. Unit texts come from role templates; they never hold text
that a user of a deployment wrote.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

NAME = re.compile(r"^[A-Za-z0-9_.-]+(@[A-Za-z0-9_.-]*)?$")

#: Runs a command: argv -> (exit status, standard output, standard error).
Run = Callable[[list[str]], tuple[int, str, str]]


class ServiceError(HostError):
    """A service could not be handled; the message is one sentence that names it."""


@dataclass(frozen=True)
class Status:
    """What a service is doing now.

    ``active``: its main process runs. ``starting``: it is on its way up; ``retrying``: so it is after it had ended.
    ``failed``: it ended and nothing will start it again. ``result``: the platform's word for how it stands or ended
    (systemd: ``success``, ``exit-code``, ``signal``...; supervisor: ``RUNNING``, ``FATAL``, ``EXITED 3``...).
    ``started_at``: seconds since the epoch, 0.0 when unknown. ``restarts``: how often the platform started it anew.
    """

    installed: bool = False
    enabled: bool = False
    active: bool = False
    starting: bool = False
    retrying: bool = False
    failed: bool = False
    pid: int = 0
    result: str = ""
    started_at: float = 0.0
    restarts: int = 0


class Services(Protocol):
    """One interface over systemd and supervisor. Every method raises ServiceError with one sentence on failure.

    ``install``, ``remove``, ``enable`` and ``disable`` return whether something changed. ``name`` may be a template
    (``x@``) for install and remove, and an instance (``x@1``) everywhere else.
    """

    platform: str

    def install(self, name: str, text: str) -> bool:
        """Put the unit's text in place if it differs, and let the platform read it. Starts and stops nothing."""

    def installed_text(self, name: str) -> str | None:
        """The text in place, or None."""

    def remove(self, name: str) -> bool:
        """Stop, disable and forget the unit."""

    def start(self, name: str) -> None:
        """Start it and return when its process is up (not when it answers). Does nothing when it runs."""

    def stop(self, name: str, timeout: float = 90.0) -> None:
        """Ask it to end (SIGTERM), wait, and kill it after `timeout` seconds. No error when it is stopped."""

    def stop_all(self, names: list[str], timeout: float = 90.0) -> None:
        """As `stop`, all of them at the same time."""

    def forget(self, name: str) -> None:
        """Drop what the platform keeps of one stopped instance of a template (supervisor: its program)."""

    def enable(self, name: str) -> bool:
        """It comes up by itself when the host (or supervisord) starts."""

    def disable(self, name: str) -> bool:
        """It does not come up by itself."""

    def status(self, name: str) -> Status:
        """How it stands; of an unknown name a Status with ``installed=False``."""

    def list(self, prefix: str) -> list[str]:
        """Names of installed or running units that begin with ``prefix``, sorted; a template is listed as ``x@``."""

    def log_mark(self, name: str) -> float:
        """A mark of "now" in its log, for ``since`` of ``log_tail`` (its meaning is the platform's own)."""

    def log_tail(self, name: str, lines: int = 40, since: float | None = None) -> str:
        """The last lines it wrote, if ``since`` is given only those after that mark. Never raises."""

    def reload(self) -> None:
        """Let the platform read changed unit files (for files that were not put there by ``install``)."""


def check_name(name: str) -> str:
    """Return ``name`` if it is a safe unit name, else raise ServiceError."""
    if not NAME.match(name):
        raise ServiceError(f"'{name}' is not a valid name of a service: use letters, digits, _ . - and one @.")
    return name


def open_services(platform: str, supervisor_dir: str | None = None, run: Run | None = None) -> Services:
    """The services of this host.

    :param platform: ``systemd`` or ``supervisor``.
    :param supervisor_dir: with ``supervisor``: the directory that holds ``supervisor.sock``, ``conf.d`` and ``log``.
    :param run: runs a command on systemd hosts (a module's ``run_command`` fits); default: subprocess.
    """
    if platform == "systemd":
        from ansible_collections.selfhosted.langgraph.plugins.module_utils._services_systemd import SystemdServices

        return SystemdServices(run=run)
    if platform == "supervisor":
        if not supervisor_dir:
            raise ServiceError("The platform 'supervisor' needs supervisor_dir, where its socket and conf.d are.")
        from ansible_collections.selfhosted.langgraph.plugins.module_utils._services_supervisor import (
            SupervisorServices,
        )

        return SupervisorServices(supervisor_dir)
    raise ServiceError(f"Unknown platform '{platform}': use 'systemd' or 'supervisor'.")
