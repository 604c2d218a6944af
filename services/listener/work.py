# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One claim from the moment it was handed out until it is given back, whatever happens to its playbook."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    AuthenticationError,
    InvalidInput,
    RecordsError,
    RecordsUnavailable,
    StaleClaim,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Claim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import write_claim
from ansible_collections.selfhosted.langgraph.services.listener.api import Api
from ansible_collections.selfhosted.langgraph.services.listener.backoff import Backoff
from ansible_collections.selfhosted.langgraph.services.listener.inventory import DEFAULT_GROUP, Inventory
from ansible_collections.selfhosted.langgraph.services.listener.leases import Lease, Leases
from ansible_collections.selfhosted.langgraph.services.listener.runs import Result, Run
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings

LOGGER = logging.getLogger("listener.work")
_OWN_LINES = 1_000_000_000  # where our numbers of log lines begin: those of the playbook's callback count from 1
_RETRY_SECONDS = 5.0  # before the second attempt; doubled with each
_MOST_RETRY = 300.0
_REPORT_SECONDS = 300.0  # for a last report, while the lease is renewed

#: How a piece of work ended.
Outcome = Literal["done", "failed", "retry", "lost", "handed back", "in sync", "drifted"]


@dataclass(frozen=True)
class Tools:
    """What all pieces of work share."""

    settings: Settings
    api: Api
    leases: Leases
    inventory: Inventory
    pool: ThreadPoolExecutor
    owner: Mapping[str, Any]
    #: How many deployments each host of the inventory serves.
    load: Callable[[], Mapping[str, int]]


class Work:
    """A claim, its lease and its run. said: why it is done, if nobody asked for it, for the log of the revision."""

    def __init__(self, tools: Tools, claim: Claim, asked_at: float | None, said: str = "") -> None:
        self.tools = tools
        self.said = said
        self.public: dict[str, Any] = dict(claim["public"])
        self.claim = claim
        self.claim_id: str = self.public["claim_id"]
        self.epoch: int = self.public["epoch"]
        self.action: str = self.public["action"]
        self.since = datetime.now(UTC).isoformat(timespec="seconds")
        self.host = ""
        self._lines = _OWN_LINES
        #: Whether its run was ended between two steps, and nobody begins it again.
        self.cut_off = False
        self._written = False
        directory = tools.settings.runs / f"{self.claim_id[:8]}-{self.epoch}"
        self.run = Run(tools.settings, directory, self.claim_id, tools.owner)
        seconds = float(self.public["seconds_left"])
        self.lease: Lease = tools.leases.hold(self.claim_id, self.epoch, seconds, asked_at, self._lost)

    # -- shown -------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The deployment's name."""
        return str(self.public["deployment"]["name"])

    @property
    def number(self) -> int | None:
        """The revision's number."""
        revision = self.public["revision"]
        return revision["number"] if revision else None

    def shown(self) -> dict[str, Any]:
        """What is at work, for the records."""
        return {
            "claim_id": self.claim_id,
            "deployment": self.name,
            "revision": self.number,
            "action": self.action,
            "step": self.run.told.step[:200],
            "since": self.since,
        }

    @property
    def leaves_something(self) -> bool:
        """Whether a candidate may be left beside what serves: what serves has to be applied once more."""
        serves = self.public["deployment"].get("active_revision_number") is not None
        return self.cut_off and serves and self.action == "apply" and not self.again

    @property
    def again(self) -> bool:
        """Whether what serves is applied once more, rather than a revision that is to serve."""
        revision = self.public["revision"]
        return bool(revision) and revision["status"] == _model.DEPLOYED

    def _fields(self, **more: Any) -> dict[str, Any]:
        return {
            "fields": {
                "deployment": self.name,
                "revision": self.number,
                "action": self.action,
                "claim_id": self.claim_id,
                **more,
            }
        }

    # -- from outside ------------------------------------------------------------------------------------------------

    def _lost(self, why: str) -> None:
        """Called from a thread of the leases: the run must be over before the lease is."""
        if self._written and not self._is_open():
            return  # the playbook itself has given it back, and is about to end
        LOGGER.warning("a claim is lost; its run is ended", extra=self._fields(cause=why))
        self.run.end(f"lost: {why}", patience=min(5.0, self.tools.settings.lease_margin / 3))

    def hand_back(self) -> None:
        """End the run and give the claim back, for somebody else to begin again. Blocks."""
        self.run.end("handed back")

    # -- the whole of it ---------------------------------------------------------------------------------------------

    async def do(self) -> Outcome:
        """Work on it; never raises but for a cancellation."""
        began = time.monotonic()
        outcome: Outcome = "failed"
        LOGGER.info("work begins", extra=self._fields(epoch=self.epoch, attempt=self.attempt))
        try:
            outcome = await self._do()
        except Exception as error:  # whatever it is: the claim must not be left to run out in silence
            LOGGER.exception("work failed in a way that nobody foresaw", extra=self._fields())
            outcome = await self._give_up(
                f"The listener met an error that it does not know ({type(error).__name__}); see its log."
            )
        finally:
            self.tools.leases.release(self.claim_id)
            await asyncio.get_running_loop().run_in_executor(None, self.run.remove)
        LOGGER.info("work ends", extra=self._fields(outcome=outcome, seconds=round(time.monotonic() - began, 1)))
        return outcome

    @property
    def attempt(self) -> int:
        """Which attempt at this revision, or at this deletion, this is, from 1."""
        deployment, revision = self.public["deployment"], self.public["revision"] or {}
        attempts = deployment.get("delete_attempts") if self.action == "delete" else revision.get("attempts")
        return attempts if isinstance(attempts, int) and attempts > 0 else 1

    async def _do(self) -> Outcome:
        settings = self.tools.settings
        try:
            self.host = self._choose_host()
        except InvalidInput as error:
            if self.action == "delete" and self._nowhere():
                return "done" if await self._report(status="DELETED", release=True) else "lost"
            return await self._give_up(str(error))
        try:
            self.run.prepare()
            self._write_claim()
            self._written = True
        except (OSError, InvalidInput) as error:
            return await self._no_room(error)
        if self.said and self.again:
            await self._say("WARNING", f"The listener repairs it: {self.said}.")
        if self.attempt > 1 and self.action == "apply" and self.public["reason"] == "due":
            await self._say(
                "WARNING", f"Attempt {self.attempt}: whoever worked on this revision before did not bring it to an end."
            )
        variables = {"langgraph_claim_id": self.claim_id, "langgraph_hosts": self.host}
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(settings.run_timeout, self._too_long)
        told = loop.create_task(self._tell_host())  # beside the start of the playbook, which takes longer
        try:
            result = await self.run.execute(self.tools.pool, variables, check=self.action == "check")
        finally:
            deadline.cancel()
            await told
        return await self._checked(result) if self.action == "check" else await self._applied(result)

    def _too_long(self) -> None:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(
            None, self.run.end, f"deadline: The run took more than {self.tools.settings.run_timeout:g} s"
        )

    def _choose_host(self) -> str:
        deployment = self.public["deployment"]
        group = str(deployment.get("host_group") or DEFAULT_GROUP)
        current = deployment.get("host")
        if (
            self.action == "delete"
            and not current
            and not self._nowhere()
            and len(self.tools.inventory.hosts(group)) > 1
        ):
            raise InvalidInput(
                f"The records do not say on which host of the group {group} deployment {self.name} is. Delete it by "
                "hand: playbook apply with langgraph_hosts (that host) and langgraph_deployments (this one)."
            )
        return self.tools.inventory.choose(group, str(current) if current else None, self.tools.load(), self.name)

    def _nowhere(self) -> bool:
        """Whether the records know of no host that has anything of it."""
        return not self.public["deployment"].get("host") and not self.public.get("placements")

    def _write_claim(self) -> None:
        settings = self.tools.settings
        connection = {
            "api_url": settings.api_url,
            "api_key": settings.read_key(),
            "validate_certs": settings.validate_certs,
            "ca_path": settings.ca_path or None,
            "workspace": settings.workspace or None,
            "actor": None,
        }
        shown: dict[str, Any] = {"deployment": {**self.public["deployment"], "host": self.host}}
        if self.action == "check":
            shown |= {"action": "apply", "preview": True}
        claim = cast("Claim", {"public": {**self.claim["public"], **shown}, "private": self.claim["private"]})
        write_claim(str(self.run.work_dir), claim, connection, self.tools.owner)

    # -- how it ended ------------------------------------------------------------------------------------------------

    async def _applied(self, result: Result) -> Outcome:
        """After a run of the playbook, which has reported and released by itself unless something went wrong."""
        if not self._is_open():
            if result.told.code == "stale_claim":
                return "lost"
            return "done" if result.rc == 0 else "failed"
        if self.lease.lost:
            return "lost"
        step = f" at the step {result.told.step}" if result.told.step else ""
        if result.ended == "handed back":
            await self._report(release=True)
            return "handed back"
        if result.ended.startswith("deadline"):
            self.cut_off = True
            return await self._give_up(f"{result.ended.partition(': ')[2]}{step} and was ended.", result)
        if result.rc is None or result.rc in (137, 143):
            outcome = await self._again(f"ansible-playbook was killed{step}.", result)
            self.cut_off = outcome == "failed"
            return outcome
        if result.told.code in ("records_unavailable", "unauthenticated"):
            return await self._again(f"The control plane gave no answer of use{step}: {result.told.message}", result)
        if result.told.code == "stale_claim":
            return "lost"
        if result.rc == 0:
            return await self._give_up("The playbook ended without a report.", result)
        cause = result.told.message or self._last_line(result) or f"ansible-playbook ended with status {result.rc}."
        return await self._give_up(cause, result)

    def _is_open(self) -> bool:
        """Whether the claim's files are there: the module that releases it removes them."""
        return any(self.run.work_dir.glob("*/claim.json"))

    @staticmethod
    def _last_line(result: Result) -> str:
        errors = [line for line in result.told.tail if "ERROR" in line or line.startswith("fatal")]
        lines = errors or list(result.told.tail)
        return lines[-1].strip()[:1000] if lines else ""

    async def _again(self, cause: str, result: Result | None = None) -> Outcome:
        """A cause that may pass: the revision is tried again later, not for ever."""
        settings = self.tools.settings
        if self.attempt > settings.retries or (self.again and self.action != "delete"):
            return await self._give_up(f"{cause} It was attempt {self.attempt} of {settings.retries + 1}.", result)
        pause = min(_RETRY_SECONDS * 2 ** (self.attempt - 1), _MOST_RETRY)
        await self._say(
            "WARNING",
            f"{cause} It is tried again in {pause:.0f} s (attempt {self.attempt + 1} of {settings.retries + 1}).",
        )
        LOGGER.warning(
            "a run died and is tried again", extra=self._fields(cause=cause, attempt=self.attempt, seconds=pause)
        )
        await self._report(release=True, retry_after=pause)
        return "retry"

    async def _no_room(self, error: Exception) -> Outcome:
        """The run's files cannot be written: nothing of the deployment is wrong."""
        why = error.strerror if isinstance(error, OSError) else str(error)
        cause = f"The listener cannot write below {self.tools.settings.state_dir} ({why})."
        LOGGER.error("no run can begin", extra=self._fields(cause=cause))
        return await self._again(cause)

    async def _give_up(self, cause: str, result: Result | None = None) -> Outcome:
        """The end with a cause; a revision that serves goes on serving."""
        tail = "\n".join(result.told.tail) if result else ""
        if self.action == "check":
            # A check that somebody took over for work fails of that, and says nothing of the deployment.
            arrived = await self._report(release=True, drift={"status": "failed", "changes": [], "cause": cause[:4000]})
            if arrived:
                LOGGER.error("a check failed", extra=self._fields(cause=cause[:2000]))
            return "failed" if arrived else "lost"
        LOGGER.error("work failed", extra=self._fields(cause=cause[:2000]))
        revision = self.public["revision"]
        if self.action == "delete":
            status: str | None = "DELETE_FAILED"
        else:
            status = None if revision and revision["status"] == _model.DEPLOYED else "FAILED"
        await self._report(
            status=status, cause=cause[:4000], log_tail=tail or None, health=_bad_health(cause), release=True
        )
        return "failed"

    async def _checked(self, result: Result) -> Outcome:
        """After a check: what it would change is told; a check that lost its claim tells nothing."""
        if self.lease.lost or result.ended == "handed back":
            if not self.lease.lost:
                await self._report(release=True)
            return "lost" if self.lease.lost else "handed back"
        if result.rc != 0:
            cause = (
                result.ended.partition(": ")[2]
                or result.told.message
                or self._last_line(result)
                or "the check was killed"
            )
            return await self._give_up(f"The check failed: {cause}", result)
        changes = result.told.changes
        await self._report(release=True, drift={"status": "drifted" if changes else "in_sync", "changes": changes})
        return "drifted" if changes else "in sync"

    # -- telling -----------------------------------------------------------------------------------------------------

    async def _report(self, **what: Any) -> bool:
        """A last report, tried until the lease is about to end; whether it arrived."""
        pause, end = Backoff(0.5, 5.0), time.monotonic() + _REPORT_SECONDS
        while not self.lease.lost and time.monotonic() < end:
            try:
                await self.tools.api.report(self.claim_id, self.epoch, **what)
                return True
            except StaleClaim:
                return False
            except (RecordsUnavailable, AuthenticationError) as error:  # a key may be replaced meanwhile
                LOGGER.warning("a report did not arrive; it is tried again", extra=self._fields(cause=str(error)))
                await asyncio.sleep(pause.next())
            except RecordsError as error:
                LOGGER.error("a report was refused", extra=self._fields(cause=str(error)))
                least: dict[str, Any] = {
                    name: what[name] for name in ("status", "retry_after", "release") if name in what
                }
                if least.get("status"):
                    least["cause"] = (
                        "What is to be said of it was refused by the control plane; see the listener's log."
                    )
                if least == what:
                    return False
                what = least  # the end of it, without its words
        return False

    async def _tell_host(self) -> None:
        """Where the deployment is from now on, unless the records know."""
        if self.action != "apply" or self.public["deployment"].get("host") == self.host:
            return
        try:
            await self.tools.api.report(self.claim_id, self.epoch, host=self.host)
        except RecordsError as error:
            LOGGER.warning(
                "the host of a deployment was not told", extra=self._fields(host=self.host, cause=str(error))
            )

    async def _say(self, level: str, message: str) -> None:
        """A line of our own in the log of the revision; it need not arrive."""
        self._lines += 1
        entry = {"seq": self._lines, "timestamp": datetime.now(UTC).isoformat(), "level": level, "message": message}
        try:
            await self.tools.api.append_logs(self.claim_id, "build", [entry])
        except RecordsError as error:
            LOGGER.warning("a line of a log did not arrive", extra=self._fields(cause=str(error)))


def _bad_health(cause: str) -> dict[str, Any]:
    return {"ok": False, "message": cause[:1000]}
