# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendor's resource spec. What concerns processes applies on hosts; the rest is for pods."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ansible_collections.selfhosted.langgraph.services.control_plane.schemas.common import ONE_LINE, Asked

Scale = Annotated[int, Field(ge=1, le=1000)]
Cpu = Annotated[float, Field(ge=0.1, le=8, allow_inf_nan=False)]
CpuLimit = Annotated[float, Field(ge=0.1, le=16, allow_inf_nan=False)]
Memory = Annotated[int, Field(ge=16, le=4194304)]
Count = Annotated[int, Field(ge=1, le=1000000)]
_Text = Annotated[str, StringConstraints(pattern=ONE_LINE, max_length=4096)]
_Texts = Annotated[list[_Text], Field(max_length=100)]
_Labels = Annotated[dict[_Text, _Text], Field(json_schema_extra={"additionalProperties": False})]
_Object = dict[str, Any]


class LocalObjectReference(Asked):
    """A Kubernetes object of the deployment's namespace."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$", max_length=253)]


class Volume(Asked):
    """A volume of the pods."""

    name: _Text
    configMap: _Object | None = None
    secret: _Object | None = None
    emptyDir: _Object | None = None
    persistentVolumeClaim: _Object | None = None
    nfs: _Object | None = None
    projected: _Object | None = None
    downwardAPI: _Object | None = None
    csi: _Object | None = None


class VolumeMount(Asked):
    """Where a volume is seen in a container."""

    name: _Text
    mountPath: _Text
    subPath: _Text | None = None
    mountPropagation: _Text | None = None
    readOnly: bool | None = None
    subPathExpr: _Text | None = None


class EnvVar(Asked):
    """An environment variable of a container."""

    name: _Text
    value: _Text | None = None
    valueFrom: _Object | None = None


class ResourceRequirements(Asked):
    """What a container asks for and may use."""

    limits: _Labels | None = None
    requests: _Labels | None = None


class Container(Asked):
    """A container beside the server's."""

    name: _Text
    image: _Text
    imagePullPolicy: _Text | None = None
    command: _Texts | None = None
    args: _Texts | None = None
    workingDir: _Text | None = None
    env: Annotated[list[EnvVar], Field(max_length=500)] | None = None
    envFrom: Annotated[list[_Object], Field(max_length=100)] | None = None
    resources: ResourceRequirements | None = None
    volumeMounts: Annotated[list[VolumeMount], Field(max_length=100)] | None = None
    securityContext: _Object | None = None
    restartPolicy: _Text | None = None


class ResourceSpec(Asked):
    """Sizes of what runs for a deployment; replaces the old one as a whole."""

    min_scale: Scale | None = None
    max_scale: Scale | None = None
    cpu: Cpu | None = None
    cpu_limit: CpuLimit | None = None
    memory_mb: Memory | None = None
    memory_limit_mb: Memory | None = None
    queue_min_scale: Scale | None = None
    queue_max_scale: Scale | None = None
    queue_cpu: Cpu | None = None
    queue_cpu_limit: CpuLimit | None = None
    queue_memory_mb: Memory | None = None
    queue_memory_limit_mb: Memory | None = None
    redis_cpu: Cpu | None = None
    redis_cpu_limit: CpuLimit | None = None
    redis_memory_mb: Memory | None = None
    redis_memory_limit_mb: Memory | None = None
    core_cpu: Cpu | None = None
    core_cpu_limit: CpuLimit | None = None
    core_memory_mb: Memory | None = None
    core_memory_limit_mb: Memory | None = None
    labels: _Labels | None = None
    annotations: _Labels | None = None
    service_account_name: _Text | None = None
    image_pull_secrets: Annotated[list[LocalObjectReference], Field(max_length=100)] | None = None
    volumes: Annotated[list[Volume], Field(max_length=100)] | None = None
    volume_mounts: Annotated[list[VolumeMount], Field(max_length=100)] | None = None
    init_containers: Annotated[list[Container], Field(max_length=100)] | None = None
    sidecars: Annotated[list[Container], Field(max_length=100)] | None = None
    db_cpu: Cpu | None = None
    db_cpu_limit: CpuLimit | None = None
    db_memory_mb: Memory | None = None
    db_memory_limit_mb: Memory | None = None
    db_storage_gi: Count | None = None
    db_max_connections: Count | None = None
