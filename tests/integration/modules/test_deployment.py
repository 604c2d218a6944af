# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules deployment, revision and revision_info."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Records
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_open import open_records

Call = Callable[..., dict[str, Any]]
OWNER: Any = {"host": "elsewhere", "boot_id": "x", "pid": 1, "start_time": 1, "user": "bob", "label": "bob"}
NASTY = {
    "TEMPLATE": "{{ lookup('pipe', 'touch /tmp/never') }}{% raw %}",
    "SHELL": "$(reboot) `id` \"; rm -rf / #' && ${HOME} %s %(x)s \\n",
    "LINES": "one\ntwo\r\n\tthree\n",
    "UNICODE": "zażółć 🦜 \u2028",
    "EMPTY": "",
    "JSON": '{"a": [1, null, "x"]}',
    "BOOL_LIKE": "yes",
    "NUMBER_LIKE": "0123",
}


def work_off(records: Records, *statuses: str, name: str = "chat", **last: Any) -> dict[str, Any]:
    """Claim a deployment, report these statuses and release."""
    (claim,) = records.claim([name], owner=OWNER)
    public = claim["public"]
    answer: Any = None
    for status in statuses:
        rest = {**last, "release": True} if status == statuses[-1] else {}
        answer = records.report(public["claim_id"], public["epoch"], status, **rest)
    found: dict[str, Any] = answer["revision"]
    return found


def deploy(records: Records, name: str = "chat") -> None:
    """Bring the pending revision through."""
    work_off(records, "BUILDING", "AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED", name=name, url="http://h/chat")


def test_a_host_group_is_chosen_once(ok: Call, fails: Call, source: Path) -> None:
    ok("listener", compute_id="rack", compute_config={"host_groups": ["gpu", "cpu"]})
    wanted = {"name": "chat", "listener": "rack", "source_directory": str(source)}
    made = ok("deployment", host_group="gpu", **wanted)["deployment"]
    assert made["source_config"]["listener_config"] == {"k8s_namespace": "gpu"}
    assert not ok("deployment", k8s_namespace="gpu", **wanted)["changed"]
    assert "k8s_namespace" in fails("deployment", host_group="cpu", **wanted)["msg"]


def test_check_mode_predicts_and_writes_nothing(ok: Call, source: Path, snapshot: Callable[[], Any]) -> None:
    steps: list[tuple[dict[str, Any], bool, bool]] = [
        ({"source_directory": str(source), "env": NASTY, "secrets": {"KEY": "one-secret"}}, True, True),
        ({"source_directory": str(source), "env": NASTY, "secrets": {"KEY": "one-secret"}}, False, False),
        ({"secrets": {"KEY": "two-secret"}}, True, True),
        ({"secrets": {"KEY": "********"}}, False, False),
        ({"secrets": {"KEY": "********", "OTHER": "three-secret"}}, True, True),
        ({"display_name": "Chat"}, True, False),
        ({"display_name": "", "flavour": "", "listener": "", "source": ""}, False, False),
        ({"resource_spec": {"memory_mb": 512, "queue_min_scale": 2}, "comment": "Bigger"}, True, True),
        ({"comment": "Only words"}, False, False),
        ({"env": {}}, True, True),
        ({"state": "absent", "force": True}, True, False),
        ({"state": "absent"}, False, False),
    ]
    for number, (options, changed, revision) in enumerate(steps):
        before = snapshot()
        predicted = ok("deployment", check=True, name="chat", **options)
        assert snapshot() == before, f"step {number} wrote in check mode"
        real = ok("deployment", name="chat", **options)
        assert (real["changed"], real["new_revision"]) == (changed, revision), f"step {number}: {real}"
        for key in ("changed", "diff", "action", "new_revision", "zero_downtime"):
            assert predicted[key] == real[key], f"step {number}: {key}"
        if not changed:
            assert snapshot() == before, f"step {number} wrote although nothing changed"
        assert "-secret" not in str(predicted) + str(real)


def test_values_arrive_byte_for_byte(ok: Call, records: Records, source: Path) -> None:
    secrets = {f"S_{name}": value for name, value in NASTY.items()}
    message = "{{ 1 + 1 }} $(id)"
    ok("deployment", name="chat", source_directory=str(source), env=NASTY, secrets=secrets, comment=message)
    (claim,) = records.claim(owner=OWNER)
    assert claim["private"]["env"] == NASTY
    assert claim["private"]["secrets"] == secrets
    shown = ok("revision_info", deployment="chat", number=1)["revisions"][0]
    assert shown["env"] == NASTY
    assert shown["message"] == message
    assert set(shown["secrets"].values()) == {"********"}


def test_a_source_is_uploaded_only_when_it_differs(ok: Call, records: Records, source: Path) -> None:
    first = ok("deployment", name="chat", source_directory=str(source))["revision"]
    os.utime(source / "langgraph.json", (0, 0))
    (source / "agent" / "graph.py").chmod(0o600)
    assert not ok("deployment", name="chat", source_directory=str(source))["changed"]
    (source / "agent" / "graph.py").write_text("graph = 1\n")
    second = ok("deployment", name="chat", source_directory=str(source))
    assert second["diff"]["after"]["source_sha256"] == second["revision"]["source_sha256"] != first["source_sha256"]
    assert records.has_source(first["source_sha256"])
    stored = b"".join(records.open_source(second["revision"]["source_sha256"]))
    with tarfile.open(fileobj=io.BytesIO(stored)) as archive:
        assert "langgraph.json" in archive.getnames()


def test_a_tarball_as_source(ok: Call, fails: Call, source: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.tar.gz", tmp_path / "bad.tar.gz"
    with tarfile.open(good, "w:gz") as archive:
        archive.add(source, arcname=".")
    assert ok("deployment", name="chat", source_tarball=str(good))["new_revision"]
    assert not ok("deployment", name="chat", source_tarball=str(good))["changed"]
    bad.write_bytes(b"nonsense")
    for check in (True, False):
        assert "tarball" in fails("deployment", check=check, name="chat", source_tarball=str(bad))["msg"]
    with tarfile.open(bad, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    assert "leaves its folder" in fails("deployment", name="chat", source_tarball=str(bad))["msg"]
    assert "cannot be read" in fails("deployment", name="chat", source_tarball=str(tmp_path / "nope"))["msg"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "Chat"}, "no valid name"),
        ({"name": "a" * 64}, "no valid name"),
        ({"env": {"1A": "x"}}, "'1A' in env"),
        ({"env": {"PORT": "1"}}, "PORT in env is set by the platform"),
        ({"secrets": {"DATABASE_URI": "x"}}, "DATABASE_URI in secrets"),
        ({"env": {"A": 1}}, "value of A in env is not a string"),
        ({"secrets": {"A": {"b": "c"}}}, "value of A in secrets is not a string"),
        ({"env": {"A": "x\0y"}}, "NUL"),
        ({"env": {"A": "1"}, "secrets": {"A": "2"}}, "A stands in env and in secrets"),
        ({"resource_spec": {"cpus": 1}}, "resource_spec.cpus is not known"),
        ({"resource_spec": {"cpu": 99}}, "resource_spec.cpu is 99"),
        ({"repo_url": "file:///etc"}, "repo_url"),
        ({"repo_url": "ext::sh -c id"}, "repo_url"),
        ({"repo_url": "--upload-pack=id"}, "repo_url"),
        ({"repo_url": "https://user:canary@h/x"}, "password"),
        ({"repo_url": "https://h/x", "repo_ref": "-x"}, "repo_ref"),
        ({"repo_url": "https://h/x", "repo_ref": "a..b"}, "repo_ref"),
        ({"source_directory": "/nowhere"}, "/nowhere"),
        ({"source_directory": "/nowhere", "image_uri": "x"}, "one source"),
        ({"listener": "nope"}, "nope"),
        ({"secrets": {"A": "********"}}, "mask"),
        ({"api_version": "; rm"}, "api_version"),
    ],
)
def test_bad_input_is_one_sentence(fails: Call, options: dict[str, Any], words: str, snapshot: Any) -> None:
    before = snapshot()
    options = {"name": "chat", **options}
    predicted = fails("deployment", check=True, **options)
    result = fails("deployment", **options)
    assert words in result["msg"]
    assert predicted["msg"] == result["msg"]
    assert "canary" not in result["msg"]
    assert snapshot() == before


def test_what_cannot_be_changed(ok: Call, fails: Call, source: Path) -> None:
    ok("deployment", name="chat", source_directory=str(source))
    assert "cannot be changed" in fails("deployment", name="chat", repo_url="https://h/x")["msg"]
    assert "cannot be changed" in fails("deployment", name="chat", image_uri="r/i:1")["msg"]


def test_other_sources(ok: Call) -> None:
    git = ok("deployment", name="git", repo_url="git@h.example:agents/x.git", repo_ref="v1")
    assert git["new_revision"]
    assert git["deployment"]["source"] == "github"
    image = ok("deployment", name="image", image_uri="r.example/agents/x:1")
    assert image["deployment"]["source_revision_config"]["image_uri"] == "r.example/agents/x:1"


def test_waiting_for_what_somebody_else_does(
    ok: Call, fails: Call, connection: dict[str, str], source: Path, records: Records
) -> None:
    def work(*statuses: str, **last: Any) -> threading.Thread:
        def run() -> None:
            own = open_records(connection)
            end = time.monotonic() + 20
            while not own.claim(owner=OWNER, preview=True) and time.monotonic() < end:
                time.sleep(0.05)
            work_off(own, *statuses, **last)
            own.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    thread = work("BUILDING", "AWAITING_DEPLOY", "DEPLOYING", "DEPLOYED", url="http://h/chat")
    done = ok("deployment", name="chat", source_directory=str(source), wait=True, wait_timeout=20)
    thread.join()
    assert done["revision"]["status"] == "DEPLOYED"
    assert done["deployment"]["active_revision_number"] == 1
    assert not ok("deployment", name="chat", source_directory=str(source), wait=True)["changed"]

    thread = work("BUILDING", "FAILED", cause="Graph agent cannot be imported.", log_tail="Traceback\nBoom")
    result = fails("deployment", name="chat", env={"A": "1"}, wait=True, wait_timeout=20)
    thread.join()
    assert result["msg"] == "Revision 2 of deployment chat is BUILD_FAILED: Graph agent cannot be imported."
    assert (result["cause"], result["log_tail"]) == ("Graph agent cannot be imported.", "Traceback\nBoom")
    # Nothing differs, but what is wanted is not there either.
    assert "BUILD_FAILED" in fails("deployment", name="chat", env={"A": "1"}, wait=True)["msg"]
    assert "still QUEUED" in fails("deployment", name="chat", env={"A": "2"}, wait=True, wait_timeout=0)["msg"]


def test_deleting(ok: Call, fails: Call, connection: dict[str, str], source: Path, records: Records) -> None:
    ok("deployment", name="chat", source_directory=str(source))
    (claim,) = records.claim(owner=OWNER)
    public = claim["public"]
    records.place(public["claim_id"], public["epoch"], "host", [{"role": "api", "slot": "blue"}])
    for status in ("BUILDING", "AWAITING_DEPLOY", "DEPLOYING"):
        records.report(public["claim_id"], public["epoch"], status)
    records.report(public["claim_id"], public["epoch"], "DEPLOYED", release=True)
    asked = ok("deployment", name="chat", state="absent")
    assert asked["deployment"]["status"] == "AWAITING_DELETE"
    assert not ok("deployment", name="chat", state="absent")["changed"]
    assert "still being deleted" in fails("deployment", name="chat", state="absent", wait=True, wait_timeout=0)["msg"]

    def fail_then_finish() -> None:
        own = open_records(connection)
        (first,) = own.claim(owner=OWNER)
        own.report(
            first["public"]["claim_id"], first["public"]["epoch"], "DELETE_FAILED", cause="No dump.", release=True
        )
        own.close()

    thread = threading.Timer(0.5, fail_then_finish)
    thread.start()
    result = fails("deployment", name="chat", state="absent", wait=True, wait_timeout=20)
    thread.join()
    assert "No dump" in result["msg"]
    again = ok("deployment", name="chat", state="absent", skip_dump=True)
    assert again["changed"]
    (claim,) = records.claim(owner=OWNER)
    assert claim["public"]["deployment"]["skip_dump"]
    records.report(claim["public"]["claim_id"], claim["public"]["epoch"], "DELETED", release=True)
    gone = ok("deployment", name="chat", state="absent", wait=True)
    assert (gone["changed"], gone["deployment"]) == (False, None)


def test_rolling_back(ok: Call, fails: Call, records: Records, snapshot: Callable[[], Any]) -> None:
    ok("deployment", name="chat", image_uri="r/i:1", secrets={"KEY": "secret-of-one"})
    deploy(records)
    ok("deployment", name="chat", image_uri="r/i:2", secrets={"KEY": "secret-of-two"})
    deploy(records)
    steps: list[tuple[dict[str, Any], bool, int]] = [
        ({"number": 2, "state": "active"}, False, 2),
        ({"number": 1, "state": "active", "comment": "Back"}, True, 3),
        ({"number": 1, "state": "active"}, False, 3),
        ({"number": 1, "pinned": True}, True, 1),
        ({"number": 1, "pinned": True}, False, 1),
        ({"number": 2, "state": "active", "pinned": True, "secrets": "of_revision"}, True, 4),
        ({"number": 2, "pinned": False}, True, 2),
    ]
    for index, (options, changed, number) in enumerate(steps):
        before = snapshot()
        predicted = ok("revision", check=True, deployment="chat", **options)
        assert snapshot() == before, f"step {index} wrote in check mode"
        real = ok("revision", deployment="chat", **options)
        assert (real["changed"], real["revision"]["number"]) == (changed, number), f"step {index}: {real}"
        assert (predicted["changed"], predicted["diff"]) == (real["changed"], real["diff"]), f"step {index}"
        assert "secret-of" not in str(real)
    assert ok("revision_info", deployment="chat", number=3)["revisions"][0]["message"] == "Back"
    assert "needs the option number" in fails("revision", deployment="chat", state="active")["msg"]
    assert "revision 9" in fails("revision", deployment="chat", number=9, state="active")["msg"]
    assert "no deployment nope" in fails("revision", deployment="nope", number=1)["msg"]


def test_interrupting_and_redeploying(ok: Call, fails: Call, records: Records, snapshot: Callable[[], Any]) -> None:
    ok("deployment", name="chat", image_uri="r/i:1")
    (claim,) = records.claim(owner=OWNER)
    for changed in (True, False):
        before = snapshot()
        predicted = ok("revision", check=True, deployment="chat", state="interrupted")
        assert snapshot() == before
        assert predicted["changed"] is changed
        assert ok("revision", deployment="chat", state="interrupted")["changed"] is changed
    public = claim["public"]
    assert records.renew(public["claim_id"], public["epoch"])["interrupt_requested"]
    records.report(public["claim_id"], public["epoch"], "INTERRUPTED", release=True)
    assert not ok("revision", deployment="chat", state="interrupted", wait=True)["changed"]
    assert "was interrupted" in fails("deployment", name="chat", image_uri="r/i:1", wait=True)["msg"]
    again = ok("revision", deployment="chat", state="redeployed")
    assert again["revision"]["number"] == 2
    deploy(records)
    assert "was deployed before" in fails("revision", deployment="chat", number=2, state="interrupted")["msg"]
    ok("deployment", name="chat", image_uri="r/i:2")
    waiting = ok("revision", deployment="chat", state="interrupted", wait=True)
    assert waiting["revision"]["status"] == "INTERRUPTED"


def test_revision_info(ok: Call, records: Records) -> None:
    ok("deployment", name="chat", image_uri="r/i:1", comment="First", secrets={"KEY": "canary-of-info"})
    deploy(records)
    ok("deployment", name="chat", image_uri="r/i:2")
    (claim,) = records.claim(owner=OWNER)
    public = claim["public"]
    records.append_logs(public["claim_id"], "deploy", [{"seq": n, "message": f"line {n}"} for n in (1, 2, 3)])
    records.report(
        public["claim_id"], public["epoch"], "FAILED", cause="No.", log_tail="a\nb", lock="x==1\n", release=True
    )
    everything = ok("revision_info", deployment="chat")
    assert [item["number"] for item in everything["revisions"]] == [2, 1]
    assert "canary-of-info" not in str(everything)
    (failed,) = ok("revision_info", deployment="chat", status=["DEPLOY_FAILED", "BUILD_FAILED"], logs="deploy")[
        "revisions"
    ]
    assert (failed["number"], failed["cause"], failed["log_tail"]) == (2, "No.", "a\nb")
    assert [line["message"] for line in failed["logs"]] == ["line 1", "line 2", "line 3"]
    assert failed["timings"]["QUEUED"]
    (one,) = ok("revision_info", deployment="chat", number=2)["revisions"]
    assert one["lock"] == "x==1\n"
    assert ok("revision_info", deployment="chat", number=1)["revisions"][0]["active"]
    assert ok("revision_info", deployment="chat", limit=1, offset=1)["revisions"][0]["message"] == "First"
    assert ok("revision_info", deployment="chat", number=9)["revisions"] == []
