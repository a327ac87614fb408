"""The gate between a plan and the operators: what may be asked under which purpose, where, and on what legal basis."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from functools import lru_cache

import msgspec

from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import SignalName


class LegalBasis(StrEnum):
    """Why the processing is lawful: W3C DPV's terms for GDPR Art. 6(1), in our spelling."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Depth(IntEnum):
    """How much an answer tells: a yes or a no to what we say, or something that we did not know."""

    CONFIRM = 1
    REVEAL = 2


_BASES_KEPT = 4096
_CONFIRMING: frozenset[Category] = frozenset(
    {
        SignalName.NUMBER_VERIFICATION,
        SignalName.LOCATION,
        SignalName.FREQUENT_LOCATION,
        SignalName.KYC_MATCH,
        SignalName.KYC_AGE,
        SignalName.NUMBER_RECYCLING,
        SignalName.SIM_BINDING,
        InstrumentName.ONE_TIME_PASSWORD,
        InstrumentName.CALL_ANNOUNCEMENT,
    }
)


class Rule(msgspec.Struct, frozen=True):
    """One cell of the matrix. ``elsewhere`` are countries with another basis, ``barred`` those where nobody asks."""

    basis: LegalBasis
    depth: Depth = Depth.REVEAL
    elsewhere: Mapping[str, LegalBasis] = {}
    barred: frozenset[str] = frozenset()

    def in_country(self, country: str | None) -> LegalBasis | None:
        """The basis there; ``None`` where it must not be asked. An unknown country is as strict as the strictest."""
        if country is None:
            strictest = LegalBasis.CONSENT in {self.basis, *self.elsewhere.values()}
            return None if self.barred else LegalBasis.CONSENT if strictest else self.basis
        return None if country in self.barred else self.elsewhere.get(country, self.basis)


class Purpose(msgspec.Struct, frozen=True):
    """One W3C DPV purpose: the signals and instruments that may be used under it, each with its rule."""

    name: str
    rules: Mapping[Category, Rule]


def depth_of(category: Category) -> Depth:
    """How much an answer to this tells."""
    return Depth.CONFIRM if category in _CONFIRMING else Depth.REVEAL


class ConsentGate:
    """The matrix of purposes, categories, countries and depths; whatever it does not name is not permitted."""

    def __init__(self, purposes: Mapping[str, Purpose]) -> None:
        self._purposes = dict(purposes)
        # Asked two dozen times in each check; a purpose that a caller made up pushes out another, which costs nothing.
        self._basis = lru_cache(_BASES_KEPT)(self._found)
        rules = [rule for purpose in purposes.values() for rule in purpose.rules.values()]
        self.minds_countries = any(rule.elsewhere or rule.barred for rule in rules)

    def knows(self, purpose: str) -> bool:
        """Whether the purpose exists at all."""
        return purpose in self._purposes

    def known(self) -> list[str]:
        """The purposes, for an error message."""
        return sorted(self._purposes)

    def covers(self, purpose: str, category: Category) -> bool:
        """Whether a purpose names this at all, wherever."""
        entry = self._purposes.get(purpose)
        return entry is not None and category in entry.rules

    def basis(self, purpose: str, category: Category, country: str | None = None) -> LegalBasis | None:
        """The legal basis for asking ``category`` under ``purpose``; ``None`` means that it must not be asked."""
        return self._basis(purpose, category, country)

    def _found(self, purpose: str, category: Category, country: str | None) -> LegalBasis | None:
        entry = self._purposes.get(purpose)
        rule = entry.rules.get(category) if entry else None
        if rule is None or depth_of(category) > rule.depth:
            return None
        return rule.in_country(country)
