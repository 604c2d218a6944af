# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the records core.

Every message is one sentence that names the object and the next step, and holds no secret value.
``extra`` carries what a program may want to read (JSON-able), ``code`` a stable word for the kind of error.
"""

from __future__ import annotations

from typing import Any


class RecordsError(Exception):
    """Base of all errors of the records core."""

    code = "records_error"

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extra: dict[str, Any] = extra


class NotFound(RecordsError):
    """A named record does not exist. extra: kind, names (list)."""

    code = "not_found"


class Conflict(RecordsError):
    """The record is in a state (or was changed meanwhile) that does not allow the request. extra: depends."""

    code = "conflict"


class InvalidInput(RecordsError):
    """What was asked for is malformed or never allowed. extra: field (name of the option or key) where known."""

    code = "invalid_input"


class Held(RecordsError):
    """A deployment is claimed by somebody else whose lease is alive. extra: deployment, owner (label), since
    (ISO-8601).
    """

    code = "held"

    def __init__(self, message: str, deployment: str = "", owner: str = "", since: str = "", **extra: Any) -> None:
        super().__init__(message, deployment=deployment, owner=owner, since=since, **extra)
        self.deployment = deployment
        self.owner = owner
        self.since = since


class StaleClaim(RecordsError):
    """The claim was taken over, released or ended: whoever holds it must stop. extra: deployment, epoch (the current
    one).
    """

    code = "stale_claim"

    def __init__(self, message: str, epoch: int | None = None, **extra: Any) -> None:
        super().__init__(message, epoch=epoch, **extra)
        self.epoch = epoch


class AuthenticationError(RecordsError):
    """Nobody proved to be somebody: the API key is missing, unknown, revoked or expired."""

    code = "unauthenticated"


class AccessDenied(RecordsError):
    """Who asks may not do this. extra: permission (the one that is missing) where known."""

    code = "forbidden"


class ProtocolTooOld(RecordsError):
    """Client and server of the work protocol do not understand each other. extra: client_protocol, server_protocol."""

    code = "protocol_too_old"


class SchemaMissing(RecordsError):
    """The database holds no records schema, or one older than this code can use: run ``records_schema``."""

    code = "schema_missing"


class SchemaTooNew(RecordsError):
    """The schema does not serve this version of the code any more. extra: version, minimum_code, code_version."""

    code = "schema_too_new"


class EncryptionKeyError(RecordsError):
    """The key file is missing, malformed, or does not fit the database. extra: file."""

    code = "encryption_key"


class RecordsUnavailable(RecordsError):
    """The records cannot be reached now: Postgres down, access denied, out of connections, driver missing."""

    code = "records_unavailable"
