# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of routes, and what HAProxy answers over its runtime API."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _haproxy_files as files
from ansible_collections.selfhosted.langgraph.plugins.module_utils import _haproxy_runtime as runtime

ROUTE = files.Route(slug="chat-1a2b3c4d", ports={"blue": 22000, "green": 22001}, path_prefix="/chat-1a2b3c4d")

PROC = """#<PID>          <type>          <reloads>       <uptime>        <version>
1162            master          2 [failed: 0]   0d00h02m07s     2.6.12
# workers
1271            worker          0               1d01h01m05s     2.6.12
# old workers
1233            worker          1               0d00h00m43s     2.6.12
1200            worker          2               0d00h01m43s     2.6.12
# programs
"""
STAT = """# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,
langgraph-a,blue,1,0,2,1,,1,55,328,,0,,0,0,0,0,UP,1,
langgraph-a,green,0,0,0,1,,1,55,328,,0,,0,0,0,0,MAINT,1,
langgraph-a,BACKEND,0,0,9,1,,1,55,328,,0,,0,0,0,0,UP,1,
langgraph-b,blue,0,0,7,1,,1,55,328,,0,,0,0,0,0,UP,1,
"""
SERVERS = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state"
    " bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr"
    " srv_agent_addr srv_agent_port\n"
    "3 langgraph-a 1 blue 127.0.0.1 2 {blue} 1 1 64 15 3 2 6 0 0 0 - 22000 - 0 0 - - 0\n"
    "3 langgraph-a 2 green 127.0.0.1 0 {green} 1 1 64 1 0 0 14 0 0 0 - 22001 - 0 0 - - 0\n\n"
)


def test_workers_of_before_reloads_are_told_apart() -> None:
    workers = runtime.parse_workers(PROC)
    assert (workers.current, workers.old) == ([1271], [1233, 1200])
    assert workers.uptime == 24 * 3600 + 3600 + 60 + 5


def test_sessions_are_those_in_flight_and_those_that_wait() -> None:
    assert runtime.parse_stat(STAT, "langgraph-a") == {"blue": ("UP", 3), "green": ("MAINT", 0)}
    assert runtime.parse_stat("", "langgraph-a") == {}
    assert runtime.parse_stat("No such proxy.\n", "langgraph-a") == {}


@pytest.mark.parametrize(
    ("bits", "state"), [(0, "ready"), (4, "ready"), (5, "maint"), (1, "maint"), (8, "drain"), (9, "maint")]
)
def test_states_of_servers(bits: int, state: str) -> None:
    found = runtime.parse_servers(SERVERS.format(blue=bits, green=5))
    assert found == {"blue": (state, "127.0.0.1", 22000, 2), "green": ("maint", "127.0.0.1", 22001, 0)}


@pytest.mark.parametrize("text", ["", "Can't find backend.\n", "1\n"])
def test_an_unknown_backend_has_no_servers(text: str) -> None:
    assert runtime.parse_servers(text) == {}


@pytest.mark.parametrize(
    ("admin", "status", "health", "up"),
    [
        ("ready", "UP", 2, True),
        ("ready", "UP", 1, False),
        ("ready", "DOWN", 0, False),
        ("drain", "DRAIN", 2, False),
        ("maint", "MAINT", 0, False),
    ],
)
def test_up_is_ready_and_checked_since(admin: str, status: str, health: int, up: bool) -> None:
    assert runtime.ServerState(admin, status, 0, health).up is up


@pytest.mark.parametrize("active", [None, "blue", "green"])
def test_a_route_is_read_back_from_its_file(active: str | None) -> None:
    route = dataclasses.replace(ROUTE, active=active, expose={"docs": True}, host="a.example.org")
    assert files.parse(route.render()) == route


def test_only_the_active_server_takes_requests_after_a_start() -> None:
    text = dataclasses.replace(ROUTE, active="green").render()
    assert "server blue 127.0.0.1:22000 disabled\n" in text
    assert "server green 127.0.0.1:22001\n" in text


def test_what_is_exposed_is_not_hidden() -> None:
    assert "metrics|docs|openapi" in ROUTE.render()
    all_of_it = dataclasses.replace(ROUTE, expose={"metrics": True, "docs": True, "info": True}).render()
    assert "403" not in all_of_it


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slug": "Chat"}, "Slug 'Chat'"),
        ({"path_prefix": None}, "needs a path_prefix or a host"),
        ({"path_prefix": "/a/b"}, "one segment"),
        ({"path_prefix": "/a b"}, "one segment"),
        ({"path_prefix": "/a\nbackend evil"}, "one segment"),
        ({"host": "UPPER.example.org"}, "lower-case host name"),
        ({"host": "a b"}, "lower-case host name"),
        ({"ports": {"blue": 1, "green": 1}}, "two different ports"),
        ({"ports": {"blue": 1}}, "two different ports"),
        ({"ports": {"blue": 1, "green": 70000}}, "between 1 and 65535"),
        ({"active": "red"}, "must be blue, green"),
        ({"address": "127.0.0.1 backup"}, "no address"),
    ],
)
def test_what_is_wrong_with_a_route_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(runtime.ProxyError, match=words):
        dataclasses.replace(ROUTE, **change).checked()  # type: ignore[arg-type]  # wrong values are the point


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"path_prefix": ROUTE.path_prefix, "ports": {"blue": 1, "green": 2}}, "The path /chat-1a2b3c4d leads to"),
        ({"path_prefix": "/b", "ports": {"blue": 22001, "green": 2}}, "Port 22001 is a port of"),
        ({"path_prefix": "/b", "ports": {"blue": 1, "green": 2}}, None),
    ],
)
def test_two_routes_share_nothing(other: dict[str, object], words: str | None) -> None:
    found = files.clash(ROUTE, [ROUTE, dataclasses.replace(ROUTE, slug="b-1a2b3c4d", **other)])  # type: ignore[arg-type]  # a table
    assert found is None if words is None else words in (found or "")


def test_a_path_of_a_service_is_no_deployments() -> None:
    named = dataclasses.replace(ROUTE, path_prefix="/api-host")
    assert files.clash(named, [], ["api-host"]) == (
        "The path /api-host leads to a service; give chat-1a2b3c4d another path_prefix."
    )
    assert files.clash(ROUTE, [], ["api-host"]) is None


def test_maps_follow_the_routes() -> None:
    by_host = files.Route(slug="b-1a2b3c4d", ports={"blue": 1, "green": 2}, host="b.example.org")
    assert files.maps([by_host, ROUTE]) == {
        "paths.map": "chat-1a2b3c4d langgraph-chat-1a2b3c4d\n",
        "hosts.map": "b.example.org langgraph-b-1a2b3c4d\n",
    }


@pytest.mark.parametrize(
    ("route", "base", "url"),
    [
        (ROUTE, "https://a.example.org/", "https://a.example.org/chat-1a2b3c4d"),
        (dataclasses.replace(ROUTE, path_prefix=None, host="c.d"), "https://a:8443", "https://c.d:8443"),
        (dataclasses.replace(ROUTE, path_prefix=None, host="c.d"), "http://a", "http://c.d"),
    ],
)
def test_url_of_a_deployment(route: files.Route, base: str, url: str) -> None:
    assert files.url(route, base) == url
