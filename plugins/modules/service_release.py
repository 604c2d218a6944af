#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_release
short_description: Code and virtual environment of a service on its host
version_added: 0.1.0
description:
  - Brings a service of the running collection to a host, with the packages of its lock, as a new release. What runs is
    not touched; the roles C(langgraph_control_plane) and C(langgraph_listener) restart it.
  - A release is a directory below O(dir) that never changes once it has its name. A few older ones are kept to go back.
options:
  service:
    description:
      - Which service. V(control_plane) is code alone, V(listener) brings the plugins, roles and playbooks that it runs.
    type: str
    choices: [control_plane, listener]
    required: true
  dir:
    description: Directory of the releases, their environments and the link C(current).
    type: path
    required: true
  collection:
    description: Directory of the collection on the controller. Left out, the one that this task belongs to.
    type: path
  python:
    description:
      - An interpreter on the host that has the packages already. No virtual environment is made then.
    type: path
  venv_python:
    description: The interpreter that the virtual environment is made with.
    type: path
    default: /usr/bin/python3
  uv:
    description: The program uv on the host. Needed without O(python).
    type: path
  uv_env:
    description: Further environment of uv, such as C(UV_DEFAULT_INDEX) or C(HTTPS_PROXY). Is not shown.
    type: dict
  keep:
    description: How many releases of before are kept, at least 1.
    type: int
    default: 3
  name:
    description: Set by the action on the controller.
    type: str
  lock_sha256:
    description: Set by the action on the controller.
    type: str
  archive:
    description: Set by the action on the controller.
    type: path
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: The control plane of this collection
  selfhosted.langgraph.service_release:
    service: control_plane
    dir: /opt/langgraph-control-plane
    uv: /opt/langgraph-control-plane/tools/bin/uv
  register: release

- name: The listener, in an environment that is there
  selfhosted.langgraph.service_release:
    service: listener
    dir: /home/me/listener
    python: /home/me/venv/bin/python
"""

RETURN = r"""
release:
  description: Name of the release, made of the collection's version and of its content.
  returned: success
  type: str
  sample: 0.1.0-1a2b3c4d5e6f
directory:
  description: Where its code lies, to be put on the path of the interpreter.
  returned: success
  type: str
  sample: /opt/langgraph-control-plane/releases/0.1.0-1a2b3c4d5e6f
python:
  description: The interpreter that has its packages.
  returned: success
  type: str
  sample: /opt/langgraph-control-plane/venvs/9f8e7d6c5b4a/bin/python
interpreter:
  description: Where that one really lies, without links. What it needs besides is beside it.
  returned: success
  type: str
  sample: /usr/bin/python3.11
actions:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [unpack release 0.1.0-1a2b3c4d5e6f]
removed:
  description: Releases and environments that were removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._children import signals_as_errors
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import (
    keep_quiet,
    masked,
    shown_invocation,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._releases import Releases, bring


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "choices": ["control_plane", "listener"], "required": True},
            "dir": {"type": "path", "required": True},
            "collection": {"type": "path"},
            "python": {"type": "path"},
            "venv_python": {"type": "path", "default": "/usr/bin/python3"},
            "uv": {"type": "path"},
            "uv_env": {"type": "dict", "no_log": True},
            "keep": {"type": "int", "default": 3},
            "name": {"type": "str"},
            "lock_sha256": {"type": "str", "no_log": False},
            "archive": {"type": "path"},
        },
        required_one_of=[("python", "uv")],
        supports_check_mode=True,
    )
    keep_quiet(module)
    os.umask(0o022)
    try:
        if not module.params["name"]:
            raise HostError(
                "The collection is packed on the controller; call the module by its full name, as an action."
            )
        if module.params["keep"] < 1:
            raise HostError("keep must be at least 1: what runs goes on with its release until it is restarted.")
        with signals_as_errors("Installing the release"):
            result = bring(Releases(Path(module.params["dir"])), module.params, module.check_mode)
    except HostError as error:
        values = (module.params["uv_env"] or {}).values()
        module.fail_json(**masked(error.result(), values), invocation=shown_invocation(module))
    result["diff"] = {"before": "", "after": "".join(f"{action}\n" for action in result.get("actions", []))}
    module.exit_json(**result, invocation=shown_invocation(module))


if __name__ == "__main__":
    main()
