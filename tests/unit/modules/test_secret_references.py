# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What secrets may refer to on the controller, and what they may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.selfhosted.langgraph.plugins.action import server_stage
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_secrets import ENV_PREFIX, Allowed, resolve

CANARY = "canary-value"
ENVIRONMENT = {
    "LANGGRAPH_SECRET_A": CANARY,
    "LANGGRAPH_SECRET_": CANARY,
    "LANGGRAPH_SECRET_EMPTY": "",
    "LANGGRAPH_SECRET_BAD": "\udcff" + CANARY,
    "HOME": CANARY,
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Files that may be referred to, beside some that may not."""
    root = tmp_path / "secrets"
    (root / "..data").mkdir(parents=True)
    (root / "openai").mkdir()
    (root / "openai" / "key").write_text(f"{CANARY}\n")
    (root / "two").write_text(f"{CANARY}\n\n")
    (root / "..data" / "mounted").write_text(CANARY)
    (root / "mounted").symlink_to("..data/mounted")
    (tmp_path / "outside").write_text(CANARY)
    (tmp_path / "secrets-too").write_text(CANARY)
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "big").write_bytes(b"x" * 65537)
    (root / "binary").write_bytes(b"\xff\xfe" + CANARY.encode())
    (root / "nul").write_text(f"{CANARY}\0")
    os.mkfifo(root / "pipe")
    return root


def values(directory: Path | None, *references: tuple[str, str, str]) -> dict[str, str]:
    """The values of references (name, secret_name, secret_key)."""
    asked = [dict(zip(("name", "secret_name", "secret_key"), one, strict=True)) for one in references]
    allowed = Allowed(ENV_PREFIX, None if directory is None else str(directory))
    found, others = resolve(asked, allowed, ENVIRONMENT)
    assert others == []
    return found


def test_variables_and_files(directory: Path) -> None:
    assert values(
        directory,
        ("A", "env", "LANGGRAPH_SECRET_A"),
        ("E", "env", "LANGGRAPH_SECRET_EMPTY"),
        ("F", "file", "openai/key"),
        ("M", "file", "mounted"),
        ("T", "file", "two"),
    ) == {"A": CANARY, "E": "", "F": CANARY, "M": CANARY, "T": f"{CANARY}\n"}


def test_the_directory_may_itself_be_a_link(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(directory)
    assert values(tmp_path / "alias", ("F", "file", "openai/key")) == {"F": CANARY}


def test_secrets_of_kubernetes_are_left_to_others() -> None:
    reference = {"name": "K", "secret_name": "llm-keys", "secret_key": "openai"}
    assert resolve([reference], Allowed(ENV_PREFIX, None), ENVIRONMENT) == ({}, [reference])


@pytest.mark.parametrize("key", ["HOME", "LANGGRAPH_SECRET_", "LANGGRAPH_SECRET_MISSING", "LANGGRAPH_SECRET_BAD", ""])
def test_other_variables_are_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match=r"^The secret A refers to ") as caught:
        values(None, ("A", "env", key))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        *(
            "../outside",
            "link",
            "up/outside",
            "up/secrets-too",
            "../secrets-too",
            ".",
            "",
            "openai",
            "openai/..",
            "loop",
        ),
        *("/etc/passwd", "missing", "big", "binary", "nul", "pipe", "openai/key/x", "x" * 300),
    ],
)
def test_other_files_are_refused(directory: Path, key: str) -> None:
    with pytest.raises(InvalidInput, match=r"^The secret A refers to ") as caught:
        values(directory, ("A", "file", key))
    assert CANARY not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_no_file_without_a_directory(directory: Path) -> None:
    with pytest.raises(InvalidInput, match="set secrets_directory of work_claim"):
        values(None, ("A", "file", "openai/key"))


def test_hosts_have_no_secrets_of_kubernetes() -> None:
    claim = {
        "deployment": {"id": "1", "slug": "chat-1", "name": "chat", "workspace_id": "2"},
        "epoch": 1,
        "revision": {"id": "3", "number": 1},
        "secret_references": [{"name": "K", "secret_name": "llm-keys", "secret_key": "openai"}],
    }
    with pytest.raises(AnsibleActionFail, match="The secret K of chat refers to the Secret llm-keys of Kubernetes"):
        server_stage._fill({}, claim)
