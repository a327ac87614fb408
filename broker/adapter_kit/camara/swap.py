"""What sim-swap and device-swap have in common: a date, or a yes or no about a window, as the age of a change.

Periods are in hours in requests (``maxAge``) and in days in answers (``monitoredPeriod``). ``null`` is never "never":
it means that nothing happened within ``monitoredPeriod``, and without that it means nothing at all.
"""

import math

import msgspec

from broker.adapter_kit.adapter import OperatorFault, seconds_between
from broker.adapter_kit.camara.age_band import BAND, ask_band
from broker.adapter_kit.camara.errors import OutOfRange
from broker.adapter_kit.camara.line import ApiLine, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, instant, malformed
from broker.domain.signal import AgeRange, Unavailability, Window

DATE, CHECK = "retrieve-date", "check"
_HOUR_S, _DAY_S = 3_600.0, 86_400.0
# The bounds between which the evidence table tells ages apart, short of the window asked about.
_STEPS_H = (24, 72, 168)
_MONITORED_DAYS_MAX = 36_500


class DateAnswer(msgspec.Struct, kw_only=True):
    """The answer of ``/retrieve-date``; each API gives ``date`` its own name."""

    date: str | None
    monitored_days: int | None = msgspec.field(default=None, name="monitoredPeriod")


class _CheckAnswer(msgspec.Struct):
    swapped: bool


_CHECKS = Reader(_CheckAnswer)


async def ask_age(line: ApiLine, dates: Reader[DateAnswer]) -> Reading:
    """How long ago the last change was, from the date where it is offered, else from a band, else from windows.

    Providers need not offer every operation, and show it by 404, 405 or 501 on the path only.
    """
    if line.offers(DATE):
        try:
            answer = await line.post(DATE, line.phone_body, dates)
        except OperatorFault as fault:
            _let_pass(fault, line, BAND, CHECK)
        else:
            return await _bounded(line, answer)
    if line.offers(BAND):
        try:
            return await ask_band(line)
        except OperatorFault as fault:
            _let_pass(fault, line, CHECK)
    return await _from_windows(line)


def _let_pass(fault: OperatorFault, line: ApiLine, *others: str) -> None:
    """Raise the fault again, unless it only says that an operation is not there and another may be."""
    if fault.reason is not Unavailability.UNSUPPORTED or not any(line.offers(other) for other in others):
        raise fault


async def _bounded(line: ApiLine, answer: DateAnswer) -> Reading:
    """What a date answer says; where it has no bound at all, what a window says, which always has one."""
    try:
        return _from_date(line, answer)
    except OperatorFault as unbounded:
        if unbounded.code != KitCode.NO_MONITORED_PERIOD or not line.offers(CHECK):
            raise
        try:
            return await _from_windows(line)
        except OperatorFault as fault:
            raise unbounded if fault.reason is Unavailability.UNSUPPORTED else fault from fault


def _from_date(line: ApiLine, answer: DateAnswer) -> Reading:
    meaning = line.terms.sentinel_dates.get(answer.date or "")
    if meaning == "no_data":
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_DATE)
    if answer.date is not None and meaning is None:
        now = line.clock.now()
        age_s = seconds_between(instant(answer.date, now), now)
        return Reading(AgeRange(age_s, age_s))
    if answer.monitored_days is None:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_MONITORED_PERIOD)
    if not 1 <= answer.monitored_days <= _MONITORED_DAYS_MAX:
        raise malformed(KitCode.ABSURD_VALUE)
    covered_s = answer.monitored_days * _DAY_S
    return Reading(AgeRange(covered_s, None), Window(covered_s))


async def _from_windows(line: ApiLine) -> Reading:
    """The widest window first: for most lines it is the only question, and every question costs money."""
    widest_h = max(1, math.ceil(min(line.query.window_s, line.terms.window_max_s) / _HOUR_S))
    try:
        swapped = await _swapped_within(line, widest_h)
    except OutOfRange:
        fallback_h = int(line.terms.window_fallback_s / _HOUR_S)
        if not 1 <= fallback_h < widest_h:
            raise
        widest_h = fallback_h
        swapped = await _swapped_within(line, widest_h)
    window = Window(widest_h * _HOUR_S)
    if not swapped:
        return Reading(AgeRange(widest_h * _HOUR_S, None), window)
    low_h, high_h = await _narrow(line, widest_h)
    return Reading(AgeRange(low_h * _HOUR_S, high_h * _HOUR_S), window)


async def _narrow(line: ApiLine, high_h: int) -> tuple[int, int]:
    """Bisect the steps below a window that holds a swap: at most two more questions."""
    steps = [step for step in _STEPS_H if step < high_h]
    low_h = 0
    while steps:
        middle = len(steps) // 2
        if await _swapped_within(line, steps[middle]):
            high_h, steps = steps[middle], steps[:middle]
        else:
            low_h, steps = steps[middle], steps[middle + 1 :]
    return low_h, high_h


async def _swapped_within(line: ApiLine, hours: int) -> bool:
    answer = await line.post(CHECK, {**line.phone_body, "maxAge": hours}, _CHECKS)
    return answer.swapped
