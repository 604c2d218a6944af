#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_start
short_description: Start a staged revision beside the one that serves, and wait until it answers
version_added: 0.1.0
description:
  - Checks Postgres, Redis, ports and disk with the revision's own packages, starts its API on the free colour, and
    waits until it
    answers with this revision's id. M(selfhosted.langgraph.server_switch) then lets it serve.
  - When it does not come to answer, it is stopped and removed again, and the module fails with the reason and the
    last log lines.
    What served before is not touched.
  - Where this revision already serves, what is stopped of it is started, what runs and does not answer within 10
    seconds is started anew, and nothing else is done.
  - A switch to another revision that was cut, for example by a killed playbook, is finished or undone first.
author:
  - selfhosted.langgraph contributors (@selfhosted)
extends_documentation_fragment:
  - selfhosted.langgraph.server_host
  - selfhosted.langgraph.server_run
options:
  number:
    description: Number of the revision. Needed with O(state=started).
    type: int
  state:
    description:
      - V(started) starts the revision.
      - V(absent) stops and removes a candidate that was started and is not to be switched to.
    type: str
    choices: [started, absent]
    default: started
  database_uri:
    description: Address of the deployment's database, with the password. The alternative to its parts.
    type: str
  database_host:
    description: Host of the database, or directory of its socket.
    type: str
  database_port:
    description: Port of the database.
    type: int
    default: 5432
  database_name:
    description: Name of the database.
    type: str
  database_user:
    description: Role of the database.
    type: str
  database_password:
    description: Password of the role. With O(claim_file) it comes from the claim.
    type: str
  database_sslmode:
    description: The C(sslmode) of the connection, such as V(require).
    type: str
  redis_uri:
    description: Address of the deployment's Redis, with the password. The alternative to its parts.
    type: str
  redis_host:
    description: Host of Redis.
    type: str
  redis_port:
    description: Port of Redis.
    type: int
  redis_user:
    description: User of Redis.
    type: str
  redis_password:
    description: Password of the user. With O(claim_file) it comes from the claim.
    type: str
  connections_per_process:
    description:
      - Connections to Postgres that one process may open. Before a start the database has to have room for old and
        new processes
        together. V(0) leaves this check out.
    type: int
    default: 10
  disk_mb:
    description: Megabytes that have to be free below O(root).
    type: int
    default: 100
  smoke:
    description:
      - One more request to the started API that has to succeed, such as a search for its assistants.
      - Runs are executed by queue processes, and those of this revision start with the switch, so a smoke request
        cannot be a run.
    type: dict
    suboptions:
      path:
        description: Path of the request.
        type: str
        required: true
      method:
        description: Method of the request.
        type: str
        default: GET
      body:
        description: Body of the request, sent as JSON.
        type: dict
      status:
        description: Status of the answer.
        type: int
        default: 200
      contains:
        description: Text that the answer has to contain.
        type: str
      timeout:
        description: Seconds that the answer may take.
        type: int
        default: 30
attributes:
  check_mode:
    description: Says what would be started and does nothing.
    support: full
  diff_mode:
    description: Compares what serves with what would serve after the switch.
    support: full
seealso:
  - module: selfhosted.langgraph.server_stage
  - module: selfhosted.langgraph.server_switch
"""

EXAMPLES = r"""
- name: Start the revision of a claim
  selfhosted.langgraph.server_start:
    root: /opt/langgraph
    slug: chat-1a2b3c4d
    number: 4
    claim_file: "{{ claim.claim_file }}"
    ports: "{{ ports }}"
    database_host: 127.0.0.1
    database_name: chat-1a2b3c4d
    database_user: chat-1a2b3c4d
    redis_host: 127.0.0.1
    redis_port: 22010
    proxy: {}

- name: Start a revision without records, under supervisor
  selfhosted.langgraph.server_start:
    root: /home/me/langgraph
    platform: supervisor
    supervisor_dir: /home/me/supervisor
    slug: chat-1a2b3c4d
    number: 1
    ports:
      api: {blue: 8123, green: 8124}
      queue: {blue-1: 8125, green-1: 8126}
    database_uri: "postgresql://chat:{{ chat_password }}@127.0.0.1:5432/chat"
    redis_uri: redis://127.0.0.1:6379/0
"""

RETURN = r"""
candidate:
  description: Whether a started revision waits for M(selfhosted.langgraph.server_switch).
  returned: success
  type: bool
colour:
  description: Colour of the revision's API, V(blue) or V(green).
  returned: with O(state=started)
  type: str
  sample: green
url:
  description: Address of the deployment without a proxy.
  returned: with O(state=started)
  type: str
  sample: http://127.0.0.1:8123
versions:
  description: Versions that the server reports, C(version) and C(langgraph_py_version). Empty in check mode.
  returned: with O(state=started)
  type: dict
  sample: {version: 0.11.1, langgraph_py_version: 1.2.22}
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: [Start revision 4 as API green on port 22001]
warnings_found:
  description: What was left as it is although it is not as it should be, one sentence each.
  returned: success
  type: list
  elements: str
findings:
  description: The failed checks of before the start.
  returned: when such a check failed
  type: list
  elements: dict
serving:
  description: Number of the revision that serves on.
  returned: when the start failed
  type: int
log_tail:
  description: Last log lines of what failed.
  returned: failure
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import (
    host_spec,
    keep_quiet,
    masked,
    shown_invocation,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_module import run_spec, secrets_of
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_work import start


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **host_spec(),
            **run_spec(),
            "number": {"type": "int"},
            "state": {"type": "str", "choices": ["started", "absent"], "default": "started"},
            "database_uri": {"type": "str", "no_log": True},
            "database_host": {"type": "str"},
            "database_port": {"type": "int", "default": 5432},
            "database_name": {"type": "str"},
            "database_user": {"type": "str"},
            "database_password": {"type": "str", "no_log": True},
            "database_sslmode": {"type": "str"},
            "redis_uri": {"type": "str", "no_log": True},
            "redis_host": {"type": "str"},
            "redis_port": {"type": "int"},
            "redis_user": {"type": "str"},
            "redis_password": {"type": "str", "no_log": True},
            "connections_per_process": {"type": "int", "default": 10},
            "disk_mb": {"type": "int", "default": 100},
            "smoke": {
                "type": "dict",
                "options": {
                    "path": {"type": "str", "required": True},
                    "method": {"type": "str", "default": "GET"},
                    "body": {"type": "dict"},
                    "status": {"type": "int", "default": 200},
                    "contains": {"type": "str"},
                    "timeout": {"type": "int", "default": 30},
                },
            },
        },
        required_if=[("state", "started", ["number"])],
        supports_check_mode=True,
    )
    keep_quiet(module)
    params: dict[str, t.Any] = module.params
    try:
        result = start(params, module.check_mode)
    except HostError as error:
        module.fail_json(**masked(error.result(), secrets_of(params)), invocation=shown_invocation(module))
    for warning in result["warnings_found"]:
        module.warn(warning)
    module.exit_json(**result, invocation=shown_invocation(module))


if __name__ == "__main__":
    main()
