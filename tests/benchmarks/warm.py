# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figure of a server: how long a new revision takes until it serves, against what no tool could save."""

from __future__ import annotations

from collections.abc import Callable

from tests.benchmarks.figures import Figure, by_turns, compared

NAME = "warm new revision behind the proxy, until it serves / bare venv link + server start + /ok"
TARGET = 2.0


def warm_revision(new_revision: Callable[[], float], bare: Callable[[], float], rounds: int) -> Figure:
    """The figure, measured by turns.

    new_revision: makes a revision that differs in source only, and gives the seconds from the start of the playbook
    until the URL behind the proxy answers as the new revision. bare: on the same host, links the locked packages out of
    the same cache into an empty venv, starts the stock server, and gives the seconds until its /ok answers.
    """
    revisions, floors = by_turns(rounds, new_revision, bare)
    return compared(NAME, TARGET, ("revision", revisions), ("bare", floors))


def not_measured(reason: str) -> Figure:
    """The row on a machine that has no host to measure on."""
    return Figure(NAME, TARGET, None, reason)
