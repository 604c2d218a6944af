# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the service: the first key, and starts that cannot succeed."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._crypt import generate_key
from tests.support.control_plane import command, environment, running_control_plane


def bootstrap(file: Path, env: Mapping[str, str], name: str = "first") -> tuple[int, str, str]:
    done = command(["bootstrap-key", "--file", str(file), "--name", name], env)
    return done.returncode, done.stdout, done.stderr


def test_the_first_key_is_made_once(empty_database: str, key_file: Path, tmp_path: Path) -> None:
    env, file = environment(empty_database, key_file), tmp_path / "admin.key"
    assert bootstrap(file, env) == (0, '{"changed": true}\n', "")
    key = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert bootstrap(file, env) == (0, '{"changed": false}\n', "")
    assert file.read_text().strip() == key
    with running_control_plane(empty_database, key_file) as service, service.client(key) as client:
        assert client.get("/v2/whoami").json()["organization"] is True


def test_a_key_that_was_lost_is_replaced_and_good_for_nothing(
    records_database: str, key_file: Path, tmp_path: Path
) -> None:
    env, file = environment(records_database, key_file), tmp_path / "admin.key"
    bootstrap(file, env)
    lost = file.read_text().strip()
    file.write_text("something else\n")
    assert bootstrap(file, env)[1] == '{"changed": true}\n'
    with running_control_plane(records_database, key_file) as service:
        with service.client(lost) as client:
            assert client.get("/v2/whoami").status_code == 401
        with service.client(file.read_text().strip()) as client:
            assert client.get("/v2/whoami").status_code == 200


@pytest.mark.parametrize("what", ["folder", "rights", "database", "encryption"])
def test_what_is_wrong_is_one_sentence(records_database: str, key_file: Path, tmp_path: Path, what: str) -> None:
    env, file = dict(environment(records_database, key_file)), tmp_path / "admin.key"
    if what == "folder":
        file = tmp_path / "nowhere" / "admin.key"
    elif what == "rights":
        file.mkdir()
    elif what == "database":
        env = environment("host=127.0.0.1 port=9 user=u password=hidden dbname=d", key_file)
    else:
        wrong = tmp_path / "wrong.key"
        wrong.write_text(generate_key())
        env = environment(records_database, wrong)
    code, said, error = bootstrap(file, env)
    assert (code, said) == (1, "")
    assert error.count("\n") == 1
    assert error.endswith(".\n")
    assert "hidden" not in error
    assert "Traceback" not in error


def test_a_service_that_cannot_serve_ends_at_once(records_database: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_text(generate_key())
    done = command(["serve"], environment(records_database, wrong))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("No key in the encryption key file")
    assert "Traceback" not in done.stderr


def test_what_it_says_is_json_for_programs(records_database: str, key_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    assert json.loads(bootstrap(file, environment(records_database, key_file))[1]) == {"changed": True}
    assert os.listdir(tmp_path) == ["admin.key"]
