# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that run servers, beside those of ``server_host``."""

    DOCUMENTATION = r"""
options:
  ports:
    description:
      - Ports of this deployment on this host, all on the loopback address.
      - C(api) has the ports C(blue) and C(green). Without a proxy C(blue) is the address of the deployment and
        C(green) the spare
        one. C(queue) has a health port for each queue process of each colour, such as C(blue-1).
      - Without it the ports of the last run are used.
    type: dict
  queue_count:
    description: Number of queue processes.
    type: int
    default: 1
  proxy:
    description:
      - The proxy that leads requests to the API, as the role P(selfhosted.langgraph.langgraph_proxy#role) sets it up.
      - Left out where there is none. Clients then wait a moment while the API changes places.
    type: dict
    suboptions:
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
  drain_timeout:
    description:
      - Seconds that requests, streams and background runs in flight may take when their process is to end.
      - The units of a revision have their own, from when the revision was staged; give the same here.
    type: int
    default: 180
  gate_timeout:
    description: Seconds that a process may take from its start until it answers.
    type: int
    default: 60
"""
