# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and hosts of the inventory, as Ansible itself understands them: read by a playbook of the collection."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.services.listener.environment import ansible_environment
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings

DEFAULT_GROUP = "langgraph_servers"
PLAYBOOK = "selfhosted.langgraph._hosts"
_SECONDS = 120.0
_NOT_IN_A_PATTERN = frozenset(":,&!*?[]~ \t\n")


class Inventory:
    """What was last read. ``hosts`` and ``variables`` are cheap; ``load`` runs Ansible once (about a second)."""

    def __init__(
        self, groups: Mapping[str, list[str]] | None = None, hosts: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        self._groups = {name: list(members) for name, members in (groups or {}).items()}
        self._hosts = {name: dict(values) for name, values in (hosts or {}).items()}

    async def load(self, settings: Settings) -> None:
        """Read it again; InvalidInput with what Ansible said when it cannot be read, and what was known stays."""
        target = Path(settings.state_dir) / f"inventory-{uuid.uuid4().hex[:8]}.json"
        words = [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            PLAYBOOK,
            "-e",
            json.dumps({"langgraph_hosts_file": str(target)}),
        ]
        for source in settings.inventory:
            words += ["-i", source]
        home = Path(settings.state_dir) / "ansible"
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                env=ansible_environment(settings, home),
                cwd=settings.state_dir,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                said, _none = await asyncio.wait_for(process.communicate(), _SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
                raise InvalidInput(
                    f"The inventory {self._names(settings)} was not read within {_SECONDS:.0f} s."
                ) from None
            if process.returncode:
                lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines()]
                reason = next(
                    (line for line in lines if "ERROR" in line or line.startswith("fatal")), lines[-1] if lines else ""
                )
                raise InvalidInput(
                    f"The inventory {self._names(settings)} cannot be read: {reason[:500]}", field="inventory"
                )
            content = json.loads(target.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"The inventory {self._names(settings)} cannot be read: {error}", field="inventory"
            ) from None
        finally:
            target.unlink(missing_ok=True)
        self._groups, self._hosts = content["groups"], content["hosts"]

    @staticmethod
    def _names(settings: Settings) -> str:
        return ", ".join(settings.inventory)

    def hosts(self, group: str) -> list[str]:
        """Hosts of a group, in the order of the inventory; empty for a group that there is not."""
        return list(self._groups.get(group, ()))

    def host_groups(self) -> dict[str, list[str]]:
        """The groups that a deployment may want, with their hosts."""
        return {name: self.hosts(name) for name in sorted(self._groups) if name not in ("all", "ungrouped")}

    def has(self, group: str) -> bool:
        """Whether there is such a group."""
        return group in self._groups

    def variables(self, host: str) -> dict[str, Any]:
        """How a host is reached and where its servers are: what _hosts.yml names, as far as it is set."""
        return dict(self._hosts.get(host, {}))

    def known(self, host: str) -> bool:
        """Whether the inventory has this host."""
        return host in self._hosts

    def choose(self, group: str, current: str | None, load: Mapping[str, int], deployment: str) -> str:
        """The host to apply a deployment to: where it is, else the one of its group with the fewest deployments.

        InvalidInput names what the inventory lacks.
        """
        if current is not None:
            if not self.known(current) or _NOT_IN_A_PATTERN & set(current):
                raise InvalidInput(
                    f"Deployment {deployment} is on host {current}, which the listener's inventory lacks; add it there "
                    "again, or delete the deployment with force if the host is gone."
                )
            return current
        if not self.has(group):
            raise InvalidInput(
                f"Deployment {deployment} wants the host group {group}, which the listener's inventory lacks; add the "
                "group there, or choose another one."
            )
        members = [name for name in self.hosts(group) if not _NOT_IN_A_PATTERN & set(name)]
        if not members:
            raise InvalidInput(
                f"Deployment {deployment} wants the host group {group}, which has no host in the listener's inventory; "
                "add one."
            )
        return min(members, key=lambda name: (load.get(name, 0), members.index(name)))
