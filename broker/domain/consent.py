"""Consents: what somebody agreed to, what became of it. Shaped after ISO/IEC TS 27560."""

from enum import StrEnum

import msgspec

from broker.domain.instrument import Category


class ConsentState(StrEnum):
    """What became of a consent so far."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Consent(msgspec.Struct, frozen=True):
    """One version of a consent; the highest one counts. Instants in milliseconds.

    ``categories`` are what it is about, ``jurisdiction`` an ISO 3166-1 code where it holds in one country alone.
    ``method`` is how it was given and ``channel`` where. ``proof`` is a keyed digest of what shows it.
    """

    tenant: str
    consent_id: str
    version: int
    subject: bytes
    state: ConsentState
    purpose: str
    categories: tuple[Category, ...]
    jurisdiction: str | None
    notice_version: str
    method: str
    channel: str
    proof: bytes | None
    given_ms: int
    expires_ms: int | None
    recorded_ms: int
    recorded_by: str

    def __repr__(self) -> str:
        return f"Consent({self.tenant}, {self.consent_id}, {self.version}, {self.state})"
