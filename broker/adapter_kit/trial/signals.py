"""Units, windows and identifiers: what each signal asks in which unit, and what its answers mean."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from broker.adapter_kit.manifest import CapabilityManifest
from broker.adapter_kit.trial.bench import (
    CORRELATOR,
    DIGITS,
    Bench,
    Check,
    NotApplicable,
    Run,
    expect,
    observed,
    unavailable,
)
from broker.adapter_kit.trial.operator import NOON, PLAYED, Asked, Reply, Script, clean, error
from broker.domain.check import Circle
from broker.domain.signal import AgeRange, Flag, Match, Overlap, Presence, SignalName, Unavailability

U = Unavailability
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LATER = "2027-01-01T00:00:00Z"
_PARTIAL = Presence(Overlap.PARTIAL, 40, 600.0)
_DATES = ("latestSimChange", "latestDeviceChange")
_SWAPS = (SignalName.SIM_SWAP, SignalName.DEVICE_SWAP)

Try = Callable[[Bench, CapabilityManifest], Any]


def for_signal(name: SignalName, attempt: Try, operation: str | None = None) -> Run:
    """A check of one signal, for adapters that can ask for it (and for one operation of it) today."""

    async def run(bench: Bench) -> None:
        for capability in bench.subject.built:
            if capability.known.signal is name:
                if capability.api not in PLAYED:
                    raise NotApplicable(f"the suite has no answers of {capability.api}")
                if operation is not None and operation not in capability.offered_scopes:
                    raise NotApplicable(f"{operation} is not offered")
                await attempt(bench, capability)
                return
        raise NotApplicable(f"{name} cannot be asked today")

    return run


def _date(text: str | None, monitored_days: int | None = None) -> Script:
    body: dict[str, object] = dict.fromkeys(_DATES, text)
    if monitored_days is not None:
        body["monitoredPeriod"] = monitored_days

    def script(asked: Asked) -> Reply:
        return Reply(body) if asked.operation == "retrieve-date" else error(501, "NOT_IMPLEMENTED")

    return script


def ago(seconds: float) -> str:
    """An instant before the trial's noon, as operators write it."""
    return (NOON - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _age_is(script: Script, at_least_s: float, at_most_s: float | None) -> Try:
    async def attempt(bench: Bench, capability: CapabilityManifest) -> None:
        bench.operator.api = script
        value = observed(await bench.ask(capability)).value
        expect(value == AgeRange(at_least_s, at_most_s), f"expected {at_least_s} to {at_most_s} s, got {value}")

    return attempt


def no_answer(script: Script, *reasons: U) -> Try:
    """No observation comes of this script, for one of these reasons."""

    async def attempt(bench: Bench, capability: CapabilityManifest) -> None:
        bench.operator.api = script
        unavailable(await bench.ask(capability), *reasons)

    return attempt


def _swapped(since_h: float) -> Script:
    """An operator that answers windows only, for a line that was swapped so many hours ago."""

    def script(asked: Asked) -> Reply:
        if asked.operation != "check":
            return error(501, "NOT_IMPLEMENTED")
        return Reply({"swapped": asked.fields.get("maxAge", 240) >= since_h})

    return script


async def _hours(bench: Bench, capability: CapabilityManifest) -> None:
    bench.operator.api = _swapped(10_000)
    signal = observed(await bench.ask(capability, window_s=48 * _HOUR_S))
    asked = [one.fields["maxAge"] for one in bench.operator.api_requests if one.operation == "check"]
    expect(asked and type(asked[0]) is int, "maxAge is a whole number")
    expect(asked[0] == min(48, capability.window_hours_max), f"48 hours were asked as maxAge {asked[0]}")
    expect(
        signal.window is not None and signal.window.covered_s == asked[0] * _HOUR_S, "the window is not what was asked"
    )
    expect(signal.value == AgeRange(asked[0] * _HOUR_S, None), f"no swap within it is an open age, got {signal.value}")


async def _narrows(bench: Bench, capability: CapabilityManifest) -> None:
    bench.operator.api = _swapped(30)
    value = observed(await bench.ask(capability)).value
    expect(isinstance(value, AgeRange) and value.at_most_s is not None, "a swap within a window has an upper end")
    assert isinstance(value, AgeRange)  # noqa: S101 - the line above has seen to it
    expect(value.at_least_s <= 30 * _HOUR_S <= (value.at_most_s or 0), f"30 hours are not within {value}")


async def _shrinks(bench: Bench, capability: CapabilityManifest) -> None:
    limit_h = capability.window_hours_fallback

    def script(asked: Asked) -> Reply:
        if asked.operation == "check" and asked.fields["maxAge"] > limit_h:
            return error(400, "OUT_OF_RANGE")
        return _swapped(10_000)(asked)

    bench.operator.api = script
    signal = observed(await bench.ask(capability, window_s=(limit_h + 24) * _HOUR_S))
    expect(signal.window is not None and signal.window.covered_s <= limit_h * _HOUR_S, "the window claims too much")


async def _bounded(bench: Bench, capability: CapabilityManifest) -> None:
    bench.operator.api = lambda _: error(400, "OUT_OF_RANGE")
    unavailable(await bench.ask(capability), U.NOT_APPLICABLE)
    expect(len(bench.operator.api_requests) <= 4, "an operator that refuses every window was asked on and on")  # noqa: PLR2004


def is_value(value: object, expected: object) -> Try:
    """This body is read as that value."""

    async def attempt(bench: Bench, capability: CapabilityManifest) -> None:
        bench.operator.api = lambda _: Reply(value)
        got = observed(await bench.ask(capability)).value
        expect(got == expected, f"expected {expected}, got {got}")

    return attempt


def doubted(body: object) -> Try:
    """This body is malformed."""
    return no_answer(lambda _: Reply(body), U.MALFORMED)


def _located(result: object, **members: object) -> dict[str, object]:
    return {"verificationResult": result, "lastLocationTime": ago(600), **members}


async def _no_circle(bench: Bench, capability: CapabilityManifest) -> None:
    unavailable(await bench.ask(capability, location=None), U.NOT_APPLICABLE)
    expect(not bench.operator.api_requests, "an operator was asked where a person is, without a place to compare with")


async def _no_pinpointing(bench: Bench, capability: CapabilityManifest) -> None:
    await bench.ask(capability, location=Circle(40.0, -3.0, 50.0))
    radius_m = bench.operator.api_requests[0].fields["area"]["radius"]
    expect(radius_m >= 2000, f"a circle of {radius_m} m finds the person")  # noqa: PLR2004


async def _metres(bench: Bench, capability: CapabilityManifest) -> None:
    await bench.ask(capability, location=Circle(40.0, -3.0, 7000.0), window_s=120.0)
    area = bench.operator.api_requests[0].fields["area"]
    expect(area["radius"] == max(7000, capability.radius_m_min), f"7000 m became {area['radius']}")
    expect(area["center"] == {"latitude": 40.0, "longitude": -3.0}, "the centre moved")
    expect(bench.operator.api_requests[0].fields["maxAge"] == 120, "120 s became another maxAge")  # noqa: PLR2004


async def _fix_age(bench: Bench, capability: CapabilityManifest) -> None:
    bench.operator.api = lambda _: Reply(_located("TRUE"))
    value = observed(await bench.ask(capability)).value
    expect(isinstance(value, Presence) and value.located_age_s == 600.0, f"the fix is 600 s old, got {value}")  # noqa: PLR2004


async def _names_subject(bench: Bench, capability: CapabilityManifest) -> None:
    observed(await bench.ask(capability))
    for asked in bench.operator.api_requests:
        body = asked.fields.get("device", asked.fields)
        named = body.get("phoneNumber")
        if capability.known.signal is SignalName.NUMBER_VERIFICATION:
            expect(named == bench.phone, "the claimed number is not in the body")
        elif bench.names_subject(capability):
            expect(named == bench.phone, f"the body must name the subject as {bench.phone[:4]}…")
        else:
            expect(DIGITS not in str(asked.fields), "the token names the subject, so the body must not")


async def _nowhere_else(bench: Bench, capability: CapabilityManifest) -> None:
    observed(await bench.ask(capability))
    for asked in (*bench.operator.api_requests, *bench.operator.token_requests):
        expect(DIGITS not in asked.url, "the number is in a URL")
        expect(DIGITS not in str(asked.headers), "the number is in a header")


async def _correlator(bench: Bench, capability: CapabilityManifest) -> None:
    observed(await bench.ask(capability))
    for asked in bench.operator.api_requests:
        expect(asked.headers.get("x-correlator") == CORRELATOR, "x-correlator is not the question's")
        expect(asked.headers.get("accept-encoding") == "identity", "a compressed answer was invited")
        expect(asked.headers.get("content-type") == "application/json", "the body is not called JSON")


async def _anothers(bench: Bench, capability: CapabilityManifest) -> None:
    def script(asked: Asked) -> Reply:
        reply = clean(asked)
        return Reply(reply.body, reply.status, {"x-correlator": "00000000-0000-4000-8000-000000000000"})

    bench.operator.api = script
    unavailable(await bench.ask(capability), U.MALFORMED)


async def _unmarked(bench: Bench, capability: CapabilityManifest) -> None:
    def script(asked: Asked) -> Reply:
        reply = clean(asked)
        return Reply(reply.body, reply.status, echo=False)

    bench.operator.api = script
    signal = await bench.ask(capability)
    if bench.subject.manifest.correlator_echo == "required":
        unavailable(signal, U.MALFORMED)
    else:
        observed(signal)


async def _sourced(bench: Bench, capability: CapabilityManifest) -> None:
    signal = observed(await bench.ask(capability))
    source = signal.source
    expect((source.operator, source.api, source.version, source.cached) == (
        bench.adapter.operator, capability.api, capability.version, False), f"the source is {source}")  # fmt: skip
    expect(signal.observed_at == NOON, "observed_at is not the handed-in clock's now")
    expect(signal.name is capability.known.signal, "another signal was answered")


_EVERY: Sequence[tuple[str, str, str, Try]] = (
    ("identifiers", "subject", "the body names the subject exactly where it must", _names_subject),
    ("identifiers", "nowhere-else", "the number is in no URL and no header", _nowhere_else),
    ("identifiers", "correlator", "x-correlator, content-type and identity encoding are sent", _correlator),
    ("identifiers", "anothers", "an answer with another correlator is malformed", _anothers),
    ("identifiers", "unmarked", "an answer without a correlator is judged as the manifest says", _unmarked),
    ("identifiers", "source", "an observation says who answered, with which version, and when", _sourced),
)
_DATE_ROWS: Sequence[tuple[str, str, Try]] = (
    ("seconds", "a date is an age in seconds", _age_is(_date(ago(10_800)), 10_800.0, 10_800.0)),
    (
        "offset",
        "a date with an offset is the same instant",
        _age_is(_date("2026-11-22T11:00:00+02:00"), 10_800.0, 10_800.0),
    ),
    ("fraction", "fractions of a second are read", _age_is(_date("2026-11-22T11:59:59.500Z"), 0.5, 0.5)),
    ("skew", "a date some seconds ahead is now", _age_is(_date("2026-11-22T12:00:30Z"), 0.0, 0.0)),
    (
        "monitored",
        "null with a period of 10 days is an age of at least that",
        _age_is(_date(None, 10), 10 * _DAY_S, None),
    ),
    ("future", "a date in the future is malformed", no_answer(_date("2026-11-23T12:00:00Z"), U.MALFORMED)),
    ("year-1", "the year 1 is malformed", no_answer(_date("0001-01-01T00:00:00Z"), U.MALFORMED)),
    ("year-9999", "the year 9999 is malformed", no_answer(_date("9999-12-31T23:59:59Z"), U.MALFORMED)),
    ("naive", "a date without a zone is malformed", no_answer(_date("2026-11-22T09:00:00"), U.MALFORMED)),
    ("day", "a day without a time is malformed", no_answer(_date("2026-11-22"), U.MALFORMED)),
    ("never", "the word 'never' is malformed", no_answer(_date("never"), U.MALFORMED)),
    ("period-0", "a period of 0 days is no answer", no_answer(_date(None, 0), U.MALFORMED)),
    ("period-minus", "a period of -1 days is no answer", no_answer(_date(None, -1), U.MALFORMED)),
    (
        "unbounded",
        "null without a period, and no window offered, is no answer",
        no_answer(_date(None), U.NOT_APPLICABLE),
    ),
)
_WINDOW_ROWS: Sequence[tuple[str, str, Try]] = (
    ("hours", "a window is asked in whole hours and covers no more than was asked", _hours),
    ("narrows", "a swap within a window is narrowed down and never left out", _narrows),
    ("shrinks", "OUT_OF_RANGE shrinks the window, and the answer says so", _shrinks),
    ("bounded", "an operator that refuses every window is given up", _bounded),
)
_NV, _LOCATION = SignalName.NUMBER_VERIFICATION, SignalName.LOCATION
_OTHER_ROWS: Sequence[tuple[SignalName, str, str, Try]] = (
    (SignalName.CALL_FORWARDING, "active", "active is the adverse side", is_value({"active": True}, Flag(active=True))),
    (SignalName.CALL_FORWARDING, "inactive", "inactive is clean", is_value({"active": False}, Flag(active=False))),
    (_NV, "yes", "a verified number matches", is_value({"devicePhoneNumberVerified": True}, Match(matched=True))),
    (_NV, "no", "another number does not", is_value({"devicePhoneNumberVerified": False}, Match(matched=False))),
    (_LOCATION, "inside", "TRUE is inside", is_value(_located("TRUE"), Presence(Overlap.INSIDE, None, 600.0))),
    (_LOCATION, "outside", "FALSE is outside", is_value(_located("FALSE"), Presence(Overlap.OUTSIDE, None, 600.0))),
    (_LOCATION, "partial", "PARTIAL keeps its rate", is_value(_located("PARTIAL", matchRate=40), _PARTIAL)),
    (_LOCATION, "rate-0", "a rate of 0 is malformed", doubted(_located("PARTIAL", matchRate=0))),
    (_LOCATION, "rate-101", "a rate of 101 is malformed", doubted(_located("PARTIAL", matchRate=101))),
    (_LOCATION, "rate-inside", "a rate with TRUE is malformed", doubted(_located("TRUE", matchRate=40))),
    (_LOCATION, "maybe", "an unknown result is malformed", doubted(_located("MAYBE"))),
    (_LOCATION, "future-fix", "a fix in the future is malformed", doubted(_located("TRUE", lastLocationTime=_LATER))),
    (_LOCATION, "fix-age", "the age of the fix travels with the answer", _fix_age),
    (_LOCATION, "no-circle", "without a circle nobody is asked", _no_circle),
    (_LOCATION, "no-pinpointing", "no circle is smaller than 2 km", _no_pinpointing),
    (_LOCATION, "metres", "metres stay metres, seconds stay seconds", _metres),
)


def checks(names: Sequence[SignalName]) -> list[Check]:
    """Every check of this kind, for these signals."""
    every = [
        Check(f"{name}.{what}", group, f"{name}: {says}", for_signal(name, attempt))
        for name in names
        for group, what, says, attempt in _EVERY
    ]
    dates = [
        Check(f"{name}.date.{what}", "units", f"{name}: {says}", for_signal(name, attempt, "retrieve-date"))
        for name in _SWAPS
        for what, says, attempt in _DATE_ROWS
    ]
    windows = [
        Check(f"{name}.window.{what}", "windows", f"{name}: {says}", for_signal(name, attempt, "check"))
        for name in _SWAPS
        for what, says, attempt in _WINDOW_ROWS
    ]
    others = [
        Check(f"{name}.{what}", "units", f"{name}: {says}", for_signal(name, attempt))
        for name, what, says, attempt in _OTHER_ROWS
    ]
    return [*every, *dates, *windows, *others]
