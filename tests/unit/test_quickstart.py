# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the quickstart says about a machine that lacks something, and what it writes down."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

SCRIPTS = str(Path(__file__).resolve().parents[2] / "scripts" / "quickstart")


@pytest.fixture
def quickstart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, ModuleType]]:
    names = ("settings", "ports", "stack", "preflight")
    for name in list(os.environ):
        if name.startswith(("QUICKSTART_", "LANGGRAPH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANGGRAPH_QUICKSTART_DIR", str(tmp_path / "qs"))
    monkeypatch.syspath_prepend(SCRIPTS)
    for name in names:
        sys.modules.pop(name, None)
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTART_PORT", "41000")
    monkeypatch.setenv("QUICKSTART_POSTGRES_PORT", "41050")
    monkeypatch.setenv("QUICKSTART_API_PORT", "41060")
    monkeypatch.setenv("QUICKSTART_LISTENER_PORT", "41061")


def problems(quickstart: dict[str, ModuleType]) -> str:
    settings = quickstart["settings"].load()
    with pytest.raises(quickstart["settings"].QuickstartError) as raised:
        quickstart["preflight"].check(settings)
    assert not settings.directory.exists()
    return str(raised.value)


def test_old_python(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    monkeypatch.setattr(platform, "python_version", lambda: "3.10.4")
    assert "is Python 3.10.4, but 3.11 or later is needed" in problems(quickstart)


def test_no_venv_module(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    assert "apt-get install python3-venv" in problems(quickstart)


def test_no_redis_for_this_platform(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "redis-server" else which(name))
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "No Redis for Linux riscv64: there is no wheel for it, so install redis-server" in problems(quickstart)


def test_full_disk(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=1_000_000))
    assert "has 1 MB left and" in problems(quickstart)


@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("QUICKSTART_POSTGRES_PORT", "Postgres"),
        ("QUICKSTART_API_PORT", "the control plane"),
        ("QUICKSTART_LISTENER_PORT", "the listener"),
    ],
)
def test_taken_port_names_process_and_variable(
    quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, variable: str, what: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free_ports(monkeypatch)
        monkeypatch.setenv(variable, str(port))
        said = problems(quickstart)
    assert f"Port {port}, meant for {what}, is taken by process {os.getpid()} (" in said
    assert f"{variable}=" in said


@pytest.mark.parametrize("value", ["80", "x", "-1", "70000", "\u0661\u0662\u0663\u0664"])
def test_bad_port(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("QUICKSTART_PORT", value)
    with pytest.raises(quickstart["settings"].QuickstartError, match=r"QUICKSTART_PORT=.* is not a port"):
        quickstart["settings"].load()


def test_overlapping_ports(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUICKSTART_PORT", "41000")
    monkeypatch.setenv("QUICKSTART_POSTGRES_PORT", "41003")
    with pytest.raises(quickstart["settings"].QuickstartError, match="is one of the ports 41000 to 41004"):
        quickstart["settings"].load()


@pytest.mark.parametrize("pair", [("API", "POSTGRES"), ("LISTENER", "POSTGRES"), ("LISTENER", "API")], ids="-".join)
def test_one_port_for_two_things(
    quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, pair: tuple[str, str]
) -> None:
    for name in pair:
        monkeypatch.setenv(f"QUICKSTART_{name}_PORT", "41050")
    with pytest.raises(quickstart["settings"].QuickstartError, match="are both 41050"):
        quickstart["settings"].load()


@pytest.mark.parametrize(("part", "what"), [("api", "the control plane"), ("listener", "the listener")])
def test_a_quickstart_of_before_a_part_came(
    quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, part: str, what: str
) -> None:
    free_ports(monkeypatch)
    places, preflight = quickstart["settings"], quickstart["preflight"]
    places.write(places.load())
    kept = places.load().directory / "state.json"
    state = json.loads(kept.read_text())
    del state[f"{part}_port"]
    kept.write_text(json.dumps(state))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv(f"QUICKSTART_{part.upper()}_PORT", str(port))
        settings = places.load()
        assert (settings.is_new, settings.undecided, settings.state.port) == (False, {port}, 41000)
        monkeypatch.setattr(preflight, "runs", lambda directory: True)  # its other programs hold their own ports
        with pytest.raises(places.QuickstartError, match=f"Port {port}, meant for {what}, is taken"):
            preflight.check(settings)
    preflight.check(settings)
    places.write(settings)
    monkeypatch.delenv(f"QUICKSTART_{part.upper()}_PORT")
    assert (getattr(places.load().state, f"{part}_port"), places.load().undecided) == (port, frozenset())
    del state["port"]
    kept.write_text(json.dumps(state))
    with pytest.raises(places.QuickstartError, match="is damaged"):
        places.load()


def test_character_that_breaks_a_part(
    quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LANGGRAPH_QUICKSTART_DIR", str(tmp_path / "50% of it"))
    assert "holds the character '%'" in problems(quickstart)


def test_written_once_for_the_user_alone(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    free_ports(monkeypatch)
    places = quickstart["settings"]
    places.write(places.load())
    settings = places.load()
    stamps = {path: path.stat().st_mtime_ns for path in settings.directory.iterdir()}
    assert stamps
    for path in stamps:
        assert path.stat().st_mode & 0o077 == 0
    places.write(settings)
    assert stamps == {path: path.stat().st_mtime_ns for path in settings.directory.iterdir()}
    monkeypatch.setenv("QUICKSTART_PORT", "42000")
    with pytest.raises(places.QuickstartError, match="cannot be changed to 42000"):
        places.load()


def test_long_path_gets_a_short_link(
    quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    free_ports(monkeypatch)
    monkeypatch.setenv("LANGGRAPH_QUICKSTART_DIR", str(tmp_path / ("long" * 25)))
    places = quickstart["settings"]
    settings = places.load()
    places.write(settings)
    short = Path(settings.state.supervisor_dir)
    assert len(os.fsencode(short)) <= places.LONGEST_SUPERVISOR_DIR
    assert short.readlink() == settings.directory / "supervisor"
    shutil.rmtree(short.parent)
    places.write(places.load())
    assert short.readlink() == settings.directory / "supervisor"
    shutil.rmtree(short.parent)


def test_inventory_values_are_no_templates(quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    free_ports(monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", "https://{{ user }}@index.example/simple")
    places = quickstart["settings"]
    text = places.inventory(places.load())
    document: Any = yaml.compose(text)
    for line in document.value[0][1].value[0][1].value:
        assert line[1].tag in ("!unsafe", "tag:yaml.org,2002:int"), line[0].value


def test_what_builds_need_of_the_network_is_the_listeners(
    quickstart: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ansible itself reads the inventory: what it makes of a list, a mapping and braces counts."""
    free_ports(monkeypatch)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://{{ user }}@index.example/simple")
    monkeypatch.setenv("UNRELATED_TOKEN", "secret")
    places = quickstart["settings"]
    places.write(places.load())
    settings = places.load()
    words = [sys.executable, "-m", "ansible", "inventory", "-i", str(settings.inventory), "--host", "quickstart"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    known = json.loads(done.stdout)
    told = known["langgraph_listener_environment"]
    index = told["UV_DEFAULT_INDEX"]
    assert (
        index["__ansible_unsafe"] if isinstance(index, dict) else index
    ) == "https://{{ user }}@index.example/simple"
    assert "UNRELATED_TOKEN" not in told
    assert len(known["langgraph_listener_inventory"]) == 1
