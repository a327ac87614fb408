"""Past checks for tests of learning: valid in every field, with what a test is about given by name."""

from datetime import UTC, datetime, timedelta

from broker.domain.decision import (
    ActionClass,
    Assessment,
    Confidence,
    Contribution,
    Decision,
    Outcome,
    TrustBand,
    Verdict,
)
from broker.domain.evidence import Evidence
from broker.domain.outcome import TurnedOut
from broker.domain.record import Check, RecordedAction
from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Source, Unavailability, Unavailable
from broker.learning.lesson import Lesson

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIM = SignalName.SIM_SWAP
SOURCE = Source("alba", "sim-swap", "2.1.0")


def said(state: str, nats: float, *, cached: bool = False, latency_ms: float = 10.0) -> tuple[Signal, Contribution]:
    source = Source(SOURCE.operator, SOURCE.api, SOURCE.version, cached=cached)
    signal = Observed(SIM, AgeRange(0.0, None), NOW, source, latency_ms=latency_ms)
    return signal, Contribution(SIM, "line", state, nats, nats)


def silent(reason: Unavailability) -> tuple[Signal, Contribution]:
    return Unavailable(SIM, reason, None, SOURCE), Contribution(SIM, "line", reason.value, 0.0, 0.0)


def lesson(
    heard: tuple[Signal, Contribution],
    outcome: TurnedOut | None = None,
    *,
    days_ago: float = 1.0,
    delay_days: float = 0.5,
    subject: str = "00",
) -> Lesson:
    signal, part = heard
    at = NOW - timedelta(days=days_ago)
    assessment = Assessment(-6.0, part.nats, -6.0, 0.01, 0.01, 0.01, 900, 1.0, 0.0, Confidence.HIGH, (part,))
    decision = Decision(
        Outcome.ALLOW,
        Verdict.TRUSTED,
        TrustBand.HIGH,
        (),
        (),
        degraded=False,
        methods_offered=(),
        methods_withheld=(),
        expected_costs={},
    )
    check = Check(
        id="chk_1",
        tenant="acme",
        consumer="shop",
        agent=None,
        key_id="k1",
        subject=subject,
        action=RecordedAction("sign_in.hint"),
        action_digest="x",
        purpose="FraudPreventionAndDetection",
        conversation_id=None,
        policy_id="sign-in",
        policy_version=1,
        action_class=ActionClass.LOW,
        operator="alba",
        bases={},
        evidence=Evidence.of([signal]),
        assessment=assessment,
        decision=decision,
        calibrated=False,
        started_at=at,
        settled_at=at,
        valid_until=at,
        leaf="",
        receipt="",
    )
    return Lesson(check, outcome, None if outcome is None else at + timedelta(days=delay_days))
