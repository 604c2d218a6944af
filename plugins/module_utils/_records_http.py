# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records behind the control plane API: the adapter put together from its parts.

Needs nothing besides Ansible's own ``urls`` and the standard library: AWX's default execution environment runs it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import SchemaStatus
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_admin import AdminRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_listening import ListeningRecords
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records_http_transport import Transport


class HttpRecords(ListeningRecords, AdminRecords):
    """Implements ``_records.Records`` over HTTP; open it with ``_records_open.open_records``."""

    def __init__(
        self,
        api_url: str,
        api_key: str,
        *,
        workspace: str | None = None,
        actor: str | None = None,
        validate_certs: bool = True,
        ca_path: str | None = None,
        timeout: float = 30,
    ) -> None:
        super().__init__(
            Transport(
                api_url,
                api_key,
                workspace=workspace,
                actor=actor,
                validate_certs=validate_certs,
                ca_path=ca_path,
                timeout=timeout,
            )
        )

    def schema_status(self) -> SchemaStatus:
        """Not over HTTP: the control plane looks after its own schema."""
        self._needs_dsn("The schema of the records")

    def migrate(self) -> dict[str, Any]:
        """Not over HTTP: the control plane looks after its own schema."""
        self._needs_dsn("The schema of the records")

    def rotate_keys(self, preview: bool = False) -> dict[str, Any]:
        """Not over HTTP: the encryption key never leaves the hosts that have its file."""
        self._needs_dsn("The encryption of the records")

    def _needs_dsn(self, what: str) -> NoReturn:
        raise InvalidInput(
            f"{what} cannot be changed through the control plane at {self.transport.url}: give dsn and "
            "encryption_key_file instead of api_url.",
            field="dsn",
        )
