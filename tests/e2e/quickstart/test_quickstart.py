# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's first command, as an ordinary user in a clean clone with a clean home, and what comes after it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.quickstart.visitor import (
    Done,
    Visitor,
    are_free,
    curl_of,
    leave,
    make_account,
    place,
    settle,
    snippet_of,
)

PORTS = {
    "QUICKSTART_PORT": 22000,
    "QUICKSTART_POSTGRES_PORT": 25432,
    "QUICKSTART_API_PORT": 1985,
    "QUICKSTART_LISTENER_PORT": 1986,
}


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    folder = place()
    name, owner = None, (os.getuid(), os.getgid())
    if os.getuid() == 0:
        name, *numbers = make_account()
        owner = (numbers[0], numbers[1])
    newcomer = settle(folder / "home", "langgraph", owner)
    try:
        yield newcomer
    finally:
        newcomer.run("make", "quickstart-down", "PURGE=1")
        leave(newcomer)
        if name:
            subprocess.run(["userdel", name], check=False)


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """Nothing to say, as in the README; other ports when somebody's quickstart runs on this machine already."""
    if are_free(22000, 22004) and are_free(25432, 25432) and are_free(1985, 1986):
        return {}
    others = {"QUICKSTART_API_PORT": "25533", "QUICKSTART_LISTENER_PORT": "25534"}
    return {"QUICKSTART_PORT": "22300", "QUICKSTART_POSTGRES_PORT": "25532", **others}


@pytest.fixture(scope="module")
def first(visitor: Visitor, ports: dict[str, str]) -> Done:
    done = visitor.run("make", "quickstart", **ports)
    assert done.status == 0, done.output
    return done


def test_taken_port_is_named_before_anything_is_made(visitor: Visitor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for variable in PORTS:
            done = visitor.run("make", "quickstart", **{variable: str(port)})
            assert done.status != 0
            assert f"Port {port}" in done.output
            assert variable in done.output
    assert not (visitor.checkout / ".quickstart").exists()
    assert not (visitor.checkout / ".venv").exists()
    assert not visitor.processes()


def test_it_serves(first: Done) -> None:
    assert "6 * 7 = 42." in first.output
    assert re.search(r"^Ready after \d+\.\d s \(changed=[1-9]\d*\)\.$", first.output, re.MULTILINE)


def test_it_says_what_runs_where_and_how_to_stop(first: Done) -> None:
    assert re.search(r"agent +http://127\.0\.0\.1:\d+", first.output)
    for word in ("Postgres", "make quickstart-down", "PURGE=1", ".quickstart"):
        assert word in first.output


def test_printed_curl_works(visitor: Visitor, first: Done) -> None:
    done = visitor.paste(curl_of(first.output))
    assert done.status == 0
    assert json.loads(done.output)["messages"][-1]["content"] == "6 * 7 = 42."


def test_printed_snippet_works(visitor: Visitor, first: Done) -> None:
    done = visitor.paste(snippet_of(first.output))
    assert done.status == 0
    assert "May I keep this note?" in done.output
    assert "On this thread I know: tea is at four." in done.output


def test_the_control_plane_knows_the_agent(visitor: Visitor, first: Done) -> None:
    """By the address and the key file that are printed, as the stock client asks."""
    printed = re.search(
        r"^LANGGRAPH_HOST_URL=(\S+) LANGSMITH_API_KEY=\$\(cat (\S+)\) langgraph deploy list$", first.output, re.M
    )
    assert printed, first.output
    url, key_file = printed[1], visitor.checkout / printed[2]
    assert url.endswith("/api-host")
    assert key_file.stat().st_mode & 0o777 == 0o600
    with urlopen(f"{url}/ok", timeout=10) as answer:
        assert json.load(answer) == {"ok": True}
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"{url}/v2/deployments", timeout=10)
    request = Request(f"{url}/v2/deployments", headers={"x-api-key": key_file.read_text().strip()})
    with urlopen(request, timeout=10) as answer:
        (agent,) = json.load(answer)["resources"]
    assert (agent["name"], agent["status"]) == ("agent", "READY")
    assert agent["source_config"]["custom_url"] in first.output


def test_secrets_are_the_users_alone(visitor: Visitor, first: Done) -> None:
    home = visitor.checkout / ".quickstart"
    assert home.stat().st_mode & 0o077 == 0
    state = json.loads((home / "state.json").read_text())
    secrets = [state["postgres_password"], state["records_password"]]
    secrets += [(home / name).read_text().strip() for name in ("api.key", "listener.key", "encryption.key")]
    for value in secrets:
        assert value not in first.output
        assert value not in (home / "quickstart.log").read_text()
    for pid, words in visitor.processes().items():
        assert not [value for value in secrets if value in words], pid


def test_second_run_changes_nothing(visitor: Visitor, first: Done, ports: dict[str, str]) -> None:
    before = visitor.processes()
    done = visitor.run("make", "quickstart", **ports)
    assert done.status == 0
    assert "(changed=0)" in done.output
    assert done.seconds < 90  # a few seconds; this machine may have other things to do
    assert visitor.processes().keys() == before.keys()


def test_it_comes_back_with_its_data(visitor: Visitor, first: Done, ports: dict[str, str]) -> None:
    remember = snippet_of(first.output).replace("client.threads.create()", "client.threads.create(thread_id=KNOWN)")
    remember = remember.replace("\nclient =", '\nKNOWN = "11111111-2222-4333-8444-555555555555"\nclient =')
    assert visitor.paste(remember).status == 0
    assert visitor.run("make", "quickstart-down").status == 0
    assert not visitor.processes()
    assert (visitor.checkout / ".quickstart").exists()
    # as an older quickstart left it, from before there was a control plane and a listener
    state = visitor.checkout / ".quickstart" / "state.json"
    known = json.loads(state.read_text())
    del known["api_port"], known["listener_port"]
    state.write_text(json.dumps(known))
    assert visitor.run("make", "quickstart", **ports).status == 0
    again = remember.replace("client.threads.create(thread_id=KNOWN)", '{"thread_id": KNOWN}')
    assert "tea is at four; tea is at four" in visitor.paste(again).output


def test_purge_leaves_nothing(visitor: Visitor, first: Done) -> None:
    assert visitor.run("make", "quickstart-down", "PURGE=1").status == 0
    assert not visitor.processes()
    left = visitor.run("git", "status", "--porcelain", "--ignored")
    assert left.output == ""
    assert visitor.files() <= {".cache"}  # the user's shared caches of pip and uv
    assert visitor.run("make", "quickstart-down", "PURGE=1").status == 0


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_as_root_in_a_long_path_with_spaces() -> None:
    """Postgres refuses root, sockets have short paths, shells split at spaces: all of it at once."""
    folder = place()
    folder.chmod(0o700)
    visitor = settle(folder / "home of root", f"my {'long ' * 12}checkout", (0, 0))
    try:
        free = {
            "QUICKSTART_POSTGRES_PORT": "25632",
            "QUICKSTART_API_PORT": "25633",
            "QUICKSTART_LISTENER_PORT": "25634",
        }
        done = visitor.run("make", "quickstart", QUICKSTART_PORT="22400", **free)
        assert done.status == 0
        assert "6 * 7 = 42." in done.output
        assert visitor.paste(curl_of(done.output)).status == 0
        assert visitor.paste(snippet_of(done.output)).status == 0
        assert "(changed=0)" in visitor.run("make", "quickstart").output
        refused = visitor.run("make", "quickstart", QUICKSTART_PORT="22500")
        assert refused.status != 0
        assert "PURGE=1" in refused.output
        assert visitor.run("make", "quickstart-down", "PURGE=1").status == 0
        assert not visitor.processes()
        assert not (visitor.checkout / ".quickstart").exists()
    finally:
        visitor.run("make", "quickstart-down", "PURGE=1")
        leave(visitor)
