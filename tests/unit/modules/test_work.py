# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the work protocol that decide without any I/O: ports, previews, words for waiting, lines of a log."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import both
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_revision import plan_interrupt, plan_pin
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_schema import pending, plan_schema
from ansible_collections.selfhosted.langgraph.plugins.module_utils._waiting import poll, why_not
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_log import (
    claim_file_of,
    claims_in,
    said,
    shortened,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import program
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_report import (
    foretell_ports,
    read_port_range,
    wanted_ports,
)

# -- ports -------------------------------------------------------------------------------------------------------------


def test_ports_of_a_server() -> None:
    wanted = {(item["role"], item["slot"]) for item in wanted_ports("host", 2)}
    assert wanted == {
        *(("api", "blue"), ("api", "green"), ("redis", "main")),
        *(("queue", f"{colour}-{index}") for colour in ("blue", "green") for index in (1, 2)),
    }
    assert wanted_ports(None, 1) == []


def test_fixed_ports_are_asked_for() -> None:
    wanted = wanted_ports("host", 1, {"api": {"blue": "8123"}})
    assert [item["port"] for item in wanted if "port" in item] == [8123]


@pytest.mark.parametrize(
    ("host", "count", "fixed", "words"),
    [
        ("host", 0, None, "queue_count is 0"),
        (None, 1, {"api": {"blue": 1}}, "fixed_ports needs host_key"),
        ("host", 1, {"api": {"red": 8123}}, "names api.red"),
        ("host", 1, {"queue": {"blue-2": 8123}}, "names queue.blue-2"),
        ("host", 1, {"api": {"blue": "x"}}, "port x in fixed_ports"),
        ("host", 1, {"api": {"blue": 70000}}, "port 70000 in fixed_ports"),
    ],
)
def test_bad_ports(host: str | None, count: int, fixed: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        wanted_ports(host, count, fixed)


@pytest.mark.parametrize("text", ["22000-22999", "[22000, 22999]", "22000:22999"])
def test_port_range(text: str) -> None:
    assert read_port_range(text) == (22000, 22999)


@pytest.mark.parametrize("text", ["22000", "", "22999-22000", "0-5", "1-70000", "a-b", "1-2-3"])
def test_bad_port_range(text: str) -> None:
    with pytest.raises(InvalidInput, match="port range"):
        read_port_range(text)


def test_known_ports_are_kept_and_missing_ones_foretold() -> None:
    known = {"api": {"blue": 22000, "green": 22002}}
    wanted = wanted_ports("host", 1, {"redis": {"main": 6400}})
    ports, predicted = foretell_ports(known, wanted, (22000, 22999))
    assert ports == {
        "api": {"blue": 22000, "green": 22002},
        "redis": {"main": 6400},
        "queue": {"blue-1": 22001, "green-1": 22003},
    }
    assert predicted
    assert foretell_ports(ports, wanted, (22000, 22999)) == (ports, False)
    assert known == {"api": {"blue": 22000, "green": 22002}}


# -- the process above -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("/usr/bin/python3", "/usr/bin/ansible-playbook", "site.yml"), "ansible-playbook"),
        (("/usr/bin/python3", "-sP", "/usr/bin/ansible-playbook", "site.yml"), "ansible-playbook"),
        (("/v/bin/ansible-playbook", "site.yml"), "ansible-playbook"),
        (("/v/bin/python3.11", "-m", "ansible", "playbook", "x.yml"), "ansible-playbook"),
        (("/v/bin/python3.11", "-m", "ansible"), "ansible"),
        (("python", "/v/bin/ansible", "all", "-m", "ping"), "ansible"),
        (("vim", "ansible-playbook"), None),
        (("python", "/tmp/AnsiballZ_work_claim.py"), None),
        (("/bin/sh", "-c", "ansible-playbook x"), None),
        (("python",), None),
        ((), None),
    ],
)
def test_the_ansible_program_of_a_command_line(command: tuple[str, ...], name: str | None) -> None:
    assert program(command) == name


# -- revisions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "requested", "held", "changed"),
    [
        ("QUEUED", False, False, True),
        ("DEPLOYING", False, True, True),
        ("DEPLOYING", True, True, False),
        ("DEPLOYING", True, False, True),
        ("INTERRUPTED", False, False, False),
        ("BUILD_FAILED", False, False, False),
        ("SKIPPED", False, False, False),
    ],
)
def test_what_interrupting_does(status: str, requested: bool, held: bool, changed: bool) -> None:
    revision = {"number": 3, "status": status, "interrupt_requested": requested}
    assert plan_interrupt("chat", revision, held).changed is changed


def test_what_is_deployed_cannot_be_interrupted() -> None:
    with pytest.raises(Conflict, match=r"^Revision 3 of deployment chat was deployed before"):
        plan_interrupt("chat", {"number": 3, "status": "DEPLOYED", "interrupt_requested": False}, False)


@pytest.mark.parametrize(("now", "asked", "changed"), [(False, None, False), (False, True, True), (True, True, False)])
def test_what_pinning_does(now: bool, asked: bool | None, changed: bool) -> None:
    assert plan_pin({"pinned": now}, asked).changed is changed


def test_two_plans_as_one() -> None:
    none = Plan("none")
    pin = Plan("update", fields=("pinned",), before={"pinned": False}, after={"pinned": True})
    activate = Plan("update", new_revision=True, fields=("active_revision",), before={"active_revision": 2}, after={})
    assert both(none, pin) is pin
    assert both(activate, none) is activate
    assert both(none, none).changed is False
    merged = both(activate, pin)
    assert merged.new_revision
    assert merged.fields == ("active_revision", "pinned")
    assert merged.before == {"active_revision": 2, "pinned": False}


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ({"status": "SKIPPED"}, "was skipped"),
        ({"status": "INTERRUPTED"}, "was interrupted"),
        ({"status": "DEPLOY_FAILED", "cause": "Redis is down."}, "is DEPLOY_FAILED: Redis is down."),
        ({"status": "BUILD_FAILED", "cause": None}, "no cause was reported"),
    ],
)
def test_why_a_revision_is_not_what_was_waited_for(revision: dict[str, Any], words: str) -> None:
    sentence = why_not("chat", {"number": 3, **revision})
    assert sentence.startswith("Revision 3 of deployment chat ")
    assert words in sentence
    assert sentence.endswith(".")
    assert not sentence.endswith("..")


def test_polling_ends_with_an_answer_or_with_time() -> None:
    answers = iter([None, None, "there"])
    assert poll(lambda: next(answers), 5) == "there"
    assert poll(lambda: None, 0) is None


# -- schema ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "missing_key", "action", "before", "after"),
    [
        (2, False, "none", {}, {}),
        (0, False, "create", {"version": 0}, {"version": 2}),
        (1, False, "update", {"version": 1}, {"version": 2}),
        (2, True, "update", {"encryption_key_file": None}, {"encryption_key_file": "/k"}),
        (
            *(0, True, "create"),
            *({"version": 0, "encryption_key_file": None}, {"version": 2, "encryption_key_file": "/k"}),
        ),
    ],
)
def test_what_the_schema_module_does(version: int, missing_key: bool, action: str, before: Any, after: Any) -> None:
    status: Any = {"version": version, "code_version": 2, "minimum_code": 1, "up_to_date": version == 2}
    plan = plan_schema(status, missing_key, "/k")
    assert (plan.action, plan.before, plan.after) == (action, before, after)
    assert pending(status) == list(range(version + 1, 3))


# -- lines of a log ----------------------------------------------------------------------------------------------------


def test_claims_in_a_result_without_previews() -> None:
    claim = {"claim_id": "c", "preview": False}
    assert claims_in({"claims": [claim, {"claim_id": "", "preview": True}]}) == [claim]
    assert claims_in({"results": [{"claims": [claim]}, "censored"]}) == [claim]
    assert claims_in({}) == []


def test_the_claim_file_of_a_result() -> None:
    assert claim_file_of({"invocation": {"module_args": {"claim_file": "/f"}}}) == "/f"
    assert claim_file_of({"invocation": None}) is None
    assert claim_file_of({}) is None


def test_what_a_result_says() -> None:
    assert said({"msg": " Done. "}, secret=False) == "Done."
    assert said({"msg": "Done."}, secret=True) == ""
    assert said({"msg": {"a": 1}}, secret=False) == ""


def test_lines_are_kept_short_and_without_nul() -> None:
    assert shortened("a\0b") == "ab"
    assert len(shortened("x" * 5000)) == 4000
