#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_stage
short_description: Put one revision of a deployment on a server host, ready to start
version_added: 0.1.0
description:
  - Unpacks the source, resolves its dependencies once, makes a virtual environment from that lock, imports every graph
    in it, and writes environment, start module and unit texts to C(<root>/<slug>/revisions/<number>).
  - Starts and stops nothing. The revision's directory appears whole by one rename, or not at all; a run that was killed
    is cleaned up by the next one.
  - A staged revision is immutable. Files of it that were edited by hand are put right; other contents need a new
    number.
  - Building and importing run the code of the source, never as root.
author:
  - selfhosted.langgraph contributors (@selfhosted)
extends_documentation_fragment:
  - selfhosted.langgraph.server_host
options:
  number:
    description: Number of the revision.
    type: int
    required: true
  revision_id:
    description: UUID of the revision; the server shows it in C(/info).
    type: str
    required: true
  deployment_id:
    description: UUID of the deployment, for the server's C(/info) and metric labels.
    type: str
    default: ''
  deployment_name:
    description: Name of the deployment, for the server's metric labels.
    type: str
    default: ''
  workspace_id:
    description: UUID of the workspace. Its deployments share a builder (user and package cache) on the host.
    type: str
    required: true
  source:
    description:
      - Tarball of the source.
      - Used as an action (the normal way) it is a path on the controller, sent to the host only when the revision is
        not staged there.
    type: path
  source_sha256:
    description: SHA-256 of the tarball; what arrives is compared with it.
    type: str
  langgraph_config_path:
    description: Path of C(langgraph.json) inside the source.
    type: str
    default: langgraph.json
  env:
    description: Environment variables of the server. Values are strings and reach the server byte for byte.
    type: dict
    default: {}
  secrets:
    description: Environment variables of the server whose values are secret.
    type: dict
    default: {}
  lock:
    description:
      - Resolved requirements, as returned by an earlier run. Empty resolves.
    type: str
    default: ''
  refresh_lock:
    description:
      - Ask the package index even if an earlier revision on this host has the same requirements. Without it a revision
        that changes no requirement keeps the packages of the one before.
    type: bool
    default: false
  api_version:
    description: Version of the server software, whole or its first parts; empty means the flavour's default.
    type: str
    default: ''
  flavour:
    description: Data of the server software, as in the variables of role C(langgraph_server).
    type: dict
    required: true
  files:
    description:
      - Further files of the revision, name to text, such as C(start.py) and C(units/api.unit).
    type: dict
    default: {}
  uv:
    description: Path of the C(uv) program; by default the one below O(root), next to Ansible's Python, or on PATH.
    type: path
  python:
    description: Path of the Python interpreter; by default C(python3.X) of the host, as the source wants.
    type: path
  uv_env:
    description: Environment of C(uv), such as C(UV_DEFAULT_INDEX) or C(HTTPS_PROXY).
    type: dict
    default: {}
  collection_version:
    description: Version of the collection, noted with the revision.
    type: str
    default: ''
  timeout:
    description: Seconds that the whole staging may take.
    type: int
    default: 900
attributes:
  check_mode:
    description: Says what would be staged and does nothing.
    support: full
  diff_mode:
    description: Compares with the revision that serves. Values of environment variables are masked.
    support: full
"""

EXAMPLES = r"""
- name: Stage the revision of a claim
  selfhosted.langgraph.server_stage:
    root: /opt/langgraph
    claim_file: "{{ claim.claim_file }}"
    source: "{{ source.path }}"
    flavour: "{{ langgraph_server_flavours.langgraph }}"
    files:
      start.py: "{{ lookup('ansible.builtin.file', 'start.py') }}"

- name: Stage a revision without records
  selfhosted.langgraph.server_stage:
    root: /home/me/langgraph
    platform: supervisor
    slug: chat-1a2b3c4d
    workspace_id: 00000000-0000-4000-8000-000000000001
    number: 1
    revision_id: 6f0a3c1e-5b0e-4a39-9a53-7a2f7d8f0c11
    source: /home/me/chat.tar.gz
    flavour: "{{ langgraph_server_flavours.langgraph }}"
    env:
      GREETING: Hello
"""

RETURN = r"""
staged:
  description: Whether the revision is on the host now.
  returned: always
  type: bool
needs_source:
  description: The revision is not on the host and no source was given.
  returned: always
  type: bool
lock:
  description: Text of the resolved requirements, to be kept with the revision. Empty for a flavour without packages.
  returned: when staged
  type: str
lock_changed:
  description: Whether this run resolved the requirements.
  returned: always
  type: bool
host_key:
  description: Stable name of the host in placements.
  returned: always
  type: str
  sample: 5f1c9a0e6b7d4c0f8b1e2d3c4b5a6978
graphs:
  description: Ids of the graphs.
  returned: always
  type: list
  elements: str
  sample: [agent]
version:
  description: Version of the server software.
  returned: when staged
  type: str
  sample: 0.11.1.post1
python_version:
  description: Version of Python in the virtual environment.
  returned: when staged
  type: str
  sample: "3.11"
needs:
  description: Whether the revision's flavour needs a database and a Redis.
  returned: success
  type: dict
  sample: {"postgres": true, "redis": true}
findings:
  description: What of C(langgraph.json) is not honoured, one sentence each.
  returned: always
  type: list
  elements: str
log_tail:
  description: Last lines of the program that failed.
  returned: failure
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._flavour import parse_flavour
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host import host_key
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_module import (
    fence_arguments,
    host_spec,
    keep_quiet,
    masked,
    module_paths,
    shown_invocation,
    string_values,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._revision_files import Wanted, preview
from ansible_collections.selfhosted.langgraph.plugins.module_utils._staging import stage


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **host_spec(),
            "number": {"type": "int", "required": True},
            "revision_id": {"type": "str", "required": True},
            "deployment_id": {"type": "str", "default": ""},
            "deployment_name": {"type": "str", "default": ""},
            "workspace_id": {"type": "str", "required": True},
            "source": {"type": "path"},
            "source_sha256": {"type": "str"},
            "langgraph_config_path": {"type": "str", "default": "langgraph.json"},
            "env": {"type": "dict", "default": {}, "no_log": True},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "lock": {"type": "str", "default": ""},
            "refresh_lock": {"type": "bool", "default": False},
            "api_version": {"type": "str", "default": ""},
            "flavour": {"type": "dict", "required": True},
            "files": {"type": "dict", "default": {}},
            "uv": {"type": "path"},
            "python": {"type": "path"},
            "uv_env": {"type": "dict", "default": {}, "no_log": True},
            "collection_version": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    keep_quiet(module)
    try:
        module.exit_json(**run(module), invocation=shown_invocation(module))
    except HostError as error:
        values = [*(module.params["env"] or {}).values(), *(module.params["secrets"] or {}).values()]
        module.fail_json(**masked(error.result(), values), invocation=shown_invocation(module))


def run(module: AnsibleModule) -> dict[str, object]:
    params = module.params
    paths = module_paths(params)
    wanted = Wanted(
        number=params["number"],
        revision_id=params["revision_id"],
        deployment_id=params["deployment_id"],
        deployment_name=params["deployment_name"],
        workspace_id=params["workspace_id"],
        source=Path(params["source"]) if params["source"] else None,
        source_sha256=params["source_sha256"] or None,
        config_path=params["langgraph_config_path"] or "langgraph.json",
        env=string_values(params["env"], "env"),
        secrets=string_values(params["secrets"], "secrets"),
        lock=params["lock"] or None,
        api_version=params["api_version"] or None,
        flavour=parse_flavour(params["flavour"]),
        files=string_values(params["files"], "files"),
        collection_version=params["collection_version"],
        uv=params["uv"] or None,
        python=params["python"] or None,
        uv_env=string_values(params["uv_env"], "uv_env"),
        refresh_lock=params["refresh_lock"],
        timeout=float(params["timeout"]),
    )
    epoch, wait_lock = fence_arguments(params)
    diff = preview(paths, wanted)
    found = stage(paths, wanted, epoch, wait_lock, module.check_mode)
    if found.changed:
        for finding in found.findings:
            module.warn(finding)
    return {
        "changed": found.changed,
        "staged": found.staged,
        "needs_source": found.needs_source,
        "lock": found.lock,
        "lock_changed": found.lock_changed,
        "host_key": host_key(),
        "graphs": found.graphs,
        "version": found.version,
        "python_version": found.python_version,
        "needs": found.needs,
        "findings": found.findings,
        "diff": diff if found.changed else [],
    }


if __name__ == "__main__":
    main()
