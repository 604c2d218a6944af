# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on deployments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import (
    Conflict,
    InvalidInput,
    NotFound,
    RecordsError,
    RecordsUnavailable,
)
from ansible_collections.selfhosted.langgraph.plugins.module_utils._wire import (
    Asked,
    create_to_desired,
    patch_to_desired,
    plan_to_wire,
)
from ansible_collections.selfhosted.langgraph.services.control_plane.context import Context, operation
from ansible_collections.selfhosted.langgraph.services.control_plane.operations import shown

_Json = dict[str, Any]

# What of a PATCH makes a revision even if nothing differs.
_OF_REVISION = ("secret_references", "tracked_packages", "env", "flavour", "api_version", "clear_secrets")
_OF_REVISION_CONFIG = ("resource_spec", "install_command", "build_command")


@dataclass(frozen=True)
class Filters:
    """Which deployments to list. Those that nothing here has (tags, agents) lead to none."""

    name: str | None = None
    name_contains: str | None = None
    status: str | None = None
    remote_reconciled: bool | None = None
    tag_value_ids: str | None = None
    image_version: str | None = None
    deployment_type: str | None = None
    deployment_ids: Sequence[str] | None = None
    url: str | None = None
    agent_id: str | None = None
    agent_environment: str | None = None
    listener: str | None = None

    @property
    def nothing(self) -> bool:
        """Whether no deployment can fit: each is applied by a listener, and has neither tags nor an agent."""
        return self.remote_reconciled is False or bool(self.tag_value_ids or self.agent_id or self.agent_environment)


@operation
def list_deployments(context: Context, filters: Filters, limit: int, offset: int) -> _Json:
    """A page of deployments, the newest first."""
    own, listener = context.identity.listener_id, filters.listener or None
    if own is not None and listener is not None:
        view = context.records.listener(listener)
        listener = view["id"] if view else listener
    if filters.nothing or (own is not None and listener not in (None, own)):
        return shown.page([], offset)
    views = context.records.deployments(
        name=filters.name or None,
        name_contains=filters.name_contains or None,
        status=filters.status,
        limit=limit,
        offset=offset,
        deployment_ids=filters.deployment_ids,
        deployment_type=filters.deployment_type,
        url=filters.url or None,
        image_version=filters.image_version or None,
        listener=own or listener,
    )
    return shown.page(shown.deployments(context, views), offset)


@operation
def get_deployment(context: Context, deployment: str) -> _Json:
    """A deployment."""
    return shown.deployment(context, context.seen(context.records.deployment(deployment), deployment))


@operation
def count_free_deployments(context: Context) -> _Json:
    """Deployments of a free type, of which this control plane knows none."""
    return {"count": 0}


@operation
def create_deployment(context: Context, body: Mapping[str, Any], dry_run: bool = False) -> _Json:
    """Create a deployment (or tell what that would do)."""
    asked = create_to_desired(body)
    desired = asked.desired
    if asked.source_tarball_path:
        raise InvalidInput(
            f"source_tarball_path {asked.source_tarball_path!r} was not uploaded for deployment {desired['name']}; "
            "create it without, then ask for an upload URL.",
            field="source_tarball_path",
        )
    # null says that there need not be one; the vendor's clients leave it out.
    if "listener" not in desired and "listener" not in body:
        _check_default_listener(context)
    if dry_run:
        return plan_to_wire(context.records.plan_deployment(desired, must="create"))
    return shown.changed(context, context.records.apply_deployment(desired, must="create"))


def _check_default_listener(context: Context) -> None:
    """Where there are listeners, a deployment has one: the default, or the only one, if none is asked for."""
    if context.records.default_listener() is None:
        available = [listener["id"] for listener in context.records.listeners()]
        if available:
            raise InvalidInput(
                "Source configuration error: 'source_config.listener_id' is required for workspace with available "
                f"listener IDs: {available}",
                field="listener",
            )


@operation
def update_deployment(
    context: Context,
    deployment: str,
    body: Mapping[str, Any],
    *,
    dry_run: bool = False,
    if_changed: bool = False,
    version: int | None = None,
) -> _Json:
    """Change a deployment (or tell what that would do)."""
    context.guard(deployment)
    asked = patch_to_desired(body)
    always = makes_revision(body) and not if_changed
    with context.records.transaction():
        desired = resolved(context, deployment, asked)
        if dry_run:
            plan = context.records.plan_deployment(desired, always_revision=always, must="update")
            return plan_to_wire(plan)
        applied = context.records.apply_deployment(desired, version, always_revision=always, must="update")
        return shown.changed(context, applied)


def resolved(context: Context, deployment: str, asked: Asked) -> _Json:
    """What is asked of a deployment, with an uploaded source in place of its path."""
    desired = {**asked.desired, "name": deployment}
    if asked.source_tarball_path:
        desired["source_sha256"] = context.records.source_of_path(deployment, asked.source_tarball_path)
    return desired


def makes_revision(body: Mapping[str, Any]) -> bool:
    """Whether the contract's PATCH makes a revision, even if nothing differs."""
    config = body.get("source_config") or {}
    revision = body.get("source_revision_config") or {}
    return bool(
        any(value is not None for value in revision.values())
        or any(config.get(key) is not None for key in _OF_REVISION_CONFIG)
        or any(body.get(key) not in (None, False) for key in _OF_REVISION)
        or body.get("secrets")
    )


@operation
def delete_deployment(
    context: Context,
    deployment: str,
    *,
    force: bool = False,
    skip_dump: bool = False,
    dry_run: bool = False,
    version: int | None = None,
) -> _Json | None:
    """Ask for a deployment's end (or tell what that would do)."""
    context.guard(deployment)
    with context.records.transaction():
        row = context.records.find_deployment(deployment, lock=True)
        if row is not None and version is not None and row["version"] != version:
            raise Conflict(f"Deployment {row['name']} was changed by somebody else meanwhile; read it again.")
        if dry_run and row is not None:
            asked = {"name": deployment, "force": force, "skip_dump": skip_dump}
            return plan_to_wire(context.records.plan_deployment(asked, "absent"))
        if row is None or context.records.delete_deployment(deployment, force, skip_dump) is None:
            context.seen(None, deployment)
    return None


@operation
def delete_deployments(context: Context, deployments: Sequence[str]) -> tuple[bool, _Json]:
    """Ask for the end of several, each on its own: whether all went well, and what became of each."""
    results = []
    for deployment in deployments:
        try:
            delete_deployment(context, deployment)
            results.append({"deployment_id": deployment, "status": 204, "detail": None})
        except RecordsUnavailable:
            raise
        except NotFound:
            detail = f"Deployment ID {deployment} not found."
            results.append({"deployment_id": deployment, "status": 404, "detail": detail})
        except RecordsError as error:
            results.append({"deployment_id": deployment, "status": 409, "detail": error.message})
    if all(result["status"] == 404 for result in results):
        context.seen(None, deployments[0])
    return all(result["status"] == 204 for result in results), {"resources": results}


@operation
def reveal_secrets(context: Context, deployment: str, number: int | None = None) -> _Json:
    """Secrets of a deployment (or of one of its revisions) with their values; leaves an audit entry."""
    context.guard(deployment)
    values = context.records.secret_values(deployment, number)
    return {"secrets": [{"name": name, "value": values[name]} for name in sorted(values)]}


@operation
def make_push_token(context: Context, deployment: str) -> _Json:
    """How to push an image for a deployment into the registry that the control plane is set up with."""
    view = context.seen(context.records.deployment(deployment), deployment)
    if view["source"] != _model.SOURCE_PUSHED_IMAGE:
        raise InvalidInput(
            f"push token is only available for 'internal_docker' source deployments; the source of deployment "
            f"{view['name']} is {view['source']}.",
            field="source",
        )
    settings = context.settings
    if not settings.registry_url or not settings.registry_token_file:
        raise InvalidInput(
            "Push tokens are not offered by this control plane: it is set up with no registry; push to one of your "
            "own with --push-to.",
            field="registry",
        )
    try:
        token = Path(settings.registry_token_file).read_text(encoding="utf-8").strip()
    except OSError:
        raise RecordsUnavailable("The token of the registry cannot be read now; tell an administrator.") from None
    return {
        "token": token,
        "registry_url": settings.registry_url,
        "username": settings.registry_username or None,
        "repository_url": f"{settings.registry_url}/{view['slug']}",
    }
