"""Every body that the kit sends, in every release, against the definition of that release: it fits, and adds nothing.

Since Sync26 operators refuse members that they do not declare, at any depth.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara import INSTRUMENTS, SPOKEN
from broker.adapter_kit.camara.line import (
    ApiLine,
    ApiVersion,
    BoundApi,
    BoundInstrument,
    InstrumentVersion,
    Line,
    Terms,
)
from broker.adapter_kit.instruments import (
    AnnounceCall,
    AnnounceStrategy,
    AskConsent,
    CheckPassword,
    Locate,
    OpenRecord,
    Order,
    SendPassword,
)
from broker.adapter_kit.oauth import Flow
from broker.domain.check import Circle, Claims
from broker.domain.phone import PhoneNumber
from tests.support.mock_operator_schemas import DEFINITIONS, definition, request_validator
from tests.unit.adapter_kit.pretend import CORRELATOR, MADRID, PHONE, ROOT, PretendOperator, camara_error, query

if not DEFINITIONS.is_dir():
    pytest.skip("the official CAMARA definitions are not beside the project", allow_module_level=True)

CLAIMS = Claims(
    name="Ana García",
    given_name="Ana",
    middle_names="María",
    family_name="García",
    birthdate=date(1988, 4, 12),
    email="ana@example.com",
    address="Calle 1",
    postal_code="28013",
    country="ES",
    id_document="12345678Z",
)
QUESTION: dict[str, Any] = {
    "location": Circle(MADRID.latitude, MADRID.longitude, 1.0),
    "operator_token": "opaque",
    "bound_since": date(2026, 11, 10),
    "claims": CLAIMS,
    "age_threshold_years": 18,
}
ASKING: dict[str, Any] = {"phone": PHONE, "purpose": "Marketing", "correlator": CORRELATOR, "deadline_s": 1e9}
ORDERS: Mapping[str, tuple[Order[Any], ...]] = {
    "one-time-password-sms": (
        SendPassword(**ASKING, message="{{code}}"),
        CheckPassword(**ASKING, reference="x", code="1"),
    ),
    "consent-info": (AskConsent(**ASKING, scopes=("sim-swap:check",), capture=True, callback_url="https://x.example"),),
    "location-retrieval": (Locate(**ASKING, max_age_s=0, max_surface_m2=1), Locate(**ASKING, max_age_s=3600)),
    "kyc-fill-in": (OpenRecord(**ASKING, attributes=("name", "nationality")),),
    "verified-caller": (
        AnnounceCall(**ASKING, caller=PhoneNumber("+34910000000")),
        AnnounceCall(
            **ASKING,
            caller=PhoneNumber("+34910000000"),
            strategy=AnnounceStrategy.SMS,
            ttl_s=1,
            registration="0b3c1d5e-1111-4222-8333-444455556666",
            display_name="Bank",
        ),
    ),
}
# Its two alternatives require no member, so whatever fits one fits the other, which `oneOf` forbids.
UNSATISFIABLE = {("number-verification", "0.3.1")}
FLOWS = (Flow.CLIENT_CREDENTIALS, Flow.JWT_BEARER_TEL, Flow.JWT_BEARER_OPERATOR_TOKEN)
LEGS = [
    pytest.param(one, flow, id=f"{one.api}-{one.version}-{one.signal}-{flow}")
    for one in SPOKEN
    if not one.from_notes
    for flow in FLOWS
    if flow in one.flows or (one.api == "number-verification" and flow is FLOWS[-1])
]
ORDERED = [pytest.param(one, id=f"{one.api}-{one.version}") for one in INSTRUMENTS.values() if not one.from_notes]


def refusing(api: str, scopes: Mapping[str, str]) -> PretendOperator:
    """An operator that says of every operation but the last that it is not there, so that all are asked."""
    operator = PretendOperator()
    for operation in scopes:
        operator.on(f"/{api}/{operation}", camara_error(501, "NOT_IMPLEMENTED"))
    return operator


def terms(known: ApiVersion | InstrumentVersion, flow: Flow) -> Terms:
    return Terms(f"{ROOT}/{known.api}", flow, known.scopes, 1.0, known.identifier)


@pytest.mark.parametrize(("known", "flow"), LEGS)
async def test_a_question_fits_its_definition_and_adds_nothing(known: ApiVersion, flow: Flow) -> None:
    operator = refusing(known.api, known.scopes)
    bound = BoundApi(known, terms(known, flow), operator.transport, operator.tokens(), operator.clock)
    with pytest.raises(OperatorFault):
        await known.ask(ApiLine(bound, query(known.signal, **QUESTION)))
    assert {path.removeprefix(f"/{known.api}") for path, *_ in operator.calls} == {f"/{name}" for name in known.scopes}
    must_fit(operator, known)


@pytest.mark.parametrize("known", ORDERED)
async def test_an_order_fits_its_definition_and_adds_nothing(known: InstrumentVersion) -> None:
    for order in ORDERS[known.api]:
        operator = refusing(known.api, known.scopes)
        flow = Flow.CLIENT_CREDENTIALS
        bound = BoundInstrument(known, terms(known, flow), operator.transport, operator.tokens(), operator.clock)
        with pytest.raises(OperatorFault):
            await known.carry_out(Line(bound, order), order)
        assert operator.calls
        must_fit(operator, known)


def must_fit(operator: PretendOperator, known: ApiVersion | InstrumentVersion) -> None:
    for path, body, _ in operator.calls:
        operation = path.removeprefix(f"/{known.api}")
        errors = [error.message for error in request_validator(known.api, known.version, operation).iter_errors(body)]
        assert errors == [] or (known.api, known.version) in UNSATISFIABLE, (path, body)
        assert set(undeclared(known, operation, body)) == set(), (path, body)


def undeclared(known: ApiVersion | InstrumentVersion, operation: str, body: Mapping[str, Any]) -> Iterator[str]:
    """The members that the definition's schema does not name, wherever it composes itself from."""
    document = definition(known.api, known.version)
    schema = document["paths"][operation]["post"]["requestBody"]["content"]["application/json"]["schema"]
    yield from _undeclared(document, schema, body)


def _undeclared(document: Any, schema: Any, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        declared: dict[str, Any] = {}
        for part in _parts(document, schema):
            declared |= part.get("properties", {})
        for name, inner in value.items():
            if name not in declared:
                yield name
            else:
                yield from _undeclared(document, declared[name], inner)


def _parts(document: Any, schema: Any) -> Iterator[Any]:
    """A schema and everything it refers to, is made of, or stands for."""
    if "$ref" in schema:
        target = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        yield from _parts(document, target)
    yield schema
    for word in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(word, ()):
            yield from _parts(document, part)
    for reference in schema.get("discriminator", {}).get("mapping", {}).values():
        target = document["components"]["schemas"][reference.rsplit("/", 1)[-1]]
        yield target
        for part in target.get("allOf", ()):
            if "$ref" not in part:
                yield part
