# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bad input gets: one sentence, a non-zero exit, the cause on the revision; the old revision serves on.

Real servers on the supervisor platform. What needs no server (git references, a full disk...) has its tests in
tests/integration.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from langgraph_sdk import get_sync_client

from tests.e2e.stack import GRAPHS, REPOSITORY, Stack, config, copy_graph
from tests.support.ansible_runs import BIN

ECHO = GRAPHS / "echo"
FLAVOUR = yaml.safe_load(
    (REPOSITORY / "roles" / "langgraph_server" / "vars" / "flavours" / "langgraph.yml").read_text()
)["__langgraph_server_flavour"]


@pytest.fixture(scope="module")
def served(supervisor: Stack) -> Stack:
    """Deployment `echo`, whose revision 1 serves throughout."""
    supervisor.serve("echo", ECHO, env={"MARK": "1"})
    return supervisor


@pytest.fixture(autouse=True)
def still_serving(served: Stack) -> Iterator[None]:
    """After each test the first revision is the one that serves, and answers."""
    yield
    record = served.record("echo")
    assert record["active_revision_number"] == 1
    assert look(record["url"], "MARK") == {"MARK": "1"}


def look(url: str, *names: str) -> dict[str, str | None]:
    """Environment variables as the served graph sees them."""
    return get_sync_client(url=url).runs.wait(None, "echo", input={"names": list(names)})["values"]


def refused(stack: Stack, status: str, *phrases: str, **variables: Any) -> dict[str, Any]:
    """Apply what was written down; it fails as it should. Gives the revision."""
    message = stack.apply("echo", **variables).failed()
    revision = stack.revision("echo")
    assert revision["status"] == status, revision
    for phrase in phrases:
        assert phrase in revision["cause"], revision["cause"]
        assert phrase in message, message
    assert "\n" not in revision["cause"].strip(), revision["cause"]
    return revision


BROKEN_SOURCES: dict[str, tuple[dict[str, str | None], tuple[str, ...]]] = {
    "graph raises on import": ({"echo__py": "raise ValueError('no flux')"}, ("echo", "no flux")),
    "missing module": ({"echo__py": "import not_there_at_all"}, ("echo", "not_there_at_all")),
    "graph name missing in the file": ({"echo__py": "other = 1"}, ("graph",)),
    "langgraph.json missing": ({"langgraph__json": None}, ("langgraph.json",)),
    "langgraph.json malformed": ({"langgraph__json": "{"}, ("langgraph.json",)),
    "graph path missing": (
        {"langgraph__json": config(dependencies=["."], graphs={"echo": "./nope.py:graph"})},
        ("nope.py",),
    ),
    "JS graph": ({"langgraph__json": config(dependencies=["."], graphs={"echo": "./echo.ts:graph"})}, ("echo.ts",)),
    "Python version": (
        {"langgraph__json": config(dependencies=["."], graphs={"echo": "./echo.py:graph"}, python_version="3.99")},
        ("3.99",),
    ),
    "dependency that does not exist": ({"requirements__txt": "langgraph==0.0.0.999"}, ("langgraph==0.0.0.999",)),
}


@pytest.mark.parametrize("case", BROKEN_SOURCES)
def test_broken_source(served: Stack, tmp_path: Path, case: str) -> None:
    files, phrases = BROKEN_SOURCES[case]
    served.create("echo", copy_graph(ECHO, tmp_path / "source", **files), env={"MARK": case})
    refused(served, "BUILD_FAILED", *phrases)


def test_the_log_says_more(served: Stack, tmp_path: Path) -> None:
    served.create(
        "echo",
        copy_graph(ECHO, tmp_path / "source", echo__py="import sys\nprint('on the way', file=sys.stderr)\n1 / 0"),
    )
    revision = refused(served, "BUILD_FAILED", "ZeroDivisionError")
    assert "on the way" in revision["log_tail"]


@pytest.mark.parametrize(("options", "phrase"), [({"flavour": "nope"}, "nope"), ({"api_version": "0.0.1"}, "0.0.1")])
def test_unknown_flavour_or_version(served: Stack, options: dict[str, str], phrase: str) -> None:
    served.create("echo", ECHO, env={"MARK": "x"}, **options)
    try:
        refused(served, "BUILD_FAILED", phrase)
    finally:  # what is not given stays as it is
        served.create("echo", ECHO, flavour="langgraph", api_version=FLAVOUR["version"]["default"])


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"env": {"DATABASE_URI": "x"}}, "DATABASE_URI"),
        ({"env": {"1BAD": "x"}}, "1BAD"),
        ({"secrets": {"WITH-DASH": "x"}}, "WITH-DASH"),
        ({"env": {"BOTH": "x"}, "secrets": {"BOTH": "y"}}, "BOTH"),
    ],
)
def test_environment_names(served: Stack, options: dict[str, Any], phrase: str) -> None:
    answer = served.module("deployment", name="echo", source_directory=str(ECHO), expect_failure=True, **options)
    assert phrase in answer["msg"]


def test_bad_names_and_sources(served: Stack, tmp_path: Path) -> None:
    assert (
        "Bad Name"
        in served.module("deployment", name="Bad Name", source_directory=str(ECHO), expect_failure=True)["msg"]
    )
    for url in ("file:///etc", "ext::sh -c id", "--upload-pack=id", "git://host/x"):
        answer = served.module("deployment", name="echo2", repo_url=url, repo_ref="main", expect_failure=True)
        assert url in answer["msg"], answer
    not_one = tmp_path / "x.tar.gz"
    not_one.write_bytes(b"plain text")
    assert (
        "x.tar.gz" in served.module("deployment", name="echo2", source_tarball=str(not_one), expect_failure=True)["msg"]
    )
    leaves = tmp_path / "leaves.tar.gz"
    with tarfile.open(leaves, "w:gz") as archive:
        member = tarfile.TarInfo("../outside")
        archive.addfile(member, io.BytesIO(b""))
    assert (
        "../outside"
        in served.module("deployment", name="echo2", source_tarball=str(leaves), expect_failure=True)["msg"]
    )
    assert served.module("deployment_info", name="echo2")["deployments"] == []


def test_gate_time_out(served: Stack, tmp_path: Path) -> None:
    text = (ECHO / "echo.py").read_text()
    slow = text.replace("import os\n", "import os\nimport time\n").replace("def look", "time.sleep(4)\n\n\ndef look")
    served.create("echo", copy_graph(ECHO, tmp_path / "source", echo__py=slow), env={"MARK": "late"})
    refused(served, "DEPLOY_FAILED", "2 s", langgraph_server_gate_timeout=2)


def test_taken_port(served: Stack) -> None:
    served.create("echo", ECHO, env={"MARK": "taken"})
    served.apply("echo", arguments=["--check"]).ok()
    blue = int(httpx.URL(served.url("echo")).port or 0)
    with psycopg.connect(served.records_options["dsn"]) as records:
        ports = [
            row[0]
            for row in records.execute(
                "SELECT port FROM control_plane.placements WHERE role = 'api' AND port <> %s", (blue,)
            )
        ]
    with socket.create_server(("127.0.0.1", ports[0])):
        refused(served, "DEPLOY_FAILED", str(ports[0]))


def test_postgres_out_of_connections_and_down(served: Stack) -> None:
    served.create("echo", ECHO, env={"MARK": "database"})
    variables = served.controller.variables
    login = psycopg.conninfo.make_conninfo(
        host="127.0.0.1",
        port=variables["langgraph_postgres_port"],
        user="postgres",
        password=variables["langgraph_postgres_password"],
        dbname="postgres",
    )
    held: list[psycopg.Connection[Any]] = []
    try:
        with contextlib.suppress(psycopg.OperationalError):
            while len(held) < 1000:
                held.append(psycopg.connect(login))
        assert len(held) < 1000
        refused(served, "DEPLOY_FAILED", "connections")
    finally:
        for connection in held:
            connection.close()

    served.apply("echo").ok()


def test_redis_stopped_is_put_right(served: Stack) -> None:
    slug = served.record("echo")["slug"]
    socket_path = f"{served.controller.variables['langgraph_supervisor_dir']}/supervisor.sock"
    served.host(f"{BIN / 'supervisorctl'} -s unix://{socket_path} stop langgraph-{slug}-redis")
    assert served.apply("echo").ok().changed > 0
    assert look(served.url("echo"), "MARK") == {"MARK": "1"}


def test_the_records_are_not_there(served: Stack) -> None:
    dsn = served.records_options["dsn"]
    base = psycopg.conninfo.conninfo_to_dict(dsn)
    down = psycopg.conninfo.make_conninfo(**{**base, "host": "127.0.0.1", "port": "1"})
    answer = served.apply("echo", langgraph_records_dsn=down)
    assert "Postgres" in answer.failed() or "connect" in answer.failed()
    wrong = psycopg.conninfo.make_conninfo(**{**base, "dbname": "no_such_database"})
    assert "no_such_database" in served.apply("echo", langgraph_records_dsn=wrong).failed()


def test_encryption_key(served: Stack, tmp_path: Path) -> None:
    missing = tmp_path / "no.key"
    assert str(missing) in served.apply("echo", langgraph_encryption_key_file=str(missing)).failed()
    from cryptography.fernet import Fernet

    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(Fernet.generate_key())
    wrong.chmod(0o600)
    assert str(wrong) in served.apply("echo", langgraph_encryption_key_file=str(wrong)).failed()


def test_schema_newer_than_the_code(served: Stack) -> None:
    with psycopg.connect(served.records_options["dsn"], autocommit=True) as records:
        before = records.execute("SELECT * FROM control_plane.schema_info").fetchall()
        records.execute(
            "UPDATE control_plane.schema_info SET version = version + 1000, minimum_code = minimum_code + 1000"
        )
        try:
            message = served.apply("echo").failed()
        finally:
            records.execute(
                "UPDATE control_plane.schema_info SET version = version - 1000, minimum_code = minimum_code - 1000"
            )
        assert records.execute("SELECT * FROM control_plane.schema_info").fetchall() == before
    assert "newer" in message
    assert "upgrade" in message.lower()


def test_text_is_never_a_template(served: Stack) -> None:
    texts = {
        "BRACES": "{{ lookup('pipe', 'id') }}",
        "SHELL": "$(id) `id` ; echo 'x' \"y\" \\ %s %% #",
        "LINES": "a\nb\n",
        "WIDE": "grün ✓ \U0001f600",
    }
    path = served.controller.home / "texts.yml"
    lines = [
        "- hosts: localhost",
        "  gather_facts: false",
        "  tasks:",
        "    - selfhosted.langgraph.deployment:",
        "        name: texts",
    ]
    lines += [f"        source_directory: {ECHO}", '        comment: !unsafe "{{ 7 * 6 }} $(id)"', "        env:"]
    for name in ("BRACES", "LINES"):
        lines.append(f"          {name}: !unsafe {_quoted(texts[name])}")
    lines.append("        secrets:")
    for name in ("SHELL", "WIDE"):
        lines.append(f"          {name}: !unsafe {_quoted(texts[name])}")
    path.write_text("\n".join(lines) + "\n")
    records = {
        "LANGGRAPH_RECORDS_DSN": served.records_options["dsn"],
        "LANGGRAPH_RECORDS_ENCRYPTION_KEY_FILE": served.records_options["encryption_key_file"],
    }
    served.controller.playbook(str(path), env=records).ok()
    run = served.apply("texts").ok()
    assert "uid=" not in run.output
    assert served.revision("texts")["message"] == "{{ 7 * 6 }} $(id)"
    assert look(served.url("texts"), *texts) == texts
    served.forget("texts")


def _quoted(text: str) -> str:
    """A YAML double-quoted scalar."""
    return json.dumps(text, ensure_ascii=False)


def test_two_playbooks_at_once(served: Stack) -> None:
    served.create("other", ECHO, env={"MARK": "other"})
    first = served.start_apply("other")
    assert first.reach_task("Fetch the source")
    message = served.apply("other").failed()
    assert "other" in message
    assert "since" in message
    assert str(first.process.pid) in message
    assert first.wait() == 0, "".join(first.lines)
    served.forget("other")
