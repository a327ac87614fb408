"""Is one evidence table looser than another? Part of the rule of :mod:`broker.policy.compare`.

A table is *looser* where anything in it lets some evidence come out at less risk than before: a lower weight of a state
or of a pair, a lower cap on what speaks against somebody or a higher one on what speaks for them, clean answers and
fixes that stay fresh longer, a likeness that is enough sooner, less for a number that nobody has, a class's map that
lies lower anywhere. Discounts and groups work both ways, so a change of them is *unclear*. Nearly every change of a
belief makes one state weigh less and another more: both are told, and the looser one asks for a second person.
"""

from collections.abc import Iterator

from broker.domain.decision import ActionClass
from broker.policy.compared import Change, Direction, way
from broker.policy.evidence_table import EvidenceTable
from broker.policy.scenarios import AGE_STATES, STATES

_LOG_ODDS = (-12.0, 8.0)
"""Beyond these no prior and evidence lie together."""


def table_changes(old: EvidenceTable, new: EvidenceTable) -> Iterator[Change]:
    """Everything in which the new one differs and that can change a score."""
    if old == new:
        return
    yield from _weights(old, new)
    yield from _more_is_stricter(old, new)
    if old.discounts != new.discounts:
        yield Change("evidence.groups", Direction.UNCLEAR, "discounts were changed")
    if [one.group for one in old.signals.values()] != [one.group for one in new.signals.values()]:
        yield Change("evidence.signals", Direction.UNCLEAR, "signals changed their groups")
    yield from _maps(old, new)


def _weights(old: EvidenceTable, new: EvidenceTable) -> Iterator[Change]:
    for name, states in STATES.items():
        was, now = old.signals[name], new.signals[name]
        for state, before, after in zip(states, was.weights, now.weights, strict=True):
            yield from _moved(f"evidence.signals.{name}.{state}", before, after)
        yield from _moved(f"evidence.signals.{name} under attack", was.under_attack, now.under_attack)
    for sim, before_row, after_row in zip(AGE_STATES, old.pair, new.pair, strict=True):
        for device, before, after in zip(AGE_STATES, before_row, after_row, strict=True):
            yield from _moved(f"evidence.pair.{sim}.{device}", before, after)


def _more_is_stricter(old: EvidenceTable, new: EvidenceTable) -> Iterator[Change]:
    yield from _moved("evidence.caps.total_high", old.caps.total_high, new.caps.total_high)
    yield from _moved("evidence.caps.total_low", -old.caps.total_low, -new.caps.total_low)
    for one in ActionClass:
        yield from _moved(f"evidence.freshness.tau_s.{one.wire}", -old.tau_s(one), -new.tau_s(one))
    for key in ("fix_fresh_s", "fix_stale_s"):
        yield from _moved(f"evidence.freshness.{key}", -getattr(old.freshness, key), -getattr(new.freshness, key))
    for key in ("mid_from", "high_from"):
        yield from _moved(f"evidence.identity.{key}", getattr(old.identity, key), getattr(new.identity, key))
    for key in ("unknown_subscriber", "unlocatable"):
        yield from _moved(f"evidence.missing.{key}", getattr(old, key), getattr(new, key))


def _maps(old: EvidenceTable, new: EvidenceTable) -> Iterator[Change]:
    """Two lines are compared where they are farthest apart: at both ends."""
    for one in ActionClass:
        for at in _LOG_ODDS:
            yield from _moved(
                f"evidence.calibration.{one.wire} at {at:+g}", old.log_odds(one, at), new.log_odds(one, at)
            )


def _moved(where: str, before: float, after: float) -> Iterator[Change]:
    if before != after:
        yield Change(where, way(before, after), f"{before:+.3f} -> {after:+.3f}")
