"""most-frequent-location: is the device often where the person says that they live? Release 0.2.0."""

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import Frequency, SignalName, Unavailability

_VERIFY = "verify"
_SCORES = range(101)


class _ScoreAnswer(msgspec.Struct):
    score: int


_ANSWERS = Reader(_ScoreAnswer)


async def ask(line: ApiLine) -> Reading:
    """How often, for the postal code that is claimed or else the place of the query."""
    answer = await line.post(_VERIFY, {**line.device_body, "geoReference": _place(line)}, _ANSWERS)
    if answer.score not in _SCORES:
        raise malformed(KitCode.ABSURD_VALUE)
    return Reading(Frequency(answer.score))


def _place(line: ApiLine) -> dict[str, object]:
    claims, circle = line.query.claims, line.query.location
    if claims is not None and claims.postal_code:
        return {"type": "POSTAL_CODE", "postalCode": claims.postal_code}
    if circle is None:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_LOCATION_GIVEN)
    return {"type": "COVERAGE_ZONE", "latitude": circle.latitude, "longitude": circle.longitude}


VERSIONS = (
    ApiVersion(
        SignalName.FREQUENT_LOCATION,
        "most-frequent-location",
        "0.2.0",
        "/most-frequent-location/v0.2",
        {_VERIFY: "most-frequent-location:verify"},
        ask,
    ),
)
