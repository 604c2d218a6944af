#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_route
short_description: Lead requests of a path or a host name to the server of a deployment
version_added: 0.1.0
description:
  - Writes the backend of one deployment, with its two servers C(blue) and C(green), into the configuration of the proxy
    that the role P(selfhosted.langgraph.langgraph_proxy#role) has set up.
  - The configuration is validated before the proxy reads it, and put back when HAProxy refuses it. The proxy is
    reloaded only when something changed, and started when it was stopped.
  - Runs on the host of the proxy. Which colour serves is changed by M(selfhosted.langgraph.server_switch), without a
    lost request.
options:
  slug:
    description: Slug of the deployment, which names its backend.
    type: str
    required: true
  root:
    description: Directory of the deployments on this host, where the fence against outdated claims lies.
    type: path
    default: /opt/langgraph
  epoch:
    description: Epoch of the claim that this work belongs to. Left out where no records are used.
    type: int
  wait_lock:
    description: How long to wait for other work on the same deployment, in seconds.
    type: int
    default: 60
  path_prefix:
    description:
      - First segment of the paths that lead to this deployment, such as V(/chat-1a2b3c4d). The server does not see it.
      - At least one of O(path_prefix) and O(host) is needed with O(state=present).
    type: str
  host:
    description: Host name that leads to this deployment as a whole, in lower case and without port.
    type: str
  ports:
    description: The ports of the two servers. Needed with O(state=present).
    type: dict
    suboptions:
      blue:
        description: Port of the server C(blue).
        type: int
        required: true
      green:
        description: Port of the server C(green).
        type: int
        required: true
  address:
    description: Address on which the servers listen.
    type: str
    default: 127.0.0.1
  active:
    description: The server that takes requests. Left out, it stays as it is; a new route begins without.
    type: str
    choices: [blue, green]
  expose:
    description: What clients outside the inside networks may see.
    type: dict
    default: {}
    suboptions:
      metrics:
        description: The path C(/metrics).
        type: bool
        default: false
      docs:
        description: The paths C(/docs) and C(/openapi.json).
        type: bool
        default: false
      info:
        description: The path C(/info).
        type: bool
        default: false
  base_url:
    description: Address of the proxy itself as clients see it, for the result RV(url).
    type: str
    default: http://127.0.0.1
  config_dir:
    description: Configuration directory of the proxy.
    type: path
    default: /etc/langgraph-proxy
  socket:
    description: Stats socket of the proxy, with level C(admin).
    type: path
    default: /run/langgraph-proxy/admin.sock
  service:
    description: Name of the proxy's service.
    type: str
    default: langgraph-proxy
  binary:
    description: The program that validates the configuration.
    type: path
    default: /usr/sbin/haproxy
  state:
    description: Whether there is such a route.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
seealso:
  - module: selfhosted.langgraph.server_switch
author:
  - selfhosted.langgraph contributors (@selfhosted)
"""

EXAMPLES = r"""
- name: Requests below /chat-1a2b3c4d go to the deployment chat
  selfhosted.langgraph.proxy_route:
    slug: chat-1a2b3c4d
    path_prefix: /chat-1a2b3c4d
    ports: {blue: 22000, green: 22001}
    base_url: https://agents.example.org

- name: A host name of its own, with the pages of its API
  selfhosted.langgraph.proxy_route:
    slug: chat-1a2b3c4d
    host: chat.agents.example.org
    ports: {blue: 22000, green: 22001}
    expose: {docs: true}

- name: No route any more
  selfhosted.langgraph.proxy_route:
    slug: chat-1a2b3c4d
    state: absent
"""

RETURN = r"""
url:
  description: Address of the deployment for clients.
  returned: with O(state=present)
  type: str
  sample: https://agents.example.org/chat-1a2b3c4d
route:
  description: The route as it is now, or would be in check mode.
  returned: with O(state=present)
  type: dict
  sample:
    slug: chat-1a2b3c4d
    path_prefix: /chat-1a2b3c4d
    host: null
    ports: {blue: 22000, green: 22001}
    active: blue
    expose: {docs: false, info: false, metrics: false}
    address: 127.0.0.1
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.selfhosted.langgraph.plugins.module_utils._fence import compare, fenced
from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy import open_proxy
from ansible_collections.selfhosted.langgraph.plugins.module_utils._haproxy_files import Route, public, url
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_errors import HostError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._host_paths import host_paths


def work(params: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
    """Bring the route to what the options say; the task's result."""
    proxy = open_proxy(params["config_dir"], params["socket"], params["service"], params["binary"])
    paths = host_paths(params["root"], params["slug"])
    wanted: Route | None = None
    if params["state"] == "present":
        wanted = Route(
            slug=params["slug"],
            ports=params["ports"],
            path_prefix=params["path_prefix"] or None,
            host=params["host"] or None,
            active=params["active"] or proxy.active(params["slug"]),
            expose=params["expose"],
            address=params["address"],
        ).checked()
    if check:
        compare(paths, params["epoch"])
        changed, change = proxy.apply(params["slug"], wanted, check=True)
    else:
        with fenced(paths, params["epoch"], params["wait_lock"]) as fence:
            fence.check()
            changed, change = proxy.apply(params["slug"], wanted)
    result: dict[str, t.Any] = {"changed": changed, "diff": change.diff()}
    if wanted is not None:
        result.update(url=url(wanted, params["base_url"]), route=public(wanted))
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "slug": {"type": "str", "required": True},
            "root": {"type": "path", "default": "/opt/langgraph"},
            "epoch": {"type": "int"},
            "wait_lock": {"type": "int", "default": 60},
            "path_prefix": {"type": "str"},
            "host": {"type": "str"},
            "ports": {
                "type": "dict",
                "options": {"blue": {"type": "int", "required": True}, "green": {"type": "int", "required": True}},
            },
            "address": {"type": "str", "default": "127.0.0.1"},
            "active": {"type": "str", "choices": ["blue", "green"]},
            "expose": {
                "type": "dict",
                "default": {},
                "options": {name: {"type": "bool", "default": False} for name in ("metrics", "docs", "info")},
            },
            "base_url": {"type": "str", "default": "http://127.0.0.1"},
            "config_dir": {"type": "path", "default": "/etc/langgraph-proxy"},
            "socket": {"type": "path", "default": "/run/langgraph-proxy/admin.sock"},
            "service": {"type": "str", "default": "langgraph-proxy"},
            "binary": {"type": "path", "default": "/usr/sbin/haproxy"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["ports"])],
        supports_check_mode=True,
    )
    try:
        result = work(module.params, module.check_mode)
    except HostError as error:
        module.fail_json(**error.result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
