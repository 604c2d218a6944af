# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private: a flavour (which server software, as data of role langgraph_server), checked and asked. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _needs
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError

_PYTHON = re.compile(r"3\.\d+")


@dataclasses.dataclass(frozen=True)
class Flavour:
    """Fields as in the role's vars/flavours. Env values are strings; `requirements` hold `{version}`.

    packages: whether a revision gets an environment with packages, and its graphs are imported in it.
    needs: whether a deployment gets a database and a Redis, see `_needs`.
    """

    name: str
    version_default: str
    versions_tested: tuple[str, ...]
    python_default: str
    pythons: tuple[str, ...]
    requirements: tuple[str, ...]
    config_env: dict[str, str]
    env: dict[str, str]
    fixed_env: dict[str, str]
    identity_env: dict[str, str]
    reserved_env: tuple[str, ...]
    unsupported: dict[str, str]
    check_modules: tuple[str, ...]
    check_env: dict[str, str]
    postgres_minimum: int
    redis_minimum: str
    packages: bool
    needs: dict[str, bool]

    def requirement_lines(self, version: str) -> list[str]:
        return [line.replace("{version}", version) for line in self.requirements]

    def ours(self) -> set[str]:
        """Names of environment variables that nobody else may set."""
        return {*self.reserved_env, *self.fixed_env, *self.config_env.values(), *self.identity_env}

    def version(self, wanted: str | None) -> str:
        """The tested version that `wanted` (whole or its first parts, empty for the default) means, or HostError."""
        if not wanted:
            return self.version_default
        if wanted in self.versions_tested or wanted == self.version_default:
            return wanted
        for tested in self.versions_tested:
            if tested.startswith(f"{wanted}."):
                return tested
        raise HostError(
            f"Flavour {self.name} has no version {wanted}; tested are {', '.join(self.versions_tested)}: "
            "set api_version to one of them, or leave it out."
        )

    def python(self, wanted: str | None) -> str:
        """The Python (major.minor) that `python_version` of langgraph.json means, or HostError."""
        found = (wanted or self.python_default).split("-")[0]
        if not _PYTHON.fullmatch(found):
            raise HostError(f"python_version {wanted!r} in langgraph.json is not of the form 3.12; correct it.")
        if self.pythons and found not in self.pythons:
            raise HostError(
                f"Flavour {self.name} does not run on Python {found}; "
                f"set python_version in langgraph.json to one of {', '.join(self.pythons)}."
            )
        return found


def parse_flavour(data: t.Mapping[str, t.Any], asked: str | None = None) -> Flavour:
    """Check a flavour's data; `asked` is the name that the deployment wants, for the message."""
    name = data.get("name")
    if not isinstance(name, str) or not name or (asked and asked != name):
        raise HostError(f"Flavour {asked or name!r} is unknown; choose one that role langgraph_server has data for.")
    try:
        version, python = data["version"], data["python"]
        tested = tuple(str(item) for item in version.get("tested") or [version["default"]])
        return Flavour(
            name=name,
            version_default=str(version["default"]),
            versions_tested=tested,
            python_default=str(python["default"]),
            pythons=tuple(str(item) for item in python.get("supported") or []),
            requirements=tuple(str(line) for line in data["requirements"]),
            config_env=_strings(data, "config_env"),
            env=_strings(data, "env"),
            fixed_env=_strings(data, "fixed_env"),
            identity_env=_strings(data, "identity_env"),
            reserved_env=tuple(data.get("reserved_env") or ()),
            unsupported=_strings(data, "unsupported"),
            check_modules=tuple(data.get("check_modules") or ()),
            check_env=_strings(data, "check_env"),
            postgres_minimum=int(data.get("postgres_minimum") or 0),
            redis_minimum=str(data.get("redis_minimum") or "0"),
            packages=bool(data.get("packages", True)),
            needs=_needs.known(data.get("needs")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise HostError(
            f"The data of flavour {name} is incomplete ({type(error).__name__}: {error}); "
            "compare it with the role's vars/flavours."
        ) from error


def _strings(data: t.Mapping[str, t.Any], key: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in (data.get(key) or {}).items()}
