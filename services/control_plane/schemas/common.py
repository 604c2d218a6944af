# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of values that many schemas share. Requests take what is written here and nothing else: a number is no text,
an unknown field is an error. What the records would refuse is refused here already, as far as a schema can say it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Header, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

NO_NUL = r"^[^\x00]*$"
ONE_LINE = r"^[^\x00\r\n]*$"
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class Asked(BaseModel):
    """A request's body, or a part of one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """What was asked, as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)


class Answer(BaseModel):
    """An answer, or a part of one: only described, as answers are ready when they are made."""


# -- texts -------------------------------------------------------------------------------------------------------------

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", max_length=63)]
ComputeId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$", max_length=128)
]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255)]
# The longest one that the kernel hands to a process.
EnvValue = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=131071)]
Word = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]*)?$", max_length=64)]
Line = Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=255)]
LongLine = Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=4096)]
Message = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=16384)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# Within JSON a UUID is a string; anything else is none.
Uuid = Annotated[UUID, Field(strict=False)]
Uuids = Annotated[str, StringConstraints(pattern=rf"^({_UUID}(,{_UUID}){{0,99}})?$", max_length=3699)]
NameOrId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("give a time as 2027-01-31T12:00:00Z") from None
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC).isoformat()
    try:
        return at.astimezone(UTC).isoformat()
    except OverflowError:
        # At an end of the calendar: nothing is before or after it in any zone.
        return at.replace(tzinfo=UTC).isoformat()


Moment = Annotated[str, AfterValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


def _flag(value: Any) -> Any:
    """Just true and false: of a query, everything is text."""
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError("give true or false")
        return value.lower() == "true"
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{0,18}$", max_length=18)]
SearchText = Annotated[str, StringConstraints(pattern=NO_NUL, max_length=1024)]

# -- parameters --------------------------------------------------------------------------------------------------------

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=2**31 - 1, description="How many to leave out from the start.")]
DryRun = Annotated[Flag, Query(description="Only tell what would be done.")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^"?[0-9]{1,18}"?$',  # the quotes belong to the header; many forget them, and nothing else is meant
        description="The version that the change is meant for, in double quotes; 409 if it is another one now.",
    ),
]


def version_of(if_match: str | None) -> int | None:
    """The version that a request is meant for."""
    return None if if_match is None else int(if_match.strip('"'))


def cursor_of(text: str | None) -> str | None:
    """The position that a request goes on from; an empty one is none."""
    return text or None


def ids_of(text: str | None) -> list[str] | None:
    """The ids in a list with commas."""
    return re.split(",", text) if text else None


# -- answers -----------------------------------------------------------------------------------------------------------


class Error(Answer):
    """What went wrong. ``detail`` is what stock clients show; ``code`` and ``extra`` are for programs."""

    detail: str
    code: str
    message: str
    extra: dict[str, Any]


class Plan(Answer):
    """What a change does or did; secrets are masked."""

    action: Literal["none", "create", "update", "delete"]
    changed: bool
    new_revision: bool
    zero_downtime: bool
    fields: list[str]
    before: dict[str, Any]
    after: dict[str, Any]
    version: int | None
