"""Worked examples inside policies: an action and its evidence in a few words, and the decision that must come out."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from pydantic import Field

from broker.domain.check import Action, Amount
from broker.domain.decision import ActionClass, ClassName, Outcome, OutcomeName
from broker.domain.evidence import Evidence
from broker.domain.signal import (
    AgeRange,
    AttributeMatch,
    Confirmation,
    Flag,
    IdentityMatch,
    Match,
    Observed,
    Overlap,
    Presence,
    Signal,
    SignalName,
    Source,
    Tenure,
    Unavailability,
    Unavailable,
    Value,
)
from broker.policy.yaml_text import Written

INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
"""When examples happen; every sketched answer is as fresh as can be."""

_AGE = re.compile(r"([<>]?)([0-9]{1,6})([mhd])")
_SECONDS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,4})?) ([A-Z]{3})")
_SOURCE = Source("example", "example", "1")

_AGES = ("400d", "20d", "5d", "2d", "10h", ">10d")
_TENURES = ("800d", "100d", "<20d")
_CLEAN = frozenset({"match", "inactive", "inside", "same", "high"})

_WORDS: dict[SignalName, dict[str, Value]] = {
    SignalName.NUMBER_VERIFICATION: {"match": Match(matched=True), "mismatch": Match(matched=False)},
    SignalName.CALL_FORWARDING: {"active": Flag(active=True), "inactive": Flag(active=False)},
    SignalName.LOCATION: {overlap.value: Presence(overlap) for overlap in Overlap},
    SignalName.NUMBER_RECYCLING: {"recycled": Flag(active=True), "same": Flag(active=False)},
    SignalName.KYC_MATCH: {
        "low": IdentityMatch((AttributeMatch("birthdate", Confirmation.DIFFERS),)),
        "mid": IdentityMatch((AttributeMatch("name", Confirmation.DIFFERS, 70),)),
        "high": IdentityMatch((AttributeMatch("name", Confirmation.AGREES),)),
    },
}


class ActionSketch(Written):
    """``amount`` is written ``950.00 EUR``."""

    type: str
    amount: str | None = None
    resource: str | None = None
    attributes: dict[str, bool | int | float | str] = Field(default={})


class ExampleFile(Written):
    """One worked example, as written.

    Evidence is a word a signal: an age (``3h``, ``12d``; ``>30d`` for "not within", ``<24h`` for "within"), a state
    (``match``, ``mismatch``, ``inside``, ``partial``, ``outside``, ``active``, ``inactive``, ``recycled``, ``same``,
    ``low``, ``mid``, ``high``), or why there is no answer (``timeout``, ``unsupported``, ...). Of ``kyc_tenure`` an age
    says that one person has held the line so long (``400d``), and ``<20d`` that nobody has for 20 days.
    """

    name: str
    action: ActionSketch
    evidence: dict[SignalName, str]
    expected_class: ClassName = Field(alias="class")
    decision: OutcomeName

    def compiled(self, line: int) -> "Example":
        """The nouns behind the words; ``line`` is where they stand.

        Raises:
            ValueError: a word that means nothing for its signal.
        """
        return Example(
            name=self.name,
            action=_action(self.action),
            evidence=Evidence.of(signal(name, word) for name, word in self.evidence.items()),
            action_class=ActionClass[self.expected_class.upper()],
            outcome=Outcome[self.decision.upper()],
            line=line,
        )


class Example(msgspec.Struct, frozen=True):
    """One worked example, ready to be decided at :data:`INSTANT`."""

    name: str
    action: Action
    evidence: Evidence
    action_class: ActionClass
    outcome: Outcome
    line: int


def signal(name: SignalName, word: str) -> Signal:
    """The signal that a word stands for.

    Raises:
        ValueError: the word means nothing for this signal.
    """
    if word in set(Unavailability):
        return Unavailable(name, Unavailability(word))
    value = _value(name, word)
    if value is None:
        raise ValueError(f"{word!r} means nothing for {name.value}")
    return Observed(name, value, INSTANT, _SOURCE)


def words(name: SignalName) -> tuple[str, ...]:
    """Words for the answers that a signal can have, the clean one first."""
    if name in {SignalName.SIM_SWAP, SignalName.DEVICE_SWAP}:
        return _AGES
    if name is SignalName.KYC_TENURE:
        return _TENURES
    known = _WORDS[name]
    return tuple(sorted(known, key=lambda word: word not in _CLEAN))


def _value(name: SignalName, word: str) -> Value | None:
    if name in {SignalName.SIM_SWAP, SignalName.DEVICE_SWAP}:
        return _age(word)
    return _tenure(word) if name is SignalName.KYC_TENURE else _WORDS.get(name, {}).get(word)


def _tenure(word: str) -> Tenure | None:
    age = _age(word)
    if age is None:
        return None
    broken = word.startswith("<")
    age_s = age.at_most_s if broken and age.at_most_s is not None else age.at_least_s
    return Tenure((INSTANT - timedelta(seconds=age_s)).date(), continuous=not broken)


def _age(word: str) -> AgeRange | None:
    found = _AGE.fullmatch(word)
    if found is None:
        return None
    sign, count, unit = found.groups()
    seconds = int(count) * _SECONDS[unit]
    match sign:
        case "<":
            return AgeRange(0.0, seconds)
        case ">":
            return AgeRange(seconds, None)
        case _:
            return AgeRange(seconds, seconds)


def _action(sketch: ActionSketch) -> Action:
    return Action(sketch.type, _amount(sketch.amount), sketch.resource, dict(sketch.attributes))


def _amount(text: str | None) -> Amount | None:
    if text is None:
        return None
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an amount such as '950.00 EUR'")
    return Amount(Decimal(found[1]), found[2])
