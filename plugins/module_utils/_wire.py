# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the control plane API, and how they become those of the records and the other way round.

Shared by the service (which answers them) and the HTTP adapter (which asks). Pure: no driver, no Ansible, no I/O.
On the wire ``secrets`` is a list of ``{name, value}``; in the records it is a dictionary. On the wire a request is
nested as the vendor has it; ``desired`` of the records is flat. What is null was not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _errors
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput, RecordsError
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, Plan

WORK_PROTOCOL = 1  # header X-Work-Protocol
SOURCE_PREFIX = "sources/"  # a source_tarball_path that names a stored source: sources/<sha256>

# What the vendor's deployment has and the records have not, with the only value that it ever has here.
VENDOR_CONSTANTS: Mapping[str, Any] = {
    "tracer_session_id": None,
    "is_preview": False,
    "is_managed_deep_agent": False,
    "agent": None,
}
# Added to the answer of a change: what it did, and the revision that it made.
CHANGE_KEYS = ("change", "revision")

# Where each key of ``desired`` stands in a request. ``secrets``, ``listener``, ``k8s_namespace`` and
# ``source_sha256`` have rules of their own.
TOP_KEYS = (
    "display_name",
    "secret_references",
    "shareable",
    "route_through_gateway",
    "tracked_packages",
    "deployment_tier",
    "compute_tier",
    "database_tier",
    "env",
    "flavour",
    "api_version",
    "message",
)
CONFIG_KEYS = (
    "integration_id",
    "repo_url",
    "deployment_type",
    "build_on_push",
    "custom_url",
    "resource_spec",
    "install_command",
    "build_command",
)
REVISION_KEYS = ("repo_ref", "langgraph_config_path", "image_uri")
_NOT_OFFERED = {
    "agent": "agents are not offered here; give name",
    "tracked_repo_ref": (
        "a tracked reference without a revision is not offered; give source_revision_config.repo_ref, which makes one"
    ),
}
_STORED = re.compile(re.escape(SOURCE_PREFIX) + r"([0-9a-f]{64})")


class Asked(NamedTuple):
    """What a request asks for: ``desired`` of the records, and the path of an upload that the records have yet to
    resolve (``source_of_path`` gives the ``source_sha256``; None: there is none).
    """

    desired: dict[str, Any]
    source_tarball_path: str | None


# -- records that are shown --------------------------------------------------------------------------------------------


def secrets_to_wire(secrets: Mapping[str, str], values: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Secrets by name; masked but for those with a clear one in ``values``."""
    clear = values or {}
    return [{"name": name, "value": clear.get(name, MASK)} for name in sorted(secrets)]


def secrets_from_wire(secrets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Names and values of a list of secrets. InvalidInput: a name stands there twice."""
    found: dict[str, str] = {}
    for secret in secrets:
        if secret["name"] in found:
            raise InvalidInput(f"secrets names {secret['name']} twice; give it once.", field="secrets")
        found[secret["name"]] = secret["value"]
    return found


def deployment_to_wire(view: Mapping[str, Any], values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A deployment's view as JSON; ``values``: clear values of secrets to be shown."""
    return {**view, **VENDOR_CONSTANTS, "secrets": secrets_to_wire(view["secrets"], values)}


def deployment_from_wire(json: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment's view, with secrets masked whatever the answer shows."""
    view = {key: value for key, value in json.items() if key not in VENDOR_CONSTANTS and key not in CHANGE_KEYS}
    return {**view, "secrets": {secret["name"]: MASK for secret in json["secrets"]}}


def revision_to_wire(view: Mapping[str, Any], values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A revision's view as JSON; ``values``: clear values of secrets to be shown."""
    return {**view, "secrets": secrets_to_wire(view["secrets"], values)}


def revision_from_wire(json: Mapping[str, Any]) -> dict[str, Any]:
    """A revision's view, with secrets masked whatever the answer shows."""
    view = {key: value for key, value in json.items() if key not in CHANGE_KEYS}
    return {**view, "secrets": {secret["name"]: MASK for secret in json["secrets"]}}


# -- requests ----------------------------------------------------------------------------------------------------------


def create_to_desired(body: Mapping[str, Any]) -> Asked:
    """What ``POST /v2/deployments`` asks for."""
    desired = {key: body[key] for key in ("name", "source") if body.get(key) is not None}
    return _to_desired(body, desired)


def patch_to_desired(body: Mapping[str, Any]) -> Asked:
    """What ``PATCH /v2/deployments/{id}`` or ``POST .../revisions`` asks for; the caller adds ``name``.

    ``secrets: []`` is what a client says that knows of none: nothing is asked; ``clear_secrets`` empties them.
    ``revision_source`` (or ``source``, which external_docker needs) has to be the deployment's own.
    """
    source = body.get("source") or body.get("revision_source")
    return _to_desired(body, {} if source is None else {"source": source})


def _to_desired(body: Mapping[str, Any], desired: dict[str, Any]) -> Asked:
    for key, why in _NOT_OFFERED.items():
        if body.get(key) is not None:
            raise InvalidInput(f"{key} was given: {why}.", field=key)
    config = body.get("source_config") or {}
    revision = body.get("source_revision_config") or {}
    for part, keys in ((body, TOP_KEYS), (config, CONFIG_KEYS), (revision, REVISION_KEYS)):
        desired.update({key: part[key] for key in keys if part.get(key) is not None})
    if config.get("template_id") is not None:
        raise InvalidInput("template_id was given: templates are not offered here; remove it.", field="template_id")
    namespace = (config.get("listener_config") or {}).get("k8s_namespace")
    if namespace is not None:
        desired["k8s_namespace"] = namespace
    listeners = {value for value in (config.get("listener_id"), body.get("listener")) if value}
    if len(listeners) > 1:
        raise InvalidInput("listener and source_config.listener_id differ; give one of them.", field="listener")
    if listeners:
        desired["listener"] = listeners.pop()
    _add_secrets(body, desired)
    path = revision.get("source_tarball_path") or None
    stored = _STORED.fullmatch(path) if path else None
    if stored:
        desired["source_sha256"], path = stored[1], None
    return Asked(desired, path)


def _add_secrets(body: Mapping[str, Any], desired: dict[str, Any]) -> None:
    secrets = secrets_from_wire(body.get("secrets") or ())
    if body.get("clear_secrets") and secrets:
        raise InvalidInput("clear_secrets was given together with secrets; give one of them.", field="clear_secrets")
    if secrets or body.get("clear_secrets"):
        desired["secrets"] = secrets


def desired_to_create(desired: Mapping[str, Any]) -> dict[str, Any]:
    """The body of ``POST /v2/deployments``; ``source`` has to be in ``desired`` (see ``_plan.derive_source``).

    ``listener: null`` says that there need not be one: the vendor's clients, who leave it out, are asked to choose.
    """
    asked = _given(desired)
    body = {"name": asked["name"], "source": asked["source"], **_to_body(asked)}
    return {"source_config": {}, "source_revision_config": {}, "secrets": [], "listener": None, **body}


def desired_to_patch(desired: Mapping[str, Any]) -> dict[str, Any]:
    """The body of ``PATCH /v2/deployments/{id}``."""
    asked = _given(desired)
    body = _to_body(asked)
    if "source" in asked:
        body["source"] = asked["source"]
    if asked.get("secrets") == {}:
        body["clear_secrets"] = True
    return body


def _given(desired: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked: an empty string means not given, as everywhere."""
    return {key: value for key, value in desired.items() if value is not None and value != ""}


def _to_body(asked: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {key: asked[key] for key in TOP_KEYS if key in asked}
    config: dict[str, Any] = {key: asked[key] for key in CONFIG_KEYS if key in asked}
    revision: dict[str, Any] = {key: asked[key] for key in REVISION_KEYS if key in asked}
    if "listener" in asked:
        body["listener"] = asked["listener"]
    if "k8s_namespace" in asked:
        config["listener_config"] = {"k8s_namespace": asked["k8s_namespace"]}
    if "source_sha256" in asked:
        revision["source_tarball_path"] = f"{SOURCE_PREFIX}{asked['source_sha256']}"
    if asked.get("secrets"):
        body["secrets"] = [{"name": name, "value": value} for name, value in asked["secrets"].items()]
    if config:
        body["source_config"] = config
    if revision:
        body["source_revision_config"] = revision
    return body


# -- plans and errors --------------------------------------------------------------------------------------------------


def plan_to_wire(plan: Plan) -> dict[str, Any]:
    """A plan as JSON (an answer of ``?dry_run=true``, and ``change`` in that of a change)."""
    return {
        "action": plan.action,
        "changed": plan.changed,
        "new_revision": plan.new_revision,
        "zero_downtime": plan.zero_downtime,
        "fields": list(plan.fields),
        "before": plan.before,
        "after": plan.after,
        "version": plan.version,
    }


def plan_from_wire(json: Mapping[str, Any]) -> Plan:
    """The plan that such an answer tells."""
    return Plan(
        json["action"],
        new_revision=json["new_revision"],
        zero_downtime=json["zero_downtime"],
        fields=tuple(json["fields"]),
        before=dict(json["before"]),
        after=dict(json["after"]),
        version=json["version"],
    )


_BY_CODE: Mapping[str, type[RecordsError]] = {
    error.code: error
    for error in vars(_errors).values()
    if isinstance(error, type) and issubclass(error, RecordsError) and error is not RecordsError
}
_BY_STATUS: Mapping[int, type[RecordsError]] = {
    400: _errors.InvalidInput,
    401: _errors.AuthenticationError,
    403: _errors.AccessDenied,
    404: _errors.NotFound,
    409: _errors.Conflict,
    413: _errors.InvalidInput,
    422: _errors.InvalidInput,
    426: _errors.ProtocolTooOld,
    503: _errors.RecordsUnavailable,
}
# Names of the constructors' own parameters, which no key of extra may take.
_TAKEN = frozenset({"self", "message"})


def error_to_wire(error: RecordsError, detail: str | None = None) -> dict[str, Any]:
    """An error as JSON; ``detail``: the vendor's text where the contract has one."""
    extra = {key: value for key, value in error.extra.items() if value is not None}
    return {"detail": detail or error.message, "code": error.code, "message": error.message, "extra": extra}


def error_from_wire(status: int, json: Any) -> RecordsError | None:
    """The error that such an answer tells; None if it is no answer of this API (a proxy's, a page for people)."""
    body = json if isinstance(json, Mapping) else {}
    detail = body.get("detail")
    if isinstance(detail, list):
        return _invalid_request(detail)
    message = body.get("message") or detail
    if not isinstance(message, str) or not message:
        return None
    given = body.get("extra")
    extra = {key: value for key, value in given.items() if key not in _TAKEN} if isinstance(given, Mapping) else {}
    kind = _BY_CODE.get(str(body.get("code"))) or _BY_STATUS.get(status, RecordsError)
    return kind(message, **cast("dict[str, Any]", extra))


def _invalid_request(problems: list[Any]) -> RecordsError:
    """The first problem of a request that does not fit the schema. The value that was sent is not repeated."""
    first = problems[0] if problems and isinstance(problems[0], Mapping) else {}
    where = first.get("loc")
    words = where[1:] if isinstance(where, list) else []  # the first one says which part of the request
    place = ".".join(str(word) for word in words)
    what = str(first.get("msg") or "the request does not fit").rstrip(".")
    return InvalidInput(f"{place or 'The request'} is refused by the control plane: {what}.", field=place or None)
