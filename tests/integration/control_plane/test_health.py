# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Liveness, readiness, documents, figures, log lines, addresses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.integration.control_plane.conftest import Place
from tests.support.control_plane import ControlPlane, command, environment, running_control_plane


def test_lives_and_is_ready(service: ControlPlane) -> None:
    with service.client("") as client:
        assert client.get("/ok").json() == {"ok": True}
        assert client.get("/ok?check_db=1").json() == {"ok": True}
        assert client.get("/ok?check_db=perhaps").status_code == 422


@pytest.mark.parametrize("prefix", ["", "/api-host"])
def test_answers_with_and_without_the_prefix(service: ControlPlane, prefix: str) -> None:
    root = service.url.removesuffix("/api-host")
    answer = httpx.get(f"{root}{prefix}/v2/whoami", headers={"X-Api-Key": service.key, "X-Tenant-Id": "default"})
    assert answer.status_code == 200


def test_answers_below_a_base_path(records_database: str, key_file: Path) -> None:
    settings = {"base_path": "/platform/agents", "public_url": "https://agents.test/platform/agents/api-host"}
    with running_control_plane(records_database, key_file, **settings) as based, based.client() as client:
        assert based.url.endswith("/platform/agents/api-host")
        assert client.get("/v2/deployments").status_code == 200
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/platform/agents/api-host"}]
        body = {"name": "chat", "source": "internal_source", "source_config": {}, "source_revision_config": {}}
        made = client.post("/v2/deployments", json={**body, "secrets": []}).json()
        given = client.post(f"/v2/deployments/{made['id']}/upload-url").json()
        assert given["upload_url"].startswith("https://agents.test/platform/agents/api-host/v2/uploads/")
        outside = httpx.get(based.url.replace("/platform", "/platformer") + "/ok")
        assert outside.status_code == 404


def test_no_address_redirects(service: ControlPlane) -> None:
    with service.client(workspace="default") as client:
        assert client.get("/v2/deployments/").status_code == 404
        assert client.get("/v2/deployments").status_code == 200


def test_what_leads_nowhere_says_where_to_look(service: ControlPlane) -> None:
    with service.client("") as client:
        lost = client.get("/api/v1/deployments")
        assert lost.status_code == 404
        assert "/api-host/v2" in lost.json()["detail"]
        wrong = client.put("/v2/deployments")
        assert wrong.status_code == 405
        assert "GET" in wrong.headers["allow"]


@pytest.mark.parametrize("path", ["/v1/integrations/github/install", "/v2/auth/providers", "/v2/sandboxes/boxes/1"])
def test_what_the_vendor_has_besides_is_not_offered(service: ControlPlane, path: str) -> None:
    with service.client("") as client:
        for method in ("GET", "POST", "DELETE"):
            answer = client.request(method, path)
            assert answer.status_code == 501
            assert answer.json()["detail"].endswith("is not offered by this control plane.")


def test_documents_come_from_here_alone(service: ControlPlane) -> None:
    with service.client("") as client:
        page = client.get("/docs")
        document = client.get("/openapi.json").json()
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page.text


def test_figures_by_route_and_status(place: Place) -> None:
    made = place.create()
    place.admin.get(f"/v2/deployments/{made['id']}")
    text = place.service.client("").get("/metrics").text
    assert re.search(
        r'control_plane_requests_total{method="GET",route="/v2/deployments/{deployment_id}",status="200"} \d', text
    )
    assert made["id"] not in text
    for name in ("requests_in_flight", "waiting_polls", "connections", "request_seconds_bucket"):
        assert f"control_plane_{name}" in text


def test_figures_are_for_this_host_or_for_a_key(service: ControlPlane) -> None:
    away = {"X-Forwarded-For": "203.0.113.9"}
    with service.client("") as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", headers=away).status_code == 401
        assert client.get("/metrics", headers={**away, "X-Api-Key": service.key}).status_code == 200


def test_request_ids_are_echoed_if_they_are_some(service: ControlPlane) -> None:
    with service.client("") as client:
        assert client.get("/ok", headers={"X-Request-Id": "call-17"}).headers["x-request-id"] == "call-17"
        strange = client.get("/ok", headers={"X-Request-Id": 'x" y'}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{24}", strange)


def test_no_answer_is_kept_or_taken_for_something_else(service: ControlPlane) -> None:
    with service.client("") as client:
        for path in ("/ok", "/docs", "/v2/deployments", "/nowhere"):
            headers = client.get(path).headers
            assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_log_lines_say_who_asked_for_what_and_no_more(place: Place) -> None:
    place.admin.get(
        "/v2/deployments?name=do-not-log-me",
        headers={"X-Request-Id": "logged-once", "X-Langgraph-Actor": "hidden-actor"},
    )
    lines = [line for line in place.service.lines() if line.get("request_id") == "logged-once"]
    assert len(lines) == 1
    line = lines[0]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v2/deployments", 200)
    assert line["duration_ms"] > 0
    for secret in ("do-not-log-me", "hidden-actor", place.service.key):
        assert secret not in place.service.log


def test_settings_that_are_wrong_are_one_sentence(records_database: str, key_file: Path) -> None:
    env = environment(records_database, key_file, pool_size="many")
    done = command(["check"], env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "LANGGRAPH_CONTROL_PLANE_POOL_SIZE is 'many'; give a number from 1 to 200.\n"


def test_check_says_whether_it_could_serve(records_database: str, key_file: Path, tmp_path: Path) -> None:
    assert json.loads(command(["check"], environment(records_database, key_file)).stdout) == {"changed": False}
    wrong = tmp_path / "wrong.key"
    wrong.write_text("x" * 44)
    done = command(["check"], environment(records_database, wrong))
    assert done.returncode == 1
    assert "key" in done.stderr
    assert done.stderr.count("\n") == 1
