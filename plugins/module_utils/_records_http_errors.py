# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on the way to the control plane, as errors of the records: what, where, and the next step.

What the control plane itself says keeps its own sentence; what stands in between (networks, proxies, wrong
addresses) gets one here. The address is named, the key never.
"""

from __future__ import annotations

import errno
import http.client
import json
import socket
import ssl
from typing import Any
from urllib.error import HTTPError

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AccessDenied,
    AuthenticationError,
    InvalidInput,
    NotFound,
    RecordsError,
    RecordsUnavailable,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import error_from_wire

_MOST_TEXT = 1024 * 1024


def from_answer(url: str, method: str, path: str, error: HTTPError) -> RecordsError:
    """The error that an answer with a status of failure tells."""
    where = f"The control plane at {url}"
    if 300 <= error.code < 400:
        target = str(error.headers.get("Location") or "another address").partition("?")[0]
        return InvalidInput(
            f"{where} redirects {path} to {target}, which is not followed: set api_url to the address that answers.",
            field="api_url",
            status=error.code,
        )
    body = _body(error)
    told = error_from_wire(error.code, body)
    known = isinstance(body, dict) and ("code" in body or isinstance(body.get("detail"), list))
    if error.code == 404 and method == "HEAD":
        return NotFound(f"{where} has no {path}; look whether its name is right.")  # an answer without a body
    if error.code == 404 and (told is None or not known or not told.extra.get("kind")):  # no record, but the path
        return InvalidInput(
            f"{where} does not know {path}: set api_url to the address of its API, with its base path, usually "
            "ending with /api-host.",
            field="api_url",
            status=404,
        )
    said = f" ({str(told).rstrip('.')})" if told else ""
    if error.code == 401:
        return AuthenticationError(
            f"{where} does not accept the API key{said}: set api_key or LANGSMITH_API_KEY to one that is valid.",
            status=401,
        )
    if error.code == 403 and told is not None and not known:
        return AccessDenied(f"{where} refuses {method} {path}{said}: use an API key that may do it.", status=403)
    if error.code == 413 and not known:
        return InvalidInput(f"{where} finds the request too big{said}: send less, or raise its limit.", status=413)
    if told is None or (error.code >= 500 and not known):
        return _from_between(where, method, path, error, said)
    permission = told.extra.get("permission")
    if isinstance(told, AccessDenied) and permission and str(permission) not in told.message:
        return AccessDenied(
            f"{told.message.rstrip('.')} (the API key lacks the permission {permission}).", **told.extra
        )
    return told


def _from_between(where: str, method: str, path: str, error: HTTPError, said: str) -> RecordsError:
    """An answer of a failure that the control plane did not write itself, or did not foresee."""
    if error.code in (502, 503, 504):
        return RecordsUnavailable(
            f"{where} cannot be reached through its proxy (status {error.code}){said}: see that it runs, then try "
            "again.",
            status=error.code,
        )
    if error.code >= 500:
        number = error.headers.get("X-Request-Id")
        log = f"look for request {number} in its log" if number else "see its log"
        return RecordsUnavailable(
            f"{where} failed at {method} {path} (status {error.code}): {log}, then try again.",
            status=error.code,
            request_id=number,
        )
    return unreadable(where.removeprefix("The control plane at "), method, path, error.code, _kind(error))


def unreadable(url: str, method: str, path: str, status: int, kind: str) -> RecordsError:
    """An answer that is not JSON, such as a page for people."""
    return InvalidInput(
        f"What answers at {url} is not the API of a control plane ({kind} with status {status} to {method} {path}): "
        "set api_url to the address of the API, usually ending with /api-host, or see what the proxy there does.",
        field="api_url",
        status=status,
    )


def _kind(error: HTTPError) -> str:
    kind: str = error.headers.get_content_type()
    return kind


def _body(error: HTTPError) -> Any:
    try:
        return json.loads(error.read(_MOST_TEXT))
    except (ValueError, OSError, http.client.HTTPException):
        return None


def from_failure(url: str, cause: object, timeout: float, uploading: bool = False) -> RecordsError:
    """The error for a request that got no answer."""
    where = f"The control plane at {url}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = str(cause.verify_message or cause.reason).rstrip(".")
        return RecordsUnavailable(
            f"{where} shows a certificate that is not trusted ({why}): set ca_path to the file of the authority that "
            "signed it, or correct the certificate or the host name in api_url."
        )
    if isinstance(cause, ssl.SSLError):
        why = str(cause.reason or "the handshake failed").replace("_", " ").lower()
        return RecordsUnavailable(
            f"{where} cannot be reached over TLS ({why}): write http:// in api_url if it has no TLS, or correct its "
            "port."
        )
    if isinstance(cause, TimeoutError):
        return RecordsUnavailable(
            f"{where} did not answer within {timeout:g} s: see that it runs and that the network leads there, or raise "
            "api_timeout."
        )
    if isinstance(cause, socket.gaierror):
        return RecordsUnavailable(f"{where} has an unknown host name: correct it in api_url.")
    if isinstance(cause, ConnectionRefusedError):
        return RecordsUnavailable(
            f"{where} refuses the connection: start it there, or correct host and port in api_url."
        )
    if isinstance(cause, ConnectionError | http.client.HTTPException):
        step = "see that the file is not bigger than it allows, then try again" if uploading else "try again"
        what = "an upload" if uploading else "the connection"
        return RecordsUnavailable(f"{where} broke off {what} ({_word(cause)}): {step}.")
    return RecordsUnavailable(f"{where} cannot be reached ({_word(cause)}): correct api_url, or see the network.")


def _word(cause: object) -> str:
    """A few words on a low-level error."""
    if isinstance(cause, OSError) and cause.errno:
        return errno.errorcode.get(cause.errno, "") + f" {cause.strerror or ''}".rstrip(".")
    return str(cause).rstrip(".") or type(cause).__name__
