"""What callers see of policies: lists, changes, stops."""

from datetime import UTC, datetime

import msgspec

from broker.domain.governance import ChangeKind, ChangeState, PolicyChange, PolicyVersion, Shadow, Stop, StopKind
from broker.usecases.policy.examine_policy import ChangeView


class VersionView(msgspec.Struct, frozen=True, rename="camel"):
    """One immutable version; ``digest`` is the SHA-256 of its text in hex."""

    version: int
    digest: str
    added_by: str
    added_at: datetime


class PolicyOut(msgspec.Struct, frozen=True, rename="camel"):
    """A policy: the version in force, if any, and all that there are."""

    id: str
    in_force: int | None
    actions: tuple[str, ...]
    versions: tuple[VersionView, ...]


class PoliciesOut(msgspec.Struct, frozen=True, rename="camel"):
    """All policies of a tenant. ``revision`` moves with every change of policies, stops and shadows."""

    revision: int
    policies: tuple[PolicyOut, ...]


class DocumentOut(msgspec.Struct, frozen=True, rename="camel"):
    """The text of one version."""

    id: str
    version: int
    digest: str
    document: str


class ChangeOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A publication or a rollback. ``pending`` waits for a second person; ``effective_at`` may lie ahead."""

    id: str
    policy: str
    version: int
    kind: ChangeKind
    state: ChangeState
    direction: str
    requested_by: str
    requested_at: datetime
    base_version: int | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    effective_at: datetime | None = None
    changes: tuple[ChangeView, ...] = ()


class ChangesOut(msgspec.Struct, frozen=True):
    """Changes, latest first."""

    changes: tuple[ChangeOut, ...]


class StopOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Something halted; without ``resumed_at`` it still is."""

    id: str
    kind: StopKind
    value: str
    reason: str
    stopped_by: str
    stopped_at: datetime
    resumed_by: str | None = None
    resumed_at: datetime | None = None


class StopsOut(msgspec.Struct, frozen=True):
    """Stops, those in force first."""

    stops: tuple[StopOut, ...]


def instant(at_ms: int) -> datetime:
    """Milliseconds as an instant."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def version_view(version: PolicyVersion) -> VersionView:
    """A version for callers."""
    return VersionView(version.version, version.digest.hex(), version.added_by, instant(version.added_ms))


def change_view(change: PolicyChange, found: tuple[ChangeView, ...] = ()) -> ChangeOut:
    """A change for callers, with what it changes where that was just computed."""
    return ChangeOut(
        id=change.change_id,
        policy=change.policy_id,
        version=change.version,
        kind=change.kind,
        state=change.state,
        direction=change.direction,
        requested_by=change.requested_by,
        requested_at=instant(change.requested_ms),
        base_version=change.base_version,
        decided_by=change.decided_by,
        decided_at=None if change.decided_ms is None else instant(change.decided_ms),
        effective_at=None if change.effective_ms is None else instant(change.effective_ms),
        changes=found,
    )


def stop_view(stop: Stop) -> StopOut:
    """A stop for callers."""
    return StopOut(
        id=stop.stop_id,
        kind=stop.kind,
        value=stop.value,
        reason=stop.reason,
        stopped_by=stop.stopped_by,
        stopped_at=instant(stop.stopped_ms),
        resumed_by=stop.resumed_by,
        resumed_at=None if stop.resumed_ms is None else instant(stop.resumed_ms),
    )


class ShadowOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A candidate beside live traffic; without ``ended_at`` it runs."""

    id: str
    policy: str
    digest: str
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None


class ShadowsOut(msgspec.Struct, frozen=True):
    """Shadow runs, latest first."""

    shadows: tuple[ShadowOut, ...]


def shadow_view(shadow: Shadow) -> ShadowOut:
    """A run for callers."""
    return ShadowOut(
        id=shadow.shadow_id,
        policy=shadow.policy_id,
        digest=shadow.digest.hex(),
        started_by=shadow.started_by,
        started_at=instant(shadow.started_ms),
        ended_at=None if shadow.ended_ms is None else instant(shadow.ended_ms),
    )
