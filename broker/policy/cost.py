"""What a check cost at operators, and what was saved by not asking."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from broker.domain.cost import Call, Charge, CheckCost, Tariff
from broker.domain.evidence import Evidence
from broker.domain.signal import Observed, Signal, SignalName, Source, Unavailability

Tariffs = Mapping[SignalName, Tariff]

_NEVER_SENT = frozenset({Unavailability.BREAKER_OPEN, Unavailability.UNSUPPORTED, Unavailability.SKIPPED})


def cost_of(
    evidence: Evidence, asked: frozenset[SignalName], preferred: Tariffs, by_operator: Mapping[str, Tariffs]
) -> CheckCost:
    """The bill of a check: one call a question, at the price of whoever answered.

    A call that was cut off, failed or brought nothing counts, for operators bill questions and not answers. What a
    cache answered is free, and so is what a guard kept back. What has no price is left out.

    Args:
        evidence: every signal of the check.
        asked: the signals that an operator was asked for in this check.
        preferred: the tariffs of the sources that are asked first, for what nobody answered.
        by_operator: the tariffs of each operator.
    """
    charges = {}
    for one in evidence.signals:
        tariffs = by_operator.get(one.source.operator, preferred) if one.source else preferred
        charge = _charge(tariffs, one.name)
        if charge is not None and one.name in asked and _was_sent(one):
            charges[one.name] = charge
    left = (_charge(preferred, one.name) for one in evidence.signals if _reason(one) is Unavailability.SKIPPED)
    return CheckCost(charges, _sums(charges.values()), _sums(one for one in left if one is not None))


def calls_of(
    evidence: Evidence,
    asked: frozenset[SignalName],
    preferred: tuple[str | None, Tariffs],
    by_operator: Mapping[str, Tariffs],
) -> tuple[Call, ...]:
    """The questions behind a bill, those without a price too. ``preferred`` is who is asked first, and the tariffs."""
    calls = []
    for one in evidence.signals:
        if one.name not in asked or not _was_sent(one):
            continue
        operator, tariffs = preferred
        if one.source is not None:
            operator, tariffs = one.source.operator, by_operator.get(one.source.operator, tariffs)
        charge = _charge(tariffs, one.name)
        priced = (charge.currency, charge.amount) if charge else (None, None)
        calls.append(Call(operator, one.name, *priced))
    return tuple(calls)


def _charge(tariffs: Tariffs, name: SignalName) -> Charge | None:
    tariff = tariffs.get(name)
    return None if tariff is None or tariff.price is None else Charge(tariff.price, tariff.currency)


def _sums(charges: Iterable[Charge]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for one in charges:
        sums[one.currency] = sums.get(one.currency, Decimal(0)) + one.amount
    return dict(sorted(sums.items()))


def never_sent(reason: Unavailability, source: Source | None) -> bool:
    """Whether no operator heard of a question without an answer. What our own gate does not permit has no source."""
    return reason in _NEVER_SENT or (reason is Unavailability.NOT_PERMITTED and source is None)


def _was_sent(signal: Signal) -> bool:
    return isinstance(signal, Observed) or not never_sent(signal.reason, signal.source)


def _reason(signal: Signal) -> Unavailability | None:
    return None if isinstance(signal, Observed) else signal.reason
