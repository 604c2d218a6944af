# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the listener does when something around it is wrong."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.services.listener import processes
from tests.integration.listener.conftest import INVENTORY, Desk, image
from tests.support.control_plane import ControlPlane
from tests.support.ports import free_port

STEP = "Wait to be ended"
TROUBLE = "no answer of use from the control plane; it is asked again and again"


def at_work(daemon: Any) -> bool:
    """Whether the run waits in the step that hangs."""
    return any(work["step"] == STEP for work in daemon.health()["work"])


# -- where it fails at once -------------------------------------------------------------------------------------------


def test_settings_that_are_wrong_are_one_sentence(desk: Desk, tmp_path: Path) -> None:
    daemon = desk.daemon()
    for change, said in (
        ({"api_url": "ftp://x"}, "Setting api_url is malformed; write https://HOST/api-host"),
        ({"api_url": desk.plane.url, "inventry": "x"}, "Setting inventry is not known; remove it or correct its name."),
    ):
        daemon.settings.update(change)
        done = daemon.command("run")
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    del daemon.settings["inventry"]
    daemon.key_file.write_text("")
    assert f"api_key_file {daemon.key_file} holds no API key" in daemon.command("run").stderr
    daemon.key_file.write_text(desk.key)
    (tmp_path / "inventory.yml").write_text("all: [")
    assert "cannot be read" in daemon.command("check").stderr
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    desk.create("chat")
    found = json.loads(daemon.command("check").stdout)
    assert found["host_groups"] == {"langgraph_servers": ["localhost"], "away": ["nowhere"], "empty": []}
    assert found["deployments"] == ["chat"]


def test_a_taken_port_is_named(desk: Desk) -> None:
    daemon = desk.daemon()
    with socket.create_server(("127.0.0.1", daemon.port)):
        done = daemon.command("run")
    assert done.returncode == 1
    assert "address already in use" in done.stderr.lower()


# -- the control plane ------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_said_once_and_the_right_one_taken_when_it_is_there(desk: Desk) -> None:
    daemon = desk.daemon(key="lsv2_pt_wrong").start(wait=False)
    daemon.until(lambda: daemon.lines(TROUBLE))
    daemon.until(lambda: 'errors_total{code="unauthenticated"} 4' in daemon.ask("/metrics")[1])
    assert [line["code"] for line in daemon.lines(TROUBLE)] == ["unauthenticated"]
    assert daemon.ask()[0] == 503
    daemon.key_file.write_text(desk.key)
    assert desk.final(desk.create("chat"))["status"] == "DEPLOYED"
    assert daemon.ask()[0] == 200


def test_a_revoked_key_is_said_and_nothing_is_lost(desk: Desk) -> None:
    daemon = desk.daemon().start()
    found = desk.get("/v2/api-keys", name="rack-1")["resources"]
    desk.http.delete(f"/v2/api-keys/{found[0]['id']}").raise_for_status()
    chat = desk.create("chat")
    daemon.until(lambda: daemon.lines(TROUBLE))
    body = {"name": "rack-1-again", "role": "listener", "listener": "rack-1"}
    daemon.key_file.write_text(desk.http.post("/v2/api-keys", json=body).raise_for_status().json()["key"])
    assert desk.final(chat, 120)["status"] == "DEPLOYED"


def test_a_control_plane_that_is_away_comes_back(desk: Desk, records_database: str, key_file: Path) -> None:
    """It is away from the start on; and again in the middle of a run, for less than the lease."""
    port = free_port()
    plane = ControlPlane(records_database, key_file, port=port)
    try:
        daemon = desk.daemon(api_url=plane.url).start(wait=False)
        daemon.until(lambda: daemon.lines(TROUBLE))
        plane.start()
        plane.ask("POST", "/v2/listeners", {"compute_type": "hosts", "compute_id": "rack-1", "compute_config": {}})
        daemon.key_file.write_text(plane.make_key("rack-1", "listener", listener="rack-1"))
        daemon.until(lambda: daemon.lines("the control plane answers"))
        made = plane.ask("POST", "/v2/deployments", image("hangs-once"))
        daemon.until(lambda: at_work(daemon))
        run = daemon.runs()[0]
        plane.stop()
        processes.kill(run)  # the run dies while nobody can be told
        daemon.until(lambda: daemon.lines("a report did not arrive; it is tried again"))
        plane.start()

        def deployed() -> bool:
            found = plane.ask("GET", f"/v2/deployments/{made['id']}/revisions")["resources"][0]
            return bool(found["status"] == "DEPLOYED")

        daemon.until(deployed)
        daemon.until(lambda: [line["outcome"] for line in daemon.lines("work ends")][-1:] == ["done"])
        assert daemon.left() == {}
    finally:
        plane.remove()


def test_a_run_ends_before_its_lease_does(desk: Desk, records_database: str, key_file: Path) -> None:
    plane = ControlPlane(records_database, key_file).start()
    try:
        plane.ask("POST", "/v2/listeners", {"compute_type": "hosts", "compute_id": "rack-1", "compute_config": {}})
        key = plane.make_key("rack-1", "listener", listener="rack-1")
        daemon = desk.daemon(api_url=plane.url, key=key, lease_margin=30).start()
        plane.ask("POST", "/v2/deployments", image("hangs"))
        daemon.until(lambda: at_work(daemon))
        plane.stop()
        daemon.until(lambda: daemon.lines("a claim is lost; its run is ended"))
        (ended,) = daemon.until(lambda: daemon.lines("work ends"))
        assert ended["outcome"] == "lost"
        assert daemon.left() == {}
    finally:
        plane.remove()


class Nonsense(BaseHTTPRequestHandler):
    """Something that is no control plane, and says that a claim was made."""

    answer: Any = {}

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        data = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def nonsense() -> Iterator[type[Nonsense]]:
    """A server whose answers the test chooses."""

    class Handler(Nonsense):
        url = ""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_address[1]}/api-host"
    yield Handler
    server.shutdown()
    server.server_close()


def test_nonsense_is_refused_and_not_obeyed(desk: Desk, nonsense: Any) -> None:
    evil = {
        "public": {
            "claim_id": "../../etc",
            "epoch": 1,
            "seconds_left": 60,
            "action": "apply",
            "deployment": {"slug": "../x", "id": "1", "name": "{{ 1 }}"},
            "revision": {},
        },
        "private": {},
    }
    nonsense.answer = {"protocol": 1, "claims": [evil], "suspects": []}
    daemon = desk.daemon(api_url=nonsense.url).start(wait=False)
    daemon.until(lambda: any("it is not obeyed" in line["cause"] for line in daemon.lines(TROUBLE)))
    nonsense.answer = [1, 2]
    daemon.until(lambda: any("is no object" in line["cause"] for line in daemon.lines(TROUBLE)))
    assert daemon.lines("work begins") == []
    assert daemon.stop() == 0


# -- hosts ------------------------------------------------------------------------------------------------------------


def test_what_the_inventory_lacks_is_named_and_others_go_on(desk: Desk) -> None:
    daemon = desk.daemon().start()
    made = {
        name: desk.create(name, listener_config={"k8s_namespace": group})
        for name, group in (("one", "lacking"), ("two", "empty"), ("three", "away"), ("four", "langgraph_servers"))
    }
    assert "wants the host group lacking, which the listener's inventory lacks" in desk.final(made["one"])["cause"]
    assert "wants the host group empty, which has no host" in desk.final(made["two"])["cause"]
    unreachable = desk.final(made["three"])
    assert unreachable["status"] == "BUILD_FAILED"
    assert "127.0.0.1 port 1" in unreachable["cause"]
    assert desk.final(made["four"])["status"] == "DEPLOYED"
    # What was never anywhere is deleted without a place for it.
    gone = f"/v2/deployments/{made['two']['id']}"
    desk.http.delete(gone).raise_for_status()
    daemon.until(lambda: desk.http.get(gone).status_code == 404)
    # The inventory is mended and read again.
    desk.inventory.write_text(INVENTORY.replace("empty:", "lacking: {hosts: {localhost: {}}}\n    empty:"))
    daemon.send(signal.SIGHUP)
    daemon.until(lambda: daemon.lines("settings taken"))
    latest = desk.revision(made["one"])
    desk.http.post(f"/v2/deployments/{made['one']['id']}/revisions/{latest['id']}/redeploy").raise_for_status()
    assert desk.final(made["one"])["status"] == "DEPLOYED"


def test_a_reload_with_a_mistake_keeps_what_was(desk: Desk, tmp_path: Path) -> None:
    read = tmp_path / "settings"  # as the unit writes it, for the role
    read.write_text("a hash")
    daemon = desk.daemon(env={"RUNTIME_DIRECTORY": str(tmp_path)}).start()
    daemon.write(retries="many")
    daemon.send(signal.SIGHUP)
    refused = daemon.until(lambda: daemon.lines("the settings were not taken"))
    assert refused[0]["cause"] == "Setting retries is no whole number from 0 to 20."
    assert not read.exists()
    daemon.write(retries=3, concurrency=7)
    daemon.send(signal.SIGHUP)
    daemon.until(lambda: daemon.health()["capacity"] == 7)
    assert desk.final(desk.create("chat"))["status"] == "DEPLOYED"


# -- drift ------------------------------------------------------------------------------------------------------------


def test_drift_is_told_and_by_choice_corrected_within_bounds(desk: Desk) -> None:
    daemon = desk.daemon(drift_interval=1).start()
    good, drifts = desk.create("good"), desk.create("drifts")
    for deployment in (good, drifts):
        assert desk.final(deployment)["status"] == "DEPLOYED"

    def drift(deployment: dict[str, Any]) -> Any:
        return desk.get(f"/v2/deployments/{deployment['id']}")["drift"] or {}

    daemon.until(lambda: drift(drifts).get("status") == "drifted")
    assert [(change["task"], change["host"]) for change in drift(drifts)["changes"]] == [("A change", "localhost")]
    daemon.until(lambda: drift(good).get("checked_at"))
    assert drift(good)["status"] == "in_sync"
    assert desk.revision(drifts)["number"] == 1

    daemon.write(drift_correct=True, repairs_per_hour=1)
    daemon.send(signal.SIGHUP)
    daemon.until(lambda: daemon.lines("drift comes back and is not corrected any more"))
    done = [line for line in daemon.lines("work ends") if line["deployment"] == "drifts" and line["action"] == "apply"]
    assert [line["outcome"] for line in done] == ["done", "done"]
    assert any("The listener repairs it: drift" in line for line in desk.logs(drifts))
