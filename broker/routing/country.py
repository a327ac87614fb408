"""Which country a number belongs to, for policies that ask a signal in some countries only."""

from broker.domain.phone import PhoneNumber


def country_of(phone: PhoneNumber) -> str | None:
    """ISO 3166-1 alpha-2 by the numbering plan; ``None`` where several share a code and the number tells none of them.

    A ported number keeps its country, so this holds whoever the operator is.
    """
    import phonenumbers  # loaded by the first policy that asks, for it is large

    try:
        parsed = phonenumbers.parse(phone.e164)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    return region if region is not None and len(region) == len("ES") and region.isalpha() else None
