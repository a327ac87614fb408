"""An adapter that does as a test says, and what guards need around it."""

from collections.abc import Awaitable, Callable, Mapping

from broker.adapter_kit.adapter import Capability, ClosedAdapter, SignalQuery
from broker.adapter_kit.codes import KitCode
from broker.domain.phone import PhoneNumber
from broker.domain.signal import AgeRange, Observed, Signal, SignalName, Source, Unavailability, Unavailable
from tests.support.clocks import HandClock

SIM = SignalName.SIM_SWAP
Act = Callable[[SignalQuery], Awaitable[Signal]]


class Acting(ClosedAdapter):
    """``act`` may be replaced at any time; every question is remembered."""

    def __init__(self, act: Act, operator: str = "alba") -> None:
        super().__init__(operator)
        self.act = act
        self.asked: list[SignalQuery] = []
        self.closed = False

    @property
    def capabilities(self) -> Mapping[SignalName, Capability]:
        return {name: Capability(name, name, "1") for name in SignalName}

    async def observe(self, query: SignalQuery) -> Signal:
        self.asked.append(query)
        return await self.act(query)

    async def aclose(self) -> None:
        self.closed = True


def good(clock: HandClock, took_s: float = 0.0) -> Act:
    async def act(query: SignalQuery) -> Signal:
        clock.advance(took_s)
        return Observed(query.signal, AgeRange(1e7, 1e7), clock.now(), Source("alba", "sim-swap", "1"))

    return act


def bad(
    reason: Unavailability,
    code: str,
    clock: HandClock | None = None,
    took_s: float = 0.0,
    retry_after_s: float | None = None,
) -> Act:
    async def act(query: SignalQuery) -> Signal:
        if clock is not None:
            clock.advance(took_s)
        return Unavailable(query.signal, reason, code, retry_after_s=retry_after_s)

    return act


def down() -> Act:
    return bad(Unavailability.OPERATOR_ERROR, "UNAVAILABLE")


def hanging(clock: HandClock) -> Act:
    """An operator that answers nobody: each call ends when its time is over."""

    async def act(query: SignalQuery) -> Signal:
        clock.advance(query.deadline_s - clock.monotonic_s())
        return Unavailable(query.signal, Unavailability.TIMEOUT, KitCode.ATTEMPT_TIMEOUT)

    return act


def steady(clock: HandClock, takes_s: float) -> Act:
    """An operator that needs the same time for each answer; whoever waits for less gets none."""

    async def act(query: SignalQuery) -> Signal:
        left_s = query.deadline_s - clock.monotonic_s()
        return await (good(clock, takes_s) if left_s >= takes_s else hanging(clock))(query)

    return act


def question(clock: HandClock, left_s: float = 1.5, signal: SignalName = SIM) -> SignalQuery:
    return SignalQuery(
        signal, PhoneNumber("+34600000101"), "FraudPreventionAndDetection", "c", clock.monotonic_s() + left_s
    )
