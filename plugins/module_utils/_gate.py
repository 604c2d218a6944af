# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: wait until a process of a server answers and is the revision that it should be, or say why not."""

from __future__ import annotations

import http.client
import json
import time
import typing as t

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import Services

POLL_SECONDS = 0.1
REQUEST_SECONDS = 10.0
LOG_LINES = 40
LOOK_SECONDS = 2.0  # for one request to a process that serves and may hang


class GateError(HostError):
    """A process did not come to serve; carries its last log lines."""


class Answer(t.NamedTuple):
    """What an HTTP request brought: status 0 and the reason as text when there was no answer."""

    status: int
    text: str


def ask(port: int, path: str, method: str = "GET", body: t.Any = None, timeout: float = REQUEST_SECONDS) -> Answer:
    """One request to a process of this host."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Connection": "close"} if data else {"Connection": "close"}
        connection.request(method, path, body=data, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.read(1_000_000).decode("utf-8", errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, getattr(error, "strerror", None) or str(error) or type(error).__name__)
    finally:
        connection.close()


def silent(ports: t.Mapping[str, int], seconds: t.Mapping[str, float]) -> list[str]:
    """Names of those that do not answer ``/ok`` on their port within their seconds, all looked at together."""
    begun, left = time.monotonic(), list(ports)
    found: list[str] = []
    while left:
        left = [name for name in left if ask(ports[name], "/ok", timeout=LOOK_SECONDS).status != 200]
        over = [name for name in left if time.monotonic() - begun >= seconds[name]]
        found += over
        left = [name for name in left if name not in over]
        if left:
            time.sleep(POLL_SECONDS)
    return found


def readable(line: str) -> str:
    """A log line for people: of a JSON line its time, level, event and exception, others as they are."""
    try:
        entry = json.loads(line)
        event = entry["event"]
    except (ValueError, TypeError, KeyError):
        return line
    text = " ".join(str(entry[key]) for key in ("timestamp", "level") if entry.get(key))
    details = entry.get("exception") or entry.get("error") or ""
    return f"{text} {event}".strip() + (f"\n{details}" if details else "")


def log_lines(services: Services, unit: str, since: float | None = None) -> list[str]:
    """The last lines of a unit's log, made readable."""
    lines = services.log_tail(unit, LOG_LINES, since).splitlines()
    return "\n".join(readable(line) for line in lines).splitlines()[-LOG_LINES:]


class Gate:
    """Waits for one process. `mark` is the log's mark of before its start (`Services.log_mark`)."""

    def __init__(self, services: Services, unit: str, port: int, mark: float | None = None) -> None:
        self.services = services
        self.unit = unit
        self.port = port
        self.mark = mark
        self._pid = 0

    def fail(self, sentence: str) -> t.NoReturn:
        raise GateError(sentence, log_tail=log_lines(self.services, self.unit, self.mark))

    def alive(self) -> None:
        """GateError when the process ended, or was started anew after it had ended."""
        status = self.services.status(self.unit)
        if status.pid and not self._pid:
            self._pid = status.pid
        anew = self.mark is not None and (status.restarts or status.retrying or status.pid not in (0, self._pid))
        if status.failed or anew or not (status.active or status.starting):
            self.fail(f"{self.unit} ended by itself ({status.result or 'no reason given'}); see its last log lines.")

    def wait(self, revision_id: str | None, timeout: float) -> dict[str, t.Any]:
        """Return once it answers, within `timeout` seconds.

        API (with `revision_id`): ``/ok?check_db=1`` is 200 and ``/info`` shows that revision; returns ``/info``.
        Queue (without): ``/ok?check_db=1`` of its health port is 200; returns {}.
        """
        deadline = time.monotonic() + timeout
        last = Answer(0, "no answer")
        looked = 0.0
        while True:
            last = ask(self.port, "/ok?check_db=1")
            if last.status == 200:
                return self.identity(revision_id) if revision_id else {}
            if time.monotonic() - looked > 0.4:
                looked = time.monotonic()
                self.alive()
            if time.monotonic() >= deadline:
                said = f"{last.status} {last.text[:200]}" if last.status else last.text
                self.fail(
                    f"{self.unit} did not answer on port {self.port} within {timeout:g} s (last: {said.strip()})."
                )
            time.sleep(POLL_SECONDS)

    def identity(self, revision_id: str) -> dict[str, t.Any]:
        """``/info`` when it is the wanted revision that answers. With ``http.disable_meta`` there is no ``/info``."""
        answer = ask(self.port, "/info")
        if answer.status == 404:
            self.alive()
            return {}
        try:
            info: dict[str, t.Any] = json.loads(answer.text)
            found = info["host"]["host_revision_id"]
        except (ValueError, KeyError, TypeError):
            self.fail(f"{self.unit} answers /info on port {self.port} with {answer.status} and no revision id.")
        if found != revision_id:
            self.fail(
                f"On port {self.port} revision {found} answers instead of {revision_id}: "
                f"end what listens there, or give {self.unit} another port."
            )
        return info

    def smoke(self, request: dict[str, t.Any]) -> None:
        """One more request that has to succeed: {path, method, body, status, contains, timeout}."""
        method, path = request.get("method") or "GET", request["path"]
        wanted = request.get("status") or 200
        answer = ask(self.port, path, method, request.get("body"), float(request.get("timeout") or 30))
        if answer.status != wanted:
            said = answer.text[:200].strip()
            self.fail(f"The smoke request {method} {path} was answered with {answer.status or 'nothing'}: {said}")
        if request.get("contains") and request["contains"] not in answer.text:
            self.fail(f"The answer to the smoke request {method} {path} does not contain {request['contains']!r}.")
