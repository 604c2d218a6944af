# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: work_log
type: notification
short_description: Post the log of a run to the revisions it works on
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - From M(selfhosted.langgraph.work_claim) on, posts a line for each task to the log of the revision that is worked on,
    where M(selfhosted.langgraph.revision_info) shows it.
  - A line holds the name of the task, the host, how it ended, and the message of its result. It never holds options
    of a
    task, and of a task with C(no_log) no message.
  - Lines are posted in batches from the background. When the records cannot be reached, the run goes on without them.
requirements:
  - enable in configuration
  - psycopg >= 3.1 (Python library on the controller, where the claims were made with C(dsn))
options:
  interval:
    description: For how long lines are collected before they are posted, in seconds.
    type: float
    default: 1.0
    env:
      - name: LANGGRAPH_WORK_LOG_INTERVAL
    ini:
      - section: callback_langgraph_work_log
        key: interval
  queue_size:
    description: How many lines may wait. More are dropped, and counted at the end.
    type: int
    default: 10000
    env:
      - name: LANGGRAPH_WORK_LOG_QUEUE_SIZE
    ini:
      - section: callback_langgraph_work_log
        key: queue_size
  flush_timeout:
    description: How long the end of the run waits until all lines are posted, in seconds.
    type: float
    default: 5.0
    env:
      - name: LANGGRAPH_WORK_LOG_FLUSH_TIMEOUT
    ini:
      - section: callback_langgraph_work_log
        key: flush_timeout
  show_skipped:
    description: Whether skipped tasks have a line as well.
    type: bool
    default: false
    env:
      - name: LANGGRAPH_WORK_LOG_SHOW_SKIPPED
    ini:
      - section: callback_langgraph_work_log
        key: show_skipped
"""

EXAMPLES = r"""
enabling: >
  To enable the callback in ansible.cfg:
  [defaults]
  callbacks_enabled = selfhosted.langgraph.work_log
"""

from typing import Any, NamedTuple

from ansible.plugins.callback import CallbackBase

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import import_adapter
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import read_claim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_log import (
    LogType,
    claim_file_of,
    claims_in,
    said,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_log_process import SenderProcess

_CLAIM = "work_claim"
_REPORT = "work_report"
_DEPLOYING = ("AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED")


class _Claim(NamedTuple):
    claim_id: str
    claim_file: str
    type: LogType


class CallbackModule(CallbackBase):
    """Turns results into lines; ``SenderProcess`` does the rest."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "selfhosted.langgraph.work_log"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._claims: dict[str, _Claim] = {}
        self._sender: SenderProcess | None = None

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._line(self._claims.values(), "INFO", f"Play: {play.get_name().strip()}")

    def v2_runner_on_ok(self, result: Any) -> None:
        content = result.result
        self._learn(result.task, content)
        claims = self._claims_of(result.task, content)
        word = "changed" if content.get("changed") else "ok"
        self._line(claims, "INFO", _text(result, word, said(content, _is_secret(result)) if word == "changed" else ""))
        self._follow(result.task, content)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        content = result.result
        word = "failed, ignored" if ignore_errors else "failed"
        level = "WARNING" if ignore_errors else "ERROR"
        claims = self._claims_of(result.task, content)
        self._line(claims, level, _text(result, word, said(content, _is_secret(result))))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        claims = self._claims_of(result.task, result.result)
        self._line(claims, "ERROR", _text(result, "unreachable", said(result.result, _is_secret(result))))

    def v2_runner_on_skipped(self, result: Any) -> None:
        if self.get_option("show_skipped"):
            self._line(self._claims_of(result.task, result.result), "DEBUG", _text(result, "skipped", ""))

    def v2_runner_item_on_failed(self, result: Any) -> None:
        claims = self._claims_of(result.task, result.result)
        self._line(claims, "ERROR", _text(result, "item failed", said(result.result, _is_secret(result))))

    def v2_runner_retry(self, result: Any) -> None:
        claims = self._claims_of(result.task, result.result)
        self._line(claims, "INFO", _text(result, f"tried {result.result.get('attempts')} times", ""))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        sender, self._sender = self._sender, None
        if sender is None:
            return
        self._claims.clear()
        sender.close(self.get_option("flush_timeout"))
        if sender.lost:
            self._display.warning(
                f"{sender.lost} lines of the log were not posted to the records: "
                f"{sender.problem or 'too many waited at once'}"
            )

    def _line(self, claims: Any, level: str, message: str) -> None:
        for claim in list(claims):
            if self._sender is not None:
                self._sender.add(claim.claim_id, claim.type, level, message)

    def _learn(self, task: Any, content: Any) -> None:
        """Claims that a task has just made."""
        if _action(task) != _CLAIM:
            return
        for public in claims_in(content):
            try:
                connection = read_claim(public["claim_file"])["connection"]
                sender = self._start_sender(connection)
            except (RecordsError, OSError) as error:
                self._display.warning(f"The log of this run is not posted: {error}")
                continue
            claim_id = public["claim_id"]
            sender.know(claim_id, {**connection, "encryption_key_file": None})
            self._claims[claim_id] = _Claim(claim_id, public["claim_file"], "build")

    def _start_sender(self, connection: dict[str, Any]) -> SenderProcess:
        import_adapter(connection)  # once here, and neither the sender nor the tasks to come have to
        if self._sender is None:
            self._sender = SenderProcess(self.get_option("interval"), self.get_option("queue_size"))
        return self._sender

    def _follow(self, task: Any, content: Any) -> None:
        """What a report says about its claim: from the build to the deployment, and the end."""
        if _action(task) != _REPORT:
            return
        options = (content.get("invocation") or {}).get("module_args") or {}
        for claim in self._claims_of(task, content):
            if claim.claim_file == options.get("claim_file"):
                if options.get("status") in _DEPLOYING:
                    self._claims[claim.claim_id] = claim._replace(type="deploy")
                if options.get("release"):
                    del self._claims[claim.claim_id]

    def _claims_of(self, task: Any, content: Any) -> list[_Claim]:
        """The claim that a task works on: named by its options, else by a variable of its include; else all of them."""
        if not self._claims:
            return []
        path = claim_file_of(content)
        named = [claim for claim in self._claims.values() if claim.claim_file == path]
        if not named:
            values = [value for value in task.get_vars().values() if isinstance(value, dict)]
            named = [self._claims[value["claim_id"]] for value in values if value.get("claim_id") in self._claims][:1]
        return named or list(self._claims.values())


def _action(task: Any) -> str:
    return str(task.resolved_action or task.action).rpartition(".")[2]


def _is_secret(result: Any) -> bool:
    return bool(result.task.no_log or result.result.get("_ansible_no_log"))


def _text(result: Any, word: str, message: str) -> str:
    line = f"{result.task.get_name().strip()}: {word} on {result.host.get_name()}"
    return f"{line}: {message}" if message else line
