# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks: an API key in ``X-Api-Key`` or ``Authorization: Bearer``, a workspace in ``X-Tenant-Id``.

A key that was good is remembered for a few seconds under a hash of it, so that a request costs one statement; a NOTIFY
about keys makes the service forget.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict

from starlette.types import Scope

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import AuthenticationError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_keys import (
    Identity,
    authenticate,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Caller
from ansible_collections.selfhosted.langgraph.services.control_plane.database import Database
from ansible_collections.selfhosted.langgraph.services.control_plane.limits import header

REMEMBERED_SECONDS = 3.0
_REMEMBERED = 2000
_KEY = re.compile(r"[\x21-\x7e]{1,512}")
_ACTOR_LENGTH = 256


class Identities:
    """Callers by their headers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[bytes, tuple[float, Identity]] = OrderedDict()
        # Of many requests with one key that come at once, one looks it up for all.
        self._looking: dict[bytes, asyncio.Task[Identity]] = {}
        self._age = 0

    def forget(self) -> None:
        """Look up every key anew."""
        self._known.clear()
        self._looking.clear()
        self._age += 1

    async def caller(self, scope: Scope) -> Caller:
        """Who sent a request. AuthenticationError or AccessDenied (in the contract's words)."""
        key = _key_of(scope)
        workspace = header(scope, b"x-tenant-id")
        identity = await self._identity(key, workspace.strip() if workspace else None)
        client = scope.get("client")
        actor = header(scope, b"x-langgraph-actor")
        author = identity.author
        if actor:
            author = f"{_shown(actor)} ({author})"
        return Caller(identity, author, client[0] if client else None)

    async def _identity(self, key: str, workspace: str | None) -> Identity:
        place = hashlib.sha256(f"{workspace or ''}\n{key}".encode()).digest()
        found = self._known.get(place)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        looking = self._looking.get(place)
        if looking is None:
            looking = self._looking[place] = asyncio.create_task(self._look_up(place, key, workspace, self._age))
            looking.add_done_callback(lambda done: self._ended(place, done))
        return await asyncio.shield(looking)

    async def _look_up(self, place: bytes, key: str, workspace: str | None, age: int) -> Identity:
        crypt = self._database.crypt
        identity = await self._database.call(lambda connection: authenticate(connection, crypt, key, workspace))
        if age == self._age:  # else keys were changed while this one was looked up
            self._known[place] = (time.monotonic() + REMEMBERED_SECONDS, identity)
            self._known.move_to_end(place)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return identity

    def _ended(self, place: bytes, done: asyncio.Task[Identity]) -> None:
        if self._looking.get(place) is done:
            del self._looking[place]
        if not done.cancelled():
            done.exception()  # whoever asked has heard of it, or has gone


def _key_of(scope: Scope) -> str:
    key = header(scope, b"x-api-key")
    if not key:
        kind, _blank, value = (header(scope, b"authorization") or "").partition(" ")
        key = value.strip() if kind.lower() == "bearer" else ""
    if not key:
        raise AuthenticationError("The API key is missing; send it in the header X-Api-Key.")
    if not _KEY.fullmatch(key):
        raise AuthenticationError("The API key is not valid; check it, or ask for a new one.")
    return key


def _shown(actor: str) -> str:
    """The text of a header, as it may stand in records: UTF-8 if it is, in one line."""
    text = actor.encode("latin-1").decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text)[:_ACTOR_LENGTH].strip()
