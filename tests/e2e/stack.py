# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole installation under test: control node, records, and the machine that runs the servers."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from tests.support.ansible_runs import Controller, Run, Running

REPOSITORY = Path(__file__).parent.parent.parent
GRAPHS = REPOSITORY / "tests" / "support" / "graphs"
AGENT = REPOSITORY / "examples" / "agent"


@dataclass(frozen=True)
class Stack:
    """One workspace of an installation. ``records_options``: dsn, encryption_key_file, workspace."""

    controller: Controller
    records_options: dict[str, Any]
    platform: str

    def workspace(self, name: str) -> Stack:
        """The same installation, seen from another workspace (made when missing)."""
        records = open_records(self.records_options)
        try:
            records.apply_workspace({"name": name})
        finally:
            records.close()
        options = {**self.records_options, "workspace": name}
        variables = {**self.controller.variables, "langgraph_workspace": name}
        return dataclasses.replace(
            self, records_options=options, controller=dataclasses.replace(self.controller, variables=variables)
        )

    def module(self, module: str, /, *arguments: str, expect_failure: bool = False, **options: Any) -> dict[str, Any]:
        """One module of the collection on the control node, as a user's play runs it."""
        connection = {key: value for key, value in self.records_options.items() if value}
        done = self.controller.tasks(
            [{"name": "the module", f"selfhosted.langgraph.{module}": {**connection, **options}}], *arguments
        )
        if expect_failure:
            done.failed()
        else:
            done.ok()
        return done.result("the module")

    def create(self, name: str, directory: Path, /, *arguments: str, **options: Any) -> dict[str, Any]:
        """Write the deployment down (nothing is applied)."""
        return self.module("deployment", *arguments, name=name, source_directory=str(directory), **options)

    def apply(self, *names: str, arguments: Sequence[str] = (), **variables: Any) -> Run:
        """The playbook: what is due, or the named deployments."""
        return self.controller.playbook("apply", *arguments, langgraph_deployments=list(names), **variables)

    def start_apply(self, *names: str, **variables: Any) -> Running:
        """The same, to be followed while it runs."""
        return self.controller.start("apply", langgraph_deployments=list(names), **variables)

    def serve(self, name: str, directory: Path, /, **options: Any) -> str:
        """Write the deployment down, apply it, and give its URL."""
        self.create(name, directory, **options)
        self.apply(name).ok()
        return self.url(name)

    def record(self, name: str) -> dict[str, Any]:
        """The deployment as deployment_info shows it."""
        found = self.module("deployment_info", name=name)["deployments"]
        assert len(found) == 1, found
        return found[0]

    def revision(self, name: str, number: int | None = None) -> dict[str, Any]:
        """A revision as revision_info shows it; the latest by default."""
        found = self.module("revision_info", deployment=name, **({"number": number} if number else {}))["revisions"]
        assert found, f"no revision {number} of {name}"
        return found[0]

    def url(self, name: str) -> str:
        """Where the deployment is served."""
        url = self.record(name)["url"]
        assert url, f"{name} has no URL"
        return url

    def host(self, command: str) -> str:
        """A shell command on the machine that runs the servers, as its administrator."""
        done = self.controller.tasks(
            [{"name": "the command", "ansible.builtin.shell": command}],
            hosts=self.controller.variables["langgraph_hosts"],
        ).ok()
        return done.result("the command")["stdout"]

    def forget(self, name: str) -> None:
        """Destroy a deployment without a dump."""
        self.controller.playbook("destroy", langgraph_deployment=name, langgraph_skip_dump=True).ok()


def copy_graph(source: Path, target: Path, **files: str | None) -> Path:
    """A copy of a graph's directory with some files replaced (None: removed); names use __ for a dot."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in files.items():
        path = target / name.replace("__", ".")
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
    return target


def config(**keys: Any) -> str:
    """The text of a langgraph.json."""
    return json.dumps(keys)
