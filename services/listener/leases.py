# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases of claims: renewed from a thread of their own, and enforced from another.

Neither shares anything with the event loop, so that no amount of work there starves a renewal; and an answer that does
not come cannot delay the moment at which a run that lost its lease is ended. Time is counted from before each request,
by a clock that goes on while the machine is suspended.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    RecordsError,
    RecordsUnavailable,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import RENEW_SECONDS
from ansible_collections.selfhosted.langgraph.services.listener import api
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings

LOGGER = logging.getLogger("listener.leases")
_TIMEOUT = 8.0  # seconds for a renewal
_AGAIN = 2.0  # seconds after one that failed
_GUARD = 0.5  # seconds between two looks at the deadlines


def now() -> float:
    """Seconds by a clock that neither jumps nor stops."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Lease:
    """A claim that is held. ``lost``: why it is not any more."""

    claim_id: str
    epoch: int
    until: float
    on_lost: Callable[[str], None]
    renew_at: float = 0.0
    lost: str = ""
    interrupt_requested: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lose(self, why: str) -> None:
        """Say it once, from a thread of its own: ending a run takes seconds, and the next lease may be about to end."""
        with self._lock:
            if self.lost:
                return
            self.lost = why
        thread = threading.Thread(target=self.on_lost, args=(why,), name="lost claim", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no room for another one
            self.on_lost(why)


class Leases:
    """All leases of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._client: httpx.Client | None = None
        self._threads = [
            threading.Thread(target=self._renewing, name="renewals", daemon=True),
            threading.Thread(target=self._guarding, name="lease guard", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether both threads go on; without them a run could outlive its lease."""
        return all(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """End both threads; leases that are left run out."""
        self._ended.set()
        self._wake.set()

    def use(self, settings: Settings) -> None:
        """Go on with other settings (a new key)."""
        self._settings = settings
        self._client = None

    def hold(
        self,
        claim_id: str,
        epoch: int,
        seconds_left: float,
        asked_at: float | None,
        on_lost: Callable[[str], None],
    ) -> Lease:
        """Keep a claim from now on.

        asked_at: ``now()`` before the request that made it; None: that request waited for work, so that nothing tells
        when the lease began. Then it is renewed at once.
        """
        at = now()
        begun, renew_at = (at, at) if asked_at is None else (asked_at, at + RENEW_SECONDS)
        lease = Lease(claim_id, epoch, begun + seconds_left, on_lost, renew_at=renew_at)
        with self._lock:
            self._leases[claim_id] = lease
        self._wake.set()
        return lease

    def release(self, claim_id: str) -> None:
        """Do not keep it any more."""
        with self._lock:
            self._leases.pop(claim_id, None)

    def held(self) -> list[Lease]:
        """Those that are kept."""
        with self._lock:
            return list(self._leases.values())

    # -- renewing ----------------------------------------------------------------------------------------------------

    def _renewing(self) -> None:
        while not self._ended.is_set():
            due = sorted(
                (lease for lease in self.held() if not lease.lost and lease.renew_at <= now()),
                key=lambda one: one.until,
            )
            for lease in due:
                if not self._renew(lease):
                    break  # nobody answers: the others would wait for nothing, one after the other
            self._wake.wait(0.5)
            if not self._ended.is_set():
                self._wake.clear()

    def _renew(self, lease: Lease) -> bool:
        """Whether the control plane answered."""
        asked_at = now()
        try:
            answer = self._ask({"claim_id": lease.claim_id, "epoch": lease.epoch})
            seconds = answer.get("seconds_left")
            if isinstance(seconds, int | float) and 0 < seconds <= 3600:
                lease.until = asked_at + float(seconds)
                lease.interrupt_requested = answer.get("interrupt_requested") is True
                lease.renew_at = asked_at + RENEW_SECONDS
                return True
            LOGGER.error("the control plane answered a renewal with nonsense")
        except StaleClaim as error:
            lease.lose(str(error))
            return True
        except RecordsUnavailable as error:
            LOGGER.warning(
                "a claim could not be renewed", extra={"fields": {"claim_id": lease.claim_id, "cause": str(error)}}
            )
            lease.renew_at = now() + _AGAIN
            return False
        except RecordsError as error:
            LOGGER.error("a claim was not renewed", extra={"fields": {"claim_id": lease.claim_id, "cause": str(error)}})
        except Exception:  # whatever one answer does, the other leases are renewed
            LOGGER.exception(
                "a renewal failed in a way that nobody foresaw", extra={"fields": {"claim_id": lease.claim_id}}
            )
        lease.renew_at = now() + _AGAIN
        return True

    def _ask(self, body: dict[str, object]) -> api.Json:
        settings, client = self._settings, self._client
        if client is None:
            client = self._client = httpx.Client(
                base_url=settings.api_url,
                headers=api.headers_of(settings),
                verify=api.tls_of(settings),
                timeout=_TIMEOUT,
                follow_redirects=False,
            )
        try:
            response = client.post("/v2/work/renew", json=body)
        except (httpx.HTTPError, OSError) as error:
            raise api.failure_of(error, settings.api_url) from None
        return api.read_json(response, settings.api_url)

    # -- enforcing ---------------------------------------------------------------------------------------------------

    def _guarding(self) -> None:
        while not self._ended.wait(_GUARD):
            limit = now() + self._settings.lease_margin
            for lease in self.held():
                if not lease.lost and lease.until <= limit:
                    try:
                        lease.lose("The control plane could not be reached, and the lease is about to end.")
                    except Exception:  # the next lease may be about to end, too
                        LOGGER.exception("a run whose lease ends could not be ended")
