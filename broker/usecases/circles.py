"""Nobody is found by asking for their place circle by circle: after a few about one person, no more are asked."""

import msgspec

from broker.audit.jcs import canonical
from broker.domain.check import Circle
from broker.errors import BrokerError
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.kv import Kv, Take, Taken

_DAY_S = 86_400
_TRIES = 5


class CircleLimits(msgspec.Struct, frozen=True):
    """Of one person at one tenant in a day: how many different circles, and how often anything; 0 is no limit."""

    different: int = 3
    asked: int = 24


class Circles:
    """Counts what is asked, by keyed marks: neither a person nor a place can be read from what is remembered.

    Counted where quotas are: for all nodes together where they share a Valkey, else by each for itself.
    """

    def __init__(self, kv: Kv, pseudonyms: Pseudonyms, limits: CircleLimits) -> None:
        self._kv = kv
        self._pseudonyms = pseudonyms
        self._limits = limits

    async def may_ask(self, tenant: str, subject: bytes, circle: Circle) -> bool:
        """Whether an operator may be asked about this circle now, which then counts.

        Who tries one circle too many asks nothing more that day, nor what was asked before: the answers to those would
        say where in the new one the person is. Where nothing can be counted, nobody is asked.
        """
        if not self._limits.different or not self._limits.asked:
            return True
        whose = f"circles:{tenant}:{subject.hex()}"
        measures = [repr(each) for each in (circle.latitude, circle.longitude, circle.radius_m)]
        place = canonical(["circle", subject.hex(), *measures])
        try:
            asked = await self._take(f"{whose}:asked", 1, self._limits.asked)
            if asked.refused is not None:
                return False
            if not await self._kv.put_if_absent(f"{whose}:{self._pseudonyms.mark(tenant, place).hex()}", _DAY_S):
                return True
            if (await self._take(f"{whose}:different", 1, self._limits.different)).refused is None:
                return True
            await self._close(f"{whose}:asked", asked.counts[0])
        except BrokerError:
            return False
        return False

    async def _close(self, key: str, count: int) -> None:
        """Use up what is left of a count; others may count meanwhile."""
        for _ in range(_TRIES):
            left = self._limits.asked - count
            taken = await self._take(key, left, self._limits.asked)
            if left <= 0 or taken.refused is None:
                return
            count = taken.counts[0]

    async def _take(self, key: str, amount: int, most: int) -> Taken:
        return await self._kv.take([Take(key, max(amount, 0), most, _DAY_S)])
