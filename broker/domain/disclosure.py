"""What may be told in clear about a person: which kind, and who at a tenant wanted it. Instants in milliseconds."""

from enum import StrEnum

import msgspec


class Disclosure(StrEnum):
    """A kind of personal data that an operator may tell in clear; named as the instruments that fetch it."""

    LOCATION_AREA = "location_area"
    IDENTITY_RECORD = "identity_record"


class TenantGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's explicit wish to be told something in clear, for one purpose and until an instant."""

    tenant: str
    grant_id: str
    disclosure: Disclosure
    purpose: str
    reason: str
    granted_by: str
    granted_ms: int
    expires_ms: int
    withdrawn_by: str | None = None
    withdrawn_ms: int | None = None

    def stands(self, now_ms: int) -> bool:
        """Whether it permits anything now."""
        return self.withdrawn_ms is None and self.granted_ms <= now_ms < self.expires_ms


class DisclosureFault(StrEnum):
    """Why nothing was told in clear; beside it, the codes of purpose, pause, objection and consent."""

    NOT_GRANTED = "NOT_GRANTED"
    """The tenant has no grant for this, or took it back."""
    GRANT_EXPIRED = "GRANT_EXPIRED"
    NOT_DISCLOSED = "NOT_DISCLOSED"
    """Whoever runs the broker has not switched it on at the operator of this number."""
