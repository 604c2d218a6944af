# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what a person writes into a deployment: texts, git addresses, paths, images, resource specs.

Pure, like ``_model``. Each check gives the value as it is to be kept, or raises InvalidInput naming option and next
step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput

_GIT_REF = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_sha256(value: Any) -> str:
    """A SHA-256 in lower-case hexadecimal digits."""
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise InvalidInput(
            "source_sha256 is not a SHA-256 of 64 hexadecimal digits; give the one that put_source answered.",
            field="source_sha256",
        )
    return value


def check_text(value: str, what: str, *, limit: int = 65536, multiline: bool = False) -> str:
    """Text that Postgres can keep: no NUL, no lone surrogate, at most ``limit`` characters; in one line unless
    ``multiline``.
    """
    if len(value) > limit:
        raise InvalidInput(f"{what} has {len(value)} characters; shorten it to {limit}.", field=what)
    bad = "\x00" in value or (not multiline and ("\n" in value or "\r" in value))
    if bad:
        raise InvalidInput(
            f"{what} holds a {'NUL character' if multiline else 'NUL or a line break'}; remove it.", field=what
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} is no valid UTF-8 text; remove what cannot be encoded.", field=what) from None
    return value


def check_repo_url(url: str) -> str:
    """A git address that may be cloned: https or ssh only, without a password in it."""
    check_text(url, "repo_url", limit=2048)
    https = re.fullmatch(r"https://(?P<user>[^/@\s]*@)?[A-Za-z0-9.\[\]:-]+/[^\s]+", url)
    ssh = re.fullmatch(r"ssh://([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9\[][A-Za-z0-9.\[\]:-]*/[^\s]+", url)
    scp = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s:-][^\s]*", url)
    if not (https or ssh or scp):
        shown = url.split("@")[-1] if "@" in url else url
        raise InvalidInput(
            f"repo_url {shown!r} is not allowed; give an address that begins with https:// or ssh://, or "
            "git@host:path.",
            field="repo_url",
        )
    if https and https["user"]:
        raise InvalidInput(
            "repo_url carries a user name or password; remove it and let a git credential helper on the "
            "controller answer.",
            field="repo_url",
        )
    return url


def check_repo_ref(ref: str) -> str:
    """A branch, ``refs/tags/...`` or commit that cannot be taken for an option or a range."""
    if not _GIT_REF.fullmatch(ref) or ".." in ref or "@{" in ref or ref.endswith((".lock", "/", ".")) or len(ref) > 255:
        raise InvalidInput(
            f"repo_ref {ref!r} is no valid git reference; give a branch, refs/tags/NAME or a commit.", field="repo_ref"
        )
    return ref


def check_config_path(path: str) -> str:
    """Path of ``langgraph.json`` inside the source: relative, inside the tree."""
    check_text(path, "langgraph_config_path", limit=1024)
    if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise InvalidInput(
            f"langgraph_config_path {path!r} is not a path inside the source; give it relative to the source's root.",
            field="langgraph_config_path",
        )
    return path


def check_image_uri(image: str) -> str:
    """A reference of a container image."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@\[\]-]{0,511}", image):
        raise InvalidInput(
            f"image_uri {image!r} is no reference of a container image; give REGISTRY/NAME:TAG or NAME@DIGEST.",
            field="image_uri",
        )
    return image


_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_OBJECT_KEY = re.compile(r"[A-Za-z0-9._-]{1,253}")
# Names of secret_name that whoever applies resolves itself; all others are Kubernetes Secrets.
REFERENCE_ENV, REFERENCE_FILE = "env", "file"
_MOST_REFERENCES = 200


def check_secret_references(references: Any) -> list[dict[str, str]]:
    """References to secrets that the records do not hold, sorted by name: [{name, secret_name, secret_key}].

    name: the environment variable of the server. secret_name ``env``: secret_key names a variable of whoever applies;
    ``file``: a file below its allowed directory; anything else: a Kubernetes Secret, with its key.
    """
    if not isinstance(references, (list, tuple)) or len(references) > _MOST_REFERENCES:
        raise InvalidInput(
            f"secret_references is not a list of at most {_MOST_REFERENCES} entries; write name, secret_name and "
            "secret_key for each.",
            field="secret_references",
        )
    checked: dict[str, dict[str, str]] = {}
    for reference in references:
        entry = _reference(reference)
        if entry["name"] in checked:
            raise InvalidInput(
                f"{entry['name']} stands twice in secret_references; keep one of them.", field="secret_references"
            )
        checked[entry["name"]] = entry
    return [checked[name] for name in sorted(checked)]


def _reference(reference: Any) -> dict[str, str]:
    keys = ("name", "secret_name", "secret_key")
    if (
        not isinstance(reference, Mapping)
        or set(reference) != set(keys)
        or not all(isinstance(reference[key], str) for key in keys)
    ):
        raise InvalidInput(
            "An entry of secret_references has not just name, secret_name and secret_key; write these three.",
            field="secret_references",
        )
    name, secret, key = (reference[word] for word in keys)
    if secret == REFERENCE_ENV:
        good = _ENV_NAME.fullmatch(key) is not None
    elif secret == REFERENCE_FILE:
        parts = key.split("/")
        good = bool(key) and len(key) <= 1024 and "\x00" not in key and not {"", ".", ".."} & set(parts)
    else:
        good = bool(_OBJECT_NAME.fullmatch(secret)) and bool(_OBJECT_KEY.fullmatch(key))
    if not good or len(key) > 1024:
        raise InvalidInput(
            f"The reference of {name!r} is malformed; use secret_name env with the name of a variable, file with a "
            "relative path, or the name and a key of a Kubernetes Secret.",
            field="secret_references",
        )
    return {"name": name, "secret_name": secret, "secret_key": key}


def check_command(key: str) -> Callable[[str], str]:
    """A check of install_command or build_command: one line for the shell of the build."""

    def check(value: str) -> str:
        return check_text(value, key, limit=4096)

    return check


def check_tracked_packages(packages: Any) -> list[str]:
    """Packages whose version a client tells, as ``NAME:VERSION``, sorted."""
    if not isinstance(packages, (list, tuple)) or len(packages) > 100:
        raise InvalidInput(
            "tracked_packages is not a list of at most 100 texts; write NAME:VERSION.", field="tracked_packages"
        )
    for package in packages:
        if not isinstance(package, str) or not re.fullmatch(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}:[^\x00-\x1f]{1,255}", package
        ):
            raise InvalidInput(
                f"{package!r} in tracked_packages is malformed; write NAME:VERSION.", field="tracked_packages"
            )
    return sorted(set(packages))


def check_url(key: str) -> Callable[[str], str]:
    """A check of an address of http or https without a password in it."""

    def check(value: str) -> str:
        check_text(value, key, limit=2048)
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(/[^\s]*)?", value):
            raise InvalidInput(
                f"{key} is no address that begins with http:// or https://, or it carries a user name; correct it.",
                field=key,
            )
        return value

    return check


def check_choice(key: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    """A check of a value out of a fixed list."""

    def check(value: str) -> str:
        if value not in choices:
            raise InvalidInput(f"{key} {value!r} is not known; use one of {', '.join(choices)}.", field=key)
        return value

    return check


# -- resource spec -----------------------------------------------------------------------------------------------------

_SCALES = ("min_scale", "max_scale", "queue_min_scale", "queue_max_scale")
_CPU_PREFIXES = ("", "queue_", "redis_", "core_", "db_")
_CPUS = {f"{prefix}cpu": (0.1, 8.0) for prefix in _CPU_PREFIXES} | {
    f"{prefix}cpu_limit": (0.1, 16.0) for prefix in _CPU_PREFIXES
}
_MEMORIES = tuple(f"{prefix}memory{suffix}" for prefix in _CPU_PREFIXES for suffix in ("_mb", "_limit_mb"))
_COUNTS = ("db_storage_gi", "db_max_connections")
_MAPS = ("labels", "annotations")
_TEXTS = ("service_account_name",)
_LISTS = ("image_pull_secrets", "volumes", "volume_mounts", "init_containers", "sidecars")
RESOURCE_KEYS = frozenset((*_SCALES, *_CPUS, *_MEMORIES, *_COUNTS, *_MAPS, *_TEXTS, *_LISTS))


def _number(key: str, value: Any, low: float, high: float, whole: bool) -> int | float:
    number: float
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"resource_spec.{key} is not a number; give one from {low:g} to {high:g}.", field="resource_spec"
        ) from None
    if not low <= number <= high or (whole and not number.is_integer()):
        kind = "whole number" if whole else "number"
        raise InvalidInput(
            f"resource_spec.{key} is {value}; give a {kind} from {low:g} to {high:g}.", field="resource_spec"
        )
    return int(number) if whole else round(number, 1)


def check_resource_spec(spec: Any) -> dict[str, Any]:
    """A resource spec with the vendor's keys; numbers normalised, null ones dropped."""
    if not isinstance(spec, Mapping):
        raise InvalidInput("resource_spec is not a mapping; write KEY: value.", field="resource_spec")
    checked: dict[str, Any] = {}
    for key, value in spec.items():
        if key not in RESOURCE_KEYS:
            raise InvalidInput(
                f"resource_spec.{key} is not known; use one of {', '.join(sorted(RESOURCE_KEYS))}.",
                field="resource_spec",
            )
        if value is None:
            continue
        if key in _SCALES:
            checked[key] = _number(key, value, 1, 1000, whole=True)
        elif key in _CPUS:
            checked[key] = _number(key, value, *_CPUS[key], whole=False)
        elif key in _MEMORIES:
            checked[key] = _number(key, value, 16, 4194304, whole=True)
        elif key in _COUNTS:
            checked[key] = _number(key, value, 1, 1000000, whole=True)
        elif not isinstance(value, Mapping if key in _MAPS else str if key in _TEXTS else list):
            kind = "mapping" if key in _MAPS else "string" if key in _TEXTS else "list"
            raise InvalidInput(f"resource_spec.{key} is not a {kind}; give one.", field="resource_spec")
        else:
            checked[key] = value
    for low, high in (("min_scale", "max_scale"), ("queue_min_scale", "queue_max_scale")):
        if low in checked and high in checked and checked[low] > checked[high]:
            raise InvalidInput(
                f"resource_spec.{low} is greater than {high}; lower one or raise the other.", field="resource_spec"
            )
    return checked
