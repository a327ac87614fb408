"""How long an answer may take, by the law of the country that a number belongs to."""

import calendar
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec


class Span(msgspec.Struct, frozen=True):
    """A time as laws write it: calendar months, or days."""

    months: int = 0
    days: int = 0

    def after(self, at: datetime) -> datetime:
        """The instant that is so much later. A month from the 31st ends on the last day of a shorter month."""
        month = at.month - 1 + self.months
        year, month = at.year + month // 12, month % 12 + 1
        day = min(at.day, calendar.monthrange(year, month)[1])
        return at.replace(year=year, month=month, day=day) + timedelta(days=self.days)


class Term(msgspec.Struct, frozen=True):
    """The time for an answer, and by how much it may be extended once; ``None`` where it may not."""

    answer: Span
    extension: Span | None = None


GDPR = Term(Span(months=1), Span(months=2))
"""Art. 12(3): one month, and two further ones where that is necessary, with the reason told."""


class Terms(msgspec.Struct, frozen=True):
    """The terms by country (ISO 3166-1), and one for all others."""

    default: Term = GDPR
    by_country: Mapping[str, Term] = {}

    def of(self, country: str | None) -> Term:
        """The term for a number of that country."""
        return self.by_country.get(country or "", self.default)
