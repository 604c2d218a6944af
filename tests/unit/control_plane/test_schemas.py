# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemas know what the records know: words, keys, limits."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from ansible_collections.selfhosted.langgraph.plugins.module_utils import _inputs, _model, _permissions, _records
from ansible_collections.selfhosted.langgraph.services.control_plane.schemas import (
    administration,
    claims,
    common,
    deployments,
    listeners,
    logs,
    resources,
    work,
)


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (deployments.RevisionStatus, _model.REVISION_STATUSES),
        (deployments.DeploymentStatus, _model.DEPLOYMENT_STATUSES),
        (deployments.Source, _model.SOURCES),
        (deployments.DeploymentType, _model.DEPLOYMENT_TYPES),
        (deployments.Tier, _model.TIERS),
        (listeners.ComputeType, _model.COMPUTE_TYPES),
        (logs.LogType, _model.LOG_TYPES),
        (logs.LogLevel, _model.LOG_LEVELS),
        (administration.KeyRole, tuple(_permissions.ROLES)),
        (administration.MemberRole, _permissions.MEMBER_ROLES),
    ],
    ids=str,
)
def test_words_are_those_of_the_records(words: Any, known: tuple[str, ...]) -> None:
    assert set(get_args(words)) == set(known)


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        (claims.ClaimPublic, _records.ClaimPublic),
        (claims.ClaimPrivate, _records.ClaimPrivate),
        (claims.ClaimedDeployment, _records.ClaimDeployment),
        (claims.ClaimedRevision, _records.ClaimRevision),
        (work.OwnerRequest, _records.Owner),
        (work.Renewed, _records.Renewed),
        (work.Reported, _records.Reported),
    ],
)
def test_shapes_are_those_of_the_records(schema: type[BaseModel], shape: Any) -> None:
    assert set(schema.model_fields) == set(shape.__annotations__) - {"claim_file"}


def test_a_resource_spec_has_the_keys_that_the_records_take() -> None:
    assert set(resources.ResourceSpec.model_fields) == _inputs.RESOURCE_KEYS


def test_what_can_be_reported_is_what_the_records_take() -> None:
    status = work.ReportRequest.model_fields["status"].annotation
    words = {word for part in get_args(status) for word in get_args(part)}
    assert words == _model.REPORTABLE | _model.REPORTABLE_ON_DELETE


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00", "0001-01-01T00:00:00+14:00"])
def test_moments(text: str) -> None:
    assert TypeAdapter(common.Moment).validate_python(text).endswith("+00:00")


@pytest.mark.parametrize("text", ["", "now", "17", "2026-13-01T00:00:00Z", 17, None])
def test_what_is_no_moment(text: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(common.Moment).validate_python(text)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), (True, True)])
def test_flags(text: Any, value: bool) -> None:
    assert TypeAdapter(common.Flag).validate_python(text) is value


@pytest.mark.parametrize("text", ["", "yes", "0", "1", "t"])
def test_what_is_no_flag(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(common.Flag).validate_python(text)
