# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host of the inventory is reached for observing it, as Ansible itself would reach it: by ssh, or locally."""

from __future__ import annotations

import configparser
import os
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.selfhosted.langgraph.services.listener.observing.bundle import start_command

LOCAL = ("local", "ansible.builtin.local")
SSH = ("ssh", "smart", "ansible.builtin.ssh")
_TRUE = ("1", "true", "yes", "on", "y", "t")
# The first value that ssh sees wins, so these stand before those of the inventory.
_OURS = (
    "BatchMode=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=10",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "RequestTTY=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
)
DEFAULT_ROOT = "/opt/langgraph"


class NotFollowed(Exception):
    """This host cannot be observed; the message says why."""


class Place(NamedTuple):
    """A host that can be observed. argv starts the observer; root, supervisor_dir: where its servers are."""

    argv: list[str]
    root: str
    supervisor_dir: str


class Defaults:
    """What ansible.cfg and the environment of the runs say about connections."""

    def __init__(self, ansible_config: str = "", environment: Mapping[str, str] | None = None) -> None:
        self._environment = dict(environment or {})
        self._config = configparser.RawConfigParser(strict=False)
        if ansible_config:
            try:
                self._config.read(ansible_config, encoding="utf-8")
            except (configparser.Error, ValueError):
                self._config = configparser.RawConfigParser()

    def get(self, variable: str, *places: tuple[str, str]) -> str:
        """Of the environment's variable, else of the first (section, key)."""
        if self._environment.get(variable):
            return self._environment[variable]
        for section, key in places:
            value: str = self._config.get(section, key, fallback="")
            if value:
                return value
        return ""


def is_true(value: Any) -> bool:
    """A truth as inventories write it."""
    return value is True or str(value).strip().lower() in _TRUE


def _text(variables: Mapping[str, Any], *names: str) -> str:
    """The first variable that is given, as text."""
    for name in names:
        value = variables.get(name)
        if value is not None and str(value) != "":
            text = str(value)
            if "{{" in text:
                raise NotFollowed(f"variable {name} could not be resolved: {text}")
            return text
    return ""


def place_of(host: str, variables: Mapping[str, Any], defaults: Defaults) -> Place:
    """How to observe a host with these variables of the inventory, or NotFollowed."""
    platform = _text(variables, "langgraph_server_platform", "langgraph_platform") or "systemd"
    root = _text(variables, "langgraph_server_root", "langgraph_root") or DEFAULT_ROOT
    supervisor_dir = _text(variables, "langgraph_server_supervisor_dir", "langgraph_supervisor_dir")
    if platform not in ("systemd", "supervisor"):
        raise NotFollowed(f"servers on platform {platform} are not observed by this listener")
    if platform == "supervisor" and not supervisor_dir:
        raise NotFollowed("variable langgraph_supervisor_dir is missing")
    sudo = ""
    if platform == "systemd" or is_true(variables.get("ansible_become")):
        sudo = _sudo(variables)
    python = _text(variables, "ansible_python_interpreter")
    command = start_command(python if python.startswith("/") else "", sudo)
    connection = _text(variables, "ansible_connection") or "ssh"
    if connection in LOCAL:
        argv = ["/bin/sh", "-c", command]
    elif connection in SSH:
        argv = [*_ssh(host, variables, defaults), f"/bin/sh -c {shlex.quote(command)}"]
    else:
        raise NotFollowed(f"connection {connection} is not one of local and ssh")
    return Place(argv, root, supervisor_dir if platform == "supervisor" else "")


def _sudo(variables: Mapping[str, Any]) -> str:
    method = _text(variables, "ansible_become_method") or "sudo"
    user = _text(variables, "ansible_become_user") or "root"
    if method not in ("sudo", "ansible.builtin.sudo"):
        raise NotFollowed(f"ansible_become_method {method} is not sudo")
    if user != "root":
        raise NotFollowed(f"ansible_become_user {user} is not root")
    return "sudo -n --"


def _ssh(host: str, variables: Mapping[str, Any], defaults: Defaults) -> list[str]:
    """The words of ssh up to the command."""
    words = [_text(variables, "ansible_ssh_executable") or defaults.get("ANSIBLE_SSH_EXECUTABLE") or "ssh", "-T"]
    for option in _OURS:
        words += ["-o", option]
    checking = _text(variables, "ansible_ssh_host_key_checking", "ansible_host_key_checking") or defaults.get(
        "ANSIBLE_HOST_KEY_CHECKING", ("ssh_connection", "host_key_checking"), ("defaults", "host_key_checking")
    )
    if checking and not is_true(checking):
        words += ["-o", "StrictHostKeyChecking=no"]
    key = _text(variables, "ansible_ssh_private_key_file", "ansible_private_key_file") or defaults.get(
        "ANSIBLE_PRIVATE_KEY_FILE", ("defaults", "private_key_file")
    )
    if key:
        words += ["-o", f'IdentityFile="{os.path.expanduser(key)}"']
    port = _text(variables, "ansible_port", "ansible_ssh_port") or defaults.get(
        "ANSIBLE_REMOTE_PORT", ("defaults", "remote_port")
    )
    if port:
        words += ["-p", port]
    user = _text(variables, "ansible_user", "ansible_ssh_user") or defaults.get(
        "ANSIBLE_REMOTE_USER", ("defaults", "remote_user")
    )
    if user:
        words += ["-l", user]
    for name in ("ssh_args", "ssh_common_args", "ssh_extra_args"):
        given = _text(variables, f"ansible_{name}") or defaults.get(f"ANSIBLE_{name.upper()}", ("ssh_connection", name))
        try:
            words += shlex.split(given)
        except ValueError as error:
            raise NotFollowed(f"ansible_{name} cannot be read ({error})") from None
    address = _text(variables, "ansible_host", "ansible_ssh_host") or host
    if address.startswith("-"):
        raise NotFollowed(f"address {address} looks like an option")
    return [*words, "--", address]
