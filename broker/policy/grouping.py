"""Sums of evidence: grouped, discounted, capped, and shared out among the signals so that the shares add up exactly.

All amounts lie on a binary grid far finer than any weight is known. Sums of grid values are exact in floating point, so
the order of arrival cannot show in a single bit, and the contributions add up to the evidence without a rounding error.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from broker.domain.signal import SignalName

_STEPS_PER_NAT = 2.0**30

Share = tuple[SignalName, float]


class Item(msgspec.Struct, frozen=True):
    """One piece of evidence in a group, in nats on the grid; ``shares`` say which signals it comes from."""

    group: str
    shares: tuple[Share, ...]

    @property
    def nats(self) -> float:
        """The item's weight."""
        return sum(nats for _, nats in self.shares)

    def scaled(self, factor: float) -> "Item":
        """The item times ``factor``; the last share takes the rounding, so that the whole is what is rounded."""
        whole = on_grid(self.nats * factor)
        head = tuple((name, on_grid(nats * factor)) for name, nats in self.shares[:-1])
        last = (self.shares[-1][0], whole - sum(nats for _, nats in head))
        return Item(self.group, (*head, last))


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
