# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a directory do not belong to its source.

Always left out: version control, virtual environments, caches of Python and its tools. Then what ``.dockerignore``
and ``.gitignore`` in the root name (a file is left out if either says so). Understood: comments, ``*``, ``?``,
``[...]``, ``**``, a leading ``/``, a trailing ``/``, ``!`` (the last matching line wins). Patterns of
``.dockerignore`` count from the root, as Docker's do. Ignore files further down are not read.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

ALWAYS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".DS_Store",
        ".langgraph_api",
        "node_modules",
    }
)
_ALWAYS_SUFFIXES = (".pyc", ".pyo")
FILES = (".dockerignore", ".gitignore")


class Rule(NamedTuple):
    """One line: paths that match are left out, or brought back."""

    pattern: re.Pattern[str]
    directories_only: bool
    leave_out: bool


class Ignore:
    """The rules of one directory."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._sets = [parse(text, rooted=name == ".dockerignore") for name, text in texts.items()]
        # Only then may something below a directory that is left out come back.
        self.brings_back = any(not rule.leave_out for rules in self._sets for rule in rules)

    def __call__(self, path: str, directory: bool) -> bool:
        """Whether a path (relative, with ``/``) is left out by itself."""
        name = path.rpartition("/")[2]
        if name in ALWAYS or (not directory and name.endswith(_ALWAYS_SUFFIXES)):
            return True
        return any(_decide(rules, path, directory) for rules in self._sets)


def read(root: str) -> Ignore:
    """The rules of a directory."""
    texts = {}
    for name in FILES:
        try:
            with open(os.path.join(root, name), encoding="utf-8", errors="surrogateescape") as stream:
                texts[name] = stream.read()
        except (FileNotFoundError, IsADirectoryError):
            continue
    return Ignore(texts)


def parse(text: str, rooted: bool) -> list[Rule]:
    """The rules of an ignore file. rooted: each pattern counts from the root."""
    rules = []
    for line in text.splitlines():
        pattern = line.rstrip() if not line.rstrip().endswith("\\") else line
        if not pattern or pattern.startswith("#"):
            continue
        leave_out = not pattern.startswith("!")
        pattern = pattern.removeprefix("!").removeprefix("./")
        directories_only = pattern.endswith("/") and not rooted
        pattern = pattern.rstrip("/")
        anchored = rooted or "/" in pattern
        pattern = pattern.lstrip("/")
        if not pattern or pattern == ".":
            continue
        expression = _translate(pattern)
        if not anchored:
            expression = f"(?:.*/)?{expression}"
        try:
            rules.append(Rule(re.compile(f"{expression}(?P<below>/.*)?", re.DOTALL), directories_only, leave_out))
        except re.error:
            continue
    return rules


def _decide(rules: list[Rule], path: str, directory: bool) -> bool:
    out = False
    for rule in rules:
        match = rule.pattern.fullmatch(path)
        if match and (directory or match["below"] or not rule.directories_only):
            out = rule.leave_out
    return out


def _translate(pattern: str) -> str:
    """A pattern as a regular expression over a path."""
    result, i = [], 0
    while i < len(pattern):
        char = pattern[i]
        if pattern.startswith("**/", i) and (i == 0 or pattern[i - 1] == "/"):
            result.append("(?:.*/)?")
            i += 3
        elif pattern.startswith("**", i):
            result.append(".*")
            i += 2
        elif char == "*":
            result.append("[^/]*")
            i += 1
        elif char == "?":
            result.append("[^/]")
            i += 1
        elif char == "[" and "]" in pattern[i + 2 :]:
            end = pattern.index("]", i + 2)
            inner = pattern[i + 1 : end].replace("\\", "\\\\")
            result.append(f"[{'^/' + inner[1:] if inner[0] in '!^' else inner}]")
            i = end + 1
        elif char == "\\" and i + 1 < len(pattern):
            result.append(re.escape(pattern[i + 1]))
            i += 2
        else:
            result.append(re.escape(char))
            i += 1
    return "".join(result)
