# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words and rules of the records: statuses and their transitions, names, slugs, environment names, resource specs.

Pure: no driver, no Ansible, no I/O. Status words are those of the vendor's API; every allowed transition stands in
one of the two tables.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput

# -- statuses ----------------------------------------------------------------------------------------------------------

CREATING = "CREATING"
QUEUED = "QUEUED"
AWAITING_BUILD = "AWAITING_BUILD"
BUILDING = "BUILDING"
AWAITING_DEPLOY = "AWAITING_DEPLOY"
DEPLOYING = "DEPLOYING"
CREATE_FAILED = "CREATE_FAILED"
BUILD_FAILED = "BUILD_FAILED"
DEPLOY_FAILED = "DEPLOY_FAILED"
DEPLOYED = "DEPLOYED"
SKIPPED = "SKIPPED"
INTERRUPTED = "INTERRUPTED"
UNKNOWN = "UNKNOWN"

# Every edge of a revision's life. The edges back to AWAITING_BUILD belong to a claim that resumes work whose holder
# was lost.
REVISION_TRANSITIONS: Mapping[str, frozenset[str]] = {
    CREATING: frozenset({QUEUED, CREATE_FAILED, SKIPPED, INTERRUPTED}),
    QUEUED: frozenset({AWAITING_BUILD, SKIPPED, INTERRUPTED}),
    AWAITING_BUILD: frozenset({BUILDING, BUILD_FAILED, INTERRUPTED}),
    BUILDING: frozenset({AWAITING_BUILD, AWAITING_DEPLOY, BUILD_FAILED, INTERRUPTED}),
    AWAITING_DEPLOY: frozenset({AWAITING_BUILD, DEPLOYING, DEPLOY_FAILED, INTERRUPTED}),
    DEPLOYING: frozenset({AWAITING_BUILD, DEPLOYED, DEPLOY_FAILED, INTERRUPTED}),
    CREATE_FAILED: frozenset(),
    BUILD_FAILED: frozenset(),
    DEPLOY_FAILED: frozenset(),
    DEPLOYED: frozenset(),
    SKIPPED: frozenset(),
    INTERRUPTED: frozenset(),
    UNKNOWN: frozenset(),
}

REVISION_STATUSES = tuple(REVISION_TRANSITIONS)
IN_PROGRESS = frozenset({AWAITING_BUILD, BUILDING, AWAITING_DEPLOY, DEPLOYING})
PENDING = IN_PROGRESS | {CREATING, QUEUED}
FAILED = frozenset({CREATE_FAILED, BUILD_FAILED, DEPLOY_FAILED})
FINAL = FAILED | {DEPLOYED, SKIPPED, INTERRUPTED}

# What a worker may report; FAILED stands for "the failure that fits where the revision is".
REPORT_FAILED = "FAILED"
REPORT_DELETED = "DELETED"
REPORT_DELETE_FAILED = "DELETE_FAILED"
REPORTABLE = frozenset(
    {BUILDING, AWAITING_DEPLOY, DEPLOYING, DEPLOYED, BUILD_FAILED, DEPLOY_FAILED, INTERRUPTED, REPORT_FAILED}
)
REPORTABLE_ON_DELETE = frozenset({REPORT_DELETED, REPORT_DELETE_FAILED, REPORT_FAILED})

AWAITING_DATABASE = "AWAITING_DATABASE"
READY = "READY"
UNUSED = "UNUSED"
AWAITING_DELETE = "AWAITING_DELETE"
AWAITING_FINAL_DELETE = "AWAITING_FINAL_DELETE"

# UNUSED: there is no revision yet. AWAITING_DATABASE: none was deployed yet. AWAITING_FINAL_DELETE: the record is
# final, its name free.
DEPLOYMENT_TRANSITIONS: Mapping[str, frozenset[str]] = {
    UNUSED: frozenset({AWAITING_DATABASE, AWAITING_DELETE}),
    AWAITING_DATABASE: frozenset({READY, AWAITING_DELETE}),
    READY: frozenset({AWAITING_DELETE}),
    AWAITING_DELETE: frozenset({AWAITING_FINAL_DELETE}),
    AWAITING_FINAL_DELETE: frozenset(),
    UNKNOWN: frozenset({AWAITING_DELETE}),
}
DEPLOYMENT_STATUSES = tuple(DEPLOYMENT_TRANSITIONS)

KIND_CREATE = "create"
KIND_UPDATE = "update"
KIND_ROLLBACK = "rollback"
KIND_REDEPLOY = "redeploy"
KIND_UPLOAD = "upload"
REVISION_KINDS = (KIND_CREATE, KIND_UPDATE, KIND_ROLLBACK, KIND_REDEPLOY, KIND_UPLOAD)

SOURCE_INTERNAL = "internal_source"
SOURCE_GITHUB = "github"
SOURCE_IMAGE = "external_docker"
SOURCE_PUSHED_IMAGE = "internal_docker"  # an image in the registry that the control plane hands out a credential for
IMAGE_SOURCES = (SOURCE_IMAGE, SOURCE_PUSHED_IMAGE)
SOURCES = (SOURCE_INTERNAL, SOURCE_GITHUB, *IMAGE_SOURCES)

DEPLOYMENT_TYPES = ("dev", "dev_free", "dev_free_zero", "dev_zero", "prod")
TIERS = tuple(f"{kind}_{size}" for kind in ("SERVERLESS", "DEDICATED") for size in ("S", "M", "L"))

COMPUTE_TYPES = ("hosts", "k8s")
LOG_TYPES = ("build", "deploy")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

DEFAULT_FLAVOUR = "langgraph"
DEFAULT_CONFIG_PATH = "langgraph.json"
KEPT_REVISIONS = 5
MAX_ATTEMPTS = 8  # claims of one revision before it is given up

DEFAULT_WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
DEFAULT_WORKSPACE_NAME = "default"


def check_revision_transition(what: str, old: str, new: str) -> None:
    """Raise Conflict unless the table allows ``old`` -> ``new`` for the revision called ``what``."""
    if new not in REVISION_TRANSITIONS:
        raise InvalidInput(
            f"{new!r} is no status of a revision; use one of {', '.join(REVISION_STATUSES)}.", field="status"
        )
    if new not in REVISION_TRANSITIONS[old]:
        raise Conflict(
            f"Revision {what} is {old} and cannot become {new}; look at its state before the next step.", status=old
        )


def check_deployment_transition(what: str, old: str, new: str) -> None:
    """Raise Conflict unless the table allows ``old`` -> ``new`` for the deployment called ``what``."""
    if new not in DEPLOYMENT_TRANSITIONS.get(old, frozenset()):
        raise Conflict(
            f"Deployment {what} is {old} and cannot become {new}; look at its state before the next step.", status=old
        )


_ROAD = (QUEUED, AWAITING_BUILD, BUILDING, AWAITING_DEPLOY, DEPLOYING, DEPLOYED)


def steps(old: str, new: str) -> tuple[str, ...]:
    """The statuses a revision passes through from ``old`` to ``new``: a report may skip some on the way to DEPLOYED.

    A failure that does not fit where the revision is becomes the one that does. No steps: it is there already.
    """
    if old == new:
        return ()
    if new in (REPORT_FAILED, BUILD_FAILED, DEPLOY_FAILED) and new not in REVISION_TRANSITIONS[old]:
        new = fitting_failure(old)
    if old in _ROAD and new in _ROAD and _ROAD.index(old) < _ROAD.index(new):
        return _ROAD[_ROAD.index(old) + 1 : _ROAD.index(new) + 1]
    return (new,)


def fitting_failure(status: str) -> str:
    """The failed status of a revision that is ``status``."""
    if status in (CREATING, QUEUED):
        return CREATE_FAILED
    return BUILD_FAILED if status in (AWAITING_BUILD, BUILDING) else DEPLOY_FAILED


def kept_numbers(deployed: Iterable[int], active: int | None, claimed: int | None, pinned: Iterable[int]) -> list[int]:
    """Numbers of the revisions whose directories hosts keep: the claimed one (else the active one), the newest others
    that were deployed, active and pinned ones. The same before a claim is applied and after, so that nothing is left to
    prune for a second run.
    """
    serves = active if claimed is None else claimed
    others = {*deployed, *([] if active is None else [active])} - {serves}
    kept = {*sorted(others, reverse=True)[:KEPT_REVISIONS], *pinned}
    return sorted(kept | {number for number in (active, claimed) if number is not None})


# -- names -------------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_COMPUTE_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_SLUG_NAME_LENGTH = 20


def check_name(name: Any, kind: str = "deployment") -> str:
    """The name, if it is a valid one of a deployment or workspace."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no valid name of a {kind}; use 1 to 63 lower-case letters, digits and hyphens, with "
            "no hyphen at either end.",
            field="name",
        )
    return name


def check_compute_id(compute_id: Any, field: str = "compute_id", kind: str = "a listener") -> str:
    """The name of a listener (or of another ``kind``), if it is a valid one."""
    if not isinstance(compute_id, str) or not _COMPUTE_ID.fullmatch(compute_id):
        raise InvalidInput(
            f"{compute_id!r} is no valid name of {kind}; use 1 to 128 letters, digits, dots, underscores "
            "and hyphens, "
            "beginning and ending with a letter or digit.",
            field=field,
        )
    return compute_id


def make_slug(name: str, deployment_id: str) -> str:
    """The immutable name of a deployment outside the records: at most 29 characters of ``[a-z0-9-]``."""
    return f"{name[:_SLUG_NAME_LENGTH].rstrip('-')}-{uuid.UUID(deployment_id).hex[:8]}"


def is_uuid(value: str) -> bool:
    """Whether ``value`` is a UUID in its usual form."""
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


# -- environment -------------------------------------------------------------------------------------------------------

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Set by the platform itself: the vendor's list without what a self-hosted server lets its user set
# (LANGSMITH_API_KEY, LANGSMITH_ENDPOINT).
RESERVED_ENV = frozenset(
    {
        "DATABASE_URI",
        "DD_TRACE_PSYCOPG_ENABLED",
        "DD_TRACE_REDIS_ENABLED",
        "LANGCHAIN_API_KEY",
        "LANGCHAIN_CALLBACKS_BACKGROUND",
        "LANGCHAIN_ENDPOINT",
        "LANGCHAIN_PROJECT",
        "LANGCHAIN_TRACING_V2",
        "LANGGRAPH_AUTH_TYPE",
        "LANGGRAPH_CLOUD_LICENSE_KEY",
        "LANGGRAPH_GIT_REPO_PATH",
        "LANGSMITH_AUTH_ENDPOINT",
        "LANGSMITH_AUTH_VERIFY_TENANT_ID",
        "LANGSMITH_CONTROL_PLANE_API_KEY",
        "LANGSMITH_DEPLOYMENT_NAME",
        "LANGSMITH_HOST_PROJECT_ID",
        "LANGSMITH_HOST_PROJECT_NAME",
        "LANGSMITH_HOST_REVISION_ID",
        "LANGSMITH_LANGGRAPH_GIT_REF",
        "LANGSMITH_LANGGRAPH_GIT_REF_SHA",
        "LANGSMITH_LANGGRAPH_GIT_REPO",
        "LANGSMITH_PROJECT",
        "LANGSMITH_TENANT_ID",
        "LANGSMITH_TRACING_V2",
        "LOG_DICT_TRACEBACKS",
        "LOG_JSON",
        "LSD_DD_API_KEY",
        "LSD_DD_ENDPOINT",
        "LSD_DEPLOYMENT_TYPE",
        "LSD_ENV",
        "MOUNT_PREFIX",
        "PATH",
        "PORT",
        "POSTGRES_PASSWORD",
        "POSTGRES_URI",
        "POSTGRES_URI_CUSTOM",
        "REDIS_URI",
        "REDIS_URI_CUSTOM",
    }
)


def check_environment(values: Any, field: str) -> dict[str, str]:
    """``env`` or ``secrets`` with checked names and values. Errors name the variable, never its value."""
    if not isinstance(values, Mapping):
        raise InvalidInput(f"{field} is not a mapping of names to values; write NAME: value.", field=field)
    checked: dict[str, str] = {}
    for name, value in values.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} in {field} is no valid name of an environment variable; use letters, digits and "
                "underscores, and no digit first.",
                field=field,
            )
        if name in RESERVED_ENV:
            raise InvalidInput(f"{name} in {field} is set by the platform itself; remove it.", field=field, name=name)
        if not isinstance(value, str):
            raise InvalidInput(f"The value of {name} in {field} is not a string; quote it.", field=field, name=name)
        if "\x00" in value:
            raise InvalidInput(
                f"The value of {name} in {field} holds a NUL character, which no environment can carry; remove it.",
                field=field,
                name=name,
            )
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(
                f"The value of {name} in {field} is no valid UTF-8 text; encode it, for example with base64.",
                field=field,
                name=name,
            ) from None
        checked[name] = value
    return checked


def check_disjoint(env: Iterable[str], secrets: Iterable[str]) -> None:
    """A name in both ``env`` and ``secrets`` is an error."""
    both = sorted(set(env) & set(secrets))
    if both:
        raise InvalidInput(f"{', '.join(both)} stands in env and in secrets; keep it in one of them.", field="secrets")
