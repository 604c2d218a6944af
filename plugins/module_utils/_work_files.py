# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a claim on the controller: what later tasks need and no result may show.

``<work_dir>/<slug>-<random>/claim.json`` (0600 in 0700) holds the public part of the claim and its secrets; beside it
``owner.json``
names the process the claim is bound to, so that what a killed run left behind can be told from what is in use.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim

CLAIM_FILE = "claim.json"
OWNER_FILE = "owner.json"
_NAME = "selfhosted-langgraph"


def work_directory(path: str | None = None) -> str:
    """The directory for claims, made if missing: ``path``, else one of the user's own below XDG_RUNTIME_DIR or the
    temporary directory.

    InvalidInput if it is a link, no directory, or somebody else's: whoever owns it could read or replace what is
    written there.
    """
    target = path or _default_directory()
    try:
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(target, 0o700)
        status = os.lstat(target)
        if not stat.S_ISDIR(status.st_mode):
            raise InvalidInput(
                f"{target} is not a directory: remove it, or set work_dir to another place.", field="work_dir"
            )
        if status.st_uid != os.geteuid():
            raise InvalidInput(
                f"Directory {target} belongs to another user (ID {status.st_uid}): remove it, or set work_dir to one "
                "of your own.",
                field="work_dir",
            )
        if path and stat.S_IMODE(status.st_mode) & 0o022:
            raise InvalidInput(
                f"Directory {target} can be written by others: take that right away, or set work_dir to another place.",
                field="work_dir",
            )
        if not path and stat.S_IMODE(status.st_mode) & 0o077:
            os.chmod(target, 0o700)
    except OSError as error:
        raise InvalidInput(
            f"Directory {target} for claims cannot be used ({error.strerror}): set work_dir to another place.",
            field="work_dir",
        ) from error
    return target


def write_claim(work_dir: str, claim: Claim, connection: Mapping[str, Any], owner: Mapping[str, Any]) -> dict[str, Any]:
    """Write the files of a claim; gives its public part with ``claim_file`` in it."""
    public: dict[str, Any] = dict(claim["public"])
    try:
        directory = tempfile.mkdtemp(prefix=f"{public['deployment']['slug']}-", dir=work_dir)
        public["claim_file"] = os.path.join(directory, CLAIM_FILE)
        _write(os.path.join(directory, OWNER_FILE), dict(owner))
        _write(public["claim_file"], {**public, **claim["private"], "connection": dict(connection)})
    except OSError as error:
        raise InvalidInput(
            f"The claim cannot be written below {work_dir} ({error.strerror}): make room, or set work_dir to another "
            "place."
        ) from error
    return public


def read_claim(path: str) -> dict[str, Any]:
    """A claim file: public part, secrets and connection. InvalidInput if it is gone or not one of ours."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except FileNotFoundError as error:
        raise InvalidInput(
            f"Claim file {path} is gone: the claim was released, taken over, or its ansible-playbook ended.",
            field="claim_file",
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"Claim file {path} cannot be read ({error}): run work_claim again.", field="claim_file"
        ) from error
    if not isinstance(content, dict) or not {"claim_id", "epoch", "deployment", "connection"} <= content.keys():
        raise InvalidInput(
            f"File {path} is not a claim: give the claim_file of a result of work_claim.", field="claim_file"
        )
    return cast("dict[str, Any]", content)


def rewrite_claim(path: str, content: Mapping[str, Any]) -> None:
    """Replace the content of a claim file as a whole."""
    draft = f"{path}.new"
    try:
        _write(draft, content)
        os.replace(draft, path)
    except OSError as error:
        raise InvalidInput(
            f"The claim file {path} cannot be written ({error.strerror}): make room, or set work_dir to another place."
        ) from error


def remove_claim(path: str) -> None:
    """Remove a claim's directory; nothing happens if it is gone, or if the path is not that of a claim file."""
    if os.path.basename(path) == CLAIM_FILE:
        shutil.rmtree(os.path.dirname(path), ignore_errors=True)


def sweep(work_dir: str, is_dead: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    """Remove what killed runs left behind; gives the names of the removed directories."""
    removed = []
    with os.scandir(work_dir) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                continue
            try:
                with open(os.path.join(entry.path, OWNER_FILE), encoding="utf-8") as stream:
                    owner = json.load(stream)
                dead = isinstance(owner, dict) and is_dead(owner)
            except (OSError, ValueError):
                continue
            if dead:
                shutil.rmtree(entry.path, ignore_errors=True)
                removed.append(entry.name)
    return removed


def _write(path: str, content: Mapping[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream)


def _default_directory() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        try:
            status = os.stat(runtime)
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                return os.path.join(runtime, _NAME)
        except OSError:
            pass
    return os.path.join(tempfile.gettempdir(), f"{_NAME}-{os.geteuid()}")
