# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock servers on a systemd host, behind the proxy: what clients see, and that applying again changes nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest

from tests.e2e.conversation import converse
from tests.e2e.stack import AGENT, REPOSITORY, Stack

pytestmark = pytest.mark.systemd


@pytest.fixture(scope="module")
def teams(systemd: Stack) -> tuple[Stack, Stack]:
    """Deployment `chat` in two workspaces on one host."""
    other = systemd.workspace("team-b")
    systemd.serve("chat", AGENT)
    other.serve("chat", AGENT)
    return systemd, other


def test_two_deployments_of_one_name_serve_side_by_side(teams: tuple[Stack, Stack]) -> None:
    one, other = teams
    assert one.url("chat") != other.url("chat")
    for team in teams:
        converse(team.url("chat"))
    ids = [httpx.get(f"{team.url('chat')}/ok").raise_for_status().json() for team in teams]
    assert ids == [{"ok": True}] * 2
    assert one.record("chat")["active_revision_number"] == 1


def test_inner_pages_are_kept_inside(teams: tuple[Stack, Stack]) -> None:
    url = teams[0].url("chat")
    assert {path: httpx.get(url + path).status_code for path in ("/metrics", "/docs", "/info")} == {
        "/metrics": 403,
        "/docs": 403,
        "/info": 403,
    }
    assert httpx.get(url.rsplit("/", 1)[0] + "/no-such-deployment/ok").status_code == 404


def test_applying_again_changes_nothing(teams: tuple[Stack, Stack]) -> None:
    for team in teams:
        again = team.apply("chat").ok()
        assert again.changed == 0, again.changed_tasks
        everything = team.controller.playbook("apply", langgraph_deployments="all").ok()
        assert everything.changed == 0, everything.changed_tasks
        nothing_due = team.apply().ok()
        assert nothing_due.changed == 0, nothing_due.changed_tasks
    site = teams[0].controller.playbook("site").ok()
    assert site.changed == 0, site.changed_tasks


def test_a_unit_stopped_by_hand_is_put_right(teams: tuple[Stack, Stack]) -> None:
    team = teams[0]
    before = processes(team)
    queue = next(unit for unit in before if "-queue-" in unit)
    team.host(f"systemctl stop '{queue}'")
    preview = team.apply("chat", arguments=["--check", "--diff"]).ok()
    assert preview.changed > 0
    assert team.host(f"systemctl is-active '{queue}' || true") == "inactive"
    repair = team.apply("chat").ok()
    assert repair.changed_tasks == preview.changed_tasks
    after = processes(team)
    assert after.keys() == before.keys()
    assert {unit for unit in before if before[unit] != after[unit]} == {queue}
    converse(team.url("chat"))


def test_check_mode_says_what_the_run_does_and_does_nothing(teams: tuple[Stack, Stack]) -> None:
    team = teams[1]
    team.create("chat", AGENT, secrets={"TOKEN": "s3cret-canary"}, env={"GREETING": "hello"})
    world = "systemctl list-units --plain --no-legend 'langgraph-*'; ls /opt/langgraph/*/revisions"
    before = team.host(world)
    preview = team.apply("chat", arguments=["--check", "--diff"]).ok()
    assert team.host(world) == before
    assert team.revision("chat")["status"] == "QUEUED"
    assert "TOKEN" in preview.output
    assert "GREETING" in preview.output
    real = team.apply("chat").ok()
    assert "s3cret-canary" not in preview.output + real.output
    assert real.changed_tasks == preview.changed_tasks
    assert team.revision("chat")["status"] == "DEPLOYED"
    assert team.apply("chat").ok().changed == 0


def test_upgrading_the_collection_restarts_no_server(teams: tuple[Stack, Stack], tmp_path: Path) -> None:
    team = teams[0]
    before = processes(team)
    newer = newer_collection(tmp_path)
    env = {"ANSIBLE_COLLECTIONS_PATH": str(newer)}
    assert team.controller.playbook("site", env=env).ok().changed == 0
    again = team.controller.playbook("apply", langgraph_deployments="all", env=env).ok()
    assert again.changed == 0, again.changed_tasks
    assert processes(team) == before


def test_rollback_and_destroy(teams: tuple[Stack, Stack]) -> None:
    team = teams[1]
    rollback = team.controller.playbook("rollback", langgraph_deployment="chat", langgraph_revision=1).ok()
    assert rollback.changed > 0
    record = team.record("chat")
    assert record["active_revision_number"] == 3
    assert team.revision("chat")["rollback_of"] == 1
    again = team.controller.playbook("rollback", langgraph_deployment="chat", langgraph_revision=1).ok()
    assert again.changed == 0, again.changed_tasks
    converse(record["url"])

    slug = record["slug"]
    preview = team.controller.playbook("destroy", "--check", "--diff", langgraph_deployment="chat").ok()
    assert preview.changed > 0
    converse(record["url"])
    destroyed = team.controller.playbook("destroy", langgraph_deployment="chat").ok()
    dump = next(result["dump"] for _task, _host, result in destroyed.results if result.get("dump"))
    assert team.host(f"test -s '{dump}' && stat -c %a '{dump}'") == "600"
    assert team.host(f"systemctl list-units --all --plain --no-legend 'langgraph-{slug}-*'") == ""
    # What stays refuses a module of an old claim that arrives late.
    assert team.host(f"ls /opt/langgraph/{slug}").split() == ["epoch", "work.lock"]
    assert httpx.get(record["url"] + "/ok").status_code == 404
    assert team.module("deployment_info", name="chat")["deployments"] == []
    again = team.controller.playbook("destroy", langgraph_deployment="chat").ok()
    assert again.changed == 0
    converse(teams[0].url("chat"))


def processes(team: Stack) -> dict[str, str]:
    """Running units of deployment `chat` and their main processes."""
    slug = team.record("chat")["slug"]
    return dict(
        line.split()
        for line in team.host(
            f"for unit in $(systemctl list-units --plain --no-legend 'langgraph-{slug}-*.service' | cut -d' ' -f1); do"
            " echo $unit $(systemctl show -p MainPID --value $unit); done"
        ).splitlines()
    )


def newer_collection(folder: Path) -> Path:
    """A collections path that holds this collection as a later version, with other text in every template."""
    target = folder / "ansible_collections" / "selfhosted" / "langgraph"
    shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(".*", "build", "dist", "__pycache__"))
    metadata = target / "galaxy.yml"
    metadata.write_text(re.sub(r"(?m)^version: .*$", "version: 99.0.0", metadata.read_text()))
    for template in (target / "roles" / "langgraph_server").rglob("*.j2"):
        template.write_text(template.read_text() + "\n# of a later version\n")
    return folder
