# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the listener: what is taken, and the sentence for what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.services.listener.environment import ansible_environment
from ansible_collections.selfhosted.langgraph.services.listener.settings import load, parse

LEAST = {"api_url": "https://cp/api-host", "api_key_file": "/k", "inventory": "/i", "state_dir": "/s"}


def test_the_least() -> None:
    settings = parse(LEAST)
    assert settings.inventory == ("/i",)
    assert settings.capacity >= 1
    assert str(settings.runs) == "/s/runs"
    assert parse({**LEAST, "concurrency": 3}).capacity == 3
    assert parse({**LEAST, "inventory": ["/a", "/b"], "listener": None}).inventory == ("/a", "/b")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"api_url": "cp"}, "Setting api_url is malformed"),
        ({"api_url": "https://me:secret@cp"}, "Setting api_url is malformed"),
        ({"api_key_file": ""}, "Setting api_key_file is empty"),
        ({"inventory": []}, "Setting inventory is neither a path nor a list of paths."),
        ({"inventory": "here"}, "Setting inventory is 'here', which is no absolute path."),
        ({"concurrency": -1}, "Setting concurrency is no whole number from 0 to 256."),
        ({"concurrency": True}, "Setting concurrency is no whole number"),
        (
            {"drift_interval": "1h"},
            "Setting drift_interval is no number of seconds from 1 to 2.6784e+06, or 0 for never",
        ),
        ({"lease_margin": 50}, "Setting lease_margin leaves nothing of a lease of 60 s"),
        ({"drift_correct": "yes"}, "Setting drift_correct is neither true nor false."),
        ({"log_level": "loud"}, "Setting log_level is none of debug, info, warning, error."),
        ({"environment": {"A": 1}}, "Setting environment is no object of names and texts."),
        ({"playbook": "-i"}, "Setting playbook names no playbook."),
        ({"colour": "red"}, "Setting colour is not known; remove it or correct its name."),
    ],
)
def test_what_is_wrong_is_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse({**LEAST, **change})
    assert said in str(error.value)


def test_a_missing_one_is_named() -> None:
    with pytest.raises(InvalidInput, match="Setting inventory is missing"):
        parse({key: value for key, value in LEAST.items() if key != "inventory"})


@pytest.mark.parametrize(("text", "said"), [("{", "are no JSON"), ("[]", "are no JSON object")])
def test_a_file_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "listener.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        load(str(path))
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(str(tmp_path / "other"))


def test_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    settings = parse({**LEAST, "api_key_file": str(file)})
    with pytest.raises(InvalidInput, match="cannot be read"):
        settings.read_key()
    for text in ("", "two words", "k\u00e4y", "\0"):
        file.write_text(text)
        with pytest.raises(InvalidInput, match="holds no API key"):
            settings.read_key()
    file.write_text("lsv2_pt_good\n")
    assert settings.read_key() == "lsv2_pt_good"
    (tmp_path / "l.json").write_text(json.dumps(LEAST))
    assert load(str(tmp_path / "l.json")) == parse(LEAST)


def test_no_run_shares_the_connections_of_another() -> None:
    """The master that ssh leaves for those that come ends with its run."""
    one, other = (ansible_environment(parse(LEAST), Path(f"/s/runs/{name}/ansible")) for name in ("1-1", "2-1"))
    assert one["ANSIBLE_SSH_CONTROL_PATH_DIR"] == "/s/runs/1-1/ansible/cp"
    assert other["ANSIBLE_SSH_CONTROL_PATH_DIR"] != one["ANSIBLE_SSH_CONTROL_PATH_DIR"]
    deep = ansible_environment(parse(LEAST), Path("/" + "d" * 90))
    assert "ANSIBLE_SSH_CONTROL_PATH_DIR" not in deep, "no socket fits there"
    assert "ControlPath=none" in deep["ANSIBLE_SSH_ARGS"]
    said = {**LEAST, "environment": {"ANSIBLE_SSH_ARGS": "-o ProxyJump=bastion"}}
    assert ansible_environment(parse(said), Path("/" + "d" * 90))["ANSIBLE_SSH_ARGS"] == "-o ProxyJump=bastion"
