"""Points at which two policy documents are compared: actions on both sides of every boundary, evidence in pairs."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import combinations, islice, product

from broker.domain.check import Action, Amount
from broker.domain.evidence import Evidence
from broker.domain.signal import SignalName, Unavailability
from broker.policy.document import PolicyDocument
from broker.policy.sketch import signal, words

ACTIONS_MAX = 4000
_CENT = Decimal("0.01")
_NUMBER = re.compile(r"(?<![\w.])[0-9]{1,12}(?:\.[0-9]{1,4})?")
_TEXT = re.compile(r"\"([^\"\\]{1,64})\"|'([^'\\]{1,64})'")
_ATTRIBUTE = re.compile(r"\baction\.attributes\.([A-Za-z_]\w*)")
_CURRENCY = re.compile(r"[A-Z]{3}")
_ATTRIBUTES_MAX = 4
_FAILED = Unavailability.TIMEOUT.value
_ABSENCES = (
    _FAILED,
    *(
        one.value
        for one in (Unavailability.UNSUPPORTED, Unavailability.NOT_PERMITTED, Unavailability.UNKNOWN_SUBSCRIBER)
    ),
)

_Attributes = dict[str, str | bool | int | float]


def actions(kind: str, documents: Iterable[PolicyDocument]) -> tuple[Action, ...]:
    """Actions of a type on both sides of everything that the conditions of these documents compare with.

    Amounts at each number and a cent beside it, currencies that are named and one that is not, each attribute absent,
    true, false and each text; at most :data:`ACTIONS_MAX`.
    """
    texts = [
        rule.text for document in documents if kind in document.actions for rule, _ in document.actions[kind].rules
    ]
    source = "\n".join(texts)
    named = [one or other for one, other in _TEXT.findall(source)]
    found = product(_amounts(source, named), (None, *dict.fromkeys(named)), _attribute_sets(source, named))
    return tuple(Action(kind, amount, resource, given) for amount, resource, given in islice(found, ACTIONS_MAX))


def evidences(names: Iterable[SignalName]) -> tuple[tuple[str, Evidence], ...]:
    """Every pair of answers to every two of these signals, the others clean; each alone, the others clean or failed.

    Each comes with the words of the worked examples for it.
    """
    wanted = sorted(set(names))
    clean = {name: words(name)[0] for name in wanted}
    points: dict[tuple[str, ...], Evidence] = {}
    for one, other in _pairs(wanted):
        for first, second in product((*words(one), _FAILED), (*words(other), _FAILED)):
            _add(points, {**clean, one: first, other: second})
    for name in wanted:
        for word in (*words(name), *_ABSENCES):
            _add(points, {**dict.fromkeys(wanted, _FAILED), name: word})
            _add(points, {**clean, name: word})
    return tuple((", ".join(told), evidence) for told, evidence in points.items())


def _pairs(wanted: list[SignalName]) -> Iterable[tuple[SignalName, SignalName]]:
    return combinations(wanted, 2) if len(wanted) > 1 else [(name, name) for name in wanted]


def _add(points: dict[tuple[str, ...], Evidence], answers: dict[SignalName, str]) -> None:
    key = tuple(f"{name} {word}" for name, word in answers.items())
    if key not in points:
        points[key] = Evidence.of(signal(name, word) for name, word in answers.items())


def _amounts(source: str, named: list[str]) -> list[Amount | None]:
    numbers = {Decimal(0), *(Decimal(one) for one in _NUMBER.findall(source))}
    values = sorted({value for number in numbers for value in (number, number + _CENT, number - _CENT)})
    currencies = ("XXX", *(one for one in dict.fromkeys(named) if _CURRENCY.fullmatch(one)))
    return [None, *(Amount(value, currency) for currency in currencies for value in values)]


def _attribute_sets(source: str, named: list[str]) -> Iterator[_Attributes]:
    names = list(dict.fromkeys(_ATTRIBUTE.findall(source)))[:_ATTRIBUTES_MAX]
    choices: tuple[str | bool | None, ...] = (None, True, False, *dict.fromkeys(named))
    for values in product(choices, repeat=len(names)):
        yield {name: value for name, value in zip(names, values, strict=True) if value is not None}
