# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What schemathesis is told besides: what an archive is, not to wait for work that nobody makes, and how to make
deployments that its sequences can go on with (what it makes up by itself fits the schema and hardly ever the rules).
"""

from __future__ import annotations

import io
import tarfile
from typing import Any

import schemathesis
from hypothesis import strategies as st

LONGEST = 55  # seconds that the schema lets a poll wait


def archive(files: dict[str, bytes]) -> bytes:
    """A gzip-compressed tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


NAMES = st.sampled_from(["langgraph.json", "agent.py", "../outside", "/etc/passwd", "a/b/c"])
schemathesis.openapi.media_type(
    "application/gzip",
    st.dictionaries(NAMES, st.binary(max_size=20), max_size=3).map(archive) | st.binary(max_size=200),
)


@schemathesis.serializer("application/gzip")
def as_it_is(context: Any, value: Any) -> Any:
    """Bytes of an archive."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """In sequences, most creates of a deployment are of an image and of nothing else that could be wrong, and a delete
    deletes: one that is only told is taken for one by the check for what is still there afterwards.
    """
    meta = case.meta
    if meta is None or meta.phase.name.value != "stateful":
        return
    method, path = case.method.upper(), case.operation.path
    if method == "DELETE" and case.query:
        case.query.pop("dry_run", None)
    name = case.body.get("name") if isinstance(case.body, dict) else None
    if method == "POST" and path.endswith("/v2/deployments") and isinstance(name, str) and len(name) % 4:
        case.body = {
            "name": name,
            "source": "external_docker",
            "source_config": {"resource_spec": {}},
            "source_revision_config": {"image_uri": f"registry.example/{name}:1"},
            "secrets": [{"name": "TOKEN", "value": "t"}],
        }
        if case.query:
            case.query.pop("dry_run", None)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A valid ``wait_seconds`` of a claim becomes none. An address of a repository ends without a line break: where a
    pattern is of alternatives, Python's `$` lets one pass that JSON Schema's does not.
    """
    config = body.get("source_config") if isinstance(body, dict) else None
    if isinstance(config, dict) and isinstance(config.get("repo_url"), str):
        body = {**body, "source_config": {**config, "repo_url": config["repo_url"].rstrip("\n")}}
    operation = context.operation
    if operation is not None and operation.path.endswith("/v2/work/claim") and isinstance(body, dict):
        wait = body.get("wait_seconds")
        if isinstance(wait, (int, float)) and not isinstance(wait, bool) and 0 <= wait <= LONGEST:
            return {**body, "wait_seconds": 0}
    return body
