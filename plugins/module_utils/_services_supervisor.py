# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INTERNAL COLLECTION USE ONLY. Services under supervisord (PyPI ``supervisor``), through its XML-RPC on a unix socket.

Layout: ``<supervisor_dir>/supervisor.sock``, ``conf.d/<name>.conf`` with one ``[program:<name>]`` each, ``log/``.
An instance ``x@2`` is the program ``x-2``; a template ``x@`` is kept as ``conf.d/x@.template`` and expanded (``%i``)
when an instance is started or enabled. "Enabled" means ``autostart=true``, which is the program's own line in its file.
"""

from __future__ import annotations

import configparser
import glob
import http.client
import os
import re
import socket
import tempfile
import time
import xmlrpc.client
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import ServiceError, Status, check_name

_AUTOSTART = re.compile(r"^autostart\s*=.*$", re.MULTILINE)
_ALREADY_STARTED, _NOT_RUNNING, _BAD_NAME, _ALREADY_ADDED = 60, 70, 10, 90
_FAILED = 30  # also: it is being stopped already
_UP = ("STARTING", "RUNNING", "BACKOFF")


POLL_SECONDS = 0.1
KILL_SECONDS = 10.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__()
        self._path = path
        self._timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(self._path, self._timeout)


def program_of(name: str) -> str:
    """supervisor's name of a service: ``x@2`` -> ``x-2``."""
    return check_name(name).replace("@", "-")


def with_autostart(text: str, on: bool) -> str:
    """``text`` of one program with its autostart line set."""
    line = f"autostart={'true' if on else 'false'}"
    if _AUTOSTART.search(text):
        return _AUTOSTART.sub(line, text, count=1)
    return f"{text}{line}\n" if text.endswith("\n") else f"{text}\n{line}"


def without_autostart(text: str) -> str:
    """``text`` of one program as it was before `with_autostart` gave it the line."""
    return re.sub(r"^autostart\s*=.*\n|\n?^autostart\s*=.*\Z", "", text, count=1, flags=re.MULTILINE)


def status_from(info: dict[str, Any], enabled: bool) -> Status:
    """The Status that an answer of ``getProcessInfo`` means."""
    state = str(info.get("statename", ""))
    code = info.get("exitstatus", 0)
    return Status(
        installed=True,
        enabled=enabled,
        active=state in ("RUNNING", "STOPPING") or (state == "STARTING" and bool(info.get("pid"))),
        starting=state in ("STARTING", "BACKOFF"),
        retrying=state == "BACKOFF",
        failed=state == "FATAL" or (state == "EXITED" and code != 0),
        pid=int(info.get("pid") or 0),
        result=f"{state} {code}" if state == "EXITED" else state,
        started_at=float(info.get("start") or 0),
        restarts=0,
    )


class SupervisorServices:
    """The Services interface over one supervisord."""

    platform = "supervisor"

    def __init__(self, directory: str, timeout: float = 30.0) -> None:
        self.directory = directory
        self.socket_path = os.path.join(directory, "supervisor.sock")
        self._timeout = timeout

    # -- talking -------------------------------------------------------------------------------------------------------

    def _call(self, method: str, *args: Any, timeout: float | None = None) -> Any:
        transport = _UnixTransport(self.socket_path, timeout or self._timeout)
        with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*args)
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
                raise ServiceError(
                    f"supervisord does not answer on {self.socket_path} ({error}): start it, then try again."
                ) from error

    def _info(self, name: str) -> dict[str, Any] | None:
        try:
            info: dict[str, Any] = self._call("getProcessInfo", program_of(name))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == _BAD_NAME:
                return None
            raise ServiceError(f"supervisord refuses to tell about {name}: {fault.faultString}") from fault
        return info

    # -- files ---------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        ending = "@.template" if name.endswith("@") else ".conf"
        return os.path.join(self.directory, "conf.d", program_of(name.removesuffix("@")) + ending)

    def _read(self, name: str) -> str | None:
        try:
            with open(self._path(name), encoding="utf-8") as handle:
                return handle.read()
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        path = self._path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.makedirs(os.path.join(self.directory, "log"), exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".langgraph-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(temporary, path)

    def _enabled(self, name: str) -> bool:
        text = self._read(name)
        return bool(text and re.search(r"^autostart\s*=\s*true\s*$", text, re.MULTILINE))

    def _expand(self, name: str) -> None:
        """Write the file of an instance from its template; its autostart line stays as it was."""
        if "@" not in name or name.endswith("@"):
            return
        base, instance = name.split("@", 1)
        template = self._read(f"{base}@")
        if template is None:
            return
        text = with_autostart(template.replace("%i", instance), self._enabled(name))
        if self._read(name) != text:
            self._write(name, text)

    # -- interface -----------------------------------------------------------------------------------------------------

    def installed_text(self, name: str) -> str | None:
        text = self._read(name)
        return None if text is None else without_autostart(text)

    def install(self, name: str, text: str) -> bool:
        check_name(name)
        text = without_autostart(text)
        if self.installed_text(name) == text:
            return False
        # supervisord takes the new text when the program is started the next time.
        self._write(name, text if name.endswith("@") else with_autostart(text, self._enabled(name)))
        return True

    def _update(self, name: str) -> None:
        """Let supervisord know the program as its file says now; it must not be running."""
        program = program_of(name)
        try:
            _added, changed, _removed = self._call("reloadConfig")[0]
            if program in changed:
                self._call("removeProcessGroup", program)
            if self._info(name) is None:
                self._call("addProcessGroup", program)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _ALREADY_ADDED:
                raise ServiceError(f"supervisord does not take the program {name}: {fault.faultString}") from fault

    def remove(self, name: str) -> bool:
        if name.endswith("@"):
            for instance in self.list(name):
                if not instance.endswith("@"):
                    self.remove(instance)
        else:
            self.stop(name)
        path = self._path(name)
        there = os.path.exists(path)
        if there:
            os.unlink(path)
        if not name.endswith("@") and self._info(name) is not None:
            try:
                self._call("removeProcessGroup", program_of(name))
                self._call("reloadConfig")
            except xmlrpc.client.Fault as fault:
                raise ServiceError(f"supervisord does not let go of {name}: {fault.faultString}") from fault
            there = True
        return there

    def start(self, name: str) -> None:
        info = self._info(name)
        if info is not None and info["statename"] in ("STARTING", "RUNNING"):
            return
        if not self._stopped(name):
            self.stop(name)
        self._expand(name)
        if self._read(name) is None:
            raise ServiceError(f"Program {name} is not installed: {self._path(name)} does not exist.")
        self._update(name)
        try:
            self._call("startProcess", program_of(name), False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != _ALREADY_STARTED:
                raise ServiceError(f"Program {name} could not be started: {fault.faultString}") from fault

    def stop(self, name: str, timeout: float = 90.0) -> None:
        self.stop_all([name], timeout)

    def stop_all(self, names: list[str], timeout: float = 90.0) -> None:
        left = [name for name in names if not self._stopped(name)]
        for name in left:
            self._order("stopProcess", name, False)
        deadline, killed = time.monotonic() + timeout, False
        while left := [name for name in left if not self._stopped(name)]:
            if time.monotonic() >= deadline:
                if killed:
                    raise ServiceError(f"Program {left[0]} does not stop, not even by SIGKILL; end it by hand.")
                for name in left:
                    self._order("signalProcess", name, "KILL")
                deadline, killed = time.monotonic() + KILL_SECONDS, True
            time.sleep(POLL_SECONDS)

    def _stopped(self, name: str) -> bool:
        info = self._info(name)
        return info is None or info["statename"] not in (*_UP, "STOPPING")

    def _order(self, method: str, name: str, argument: Any) -> None:
        """Call a method on a program; one that does not run any more is no error."""
        try:
            self._call(method, program_of(name), argument)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (_NOT_RUNNING, _FAILED):
                raise ServiceError(f"Program {name} could not be stopped: {fault.faultString}") from fault

    def forget(self, name: str) -> None:
        self.remove(name)

    def enable(self, name: str) -> bool:
        return self._set_enabled(name, True)

    def disable(self, name: str) -> bool:
        return self._set_enabled(name, False)

    def _set_enabled(self, name: str, on: bool) -> bool:
        self._expand(name)
        text = self._read(name)
        if text is None:
            if on:
                raise ServiceError(f"Program {name} is not installed: {self._path(name)} does not exist.")
            return False
        if self._enabled(name) == on:
            return False
        # supervisord reads this line when it starts; the running program needs no other configuration until then.
        self._write(name, with_autostart(text, on))
        return True

    def status(self, name: str) -> Status:
        info = self._info(name)
        if info is None:
            return Status(installed=self._read(name) is not None, enabled=self._enabled(name))
        return status_from(info, self._enabled(name))

    def list(self, prefix: str) -> list[str]:
        check_name(prefix)
        base = prefix.split("@", 1)[0]
        names: set[str] = set()
        templates = {
            os.path.basename(path)[: -len("@.template")]
            for path in glob.glob(os.path.join(self.directory, "conf.d", f"{base}*@.template"))
        }
        names.update(f"{template}@" for template in templates)
        programs = {
            os.path.basename(path)[: -len(".conf")]
            for path in glob.glob(os.path.join(self.directory, "conf.d", f"{base}*.conf"))
        }
        programs.update(info["name"] for info in self._call("getAllProcessInfo") if info["name"].startswith(base))
        for program in programs:
            stem, _dash, instance = program.rpartition("-")
            names.add(f"{stem}@{instance}" if instance.isdigit() and stem.endswith(("-blue", "-green")) else program)
        return sorted(name for name in names if name.startswith(prefix))

    def log_mark(self, name: str) -> float:
        try:
            return float(os.path.getsize(self._log_path(name)))
        except OSError:
            return 0.0

    def log_tail(self, name: str, lines: int = 40, since: float | None = None) -> str:
        path = self._log_path(name)
        try:
            with open(path, "rb") as handle:
                handle.seek(0, os.SEEK_END)
                size = handle.tell()
                begin = int(since) if since and since <= size else 0  # smaller than the mark: it was rotated meanwhile
                handle.seek(max(begin, size - 512 * lines))
                text = handle.read().decode("utf-8", errors="replace")
        except OSError as error:
            return f"(the log of {name} cannot be read: {error})"
        return "\n".join(text.splitlines()[-lines:])

    def _log_path(self, name: str) -> str:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(self._read(name) or "")
            return parser.get(f"program:{program_of(name)}", "stdout_logfile")
        except configparser.Error:
            return os.path.join(self.directory, "log", f"{program_of(name)}.log")

    def reload(self) -> None:
        try:
            self._call("reloadConfig")
        except xmlrpc.client.Fault as fault:
            raise ServiceError(f"supervisord could not read its configuration: {fault.faultString}") from fault
