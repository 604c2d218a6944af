# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence: an epoch only grows, one worker at a time, and the older one stops."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import compare, fenced, read_epoch
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import Busy, HostError, StaleEpoch
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import (
    HostPaths,
    host_paths,
    other_colour,
    program_name,
)

SLUG = "chat-1a2b3c4d"


@pytest.fixture
def paths(tmp_path: Path) -> HostPaths:
    return host_paths(str(tmp_path / "root"), SLUG, "supervisor", str(tmp_path / "sv"))


@pytest.fixture
def locked(paths: HostPaths) -> Iterator[None]:
    paths.home.mkdir(parents=True)
    handle = os.open(paths.work_lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


def test_epoch_grows(paths: HostPaths) -> None:
    with fenced(paths, 3) as fence:
        fence.check()
    with fenced(paths, 3):
        pass
    with fenced(paths, 5):
        pass
    assert paths.epoch.read_text() == "5\n"
    with pytest.raises(StaleEpoch, match="with epoch 4 is stale: this host has seen epoch 5"), fenced(paths, 4):
        pass
    with pytest.raises(StaleEpoch, match="is worked on by claims"), fenced(paths, None):
        pass
    assert read_epoch(paths) == 5


def test_without_records(paths: HostPaths) -> None:
    with fenced(paths, None) as fence:
        fence.check()
    assert not paths.epoch.exists()
    assert compare(paths, 9) is None


def test_a_newer_claim_stops_the_older_one(paths: HostPaths) -> None:
    with fenced(paths, 1) as fence:
        paths.epoch.write_text("2\n")
        with pytest.raises(StaleEpoch) as caught:
            fence.check()
    assert caught.value.extra == {"epoch": 1, "host_epoch": 2}


@pytest.mark.usefixtures("locked")
def test_a_busy_deployment(paths: HostPaths) -> None:
    paths.work_lock.write_text('{"pid": 12, "epoch": 4, "since": "2026-01-01T00:00:00Z"}')
    sentence = "is worked on by process 12 \\(epoch 4, since 2026-01-01T00:00:00Z\\) on this host and 0.2 s were"
    with pytest.raises(Busy, match=sentence), fenced(paths, 4, wait=0.2):
        pass


@pytest.mark.usefixtures("locked")
def test_waiting_ends_when_overtaken(paths: HostPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    fence = "ansible_collections.selfhosted.langgraph.plugins.module_utils._fence.time.sleep"
    monkeypatch.setattr(fence, lambda seconds: paths.epoch.write_text("8\n"))
    with pytest.raises(StaleEpoch), fenced(paths, 7, wait=60):
        pass


def test_an_epoch_file_that_was_spoilt(paths: HostPaths) -> None:
    paths.home.mkdir(parents=True)
    paths.epoch.write_bytes(b"\xff\x00")
    with pytest.raises(HostError, match="holds no number; write the epoch of the last claim into it"):
        compare(paths, 1)


def test_the_lock_is_free_after_an_error(paths: HostPaths) -> None:
    with pytest.raises(ZeroDivisionError), fenced(paths, 1):
        raise ZeroDivisionError
    with fenced(paths, 1, wait=0):
        pass


def test_names(paths: HostPaths) -> None:
    systemd = host_paths("/opt/langgraph", SLUG)
    assert systemd.api_unit("blue") == "langgraph-chat-1a2b3c4d-api-blue"
    assert systemd.queue_unit("green", 2) == "langgraph-chat-1a2b3c4d-queue-green@2"
    assert str(systemd.unit_file(systemd.queue_unit("green", 2))).endswith(
        "/langgraph-chat-1a2b3c4d-queue-green@.service"
    )
    assert paths.unit_file(paths.queue_unit("green", 2)).name == "langgraph-chat-1a2b3c4d-queue-green-2.conf"
    assert (program_name("a@1"), other_colour("blue"), other_colour(None)) == ("a-1", "green", "blue")
    assert systemd.builder_user("12345678-aaaa") == "lgb-12345678"
    assert len(host_paths("/x", "a" * 20 + "-12345678").service_user) == 32


@pytest.mark.parametrize("slug", ["", "A-12345678", "../x", "a/b", "-a", "a" * 21 + "-12345678", "a\n"])
def test_bad_slugs(slug: str) -> None:
    with pytest.raises(HostError, match="is not of the form"):
        host_paths("/opt/langgraph", slug)


@pytest.mark.parametrize(("root", "platform"), [("relative", "systemd"), ("/", "systemd"), ("/opt/x", "windows")])
def test_bad_places(root: str, platform: str) -> None:
    with pytest.raises(HostError):
        host_paths(root, SLUG, platform)
