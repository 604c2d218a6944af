# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""work_claim, work_report and work_source, called in this process."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _renewer, _work_claim
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._renewer import Lease, opener, start
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files import sweep, work_directory
from ansible_collections.selfhosted.langgraph.plugins.module_utils._work_owner import find_owner, read_process
from tests.support.renewers import renewers, wait_until

Call = Callable[..., dict[str, Any]]
OWNER: Any = {
    "host": "far",
    "boot_id": "x",
    "pid": 4711,
    "start_time": 1,
    "user": "alice",
    "label": "ansible-playbook 4711 of alice on far",
}
OURS = Path("/proc/self/cmdline").read_bytes()
SECRET = "canary-of-work {{ 7 * 7 }} $(id)"


@pytest.fixture
def chat(ok: Call, source: Path) -> dict[str, Any]:
    """A deployment that is due."""
    made = ok(
        "deployment", name="chat", source_directory=str(source), env={"A": "{{ 6 * 7 }}"}, secrets={"KEY": SECRET}
    )
    found: dict[str, Any] = made["revision"]
    return found


def claim_due(ok: Call, **options: Any) -> dict[str, Any]:
    """Claim what is due: one deployment."""
    result = ok("work_claim", **options)
    (claim,) = result["claims"]
    found: dict[str, Any] = claim
    return found


def test_a_claim_and_its_file(ok: Call, chat: Any, connection: dict[str, str], tmp_path: Path) -> None:
    result = ok("work_claim")
    assert result["changed"]
    (claim,) = result["claims"]
    assert SECRET not in str(result)
    assert (claim["action"], claim["reason"], claim["preview"]) == ("apply", "due", False)
    assert claim["revision"]["number"] == 1
    path = Path(claim["claim_file"])
    assert path.is_relative_to(tmp_path / "run")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    content = json.loads(path.read_text())
    assert {key: content[key] for key in claim} == claim
    assert content["env"] == {"A": "{{ 6 * 7 }}"}
    assert content["secrets"] == {"KEY": SECRET}
    assert content["database_password"]
    assert content["redis_password"]
    assert content["connection"].items() >= connection.items()


def test_nothing_due_and_the_named_form(ok: Call, records: Records, chat: Any) -> None:
    claim = claim_due(ok)
    for status in ("BUILDING", "DEPLOYING"):
        ok("work_report", claim_file=claim["claim_file"], status=status)
    ok("work_report", claim_file=claim["claim_file"], status="DEPLOYED", url="http://h/chat", release=True)
    nothing = ok("work_claim")
    assert (nothing["changed"], nothing["claims"]) == (False, [])
    named = ok("work_claim", deployments=["chat"])
    assert not named["changed"]
    assert named["claims"][0]["reason"] == "named"
    again = ok("work_report", claim_file=named["claims"][0]["claim_file"], status="DEPLOYED", url="http://h/chat")
    assert not again["changed"]
    ok("work_report", claim_file=named["claims"][0]["claim_file"], release=True)
    assert len(ok("work_claim", deployments=["all"])["claims"]) == 1


def test_unknown_names(fails: Call, chat: Any) -> None:
    result = fails("work_claim", deployments=["chat", "nope"])
    assert "nope" in result["msg"]
    assert "all together" in fails("work_claim", deployments=["all", "chat"])["msg"]
    assert "listener" in fails("work_claim", listener="nope")["msg"].lower()


def test_two_claimers(ok: Call, fails: Call, records: Records, chat: Any, call: Call) -> None:
    (first,) = records.claim(owner=OWNER)
    assert ok("work_claim")["claims"] == []
    result = fails("work_claim", deployments=["chat"])
    assert result["code"] == "held"
    start_of_sentence = "Deployment chat is being worked on by ansible-playbook 4711 of alice on far since "
    assert result["msg"].startswith(start_of_sentence)
    assert result["msg"].endswith("; wait, or set langgraph_takeover: true.")
    second = ok("work_claim", deployments=["chat"], takeover=True)["claims"][0]
    assert second["epoch"] > first["public"]["epoch"]
    with pytest.raises(Exception, match="chat"):
        records.renew(first["public"]["claim_id"], first["public"]["epoch"])


def test_a_dead_owner_on_this_host_is_taken_over_at_once(ok: Call, records: Records, chat: Any) -> None:
    process = subprocess.Popen(["sleep", "60"])
    owner, _playbook = find_owner()
    dead = read_process(process.pid)
    assert dead is not None
    (first,) = records.claim(owner={**owner, "pid": dead.pid, "start_time": dead.start_time})
    assert ok("work_claim")["claims"] == []
    process.kill()
    process.wait()
    second = claim_due(ok)
    assert second["epoch"] > first["public"]["epoch"]


def test_check_mode_previews_and_writes_nothing(
    ok: Call, chat: Any, snapshot: Callable[[], Any], source: Path, tmp_path: Path
) -> None:
    before = snapshot()
    result = ok("work_claim", check=True)
    (claim,) = result["claims"]
    assert result["changed"]
    assert claim["preview"]
    fetched = ok("work_source", check=True, claim_file=claim["claim_file"])
    assert fetched["sha256"] == chat["source_sha256"]
    report = ok(
        "work_report", check=True, claim_file=claim["claim_file"], status="DEPLOYING", host_key="h", queue_count=2
    )
    assert (report["changed"], report["reported"], report["placements_predicted"]) == (True, False, True)
    assert report["placements"]["api"] == {"blue": 22000, "green": 22001}
    assert "Check mode" in report["msg"]
    # A preview stays one, also where a task forgot check mode.
    assert not ok("work_report", claim_file=claim["claim_file"], status="DEPLOYED")["reported"]
    ok("work_report", check=True, claim_file=claim["claim_file"], release=True)
    assert not Path(claim["claim_file"]).parent.exists()
    assert snapshot() == before


def test_reports(ok: Call, fails: Call, records: Records, chat: Any) -> None:
    claim = claim_due(ok)
    path = claim["claim_file"]
    first = ok("work_report", bare=True, claim_file=path, status="AWAITING_DEPLOY")
    assert (first["changed"], first["revision_status"]) == (True, "AWAITING_DEPLOY")
    assert (first["reported"], first["interrupt_requested"]) == (True, False)
    placed = ok(
        *("work_report",),
        claim_file=path,
        status="DEPLOYING",
        lock="x==1\n",
        host_key="h",
        queue_count=2,
        port_range="23000-23009",
        fixed_ports={"api": {"blue": 8123}},
    )
    assert placed["placements"]["api"]["blue"] == 8123
    assert set(placed["placements"]["queue"]) == {"blue-1", "blue-2", "green-1", "green-2"}
    again = ok(
        *("work_report",),
        claim_file=path,
        host_key="h",
        queue_count=2,
        port_range="23000-23009",
        fixed_ports={"api": {"blue": 8123}},
    )
    assert again["placements"] == placed["placements"]
    records.interrupt_revision("chat")
    assert ok("work_report", claim_file=path)["interrupt_requested"]
    ended = ok("work_report", claim_file=path, status="FAILED", cause="No.", log_tail="x", release=True)
    assert ended["revision_status"] in ("DEPLOY_FAILED", "INTERRUPTED")
    assert not Path(path).parent.exists()
    gone = fails("work_report", claim_file=path, status="DEPLOYED")
    assert "is gone" in gone["msg"]


def test_a_lost_claim_is_refused(ok: Call, fails: Call, chat: Any) -> None:
    first = claim_due(ok)
    second = ok("work_claim", deployments=["chat"], takeover=True)["claims"][0]
    result = fails("work_report", claim_file=first["claim_file"], status="DEPLOYED")
    assert result["code"] == "stale_claim"
    assert str(first["epoch"]) in result["msg"]
    assert not Path(first["claim_file"]).exists()
    assert ok("work_report", claim_file=second["claim_file"], status="DEPLOYING")["changed"]


def test_bad_claim_files(fails: Call, tmp_path: Path) -> None:
    other = tmp_path / "x.json"
    other.write_text("{}")
    assert "is not a claim" in fails("work_report", claim_file=str(other))["msg"]
    other.write_text("nonsense")
    assert "cannot be read" in fails("work_source", claim_file=str(other))["msg"]
    assert "is gone" in fails("work_report", claim_file=str(tmp_path / "nope"))["msg"]
    assert other.exists()


def test_the_work_directory_must_be_ones_own(fails: Call, ok: Call, chat: Any, tmp_path: Path) -> None:
    own = tmp_path / "own"
    claim = claim_due(ok, work_dir=str(own))
    assert Path(claim["claim_file"]).is_relative_to(own)
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    link = tmp_path / "link"
    link.symlink_to(own)
    assert "not a directory" in fails("work_claim", work_dir=str(link))["msg"]
    wide = tmp_path / "wide"
    wide.mkdir()
    wide.chmod(0o777)
    assert "written by others" in fails("work_claim", work_dir=str(wide))["msg"]
    if os.geteuid() == 0:
        os.chown(own, 65534, 65534)
        assert "belongs to another user" in fails("work_claim", work_dir=str(own))["msg"]


def test_the_default_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert work_directory() == str(tmp_path / "run" / "selfhosted-langgraph")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert work_directory() == str(tmp_path / f"selfhosted-langgraph-{os.geteuid()}")


def test_a_claim_that_cannot_be_written_is_given_back(
    ok: Call, fails: Call, chat: Any, monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("ansible_collections.selfhosted.langgraph.plugins.module_utils._work_files._write", full)
        assert "No space left" in fails("work_claim")["msg"]
    assert claim_due(ok)["reason"] == "due"


def test_what_a_killed_run_left_is_swept(ok: Call, chat: Any, tmp_path: Path) -> None:
    claim = claim_due(ok)
    directory = Path(claim["claim_file"]).parent
    other = directory.parent / "not-ours"
    other.mkdir()
    assert sweep(str(directory.parent), lambda owner: False) == []
    assert sweep(str(directory.parent), lambda owner: owner["pid"] > 0) == [directory.name]
    assert other.exists()
    assert not directory.exists()


# -- the process that renews -------------------------------------------------------------------------------------------


@pytest.fixture
def playbook_process() -> Any:
    """A process that stands for an ansible-playbook which holds claims."""
    process = subprocess.Popen(["sleep", "300"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def kept(
    ok: Call, chat: Any, connection: dict[str, str], playbook_process: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], int]:
    """A claim that is renewed all the time, and the process that does it."""
    monkeypatch.setattr(_renewer, "RENEW_SECONDS", 0.3)
    monkeypatch.setattr(_renewer, "_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(_renewer, "_RETRY_SECONDS", 0.2)
    claim = claim_due(ok)
    process = read_process(playbook_process.pid)
    assert process is not None
    before = set(renewers(OURS))
    lease = Lease(claim["claim_id"], claim["epoch"], claim["claim_file"])
    assert start(opener({**connection, "workspace": "default"}), [lease], process) is None
    (pid,) = set(renewers(OURS)) - before
    return claim, pid


def lease_end(records: Records) -> str:
    """When the lease of the deployment ends."""
    deployment = records.deployment("chat")
    assert deployment is not None
    return str(deployment["claim"]["until"])


def test_leases_are_renewed_until_the_playbook_ends(kept: Any, records: Records, playbook_process: Any) -> None:
    claim, pid = kept
    until = lease_end(records)
    wait_until(lambda: lease_end(records) > until)
    assert os.getsid(pid) != os.getsid(0)
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)} == {"/dev/null"}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    playbook_process.kill()
    playbook_process.wait()
    wait_until(lambda: not Path(claim["claim_file"]).parent.exists())
    wait_until(lambda: pid not in renewers(OURS))
    # What it held was given back, and is due again.
    deployment = records.deployment("chat")
    assert deployment is not None
    assert not deployment["claim"]["held"]
    assert len(records.claim(owner=OWNER, preview=True)) == 1


def test_the_renewer_ends_after_the_release(kept: Any, ok: Call) -> None:
    claim, pid = kept
    ok("work_report", claim_file=claim["claim_file"], status="FAILED", cause="No.", release=True)
    wait_until(lambda: pid not in renewers(OURS))


def test_the_renewer_ends_with_the_loss_of_the_claim(kept: Any, ok: Call) -> None:
    claim, pid = kept
    ok("work_claim", deployments=["chat"], takeover=True)
    wait_until(lambda: not Path(claim["claim_file"]).exists())
    wait_until(lambda: pid not in renewers(OURS))


def test_the_janitor_only_removes(ok: Call, chat: Any, playbook_process: Any, snapshot: Any) -> None:
    before = snapshot()
    claim = ok("work_claim", check=True)["claims"][0]
    process = read_process(playbook_process.pid)
    assert process is not None
    assert start(None, [Lease(claim["claim_id"], claim["epoch"], claim["claim_file"])], process) is None
    time.sleep(0.3)
    assert Path(claim["claim_file"]).exists()
    playbook_process.kill()
    playbook_process.wait()
    wait_until(lambda: not Path(claim["claim_file"]).parent.exists())
    assert snapshot() == before


def test_records_that_are_away_for_a_moment(
    ok: Call, chat: Any, connection: dict[str, str], playbook_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claim_due(ok)
    process = read_process(playbook_process.pid)
    assert process is not None
    lease = Lease(claim["claim_id"], claim["epoch"], claim["claim_file"])
    away = {"dsn": "host=127.0.0.1 port=1 dbname=x"} if "dsn" in connection else {"api_url": "http://127.0.0.1:1"}
    problem = start(opener({**connection, **away}), [lease], process)
    assert problem is not None
    assert "not running" in problem or "refuses the connection" in problem
    assert Path(claim["claim_file"]).exists()


# -- sources -----------------------------------------------------------------------------------------------------------


def test_the_source_of_a_directory(ok: Call, chat: Any) -> None:
    claim = claim_due(ok)
    for _again in range(2):
        result = ok("work_source", claim_file=claim["claim_file"])
        assert not result["changed"]
        content = Path(result["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == result["sha256"] == chat["source_sha256"]
        assert stat.S_IMODE(Path(result["path"]).stat().st_mode) == 0o600
    assert Path(result["path"]).parent == Path(claim["claim_file"]).parent


def test_an_image_has_no_source(ok: Call) -> None:
    ok("deployment", name="image", image_uri="r/i:1")
    claim = claim_due(ok)
    assert ok("work_source", claim_file=claim["claim_file"])["path"] == ""


@pytest.mark.parametrize(
    ("check", "words"), [(False, "not renewed and end after 60 s"), (True, "the claim files stay")]
)
def test_without_a_playbook_above_it_says_so(check: bool, words: str) -> None:
    said: list[str] = []
    context: Any = SimpleNamespace(check_mode=check, warn=said.append)
    _work_claim.keep(context, [], None)
    assert words in said[0]
    assert find_owner()[1] is None, "these tests do not run under Ansible"
