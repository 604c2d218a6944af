# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all integration tests: a real Postgres, and databases in it."""

from __future__ import annotations

from tests.support.postgres import empty_database, key_file, postgres_server, records_database, records_template

__all__ = ["empty_database", "key_file", "postgres_server", "records_database", "records_template"]
