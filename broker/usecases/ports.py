"""What a use case is handed when a surface calls it."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from broker.domain.allowance import Allowance
from broker.domain.check import CheckRequest, Principal
from broker.domain.cost import Call
from broker.domain.decision import Floor
from broker.domain.plan import Plan
from broker.domain.record import Check
from broker.domain.route import Route
from broker.domain.signal import SignalName
from broker.policy.document import PolicyDocument
from broker.policy.journey import Carried
from broker.storage.records import IdempotencyClaim

Render = Callable[[Check], bytes]
"""A check as the bytes that this caller may see; called before the commit, so that a replay gives the same bytes."""


class Asked(msgspec.Struct, frozen=True):
    """A question as it arrived.

    ``received_s`` is the monotonic instant of arrival: the deadline counts from there and not from when a worker was
    free. ``idempotency`` is the caller's key with the fingerprint of its request, where one came.
    """

    principal: Principal
    request: CheckRequest
    received_s: float
    render: Render
    idempotency: "IdempotencyKey | None" = None


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A caller's key, the endpoint it was sent to, and the SHA-256 of the canonical request and its caller."""

    endpoint: str
    key: str
    fingerprint: bytes


class Answered(msgspec.Struct, frozen=True):
    """The bytes to send; ``replayed`` when they were decided earlier under the same idempotency key.

    ``allowances`` are what is left of the caller's quotas. ``unseen``: it was decided now, and no signal was observed.
    """

    body: bytes
    replayed: bool
    allowances: tuple[Allowance, ...] = ()
    unseen: bool = False


class Case(msgspec.Struct, frozen=True):
    """A check under way: everything that settling needs beside the evidence. ``mark`` names its action.

    ``forbidden``: the person lets nobody prove their SIM. ``consents`` are what its answers rest on.
    """

    id: str
    asked: Asked
    subject: bytes
    mark: bytes
    document: PolicyDocument
    plan: Plan
    route: Route
    started_at: datetime
    claim: IdempotencyClaim | None
    stop: str | None = None
    floors: tuple[Floor, ...] = ()
    calls: tuple[Call, ...] = ()
    carried: Carried | None = None
    consents: Mapping[SignalName, str] = {}
    forbidden: bool = False
