"""Numbers tried out one after the other by many: each asks about a few, and together they ask about all.

Nobody's customers live in one block of a numbering plan. So it is counted how many numbers of a block of a hundred, and
of the two beside it, all agents of a tenant have asked about within the hour, and all agents of its platform.
"""

from collections import OrderedDict
from enum import Enum

import msgspec

from broker.domain.phone import PhoneNumber

_BLOCK = 100
_HOUR_S = 3600.0


class BlockLimits(msgspec.Struct, frozen=True):
    """Different numbers of neighbouring blocks within the hour. Zero switches a rule off.

    Attributes:
        flagged: asked by one tenant, or by the tenants of one platform, beyond which whoever asks there is flagged.
        most: asked by one tenant, beyond which nobody of that tenant is answered there. What other tenants do never
            silences anybody.
        blocks_max: blocks remembered; the one that was asked about longest ago is forgotten first.
    """

    flagged: int = 30
    most: int = 100
    blocks_max: int = 100_000


class Sweep(Enum):
    """What the questions about a block look like."""

    NONE = "none"
    LIKELY = "likely"
    CERTAIN = "certain"


class _Seen(msgspec.Struct):
    """Which numbers of a block were asked about, a bit for each, and since when."""

    since_s: float
    bits: int = 0


class Blocks:
    """Watches blocks of numbers, in memory, each process for itself."""

    def __init__(self, limits: BlockLimits) -> None:
        self._limits = limits
        self._seen: OrderedDict[tuple[str, str, int], _Seen] = OrderedDict()

    def step(self, tenant: str, platform: str, phone: PhoneNumber, now_s: float) -> Sweep:
        """Take note of one question. ``platform`` is the topmost above the tenant; ``now_s`` is monotonic."""
        if not self._limits.flagged and not self._limits.most:
            return Sweep.NONE
        number = int(phone.e164[1:])
        own = self._count("tenant", tenant, number, now_s)
        together = self._count("platform", platform, number, now_s)
        if _beyond(own, self._limits.most):
            return Sweep.CERTAIN
        return Sweep.LIKELY if _beyond(max(own, together), self._limits.flagged) else Sweep.NONE

    def _count(self, level: str, owner: str, number: int, now_s: float) -> int:
        block, place = divmod(number, _BLOCK)
        self._note((level, owner, block), place, now_s)
        beside = (self._seen.get((level, owner, one)) for one in (block - 1, block, block + 1))
        return sum(one.bits.bit_count() for one in beside if one is not None and one.since_s > now_s - _HOUR_S)

    def _note(self, key: tuple[str, str, int], place: int, now_s: float) -> None:
        seen = self._seen.get(key)
        if seen is None or seen.since_s <= now_s - _HOUR_S:
            seen = self._seen[key] = _Seen(now_s)
        seen.bits |= 1 << place
        self._seen.move_to_end(key)
        while len(self._seen) > self._limits.blocks_max:
            self._seen.popitem(last=False)


def _beyond(count: int, limit: int) -> bool:
    return limit > 0 and count > limit
