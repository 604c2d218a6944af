# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a benchmark gives: a ratio of two things measured by turns in one run (or one thing in the unit that its name
says), against its target."""

from __future__ import annotations

import dataclasses
import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True)
class Figure:
    """One row of the table. ``ratio`` None: it could not be measured, ``detail`` says why. ``least``: the target is the
    least that is wanted, not the most.
    """

    name: str
    target: float
    ratio: float | None
    detail: str
    least: bool = False

    @property
    def verdict(self) -> str:
        """Whether the target is reached."""
        if self.ratio is None:
            return "not measured"
        reached = self.ratio >= self.target if self.least else self.ratio <= self.target
        return "reached" if reached else "missed"


def by_turns(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Call each measure once a round (a first round warms up and is dropped): the seconds of each.

    By turns, and in turned order every second round, so that what else the machine does meets all of them alike.
    """
    taken: list[list[float]] = [[] for measure in measures]
    for turn in range(rounds + 1):
        order = list(range(len(measures)))
        for index in reversed(order) if turn % 2 else order:
            seconds = measures[index]()
            if turn:
                taken[index].append(seconds)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return taken


def percentile(values: Sequence[float], part: float) -> float:
    """The value that ``part`` (0..1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def compared(name: str, target: float, ours: tuple[str, Sequence[float]], base: tuple[str, Sequence[float]]) -> Figure:
    """A figure of two series of seconds: the ratio of their medians, with both medians and spreads as detail."""
    parts = [
        f"{label} {statistics.median(series):.3f} s ({min(series):.3f}..{max(series):.3f})"
        for label, series in (ours, base)
    ]
    ratio = statistics.median(ours[1]) / statistics.median(base[1])
    return Figure(name, target, ratio, f"{'; '.join(parts)}; n={len(ours[1])}")


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table, with the machine below it."""
    rows = [("Figure", "Target", "Measured", "", "Detail")]
    for figure in figures:
        ratio = "-" if figure.ratio is None else f"{figure.ratio:.2f}"
        rows.append(
            (figure.name, f"{'>=' if figure.least else '<='} {figure.target:g}", ratio, figure.verdict, figure.detail)
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)] + [row[4]]
        lines.append(f"| {' | '.join(cells)} |")
        if number == 0:
            lines.append("|" + "|".join("-" * (width + 2) for width in [*widths, 6]) + "|")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    lines.append(f"\n{os.cpu_count()} cores, load {load}, Python {platform.python_version()}, {platform.platform()}")
    return "\n".join(lines)
