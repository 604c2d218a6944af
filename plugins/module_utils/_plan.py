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
)
_IMMUTABLE = ("source", "repo_url", "listener")
_PLAIN = ("display_name", "repo_ref", "image_uri", "langgraph_config_path", "flavour", "api_version", "source_sha256")
_KNOWN = {"name", "message", "listener", "source", "repo_url", "resource_spec", "env", "secrets", *_PLAIN}

# What the stores of a deployment run on: changing it restarts them.
_DOWNTIME_RESOURCES = frozenset(key for key in _inputs.RESOURCE_KEYS if key.startswith(("db_", "redis_")))


def normalise(desired: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for, checked and without what is not: None and empty strings are dropped. Raises InvalidInput."""
    unknown = sorted(set(desired) - _KNOWN)
    if unknown:
        raise InvalidInput(f"{unknown[0]} is no option of a deployment; remove it.", field=unknown[0])
    asked = {key: value for key, value in desired.items() if value is not None and value != ""}
    asked["name"] = _model.check_name(asked.get("name"))
    for key in (*_PLAIN, "message", "source", "repo_url", "listener"):
        if key in asked and not isinstance(asked[key], str):
            raise InvalidInput(f"{key} of deployment {asked['name']} is not a string; quote it.", field=key)
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
        _model.SOURCE_INTERNAL: {"source_sha256", "langgraph_config_path"},
        _model.SOURCE_GITHUB: {"repo_url", "repo_ref", "langgraph_config_path"},
        _model.SOURCE_IMAGE: {"image_uri"},
    }[source]
    every = ("source_sha256", "langgraph_config_path", "repo_url", "repo_ref", "image_uri")
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
    }


def has_source(config: Mapping[str, Any]) -> bool:
    """Whether there is something to run: without it, nothing becomes claimable."""
    if config["source"] == _model.SOURCE_INTERNAL:
        return bool(config["source_sha256"])
    return bool(config["repo_url"] if config["source"] == _model.SOURCE_GITHUB else config["image_uri"])


def merge(current: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """``current`` with what is asked for laid over it; a secret whose value is the mask keeps its value."""
    merged = dict(current)
    merged.update({key: asked[key] for key in (*_PLAIN, "resource_spec", "env") if key in asked})
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
    for key in ("display_name", *CONFIG_FIELDS):
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
    current: Mapping[str, Any] | None, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present"
) -> Plan:
    """What bringing ``current`` to ``desired`` does. Raises InvalidInput and Conflict, naming the deployment."""
    if state == "absent":
        return _plan_absent(current, skip_dump=bool(desired.get("skip_dump")), force=bool(desired.get("force")))
    asked = normalise(desired)
    if current is None:
        return _plan_create(asked)
    name = current["name"]
    if current.get("status") in (_model.AWAITING_DELETE, _model.AWAITING_FINAL_DELETE):
        raise Conflict(
            f"Deployment {name} is being deleted; wait until it is gone, then create it again.",
            status=current["status"],
        )
    for key in _IMMUTABLE:
        if key in asked and asked[key] != current.get(key):
            raise InvalidInput(
                f"The {key} of deployment {name} is {current.get(key) or 'not set'} and cannot be changed; "
                "delete the deployment or use another name.",
                field=key,
            )
    _check_fits_source(name, current["source"], asked)
    after = merge(current, asked)
    _model.check_disjoint(after["env"], after["secrets"])
    fields, left, right = differing(current, after)
    first = current.get("latest_number") is None
    config_differs = any(field.split(".")[0] in CONFIG_FIELDS for field in fields)
    if not fields:
        return Plan("none", version=current["version"])
    return Plan(
        "update",
        new_revision=config_differs and has_source(after),
        zero_downtime=first or not any(field.partition(".")[2] in _DOWNTIME_RESOURCES for field in fields),
        fields=fields,
        before={"name": name, **left},
        after={"name": name, **right},
        version=current["version"],
    )


def _plan_create(asked: Mapping[str, Any]) -> Plan:
    after = initial(asked)
    name = after["name"]
    _check_fits_source(name, after["source"], asked)
    if after["source"] == _model.SOURCE_GITHUB and not after["repo_url"]:
        raise InvalidInput(
            f"repo_url of deployment {name} is missing; give the address of its repository.", field="repo_url"
        )
    _model.check_disjoint(after["env"], after["secrets"])
    unmask(after["secrets"], {})
    shown = {key: value for key, value in after.items() if value not in (None, {})}
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
    fields, left, right = differing({**before, "display_name": None}, {**after, "display_name": None})
    return Plan(
        "update",
        new_revision=True,
        zero_downtime=not any(field.partition(".")[2] in _DOWNTIME_RESOURCES for field in fields),
        fields=("active_revision", *fields),
        before={"name": name, "active_revision": running["number"] if running else None, **left},
        after={"name": name, "active_revision": f"copy of {number}", "secrets_of": secrets, **right},
        version=deployment["version"],
    )


def plan_listener(
    current: Mapping[str, Any] | None, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present"
) -> Plan:
    """What bringing a listener to ``desired`` (compute_id, compute_type, compute_config, version) does."""
    compute_id = _model.check_compute_id(desired.get("compute_id"))
    if state == "absent":
        if current is None:
            return Plan("none")
        if current["deployments"]:
            raise Conflict(f"Listener {compute_id} still has {current['deployments']} deployments; delete them first.")
        return Plan(
            "delete",
            fields=("compute_id",),
            before=_listener_view(current),
            after={},
            version=current["record_version"],
        )
    after = merge_listener(current, desired)
    if current is None:
        return Plan("create", fields=tuple(sorted(after)), after=after)
    before = _listener_view(current)
    fields = tuple(sorted(key for key, value in after.items() if before.get(key) != value))
    if not fields:
        return Plan("none", version=current["record_version"])
    return Plan("update", fields=fields, before=before, after=after, version=current["record_version"])


def _listener_view(listener: Mapping[str, Any]) -> dict[str, Any]:
    config = {"host_groups": list((listener.get("compute_config") or {}).get("host_groups") or [])}
    return {**{key: listener.get(key) for key in ("compute_id", "compute_type", "version")}, "compute_config": config}


def merge_listener(current: Mapping[str, Any] | None, desired: Mapping[str, Any]) -> dict[str, Any]:
    """The listener after the change, checked: {compute_id, compute_type, compute_config{host_groups}, version}."""
    compute_id = desired["compute_id"]
    base = (
        _listener_view(current)
        if current
        else {"compute_id": compute_id, "compute_type": "hosts", "version": None, "compute_config": {"host_groups": []}}
    )
    asked_type = desired.get("compute_type") or base["compute_type"]
    if asked_type not in _model.COMPUTE_TYPES:
        raise InvalidInput(
            f"compute_type {asked_type!r} of listener {compute_id} is not known; use hosts or k8s.",
            field="compute_type",
        )
    if current and asked_type != base["compute_type"]:
        raise InvalidInput(
            f"The compute_type of listener {compute_id} is {base['compute_type']} and cannot be changed; delete "
            "the listener first.",
            field="compute_type",
        )
    after = {**base, "compute_type": asked_type}
    if desired.get("version"):
        after["version"] = _inputs.check_text(str(desired["version"]), "version", limit=128)
    config = desired.get("compute_config")
    if config is not None:
        after["compute_config"] = {"host_groups": _groups(compute_id, config)}
    return after


def _groups(compute_id: str, config: Any) -> list[str]:
    if not isinstance(config, Mapping) or set(config) - {"host_groups", "k8s_namespaces"}:
        raise InvalidInput(
            f"compute_config of listener {compute_id} is malformed; give host_groups (or k8s_namespaces) with a list.",
            field="compute_config",
        )
    lists = [list(config[key]) for key in ("host_groups", "k8s_namespaces") if isinstance(config.get(key), list)]
    if len(lists) == 2 and lists[0] != lists[1]:
        raise InvalidInput(
            f"host_groups and k8s_namespaces of listener {compute_id} differ; they are the same list, so give "
            "one of them.",
            field="compute_config",
        )
    groups = lists[0] if lists else []
    if not all(isinstance(group, str) and group for group in groups):
        raise InvalidInput(
            f"compute_config of listener {compute_id} holds something else than names; quote them.",
            field="compute_config",
        )
    return [_inputs.check_text(group, "host_groups", limit=255) for group in groups]
