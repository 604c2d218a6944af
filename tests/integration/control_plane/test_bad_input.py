# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not get in: a status and a sentence for each, and never a failure of the service."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.control_plane.conftest import IMAGE, Place

CREATE: dict[str, Any] = {
    "name": "demo",
    "source": "external_docker",
    "source_config": {"resource_spec": {}},
    "source_revision_config": {"image_uri": IMAGE},
    "secrets": [],
}
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def no_failure(place: Place) -> Iterator[None]:
    """Whatever comes, the service does not fail, and nothing is created."""
    said = len(place.service.log)
    yield
    assert place.admin.get("/v2/deployments").json()["resources"] == []
    assert "request failed" not in place.service.log[said:]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"name": "demo"',
        b"\xff\xfe\x00",
        b'{"name": "\xff"}',
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:16]),
)
def test_bodies_that_are_no_json_object(place: Place, body: bytes) -> None:
    answer = place.admin.post("/v2/deployments", content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert isinstance(answer.json()["detail"], list)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_json_has_to_say_that_it_is(place: Place, kind: str) -> None:
    answer = place.admin.post("/v2/deployments", content=json.dumps(CREATE), headers={"content-type": kind})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("changed", "place_of_error"),
    [
        ({"name": None}, "name"),
        ({"name": "Upper"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": "nul\x00"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"name": 7}, "name"),
        ({"source": "internal_template"}, "source"),
        ({"source": ["github"]}, "source"),
        ({"colour": "red"}, "colour"),
        ({"source_config": {"colour": "red"}}, "colour"),
        ({"source_config": {"resource_spec": {"cpu": "2"}}}, "cpu"),
        ({"source_config": {"resource_spec": {"cpu": True}}}, "cpu"),
        ({"source_config": {"resource_spec": {"min_scale": 0}}}, "min_scale"),
        ({"source_config": {"resource_spec": {"min_scale": 1.5}}}, "min_scale"),
        ({"source_config": {"listener_id": "rack"}}, "listener_id"),
        ({"source_config": []}, "source_config"),
        ({"source_revision_config": {"image_uri": "reg/x y"}}, "image_uri"),
        ({"source_revision_config": None}, "source_revision_config"),
        ({"secrets": {"A": "1"}}, "secrets"),
        ({"secrets": [{"name": "A"}]}, "value"),
        ({"secrets": [{"name": "1A", "value": "x"}]}, "name"),
        ({"secrets": [{"name": "A", "value": "a\x00b"}]}, "value"),
        ({"secrets": [{"name": "A", "value": "\udfff"}]}, "value"),
        ({"secrets": [{"name": "A", "value": None}]}, "value"),
        ({"secrets": None}, "secrets"),
        ({"env": {"A": 1}}, "A"),
        ({"env": {"A B": "1"}}, "env"),
        ({"message": "x" * 16385}, "message"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "two\nlines"}, "display_name"),
    ],
    ids=str,
)
def test_bodies_that_do_not_fit_the_schema(place: Place, changed: dict[str, Any], place_of_error: str) -> None:
    answer = place.admin.post("/v2/deployments", content=json.dumps({**CREATE, **changed}), headers=JSON)
    assert answer.status_code == 422, answer.text
    assert any(place_of_error in map(str, problem["loc"]) for problem in answer.json()["detail"])


def test_a_value_that_does_not_fit_is_not_repeated(place: Place) -> None:
    secret = "canary-" + "\x00" + "value"
    answer = place.admin.post("/v2/deployments", json={**CREATE, "secrets": [{"name": "A", "value": secret}]})
    assert answer.status_code == 422
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "changed",
    [
        {"secrets": [{"name": "POSTGRES_URI", "value": "x"}]},
        {"env": {"PORT": "1"}},
        {"secrets": [{"name": "A", "value": "********"}]},
        {"secrets": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        {"secrets": [{"name": "A", "value": "1"}], "env": {"A": "2"}},
        {"source_revision_config": {"repo_ref": "main"}},
        {"source_revision_config": {"image_uri": IMAGE, "source_tarball_path": "uploads/x"}},
        {"source": "github"},
        {"source_config": {"resource_spec": {"min_scale": 3, "max_scale": 2}}},
        {"name": "01234567-89ab-4def-8123-456789abcdef"},
        {"source_config": {"resource_spec": {"volumes": [{"name": "v", "emptyDir": {"medium": "a\x00b"}}]}}},
        {"source_config": {"resource_spec": {"volumes": [{"name": "v", "emptyDir": {"medium": "\ud800"}}]}}},
    ],
    ids=str,
)
def test_what_the_records_refuse(place: Place, changed: dict[str, Any]) -> None:
    answer = place.admin.post("/v2/deployments", content=json.dumps({**CREATE, **changed}), headers=JSON)
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == "invalid_input"
    assert body["detail"] == body["message"]


@pytest.mark.parametrize("ids", ["x", "7", "00000000-0000-4000-8000-00000000000", "..%2F..", "%00", "%F0%9F%98%80"])
@pytest.mark.parametrize("path", ["/v2/deployments/{}", "/v2/listeners/{}", "/v2/deployments/{}/logs?type=build"])
def test_ids_that_are_none(place: Place, path: str, ids: str) -> None:
    assert place.admin.get(path.format(ids)).status_code in (404, 422)


@pytest.mark.parametrize(
    "query", ["name=%00", "name_contains=%00", "url=%00", "tag_value_ids=%00", "name=" + "a" * 2000]
)
def test_queries_that_cannot_be_kept(place: Place, query: str) -> None:
    assert place.admin.get(f"/v2/deployments?{query}").status_code == 422


def test_a_query_that_is_no_utf8(place: Place) -> None:
    assert place.admin.get("/v2/deployments?name=%FF%FE").status_code in (200, 422)


def test_a_body_that_is_too_big(place: Place) -> None:
    big = json.dumps({**CREATE, "message": "x" * 2_000_000}).encode()
    told = place.admin.post("/v2/deployments", content=big, headers=JSON)
    assert told.status_code == 413

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(big), 65536):
            yield big[start : start + 65536]

    untold = place.admin.post("/v2/deployments", content=pieces(), headers=JSON)
    assert (untold.status_code, untold.json()["code"]) == (413, "body_too_large")


def test_a_name_that_many_want_is_given_once(place: Place) -> None:
    start = threading.Barrier(50)

    def create(_number: int) -> int:
        with place.service.client(place.service.key, place.id) as client:
            client.get("/v2/whoami")
            start.wait()
            return client.post("/v2/deployments", json=CREATE).status_code

    with ThreadPoolExecutor(50) as threads:
        statuses = sorted(threads.map(create, range(50)))
    assert statuses == [201, *[409] * 49]
    made = place.admin.get("/v2/deployments").json()["resources"]
    assert len(made) == 1
    place.admin.delete(f"/v2/deployments/{made[0]['id']}")
