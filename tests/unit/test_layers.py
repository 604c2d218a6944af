# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of the layers tells the truth: a layer that fails, runs nothing or hangs is a failure."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.steps import Steps, count, failures

ROOT = Path(__file__).resolve().parent.parent.parent
ONE_OF_EACH = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure message="x"/></testcase>
<testcase name="c"><error message="x"/></testcase>
<testcase name="d"><skipped/></testcase></testsuite></testsuites>"""


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """tests/run as a module whose logs lie elsewhere and that installs nothing."""
    loader = importlib.machinery.SourceFileLoader("layers", str(ROOT / "tests" / "run"))
    spec = importlib.util.spec_from_loader("layers", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "layers", module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(module, "prepare", lambda layers: True)
    monkeypatch.setattr(module.signal, "signal", lambda number, handler: None)
    return module


def run(layers: Any, capfd: pytest.CaptureFixture[str], **scripts: str) -> tuple[int, list[str]]:
    """Exit status and the summary of a run of layers that are shell scripts."""
    layers.LAYERS = [layers.Layer(name, ["sh", "-c", script], 1) for name, script in scripts.items()]
    status = layers.main([])
    return status, capfd.readouterr().out.rpartition("\n\n")[2].splitlines()


def test_counts_add_up(layers: Any, capfd: pytest.CaptureFixture[str]) -> None:
    write = f"cat > $REPORTS/a.xml <<'EOF'\n{ONE_OF_EACH}\nEOF\n"
    status, lines = run(layers, capfd, good="echo '<s><testcase/></s>' > $REPORTS/a.xml", bad=f"{write}exit 1")
    assert status == 1
    assert lines[-1] == "2 passed, 2 failed"
    assert lines[0].startswith("good ")
    assert lines[0].endswith("1 passed, 0 failed")
    assert lines[1].endswith("1 passed, 2 failed, 1 skipped")
    assert lines[2:4] == ["failed in bad: b: x", "failed in bad: c: x"]


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("true", "ran nothing"),
        ("echo '<s><testcase/></s>' > $REPORTS/a.xml; exit 3", "status 3"),
        ("echo '<s><testcase>' > $REPORTS/a.xml", "0 passed, 1 failed"),
        ("echo '<s><testcase><skipped/></testcase></s>' > $REPORTS/a.xml", "ran nothing"),
    ],
    ids=["nothing", "crash after the last test", "report cut off", "all skipped"],
)
def test_what_is_no_success_fails(layers: Any, capfd: pytest.CaptureFixture[str], script: str, note: str) -> None:
    status, lines = run(layers, capfd, layer=script)
    assert status == 1
    assert note in lines[0]
    assert lines[-1].endswith(" 1 failed")


def test_missing_program_fails_by_name(layers: Any, capfd: pytest.CaptureFixture[str]) -> None:
    layers.LAYERS = [layers.Layer("layer", ["tests/no-such-program"], 1)]
    assert layers.main([]) == 1
    assert "tests/no-such-program" in capfd.readouterr().out


def test_hanging_layer_is_ended(layers: Any, capfd: pytest.CaptureFixture[str]) -> None:
    layers.LAYERS = [layers.Layer("layer", ["sh", "-c", "echo started; sleep 600"], 0.005)]
    assert layers.main([]) == 1
    assert "ended after 0.005 minutes" in capfd.readouterr().out


def test_environment_of_a_layer_is_a_strangers(layers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "minimal")
    monkeypatch.setenv("LANGGRAPH_RECORDS_DSN", "host=elsewhere")
    environment = layers.environment(Path("reports"))
    assert "ANSIBLE_STDOUT_CALLBACK" not in environment
    assert "LANGGRAPH_RECORDS_DSN" not in environment


def test_steps_count_themselves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPORTS", str(tmp_path))
    steps = Steps("layer")
    assert steps.step("good", ["true"])
    assert not steps.step("bad", ["false"])
    assert not steps.step("missing", [tmp_path / "no-such-program"])
    own = f"echo '<s><testcase/><testcase><failure/></testcase></s>' > {tmp_path}/own.xml; exit 1"
    assert not steps.step("reports its own failure", ["sh", "-c", own], junit=True)
    steps.record("elsewhere", 1.0, skipped="not here")
    assert steps.finish() == 1
    assert count(tmp_path) == {"passed": 2, "failed": 3, "skipped": 1}


def test_a_failed_step_is_named_with_what_it_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTS", str(tmp_path))
    steps = Steps("x")
    steps.step("bad", ["sh", "-c", "seq 40; echo the cause; exit 3"])
    assert steps.finish() == 1
    (said,) = failures(tmp_path)
    assert said.splitlines()[0] == "x::bad: status 3"
    assert said.splitlines()[-1] == "    the cause"
    assert len(said.splitlines()) < 10
