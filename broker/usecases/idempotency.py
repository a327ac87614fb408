"""The claim of an idempotency key."""

from datetime import datetime, timedelta

from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.records import IdempotencyClaim
from broker.usecases.marks import idempotency_mark
from broker.usecases.ports import Asked

_LEASE_EXTRA_MS = 10_000
_RETENTION = timedelta(hours=24)


def claim_of(
    asked: Asked, check_id: str, at: datetime, deadline_ms: int, pseudonyms: Pseudonyms
) -> IdempotencyClaim | None:
    """What a check claims before it begins; ``None`` where the caller sent no key."""
    if asked.idempotency is None:
        return None
    tenant = asked.principal.tenant
    return IdempotencyClaim(
        tenant=tenant,
        endpoint=asked.idempotency.endpoint,
        key=idempotency_mark(asked.idempotency.key, tenant, pseudonyms),
        fingerprint=pseudonyms.fingerprint(tenant, asked.idempotency.fingerprint),
        check_id=check_id,
        now_ms=_ms(at),
        lease_until_ms=_ms(at) + deadline_ms + _LEASE_EXTRA_MS,
        expires_ms=_ms(at + _RETENTION),
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
