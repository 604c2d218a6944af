# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiving sources: streamed to a file on disk with bounded memory, a bounded number at once."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, cast

from starlette.requests import Request

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsUnavailable
from ansible_collections.selfhosted.langgraph.services.control_plane.limits import header, too_large

AT_ONCE = 8
CHECKED_AT_ONCE = 2  # unpacking to look inside is work for a processor
_SPOOL = 1024 * 1024
_BLOCK = 1024 * 1024
_WAIT = 5.0


class Receiver:
    """Takes bodies that are too big for memory."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._checks = asyncio.Semaphore(CHECKED_AT_ONCE)

    @asynccontextmanager
    async def received(self, request: Request, limit: int) -> AsyncIterator[BinaryIO]:
        """The body of a request as a file that stands at its beginning."""
        frame = request.scope["control_plane"]
        frame.max_body = limit
        length = header(request.scope, b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            await frame.discard()
            raise too_large(limit)
        async with _place(self._places, "The control plane receives as many uploads as it can; try again."):
            with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
                waiting = bytearray()
                async for block in request.stream():
                    waiting += block
                    if len(waiting) >= _BLOCK:
                        await asyncio.to_thread(spool.write, bytes(waiting))
                        waiting.clear()
                await asyncio.to_thread(spool.write, bytes(waiting))
                spool.seek(0)
                async with self._checks:
                    yield cast(BinaryIO, spool)


@asynccontextmanager
async def _place(places: asyncio.Semaphore, sentence: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_WAIT):
            await places.acquire()
    except TimeoutError:
        raise RecordsUnavailable(sentence) from None
    try:
        yield
    finally:
        places.release()
