"""A challenge: one way for the person to prove more, under way. Instants are milliseconds, UTC."""

from enum import StrEnum

import msgspec


class ChallengeState(StrEnum):
    """Where a challenge stands; nothing follows the last four."""

    STARTED = "started"
    OPENED = "opened"
    """The person's browser went to the operator with it."""
    MET = "met"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """A newer challenge took its place."""


class ChallengeCode(StrEnum):
    """Why a challenge ended without being met, for programs."""

    OTHER_SIM = "OTHER_SIM"
    """The device holds the SIM of another number."""
    NOT_ON_MOBILE_NETWORK = "NOT_ON_MOBILE_NETWORK"
    """The browser came over Wi-Fi, a VPN, or another operator's network."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """The person, or their operator, did not let this be proven."""
    FORGED = "FORGED"
    """What came back was the answer to another question, or from somebody else."""
    OTHER_BROWSER = "OTHER_BROWSER"
    """It came back in another browser than the one that had opened the link."""
    CODE_WRONG = "CODE_WRONG"
    """Too many wrong codes."""
    CODE_EXPIRED = "CODE_EXPIRED"
    TOKEN_REFUSED = "TOKEN_REFUSED"  # noqa: S105 - a code
    """The operator did not take the device's token."""
    DENIED = "DENIED"
    """The person said no on their phone."""
    NOBODY_ASKED = "NOBODY_ASKED"
    """The operator answered for the person, by a consent that it had."""
    OPERATOR_UNAVAILABLE = "OPERATOR_UNAVAILABLE"
    TIMED_OUT = "TIMED_OUT"
    REPLACED = "REPLACED"
    WITHDRAWN = "WITHDRAWN"
    """Whoever asked for it gave it up."""


class RefusalCode(StrEnum):
    """What was refused around proofs and reviews, for the record."""

    FOREIGN_CHECK = "FOREIGN_CHECK"
    """Of another tenant or agent, or of nobody."""
    OTHER_NUMBER = "OTHER_NUMBER"
    NOT_OFFERED = "NOT_OFFERED"
    """Settled, withheld, too old, or somebody is being asked already."""
    FLOODED = "FLOODED"
    NOT_PERMITTED = "NOT_PERMITTED"
    FOREIGN_CHALLENGE = "FOREIGN_CHALLENGE"
    ANSWER_REFUSED = "ANSWER_REFUSED"
    """Too late, too often, or beside another one."""
    CALLBACK_OF_NOTHING = "CALLBACK_OF_NOTHING"
    """It came back for no challenge that is under way: made up, or used before."""
    REVIEW_TAKEN = "REVIEW_TAKEN"
    """Somebody else has it, or it was answered before."""
    REVIEW_BY_REQUESTER = "REVIEW_BY_REQUESTER"
    APPROVAL_STALE = "APPROVAL_STALE"
    """A proof or an approval of what the check said before it settled again."""
    RECEIPT_REFUSED = "RECEIPT_REFUSED"
    """Used for another action, by another tenant, twice, or too late."""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """One challenge, about one revision of one check.

    ``subject`` is the tenant's pseudonym. ``link`` and ``ticket`` are SHA-256 digests: of the secret in the link, and
    of the ``state`` that came with the person to the operator; ``browser`` is that of the secret in its cookie.
    ``sealed`` holds, for nobody but the vault, what the broker must know to go on. ``version`` moves with every change,
    so that of many answers at once exactly one counts. ``due_ms`` is when the sweeper has to look next.
    """

    tenant: str
    challenge_id: str
    check_id: str
    revision: int
    subject: bytes
    method: str
    state: ChallengeState
    version: int
    consumer: str
    agent: str | None
    opened_ms: int
    expires_ms: int
    due_ms: int | None
    attempts_left: int
    sealed: bytes
    link: bytes | None = None
    ticket: bytes | None = None
    browser: bytes | None = None
    closed_ms: int | None = None
    code: ChallengeCode | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be met."""
        return self.state in {ChallengeState.STARTED, ChallengeState.OPENED}

    def __repr__(self) -> str:
        return f"Challenge({self.tenant}, {self.challenge_id}, {self.state})"
