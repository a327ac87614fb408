"""Who put which policy in force, who halted what, and what follows for a check now. Instants are milliseconds, UTC."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class ChangeKind(StrEnum):
    """What brings a version of a policy in force."""

    SEED = "seed"
    """The document of the deployment's own configuration, taken over when a tenant first needs it."""
    PUBLISH = "publish"
    ROLLBACK = "rollback"


class ChangeState(StrEnum):
    """Where a change stands."""

    PENDING = "pending"
    """Waits for a second person."""
    APPROVED = "approved"
    """In force from its effective instant on, unless a later one was approved."""
    WITHDRAWN = "withdrawn"


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True):
    """One version that is to be, is or was in force.

    ``direction`` is what it does to the version it was compared with, ``base_version`` (``None`` where there was none).
    ``place`` is the order of approval within the tenant.
    """

    tenant: str
    change_id: str
    policy_id: str
    version: int
    base_version: int | None
    kind: ChangeKind
    direction: str
    state: ChangeState
    requested_by: str
    requested_ms: int
    decided_by: str | None = None
    decided_ms: int | None = None
    effective_ms: int | None = None
    place: int | None = None


class PolicyVersion(msgspec.Struct, frozen=True):
    """One immutable version of a document; ``digest`` is the SHA-256 of its text."""

    tenant: str
    policy_id: str
    version: int
    digest: bytes
    added_by: str
    added_ms: int


class StopKind(StrEnum):
    """What can be halted."""

    AGENT = "agent"
    ACTION = "action"
    POLICY = "policy"
    TENANT = "tenant"


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Something halted: an agent by name, an action type, a policy by id, or the whole tenant (``value`` is empty)."""

    tenant: str
    stop_id: str
    kind: StopKind
    value: str
    reason: str
    stopped_by: str
    stopped_ms: int
    resumed_by: str | None = None
    resumed_ms: int | None = None

    def covers(self, *, agent: str | None, action_type: str, policy_id: str) -> bool:
        """Whether a check of this agent, action and policy is halted by this stop."""
        if self.resumed_ms is not None:
            return False
        subjects = {StopKind.AGENT: agent, StopKind.ACTION: action_type, StopKind.POLICY: policy_id}
        return self.kind is StopKind.TENANT or subjects[self.kind] == self.value

    def takes_back(self, given_ms: int, *, agent: str | None, action_type: str, policy_id: str) -> bool:
        """Whether what was allowed at that instant may not be done any more: all that was allowed before it ended.

        Also what was allowed after it began, by a node that had not heard of it yet; and resuming brings nothing back.
        """
        held = msgspec.structs.replace(self, resumed_ms=None)
        over = self.resumed_ms is not None and given_ms > self.resumed_ms
        return not over and held.covers(agent=agent, action_type=action_type, policy_id=policy_id)


class Shadow(msgspec.Struct, frozen=True):
    """A candidate beside a policy: the digest of its text, and since when. ``ended_ms`` is ``None`` while it runs."""

    tenant: str
    shadow_id: str
    policy_id: str
    digest: bytes
    started_by: str
    started_ms: int
    ended_ms: int | None = None


def reached_ms(changes: Iterable[PolicyChange], now_ms: int) -> int:
    """The instant to judge by: now, and never before the last decision on record.

    What was decided has happened. A clock that is put back must not bring back what a stricter version replaced.
    """
    return max([now_ms, *(change.decided_ms for change in changes if change.decided_ms is not None)])


def in_force(changes: Iterable[PolicyChange], now_ms: int) -> dict[str, PolicyChange]:
    """The change in force of each policy: of those approved whose instant has come, the one approved last.

    So a looser version that waits out its delay does not replace a stricter one that was published meanwhile.
    """
    found: dict[str, PolicyChange] = {}
    for change in changes:
        if change.state is not ChangeState.APPROVED or (change.effective_ms or 0) > now_ms:
            continue
        known = found.get(change.policy_id)
        if known is None or (change.place or 0) > (known.place or 0):
            found[change.policy_id] = change
    return found


def next_ms(changes: Iterable[PolicyChange], now_ms: int) -> int | None:
    """The next instant at which another version may come in force; ``None`` where nothing waits."""
    waiting = [change.effective_ms or 0 for change in changes if change.state is ChangeState.APPROVED]
    return min((at for at in waiting if at > now_ms), default=None)
