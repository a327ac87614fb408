"""kyc-tenure: has one person held the line since a day, and if not, since when? Releases 0.1.0 to 0.3.0.

0.3.0 is known from its release notes; its candidate is at hand. Both may refuse days before the operator's threshold.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

from broker.adapter_kit.adapter import OperatorFault, seconds_between
from broker.adapter_kit.camara.days import day_asked
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import AgeRange, Contract, SignalName, Tenure, Unavailability

_CHECK = "check-tenure"
_SCOPES = {_CHECK: "kyc-tenure:check-tenure"}
_DAY = timedelta(days=1)
_NARROWED_D = 30
"""How many days back the beginning of a tenure is looked for; what began earlier explains no change of today."""
_TIME_LEFT = 3.0
"""Stop looking once less time is left than this many answers like the first take."""
# Days have no zone: they begin up to 14 hours before UTC's, and end up to 12 hours after.
_ZONES_AHEAD_S, _ZONES_BEHIND_S = 14 * 3_600.0, 12 * 3_600.0


class _TenureAnswer(msgspec.Struct):
    continuous: bool = msgspec.field(name="tenureDateCheck")
    contract: Literal["PAYG", "PAYM", "Business"] | None = msgspec.field(default=None, name="contractType")


_ANSWERS = Reader(_TenureAnswer)
_CONTRACTS = {"PAYG": Contract.PREPAID, "PAYM": Contract.POSTPAID, "Business": Contract.BUSINESS}


async def ask(line: ApiLine) -> Reading:
    """Whether the tenure has been continuous since the day of the query; porting in begins it anew.

    Where a change of SIM may have come with the contract, more is asked: one question for a link of the last 30 days,
    at most six for a tenure that began after the link.
    """
    since = day_asked(line)
    started_s = line.clock.monotonic_s()
    answer = await _since(line, since)
    search = _Search(line, since, answer.continuous, _TIME_LEFT * (line.clock.monotonic_s() - started_s))
    await search.run()
    contract = None if answer.contract is None else _CONTRACTS[answer.contract]
    return Reading(Tenure(since, answer.continuous, contract, search.began()))


async def _since(line: ApiLine, day: date) -> _TenureAnswer:
    return await line.post(_CHECK, {**line.phone_body, "tenureDate": day.isoformat()}, _ANSWERS)


class _Search:
    """Looks for the day on which a tenure began; it has gone on since ``held``, and not since ``unheld``."""

    def __init__(self, line: ApiLine, since: date, continuous: bool, reserve_s: float) -> None:
        self._line = line
        self._reserve_s = reserve_s
        self._today = line.clock.now().date()
        self._horizon = self._today - _NARROWED_D * _DAY
        self.held: date | None = since if continuous else None
        self.unheld: date | None = None if continuous else since

    async def run(self) -> None:
        """Ask until the day is found, time runs short, or the operator will not tell more. Doubt is passed on."""
        try:
            await self._look()
        except OperatorFault as fault:
            if fault.reason is Unavailability.MALFORMED:
                raise

    async def _look(self) -> None:
        if self.unheld is not None:
            await self._bisect(self.unheld)
        elif self.held is not None and self.held > self._horizon:
            await self._ask(self.held - _DAY)

    async def _bisect(self, low: date) -> None:
        if low < self._horizon:
            if not await self._ask(self._horizon) or self.held is not None:
                return
            low = self._horizon
        high = self._today
        while high - low > _DAY:
            middle = low + (high - low) // 2
            if not await self._ask(middle):
                return
            low, high = (middle, high) if self.unheld == middle else (low, middle)

    async def _ask(self, day: date) -> bool:
        """Ask about one day, unless the check would come late by it; whether that was asked."""
        left_s = self._line.query.deadline_s - self._line.clock.monotonic_s()
        if left_s <= self._reserve_s:
            return False
        if (await _since(self._line, day)).continuous:
            self.held = day
        else:
            self.unheld = day
        return True

    def began(self) -> AgeRange:
        """How long ago the tenure began. Operators do not agree whether the day asked about counts itself."""
        at_most_s = None if self.unheld is None else self._ago_s(self.unheld) + _ZONES_AHEAD_S
        if self.held is None:
            return AgeRange(0.0, at_most_s)
        return AgeRange(max(0.0, self._ago_s(self.held + _DAY) - _ZONES_BEHIND_S), at_most_s)

    def _ago_s(self, day: date) -> float:
        return seconds_between(datetime.combine(day, time(), UTC), self._line.clock.now())


VERSIONS = (
    ApiVersion(SignalName.KYC_TENURE, "kyc-tenure", "0.1.0", "/kyc-tenure/v0.1", _SCOPES, ask),
    ApiVersion(SignalName.KYC_TENURE, "kyc-tenure", "0.2.0", "/kyc-tenure/v0.2", _SCOPES, ask),
    ApiVersion(SignalName.KYC_TENURE, "kyc-tenure", "0.3.0-rc.1", "/kyc-tenure/v0.3rc1", _SCOPES, ask),
    ApiVersion(SignalName.KYC_TENURE, "kyc-tenure", "0.3.0", "/kyc-tenure/v0.3", _SCOPES, ask, from_notes=True),
)
