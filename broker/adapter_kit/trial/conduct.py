"""Conduct: deadlines, cancellation, silence about persons, and honesty about what is not offered."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from broker.adapter_kit.trial.answers import first
from broker.adapter_kit.trial.bench import (
    DIGITS,
    GATEWAY_KEY,
    OPERATOR_TOKEN,
    SECRET,
    Bench,
    Check,
    NotApplicable,
    Run,
    expect,
    observed,
    unavailable,
)
from broker.adapter_kit.trial.operator import Asked, Reply, error
from broker.domain.signal import SignalName, Unavailability, Unavailable

U = Unavailability
_HANG_S, _PATIENCE_S = 30.0, 5.0
_LOGGED_MAX = 10_000


async def _hang(_: Asked) -> None:
    await asyncio.sleep(_HANG_S)


async def _past(bench: Bench) -> None:
    unavailable(await bench.ask(first(bench), deadline_s=bench.clock.monotonic_s() - 1), U.TIMEOUT)
    expect(
        not bench.operator.api_requests and not bench.operator.token_requests, "somebody was asked after the deadline"
    )


async def _hanging_api(bench: Bench) -> None:
    async def pause(asked: Asked) -> None:
        if asked.operation is not None:
            await _hang(asked)

    bench.operator.pause = pause
    await _ends(bench)


async def _hanging_token(bench: Bench) -> None:
    bench.operator.pause = _hang
    await _ends(bench)


async def _ends(bench: Bench) -> None:
    capability = first(bench)
    started_s = time.perf_counter()
    deadline_s = bench.clock.monotonic_s() + 0.05
    unavailable(await bench.ask(capability, deadline_s=deadline_s), U.TIMEOUT)
    expect(time.perf_counter() - started_s < _PATIENCE_S, "an operator that hangs held the check up")


async def _cancelled(bench: Bench) -> None:
    capability = first(bench)
    bench.operator.pause = _hang
    task = asyncio.ensure_future(bench.ask(capability))
    await asyncio.sleep(0.01)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE_S)
    expect(task in done and task.cancelled(), "cancellation was swallowed")


async def _latency(bench: Bench) -> None:
    capability = first(bench)

    async def slow(asked: Asked) -> None:
        bench.clock.advance(0.25 if asked.operation is not None else 0)

    bench.operator.pause = slow
    latency_ms = observed(await bench.ask(capability)).latency_ms
    expect(latency_ms >= 250, f"250 ms of the clock became {latency_ms}")  # noqa: PLR2004


async def _closes(bench: Bench) -> None:
    if bench.subject.built:
        await bench.ask(first(bench))
    await bench.adapter.aclose()
    await bench.adapter.aclose()


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Everything that anybody logs, at any level, formatted as a handler would."""
    lines: list[str] = []
    formatter = logging.Formatter("%(message)s")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if len(lines) < _LOGGED_MAX:
                lines.append(formatter.format(record))

    root, handler = logging.getLogger(), Keep(logging.DEBUG)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def _silent(reply: Reply | None) -> Run:
    async def run(bench: Bench) -> None:
        capability = first(bench)
        if reply is not None:
            bench.operator.api = lambda _: reply
        with _logged() as lines:
            signal = await bench.ask(capability)
        text = "\n".join([*lines, repr(signal)])
        for name, secret in _secrets(bench):
            expect(secret not in text, f"{name} was logged or shown")

    return run


def _secrets(bench: Bench) -> Iterator[tuple[str, str]]:
    yield "the number", DIGITS
    yield "the operator token", OPERATOR_TOKEN
    yield "the client's secret", SECRET
    yield "the gateway's key", GATEWAY_KEY
    yield "an access token", "trial-token-"
    yield "the operator's text", "99900000000001"
    for asked in bench.operator.token_requests:
        for name in ("assertion", "client_assertion"):
            if name in asked.fields:
                yield "an assertion", asked.fields[name]


async def _shown(bench: Bench) -> None:
    if bench.subject.built:
        await bench.ask(first(bench))
    query = bench.query(SignalName.SIM_SWAP)
    text = repr([bench.adapter, bench.adapter.capabilities, query, bench.adapter.__dict__])
    for name, secret in _secrets(bench):
        expect(secret not in text, f"{name} is in a repr")


async def _declared(bench: Bench) -> None:
    offered = {one.known.signal: (one.api, one.version) for one in bench.subject.manifest.capabilities}
    said = {name: (one.api, one.version) for name, one in bench.adapter.capabilities.items()}
    expect(said == offered, f"the adapter says {said}, its manifest {offered}")


def _honest(name: SignalName) -> Run:
    async def run(bench: Bench) -> None:
        if name in {one.known.signal for one in bench.subject.built}:
            raise NotApplicable("it can be asked")
        signal = await bench.adapter.observe(bench.query(name))
        expect(isinstance(signal, Unavailable) and signal.name is name, "another signal was answered")
        unavailable(signal, U.UNSUPPORTED)
        expect(not bench.operator.api_requests and not bench.operator.token_requests, "an operator was asked in vain")

    return run


_RULES: Sequence[tuple[str, str, str, Run]] = (
    ("timing", "past", "after the deadline nobody is asked", _past),
    ("timing", "hanging-api", "an API that hangs is a timeout, in time", _hanging_api),
    ("timing", "hanging-token", "a token endpoint that hangs is a timeout, in time", _hanging_token),
    ("timing", "cancelled", "cancellation passes through", _cancelled),
    ("timing", "latency", "latency is the handed-in clock's", _latency),
    ("timing", "closes", "closing twice is closing", _closes),
    ("privacy", "clean", "an observation leaves nothing in the log", _silent(None)),
    ("privacy", "error", "an error leaves nothing in the log", _silent(error(500, "INTERNAL"))),
    ("privacy", "refused", "a refused token leaves nothing in the log", _silent(error(401, "UNAUTHENTICATED"))),
    ("privacy", "malformed", "a malformed answer leaves nothing in the log", _silent(Reply(b'{"+34600000101"'))),
    ("privacy", "repr", "nothing secret is in a repr", _shown),
    ("unsupported", "declared", "the capabilities are the manifest's", _declared),
)


def checks(names: Sequence[SignalName]) -> list[Check]:
    """Every check of this kind, for these signals."""
    rules = [Check(f"{group}.{what}", group, says, run) for group, what, says, run in _RULES]
    honest = [
        Check(f"unsupported.{name}", "unsupported", f"{name}, where it cannot be asked, is unsupported", _honest(name))
        for name in names
    ]
    return [*rules, *honest]
