# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""schemathesis over all that the OpenAPI of the running service says, with every check, in single requests and in
sequences: no server error, no answer that the document does not allow, nothing taken that it forbids.

The seed is fixed. SCHEMATHESIS_EXAMPLES and SCHEMATHESIS_SEED ask for more, and for something else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.control_plane import ControlPlane, running_control_plane

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "5"))  # of each operation, besides those of the coverage phase
SEQUENCES = 6 * EXAMPLES
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")

pytestmark = pytest.mark.timeout(max(600, 120 * EXAMPLES))


@pytest.fixture
def plane(records_database: str, key_file: Path) -> Iterator[ControlPlane]:
    with running_control_plane(records_database, key_file) as running:
        yield running


def schemathesis(plane: ControlPlane, folder: Path, settings: str, phases: str, examples: int, **env: str) -> str:
    """Run it with the settings of schemathesis.toml and these; what it said. Fails the test with that on a finding."""
    config = folder / "schemathesis.toml"
    config.write_text(settings + (HERE / "schemathesis.toml").read_text())
    words = [Path(sys.executable).parent / "schemathesis", "--config-file", config, "run", f"{plane.url}/openapi.json"]
    words += ["--phases", phases, "--max-examples", str(examples), "--seed", SEED, "--no-color"]
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "No issues found" in said, said
    errors = [line for line in plane.lines() if line.get("level") in ("ERROR", "CRITICAL")]
    assert not errors, errors[:3]
    return said


def test_every_operation(plane: ControlPlane, tmp_path: Path) -> None:
    key = plane.make_key("schemathesis", "admin", "default", organization=True, permissions=["secrets:reveal"])
    settings = """
headers = {X-Tenant-Id = "default"}  # a key of the organization needs it as soon as there is a second workspace
auth.openapi."API Key" = {api_key = "${SCHEMATHESIS_KEY}"}
auth.openapi."Bearer Auth" = {bearer = "${SCHEMATHESIS_KEY}"}
"""
    said = schemathesis(plane, tmp_path, settings, "coverage,fuzzing", EXAMPLES, SCHEMATHESIS_KEY=key)
    assert "❌" not in said


def test_sequences_of_operations(plane: ControlPlane, tmp_path: Path) -> None:
    """As two workspaces by turns: what one of them made, the other must not see."""
    users = []
    for name in ("one", "two"):
        plane.ask("POST", "/v2/workspaces", {"name": name}, workspace="default")
        key = plane.make_key("schemathesis", "admin", name, permissions=["secrets:reveal"])
        users.append({"name": name, "fixedHeaders": [{"name": "X-Api-Key", "value": key}]})
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"auth": users}))
    settings = f'auth.wfc = {{path = "{keys}", user = "one", peers = ["one", "two"]}}\n'
    schemathesis(plane, tmp_path, settings, "stateful", SEQUENCES)
    with plane.client(workspace="one") as client:
        assert client.get("/v2/audit", params={"kind": "deployment"}).json()["entries"], "no deployment was ever made"
