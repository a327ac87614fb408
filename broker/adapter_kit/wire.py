"""Reading what operators answer: size, syntax, repetition and types, before anything is believed."""

from datetime import datetime, timedelta
from typing import Annotated, Generic, TypeVar

import msgspec

from broker import strict_json
from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.domain.signal import Unavailability

BODY_BYTES_MAX = 65_536
_OLDEST_YEAR = 2000
_CLOCK_TOLERANCE = timedelta(seconds=60)
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]

T_co = TypeVar("T_co", covariant=True)


def malformed(code: KitCode) -> OperatorFault:
    """The fault that says: an answer came, and it cannot be trusted."""
    return OperatorFault(Unavailability.MALFORMED, code)


class Reader(Generic[T_co]):
    """Decodes JSON into one msgspec type, strictly. Members that the type does not name are ignored (CAMARA 2.5)."""

    def __init__(self, shape: type[T_co]) -> None:
        self._decoder = msgspec.json.Decoder(shape)

    def read(self, body: bytes) -> T_co:
        """Decode a whole body.

        Raises:
            OperatorFault: *malformed*: too large, not JSON, a member twice, a member missing or of another type.
        """
        _refuse_ambiguous(body)
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise malformed(KitCode.WRONG_TYPE) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(KitCode.NOT_JSON) from error


def instant(text: str, now: datetime) -> datetime:
    """An RFC 3339 date-time with zone; fractions finer than a microsecond are rounded.

    Raises:
        OperatorFault: *malformed*: another form, no zone, before the year 2000, or over a minute ahead of ``now``.
    """
    try:
        when: datetime = msgspec.convert(text, _Instant)
    except msgspec.ValidationError as error:
        raise malformed(KitCode.WRONG_TYPE) from error
    # Defensive: years 1 and 9999 are valid dates to every parser, and "never" or "always" to some sender.
    if when.year < _OLDEST_YEAR or when > now + _CLOCK_TOLERANCE:
        raise malformed(KitCode.ABSURD_DATE)
    return when


def _refuse_ambiguous(body: bytes) -> None:
    """Defensive: parsers keep the last of two equal members: ``{"swapped":true,"swapped":false}`` would read clean."""
    if len(body) > BODY_BYTES_MAX:
        raise malformed(KitCode.RESPONSE_TOO_LARGE)
    try:
        strict_json.loads(body)
    except strict_json.MemberTwice as error:
        raise malformed(KitCode.DUPLICATE_MEMBER) from error
    except strict_json.NotStrict as error:
        raise malformed(KitCode.NOT_JSON) from error
