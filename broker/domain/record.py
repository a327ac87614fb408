"""A check from question to answer: what is stored, shown and signed."""

from datetime import datetime
from enum import StrEnum

import msgspec

from broker.domain.check import Action, Amount, Delegation
from broker.domain.cost import CheckCost
from broker.domain.decision import ActionClass, Assessment, Challenger, Counterfactual, Decision, Floor, Outcome
from broker.domain.evidence import Evidence
from broker.domain.route import Route
from broker.domain.signal import SignalName
from broker.domain.ways import Ways


class CheckStatus(StrEnum):
    """Where a check stands."""

    SETTLED = "settled"
    ABANDONED = "abandoned"
    """Operators may have been asked, and the process died before it could decide."""
    PENDING = "pending"
    """A challenge or a review is open, and the check may settle again. Shown and never stored."""


class RecordedAction(msgspec.Struct, frozen=True):
    """What is kept of an action: type, amount, attributes that are a yes or a no, and marks of all else.

    A mark is a keyed digest in base64url: with the tenant's key one can prove what was asked about, and tell that two
    checks were about the same resource; without it a mark says nothing.
    """

    type: str
    amount: Amount | None = None
    resource_mark: str | None = None
    attribute_marks: dict[str, str] = {}
    flags: dict[str, bool] = {}

    def known(self) -> Action:
        """The action as far as it was kept, to decide again: a condition on anything else finds it absent."""
        return Action(self.type, self.amount, None, dict(self.flags))


class Cause(StrEnum):
    """What made a settled check settle again."""

    CHALLENGE = "challenge"
    REVIEW = "review"
    LATE_ANSWER = "late_answer"
    NETWORK_EVENT = "network_event"
    DISPUTE = "dispute"


class Proof(msgspec.Struct, frozen=True):
    """That somebody met, or did not meet, a challenge by one of the methods that the decision offered.

    ``consent`` is the entry of the ledger that asking the operator rested on, where it rested on one.
    """

    method: str
    met: bool
    consent: str | None = None


class HumanRuling(msgspec.Struct, frozen=True):
    """What a human decided, in place of what the evidence alone would have it be; ``code`` says why."""

    outcome: Outcome
    code: str


class Revision(msgspec.Struct, frozen=True):
    """Why a check settled again, ``by`` which challenge, review or event (its id), and what it was before."""

    cause: Cause
    by: str
    at: datetime
    before: Outcome


class Check(msgspec.Struct, frozen=True):
    """One settled check. It holds no phone number, place or token: ``subject`` is the tenant's pseudonym in hex.

    ``action_digest`` is salted, and the salt is in the receipt. ``delegation`` says for whom the agent acted,
    where it did for somebody. ``channel`` is the caller's word for where the action comes from.
    ``bases`` gives the legal basis of each signal that was planned, ``consents`` the entry of the ledger that an
    answer rests on, as ``cns_…@version``, where it rests on one; ``leaf`` is the base64url hash of the
    log leaf. ``policy_digest`` and ``table_digest`` name, by the SHA-256 of their texts in hex, the rules that it was
    decided by; ``stop`` is the id of the stop that halted it. ``counterfactual`` is absent where no clean answer would
    loosen the decision, ``cost`` where the operator has no prices. ``floors`` are what looking
    back asked for. ``carried`` are signals that an earlier check of the same conversation heard, and which one.
    ``revisions`` say how often it settled again, the first reason first; ``proofs`` and ``ruling`` what people added.
    ``ways`` are those in which the person could prove more when it settled last.
    """

    id: str
    tenant: str
    consumer: str
    agent: str | None
    key_id: str
    subject: str
    action: RecordedAction
    action_digest: str
    purpose: str
    conversation_id: str | None
    policy_id: str
    policy_version: int
    action_class: ActionClass
    operator: str | None
    bases: dict[SignalName, str]
    evidence: Evidence
    assessment: Assessment
    decision: Decision
    calibrated: bool
    started_at: datetime
    settled_at: datetime
    valid_until: datetime
    leaf: str
    receipt: str
    policy_digest: str = ""
    table_digest: str = ""
    stop: str | None = None
    status: CheckStatus = CheckStatus.SETTLED
    counterfactual: Counterfactual | None = None
    cost: CheckCost | None = None
    challenger: Challenger | None = None
    route: Route | None = None
    channel: str | None = None
    delegation: Delegation | None = None
    floors: tuple[Floor, ...] = ()
    revisions: tuple[Revision, ...] = ()
    carried: dict[SignalName, str] = {}
    proofs: tuple[Proof, ...] = ()
    ruling: HumanRuling | None = None
    consents: dict[SignalName, str] = {}
    ways: Ways | None = None

    @property
    def revision(self) -> int:
        """How often it has settled again."""
        return len(self.revisions)

    def __repr__(self) -> str:  # a receipt is worth something to whoever reads it in a log
        return f"Check({self.tenant}, {self.id}, {self.status})"
