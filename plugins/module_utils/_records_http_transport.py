# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the control plane: one at a time, with what may be repeated repeated, and each failure as a sentence.

Rests on ``ansible.module_utils.urls`` and the standard library alone. Redirects are not followed: the API key goes
to the address that was given and nowhere else. No sentence holds the key.
"""

from __future__ import annotations

import codecs
import http.client
import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import Request, make_context

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_errors import (
    from_answer,
    from_failure,
    unreadable,
)

JSON = "application/json"
_TRIES = 4  # of what may be repeated
_LONGEST_PAUSE = 10.0
_MOST_JSON = 64 * 1024 * 1024
_CHUNK = 256 * 1024
_BUSY = frozenset({502, 503, 504})

Query = Mapping[str, Any]

codecs.lookup("idna")  # else the first socket imports it, maybe in a thread while others fork


class Answer(NamedTuple):
    """A success: its status, and its JSON (None: it had no content)."""

    status: int
    json: Any


class Transport:
    """Where the control plane is and how to ask it."""

    def __init__(
        self,
        api_url: str,
        api_key: str,
        *,
        workspace: str | None = None,
        actor: str | None = None,
        validate_certs: bool = True,
        ca_path: str | None = None,
        timeout: float = 30,
    ) -> None:
        self.url = check_url(api_url)
        self.timeout = timeout
        self._validate_certs = validate_certs
        self._ca_path = ca_path
        self._headers = {"Accept": JSON, "X-Api-Key": check_key(api_key)}
        if workspace:
            self._headers["X-Tenant-Id"] = _header(workspace)
        if actor:
            self._headers["X-Langgraph-Actor"] = _header(actor)
        self._request: Request | None = None

    # -- JSON ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Any = None,
        *,
        repeat: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send JSON and read JSON. repeat: whether the request may be sent again (default: all but POST and PATCH)."""
        data = None if body is None else json.dumps(body).encode()
        extra = {**({"Content-Type": JSON} if data is not None else {}), **(headers or {})}
        again = method not in ("POST", "PATCH") if repeat is None else repeat
        response = self._send(method, path, query, data, extra, again)
        with response:
            return Answer(response.status, self._read_json(method, path, response))

    def _read_json(self, method: str, path: str, response: Any) -> Any:
        try:
            content = response.read(_MOST_JSON)
        except (OSError, http.client.HTTPException) as error:
            raise from_failure(self.url, error, self.timeout) from None
        if not content:
            return None
        try:
            return json.loads(content)
        except ValueError:
            kind = response.headers.get_content_type()
            raise unreadable(self.url, method, path, response.status, kind) from None

    # -- streams -------------------------------------------------------------------------------------------------

    def upload(self, path: str, fileobj: BinaryIO, size: int, content_type: str) -> Answer:
        """Send a file by PUT, from where it is read now, without holding more than a block of it."""
        start = fileobj.tell()
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        response = self._send("PUT", path, None, fileobj, headers, True, start=start)
        with response:
            return Answer(response.status, self._read_json("PUT", path, response))

    def download(self, path: str) -> Iterator[bytes]:
        """The content of an answer in chunks; RecordsUnavailable if it breaks off."""
        return self._chunks(self._send("GET", path, None, None, {"Accept": "*/*"}, True))

    def _chunks(self, response: Any) -> Iterator[bytes]:
        with response:
            while True:
                try:
                    chunk = response.read(_CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise from_failure(self.url, error, self.timeout) from None
                if not chunk:
                    return
                yield chunk

    # -- sending -------------------------------------------------------------------------------------------------

    def _send(
        self,
        method: str,
        path: str,
        query: Query | None,
        data: bytes | BinaryIO | None,
        headers: Mapping[str, str],
        repeat: bool,
        start: int = 0,
    ) -> Any:
        """The answer to a request that succeeded; an error of the records otherwise."""
        url = f"{self.url}{path}{_query(query)}"
        left = _TRIES if repeat else 1
        while True:
            left -= 1
            if data is not None and not isinstance(data, bytes):
                data.seek(start)
            try:
                return self._open(method, url, data, {**headers, "X-Request-Id": uuid.uuid4().hex})
            except HTTPError as error:
                with error:
                    pause = _pause(error, _TRIES - left) if left and error.code in _BUSY else None
                    if pause is None:
                        raise from_answer(self.url, method, path, error) from None
            except (URLError, OSError, http.client.HTTPException, ValueError) as error:
                cause = error.reason if isinstance(error, URLError) else error
                if not left or not _was_cut(cause):
                    uploading = data is not None and not isinstance(data, bytes)
                    raise from_failure(self.url, cause, self.timeout, uploading) from None
                pause = 0.2
            time.sleep(pause)

    def _open(self, method: str, url: str, data: Any, headers: Mapping[str, str]) -> Any:
        if self._request is None:
            self._request = Request(
                follow_redirects="none",
                http_agent="selfhosted.langgraph",
                use_netrc=False,
                decompress=False,
                context=self._context(),
            )
        return self._request.open(method, url, data=data, headers={**self._headers, **headers}, timeout=self.timeout)

    def _context(self) -> Any:
        if not self.url.startswith("https:"):
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # of no use, but without one the certificates are read
        try:
            return make_context(cafile=self._ca_path, validate_certs=self._validate_certs)
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"The certificates in {self._ca_path} cannot be used ({error}): set ca_path to a file of PEM "
                "certificates.",
                field="ca_path",
            ) from None


def _was_cut(error: object) -> bool:
    """Whether a connection was lost that had been made: a server that was just restarted may answer the next one."""
    return isinstance(error, ConnectionResetError | BrokenPipeError | http.client.BadStatusLine)


def _pause(error: HTTPError, tried: int) -> float:
    """How long a busy control plane asks to wait; a little longer each time if it does not say."""
    try:
        asked = float(error.headers.get("Retry-After") or "")
    except ValueError:
        asked = 0.5 * tried
    return min(max(asked, 0.1), _LONGEST_PAUSE)


def _query(query: Query | None) -> str:
    """The query of a URL: None is left out, a list is joined with commas, truth is ``true``."""
    words: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        if value is None:
            continue
        if isinstance(value, bool):
            words.append((name, "true" if value else "false"))
        elif isinstance(value, Sequence) and not isinstance(value, str):
            words.append((name, ",".join(str(item) for item in value)))
        else:
            words.append((name, str(value)))
    return f"?{urlencode(words)}" if words else ""


def _header(text: str) -> str:
    """A text as a header carries it: in one line, as the bytes of UTF-8."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line.encode("utf-8", "replace").decode("latin-1")


def check_url(api_url: str) -> str:
    """The address without a slash at its end. InvalidInput unless it is one by http or https, without a password."""
    url = api_url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
        parts = urlsplit("")
    if "@" in parts.netloc:
        raise InvalidInput(
            "The address api_url carries a user name or password: remove it, and give the key as api_key.",
            field="api_url",
        )
    if not known or parts.query or parts.fragment or not url.isascii() or any(char.isspace() for char in url):
        raise InvalidInput(
            "The address api_url is malformed: write https://HOST/api-host, with the base path of the control plane.",
            field="api_url",
        )
    return url


def check_key(api_key: str) -> str:
    """The key, if a header can carry it."""
    key = api_key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput(
            "The api_key is malformed: give the key as module api_key or the file of the role returned it, in one "
            "line.",
            field="api_key",
        )
    return key
