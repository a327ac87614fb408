"""Reading what operators answer: size, syntax, repetition and types, before anything is believed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Generic, TypeVar, get_origin

import msgspec

from broker import strict_json
from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.domain.signal import Unavailability

BODY_BYTES_MAX = 65_536
_NO_TEXTS: Mapping[str, bool] = MappingProxyType({})
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
        self._shape = shape
        self._decoder = msgspec.json.Decoder(shape)
        self._booleans = _booleans_of(shape)

    def read(self, body: bytes, boolean_texts: Mapping[str, bool] = _NO_TEXTS, about: str | None = None) -> T_co:
        """Decode a whole body. ``boolean_texts`` may stand where the type has a boolean, and nowhere else.

        ``about`` is the number that was asked about; an answer need not name it, and must not name another.

        Raises:
            OperatorFault: *malformed*: too large, not JSON, a member twice, a member missing or of another type, or
                about somebody else.
        """
        members = _unambiguous(body)
        if about is not None:
            _refuse_other_subject(members, about)
        try:
            if not boolean_texts:
                return self._decoder.decode(body)
            return msgspec.convert(self._without_texts(members, boolean_texts), self._shape)
        except msgspec.ValidationError as error:
            raise malformed(KitCode.WRONG_TYPE) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(KitCode.NOT_JSON) from error

    def _without_texts(self, members: object, boolean_texts: Mapping[str, bool]) -> object:
        if not isinstance(members, dict):
            return members
        given = {name: members[name] for name in self._booleans & members.keys()}
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        said = {name: boolean_texts[text] for name, text in texts.items() if text in boolean_texts}
        return {**members, **said}


def _booleans_of(shape: type[object]) -> frozenset[str]:
    """The members of an answer, as they are called on the wire, that are booleans."""
    if get_origin(shape) is not None or not issubclass(shape, msgspec.Struct):
        return frozenset()
    return frozenset(field.encode_name for field in msgspec.structs.fields(shape) if field.type in {bool, bool | None})


def _refuse_other_subject(members: object, about: str) -> None:
    """Defensive: an answer to somebody else's call names whom it is about, if it names anybody."""
    if not isinstance(members, dict):
        return
    device = members.get("device")
    for named in (members.get("phoneNumber"), device.get("phoneNumber") if isinstance(device, dict) else None):
        if isinstance(named, str) and named.removeprefix("+") != about.removeprefix("+"):
            raise malformed(KitCode.OTHER_SUBJECT)


def instant(text: str, now: datetime) -> datetime:
    """An RFC 3339 date-time with zone; fractions finer than a microsecond are rounded.

    Raises:
        OperatorFault: *malformed*: another form, no zone, before the year 2000, or over a minute ahead of ``now``.
    """
    when = later_instant(text)
    # Defensive: year 9999 is a valid date to every parser, and "always" to some sender.
    if when > now + _CLOCK_TOLERANCE:
        raise malformed(KitCode.ABSURD_DATE)
    return when


def later_instant(text: str) -> datetime:
    """The same for an instant that may lie ahead, such as the end of a permission.

    Raises:
        OperatorFault: *malformed*: another form, no zone, or before the year 2000.
    """
    try:
        when: datetime = msgspec.convert(text, _Instant)
    except msgspec.ValidationError as error:
        raise malformed(KitCode.WRONG_TYPE) from error
    # Defensive: year 1 is a valid date to every parser, and "never" to some sender.
    if when.year < _OLDEST_YEAR:
        raise malformed(KitCode.ABSURD_DATE)
    return when


def _unambiguous(body: bytes) -> object:
    """Defensive: parsers keep the last of two equal members: ``{"swapped":true,"swapped":false}`` would read clean."""
    if len(body) > BODY_BYTES_MAX:
        raise malformed(KitCode.RESPONSE_TOO_LARGE)
    try:
        return strict_json.loads(body)
    except strict_json.MemberTwice as error:
        raise malformed(KitCode.DUPLICATE_MEMBER) from error
    except strict_json.NotStrict as error:
        raise malformed(KitCode.NOT_JSON) from error
