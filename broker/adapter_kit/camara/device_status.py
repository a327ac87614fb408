"""What the APIs about a device's present state have in common: the age of what the network knows."""

from broker.adapter_kit.adapter import seconds_between
from broker.adapter_kit.camara.line import ApiLine
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import instant, malformed


def age_s(line: ApiLine, at: str | None, *, required: bool) -> float | None:
    """Seconds since the network last knew; ``None`` where a release lets operators leave it out and this one did.

    Raises:
        OperatorFault: *malformed*: no time where there must be one, no zone, or an absurd date.
    """
    if at is None:
        if required:
            raise malformed(KitCode.WRONG_TYPE)
        return None
    now = line.clock.now()
    return seconds_between(instant(at, now), now)
