# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that the records only refer to: their values, as far as the controller has them and may give them.

Whoever writes a deployment chooses the references, and whoever applies it what they may lead to: variables whose names
begin with a prefix, and files below one directory. Nothing else of the controller can be asked for this way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

ENV_PREFIX = "LANGGRAPH_SECRET_"
_MOST_BYTES = 64 * 1024

Reference = Mapping[str, str]


class Allowed(NamedTuple):
    """What references may lead to. directory None: no file."""

    prefix: str
    directory: str | None


def resolve(
    references: Sequence[Reference], allowed: Allowed, environment: Mapping[str, str]
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Values by name, and the references that belong to somebody else (Secrets of Kubernetes).

    InvalidInput names the reference and what it lacks, never a value.
    """
    values: dict[str, str] = {}
    others: list[dict[str, str]] = []
    for reference in references:
        name, kind, key = reference["name"], reference["secret_name"], reference["secret_key"]
        what = f"The secret {name} refers to"
        if kind == "env":
            values[name] = _from_environment(what, key, allowed.prefix, environment)
        elif kind == "file":
            values[name] = _from_file(what, key, allowed.directory)
        else:
            others.append(dict(reference))
    return values, others


def _from_environment(what: str, key: str, prefix: str, environment: Mapping[str, str]) -> str:
    if not key.startswith(prefix) or key == prefix:
        raise InvalidInput(
            f"{what} the environment variable {key}, and only those whose names begin with {prefix} are allowed: "
            "rename it, or set secrets_env_prefix of work_claim."
        )
    if key not in environment:
        raise InvalidInput(
            f"{what} the environment variable {key}, which is not set where the deployment is applied: set it there."
        )
    return _checked(what, environment[key])


def _from_file(what: str, key: str, directory: str | None) -> str:
    if directory is None:
        raise InvalidInput(
            f"{what} the file {key}, and no file is allowed: set secrets_directory of work_claim to the directory of "
            "such files."
        )
    root = os.path.realpath(directory)
    path = os.path.realpath(os.path.join(root, key))
    if not key or os.path.commonpath([root, path]) != root or path == root:
        raise InvalidInput(f"{what} the file {key}, which leads out of {directory}: put it below that directory.")
    try:
        # What the links led to; a link put there since is not followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidInput(f"{what} {key}, which is not a file: put a file there.")
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            f"{what} the file {key}, which cannot be read below {directory} ({error.strerror}): put it there, readable "
            "for whoever applies."
        ) from None
    if len(content) > _MOST_BYTES:
        raise InvalidInput(f"{what} the file {key}, which has more than {_MOST_BYTES} bytes: shorten it.")
    try:
        return _checked(what, content.decode().removesuffix("\n"))
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{what} the file {key}, which is no UTF-8 text: encode it, for example with base64."
        ) from None


def _checked(what: str, value: str) -> str:
    if "\x00" in value:
        raise InvalidInput(f"{what} a value with a NUL character, which no environment can carry: remove it.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} a value that is no UTF-8 text: encode it, for example with base64.") from None
    return value
