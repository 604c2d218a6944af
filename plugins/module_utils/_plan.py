# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure planning: what differs between a record and what is asked for, and what that would do.

Shapes: ``current`` is a flat dict of the deployment with the configuration of its latest revision (keys:
CONFIG_FIELDS, plus name, display_name, source, repo_url, listener, status, version, latest_number, delete_failed,
skip_dump) or None. ``desired`` has the options of the module ``deployment``; None or a missing key = not asked.
No driver, no Ansible, no I/O. Secret values never leave this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _inputs, _model
from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import Conflict, InvalidInput, NotFound
from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import MASK, MASK_CHANGED, Plan

# The configuration that a revision freezes; a difference in any of them makes a revision.
CONFIG_FIELDS = (
    "repo_ref",
    "image_uri",
    "langgraph_config_path",
    "resource_spec",
    "env",
    "secrets",
    "flavour",
    "api_version",
    "source_sha256",
    "install_command",
    "build_command",
    "secret_references",
    "tracked_packages",
)
# Fields of the vendor's API that belong to the deployment as a whole: a difference makes no revision.
ATTRIBUTES = (
    "shareable",
    "route_through_gateway",
    "deployment_type",
    "build_on_push",
    "integration_id",
    "custom_url",
    "k8s_namespace",
    "deployment_tier",
    "compute_tier",
    "database_tier",
)
_IMMUTABLE = ("source", "repo_url", "listener", "integration_id", "deployment_type", "k8s_namespace")
# What a deployment that no listener has yet may get later, together: a listener, and where that one puts it.
_ADOPTED = ("listener", "k8s_namespace")
_PLAIN = (
    "display_name",
    "repo_ref",
    "image_uri",
    "langgraph_config_path",
    "flavour",
    "api_version",
    "source_sha256",
    "install_command",
    "build_command",
)
_FLAGS = ("shareable", "route_through_gateway", "build_on_push")
_TEXT_ATTRIBUTES = tuple(key for key in ATTRIBUTES if key not in _FLAGS)
# Values that are replaced as a whole.
_WHOLE = ("resource_spec", "env", "secret_references", "tracked_packages")
_KNOWN = {"name", "message", "listener", "source", "repo_url", "secrets", *_WHOLE, *_PLAIN, *ATTRIBUTES}

# What the stores of a deployment run on: changing it restarts them.
_DOWNTIME_RESOURCES = frozenset(key for key in _inputs.RESOURCE_KEYS if key.startswith(("db_", "redis_")))


def normalise(desired: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for, checked and without what is not: None and empty strings are dropped. Raises InvalidInput."""
    unknown = sorted(set(desired) - _KNOWN)
    if unknown:
        raise InvalidInput(f"{unknown[0]} is no option of a deployment; remove it.", field=unknown[0])
    asked = {key: value for key, value in desired.items() if value is not None and value != ""}
    asked["name"] = _model.check_name(asked.get("name"))
    for key in (*_PLAIN, *_TEXT_ATTRIBUTES, "message", "source", "repo_url", "listener"):
        if key in asked and not isinstance(asked[key], str):
            raise InvalidInput(f"{key} of deployment {asked['name']} is not a string; quote it.", field=key)
    for key in _FLAGS:
        if key in asked and not isinstance(asked[key], bool):
            raise InvalidInput(f"{key} of deployment {asked['name']} is not true or false; use one of them.", field=key)
    if "display_name" in asked:
        _inputs.check_text(asked["display_name"], "display_name", limit=255)
    if "message" in asked:
        _inputs.check_text(asked["message"], "message", limit=16384, multiline=True)
    for key, check in _CHECKS.items():
        if key in asked:
            asked[key] = check(asked[key])
    for key in ("env", "secrets"):
        if key in asked:
            asked[key] = _model.check_environment(asked[key], key)
    if "source" in asked and asked["source"] not in _model.SOURCES:
        raise InvalidInput(
            f"source {asked['source']!r} is not known; use one of {', '.join(_model.SOURCES)}.", field="source"
        )
    return asked


def _simple_word(key: str) -> Any:
    def check(value: str) -> str:
        if not all(char.isalnum() or char in "._+-" for char in value) or len(value) > 64 or not value[0].isalnum():
            raise InvalidInput(f"{key} {value!r} is malformed; use letters, digits and . _ + -.", field=key)
        return value

    return check


_CHECKS = {
    "repo_url": _inputs.check_repo_url,
    "repo_ref": _inputs.check_repo_ref,
    "image_uri": _inputs.check_image_uri,
    "langgraph_config_path": _inputs.check_config_path,
    "source_sha256": _inputs.check_sha256,
    "resource_spec": _inputs.check_resource_spec,
    "flavour": _simple_word("flavour"),
    "api_version": _simple_word("api_version"),
    "install_command": _inputs.check_command("install_command"),
    "build_command": _inputs.check_command("build_command"),
    "secret_references": _inputs.check_secret_references,
    "tracked_packages": _inputs.check_tracked_packages,
    "custom_url": _inputs.check_url("custom_url"),
    "deployment_type": _inputs.check_choice("deployment_type", _model.DEPLOYMENT_TYPES),
    "deployment_tier": _inputs.check_choice("deployment_tier", _model.TIERS),
    "compute_tier": _inputs.check_choice("compute_tier", _model.TIERS),
    "database_tier": _inputs.check_choice("database_tier", _model.TIERS),
}


def derive_source(asked: Mapping[str, Any]) -> str:
    """The source kind: the one given, else what the other options speak of, else ``internal_source``."""
    if "source" in asked:
        return str(asked["source"])
    if "repo_url" in asked:
        return _model.SOURCE_GITHUB
    return _model.SOURCE_IMAGE if "image_uri" in asked else _model.SOURCE_INTERNAL


def _check_fits_source(name: str, source: str, asked: Mapping[str, Any]) -> None:
    allowed = {
        _model.SOURCE_INTERNAL: {"source_sha256", "langgraph_config_path", "install_command", "build_command"},
        _model.SOURCE_GITHUB: {
            *("repo_url", "repo_ref", "langgraph_config_path", "install_command", "build_command"),
            *("integration_id", "build_on_push"),
        },
        _model.SOURCE_IMAGE: {"image_uri"},
        _model.SOURCE_PUSHED_IMAGE: {"image_uri"},
    }[source]
    every = (
        *("source_sha256", "langgraph_config_path", "repo_url", "repo_ref", "image_uri"),
        *("install_command", "build_command", "integration_id", "build_on_push"),
    )
    wrong = [key for key in every if key in asked and key not in allowed]
    if wrong:
        raise InvalidInput(
            f"{wrong[0]} does not go with source {source} of deployment {name}; remove it or use another deployment.",
            field=wrong[0],
        )


def initial(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The flat state of a deployment that is about to be created from ``asked`` (of ``normalise``)."""
    source = derive_source(asked)
    from_tree = source in (_model.SOURCE_INTERNAL, _model.SOURCE_GITHUB)
    return {
        "name": asked["name"],
        "display_name": asked.get("display_name"),
        "source": source,
        "repo_url": asked.get("repo_url"),
        "listener": asked.get("listener"),
        "repo_ref": asked.get("repo_ref"),
        "image_uri": asked.get("image_uri"),
        "langgraph_config_path": asked.get("langgraph_config_path", _model.DEFAULT_CONFIG_PATH) if from_tree else None,
        "resource_spec": asked.get("resource_spec", {}),
        "env": asked.get("env", {}),
        "secrets": asked.get("secrets", {}),
        "flavour": asked.get("flavour", _model.DEFAULT_FLAVOUR),
        "api_version": asked.get("api_version"),
        "source_sha256": asked.get("source_sha256"),
        "install_command": asked.get("install_command"),
        "build_command": asked.get("build_command"),
        "secret_references": asked.get("secret_references", []),
        "tracked_packages": asked.get("tracked_packages", []),
        **{key: asked.get(key) for key in ATTRIBUTES},
    }


def has_source(config: Mapping[str, Any]) -> bool:
    """Whether there is something to run: without it, nothing becomes claimable."""
    if config["source"] == _model.SOURCE_INTERNAL:
        return bool(config["source_sha256"])
    return bool(config["repo_url"] if config["source"] == _model.SOURCE_GITHUB else config["image_uri"])


def merge(current: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """``current`` with what is asked for laid over it; a secret whose value is the mask keeps its value."""
    merged = dict(current)
    merged.update({key: asked[key] for key in ("listener", *_PLAIN, *_WHOLE, *ATTRIBUTES) if key in asked})
    if "secrets" in asked:
        merged["secrets"] = unmask(asked["secrets"], current.get("secrets") or {})
    return merged


def unmask(asked: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """Secrets with each masked value replaced by the current one. InvalidInput: there is none to keep."""
    lost = sorted(name for name, value in asked.items() if value in (MASK, MASK_CHANGED) and name not in current)
    if lost:
        raise InvalidInput(
            f"The value of secret {lost[0]} is a mask, and there is none to keep; give it.", field="secrets"
        )
    return {name: current[name] if value in (MASK, MASK_CHANGED) else value for name, value in asked.items()}


def masked(secrets: Mapping[str, str] | None) -> dict[str, str]:
    """Names with the mask for a value."""
    return dict.fromkeys(secrets or {}, MASK)


def masked_after(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> dict[str, str]:
    """As ``masked``; a value that differs from the one before is told by its mask."""
    old = before or {}
    return {name: MASK_CHANGED if name in old and old[name] != value else MASK for name, value in (after or {}).items()}


def differing(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]:
    """Dotted names of what differs, and both sides of it with secrets masked."""
    fields: list[str] = []
    left: dict[str, Any] = {}
    right: dict[str, Any] = {}
    for key in ("display_name", "listener", *ATTRIBUTES, *CONFIG_FIELDS):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if key in ("env", "secrets", "resource_spec"):
            old, new = old or {}, new or {}
            names = sorted(
                name for name in {*old, *new} if old.get(name) != new.get(name) or (name in old) != (name in new)
            )
            if not names:
                continue
            fields.extend(f"{key}.{name}" for name in names)
        else:
            fields.append(key)
        left[key] = masked(old) if key == "secrets" else old
        right[key] = masked_after(old, new) if key == "secrets" else new
    return tuple(sorted(fields)), left, right


def plan(
    current: Mapping[str, Any] | None,
    desired: Mapping[str, Any],
    state: Literal["present", "absent"] = "present",
    *,
    always_revision: bool = False,
    must: Literal["create", "update"] | None = None,
) -> Plan:
    """What bringing ``current`` to ``desired`` does. Raises InvalidInput, Conflict and NotFound, naming the deployment.

    always_revision: an update makes a revision even if nothing differs. must: what it has to be (None: either).
    """
    if state == "absent":
        return _plan_absent(current, skip_dump=bool(desired.get("skip_dump")), force=bool(desired.get("force")))
    asked = normalise(desired)
    if current is None:
        if must == "update":
            raise NotFound(
                f"There is no deployment {asked['name']}; create it.", kind="deployment", names=[asked["name"]]
            )
        return _plan_create(asked)
    name = current["name"]
    if must == "create":
        # The sentence is the contract's.
        raise Conflict(f"A deployment named '{name}' already exists.", status=current.get("status"))
    if current.get("status") in (_model.AWAITING_DELETE, _model.AWAITING_FINAL_DELETE):
        raise Conflict(
            f"Deployment {name} is being deleted; wait until it is gone, then create it again.",
            status=current["status"],
        )
    adopted = _ADOPTED if "listener" in asked and current.get("listener") is None else ()
    for key in _IMMUTABLE:
        if key in adopted and current.get(key) is None:
            continue
        if key in asked and asked[key] != current.get(key):
            raise InvalidInput(
                f"The {key} of deployment {name} is {current.get(key) or 'not set'} and cannot be changed; "
                "delete the deployment or use another name.",
                field=key,
            )
    _check_fits_source(name, current["source"], asked)
    after = merge(current, asked)
    _check_environment(after)
    fields, left, right = differing(current, after)
    first = current.get("latest_number") is None
    config_differs = any(field.split(".")[0] in CONFIG_FIELDS for field in fields)
    if not fields and not (always_revision and has_source(after)):
        return Plan("none", version=current["version"])
    return Plan(
        "update",
        new_revision=(config_differs or always_revision) and has_source(after),
        zero_downtime=first or not any(field.partition(".")[2] in _DOWNTIME_RESOURCES for field in fields),
        fields=fields,
        before={"name": name, **left},
        after={"name": name, **right},
        version=current["version"],
    )


def _check_environment(after: Mapping[str, Any]) -> None:
    """A name stands once in env, secrets and secret_references, and no reference sets what the platform sets."""
    _model.check_disjoint(after["env"], after["secrets"])
    names = [reference["name"] for reference in after["secret_references"]]
    _model.check_environment(dict.fromkeys(names, ""), "secret_references")
    both = sorted(set(names) & {*after["env"], *after["secrets"]})
    if both:
        raise InvalidInput(
            f"{', '.join(both)} stands in secret_references and in env or secrets; keep it in one of them.",
            field="secret_references",
        )


def _plan_create(asked: Mapping[str, Any]) -> Plan:
    after = initial(asked)
    name = after["name"]
    if _model.is_uuid(name):
        raise InvalidInput(f"{name} looks like the id of a deployment; give a new one another name.", field="name")
    _check_fits_source(name, after["source"], asked)
    if after["source"] == _model.SOURCE_GITHUB and not after["repo_url"]:
        raise InvalidInput(
            f"repo_url of deployment {name} is missing; give the address of its repository.", field="repo_url"
        )
    _check_environment(after)
    unmask(after["secrets"], {})
    shown = {key: value for key, value in after.items() if value not in (None, {}, [])}
    if after["secrets"]:
        shown["secrets"] = masked(after["secrets"])
    return Plan("create", new_revision=has_source(after), fields=tuple(sorted(shown)), after=shown)


def _plan_absent(current: Mapping[str, Any] | None, *, skip_dump: bool, force: bool) -> Plan:
    if current is None or current["status"] == _model.AWAITING_FINAL_DELETE:
        return Plan("none")
    asked_again = skip_dump and not current.get("skip_dump")
    if current["status"] == _model.AWAITING_DELETE and not (current.get("delete_failed") or asked_again or force):
        return Plan("none", version=current["version"])
    return Plan(
        "delete",
        zero_downtime=False,
        fields=("status",),
        before={"name": current["name"], "status": current["status"]},
        after={},
        version=current["version"],
    )


def plan_activation(
    deployment: Mapping[str, Any],
    current: Mapping[str, Any],
    target: Mapping[str, Any] | None,
    running: Mapping[str, Any] | None,
    *,
    number: int,
    secrets: Literal["current", "of_revision"],
) -> Plan:
    """What making revision ``number`` the active one does.

    deployment: name, status, version. current: configuration of the latest revision. target: the revision asked for
    (number, configuration), None if there is none. running: the pending revision, else the active one (number,
    rollback_of), or None.
    """
    name = deployment["name"]
    if target is None:
        raise NotFound(
            f"Deployment {name} has no revision {number}; list them with revision_info.",
            kind="revision",
            names=[number],
        )
    if deployment["status"] in (_model.AWAITING_DELETE, _model.AWAITING_FINAL_DELETE):
        raise Conflict(
            f"Deployment {name} is being deleted; no revision of it can become active.", status=deployment["status"]
        )
    if running is not None and number in (running["number"], running.get("rollback_of")):
        return Plan("none", version=deployment["version"])
    after = dict(target)
    if secrets == "current":
        after["secrets"] = current["secrets"]
    before = dict(running) if running is not None else dict(current)
    fields, left, right = differing(of_revision(before), of_revision(after))
    return Plan(
        "update",
        new_revision=True,
        zero_downtime=not any(field.partition(".")[2] in _DOWNTIME_RESOURCES for field in fields),
        fields=("active_revision", *fields),
        before={"name": name, "active_revision": running["number"] if running else None, **left},
        after={"name": name, "active_revision": f"copy of {number}", "secrets_of": secrets, **right},
        version=deployment["version"],
    )


def of_revision(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what belongs to the deployment as a whole."""
    return {key: value for key, value in config.items() if key not in ("display_name", "listener", *ATTRIBUTES)}
