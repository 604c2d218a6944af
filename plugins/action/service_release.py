# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tempfile
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.selfhosted.langgraph.plugins.plugin_utils._collection import PARTS, pack

MODULE = "selfhosted.langgraph.service_release"
OWN = Path(__file__).parent.parent.parent


class ActionModule(ActionBase):
    """Pack the collection; send it only to a host that does not have this release."""

    TRANSFERS_FILES = True
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = {name: value for name, value in self._task.args.items() if value is not None}
        service = str(options.get("service"))
        if service not in PARTS:
            raise AnsibleActionFail(f"service is one of {', '.join(sorted(PARTS))}, not {service!r}.")
        collection = Path(os.path.expanduser(str(options.pop("collection", None) or OWN)))
        try:
            release = pack(collection, service)
        except OSError as error:
            raise AnsibleActionFail(
                f"The collection {collection} cannot be packed ({error.filename}: {error.strerror}); install it anew."
            ) from error
        options.update(name=release.name, lock_sha256=release.lock_sha256)
        answer = self._module(options, task_vars)
        if answer.pop("needs_archive", False) and not answer.get("failed"):
            answer = self._module({**options, "archive": self._send(release.archive)}, task_vars)
        result.update(answer)
        return result

    def _send(self, archive: bytes) -> str:
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        target = shell.join_path(shell.tmpdir, "release.tar.gz")
        with tempfile.NamedTemporaryFile() as file:
            file.write(archive)
            file.flush()
            self._transfer_file(file.name, target)
        self._fixup_perms2((shell.tmpdir, target))
        return str(target)

    def _module(self, options: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = self._execute_module(module_name=MODULE, module_args=options, task_vars=task_vars)
        return answer
