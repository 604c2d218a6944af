# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.selfhosted.langgraph.plugins.plugin_utils._claim import read_claim

MODULE = "selfhosted.langgraph.server_stage"


class ActionModule(ActionBase):
    """Fill the options from the claim; send the source only to a host that does not have the revision."""

    TRANSFERS_FILES = True
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = {name: value for name, value in self._task.args.items() if value is not None}
        claim_file = options.pop("claim_file", None)
        if claim_file:
            _fill(options, read_claim(str(claim_file)))
        source = self._source(options)
        # In check mode the source stays here: that it would be staged is known without it.
        answer = self._module(options, task_vars)
        if answer.get("needs_source") and source and not self._task.check_mode:
            options["source"] = self._send(source)
            answer = self._module(options, task_vars)
        elif answer.get("needs_source") and source:
            answer["needs_source"] = False
        result.update(answer)
        return result

    def _source(self, options: dict[str, t.Any]) -> str | None:
        """Take the path out of the options; add its checksum where the task and the claim give none."""
        path = options.pop("source", None)
        if not path:
            return None
        path = os.path.abspath(os.path.expanduser(str(path)))
        try:
            if not options.get("source_sha256"):
                with open(path, "rb") as file:
                    options["source_sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
            elif not os.access(path, os.R_OK):
                raise FileNotFoundError(2, "not there or not readable")
        except OSError as error:
            raise AnsibleActionFail(
                f"The source {path} cannot be read on the controller ({error.strerror}); give the path of a tarball."
            ) from error
        return path

    def _send(self, source: str) -> str:
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        target = shell.join_path(shell.tmpdir, "source.tar")
        self._transfer_file(source, target)
        self._fixup_perms2((shell.tmpdir, target))
        return str(target)

    def _module(self, options: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = self._execute_module(module_name=MODULE, module_args=options, task_vars=task_vars)
        return answer


def _fill(options: dict[str, t.Any], claim: dict[str, t.Any]) -> None:
    """What the task does not say comes from the claim; env and secrets always do, after templating."""
    deployment, revision = claim["deployment"], claim.get("revision")
    if not revision:
        raise AnsibleActionFail(f"The claim of {deployment['name']} has no revision to stage; it is a deletion.")
    known = {
        "slug": deployment["slug"],
        "epoch": claim["epoch"],
        "workspace_id": deployment["workspace_id"],
        "deployment_id": deployment["id"],
        "deployment_name": deployment["name"],
        "number": revision["number"],
        "revision_id": revision["id"],
        "langgraph_config_path": revision.get("langgraph_config_path"),
        "api_version": revision.get("api_version"),
        "source_sha256": revision.get("source_sha256"),
        "lock": claim.get("lock"),
    }
    for name, value in known.items():
        if value is not None and options.get(name) in (None, ""):
            options[name] = value
    references = claim.get("secret_references")
    if references:
        raise AnsibleActionFail(
            f"The secret {references[0]['name']} of {deployment['name']} refers to the Secret "
            f"{references[0]['secret_name']} of Kubernetes, which hosts do not have; refer to env or file instead."
        )
    options["env"] = claim.get("env") or {}
    options["secrets"] = claim.get("secrets") or {}
