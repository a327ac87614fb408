"""What can be ordered of an operator besides signals, and what a legal basis can be about."""

from enum import StrEnum

from broker.domain.signal import SignalName


class InstrumentName(StrEnum):
    """What can be ordered."""

    ONE_TIME_PASSWORD = "one_time_password"  # noqa: S105 - the name of an instrument
    CONSENT_STATUS = "consent_status"
    LOCATION_AREA = "location_area"
    IDENTITY_RECORD = "identity_record"
    CALL_ANNOUNCEMENT = "call_announcement"
    OPERATOR_PROMPT = "operator_prompt"
    """The operator asks the person on their phone for a yes to one thing."""


Category = SignalName | InstrumentName
"""What an operator can be asked about somebody, or do: each takes a legal basis, and a consent names some."""


def category(name: str) -> Category:
    """A category by its name.

    Raises:
        ValueError: there is none of that name.
    """
    known = InstrumentName if name in InstrumentName.__members__.values() else SignalName
    return known(name)
