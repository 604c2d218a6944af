# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`langgraph deploy logs` of the stock CLI."""

from __future__ import annotations

import signal
import uuid

import pytest

from tests.integration.clients.conftest import Team
from tests.support.cli import NEWEST, StockCli


def messages(out: str) -> list[str]:
    """The last words of each line of a log."""
    return [line.rsplit("] ", 1)[1] for line in out.splitlines() if line.startswith("[")]


def test_logs_of_the_server(cli: StockCli, team: Team) -> None:
    made = team.image("chat")
    work = team.work()
    logs = ("deploy", "logs", "--name", "chat")
    assert "No log entries found." in cli.run(*logs).ok().out
    work.log("deploy", "it starts", "it serves")
    work.log("deploy", "it is slow", level="WARNING")
    work.log("deploy", "it fell over", level="ERROR")
    everything = cli.run(*logs).ok().out
    assert messages(everything) == ["it starts", "it serves", "it is slow", "it fell over"]
    assert "[ERROR] it fell over" in everything
    revision = team.revisions(made["id"])[0]["id"]
    by_revision = cli.run("deploy", "logs", "--deployment-id", made["id"], "--revision-id", revision).ok().out
    assert by_revision == everything
    assert messages(cli.run(*logs, "--level", "warning").ok().out) == ["it is slow", "it fell over"]
    assert messages(cli.run(*logs, "-q", "SERVES").ok().out) == ["it serves"]
    assert messages(cli.run(*logs, "--limit", "2").ok().out) == ["it is slow", "it fell over"]
    assert "No log entries found." in cli.run(*logs, "--end-time", "2026-03-08T00:00:00Z").ok().out
    assert len(messages(cli.run(*logs, "--start-time", "2026-03-08T00:00:00Z").ok().out)) == 4


def test_logs_of_the_build(cli: StockCli, team: Team) -> None:
    made = team.image("chat")
    work = team.work()
    work.log("build", "it resolves")
    work.log("deploy", "it serves")
    done = cli.run("deploy", "logs", "--name", "chat", "--type", "build").ok()
    assert messages(done.out) == ["it resolves"]
    assert f"Using latest revision: {team.revisions(made['id'])[0]['id']}" in done.out


def test_logs_that_are_not_there(cli: StockCli, team: Team) -> None:
    assert "Deployment 'nobody' not found." in cli.run("deploy", "logs", "--name", "nobody").failed()
    unknown = str(uuid.uuid4())
    said = cli.run("deploy", "logs", "--deployment-id", unknown).failed()
    assert f"failed with status 404: Deployment ID {unknown} not found." in said
    made = team.image("chat")
    said = cli.run("deploy", "logs", "--deployment-id", made["id"], "--revision-id", unknown).failed()
    assert "failed with status 404" in said
    said = cli.run("deploy", "logs", "--deployment-id", made["id"], "--start-time", "yesterday").failed()
    assert "failed with status 4" in said


@pytest.mark.parametrize("version", [NEWEST])
def test_logs_that_are_followed(cli: StockCli, team: Team) -> None:
    team.image("chat")
    work = team.work()
    work.log("deploy", "it starts")
    call = cli.start("deploy", "logs", "--name", "chat", "-f")
    call.until("it starts")
    work.log("deploy", "it serves")
    call.until("it serves")
    work.log("deploy", "it sleeps")
    call.until("it sleeps")
    call.stop(signal.SIGINT)
    done = call.wait().ok()
    assert messages(done.out) == ["it starts", "it serves", "it sleeps"]
    assert "Stopped." in done.out
