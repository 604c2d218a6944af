# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on this host of a deployment: which units serve, on which ports, and of which revision a unit is.

Only reads what the collection's modules write: state.json, ports.json, and the first line of each unit.
"""

from __future__ import annotations

import glob
import json
import os
import re
from typing import Any, NamedTuple

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,27}[a-z0-9])?\Z")
SYSTEMD_DIR = "/etc/systemd/system"
COLOURS = ("blue", "green")
_HEADER = re.compile(r"^# langgraph revision \d+ (\S+) connections \w+$")


class Serving(NamedTuple):
    """A process that has to answer. name: short, as people see it; unit: the platform's."""

    name: str
    unit: str
    port: int


def read_json(path: str) -> Any:
    """A file's content; None for none, or no JSON."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return None


class Deployment:
    """One deployment on this host."""

    def __init__(self, root: str, slug: str, supervisor_dir: str = "", systemd_dir: str = SYSTEMD_DIR) -> None:
        self.slug = slug
        self.home = os.path.join(root, slug)
        self._supervisor_dir = supervisor_dir
        self._systemd_dir = systemd_dir
        self._revisions: dict[str, tuple[tuple[int, int], str | None]] = {}

    def _prefix(self) -> str:
        return f"langgraph-{self.slug}-"

    def short(self, unit: str) -> str:
        """``langgraph-chat-1a2b3c4d-queue-blue@2`` -> ``queue-blue-2``."""
        return unit[len(self._prefix()) :].replace("@", "-")

    def ports(self) -> dict[str, dict[str, Any]]:
        """Ports by role and slot."""
        found = read_json(os.path.join(self.home, "ports.json"))
        if not isinstance(found, dict):
            return {}
        return {role: slots for role, slots in found.items() if isinstance(slots, dict)}

    def serving(self) -> list[Serving] | None:
        """The processes that have to answer; None where nothing of the deployment serves on this host."""
        state, ports = read_json(os.path.join(self.home, "state.json")), self.ports()
        if not isinstance(state, dict) or state.get("colour") not in COLOURS:
            return None
        found = []
        port = (ports.get("api") or {}).get(state["colour"])
        if isinstance(port, int):
            found.append(Serving(f"api-{state['colour']}", f"{self._prefix()}api-{state['colour']}", port))
        if state.get("queue") in COLOURS:
            for index in self._instances(state["queue"]):
                port = (ports.get("queue") or {}).get(f"{state['queue']}-{index}")
                unit = f"{self._prefix()}queue-{state['queue']}@{index}"
                if isinstance(port, int):
                    found.append(Serving(self.short(unit), unit, port))
        return found

    def _instances(self, colour: str) -> list[int]:
        """Numbers of the queue processes that are meant to run."""
        stem = f"{self._prefix()}queue-{colour}"
        if self._supervisor_dir:
            start, end = os.path.join(self._supervisor_dir, "conf.d", f"{stem}-"), ".conf"
            paths = glob.glob(f"{glob.escape(start)}*{end}")
        else:
            start, end = f"{stem}@", ".service"
            paths = glob.glob(os.path.join(glob.escape(self._systemd_dir), "*.wants", f"{glob.escape(start)}*{end}"))
            paths = [os.path.basename(path) for path in paths]
        tails = {path[len(start) : -len(end)] for path in paths}
        return sorted(int(tail) for tail in tails if tail.isdigit())

    def units(self) -> list[str]:
        """Every unit of API and queue that there may be: those that have a port."""
        ports, found = self.ports(), []
        for slot in sorted(ports.get("api") or {}):
            if slot in COLOURS:
                found.append(f"{self._prefix()}api-{slot}")
        for slot in sorted(ports.get("queue") or {}):
            colour, _dash, index = slot.partition("-")
            if colour in COLOURS and index.isdigit():
                found.append(f"{self._prefix()}queue-{colour}@{index}")
        return found

    def revision_of(self, unit: str) -> str | None:
        """Id of the revision that an installed unit was made for; the last one known where it is gone."""
        if self._supervisor_dir:
            path = os.path.join(self._supervisor_dir, "conf.d", f"{unit.replace('@', '-')}.conf")
        else:
            name, at, _instance = unit.partition("@")
            path = os.path.join(self._systemd_dir, f"{name}{at}.service")
        known = self._revisions.get(path)
        try:
            found = os.stat(path)
            mark = (found.st_mtime_ns, found.st_ino)
            if known is not None and known[0] == mark:
                return known[1]
            with open(path, encoding="utf-8", errors="replace") as stream:
                header = _HEADER.match(stream.readline().rstrip("\n"))
        except OSError:
            return known[1] if known else None
        self._revisions[path] = (mark, header[1] if header else None)
        return self._revisions[path][1]
