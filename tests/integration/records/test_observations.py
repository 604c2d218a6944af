# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listeners see of running servers: logs that are kept once and not for ever, figures, health with its since."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres import PostgresRecords

from .conftest import Backstage, claim, create, deploy, key_of, refused, update

WRITER, OTHER_WRITER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def rack(records: Records, *names: str) -> dict[str, str]:
    """A listener whose deployments serve; gives their slugs by name."""
    records.apply_listener({"compute_id": "rack"})
    slugs = {}
    for name in names or ("chat",):
        slugs[name] = create(records, name, listener="rack")["slug"]
        deploy(records, name)
    return slugs


def line(seq: int, message: str = "", writer: str = WRITER, **other: Any) -> Any:
    return {"writer": writer, "seq": seq, "message": message or f"line {seq}", **other}


def see(records: Records, slug: str, listener: str = "rack", **what: Any) -> Any:
    return records.observe(listener, [{"slug": slug, **what}])  # type: ignore[typeddict-item]  # as it comes


def health_of(records: Records, name: str = "chat") -> dict[str, Any]:
    view = records.deployment(name)
    assert view is not None
    health: dict[str, Any] = view["health"]
    return health


def messages(records: Records, name: str = "chat", number: int | None = None) -> list[str]:
    return [entry["message"] for entry in records.logs(name, number, "deploy")["logs"]]


def test_lines_are_kept_once(records: Records) -> None:
    slug = rack(records)["chat"]
    told = [line(1), line(2, level="WARNING", timestamp="2026-01-01T00:00:02Z"), line(1, "theirs", OTHER_WRITER)]
    assert see(records, slug, logs=told) == {"accepted": 3, "unknown": []}
    assert see(records, slug, logs=[*told, line(3), line(3)]) == {"accepted": 1, "unknown": []}
    assert sorted(messages(records)) == ["line 1", "line 2", "line 3", "theirs"]
    assert messages(records, number=1) == messages(records)
    assert records.logs("chat", type="build")["logs"] == []
    [warning] = records.logs("chat", type="deploy", level="WARNING")["logs"]
    assert (warning["message"], warning["timestamp"]) == ("line 2", "2026-01-01T00:00:02+00:00")


def test_lines_of_several_processes_are_read_side_by_side(records: Records) -> None:
    slug = rack(records)["chat"]
    told = [
        line(number, f"{writer[-1]}-{number}", writer, timestamp=f"2026-01-01T00:00:{number * 2 + place:02}Z")
        for place, writer in enumerate((OTHER_WRITER, WRITER))
        for number in range(3)
    ]
    see(records, slug, logs=told)
    assert messages(records) == ["2-0", "1-0", "2-1", "1-1", "2-2", "1-2"]


def test_lines_belong_to_the_revision_that_runs(records: Records) -> None:
    slugs = rack(records, "chat", "other")
    first = records.revision("chat")["id"]  # type: ignore[index]  # it is there
    foreign = records.revision("other")["id"]  # type: ignore[index]  # it is there
    update(records, env={"A": "1"})
    deploy(records)
    see(records, slugs["chat"], logs=[line(1)], revision_id=first)
    see(records, slugs["chat"], logs=[line(2)])
    see(records, slugs["chat"], logs=[line(3)], revision_id=foreign)
    see(records, slugs["chat"], logs=[line(4)], revision_id=str(uuid.uuid4()))
    assert messages(records, number=1) == ["line 1"]
    assert messages(records, number=2) == ["line 2", "line 3", "line 4"]
    assert messages(records, "other") == []


def test_many_deployments_in_one_go(records: Records) -> None:
    slugs = rack(records, "a", "b")
    create(records, "elsewhere")
    records.apply_listener({"compute_id": "strange"})
    strange = create(records, "strange", listener="strange")["slug"]
    told: Any = [
        {"slug": slugs["b"], "logs": [line(1)], "health": {"ok": True}},
        {"slug": "gone-12345678", "logs": [line(2)]},
        {"slug": strange, "logs": [line(3)], "health": {"ok": False}},
        {"slug": slugs["a"], "samples": [{"name": "cpu", "replica": "web-1/api-blue", "value": 0.5}]},
    ]
    assert records.observe("rack", told) == {"accepted": 2, "unknown": sorted(["gone-12345678", strange])}
    assert messages(records, "b") == ["line 1"]
    assert health_of(records, "strange") is None
    [sample] = records.metrics("a")
    assert (sample["name"], sample["replica"], sample["value"]) == ("cpu", "web-1/api-blue", 0.5)
    assert records.observe("rack", []) == {"accepted": 0, "unknown": []}
    records.delete_deployment("a", force=True)
    assert see(records, slugs["a"], logs=[line(9)]) == {"accepted": 0, "unknown": [slugs["a"]]}


def test_samples_of_one_moment_are_kept_once(records: Records) -> None:
    slug = rack(records)["chat"]
    samples = [
        {"name": name, "replica": "r", "at": f"2026-01-01T00:0{minute}:00Z", "value": minute}
        for name in ("cpu", "requests")
        for minute in range(3)
    ]
    assert see(records, slug, samples=samples)["accepted"] == 6
    assert see(records, slug, samples=samples)["accepted"] == 0
    assert [one["value"] for one in records.metrics("chat", "cpu", since="2026-01-01T00:01:00Z")] == [1.0, 2.0]


def test_a_lot_at_once(records: Records) -> None:
    slug = rack(records)["chat"]
    told = [line(number, "x" * 300) for number in range(4000)]
    assert see(records, slug, logs=told, health={"ok": True})["accepted"] == 4000
    assert see(records, slug, logs=told)["accepted"] == 0


def test_what_programs_write_is_cut_and_cleaned(records: Records) -> None:
    slug = rack(records)["chat"]
    told = [line(1, "a\x00b \ud800"), line(2, "x" * 20_000), line(3, level="LOUD", message="kept")]
    assert see(records, slug, logs=told, health={"ok": False, "message": "m" * 5000})["accepted"] == 3
    assert [len(message) for message in messages(records)] == [5, 16384, 4]
    assert messages(records)[0] == "a\ufffdb ?"
    assert len(health_of(records)["message"]) == 4096


def test_health_has_a_since(records: Records, backstage: Backstage) -> None:
    slug = rack(records)["chat"]
    before = records.deployment("chat")
    replicas = {"web-1/api-blue": {"ok": False, "message": "No answer."}, "web-1/queue-blue-1": {"ok": True}}
    see(records, slug, health={"ok": False, "message": "No answer for 15 s.", "replicas": replicas})
    first = health_of(records)
    assert {key: first[key] for key in ("ok", "message")} == {"ok": False, "message": "No answer for 15 s."}
    assert first["replicas"]["web-1/queue-blue-1"] == {"ok": True, "message": None}
    assert first["since"] == first["checked_at"]
    # The same once more is not written until a minute has passed.
    see(records, slug, health={"ok": False, "message": "No answer for 15 s.", "replicas": replicas})
    assert health_of(records) == first
    backstage.rows(
        "update control_plane.deployments set health = health || jsonb_build_object('checked_at', "
        "clock_timestamp() - interval '61 s')"
    )
    see(records, slug, health={"ok": False, "message": "No answer for 15 s.", "replicas": replicas})
    again = health_of(records)
    assert again["checked_at"] > first["checked_at"]
    assert again["since"] == first["since"]
    see(records, slug, health={"ok": False, "message": "Given up."})
    other = health_of(records)
    assert (other["message"], other["since"], other["replicas"]) == ("Given up.", first["since"], {})
    see(records, slug, health={"ok": True})
    well = health_of(records)
    assert (well["ok"], well["message"]) == (True, None)
    assert well["since"] == well["checked_at"] > first["since"]
    after = records.deployment("chat")
    assert after is not None
    assert before is not None
    assert [after[key] for key in ("version", "updated_at", "status")] == [
        before[key] for key in ("version", "updated_at", "status")
    ]
    assert records.served("rack")[0]["health"] == well


def test_health_that_was_reported_by_whoever_applied_goes_on(records: Records) -> None:
    slug = rack(records)["chat"]
    records.report(*key_of(claim(records, "chat")), "DEPLOYED", health={"ok": True}, release=True)
    assert health_of(records) == {"ok": True}
    see(records, slug, health={"ok": True})
    seen = health_of(records)
    assert seen["since"] == seen["checked_at"]


@pytest.mark.parametrize(
    ("what", "words", "field"),
    [
        ({"logs": [{"seq": 1, "message": "x"}]}, "has no writer", r"\S*writer"),
        ({"logs": [{"writer": WRITER, "message": "x"}]}, "has no valid seq", r"\S*seq"),
        ({"logs": [line(1, timestamp="soon")]}, "is no time", r"\S*timestamp"),
        ({"health": {"message": "x"}}, "health is malformed", r"\S*health"),
        ({"health": {"ok": True, "replicas": {"a": {}}}}, "health is malformed", r"\S*health"),
        ({"samples": [{"name": "cpu"}]}, "has no name, or no finite number", r"\S*samples"),
        ({"samples": [{"name": "cpu", "value": "high"}]}, "has no name, or no finite number", r"\S*samples"),
        ({"slug": ""}, "has no slug", r"\S*slug"),
    ],
)
def test_what_is_no_observation(records: Records, what: Any, words: str, field: str) -> None:
    slug = rack(records)["chat"]
    with pytest.raises(InvalidInput, match=refused(words, rf"observations\S*?{field}")):
        records.observe("rack", [{"slug": slug, **what}])
    assert (messages(records), health_of(records)) == ([], None)


def test_whose_observations_they_are_is_said(records: Records) -> None:
    with pytest.raises(NotFound, match="There is no listener nowhere in workspace default"):
        records.observe("nowhere", [{"slug": "chat-12345678"}])
    with pytest.raises(InvalidInput, match="listener is missing"):
        records.observe("", [{"slug": "chat-12345678"}])


def test_two_that_see_the_same_do_not_stop_each_other(records: Records, open_again: Callable[..., Records]) -> None:
    slug = rack(records)["chat"]
    told = [line(number, writer=writer) for number in range(200) for writer in (WRITER, OTHER_WRITER)]
    accepted: list[int] = []
    barrier = threading.Barrier(4)

    def send(number: int) -> None:
        mine, lines = open_again(), list(reversed(told)) if number % 2 else told
        barrier.wait()
        for first in range(0, len(lines), 50):
            accepted.append(
                see(mine, slug, logs=lines[first : first + 100], health={"ok": bool(number % 2)})["accepted"]
            )

    threads = [threading.Thread(target=send, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == 4 * 8
    assert sum(accepted) == 400


@pytest.fixture
def housekeeping(backstage: Backstage) -> Any:
    """The records as the service tidies them up."""
    kept = open_records({"dsn": backstage.dsn})
    assert isinstance(kept, PostgresRecords)
    yield kept
    kept.close()


@pytest.mark.postgres_only
def test_lines_of_servers_are_kept_for_some_days(
    records: Records, backstage: Backstage, housekeeping: PostgresRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "ansible_collections.selfhosted.langgraph.plugins.module_utils._records_postgres_observed._BATCH"
    monkeypatch.setattr(module, 7)
    slugs = rack(records, "chat", "other")
    claimed = claim(records, "chat")["public"]
    records.append_logs(
        claimed["claim_id"], "deploy", [{"seq": 1, "message": "applied", "timestamp": "2020-01-01T00:00:00Z"}]
    )
    see(records, slugs["chat"], logs=[line(number, timestamp="2020-01-01T00:00:00Z") for number in range(20)])
    see(records, slugs["chat"], logs=[line(number) for number in range(100, 130)])
    see(records, slugs["other"], logs=[line(number, writer=OTHER_WRITER) for number in range(5)])
    assert housekeeping.prune_logs() == 20
    assert housekeeping.prune_logs() == 0
    assert housekeeping.prune_logs(lines=10) == 20
    kept = messages(records)
    assert kept == ["applied", *(f"line {number}" for number in range(120, 130))]
    assert len(messages(records, "other")) == 5
    assert housekeeping.prune_logs(days=0) == 15
    assert messages(records) == ["applied"]
