"""Trying an adapter on the real operator: one question for each capability, about a number that one may ask about."""

from collections.abc import Callable, Sequence

from broker.adapter_kit.adapter import Adapter, Capability, SignalQuery
from broker.adapter_kit.conformance import Outcome, Result
from broker.clock import Clock
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Observed, Signal, Unavailability

_GROUP = "live"
_DEADLINE_S = 10.0
# Answers that prove the adapter right and say nothing about the number: it is the operator's or the person's turn.
_TYPED = frozenset({
    Unavailability.UNSUPPORTED, Unavailability.NOT_APPLICABLE, Unavailability.NOT_PERMITTED,
    Unavailability.UNKNOWN_SUBSCRIBER,
})  # fmt: skip


async def try_live(
    adapter: Adapter, phone: PhoneNumber, purpose: str, clock: Clock, new_correlator: Callable[[], str]
) -> Sequence[Result]:
    """Ask each capability once, ten seconds at most, and judge the kind of answer; what it says is not shown.

    An observation passes. A refusal with a typed reason is *not applicable*, with its code. Trouble, silence past the
    deadline and an answer that cannot be trusted fail.
    """
    results = []
    for capability in adapter.capabilities.values():
        deadline_s = clock.monotonic_s() + _DEADLINE_S
        query = SignalQuery(capability.signal, phone, purpose, new_correlator(), deadline_s)
        signal = await adapter.observe(query)
        results.append(_judged(capability, signal, late_s=clock.monotonic_s() - deadline_s))
    return results


def _judged(capability: Capability, signal: Signal, *, late_s: float) -> Result:
    named = f"{capability.api} {capability.version}"
    says = f"{named} answers a real question in {_DEADLINE_S:.0f} s"
    outcome, detail = _outcome(capability, signal)
    if late_s > 1.0:
        outcome, detail = "failed", f"answered {late_s:.1f} s after the deadline"
    return Result(f"live.{capability.signal}", _GROUP, says, outcome, detail)


def _outcome(capability: Capability, signal: Signal) -> tuple[Outcome, str]:
    if signal.source is not None and (signal.source.api, signal.source.version) != (capability.api, capability.version):
        return "failed", "the answer names another API as its source"
    if isinstance(signal, Observed):
        return "passed", f"{signal.latency_ms:.0f} ms"
    return "not_applicable" if signal.reason in _TYPED else "failed", f"{signal.reason}: {signal.code}"
