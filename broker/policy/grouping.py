"""Sums of evidence: grouped, discounted, capped, and shared out among the signals so that the shares add up exactly.

All amounts lie on a binary grid far finer than any weight is known. Sums of grid values are exact in floating point, so
the order of arrival cannot show in a single bit, and the contributions add up to the evidence without a rounding error.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import msgspec

from broker.domain.signal import SignalName

_STEPS_PER_NAT = 2.0**30

Share = tuple[SignalName, float]


class Item(msgspec.Struct, frozen=True):
    """One piece of evidence in a group, in nats on the grid; ``shares`` say which signals it comes from."""

    group: str
    shares: tuple[Share, ...]
    nats: float

    @classmethod
    def of(cls, group: str, *shares: Share) -> Self:
        """An item that weighs what its shares add up to."""
        return cls(group, shares, shares[0][1] if len(shares) == 1 else sum(nats for _, nats in shares))

    def scaled(self, factor: float) -> Self:
        """The item times ``factor``; the last share takes the rounding, so that the whole is what is rounded."""
        whole = on_grid(self.nats * factor)
        head = tuple((name, on_grid(nats * factor)) for name, nats in self.shares[:-1])
        last = (self.shares[-1][0], whole - sum(nats for _, nats in head))
        return type(self)(self.group, (*head, last), whole)


def on_grid(nats: float) -> float:
    """The nearest grid value; monotone, so it never turns an order round."""
    return round(nats * _STEPS_PER_NAT) / _STEPS_PER_NAT


def shared_out(
    items: Sequence[Item], discounts: Mapping[str, float], *, total_low: float, total_high: float
) -> dict[SignalName, float]:
    """What each signal adds to the log-odds, in nats; the sum of all is the evidence.

    Within a group the strongest positive item counts fully, the next times the discount, and so on; negative ones
    likewise among themselves. Where the total leaves ``[-total_low, total_high]``, what is beyond is taken from the
    weakest contributions of that sign first: past the cap further evidence adds nothing, and the leading reason stays
    whole.
    """
    nats: dict[SignalName, float] = {}
    for item in _discounted(items, discounts):
        for name, share in item.shares:
            nats[name] = nats.get(name, 0.0) + share
    excess = sum(nats.values())
    if excess > total_high:
        _trim(nats, excess - on_grid(total_high), sign=1.0)
    elif excess < -total_low:
        _trim(nats, -excess - on_grid(total_low), sign=-1.0)
    return nats


def total(
    amounts: Iterable[tuple[str, float]], discounts: Mapping[str, float], *, total_low: float, total_high: float
) -> float:
    """The evidence alone: what the shares of :func:`shared_out` add up to, from the group and nats of each item."""
    sides: dict[tuple[str, bool], list[float]] = {}
    for group, nats in amounts:
        if nats != 0.0:
            sides.setdefault((group, nats > 0.0), []).append(nats)
    evidence = 0.0
    for (group, _), found in sides.items():
        if len(found) == 1:
            evidence += found[0]
            continue
        found.sort(key=abs, reverse=True)
        evidence += found[0] + sum(on_grid(nats * discounts[group] ** rank) for rank, nats in enumerate(found[1:], 1))
    if evidence > total_high:
        return on_grid(total_high)
    return -on_grid(total_low) if evidence < -total_low else evidence


def _discounted(items: Iterable[Item], discounts: Mapping[str, float]) -> list[Item]:
    out: list[Item] = []
    ranks: dict[tuple[str, bool], int] = {}
    for item in sorted(items, key=lambda one: (-abs(one.nats), one.shares)):
        side = (item.group, item.nats > 0.0)
        rank = ranks[side] = ranks.get(side, -1) + 1
        out.append(item if rank == 0 else item.scaled(discounts[item.group] ** rank))
    return out


def _trim(nats: dict[SignalName, float], excess: float, *, sign: float) -> None:
    """Take ``excess`` (positive, on the grid) off the contributions of one sign, weakest first."""
    for name in sorted(nats, key=lambda one: (sign * nats[one], one)):
        taken = min(max(sign * nats[name], 0.0), excess)
        nats[name] -= sign * taken
        excess -= taken
