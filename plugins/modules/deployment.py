#!/usr/bin/python
# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment
short_description: Manage deployments of LangGraph servers
version_added: 0.1.0
author:
  - selfhosted.langgraph contributors (@selfhosted)
description:
  - Writes into the records what deployment there is to be, with its source, environment and resources.
  - A change of what runs makes a new revision, which C(ansible-playbook selfhosted.langgraph.apply) or a listener
    then brings to the hosts.
    If nothing differs, there is no new revision.
  - What is not given stays as it is. O(env), O(secrets) and O(resource_spec) replace the whole dictionary when given.
  - O(source) and O(repo_url) cannot be changed later, and neither can O(listener) once there is one.
extends_documentation_fragment:
  - selfhosted.langgraph.attributes
  - selfhosted.langgraph.records
  - selfhosted.langgraph.records.wait
options:
  name:
    description:
      - Name of the deployment, unique in its workspace.
      - 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end.
    type: str
    required: true
  state:
    description:
      - V(present) means that the deployment is to be as described here.
      - V(absent) means that it is to be deleted. Its servers and data are removed by whoever applies that, after a
        final dump of its database.
    type: str
    choices: [present, absent]
    default: present
  display_name:
    description: Name for people. It makes no revision.
    type: str
  source:
    description:
      - Kind of the source. It follows from the option that gives the source, so it is rarely needed.
      - V(internal_docker) goes with O(image_uri), for an image that was pushed to the registry of the control plane.
    type: str
    choices: ["", internal_source, github, external_docker, internal_docker]
  source_directory:
    description:
      - Directory on the host that runs this module, with C(langgraph.json) in it, that is packed and stored in the
        records.
      - The same content always gives the same source, whatever the times and owners of its files are.
      - What C(.gitignore), C(.dockerignore) or C(.langgraphignore) name is left out, as are version control and caches.
      - One of O(source_directory), O(source_tarball), O(repo_url) and O(image_uri) can be given.
    type: path
  source_tarball:
    description: Tarball (gzip) on the host that runs this module, that is stored in the records.
    type: path
  repo_url:
    description:
      - Address of a git repository, by https or ssh (V(ssh://git@host/path) or V(git@host:path)), without a password
        in it.
      - It is fetched when the revision is applied, by the git of the controller and its credentials.
    type: str
  repo_ref:
    description:
      - Branch, tag or commit of O(repo_url). The default is the default branch of the repository.
      - What it names is looked up when the revision is applied. A branch that moves on later makes no new revision;
        give
        the commit for that.
    type: str
  image_uri:
    description: Container image, for flavours and platforms that run images.
    type: str
  langgraph_config_path:
    description: Path of C(langgraph.json) inside the source. A new deployment uses C(langgraph.json).
    type: str
  install_command:
    description: Command that installs the dependencies of the source, run in its root, for sources in JavaScript.
    type: str
  build_command:
    description: Command that builds the source, run where its C(langgraph.json) is, for sources in JavaScript.
    type: str
  env:
    description:
      - Environment of the servers, as strings. The values are shown to everybody who may read the deployment.
      - Names that the platform itself sets are refused.
    type: dict
  secrets:
    description:
      - Environment of the servers that is kept encrypted and never shown.
      - A name must not be in O(env) as well.
      - The value V(********) means that the secret keeps its value.
    type: dict
  secret_references:
    description:
      - Environment of the servers whose values are not in the records, but where the deployment is applied.
      - The whole list is replaced when given.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the variable. It must be in neither O(env) nor O(secrets).
        type: str
        required: true
      secret_name:
        description:
          - Where the value is. V(env) means an environment variable of M(selfhosted.langgraph.work_claim), V(file)
            a file that it may read.
          - Anything else is the name of a Secret in the namespace of the deployment on Kubernetes.
        type: str
        required: true
      secret_key:
        description: Name of the variable, path of the file below the directory of the claimer, or key in the Secret.
        type: str
        required: true
  resource_spec:
    description:
      - Size of the servers, with the words of the LangSmith control plane, for example C(cpu), C(memory_mb),
        C(min_scale), C(queue_min_scale).
    type: dict
  flavour:
    description: Which server software is to run. A new deployment uses C(langgraph), the stock server.
    type: str
  api_version:
    description: Version of the server software. The default is the tested one of the collection that applies the
      revision.
    type: str
  custom_url:
    description: Address at which clients reach the deployment, where something in front of it gives it another one.
    type: str
  listener:
    description:
      - Name (its C(compute_id)) or ID of the listener that is to apply this deployment.
      - A new deployment uses the default listener of its workspace, or its only one.
      - A deployment without one, which was applied by hand so far, can be given one at any time. That makes no
        revision.
    type: str
  k8s_namespace:
    description:
      - The group of hosts in the inventory of the listener that is to serve the deployment, under the name that the API
        has for it. Without it, the group C(langgraph_servers).
      - It cannot be changed later.
    type: str
    aliases: [host_group]
  comment:
    description: Why, for people, as the C(message) of the revision. It is kept with the revision and alone makes none.
    type: str
  force:
    description:
      - For O(state=absent), forget the deployment at once, without removing anything on its hosts.
      - For hosts that are gone for good.
    type: bool
    default: false
  skip_dump:
    description: For O(state=absent), delete without a final dump of the database, or go on after that dump has failed.
    type: bool
    default: false
seealso:
  - module: selfhosted.langgraph.deployment_info
  - module: selfhosted.langgraph.revision
"""

EXAMPLES = r"""
- name: Deploy a directory
  selfhosted.langgraph.deployment:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    name: chat
    source_directory: "{{ playbook_dir }}/agent"
    env:
      LOG_LEVEL: info
    secrets:
      OPENAI_API_KEY: "{{ openai_api_key }}"
    resource_spec:
      memory_mb: 1024
      queue_min_scale: 2
    comment: First version

- name: Deploy a branch of a git repository
  selfhosted.langgraph.deployment:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    name: search
    repo_url: https://git.example.org/agents/search.git
    repo_ref: main

- name: Deploy through a control plane, with a secret that stays on the host of its listener
  selfhosted.langgraph.deployment:
    api_url: https://langgraph.example.org/api-host
    api_key: "{{ langgraph_api_key }}"
    name: chat
    source_directory: "{{ playbook_dir }}/agent"
    secret_references:
      - {name: OPENAI_API_KEY, secret_name: file, secret_key: openai/key}

- name: Delete a deployment and wait until it is gone
  selfhosted.langgraph.deployment:
    dsn: postgresql:///control_plane
    encryption_key_file: /etc/langgraph/records.key
    name: chat
    state: absent
    wait: true
"""

RETURN = r"""
action:
  description: What was (or would be) done to the record, V(none), V(create), V(update) or V(delete).
  returned: success
  type: str
  sample: update
new_revision:
  description: Whether the change makes a revision.
  returned: success
  type: bool
  sample: true
zero_downtime:
  description: Whether running servers go on answering while the change is applied.
  returned: success
  type: bool
  sample: true
deployment:
  description: The deployment as it is now, with secrets masked. Null if there is none. In check mode, as it is before
    the change.
  returned: success
  type: dict
  sample:
    id: 0b7e6f2e-3d5d-4c55-8b62-8c0f4a3f1a11
    name: chat
    slug: chat-0b7e6f2e
    status: READY
    source: internal_source
    env: {"LOG_LEVEL": "info"}
    secrets: {"OPENAI_API_KEY": "********"}
    latest_revision_number: 2
    active_revision_number: 1
    url: http://langgraph.example.org/chat
revision:
  description: The revision that this change made. Null if it made none.
  returned: success
  type: dict
  sample: {"number": 2, "status": "QUEUED", "kind": "update"}
cause:
  description: Why the revision that was waited for failed.
  returned: failure of a revision
  type: str
  sample: "Graph agent cannot be imported: No module named 'numpy'"
log_tail:
  description: The last lines of its log.
  returned: failure of a revision
  type: str
  sample: "ModuleNotFoundError: No module named 'numpy'"
"""

from ansible_collections.selfhosted.langgraph.plugins.module_utils._argspec import records_spec, spec, wait_spec
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_deployment import work
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import run

SOURCES = ["", "internal_source", "github", "external_docker", "internal_docker"]


def main() -> None:
    run(
        spec(
            records_spec(),
            wait_spec(),
            options={
                "name": {"type": "str", "required": True},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "display_name": {"type": "str"},
                "source": {"type": "str", "choices": SOURCES},
                "source_directory": {"type": "path"},
                "source_tarball": {"type": "path"},
                "repo_url": {"type": "str"},
                "repo_ref": {"type": "str"},
                "image_uri": {"type": "str"},
                "langgraph_config_path": {"type": "str"},
                "install_command": {"type": "str"},
                "build_command": {"type": "str"},
                "env": {"type": "dict"},
                "secrets": {"type": "dict", "no_log": True},
                "secret_references": {
                    "type": "list",
                    "elements": "dict",
                    "no_log": False,
                    "options": {
                        "name": {"type": "str", "required": True},
                        "secret_name": {"type": "str", "required": True},
                        "secret_key": {"type": "str", "required": True, "no_log": False},
                    },
                },
                "resource_spec": {"type": "dict"},
                "flavour": {"type": "str"},
                "api_version": {"type": "str"},
                "custom_url": {"type": "str"},
                "listener": {"type": "str"},
                "k8s_namespace": {"type": "str", "aliases": ["host_group"]},
                "comment": {"type": "str"},
                "force": {"type": "bool", "default": False},
                "skip_dump": {"type": "bool", "default": False},
            },
        ),
        work,
    )


if __name__ == "__main__":
    main()
