# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module deployment: bring a deployment to a state, with its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible_collections.selfhosted.langgraph.plugins.module_utils._errors import InvalidInput
from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import outcome, settle
from ansible_collections.selfhosted.langgraph.plugins.module_utils._sources import open_tarball, pack_directory
from ansible_collections.selfhosted.langgraph.plugins.module_utils._waiting import wait_for_delete, wait_for_revision

if TYPE_CHECKING:
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._records import Plan
    from ansible_collections.selfhosted.langgraph.plugins.module_utils._resource_module import Context

# Options that go to the plan as they are; None: not asked.
ASKED = (
    "name",
    "display_name",
    "source",
    "repo_url",
    "repo_ref",
    "image_uri",
    "langgraph_config_path",
    "install_command",
    "build_command",
    "env",
    "secrets",
    "secret_references",
    "resource_spec",
    "custom_url",
    "flavour",
    "api_version",
    "listener",
    "k8s_namespace",
)
# Options that give a source, and the kinds that they go with; the first one is meant when none is given.
_SOURCES = {
    "source_directory": ("internal_source",),
    "source_tarball": ("internal_source",),
    "repo_url": ("github",),
    "image_uri": ("external_docker", "internal_docker"),
}


def work(context: Context) -> dict[str, Any]:
    """{changed, action, diff, new_revision, zero_downtime, deployment, revision}."""
    return _absent(context) if context.params["state"] == "absent" else _present(context)


def desired_deployment(params: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for, with the kind of source derived from the option that gives it. InvalidInput if options "
    "contradict."""
    name = params["name"]
    given = [option for option in _SOURCES if params[option] is not None]
    if len(given) > 1:
        raise InvalidInput(
            f"Deployment {name} is given {' and '.join(given)}: a deployment has one source, so give one.",
            field=given[1],
        )
    desired = {option: params[option] for option in ASKED if params[option] is not None}
    if params["comment"] is not None:
        desired["message"] = params["comment"]
    if given:
        kinds = _SOURCES[given[0]]
        if desired.setdefault("source", kinds[0]) not in kinds:
            raise InvalidInput(
                f"Deployment {name} is given {given[0]}, which does not go with source {desired['source']}: leave out "
                f"source, or use {' or '.join(kinds)}.",
                field="source",
            )
    return desired


@contextmanager
def opened_source(params: Mapping[str, Any]) -> Iterator[tuple[BinaryIO, str] | None]:
    """The source on this host that is to be stored, with its SHA-256; None if no option gives one."""
    directory, tarball = params["source_directory"], params["source_tarball"]
    if directory is not None:
        with pack_directory(directory) as packed:
            yield packed.file, packed.sha256
    elif tarball is not None:
        with open_tarball(tarball) as packed:
            yield packed.file, packed.sha256
    else:
        yield None


def _present(context: Context) -> dict[str, Any]:
    params, records = context.params, context.records
    desired = desired_deployment(params)
    with opened_source(params) as source:
        if source is not None:
            desired["source_sha256"] = source[1]
        plan = records.plan_deployment(desired)
        applied = settle(context, plan, lambda: _write(context, desired, plan, source))
    current = applied["deployment"] if applied else records.deployment(params["name"])
    revision = applied["revision"] if applied else None
    if params["wait"] and not context.check_mode and current and current["latest_revision_number"] is not None:
        number = current["latest_revision_number"]
        latest = wait_for_revision(records, current["id"], number, params["wait_timeout"])
        revision = latest if revision else None
        current = records.deployment(current["id"])
    return _outcome(plan, current, revision)


def _write(context: Context, desired: Mapping[str, Any], plan: Plan, source: tuple[BinaryIO, str] | None) -> Any:
    """Store the source unless it is there already, then the deployment as planned."""
    if source is not None and not context.records.has_source(source[1]):
        stored = context.records.put_source(source[0])
        if stored["sha256"] != source[1]:
            raise InvalidInput(f"The source of deployment {desired['name']} changed while it was read: run again.")
    return context.records.apply_deployment(desired, plan.version)


def _absent(context: Context) -> dict[str, Any]:
    params, records = context.params, context.records
    name, force, skip_dump = params["name"], params["force"], params["skip_dump"]
    plan = records.plan_deployment({"name": name, "force": force, "skip_dump": skip_dump}, "absent")
    before = records.deployment(name)
    settle(context, plan, lambda: records.delete_deployment(name, force=force, skip_dump=skip_dump))
    if before is not None and not context.check_mode:
        if params["wait"]:
            wait_for_delete(records, before["id"], name, params["wait_timeout"], before)
        return _outcome(plan, records.deployment(before["id"]), None)
    return _outcome(plan, before, None)


def _outcome(plan: Plan, deployment: dict[str, Any] | None, revision: dict[str, Any] | None) -> dict[str, Any]:
    return outcome(
        plan, new_revision=plan.new_revision, zero_downtime=plan.zero_downtime, deployment=deployment, revision=revision
    )
