# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the work protocol (docs/work-protocol.md). What an answer holds is checked before anybody obeys it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AuthenticationError,
    InvalidInput,
    RecordsError,
    RecordsUnavailable,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import WORK_PROTOCOL, error_from_wire
from ansible_collections.selfhosted.langgraph.services.listener import answers
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings

TIMEOUT = 20.0  # seconds for an answer that does not wait
LONGEST_ANSWER = 64 * 1024 * 1024
Json = dict[str, Any]


def headers_of(settings: Settings) -> dict[str, str]:
    """What each request carries. InvalidInput when the key cannot be read."""
    headers = {
        "X-Api-Key": settings.read_key(),
        "X-Work-Protocol": str(WORK_PROTOCOL),
        "User-Agent": "langgraph-listener",
    }
    if settings.workspace:
        headers["X-Tenant-Id"] = settings.workspace
    return headers


def tls_of(settings: Settings) -> ssl.SSLContext | bool:
    """How the certificate of the control plane is checked."""
    if not settings.api_url.startswith("https:"):
        return False
    try:
        context = ssl.create_default_context(cafile=settings.ca_path or None)
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(
            f"Setting ca_path {settings.ca_path} holds no certificates ({error}).", field="ca_path"
        ) from None
    if not settings.validate_certs:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def error_of(response: httpx.Response, url: str) -> RecordsError:
    """The error that an answer tells."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = None
    status = response.status_code
    known = isinstance(body, dict) and ("code" in body or "detail" in body)
    told = error_from_wire(status, body) if known else None
    if status == 401:
        why = f" ({str(told).rstrip('.')})" if told else ""
        return AuthenticationError(f"The control plane at {url} does not accept the API key{why}.")
    if told is not None and status < 500:
        return told
    if status in (502, 503, 504):
        return RecordsUnavailable(f"The control plane at {url} is not up (status {status}).", status=status)
    if status >= 500:
        return RecordsUnavailable(f"The control plane at {url} failed (status {status}); see its log.", status=status)
    return InvalidInput(
        f"What answers at {url} is not the API of a control plane (status {status}); correct api_url.", status=status
    )


def failure_of(error: Exception, url: str) -> RecordsError:
    """The error for a request that got no answer."""
    what = str(error).rstrip(".") or type(error).__name__
    return RecordsUnavailable(f"The control plane at {url} cannot be reached ({what}).")


def read_json(response: httpx.Response, url: str) -> Json:
    """The object in an answer, or the error that it is."""
    if response.is_error or response.is_redirect:
        raise error_of(response, url)
    if len(response.content) > LONGEST_ANSWER:
        raise answers.BadAnswer(f"The control plane at {url} sent {len(response.content)} bytes, which is too much.")
    try:
        body = response.json()
    except (ValueError, RecursionError):
        raise answers.BadAnswer(f"What the control plane at {url} sent is no JSON.") from None
    if not isinstance(body, dict):
        raise answers.BadAnswer(f"What the control plane at {url} sent is no object.")
    return body


def _encoded(body: Mapping[str, Any]) -> bytes:
    """JSON that the control plane takes: what somebody's program printed may hold NULs and halves of characters."""
    text = json.dumps(body, ensure_ascii=False)
    if "\\u0000" in text:
        text = json.dumps(_without_nul(body), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, Mapping):
        return {key: _without_nul(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nul(item) for item in value]
    return value


class Api:
    """Requests of one listener process. Each method raises a RecordsError, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.api_url
        self.listener = settings.listener or None
        #: Seconds that the control plane's clock is ahead of ours, as of the last answer.
        self.clock_ahead = 0.0
        headers = {**headers_of(settings), "Content-Type": "application/json"}
        self._key = headers["X-Api-Key"]
        self._client = httpx.AsyncClient(
            base_url=settings.api_url,
            headers=headers,
            verify=tls_of(settings),
            timeout=httpx.Timeout(TIMEOUT, connect=10.0),
            follow_redirects=False,
            trust_env=True,
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    def key_is_old(self, settings: Settings) -> bool:
        """Whether the file holds another key by now; InvalidInput when it cannot be read."""
        return settings.read_key() != self._key

    async def ask(self, what: str, body: Mapping[str, Any], timeout: float = TIMEOUT) -> Json:
        """One request below /v2/work."""
        try:
            response = await self._client.post(
                f"/v2/work/{what}", content=_encoded(body), timeout=httpx.Timeout(timeout, connect=10.0)
            )
        except (httpx.HTTPError, OSError) as error:
            raise failure_of(error, self.url) from None
        if timeout <= TIMEOUT:  # an answer that waited for work carries the time of its request
            self._look_at_clock(response.headers.get("Date"))
        return read_json(response, self.url)

    def _look_at_clock(self, date: str | None) -> None:
        try:
            there = parsedate_to_datetime(date or "")
            self.clock_ahead = (there - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return

    def _of_listener(self, body: Mapping[str, Any]) -> Json:
        return {**body, **({"listener": self.listener} if self.listener else {})}

    # -- work --------------------------------------------------------------------------------------------------------

    async def claim(
        self,
        owner: Mapping[str, Any],
        *,
        wait: float = 0,
        limit: int | None = 1,
        deployments: Sequence[str] | None = None,
        check_older_than: float | None = None,
        dead: Sequence[Mapping[str, Any]] = (),
    ) -> answers.Claims:
        """Work, and owners on this host of whom we could see whether they are dead."""
        asked = {
            "owner": dict(owner),
            "wait_seconds": wait or None,
            "limit": limit,
            "deployments": list(deployments) if deployments else None,
            "check_older_than": check_older_than,
            "dead": [dict(item) for item in dead] or None,
        }
        body = self._of_listener({key: value for key, value in asked.items() if value is not None})
        return answers.claims(await self.ask("claim", body, wait + TIMEOUT))

    async def report(self, claim_id: str, epoch: int, **what: Any) -> Json:
        """Tell how far the work is."""
        told = {key: value for key, value in what.items() if value is not None}
        return await self.ask("report", {"claim_id": claim_id, "epoch": epoch, **told})

    async def append_logs(self, claim_id: str, type_: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Lines of our own in the log of a revision."""
        await self.ask("logs", {"id": claim_id, "type": type_, "entries": [dict(entry) for entry in entries]})

    # -- the listener ------------------------------------------------------------------------------------------------

    async def heartbeat(self, process: Mapping[str, Any]) -> answers.Heartbeat:
        """Tell that this process lives and what it does; who we are, and whether this process leads."""
        return answers.heartbeat(await self.ask("heartbeat", self._of_listener({"process": dict(process)})))

    async def served(self) -> list[Json]:
        """The deployments of this listener."""
        return answers.served(await self.ask("served", self._of_listener({})))

    async def observe(self, observations: Sequence[Mapping[str, Any]]) -> Json:
        """What was seen of running servers."""
        return await self.ask(
            "observations", self._of_listener({"observations": [dict(item) for item in observations]})
        )
