# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: JSON without detours, and errors in the one shape that all of them have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import JSONResponse

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import NotFound, RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._model import is_uuid
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import error_to_wire

STATUS_OF_CODE: Mapping[str, int] = {
    "invalid_input": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "body_too_slow": 408,
    "conflict": 409,
    "held": 409,
    "stale_claim": 409,
    "body_too_large": 413,
    "protocol_too_old": 426,
    "encryption_key": 500,
    "not_offered": 501,
    "records_unavailable": 503,
    "schema_missing": 503,
    "schema_too_new": 503,
}
RETRY_AFTER = 2  # seconds, told with each 503
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"www-authenticate": "ApiKey"},
    503: {"retry-after": str(RETRY_AFTER)},
}
# The contract's texts for what an id does not lead to.
_NOT_FOUND = {"deployment": "Deployment ID {} not found.", "listener": "Listener ID {} not found."}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class BodyTooLarge(RecordsError):
    """A request's body is bigger than the service takes."""

    code = "body_too_large"


class BodyTooSlow(RecordsError):
    """A request's body stopped coming."""

    code = "body_too_slow"


class NotOffered(RecordsError):
    """Something of the vendor's API that this control plane does not have."""

    code = "not_offered"


class Json(JSONResponse):
    """A ready answer: nothing is validated or converted any more."""

    def render(self, content: Any) -> bytes:
        return _encode(content).encode("utf-8", "replace")


def error(failure: RecordsError) -> Json:
    """The answer to an error of the records, with the contract's text where it has one."""
    status = STATUS_OF_CODE.get(failure.code, 500)
    headers = {**_HEADERS.get(status, {})}
    return Json(error_to_wire(failure, _contract_text(failure)), status_code=status, headers=headers)


def _contract_text(failure: RecordsError) -> str | None:
    names = failure.extra.get("names")
    text = _NOT_FOUND.get(str(failure.extra.get("kind"))) if isinstance(failure, NotFound) else None
    if text and isinstance(names, list) and len(names) == 1 and is_uuid(str(names[0])):
        return text.format(names[0])
    detail = getattr(failure, "detail", None)
    return detail if isinstance(detail, str) else None


def plain_error(status: int, code: str, sentence: str, headers: Mapping[str, str] | None = None) -> Json:
    """An error that is none of the records."""
    body = {"detail": sentence, "code": code, "message": sentence, "extra": {}}
    return Json(body, status_code=status, headers=dict(headers or {}))


def invalid_request(problems: Iterable[Mapping[str, Any]]) -> Json:
    """What of a request does not fit its schema, as FastAPI says it; what was sent may be secret and stays out."""
    detail = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in problems]
    return Json({"detail": detail}, status_code=422)
