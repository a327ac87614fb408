"""What a set of consents permits at one instant. Pure."""

from collections.abc import Iterable

from broker.domain.consent import Consent, ConsentState
from broker.domain.instrument import Category, InstrumentName
from broker.domain.signal import SignalName

MISSING = "CONSENT_MISSING"
WITHDRAWN = "CONSENT_WITHDRAWN"
EXPIRED = "CONSENT_EXPIRED"

PLACES: frozenset[Category] = frozenset(
    {SignalName.LOCATION, SignalName.FREQUENT_LOCATION, InstrumentName.LOCATION_AREA}
)
"""Where somebody is: needs consent whatever the purpose, and one of its own (ePrivacy directive Art. 9)."""


def latest(versions: Iterable[Consent]) -> tuple[Consent, ...]:
    """The version of each consent that counts."""
    newest: dict[str, Consent] = {}
    for one in versions:
        if one.consent_id not in newest or one.version > newest[one.consent_id].version:
            newest[one.consent_id] = one
    return tuple(newest.values())


def covering(
    consents: Iterable[Consent], purpose: str, category: Category, country: str | None, now_ms: int
) -> Consent | str:
    """A live consent for one category, else the code of why there is none: the last word on it, if any."""
    about = [
        one
        for one in consents
        if one.purpose == purpose and category in one.categories and one.jurisdiction in {None, country}
    ]
    live = [one for one in about if is_live(one, now_ms)]
    if live:
        return max(live, key=lambda one: one.given_ms)
    if not about:
        return MISSING
    last = max(about, key=lambda one: one.recorded_ms)
    return WITHDRAWN if last.state is ConsentState.WITHDRAWN else EXPIRED


def is_live(consent: Consent, now_ms: int) -> bool:
    """Whether a consent holds at an instant. One that is over is over, whether or not anybody has noted it yet."""
    begun = consent.given_ms <= now_ms
    return consent.state is ConsentState.GIVEN and begun and (consent.expires_ms is None or now_ms < consent.expires_ms)


def mixes_places(categories: Iterable[Category]) -> bool:
    """Whether a consent would be about places and something else: then it would not be one of its own."""
    about = set(categories)
    return bool(about & PLACES) and not about <= PLACES
