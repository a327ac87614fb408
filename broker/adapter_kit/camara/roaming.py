"""device-roaming-status: is the device abroad, and where? Releases 0.6.1 to 1.1.0."""

from functools import partial

import msgspec

from broker.adapter_kit.camara.device_status import age_s
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import Roaming, SignalName, Unavailability

_RETRIEVE = "retrieve"
_API = "device-roaming-status"
_SCOPES = {_RETRIEVE: "device-roaming-status:read"}
_MCC = range(200, 1000)
_COUNTRIES_MAX = 20


class RoamingAnswer(msgspec.Struct):
    """Every release from device-status 0.5.1 on writes it so."""

    roaming: bool
    status_at: str | None = msgspec.field(default=None, name="lastStatusTime")
    country_code: int | None = msgspec.field(default=None, name="countryCode")
    countries: tuple[str, ...] = msgspec.field(default=(), name="countryName")


_ANSWERS = Reader(RoamingAnswer)


async def ask(line: ApiLine, *, time_required: bool) -> Reading:
    """Whether the device roams. Countries may be left out though it does, for privacy; ``[]`` is a valid answer."""
    return Reading(
        read_roaming(line, await line.post(_RETRIEVE, line.device_body, _ANSWERS), time_required=time_required)
    )


def read_roaming(line: ApiLine, answer: RoamingAnswer, *, time_required: bool) -> Roaming:
    """The answer in the broker's words."""
    if answer.country_code is not None and answer.country_code not in _MCC:
        raise malformed(KitCode.ABSURD_VALUE)
    if len(answer.countries) > _COUNTRIES_MAX or not all(_is_country(name) for name in answer.countries):
        raise malformed(KitCode.ABSURD_VALUE)
    known_age_s = age_s(line, answer.status_at, required=time_required)
    return Roaming(answer.roaming, answer.country_code, answer.countries, known_age_s)


def _is_country(name: str) -> bool:
    """Defensive: only two letters go on, so that no text of an operator does."""
    return len(name) == 2 and name.isascii() and name.isalpha() and name.isupper()  # noqa: PLR2004 - alpha-2


VERSIONS = (
    ApiVersion(
        SignalName.ROAMING,
        _API,
        "0.6.1",
        "/device-roaming-status/v0.6",
        _SCOPES,
        partial(ask, time_required=False),
        Unavailability.UNKNOWN_SUBSCRIBER,
    ),
    ApiVersion(
        SignalName.ROAMING, _API, "1.0.0", "/device-roaming-status/v1", _SCOPES, partial(ask, time_required=False)
    ),
    ApiVersion(
        SignalName.ROAMING, _API, "1.1.0", "/device-roaming-status/v1", _SCOPES, partial(ask, time_required=True)
    ),
)
