# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules share, as values that carry their cross-option rules.

Twin of the doc fragments ``records`` and ``attributes``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import DEFAULT_TIMEOUT


@dataclass(frozen=True)
class ArgumentSpec:
    """An argument spec together with its rules; merging two keeps the rules of both."""

    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mutually_exclusive: Sequence[Sequence[str]] = ()
    required_together: Sequence[Sequence[str]] = ()
    required_one_of: Sequence[Sequence[str]] = ()
    required_if: Sequence[Sequence[Any]] = ()
    required_by: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def merge(self, other: ArgumentSpec) -> ArgumentSpec:
        """Both together; an option of ``other`` wins over one of the same name."""
        merged: dict[str, Any] = {}
        for item in fields(self):
            ours, theirs = getattr(self, item.name), getattr(other, item.name)
            merged[item.name] = {**ours, **theirs} if isinstance(ours, Mapping) else [*ours, *theirs]
        return ArgumentSpec(**merged)

    def rules(self) -> dict[str, Any]:
        """As arguments of what validates options."""
        return {
            "argument_spec": {name: dict(option) for name, option in self.options.items()},
            "mutually_exclusive": list(self.mutually_exclusive),
            "required_together": list(self.required_together),
            "required_one_of": list(self.required_one_of),
            "required_if": list(self.required_if),
            "required_by": dict(self.required_by),
        }

    def module(
        self, supports_check_mode: bool = True, module_class: type[AnsibleModule] = AnsibleModule
    ) -> AnsibleModule:
        """The module for this spec; exits by itself when the given options break a rule."""
        return module_class(**self.rules(), supports_check_mode=supports_check_mode)


def records_spec() -> ArgumentSpec:
    """How to reach the records (doc fragment ``records``). What is not given comes from the environment later, in
    ``_connection``: which way is taken depends on what was given.
    """
    return ArgumentSpec(
        options={
            "dsn": {"type": "str", "no_log": True},
            "encryption_key_file": {"type": "path", "no_log": False},
            "api_url": {"type": "str"},
            "api_key": {"type": "str", "no_log": True},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
            "api_timeout": {"type": "int", "default": DEFAULT_TIMEOUT},
            "workspace": {"type": "str"},
            "actor": {"type": "str"},
        }
    )


def wait_spec(timeout: int = 900) -> ArgumentSpec:
    """Waiting for a revision (doc fragment ``wait``)."""
    return ArgumentSpec(
        options={
            "wait": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": timeout},
        }
    )


def list_spec() -> ArgumentSpec:
    """Paging of an info module (doc fragment ``paging``)."""
    return ArgumentSpec(
        options={
            "limit": {"type": "int", "default": 20},
            "offset": {"type": "int", "default": 0},
        }
    )


def spec(*parts: ArgumentSpec, options: Mapping[str, Mapping[str, Any]], **rules: Any) -> ArgumentSpec:
    """A module's own options and rules on top of shared ones."""
    merged = ArgumentSpec()
    for part in parts:
        merged = merged.merge(part)
    return merged.merge(ArgumentSpec(options=options, **rules))


def from_environment(variable: str) -> dict[str, Any]:
    """The part of an option that lets it be read from a variable when it is not given."""
    return {"fallback": (env_fallback, [variable])}
