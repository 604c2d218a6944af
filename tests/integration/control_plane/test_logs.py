# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs by both generations of paths, as the stock client reads and follows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.control_plane.conftest import Place


@pytest.fixture
def logged(place: Place) -> dict[str, Any]:
    """A deployment whose first revision has ten lines of each log, one a minute."""
    made = place.create()
    claim = place.claim()["claims"][0]["public"]
    levels = ["INFO", "DEBUG", "WARNING", "ERROR", "info"]
    for kind in ("build", "deploy"):
        entries = [
            {
                "seq": number,
                "timestamp": f"2026-01-01T00:0{number}:00+00:00",
                "level": levels[number % 5],
                "message": f"{kind} line {number}",
            }
            for number in range(10)
        ]
        body = {"id": claim["claim_id"], "type": kind, "entries": entries}
        assert place.admin.post("/v2/work/logs", json=body).json() == {"appended": 10}
    return made


def words(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"].rpartition(" ")[2] for line in lines]


def test_the_stock_clients_way(place: Place, logged: dict[str, Any]) -> None:
    base = f"/v1/projects/{logged['id']}"
    newest = place.admin.post(f"{base}/deploy_logs", json={"limit": 3, "order": "desc"}).json()
    assert words(newest["logs"]) == ["9", "8", "7"]
    assert set(newest["logs"][0]) == {"id", "timestamp", "level", "message"}
    # Following: from the newest time on, which is there again.
    body = {"limit": 100, "order": "asc", "start_time": newest["logs"][0]["timestamp"]}
    assert words(place.admin.post(f"{base}/deploy_logs", json=body).json()["logs"]) == ["9"]
    of_revision = f"{base}/revisions/{logged['revision']['id']}"
    for kind in ("build", "deploy"):
        lines = place.admin.post(f"{of_revision}/{kind}_logs", json={}).json()["logs"]
        assert [line["message"] for line in lines] == [f"{kind} line {number}" for number in range(10)]


def test_a_stream_goes_on_where_it_ended(place: Place, logged: dict[str, Any]) -> None:
    path = f"/v1/projects/{logged['id']}/revisions/{logged['revision']['id']}/build_logs"
    seen, offset = [], None
    for _page in range(4):
        answer = place.admin.post(path, json={"limit": 4, "order": "asc", "offset": offset}).json()
        seen += words(answer["logs"])
        offset = answer["next_offset"]
        assert offset is not None
    assert seen == [str(number) for number in range(10)]
    # At the end it stays where it is: nothing is read twice.
    assert place.admin.post(path, json={"offset": offset}).json() == {"logs": [], "next_offset": offset}
    down = place.admin.post(path, json={"limit": 6, "order": "desc"}).json()
    rest = place.admin.post(path, json={"order": "desc", "offset": down["next_offset"]}).json()
    assert words(down["logs"] + rest["logs"]) == [str(number) for number in reversed(range(10))]


def test_filters(place: Place, logged: dict[str, Any]) -> None:
    path = f"/v2/deployments/{logged['id']}/logs"

    def found(**query: Any) -> list[str]:
        return words(place.admin.get(path, params={"type": "deploy", **query}).json()["logs"])

    assert found(level="WARNING") == ["2", "3", "7", "8"]
    assert found(query="LINE 4") == ["4"]
    assert found(start_time="2026-01-01T00:03:00Z", end_time="2026-01-01T00:05:00+00:00") == ["3", "4", "5"]
    assert found(end_time="2026-01-01T01:01:00+01:00") == ["0", "1"]
    assert found(order="desc", limit=2) == ["9", "8"]
    assert found(query="nothing") == []
    assert found(run_id="any") == [str(number) for number in range(10)]
    for query in (
        {"level": "LOUD"},
        {"limit": 0},
        {"limit": 1001},
        {"start_time": "noon"},
        {"offset": "x"},
        {"type": "x"},
    ):
        assert place.admin.get(path, params={"type": "deploy", **query}).status_code == 422
    assert place.admin.get(path).status_code == 422
    assert (
        place.admin.get(path, params={"type": "deploy", "start_time": "0001-01-01T00:00:00+14:00"}).status_code == 200
    )


def test_the_same_in_pages(place: Place, logged: dict[str, Any]) -> None:
    query = {"deployment_id": logged["id"], "log_type": "BUILD", "page_size": 6}
    first = place.admin.get("/v2/deployment-logs", params=query).json()
    second = place.admin.get("/v2/deployment-logs", params={**query, "cursor": first["next_cursor"]}).json()
    assert words(first["items"] + second["items"]) == [str(number) for number in range(10)]
    revision = {"revision_id": logged["revision"]["id"], "sort_order": "desc"}
    assert words(place.admin.get("/v2/deployment-logs", params={**query, **revision}).json()["items"])[0] == "9"


def test_where_nothing_was_said(place: Place) -> None:
    made = place.create()
    answer = place.admin.get(f"/v2/deployments/{made['id']}/logs?type=build").json()
    assert answer == {"logs": [], "next_offset": None}
