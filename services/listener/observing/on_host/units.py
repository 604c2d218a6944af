# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How units stand on this host, under systemd or supervisor, and what they use."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import socket
import xmlrpc.client
from typing import Any, NamedTuple, Sequence  # noqa: UP035 - Python 3.9

PROPERTIES = "Id,ActiveState,SubState,MainPID,NRestarts,Result,ExecMainStatus,MemoryCurrent,CPUUsageNSec"
SECONDS = 5.0
UP, STARTING, DOWN = "up", "starting", "down"


class Unit(NamedTuple):
    """How a unit stands. word: the platform's. restarts: by the platform, since somebody started it."""

    state: str = DOWN
    word: str = ""
    pid: int = 0
    restarts: int = 0
    memory: float | None = None
    cpu: float | None = None  # seconds of processor time so far


def _number(text: str | None) -> float | None:
    """A figure of systemctl; None for "[not set]" and for what means that."""
    if text is None or not text.isdigit() or int(text) >= 2**63:
        return None
    return float(text)


def parse_show(text: str) -> dict[str, Unit]:
    """Units of ``systemctl show`` by name."""
    found: dict[str, Unit] = {}
    for block in text.split("\n\n"):
        props: dict[str, str] = {}
        for line in block.splitlines():
            key, sign, value = line.partition("=")
            if sign:
                props[key] = value
        name = props.get("Id", "")
        if not name.endswith(".service"):
            continue
        active, sub = props.get("ActiveState", ""), props.get("SubState", "")
        state = UP if active in ("active", "reloading") else DOWN
        if active in ("activating", "deactivating") or sub == "auto-restart":
            state = STARTING
        result = props.get("Result", "")
        if result == "exit-code":
            result = f"exit code {props.get('ExecMainStatus', '')}"
        cpu = _number(props.get("CPUUsageNSec"))
        found[name[: -len(".service")]] = Unit(
            state,
            active if result in ("", "success") else f"{active}, {result}",
            int(_number(props.get("MainPID")) or 0),
            int(_number(props.get("NRestarts")) or 0),
            _number(props.get("MemoryCurrent")),
            None if cpu is None else cpu / 1e9,
        )
    return found


class Systemd:
    """Units of the system manager."""

    def log_path(self, unit: str) -> str:
        """None of them writes a file."""
        return ""

    async def look(self, names: Sequence[str]) -> dict[str, Unit]:
        """Units by name; OSError when systemd does not answer."""
        if not names:
            return {}
        process = await asyncio.create_subprocess_exec(
            "systemctl",
            "show",
            f"--property={PROPERTIES}",
            *[f"{name}.service" for name in names],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            out, _err = await asyncio.wait_for(process.communicate(), SECONDS)
        except asyncio.TimeoutError:  # noqa: UP041 - Python 3.9
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise OSError("systemd does not answer") from None
        found = parse_show(out.decode("utf-8", "replace"))
        return {name: self._with_use(found.get(name, Unit())) for name in names}

    def _with_use(self, unit: Unit) -> Unit:
        """With what /proc says where systemd does not count."""
        if not unit.pid or (unit.memory is not None and unit.cpu is not None):
            return unit
        memory, cpu = use_of(unit.pid)
        return unit._replace(
            memory=memory if unit.memory is None else unit.memory, cpu=cpu if unit.cpu is None else unit.cpu
        )


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self._path)


def program(unit: str) -> str:
    """supervisor's name of a unit."""
    return unit.replace("@", "-")


def unit_of(info: dict[str, Any]) -> Unit:
    """What an answer of ``getProcessInfo`` means."""
    word = str(info.get("statename") or "")
    state = {"RUNNING": UP, "STARTING": STARTING, "BACKOFF": STARTING, "STOPPING": STARTING}.get(word, DOWN)
    if word == "EXITED":
        word = f"EXITED with exit code {info.get('exitstatus')}"
    pid = int(info.get("pid") or 0)
    memory, cpu = use_of(pid) if pid else (None, None)
    return Unit(state, word, pid, 0, memory, cpu)


class Supervisor:
    """Programs of one supervisord."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def log_path(self, unit: str) -> str:
        """The file that a program writes to."""
        return os.path.join(self._directory, "log", f"{program(unit)}.log")

    async def look(self, names: Sequence[str]) -> dict[str, Unit]:
        """Units by name; OSError when supervisord does not answer."""
        if not names:
            return {}
        infos = await asyncio.get_running_loop().run_in_executor(None, self._all)
        return {name: unit_of(infos[program(name)]) if program(name) in infos else Unit() for name in names}

    def _all(self) -> dict[str, dict[str, Any]]:
        transport = _Transport(os.path.join(self._directory, "supervisor.sock"))
        try:
            with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
                answer: Any = proxy.supervisor.getAllProcessInfo()
        except (http.client.HTTPException, xmlrpc.client.Error) as error:
            raise OSError(f"supervisord answers {error}") from error
        except OSError as error:
            raise OSError(f"supervisord does not answer: {error.strerror or error}") from error
        return {str(info["name"]): info for info in answer}


# -- what a process and its children use ------------------------------------------------------------------------------


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
        return stream.read().rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found, new = [], [pid]
    while new:
        found += new
        children: list[int] = []
        for parent in new:
            with contextlib.suppress(OSError):
                for thread in os.listdir(f"/proc/{parent}/task"):
                    with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as stream:
                        children += [int(word) for word in stream.read().split()]
        new = [child for child in children if child not in found]
    return found


def use_of(pid: int) -> tuple[float | None, float | None]:
    """(bytes in memory, seconds of processor time) of a process and its descendants."""
    page, tick = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
    memory, ticks, seen = 0.0, 0.0, False
    for each in family(pid):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = _stat(each)
            ticks += sum(int(field) for field in fields[11:15])  # its own, and of its children that have ended
            memory += int(fields[21]) * page
            seen = True
    return (memory, ticks / tick) if seen else (None, None)


def start_of(pid: int) -> int:
    """Clock ticks from boot to the start of a process; 0 if there is none."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(_stat(pid)[19])
    return 0
