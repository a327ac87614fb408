"""The gate between a plan and the operators: what may be asked under which purpose, and on what legal basis."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from broker.domain.signal import SignalName


class LegalBasis(StrEnum):
    """Why the processing is lawful: W3C DPV's terms for GDPR Art. 6(1), in our spelling."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Purpose(msgspec.Struct, frozen=True):
    """One W3C DPV purpose: the signals that may be asked under it, each with its legal basis."""

    name: str
    signals: Mapping[SignalName, LegalBasis]


class ConsentGate:
    """The matrix of purposes and signals; whatever it does not name is not permitted."""

    def __init__(self, purposes: Mapping[str, Purpose]) -> None:
        self._purposes = dict(purposes)

    def knows(self, purpose: str) -> bool:
        """Whether the purpose exists at all."""
        return purpose in self._purposes

    def known(self) -> list[str]:
        """The purposes, for an error message."""
        return sorted(self._purposes)

    def basis(self, purpose: str, signal: SignalName) -> LegalBasis | None:
        """The legal basis for asking ``signal`` under ``purpose``; ``None`` means that it must not be asked."""
        entry = self._purposes.get(purpose)
        return entry.signals.get(signal) if entry else None
