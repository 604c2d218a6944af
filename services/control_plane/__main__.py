# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m ...services.control_plane serve | bootstrap-key --file PATH --name NAME | check``.

What is wrong is one sentence on standard error, and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.services.control_plane.settings import from_environment


def main(words: list[str] | None = None) -> int:
    """The command's exit code."""
    parser = argparse.ArgumentParser(prog="control_plane", description="The control plane of LangGraph servers.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="serve the API")
    commands.add_parser("check", help="see whether settings and database are right")
    bootstrap = commands.add_parser("bootstrap-key", help="make the schema and a first API key of the organization")
    bootstrap.add_argument("--file", required=True, help="where to write the key (mode 0600)")
    bootstrap.add_argument("--name", required=True, help="how the key is called in the records")
    asked = parser.parse_args(words)
    try:
        settings = from_environment()
        if asked.command == "serve":
            from ansible_collections.selfhosted.langgraph.services.control_plane.server import serve

            return serve(settings)
        from ansible_collections.selfhosted.langgraph.services.control_plane import bootstrap as tools

        changed = tools.bootstrap_key(settings, asked.file, asked.name) if asked.command == "bootstrap-key" else False
        if asked.command == "check":
            tools.check(settings)
    except RecordsError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    sys.stdout.write(json.dumps({"changed": changed}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
