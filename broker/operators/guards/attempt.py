"""How long one call may take, learnt from how long calls took."""

import math

import msgspec

from broker.adapter_kit.adapter import Adapter, SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.clock import Clock
from broker.domain.instrument import Category
from broker.domain.signal import Observed, Signal, Unavailability, Unavailable
from broker.operators.guards.base import Guard
from broker.operators.guards.limits import GuardLimits

_KEPT = 10_000
_TAIL = 0.001
_GROWTH = math.log(1.05)
_BUCKETS = 256
_RECOUNT_EVERY = 64
_LONGER = 1.5
# One in so many questions that come too late is asked all the same, so that a quicker operator is found out.
_TRIED_EVERY = 20
# A timer of the event loop may fire this much early.
_EARLY_S = 0.02


class Latencies:
    """The last 10,000 durations, in buckets that are 5 % wide (from 1 ms to about 250 s): a few kilobytes for good."""

    def __init__(self) -> None:
        self._ring = bytearray(_KEPT)
        self._counts = [0] * _BUCKETS
        self.seen = 0

    def add(self, duration_s: float) -> None:
        """Remember one, and forget the oldest."""
        bucket = min(_BUCKETS - 1, int(math.log(max(1.0, duration_s * 1000)) / _GROWTH))
        place = self.seen % _KEPT
        if self.seen >= _KEPT:
            self._counts[self._ring[place]] -= 1
        self._ring[place] = bucket
        self._counts[bucket] += 1
        self.seen += 1

    def exceeded_s(self, share: float) -> float:
        """The duration that this share of all calls exceeds, rounded up to its bucket's edge."""
        beyond = int(min(self.seen, _KEPT) * share)
        for bucket in range(_BUCKETS - 1, -1, -1):
            beyond -= self._counts[bucket]
            if beyond < 0:
                return math.exp((bucket + 1) * _GROWTH) / 1000
        return 0.0


class _Api:
    def __init__(self, start_s: float) -> None:
        self.latencies = Latencies()
        self.timeout_s = start_s
        # Of answers alone, to whomever: what is cut off tells when to give up, not what an answer takes.
        self.answers = Latencies()
        self.median_s = 0.0
        self.too_late = 0


class AttemptTimeout(Guard):
    """Shortens the deadline that the adapter inside sees to the 99.9th percentile of what this API needs."""

    def __init__(self, inner: Adapter, limits: GuardLimits, clock: Clock) -> None:
        super().__init__(inner)
        self._limits = limits
        self._clock = clock
        self._start_s = limits.attempt_start_ms / 1000
        self._apis: dict[Category, _Api] = {}

    def timeout_s(self, name: Category) -> float:
        """What one call to this API is given now."""
        api = self._apis.get(name)
        return self._start_s if api is None else api.timeout_s

    def needed_s(self, name: Category) -> float:
        """How long a call must have had to tell anything about the operator.

        What is given where nothing is known is enough in any case: an operator whose slowest answers take longer than
        anybody waits could otherwise fall silent and never be found out.
        """
        return min(self.timeout_s(name), self._start_s)

    async def observe(self, query: SignalQuery) -> Signal:
        """Ask, with no more time than calls to this API are known to need."""
        api = self._apis.get(query.signal) or self._apis.setdefault(query.signal, _Api(self._start_s))
        started_s = self._clock.monotonic_s()
        left_s = query.deadline_s - started_s
        if self._is_hopeless(api, left_s):
            return Unavailable(query.signal, Unavailability.TIMEOUT, KitCode.DEADLINE)
        given_s = min(api.timeout_s, left_s)
        hasty = given_s < self.needed_s(query.signal) - _EARLY_S
        if api.timeout_s == given_s:
            query = msgspec.structs.replace(query, deadline_s=started_s + given_s)
        answer = await self._inner.observe(query)
        if isinstance(answer, Observed):
            self._note(api, self._clock.monotonic_s() - started_s)
        if hasty:
            return self._of_the_caller(answer, query.deadline_s)
        if isinstance(answer, Observed):
            self._learn(api, self._clock.monotonic_s() - started_s)
        elif answer.code in {KitCode.ATTEMPT_TIMEOUT, KitCode.DEADLINE}:
            # What we cut off would have taken longer. Without this an operator that became slower for good could never
            # be heard again, for only answers teach and none would come. Until it is known how much slower, calls get
            # what they get where nothing is known.
            self._learn(api, given_s * _LONGER)
            api.timeout_s = max(api.timeout_s, self._start_s)
        return answer

    def _is_hopeless(self, api: _Api, left_s: float) -> bool:
        """Whether less time is left than half of all answers need: such a call costs money, and mostly for nothing."""
        if left_s >= api.median_s:
            return False
        api.too_late += 1
        return api.too_late % _TRIED_EVERY != 0

    def _note(self, api: _Api, duration_s: float) -> None:
        """Answers to hasty questions count here: they can only bring the median down, which means more calls."""
        api.answers.add(duration_s)
        if api.answers.seen >= self._limits.attempt_samples_min and api.answers.seen % _RECOUNT_EVERY == 0:
            api.median_s = api.answers.exceeded_s(0.5) / math.exp(_GROWTH)  # the lower edge: in doubt it is asked

    def _of_the_caller(self, answer: Signal, deadline_s: float) -> Signal:
        """The answer to a question that had less time than calls need; it neither teaches nor accuses.

        Defensive: a tenant with short deadlines would only ever be answered quickly, or not at all. Learning from that
        would cut everybody's calls short, and counting it would open the breaker for everybody.
        """
        late = self._clock.monotonic_s() >= deadline_s - _EARLY_S
        if late and isinstance(answer, Unavailable) and answer.code == KitCode.ATTEMPT_TIMEOUT:
            return msgspec.structs.replace(answer, code=KitCode.DEADLINE)
        return answer

    def _learn(self, api: _Api, duration_s: float) -> None:
        api.latencies.add(duration_s)
        seen = api.latencies.seen
        if seen >= self._limits.attempt_samples_min and seen % _RECOUNT_EVERY == 0:
            low_s, high_s = self._limits.attempt_min_ms / 1000, self._limits.attempt_max_ms / 1000
            api.timeout_s = min(high_s, max(low_s, api.latencies.exceeded_s(_TAIL)))
