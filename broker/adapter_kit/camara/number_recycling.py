"""number-recycling: has the number gone to somebody else since it was linked to the person? Releases 0.1.1, 0.2.0.

Also candidate 0.3.0-rc.1: from it on, a day that an operator cannot judge is ``OUT_OF_RANGE``. Before, one may answer
with a boolean for a day before its own memory begins, which cannot be seen from here.
"""

from datetime import UTC, datetime, time

import msgspec

from broker.adapter_kit.adapter import seconds_between
from broker.adapter_kit.camara.days import day_asked
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.wire import Reader
from broker.domain.signal import Flag, SignalName, Window

_CHECK = "check"
_SCOPES = {_CHECK: "number-recycling:check"}


class _RecyclingAnswer(msgspec.Struct):
    recycled: bool = msgspec.field(name="phoneNumberRecycled")


_ANSWERS = Reader(_RecyclingAnswer)


async def ask(line: ApiLine) -> Reading:
    """Whether the subscriber changed since the day of the query, and the seconds back to that day.

    A day on which the number had no contract at all counts as a change.
    """
    since = day_asked(line)
    answer = await line.post(_CHECK, {**line.phone_body, "specifiedDate": since.isoformat()}, _ANSWERS)
    midnight = datetime.combine(since, time(), UTC)
    return Reading(Flag(answer.recycled), Window(seconds_between(midnight, line.clock.now())))


VERSIONS = tuple(
    ApiVersion(SignalName.NUMBER_RECYCLING, "number-recycling", version, base_path, _SCOPES, ask)
    for version, base_path in (
        ("0.1.1", "/number-recycling/v0.1"),
        ("0.2.0", "/number-recycling/v0.2"),
        ("0.3.0-rc.1", "/number-recycling/v0.3rc1"),
    )
)
