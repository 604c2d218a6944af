# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, users and settings of a Redis instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _redis_instance as redis
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import HostPaths
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import open_services

WANTED = redis.Wanted(port=22004, username="langgraph", password="s3cret", unit_text="")


def instance(platform: str) -> redis.Instance:
    paths = HostPaths(Path("/opt/langgraph"), "chat-1a2b3c4d", platform, Path("/tmp/s"))
    return redis.Instance(paths, open_services(platform, "/tmp/s"), WANTED)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("64mb", "67108864", True),
        ("64MB", "67108864", True),
        ("64m", "67108864", False),
        ("1k", "1000", True),
        ('""', "", True),
        ("Yes", "yes", True),
        ("900 1", "900 1", True),
        ("everysec", "always", False),
    ],
)
def test_settings_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    assert (redis.normal(one) == redis.normal(other)) is same


def test_users_can_do_what_servers_need_and_no_more() -> None:
    text = instance("systemd")._acl_text(WANTED, "administrator's")
    assert "s3cret" not in text
    assert text.splitlines()[0] == "user default off nopass -@all"
    assert "-@admin -@dangerous" in text.splitlines()[1]


def test_what_keeps_an_instance_private_cannot_be_set() -> None:
    asked = redis.Wanted(
        **{**WANTED.__dict__, "settings": {"bind": "0.0.0.0", "aclfile": "", "port": "1", "timeout": "9"}}
    )
    found = instance("systemd").directives(asked)
    assert (found["bind"], found["port"], found["timeout"]) == ("127.0.0.1", "22004", "9")
    assert found["aclfile"] == '"/opt/langgraph/chat-1a2b3c4d/redis/users.acl"'


@pytest.mark.parametrize(("platform", "supervised"), [("systemd", "systemd"), ("supervisor", "no")])
def test_systemd_is_told_when_it_is_ready(platform: str, supervised: str) -> None:
    assert instance(platform).directives(WANTED)["supervised"] == supervised


def test_an_address_holds_every_password() -> None:
    uri = redis.uri({"host": "127.0.0.1", "port": 22004, "username": "langgraph"}, "p@ss/:%")
    assert uri == "redis://langgraph:p%40ss%2F%3A%25@127.0.0.1:22004/0"


def test_the_text_of_a_program_does_not_count_its_autostart() -> None:
    assert redis._plain("a=1\nautostart=true\n") == redis._plain("a=1\n")
