# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as counted test cases: a layer that is more than one pytest run is a list of named steps."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TAIL_LINES = 60
MESSAGE = 200
SHOWN_LINES = 6


def reports_folder(layer: str) -> Path:
    """Folder whose junit files are a layer's counts: $REPORTS as tests/run gives it, else build/logs/<layer>.d."""
    folder = Path(os.environ.get("REPORTS") or ROOT / "build" / "logs" / f"{layer}.d")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Steps:
    """Runs steps one after another, shows their output, goes on after a failure, and leaves one junit file."""

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.reports = reports_folder(layer)
        self.cases: list[ET.Element] = []
        self.failed = 0

    def step(
        self,
        name: str,
        command: Sequence[object],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        junit: bool = False,
        whole: bool = False,
    ) -> bool:
        """Run a command as one test case; True when it succeeded. whole: show its output in one piece, at its end.

        A step that writes its own junit file into `reports` says junit=True and is then a case only if it failed
        without reporting a failure there (a crash before the first test).
        """
        print(f"-- {self.layer}: {name}", flush=True)
        before = self._reported_failures()
        started = time.monotonic()
        tail: list[str] = []
        said: list[str] = []
        words = [str(word) for word in command]
        environment = None if env is None else {**os.environ, **env}
        try:
            with subprocess.Popen(
                words,
                cwd=cwd or ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    if whole:
                        said.append(line)
                    else:
                        sys.stdout.write(line)
                        sys.stdout.flush()
                    tail = [*tail[1 - TAIL_LINES :], line]
            status = process.returncode
        except OSError as error:
            status, tail = 127, [f"{words[0]}: {error}\n"]
            print(tail[0], end="", flush=True)
        if whole:
            print(f"-- {self.layer}: what {name} said\n{''.join(said)}", end="", flush=True)
        passed = status == 0
        told = junit and self._reported_failures() > before
        if not (junit and passed) and not told:
            self.record(name, time.monotonic() - started, None if passed else f"status {status}\n{''.join(tail)}")
        elif told:
            self.failed += 1
        return passed

    def record(self, name: str, seconds: float, failure: str | None = None, skipped: str | None = None) -> None:
        """Note a case that was decided elsewhere: passed, failed with a text, or skipped with a reason."""
        case = ET.Element("testcase", classname=self.layer, name=name, time=f"{seconds:.3f}")
        if failure is not None:
            self.failed += 1
            ET.SubElement(case, "failure", message=failure.splitlines()[0]).text = _printable(failure)
            print(f"-- {self.layer}: FAILED {name}: {failure.splitlines()[0]}", flush=True)
        elif skipped is not None:
            ET.SubElement(case, "skipped", message=skipped)
            print(f"-- {self.layer}: skipped {name}: {skipped}", flush=True)
        self.cases.append(case)

    def finish(self) -> int:
        """Write the junit file; the exit status of the layer."""
        if self.cases:
            suite = ET.Element("testsuite", name=self.layer)
            suite.extend(self.cases)
            ET.ElementTree(suite).write(self.reports / "steps.xml", encoding="utf-8", xml_declaration=True)
        return 1 if self.failed else 0

    def _reported_failures(self) -> int:
        return count(self.reports)["failed"]


def count(folder: Path) -> dict[str, int]:
    """Sum of the junit files of a folder: {passed, failed, skipped}; an unreadable file is one failure."""
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for outcome, _name in _cases(folder):
        total[outcome] += 1
    return total


def failures(folder: Path) -> list[str]:
    """`class::name: message` of each failed case of a folder and the last lines it said; an unreadable file's name."""
    return [name for outcome, name in _cases(folder) if outcome == "failed"]


def _cases(folder: Path) -> Iterator[tuple[str, str]]:
    """(passed, failed or skipped; what to call it) of each case."""
    for path in sorted(folder.rglob("*.xml")):
        try:
            cases = list(ET.parse(path).iter("testcase"))
        except ET.ParseError:
            yield "failed", f"{path.name} is cut off"
            continue
        for case in cases:
            name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
            wrong = case.find("failure")
            wrong = case.find("error") if wrong is None else wrong
            if wrong is not None:
                said = (wrong.get("message") or "").strip().splitlines()
                tail = [f"    {line[:MESSAGE]}" for line in (wrong.text or "").splitlines() if line.strip()]
                yield "failed", "\n".join([f"{name}: {said[0][:MESSAGE]}" if said else name, *tail[-SHOWN_LINES:]])
            else:
                yield "passed" if case.find("skipped") is None else "skipped", name


def _printable(text: str) -> str:
    """Drop what XML cannot hold (control characters of coloured output)."""
    return "".join(char for char in text if char in "\t\n" or char >= " ")
