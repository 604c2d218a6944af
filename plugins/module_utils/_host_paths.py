# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: every path and name that a deployment has on a server host, in one place. No I/O, no Ansible."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from pathlib import Path

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

Colour = t.Literal["blue", "green"]
COLOURS: tuple[Colour, Colour] = ("blue", "green")
PLATFORMS = ("systemd", "supervisor")
SYSTEMD_DIR = Path("/etc/systemd/system")

# `lg-<slug>` has to fit into the 32 characters of a Linux user name.
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,27}[a-z0-9])?")
WORKSPACE = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")


def other_colour(colour: str | None) -> Colour:
    """The colour that a candidate takes while `colour` serves (blue when nothing serves)."""
    return "green" if colour == "blue" else "blue"


@dataclasses.dataclass(frozen=True)
class HostPaths:
    """Layout of one deployment. `supervisor_dir` is needed on platform supervisor only."""

    root: Path
    slug: str
    platform: str = "systemd"
    supervisor_dir: Path | None = None

    # -- directories and files of the deployment
    @property
    def home(self) -> Path:
        return self.root / self.slug

    @property
    def epoch(self) -> Path:
        return self.home / "epoch"

    @property
    def work_lock(self) -> Path:
        return self.home / "work.lock"

    @property
    def state(self) -> Path:
        """JSON {"colour", "revision", "revision_id"}: what serves."""
        return self.home / "state.json"

    @property
    def connections(self) -> Path:
        """JSON {"DATABASE_URI", "REDIS_URI"}."""
        return self.home / "connections.json"

    @property
    def revisions(self) -> Path:
        return self.home / "revisions"

    def revision(self, number: int) -> RevisionPaths:
        return RevisionPaths(self.revisions / str(number), number)

    def staging_prefix(self, number: int) -> str:
        """Start of the names of unfinished directories below `revisions`."""
        return f".{number}.tmp-"

    # -- shared by the deployments of the host
    @property
    def tools(self) -> Path:
        return self.root / "tools"

    @property
    def uv(self) -> Path:
        return self.tools / "bin" / "uv"

    def builder(self, workspace_id: str) -> Path:
        return self.root / "builders" / workspace_key(workspace_id)

    def cache(self, workspace_id: str) -> Path:
        return self.builder(workspace_id) / "cache"

    # -- users (platform systemd)
    @property
    def service_user(self) -> str:
        return f"lg-{self.slug}"

    @staticmethod
    def builder_user(workspace_id: str) -> str:
        return f"lgb-{workspace_key(workspace_id)}"

    # -- units; the names are those of systemd, without suffix
    @property
    def unit_prefix(self) -> str:
        return f"langgraph-{self.slug}-"

    def api_unit(self, colour: str) -> str:
        return f"{self.unit_prefix}api-{colour}"

    def queue_unit(self, colour: str, index: int | None = None) -> str:
        """Instance `index` (1..k), or without it the template's name, which ends in `@`."""
        return f"{self.unit_prefix}queue-{colour}@{'' if index is None else index}"

    @property
    def redis_unit(self) -> str:
        return f"{self.unit_prefix}redis"

    def unit_file(self, unit: str) -> Path:
        """Where the definition of a unit lies on this platform; on systemd an instance has its template's file."""
        if self.platform == "systemd":
            name, at, _instance = unit.partition("@")
            return SYSTEMD_DIR / f"{name}{at}.service"
        return self.supervisor / "conf.d" / f"{program_name(unit)}.conf"

    # -- supervisor
    @property
    def supervisor(self) -> Path:
        if self.supervisor_dir is None:
            raise HostError("Platform supervisor needs its directory; set langgraph_supervisor_dir.")
        return self.supervisor_dir

    @property
    def supervisor_socket(self) -> Path:
        return self.supervisor / "supervisor.sock"

    @property
    def supervisor_log(self) -> Path:
        return self.supervisor / "log"


@dataclasses.dataclass(frozen=True)
class RevisionPaths:
    """What lies in one revision's directory. `meta` is written last: it is there, so is the rest."""

    path: Path
    number: int

    @property
    def source(self) -> Path:
        return self.path / "source"

    @property
    def venv(self) -> Path:
        return self.path / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def env(self) -> Path:
        """JSON object name -> value, 0640 root:service user."""
        return self.path / "env.json"

    @property
    def start(self) -> Path:
        return self.path / "start.py"

    @property
    def lock(self) -> Path:
        return self.path / "requirements.lock"

    @property
    def meta(self) -> Path:
        return self.path / "meta.json"

    @property
    def units(self) -> Path:
        return self.path / "units"


def host_paths(root: str, slug: str, platform: str = "systemd", supervisor_dir: str | None = None) -> HostPaths:
    """Build the layout from module options, or raise HostError with the option that is wrong."""
    if not SLUG.fullmatch(slug):
        raise HostError(f"Slug {slug!r} is not of the form name-12ab34cd with at most 29 characters of a-z, 0-9 and -.")
    if platform not in PLATFORMS:
        raise HostError(f"Platform {platform!r} is unknown; choose one of {', '.join(PLATFORMS)}.")
    if not root.startswith("/") or Path(root) == Path("/"):
        raise HostError(f"Root {root!r} is not an absolute directory below /; set langgraph_server_root.")
    return HostPaths(Path(root), slug, platform, Path(supervisor_dir) if supervisor_dir else None)


def workspace_key(workspace_id: str) -> str:
    """First 8 hex digits of a workspace's UUID: the name of its builder."""
    if not WORKSPACE.fullmatch(workspace_id):
        raise HostError(f"Workspace id {workspace_id!r} is not a UUID; take it from the claim.")
    return workspace_id[:8]


def program_name(unit: str) -> str:
    """A unit's name under supervisor, which allows no @."""
    return unit.replace("@", "-")
