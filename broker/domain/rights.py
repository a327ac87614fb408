"""What people ask for about their own data, and how far it has come. Instants are milliseconds, UTC."""

from enum import StrEnum

import msgspec

from broker.domain.outcome import TurnedOut


class RightKind(StrEnum):
    """What is asked for; in brackets the article of the GDPR."""

    ACCESS = "access"
    """Everything that is held about a number (15)."""
    CORRECTION = "correction"
    """A fact in a check is wrong (16). The record stays as it was; what is right is attached to it."""
    DISPUTE = "dispute"
    """A decision is wrong: a human has to look, who had no part in it (22)."""
    ERASURE = "erasure"
    """Everything is to be forgotten (17)."""
    OBJECTION = "objection"
    """Nothing more that rests on legitimate interest (21)."""


ABOUT_A_CHECK = frozenset({RightKind.CORRECTION, RightKind.DISPUTE})
"""These name a check, and a human decides them."""


class RequestState(StrEnum):
    """Where a request stands; nothing follows the last three."""

    UNPROVEN = "unproven"
    """The person has not shown yet that the number is theirs."""
    ACCEPTED = "accepted"
    """It is being carried out, or waits for a human."""
    ANSWERED = "answered"
    REFUSED = "refused"
    LAPSED = "lapsed"
    """Nobody proved anything in time."""


class RequestCode(StrEnum):
    """How a request ended, for programs."""

    COLLECTED = "COLLECTED"
    """The answer was handed over, once."""
    CARRIED_OUT = "CARRIED_OUT"
    UPHELD = "UPHELD"
    """The person was right."""
    REJECTED = "REJECTED"
    """A human looked, and the decision or the fact stands."""
    NOT_IDENTIFIED = "NOT_IDENTIFIED"
    UNFOUNDED = "UNFOUNDED"
    EXCESSIVE = "EXCESSIVE"
    LAW_REQUIRES_IT = "LAW_REQUIRES_IT"
    TIMED_OUT = "TIMED_OUT"


REFUSALS = frozenset(
    {RequestCode.NOT_IDENTIFIED, RequestCode.UNFOUNDED, RequestCode.EXCESSIVE, RequestCode.LAW_REQUIRES_IT}
)
"""Why staff may refuse a request (GDPR Art. 12)."""


class SubjectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request of one person at one tenant.

    ``subject`` is the tenant's pseudonym. ``about`` is the check that a dispute or a correction names, ``proof`` the
    trust check in which the person proves the number, made for this request and for no other. ``sealed`` holds what
    people wrote, for nobody but the vault. ``extendable_to_ms`` is when an answer is due at the latest once the time
    was extended, ``None`` where it cannot be. ``version`` moves with every change, so that of many at once one counts.
    """

    tenant: str
    request_id: str
    subject: bytes
    kind: RightKind
    state: RequestState
    version: int
    about: str | None
    sealed: bytes
    opened_ms: int
    opened_by: str
    due_ms: int
    extendable_to_ms: int | None
    lapses_ms: int
    extended_ms: int | None = None
    proof: str | None = None
    proofs: int = 0
    proven_ms: int | None = None
    proven_by: str | None = None
    vouched_by: str | None = None
    closed_ms: int | None = None
    closed_by: str | None = None
    code: RequestCode | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody waits for an answer."""
        return self.state in {RequestState.UNPROVEN, RequestState.ACCEPTED}

    def __repr__(self) -> str:
        return f"SubjectRequest({self.tenant}, {self.request_id}, {self.kind}, {self.state})"


class RequestWords(msgspec.Struct, frozen=True):
    """What people wrote about a request: the person, and whoever vouched, extended, refused or decided."""

    statement: str = ""
    fact: str = ""
    vouched: str = ""
    extended: str = ""
    closed: str = ""

    def __repr__(self) -> str:
        return "RequestWords(…)"


class DisputeAnswer(msgspec.Struct, frozen=True):
    """What a human says to a dispute or a correction; ``outcome`` is what the check turned out to be."""

    upheld: bool
    outcome: TurnedOut
    reason: str

    def __repr__(self) -> str:
        return f"DisputeAnswer({self.upheld}, {self.outcome})"
