"""What the broker answers, typed and frozen. ``document`` is always the whole answer as decoded JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.client import _members
from broker.client._allowances import Allowance
from broker.client._errors import AnswerMalformed, BrokerRefused, ClientError

DECISIONS = frozenset({"allow", "step_up", "review", "deny"})
SETTLED, PENDING = "settled", "pending"
_OK = 200


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code and the direction in which it moved the decision: ``better`` or ``worse``."""

    code: str
    effect: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """A way on: a ``challenge`` with its ``method``, or a ``review`` by a human. ``href`` is where to ask for it."""

    type: str
    method: str | None = None
    href: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy that decided, its version, and the class it gave to the action."""

    id: str
    version: int
    action_class: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A check and its decision: ``decision`` is what to do, ``verdict`` what the evidence says.

    ``revision`` says how often it has settled again, after a challenge or a review. ``replayed`` when this is the
    stored answer to an idempotency key that was used before. ``allowances`` is what is left of each quota that it
    counted for; empty where nothing is limited, and of answers to many at once.
    """

    id: str
    status: str
    decision: str
    verdict: str
    trust_band: str
    confidence: str
    reasons: tuple[Reason, ...]
    next_steps: tuple[NextStep, ...]
    policy: Policy
    degraded: bool
    valid_until: datetime
    receipt: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    replayed: bool = False
    revision: int = 0
    allowances: tuple[Allowance, ...] = field(default=(), compare=False)

    @property
    def sandbox(self) -> bool:
        """Whether nobody real was asked, so that nothing real may rest on it."""
        return self.document.get("sandbox") is True

    @property
    def allowed(self) -> bool:
        """Whether to act; anything but a settled ``allow`` is no."""
        return self.decision == "allow" and self.status == SETTLED

    @property
    def pending(self) -> bool:
        """Whether a challenge or a review is open, so that waiting may change the decision."""
        return self.status == PENDING

    @property
    def reason_codes(self) -> tuple[str, ...]:
        """The codes of the reasons, strongest first as they came."""
        return tuple(reason.code for reason in self.reasons)

    def expired(self, now: datetime) -> bool:
        """Whether the decision is too old to act on."""
        return now >= self.valid_until


def answer(members: Mapping[str, Any], *, replayed: bool = False, allowances: tuple[Allowance, ...] = ()) -> Answer:
    """Decoded members as an answer.

    Raises:
        AnswerMalformed: a part of the contract is missing. Half an answer must never be taken for a decision.
    """
    policy = _members.part(members, "policy")
    return Answer(
        id=_members.text(members, "id"),
        status=_members.text(members, "status"),
        decision=_members.choice(members, "decision", DECISIONS),
        verdict=_members.text(members, "verdict"),
        trust_band=_members.text(members, "trustBand"),
        confidence=_members.text(members, "confidence"),
        reasons=tuple(
            Reason(_members.text(each, "code"), _members.text(each, "effect"))
            for each in _members.parts(members, "reasons")
        ),
        next_steps=tuple(_next_step(each) for each in _members.parts(members, "nextSteps")),
        policy=Policy(
            _members.text(policy, "id"), _members.whole(policy, "version"), _members.text(policy, "actionClass")
        ),
        degraded=_members.truth(members, "degraded"),
        valid_until=_members.instant(members, "validUntil"),
        receipt=_members.text(members, "receipt"),
        document=members,
        replayed=replayed,
        revision=_members.whole(members, "revision") if "revision" in members else 0,
        allowances=allowances,
    )


def answers(members: Mapping[str, Any], expected: int) -> list[Answer | ClientError]:
    """Decoded members as the answers to a batch: each an answer, or the error that stands in its place.

    Raises:
        AnswerMalformed: there are more or fewer than were asked for, so nobody knows which is whose.
    """
    results = _members.parts(members, "results")
    if len(results) != expected:
        raise AnswerMalformed("the answers are not as many as the questions")
    return [_result(each) for each in results]


def _result(members: Mapping[str, Any]) -> Answer | ClientError:
    try:
        status = _members.whole(members, "status")
        if status == _OK:
            return answer(_members.part(members, "check"), replayed=members.get("replayed") is True)
        problem = _members.part(members, "problem")
        code, detail = _members.text(problem, "code"), _members.text(problem, "detail")
        wanted = members.get("retryAfterS")
        later_s = float(wanted) if isinstance(wanted, int) and not isinstance(wanted, bool) else None
        return BrokerRefused(status, code, detail, _members.faults(problem), later_s)
    except AnswerMalformed as error:
        return error


@dataclass(frozen=True, slots=True)
class Outcome:
    """A report of what a check turned out to be, as the broker took it."""

    check_id: str
    outcome: str
    found_at: datetime
    reported_at: datetime
    document: Mapping[str, Any] = field(repr=False, compare=False)


def outcome(members: Mapping[str, Any]) -> Outcome:
    """Decoded members as a report; raises as :func:`answer`."""
    return Outcome(
        check_id=_members.text(members, "id"),
        outcome=_members.text(members, "outcome"),
        found_at=_members.instant(members, "foundAt"),
        reported_at=_members.instant(members, "reportedAt"),
        document=members,
    )


@dataclass(frozen=True, slots=True)
class Review:
    """A human was asked to look at a check; what they decide is read from the check."""

    id: str
    check_id: str
    status: str
    expires_at: datetime
    document: Mapping[str, Any] = field(repr=False, compare=False)


def review(members: Mapping[str, Any]) -> Review:
    """Decoded members as a review; raises as :func:`answer`."""
    return Review(
        id=_members.text(members, "id"),
        check_id=_members.text(members, "checkId"),
        status=_members.text(members, "status"),
        expires_at=_members.instant(members, "expiresAt"),
        document=members,
    )


@dataclass(frozen=True, slots=True)
class Challenge:
    """A way to prove more that was started; what came of it is read from the check.

    ``link``, told once, is for the person's phone and for nobody else, with ``qr`` (the same as an SVG) and
    ``compare_code``, which the person sees on the page and has to find where they were sent from, or, for
    ``operator_prompt``, types there.
    """

    id: str
    check_id: str
    method: str
    status: str
    expires_at: datetime
    code: str | None
    attempts_left: int | None
    link: str | None = field(repr=False)
    qr: str | None = field(repr=False)
    compare_code: str | None
    document: Mapping[str, Any] = field(repr=False, compare=False)


def challenge(members: Mapping[str, Any]) -> Challenge:
    """Decoded members as a challenge; raises as :func:`answer`."""
    return Challenge(
        id=_members.text(members, "id"),
        check_id=_members.text(members, "checkId"),
        method=_members.text(members, "method"),
        status=_members.text(members, "status"),
        expires_at=_members.instant(members, "expiresAt"),
        code=_members.text_if_any(members, "code"),
        attempts_left=_members.whole(members, "attemptsLeft") if members.get("attemptsLeft") is not None else None,
        link=_members.text_if_any(members, "link"),
        qr=_members.text_if_any(members, "qr"),
        compare_code=_members.text_if_any(members, "compareCode"),
        document=members,
    )


@dataclass(frozen=True, slots=True)
class Consumed:
    """A receipt was used, by whoever got this: the action may be done now."""

    check_id: str
    action_type: str
    consumed_at: datetime
    document: Mapping[str, Any] = field(repr=False, compare=False)


def consumed(members: Mapping[str, Any]) -> Consumed:
    """Decoded members as the use of a receipt; raises as :func:`answer`."""
    return Consumed(
        check_id=_members.text(members, "check"),
        action_type=_members.text(members, "action"),
        consumed_at=_members.instant(members, "consumedAt"),
        document=members,
    )


def _next_step(members: Mapping[str, Any]) -> NextStep:
    return NextStep(
        type=_members.text(members, "type"),
        method=_members.text_if_any(members, "method"),
        href=_members.text_if_any(members, "href"),
        expires_at=_members.instant_if_any(members, "expiresAt"),
    )


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One check of a conversation, as far as whoever asks may know of it; ``when`` is told in words, as *minutes*.

    ``check_id`` is told of one's own alone. ``possession`` says whether the SIM was proven then.
    """

    check_id: str | None
    channel: str | None
    action: str
    decision: str
    when: str
    same_subject: bool
    possession: bool


def journey(members: Mapping[str, Any]) -> tuple[JourneyStep, ...]:
    """Decoded members as the steps of a journey, earliest first; raises as :func:`answer`."""
    return tuple(
        JourneyStep(
            check_id=_members.text_if_any(step, "checkId"),
            channel=_members.text_if_any(step, "channel"),
            action=_members.text(step, "action"),
            decision=_members.choice(step, "decision", DECISIONS),
            when=_members.text(step, "when"),
            same_subject=_members.truth(step, "sameSubject"),
            possession=_members.truth(step, "possession"),
        )
        for step in _members.parts(members, "steps")
    )
