#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_redis
short_description: The Redis instance of one deployment
version_added: 0.1.0
description:
  - Keeps an instance of its own for a deployment, on the loopback address, with persistence, one user with a password,
    and a service C(langgraph-SLUG-redis). Servers of different deployments in one instance would hear one another.
  - A running instance is never restarted, since that can make runs in progress run twice. Changes are put into the
    running instance where Redis can do that; else they wait for its next restart, and RV(restart_required) says so.
  - A stopped instance is started.
options:
  port:
    description: Port of the instance. Needed with O(state=present).
    type: int
  username:
    description: Name of the user as whom servers log in.
    type: str
    default: langgraph
  password:
    description: Password of that user. Needed with O(state=present); O(claim_file) gives it.
    type: str
  maxmemory:
    description: Most memory for data, such as V(256mb); V(0) is no limit. A full instance refuses writes.
    type: str
    default: "0"
  settings:
    description: Further directives of C(redis.conf). What makes the instance private cannot be changed here.
    type: dict
    default: {}
  unit_text:
    description: Text of the service's unit or program. Needed with O(state=present).
    type: str
  user:
    description: System user that the instance runs as, on O(platform=systemd).
    type: str
    default: redis
  state:
    description: Whether there is such an instance. With V(absent) its data is removed too.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.server_host
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Redis of a deployment, password from its claim
  selfhosted.langgraph.server_redis:
    root: /opt/langgraph
    claim_file: "{{ claim.claim_file }}"
    port: 22004
    unit_text: "{{ lookup('ansible.builtin.template', 'redis.service.j2') }}"
  register: redis

- name: Gone, with its data
  selfhosted.langgraph.server_redis:
    root: /opt/langgraph
    slug: chat-1a2b3c4d
    state: absent
"""

RETURN = r"""
host:
  description: Address of the instance.
  returned: with O(state=present)
  type: str
  sample: 127.0.0.1
port:
  description: Port of the instance.
  returned: with O(state=present)
  type: int
  sample: 22004
username:
  description: User as whom servers log in.
  returned: with O(state=present)
  type: str
  sample: langgraph
actions:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [write configuration, set maxmemory]
restart_required:
  description: A change takes effect only when the instance is restarted, which is left to you.
  returned: with O(state=present)
  type: bool
  sample: false
restart_reasons:
  description: Why a restart is needed.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [its unit was changed after it was started]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import compare, fenced
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import (
    fence_arguments,
    host_spec,
    module_paths,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._redis_instance import HOST, Instance, Wanted
from ansible_collections.selfhosted.langgraph.plugins.module_utils._services import open_services


def wanted_of(params: dict[str, t.Any]) -> Wanted:
    """What the options ask for."""
    for name, value in params["settings"].items():
        if "\n" in f"{name}{value}" or not str(name).replace("-", "").isalnum():
            raise HostError(f"The directive {name!r} in settings is malformed; use names and values of redis.conf.")
    return Wanted(
        port=params["port"],
        username=params["username"],
        password=params["password"],
        unit_text=params["unit_text"],
        maxmemory=params["maxmemory"],
        user=params["user"] if params["platform"] == "systemd" else None,
        settings={str(name): str(value) for name, value in params["settings"].items()},
    )


def work(module: AnsibleModule) -> dict[str, t.Any]:
    """Do what the options say, behind the fence; the task's result."""
    params = module.params
    paths = module_paths(params)
    epoch, wait = fence_arguments(params)
    services = open_services(params["platform"], params["supervisor_dir"])
    present = params["state"] == "present"
    instance = Instance(paths, services, wanted_of(params) if present else None)
    verb = instance.present if present else instance.absent
    if module.check_mode or (not present and not paths.home.is_dir()):
        compare(paths, epoch)
        outcome = verb(module.check_mode, lambda: None)
    else:
        with fenced(paths, epoch, wait) as fence:
            outcome = verb(False, fence.check)
    result: dict[str, t.Any] = {"changed": bool(outcome.actions), "actions": outcome.actions, "diff": outcome.diff}
    if present:
        result.update(
            host=HOST,
            port=params["port"],
            username=params["username"],
            restart_required=bool(outcome.restart_reasons),
            restart_reasons=outcome.restart_reasons,
        )
        if outcome.restart_reasons:
            module.warn(
                f"Redis of {paths.slug} needs a restart ({'; '.join(outcome.restart_reasons)}), which is left to you:"
                f" restart {instance.unit} while no run is active."
            )
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **host_spec(),
            "port": {"type": "int"},
            "username": {"type": "str", "default": "langgraph"},
            "password": {"type": "str", "no_log": True},
            "maxmemory": {"type": "str", "default": "0"},
            "settings": {"type": "dict", "default": {}},
            "unit_text": {"type": "str"},
            "user": {"type": "str", "default": "redis"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["port", "password", "unit_text"])],
        supports_check_mode=True,
    )
    try:
        result = work(module)
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
