"""What number-recycling and kyc-tenure have in common: an answer about a line since a day.

A day has no zone, and nobody says which one an operator counts in, so the newest day asked about is yesterday in UTC.
"""

from datetime import date, timedelta

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import ApiLine
from broker.adapter_kit.codes import KitCode
from broker.domain.signal import Unavailability

_DAY = timedelta(days=1)


def day_asked(line: ApiLine) -> date:
    """The day on which the number was linked to the person, no later than yesterday.

    Raises:
        OperatorFault: *not applicable*: the caller gave no day, or one that is still to come wherever the caller is.
    """
    bound_since = line.query.bound_since
    if bound_since is None:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_DAY_GIVEN)
    today = line.clock.now().date()
    if bound_since > today + _DAY:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.FUTURE_DAY)
    return min(bound_since, today - _DAY)
