"""What these tests share: the shipped table and policies, a policy with all four classes, and short spellings."""

from datetime import timedelta
from functools import cache
from pathlib import Path

import msgspec

from broker.domain.check import Action
from broker.domain.decision import ActionClass, Assessment, Decision
from broker.domain.evidence import Evidence
from broker.domain.signal import Observed, Signal, SignalName, Value
from broker.policy.book import PolicyBook
from broker.policy.decide import decide
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.score import assess
from broker.policy.sketch import INSTANT, signal

CONFIG = Path(__file__).parents[3] / "config"
TABLE_TEXT = (CONFIG / "evidence" / "default.yaml").read_text("utf-8")

HOUR, DAY = 3600.0, 86400.0
NOW = INSTANT

# Every class, the built-in floors and gates, the costs of scoring.md section 7.
ALL_CLASSES = """
id: all-classes
version: 1
actions:
  act.low: {default: low}
  act.medium: {default: medium}
  act.high: {default: high}
  act.critical: {default: critical}
classes:
  low: {prior: 0.0005, value_at_risk: 0.2, wanted: [sim_swap]}
  medium: {prior: 0.002, value_at_risk: 1, wanted: [sim_swap, location], required: [[sim_swap]]}
  high:
    prior: 0.005
    value_at_risk: 5
    wanted: [sim_swap, number_verification, device_swap, location]
    required: [[sim_swap], [number_verification, device_swap]]
  critical:
    prior: 0.01
    value_at_risk: 25
    wanted: [sim_swap, number_verification, device_swap, call_forwarding, location]
    required: [[sim_swap], [number_verification], [call_forwarding, location]]
step_up_methods: [network_auth, tenant_factor, sms_otp, voice_call]
examples:
  - {name: steady, action: {type: act.low}, evidence: {sim_swap: 400d}, class: low, decision: allow}
"""


@cache
def table() -> EvidenceTable:
    return EvidenceTable.read(TABLE_TEXT, source="default.yaml")


@cache
def crowded_table() -> EvidenceTable:
    """The same beliefs with every signal in one group, so that ranks and discounts are at work everywhere.

    And a tenant's belief that a number of nobody weighs something.
    """
    text = TABLE_TEXT.replace("unknown_subscriber: {weight: 0.0", "unknown_subscriber: {weight: 1.0")
    for group in ("possession", "place", "interception"):
        text = text.replace(f"    group: {group}\n", "    group: line\n")
    return EvidenceTable.read(text, source="crowded.yaml")


@cache
def all_classes() -> PolicyDocument:
    return PolicyDocument.read(ALL_CLASSES, source="all-classes.yaml")


@cache
def sim_bound() -> PolicyDocument:
    """A tenant with nothing but the line to step up with, and gates raised as far as they go."""
    text = ALL_CLASSES.replace("id: all-classes", "id: sim-bound").replace(
        "[network_auth, tenant_factor, sms_otp, voice_call]", "[sms_otp, voice_call]"
    )
    floors = "POSSESSION_MISMATCH: {medium: deny}, EVIDENCE_CONFLICT: {low: deny}, LINE_FORWARDED: {low: step_up}"
    return PolicyDocument.read(f"{text}gates: {{{floors}}}\n", source="sim-bound.yaml")


@cache
def shipped() -> dict[str, PolicyDocument]:
    return {
        path.stem: PolicyDocument.read(path.read_text("utf-8"), source=path.name)
        for path in sorted((CONFIG / "policies").glob("*.yaml"))
    }


@cache
def book() -> PolicyBook:
    return PolicyBook(shipped().values())


def evidence(**words: str) -> Evidence:
    """``evidence(sim_swap="3h", location="inside")``, in the words of the policies' examples."""
    return Evidence.of(signal(SignalName(name), word) for name, word in words.items())


def aged(evidence_: Evidence, **seconds: float) -> Evidence:
    """The same answers, observed so many seconds before ``NOW``."""
    return Evidence.of(
        msgspec.structs.replace(one, observed_at=NOW - timedelta(seconds=seconds[one.name.value]))
        if isinstance(one, Observed) and one.name.value in seconds
        else one
        for one in evidence_.signals
    )


def observed(name: SignalName, value: Value) -> Observed:
    """A fresh answer with a value that has no word."""
    return msgspec.structs.replace(_any(name), value=value)


def assessed(evidence_: Evidence, action_class: ActionClass = ActionClass.MEDIUM) -> Assessment:
    return assess(table(), all_classes().rules(action_class), evidence_, NOW)


def decided(evidence_: Evidence, action_class: ActionClass, document: PolicyDocument | None = None) -> Decision:
    document = document or all_classes()
    rules = document.rules(action_class)
    return decide(assess(table(), rules, evidence_, NOW), evidence_, rules, document)


def decided_for(action: Action, evidence_: Evidence) -> tuple[ActionClass, Decision]:
    """What the shipped policies do about an action."""
    document, action_class = book().resolve(action)
    return action_class, decided(evidence_, action_class, document)


def _any(name: SignalName) -> Observed:
    words = {
        SignalName.NUMBER_VERIFICATION: "match",
        SignalName.CALL_FORWARDING: "inactive",
        SignalName.LOCATION: "inside",
        SignalName.NUMBER_RECYCLING: "same",
        SignalName.KYC_MATCH: "high",
    }
    one: Signal = signal(name, words.get(name, "400d"))
    assert isinstance(one, Observed)
    return one
