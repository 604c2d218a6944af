#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_absent
short_description: Take a deployment's server off a host
version_added: 0.1.0
description:
  - Drains and removes the queue processes and the API, then removes the revisions, the environment files and the
    service user of
    the deployment.
  - Database, Redis and route have their own modules.
  - The files C(epoch) and C(work.lock) stay, so that a late step of an outdated run is refused; so does C(needs.json),
    which is there when the deployment has no database or no Redis.
author:
  - selfhosted.langgraph contributors (@selfhosted)
extends_documentation_fragment:
  - selfhosted.langgraph.server_host
options:
  drain_timeout:
    description: Seconds that requests and background runs in flight may take.
    type: int
    default: 180
attributes:
  check_mode:
    description: Says what would be removed and does nothing.
    support: full
  diff_mode:
    description: Compares what serves before and after.
    support: full
"""

EXAMPLES = r"""
- name: Remove the server of a deployment
  selfhosted.langgraph.server_absent:
    root: /opt/langgraph
    slug: chat-1a2b3c4d
    epoch: 13
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: [Drain and remove queue processes blue, Stop and remove API blue]
needs:
  description: Whether the deployment's revisions on this host needed a database and a Redis. Of an unknown one both.
  returned: success
  type: dict
  sample: {"postgres": true, "redis": true}
log_tail:
  description: Last log lines of what failed.
  returned: failure
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import host_spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_work import absent


def main() -> None:
    module = AnsibleModule(
        argument_spec={**host_spec(), "drain_timeout": {"type": "int", "default": 180}},
        supports_check_mode=True,
    )
    params: dict[str, t.Any] = module.params
    try:
        result = absent(params, module.check_mode)
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
