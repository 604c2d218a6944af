# Copyright (c) 2026, selfhosted.langgraph contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of the records, and the shapes that cross it.

Adapters: ``_records_postgres`` (a dsn) and ``_records_http`` (the address of a control plane).
Open one with ``_records_open.open_records``.
All results are JSON-able: ids are UUID strings, times ISO-8601 strings in UTC, sizes bytes, durations seconds.
Secret values are masked (``{name: MASK}``) everywhere but in the private part of a claim. All methods raise the
errors of ``_errors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, NotRequired, Protocol, TypedDict

MASK = "********"
MASK_CHANGED = "******** (changed)"

DEFAULT_PORT_RANGE = (22000, 22999)
LEASE_SECONDS = 60
RENEW_SECONDS = 20
SEEN_SECONDS = 30  # a listener process that was seen so long ago is not there any more


@dataclass(frozen=True)
class Plan:
    """What a change would do; the result of ``_plan`` and of the ``plan_*`` methods.

    action: none, create, update or delete (of the record planned for). new_revision: whether the change makes a
    revision. zero_downtime: whether running servers go on answering meanwhile. fields: dotted names of what differs,
    sorted. before/after: what differs, for ``diff`` (secrets masked). version: the record's version that was read
    (None: it does not exist); hand it to ``apply_*`` to refuse a change in between.
    """

    action: Literal["none", "create", "update", "delete"]
    new_revision: bool = False
    zero_downtime: bool = True
    fields: tuple[str, ...] = ()
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    version: int | None = None

    @property
    def changed(self) -> bool:
        """True unless nothing is to be done."""
        return self.action != "none"


class Applied(TypedDict):
    """Result of a change: what was done and how the record is now."""

    changed: bool
    deployment: dict[str, Any]
    revision: dict[str, Any] | None  # the revision made by this change; None: none was made
    plan: Plan


class Owner(TypedDict, total=False):
    """Who holds a claim: a process on a host (see ``_process.current_owner``)."""

    host: str
    boot_id: str
    pid_ns: str  # containers share the boot id of their host
    pid: int
    start_time: int
    user: str
    label: str  # shown to people: user@host, pid


class ClaimDeployment(TypedDict):
    """The deployment in a claim."""

    id: str
    name: str
    slug: str
    workspace_id: str
    status: str
    active_revision_number: int | None
    listener_id: str | None
    url: str | None
    skip_dump: bool
    delete_attempts: int  # claims of this deletion, this one too
    host: str | None  # the host of the inventory that serves it, as it was reported last
    host_group: str | None  # where it shall be served: a group of the inventory


class ClaimRevision(TypedDict):
    """The revision to be applied. ``source_sha256`` is None for git until its commit was fetched, and for images."""

    id: str
    number: int
    status: str
    kind: str
    source: str
    source_sha256: str | None
    repo_url: str | None
    repo_ref: str | None
    repo_commit_sha: str | None
    langgraph_config_path: str | None
    image_uri: str | None
    flavour: str
    api_version: str | None
    has_lock: bool
    resource_spec: dict[str, Any]
    attempts: int  # how often it was claimed, this time among them


class ClaimPublic(TypedDict):
    """The part of a claim that may be shown: no secret in it."""

    claim_id: str  # in a preview: "" (nothing was claimed)
    epoch: int
    seconds_left: float
    action: Literal["apply", "delete", "check"]
    reason: Literal["due", "named", "check"]
    preview: bool
    deployment: ClaimDeployment
    revision: ClaimRevision | None  # None: a delete of a deployment that never had one
    keep_revisions: list[int]  # numbers whose directories hosts keep
    placements: dict[str, dict[str, dict[str, int]]]  # host key -> role -> slot -> port
    claim_file: NotRequired[str]  # added by the module work_claim


class ClaimPrivate(TypedDict):
    """The part of a claim that is written to a file with mode 0600 and shown nowhere."""

    env: dict[str, str]
    secrets: dict[str, str]
    secret_references: list[dict[str, str]]  # name, secret_name, secret_key; resolved by whoever applies
    lock: str | None
    database_password: str | None  # None only in a preview, before the first claim made them
    redis_password: str | None


class Claim(TypedDict):
    """An exclusive, leased right to work on one deployment."""

    public: ClaimPublic
    private: ClaimPrivate


class Renewed(TypedDict):
    """Answer to a renewal."""

    seconds_left: float
    interrupt_requested: bool


class Reported(TypedDict):
    """Answer to a report. ``revision``: the claim's revision as it is now (None on a delete without one)."""

    revision: dict[str, Any] | None
    interrupt_requested: bool
    changed: bool


class ListenerProcess(TypedDict, total=False):
    """A process of a listener, as it tells of itself. ``id``, ``owner`` and ``started_at`` are required."""

    id: str  # a UUID of its own
    owner: Owner
    version: str | None
    capacity: int  # pieces of work at once
    started_at: str  # ISO-8601
    work: list[dict[str, Any]]  # claim_id, deployment, revision (its number), action, step, since
    stopping: bool  # it does not come back: it is not there any more


class Heartbeat(TypedDict):
    """Answer to a heartbeat. ``leader``: whether the process is the one that does what one alone has to do."""

    listener: dict[str, Any]  # id, compute_id, compute_type, host_groups, workspace_id
    leader: bool


class LogEntry(TypedDict, total=False):
    """A line of a log. ``seq`` is the caller's counter within the claim and type: the same one twice is stored once."""

    seq: int
    timestamp: str  # ISO-8601; default: now
    level: str  # DEBUG INFO WARNING ERROR CRITICAL
    message: str


class ObservedLine(LogEntry):
    """A line of a running server's log. ``writer``: a UUID of what ``seq`` is counted for."""

    writer: str


class Observation(TypedDict, total=False):
    """What a listener sees of a deployment's servers. ``slug`` is required."""

    slug: str
    revision_id: str | None  # which one runs; default: the active one
    health: dict[str, Any] | None  # ok, message, replicas {name: {ok, message}}
    logs: list[ObservedLine]
    samples: list[dict[str, Any]]  # name, replica, at (default: now), value


class Observed(TypedDict):
    """Answer to observations. accepted: how many lines and samples were new. unknown: slugs of which none is there."""

    accepted: int
    unknown: list[str]


class Wanted(TypedDict):
    """A port that is needed: role ``api``/``queue``/``redis``, slot ``blue``/``green``/``blue-1``/``main``...
    ``port`` fixes it.
    """

    role: str
    slot: str
    port: NotRequired[int]


class SchemaStatus(TypedDict):
    """Versions of schema and code; ``version`` 0: there is no schema yet."""

    version: int
    code_version: int
    minimum_code: int
    up_to_date: bool


class Records(Protocol):
    """Deployments, revisions, listeners, API keys, sources, claims and placements of one workspace; and workspaces."""

    def close(self) -> None:
        """Give the connection back."""

    # -- deployments ---------------------------------------------------------------------------------------------
    def deployment(self, name_or_id: str) -> dict[str, Any] | None:
        """The deployment, or None.

        {id, tenant_id, name, slug, display_name, status, source, source_config{integration_id, repo_url,
        deployment_type, build_on_push, custom_url, resource_spec, listener_id, listener_config, install_command,
        build_command, template_id, repo_branch}, source_revision_config{repo_ref, langgraph_config_path, image_uri,
        source_tarball_path, repo_commit_sha} (of the latest revision), source_sha256, env, secrets, secret_references,
        tracked_packages, flavour, api_version, image_version, shareable, route_through_gateway, deployment_tier,
        compute_tier, database_tier, url,
        listener_id, listener (its compute_id), latest_revision_id, latest_revision_number, latest_revision_status,
        active_revision_id, active_revision_number, cause (of a failed delete), health, host, drift {status
        (in_sync, drifted, failed), changes [{task, host, message, diff}], more, cause, checked_at}, claim {held,
        action, owner, since, until, epoch}, version, created_at, updated_at}
        """

    def deployments(
        self,
        name: str | None = None,
        name_contains: str | None = None,
        status: str | None = None,
        limit: int = 20,
        offset: int = 0,
        *,
        deployment_ids: Sequence[str] | None = None,
        deployment_type: str | None = None,
        url: str | None = None,
        image_version: str | None = None,
        listener: str | None = None,
    ) -> list[dict[str, Any]]:
        """Deployments as ``deployment()`` gives them, newest first, that fit all filters given. limit 1..100."""

    def plan_deployment(
        self,
        desired: Mapping[str, Any],
        state: Literal["present", "absent"] = "present",
        *,
        always_revision: bool = False,
        must: Literal["create", "update"] | None = None,
    ) -> Plan:
        """What ``apply_deployment``/``delete_deployment`` would do; reads only.

        desired: name*, display_name, source, repo_url, repo_ref, image_uri, langgraph_config_path, env, secrets,
        resource_spec, flavour, api_version, listener (compute_id or id; later only for one that has none),
        source_sha256 (of ``put_source``, or computed only, in check mode), message. None or missing = not asked;
        ``env`` and ``secrets`` replace the whole map when given; a secret with the value MASK = unchanged. Besides:
        secret_references, install_command, build_command, tracked_packages, and ``_plan.ATTRIBUTES``. A new one
        without a listener gets the workspace's default, or its only one.

        always_revision: an update makes a revision even if nothing differs. must: create (Conflict if there is one) or
        update (NotFound if there is none; ``name`` may be its id); None: either.
        """

    def apply_deployment(
        self,
        desired: Mapping[str, Any],
        version: int | None = None,
        *,
        always_revision: bool = False,
        must: Literal["create", "update"] | None = None,
    ) -> Applied:
        """Create or update; makes a revision only if the plan says so. ``version``: of the plan; Conflict if it is
        not the current one. The other options: as for ``plan_deployment``.
        """

    def delete_deployment(self, name_or_id: str, force: bool = False, skip_dump: bool = False) -> dict[str, Any] | None:
        """Ask for the delete (AWAITING_DELETE; one that was never claimed, or ``force``, goes at once). None: there
        is none (any more).
        """

    # -- revisions -----------------------------------------------------------------------------------------------
    def revision(self, deployment: str, number_or_id: int | str | None = None) -> dict[str, Any] | None:
        """A revision (None: the latest) or None.

        {id, deployment_id, deployment, number, kind, rollback_of (a number), author, message, status, cause,
        log_tail, source, source_config{repo_url, resource_spec}, source_revision_config{...}, source_sha256, env,
        secrets, flavour, api_version, has_lock, repo_commit_sha, timings {STATUS: time}, pinned, attempts,
        active (bool), interrupt_requested, created_at, updated_at}; and ``lock`` (its text or None), which lists do
        not have.
        """

    def revisions(
        self, deployment: str, status: Sequence[str] | None = None, limit: int = 20, offset: int = 0
    ) -> list[dict[str, Any]]:
        """Revisions of a deployment, newest first. NotFound: no such deployment."""

    def plan_activation(
        self, deployment: str, number: int, secrets: Literal["current", "of_revision"] = "current"
    ) -> Plan:
        """What ``activate_revision`` would do."""

    def activate_revision(
        self,
        deployment: str,
        number: int,
        secrets: Literal["current", "of_revision"] = "current",
        message: str | None = None,
    ) -> Applied:
        """Nothing if the active or pending revision is ``number`` or a rollback to it; else a new revision made from
        it.
        """

    def redeploy_revision(self, deployment: str, number: int | None = None, message: str | None = None) -> Applied:
        """A new revision that repeats ``number`` (default: the latest; of a git source, what its ref says now)."""

    def interrupt_revision(self, deployment: str, number: int | None = None) -> Applied:
        """QUEUED: INTERRUPTED at once; in progress: asks the holder to stop (or at once if nobody holds it). Its cause
        says who asked. Default: the latest.
        """

    def pin_revision(self, deployment: str, number: int, pinned: bool = True) -> Applied:
        """Exempt a revision from pruning on the hosts (or not any more)."""

    def diff_revisions(self, deployment: str, left: int, right: int) -> dict[str, Any]:
        """What differs between two revisions: {left, right, fields (dotted names), before, after}; secrets masked."""

    def secret_values(self, deployment: str, number: int | None = None) -> dict[str, str]:
        """The secrets of a revision (None: the latest configuration) in clear; writes an audit entry ``reveal``."""

    # -- listeners, workspaces, API keys, audit ------------------------------------------------------------------
    def listener(self, name_or_id: str) -> dict[str, Any] | None:
        """{id, compute_id, compute_type, compute_config{host_groups, k8s_namespaces}, version, deployments (counted
        up to 100), status (online or offline), last_seen_at, capacity (of the processes that are there), processes
        [{id, host, pid, version, capacity, work, started_at, seen_at}] (of the last day), record_version, created_at,
        updated_at}
        """

    def listeners(self, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """Listeners of the workspace by compute_id."""

    def plan_listener(self, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present") -> Plan:
        """desired: compute_id*, compute_type (hosts|k8s), compute_config, version. Plan.version = record_version."""

    def apply_listener(self, desired: Mapping[str, Any], version: int | None = None) -> dict[str, Any]:
        """Create or update; gives {changed, listener, plan}."""

    def delete_listener(self, name_or_id: str) -> bool:
        """Whether there was one. Conflict while deployments use it."""

    def workspace(self, name_or_id: str) -> dict[str, Any] | None:
        """{id, name, secrets_in_clear, default_listener (a compute_id or None), members [{name, role}], version,
        created_at}
        """

    def workspaces(self) -> list[dict[str, Any]]:
        """All workspaces as ``workspace()`` gives them, by name."""

    def plan_workspace(self, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present") -> Plan:
        """desired: name*, secrets_in_clear (answers show values of secrets to whoever may read), default_listener (""
        for none), members (the whole list).
        """

    def apply_workspace(self, desired: Mapping[str, Any], version: int | None = None) -> dict[str, Any]:
        """Create or update; gives {changed, workspace, plan}."""

    def delete_workspace(self, name: str) -> bool:
        """Whether there was one. Conflict while it has deployments or listeners, and for the default one."""

    def api_key(self, name_or_id: str) -> dict[str, Any] | None:
        """{id, name, prefix, role, permissions (all that it may do), extra_permissions, listener, member, organization,
        workspace, created_by, version, expires_at, last_used_at, created_at}; never the key itself.
        """

    def api_keys(self, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """API keys of the workspace that are not revoked, by name."""

    def plan_api_key(self, desired: Mapping[str, Any], state: Literal["present", "absent"] = "present") -> Plan:
        """desired: name*, role (admin, editor, viewer, listener), permissions (extra ones), listener, member,
        organization, expires_at ("" for none).
        """

    def apply_api_key(self, desired: Mapping[str, Any], version: int | None = None) -> dict[str, Any]:
        """Create or update; gives {changed, api_key, plan, key}: the key itself only when it was created, else None."""

    def delete_api_key(self, name_or_id: str) -> bool:
        """Revoke it, at once. Whether there was one."""

    def audit_entries(
        self,
        *,
        kind: str | None = None,
        record: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> dict[str, Any]:
        """{entries: [{id, at, actor, key {id, name}, database_user, from_address, action, kind, record_id, record_name,
        before, after}], next_offset}, newest first. record: name or id. actor: a part of it. limit 1..1000.
        """

    # -- sources -------------------------------------------------------------------------------------------------
    def put_source(self, fileobj: BinaryIO) -> dict[str, Any]:
        """Store a gzip tarball: {sha256, size, changed}. InvalidInput if it is none, leaves its folder or is
        too big."""

    def open_source(self, sha256: str) -> Iterator[bytes]:
        """Its bytes in chunks. NotFound if it is not stored."""

    def has_source(self, sha256: str) -> bool:
        """Whether it is stored."""

    # -- schema --------------------------------------------------------------------------------------------------
    def schema_status(self) -> SchemaStatus:
        """Versions; works without a schema."""

    def migrate(self) -> dict[str, Any]:
        """Bring the schema up to date: SchemaStatus plus {changed, applied: [versions]}."""

    def rotate_keys(self, preview: bool = False) -> dict[str, Any]:
        """Put all secrets under the newest key of the key file: {changed, reencrypted: count}. Then the old lines may
        leave it.

        Safe while others work (who then need the file with both keys), and to be repeated after an interruption.
        preview: only count.
        """

    # -- work ----------------------------------------------------------------------------------------------------
    def claim(
        self,
        deployments: Sequence[str] | None = None,
        listener: str | None = None,
        *,
        owner: Owner,
        takeover: bool = False,
        preview: bool = False,
        limit: int | None = None,
        is_dead: Callable[[Mapping[str, Any]], bool] | None = None,
        check_older_than: float | None = None,
    ) -> list[Claim]:
        """Claim work.

        deployments None: what is due (of the listener; without one: of deployments that have none). Names, or
        ``["all"]``: those, due or not. Named ones that somebody holds raise Held unless takeover, or
        ``is_dead(owner)`` (default: ``_process.is_dead``). Unknown: NotFound. preview: reads only; no lease, no
        change. limit: at most so many (due mode). A revision that was claimed ``_model.MAX_ATTEMPTS`` times without
        an end fails instead of being handed out once more.

        check_older_than: instead, deployments to be checked for drift (action and reason are "check"): whose server was
        not checked for so many seconds, the one that waits longest first; or the named ones. Only where nothing is due
        and nobody works; others are left out. Any other claim takes a checked deployment over without asking. Not
        with takeover or preview.
        """

    def renew(self, claim_id: str, epoch: int) -> Renewed:
        """Lease for LEASE_SECONDS more. StaleClaim: stop working."""

    def report(
        self,
        claim_id: str,
        epoch: int,
        status: str | None = None,
        *,
        cause: str | None = None,
        log_tail: str | None = None,
        url: str | None = None,
        lock: str | None = None,
        repo_commit_sha: str | None = None,
        source_sha256: str | None = None,
        health: Mapping[str, Any] | None = None,
        host: str | None = None,
        retry_after: float | None = None,
        drift: Mapping[str, Any] | None = None,
        release: bool = False,
    ) -> Reported:
        """Say how far the work is. status: of the revision; for a delete ``DELETED`` or ``DELETE_FAILED``. None: as
        it is.

        On a revision that is DEPLOYED already (repair), status DEPLOYED changes nothing but url, host and health. host:
        of the inventory, where it is applied. release ends the claim (in the same transaction, after the status);
        retry_after: what is left to do is due again only after so many seconds. drift: of a check, which
        reports nothing else: {status, changes, cause} (see ``deployment``). A revision that was applied is in sync.
        StaleClaim: stop working.
        """

    def place(
        self,
        claim_id: str,
        epoch: int,
        host_key: str,
        wanted: Iterable[Wanted],
        port_range: tuple[int, int] = DEFAULT_PORT_RANGE,
    ) -> dict[str, dict[str, int]]:
        """Ports of the deployment on a host: {role: {slot: port}}, all of them. Stable while they lie in the range
        (or equal ``port``).
        """

    def append_logs(
        self, claim_or_revision_id: str, type: Literal["build", "deploy"], entries: Iterable[LogEntry]
    ) -> int:
        """How many lines were new. Lines stay readable through ``logs``; a claim that has ended may still append."""

    def logs(
        self,
        deployment: str,
        number: int | None = None,
        type: Literal["build", "deploy"] = "deploy",
        after: str | None = None,
        limit: int = 50,
        *,
        order: Literal["asc", "desc"] = "asc",
        level: str | None = None,
        query: str | None = None,
        start_time: str | None = None,
        end_time: str | None = None,
    ) -> dict[str, Any]:
        """{logs: [{id, timestamp, level, message}], next_offset}; ``after``: a next_offset of the same order. limit
        1..1000. number None: of the whole deployment. level: that one and above. query: a part of the message. Times
        are inclusive.
        """

    def append_metrics(self, claim_id: str, samples: Iterable[Mapping[str, Any]]) -> int:
        """Keep samples {name, replica, at (default: now), value} of the claim's deployment; how many were new."""

    def metrics(
        self,
        deployment: str,
        name: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: int = 1000,
    ) -> list[dict[str, Any]]:
        """Samples {name, replica, at, value} by name and time: the first ones of ``since``, without it the newest ones.
        limit 1..10000.
        """

    # -- listening -----------------------------------------------------------------------------------------------
    def heartbeat(self, listener: str, process: ListenerProcess) -> Heartbeat:
        """A process of the listener is there; to be said every few seconds (it counts for SEEN_SECONDS). listener: ""
        means the API key's own. The leader is the process that was started first.
        """

    def served(self, listener: str) -> list[dict[str, Any]]:
        """All deployments of the listener by name: {id, name, slug, status, url, host, host_group, active_revision_id,
        active_revision_number, health, drift_checked_at, claimed (somebody works on it; a check does not count)}.
        """

    def observe(self, listener: str, observations: Sequence[Observation]) -> Observed:
        """What the listener sees of the servers of its deployments. A line is kept once for its writer and seq, in the
        deploy log of its revision, and for some days. Health is kept with ``since`` (it is ok, or is not) and
        ``checked_at``.
        """
