# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m ...services.listener run | check --config PATH``.

What is wrong is one sentence on standard error, and exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import RecordsError
from ansible_collections.selfhosted.langgraph.services.common import logs
from ansible_collections.selfhosted.langgraph.services.listener.settings import Settings, load


def main(words: list[str] | None = None) -> int:
    """The command's exit code."""
    parser = argparse.ArgumentParser(prog="listener", description="The listener: applies revisions as the records say.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("run", "ask for work and do it"),
        ("check", "see whether settings, key, inventory and control plane are right"),
    ):
        commands.add_parser(name, help=text).add_argument(
            "--config", required=True, help="file with the settings (JSON)"
        )
    asked = parser.parse_args(words)
    os.umask(0o077)
    try:
        settings = load(asked.config)
        if asked.command == "check":
            from ansible_collections.selfhosted.langgraph.services.listener.check import check

            sys.stdout.write(json.dumps(asyncio.run(check(settings))) + "\n")
            return 0
        return run(asked.config, settings)
    except RecordsError as error:
        sys.stderr.write(f"{error.message}\n")
    except OSError as error:
        sys.stderr.write(f"{error.filename or settings.host}: {error.strerror or error}\n")
    return 1


def run(config: str, settings: Settings) -> int:
    """The daemon, until a signal ends it."""
    from ansible_collections.selfhosted.langgraph.services.listener.daemon import Daemon

    logs.set_up(settings.log_level)
    for name in ("httpx", "httpcore", "ansible-runner"):
        logs.quiet(name)
    os.makedirs(settings.state_dir, mode=0o700, exist_ok=True)

    async def whole() -> bool:
        daemon = Daemon(config, settings)
        await daemon.run()
        return daemon.failed

    return int(asyncio.run(whole()))


if __name__ == "__main__":
    sys.exit(main())
