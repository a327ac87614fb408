"""All guards around one adapter, in the one order in which they do not disturb each other."""

from random import Random

import msgspec

from broker.adapter_kit.adapter import Adapter
from broker.clock import Clock
from broker.operators.guards.attempt import AttemptTimeout
from broker.operators.guards.breaker import Breaker, EgressWatch
from broker.operators.guards.bulkhead import Bulkhead
from broker.operators.guards.limits import GuardLimits
from broker.operators.guards.retry import Retry
from broker.operators.guards.throttle import Throttle


class Guarded(msgspec.Struct, frozen=True):
    """An adapter with all its guards, and the breaker among them, whose state others may read."""

    adapter: Adapter
    breaker: Breaker


def guard(adapter: Adapter, limits: GuardLimits, clock: Clock, random: Random, watch: EgressWatch) -> Guarded:
    """Put every guard around ``adapter``; ``watch`` is shared by all operators.

    The clock of attempts starts after the wait for room, so that our own queue does not teach it; the breaker counts
    attempts, so that it sees each failure; the retry is outside, so that an open breaker ends it.
    """
    attempt = AttemptTimeout(adapter, limits, clock)
    throttle = Throttle(Bulkhead(attempt, limits, clock), limits, clock)
    breaker = Breaker(throttle, limits, clock, random, watch, attempt.needed_s)
    return Guarded(Retry(breaker, limits, clock, random), breaker)
