#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_switch
short_description: Let a started revision serve, and retire the one that served
version_added: 0.1.0
description:
  - "With a proxy: new requests go to the new API, sessions of the old one end, new queue processes start, the old
    ones drain,
    the proxy's configuration is written, the old API stops. No request is lost."
  - "Without one: the old API stops when its answers have ended, the new one starts in its place, and the old one
    comes back when
    the new one does not answer."
  - Where a switch stands is read from the host itself. One that was killed at any point is finished by running it
    again.
  - Brings the number of queue processes to O(queue_count), and removes revisions that are not to be kept.
  - Changes nothing where all is as it should be.
author:
  - selfhosted.langgraph contributors (@selfhosted)
extends_documentation_fragment:
  - selfhosted.langgraph.server_host
  - selfhosted.langgraph.server_run
options:
  number:
    description: Number of the revision that M(selfhosted.langgraph.server_start) has started.
    type: int
    required: true
  keep:
    description:
      - Numbers of the revisions that stay on the host beside the one that serves. Others are removed.
      - Without it none is removed.
    type: list
    elements: int
  announced:
    description:
      - Sentences of an earlier step, as RV(selfhosted.langgraph.server_start#module:actions), that check mode is not
        to say again. A run ignores them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says what would be done and does nothing.
    support: full
  diff_mode:
    description: Compares what serves before and after.
    support: full
seealso:
  - module: selfhosted.langgraph.server_start
"""

EXAMPLES = r"""
- name: Let revision 4 serve, behind the proxy
  selfhosted.langgraph.server_switch:
    root: /opt/langgraph
    slug: chat-1a2b3c4d
    epoch: 12
    number: 4
    keep: [1, 2, 3, 4]
    proxy: {}
"""

RETURN = r"""
colour:
  description: Colour of the API that serves.
  returned: success
  type: str
  sample: green
url:
  description: Address of the deployment without a proxy.
  returned: success
  type: str
  sample: http://127.0.0.1:8123
actions:
  description: What was done, or would be done in check mode, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["Proxy: let API green (revision 4) take requests", "Proxy: drain API blue"]
warnings_found:
  description: What did not go as it should without stopping the switch, one sentence each.
  returned: success
  type: list
  elements: str
restored:
  description: Number of the revision that serves again.
  returned: when the switch failed after the old revision was stopped
  type: int
restore_failed:
  description: Why the old revision could not be brought back.
  returned: when neither revision serves
  type: str
log_tail:
  description: Last log lines of what failed.
  returned: failure
  type: list
  elements: str
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import host_spec, masked
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_module import run_spec, secrets_of
from ansible_collections.selfhosted.langgraph.plugins.module_utils._server_work import switch


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **host_spec(),
            **run_spec(),
            "number": {"type": "int", "required": True},
            "keep": {"type": "list", "elements": "int"},
            "announced": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params: dict[str, t.Any] = module.params
    try:
        result = switch(params, module.check_mode)
    except HostError as error:
        module.fail_json(**masked(error.result(), secrets_of(params)))
    for warning in result["warnings_found"]:
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
