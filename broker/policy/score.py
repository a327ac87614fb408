"""Hop 9: the weight of the evidence for one action class (additive log-odds, monotone by construction)."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from broker.domain.decision import Assessment, Confidence, Contribution
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName, Unavailability
from broker.policy import ages
from broker.policy.evidence_table import EvidenceTable
from broker.policy.grouping import Item, Share, on_grid, shared_out
from broker.policy.reading import Reader, Reading, joint_weight
from broker.policy.rules import ClassRules
from broker.policy.scenarios import BEFORE_BINDING, NUMBER_GROUP
from broker.policy.tenure import before_binding

TRUST_MAX = 1000

MOVE_MAX = 6.0
"""How far one signal may move the log-odds, in nats."""

# 500 risk points at a probability of 5 %, 50 more for each doubling of the odds.
_POINTS_AT_EVEN_ODDS = 712.4
_POINTS_PER_NAT = 72.135

_SIM, _DEVICE = SignalName.SIM_SWAP, SignalName.DEVICE_SWAP

Readings = Mapping[SignalName, Reading]


def assess(table: EvidenceTable, rules: ClassRules, evidence: Evidence, now: datetime) -> Assessment:
    """Weigh the evidence.

    Args:
        table: weights, caps and ageing.
        rules: the class's prior, wanted and required signals.
        evidence: in any order of arrival; :meth:`Evidence.of` made it canonical.
        now: aware; the instant at which ages are taken.

    Returns:
        The assessment; equal arguments give equal bytes. ``low`` and ``high`` are the probabilities if each signal that
        a required group still lacks came out clean, or as it does on average under attack.

    Raises:
        ValueError: an instant without zone, or a value that is not finite, out of range or of the wrong kind.
    """
    readings = Reader(table, rules.action_class, now).all(evidence, rules.wanted)
    return weigh(table, rules, readings, before_binding(evidence, rules.action_class))


def weigh(table: EvidenceTable, rules: ClassRules, readings: Readings, excused: Iterable[SignalName]) -> Assessment:
    """Weigh evidence that has been read; for whoever weighs nearly the same again and again.

    ``readings`` are those of :meth:`Reader.all` under the same table and rules, ``excused`` the changes from before the
    binding.
    """
    readings = {**readings, **{name: excuse(table, readings[name]) for name in excused}}
    nats = shares(table, readings)
    evidence_nats = sum(nats.values())
    prior = logit(rules.prior)
    at = table.log_odds(rules.action_class, prior + evidence_nats)
    low, high = _interval(table, rules, readings, at)
    conflict = _conflict(nats.values())
    coverage = _coverage(table, readings, rules.wanted)
    return Assessment(
        prior_log_odds=prior,
        evidence=evidence_nats,
        log_odds=at,
        probability=probability(at),
        low=probability(low),
        high=probability(high),
        trust_score=trust_of(at),
        coverage=coverage,
        conflict=conflict,
        confidence=_confidence(table, coverage * (1.0 - conflict / 2.0)),
        contributions=tuple(_contribution(table, reading, nats) for reading in readings.values()),
    )


def excuse(table: EvidenceTable, reading: Reading) -> Reading:
    """A change from before the binding accuses nobody any more, and speaks for nobody either.

    In the pair it stands as an old one, so that a new handset beside it is an upgrade.
    """
    weight = _relieved(table, reading.weight, ages.on_curve(table.signals[reading.name].weights, ages.KNOTS[-1]))
    return msgspec.structs.replace(
        reading, state=BEFORE_BINDING, weight=weight, points=ages.CLEANEST, unexcused=reading
    )


def _relieved(table: EvidenceTable, weight: float, instead: float) -> float:
    """What is left of a weight once it is excused.

    Defensive: the day of the binding is the caller's word. So an excuse turns nothing into a credit, and tenure, with
    what it weighs by itself, moves the score no further than any signal may.
    """
    room = MOVE_MAX + on_grid(table.signals[SignalName.KYC_TENURE].weights[-1])
    return min(weight, max(0.0, instead, weight - room))


def probability(at: float) -> float:
    """The probability behind log-odds, without overflow at either end."""
    if at >= 0.0:
        return 1.0 / (1.0 + math.exp(-at))
    odds = math.exp(at)
    return odds / (1.0 + odds)


def logit(share: float) -> float:
    """The log-odds behind a probability."""
    return math.log(share / (1.0 - share))


def trust_of(log_odds: float) -> int:
    """The trust score of log-odds of fraud; 0 to 1000, higher is more trusted."""
    return TRUST_MAX - _risk_points(log_odds)


def _risk_points(at: float) -> int:
    return min(max(round(_POINTS_AT_EVEN_ODDS + _POINTS_PER_NAT * at), 0), TRUST_MAX)


def _interval(table: EvidenceTable, rules: ClassRules, readings: Readings, at: float) -> tuple[float, float]:
    """The log-odds if what a required group lacks came out clean, or as under attack; ``at`` itself if none lacks."""
    unsettled = _unsettled(readings, rules)
    if not unsettled:
        return at, at
    ends = (_if_clean(table, readings, unsettled), _under_attack(table, readings, unsettled))
    prior = logit(rules.prior)
    low, high = (table.log_odds(rules.action_class, prior + sum(shares(table, end).values())) for end in ends)
    return low, high


def shares(table: EvidenceTable, readings: Readings) -> dict[SignalName, float]:
    """What each signal adds to the log-odds, in nats."""
    return shared_out(
        _items(table, readings),
        table.discounts,
        total_low=table.caps.total_low,
        total_high=table.caps.total_high,
    )


def _items(table: EvidenceTable, readings: Readings) -> list[Item]:
    """One item a signal, but one for SIM and device together where both are known."""
    sim, device = readings.get(_SIM), readings.get(_DEVICE)
    paired = sim is not None and device is not None and sim.observed and device.observed
    items = [
        Item.of(group_of(table, one), (one.name, on_grid(one.aged)))
        for one in readings.values()
        if not (paired and one.name in {_SIM, _DEVICE})
    ]
    if paired and sim is not None and device is not None:
        items.append(Item.of(table.signals[_SIM].group, *pair_shares(table, sim, device)))
    return items


def group_of(table: EvidenceTable, reading: Reading) -> str:
    """The group that a reading is discounted in; that nobody has the number is of a group of its own."""
    unknown = reading.missing is Unavailability.UNKNOWN_SUBSCRIBER
    return NUMBER_GROUP if unknown else table.signals[reading.name].group


def pair_shares(table: EvidenceTable, sim: Reading, device: Reading) -> tuple[Share, ...]:
    """SIM and device together; SIM carries its own weight and device what it adds to that."""
    whole, first = on_grid(_joint(table, sim, device)), on_grid(sim.aged)
    if sim.unexcused or device.unexcused:
        whole = _relieved(table, on_grid(_joint(table, sim.unexcused or sim, device.unexcused or device)), whole)
    return ((_SIM, first), (_DEVICE, whole - first))


def _joint(table: EvidenceTable, sim: Reading, device: Reading) -> float:
    """The weight of both.

    Each of the two may be anything between as fresh as it is and fresh, and each mixture of "known" and "unknown" has
    its weight; the worst of the four corners counts. So ageing never helps, a clean answer never weighs more than none,
    and what is fully fresh is just the pair table.
    """
    both = joint_weight(table, sim.points, device.points)
    return max(
        s * d * both + s * (1.0 - d) * sim.weight + (1.0 - s) * d * device.weight
        for s in (1.0, sim.freshness)
        for d in (1.0, device.freshness)
    )


def _unsettled(readings: Readings, rules: ClassRules) -> list[Reading]:
    """The signals that could still settle a required group: absent, and not because nobody has the number.

    Defensive (T2): where nothing was seen that makes no difference, or it would be seen by the decision.
    """
    lacking = {name for group in rules.required if not any(readings[name].observed for name in group) for name in group}
    unseen = not any(reading.observed for reading in readings.values())
    return [readings[name] for name in sorted(lacking) if unseen or not is_nobody(readings[name])]


def is_nobody(reading: Reading) -> bool:
    """Whether the operator says that nobody has the number: nothing more will come of asking."""
    return reading.missing is Unavailability.UNKNOWN_SUBSCRIBER


def _if_clean(table: EvidenceTable, readings: Readings, unsettled: Iterable[Reading]) -> Readings:
    """The readings if each unsettled signal came out as clean as it can."""
    clean = {
        one.name: Reading(one.name, one.state, table.signals[one.name].weights[-1], 1.0, ages.CLEANEST)
        for one in unsettled
    }
    return {**readings, **clean}


def _under_attack(table: EvidenceTable, readings: Readings, unsettled: Iterable[Reading]) -> Readings:
    """The readings if each unsettled signal came out as it does on average under attack; never below what they are."""
    adverse = {
        one.name: msgspec.structs.replace(
            one, weight=max(one.weight, table.signals[one.name].under_attack), missing=Unavailability.SKIPPED
        )
        for one in unsettled
    }
    return {**readings, **adverse}


def _coverage(table: EvidenceTable, readings: Readings, wanted: Iterable[SignalName]) -> float:
    """The share of the wanted information that is there, by information value; a faded clean answer counts in part."""
    parts = [(table.signals[name].information, _presence(readings[name])) for name in wanted]
    whole = math.fsum(information for information, _ in parts)
    return math.fsum(information * there for information, there in parts) / whole if whole > 0.0 else 0.0


def _presence(reading: Reading) -> float:
    if not reading.observed:
        return 1.0 if reading.missing is Unavailability.UNKNOWN_SUBSCRIBER else 0.0
    return 1.0 if reading.weight > 0.0 else reading.freshness


def _conflict(nats: Iterable[float]) -> float:
    """How far good and bad evidence balance each other, 0 to 1."""
    amounts = list(nats)
    adverse = sum(amount for amount in amounts if amount > 0.0)
    clean = -sum(amount for amount in amounts if amount < 0.0)
    return min(adverse, clean) / max(adverse, clean) if adverse > 0.0 and clean > 0.0 else 0.0


def _confidence(table: EvidenceTable, share: float) -> Confidence:
    if share >= table.confidence.high_from:
        return Confidence.HIGH
    return Confidence.MEDIUM if share >= table.confidence.medium_from else Confidence.LOW


def _contribution(table: EvidenceTable, reading: Reading, nats: Mapping[SignalName, float]) -> Contribution:
    return Contribution(reading.name, group_of(table, reading), reading.state, reading.weight, nats[reading.name])
