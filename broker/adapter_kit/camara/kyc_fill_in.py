"""kyc-fill-in: what does the operator have on file, in clear? Releases 0.3.0 and 0.4.1.

Off unless switched on and granted. Only the attributes that were ordered are asked for, each with its own scope, and
nothing else is passed on.
"""

from functools import partial
from typing import Any

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import InstrumentVersion, Line, Terms
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import IdentityRecord, OpenRecord
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.instrument import InstrumentName
from broker.domain.signal import Unavailability

_FILL_IN = "fill-in"
_API = "kyc-fill-in"
_SCOPE = f"{_API}:{{attribute}}"
"""One scope for each attribute, unless the manifest has another, such as ``kyc-fill-in:set-all``."""
_VALUE_MAX = 500
_SINCE_0_3 = frozenset(
    {
        *("idDocument", "name", "givenName", "familyName", "nameKanaHankaku", "nameKanaZenkaku", "middleNames"),
        *("familyNameAtBirth", "address", "streetName", "streetNumber", "postalCode", "region", "locality"),
        *("country", "houseNumberExtension", "birthdate", "email", "gender"),
    }
)
_SINCE_0_4 = _SINCE_0_3 | {
    "idDocumentType",
    "idDocumentExpiryDate",
    "cityOfBirth",
    "countryOfBirth",
    "nationality",
}
_ANSWERS: Reader[dict[str, Any]] = Reader(dict[str, Any])


async def carry_out(line: Line, order: OpenRecord, *, known: frozenset[str]) -> IdentityRecord:
    """What is on file of the attributes ordered; one that is not on file is left out."""
    wanted = _wanted(order, known)
    if not wanted:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_CLAIMS_GIVEN)
    response = await line.call(_FILL_IN, line.phone_body, scopes=scopes_of(line.terms, order, known=known))
    answer = line.read(response, _ANSWERS)
    # Defensive: a file that names another number is another person's.
    if answer.get("phoneNumber", line.phone) not in {line.phone, order.phone.e164}:
        raise malformed(KitCode.ABSURD_VALUE)
    return IdentityRecord({name: _text(answer[name]) for name in wanted if answer.get(name) is not None})


def scopes_of(terms: Terms, order: OpenRecord, *, known: frozenset[str]) -> tuple[str, ...]:
    """One for each attribute ordered, or what the manifest has instead."""
    template = terms.scopes.get(_FILL_IN, _SCOPE)
    if template != _SCOPE:
        return terms.scopes_for(_FILL_IN)
    return tuple(template.format(attribute=name) for name in _wanted(order, known))


def _wanted(order: OpenRecord, known: frozenset[str]) -> list[str]:
    return [name for name in dict.fromkeys(order.attributes) if name in known]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise malformed(KitCode.WRONG_TYPE)
    if len(value) > _VALUE_MAX or not value.isprintable():
        raise malformed(KitCode.ABSURD_VALUE)
    return value


def _version(version: str, base_path: str, known: frozenset[str]) -> InstrumentVersion:
    return InstrumentVersion(
        instrument=InstrumentName.IDENTITY_RECORD,
        api=_API,
        version=version,
        base_path=base_path,
        scopes={_FILL_IN: _SCOPE},
        carry_out=partial(carry_out, known=known),
        scopes_of=partial(scopes_of, known=known),
        discloses=True,
    )


VERSIONS = (
    _version("0.3.0", "/kyc-fill-in/v0.3", _SINCE_0_3),
    _version("0.4.1", "/kyc-fill-in/v0.4", _SINCE_0_4),
)
