"""Every answer about every magic number, held against the official OpenAPI definition of the version that gave it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from adapters.mock.operator.apis.catalogue import operations_of
from adapters.mock.operator.apis.dialects import DIALECTS, dialect
from adapters.mock.operator.apis.operation import Operation
from adapters.mock.operator.network.situations import SITUATIONS
from adapters.mock.operator.profile import Legs, OfferedApi, SwapRetention, load_profile
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_schemas import DEFINITIONS, error_validator, request_validator, response_validator

if not DEFINITIONS.is_dir():
    pytest.skip(
        "the official CAMARA definitions are not beside the project: answers go unchecked", allow_module_level=True
    )

SPOKEN = [(known.api, known.version) for known in DIALECTS if (DEFINITIONS / known.api / known.version).is_dir()]
RELEASE_NOTES_ONLY = {("sim-swap", "2.2.0"), ("number-verification", "2.1.1"), ("device-swap", "1.1.0")}
WORK_IN_PROGRESS = {
    ("location-verification", "wip"),
    ("location-retrieval", "wip"),
    ("one-time-password-sms", "wip"),
    ("geofencing-subscriptions", "wip"),
}
"""Their definitions refer to other files; CAMARA's scenarios, which are played for them too, hold them to these."""
# What is about no subscriber has stories of its own: test_mock_operator_subscriptions, test_mock_operator_registers.
EVERY_OPERATION = [
    (api, version, operation)
    for api, version in SPOKEN
    for operation in operations_of(dialect(api, version))
    if operation.manage is None and not api.endswith("-subscriptions")
]


def _named(*operations: Any) -> list[Any]:
    return [pytest.param(*values, id="-".join(map(_name, values))) for values in operations]


def _name(value: object) -> str:
    return value.name if isinstance(value, Operation) else str(value)


# What these do to a body is the point of them; the other faults must stay inside the contract.
SPOILED = {"000202", "000207", "000208", "000209", "000210", "000211"}
SLOW = {"000201"}
ENDINGS = [s.ending for s in SITUATIONS if s.ending not in SPOILED | SLOW] + ["000404"]
HOME = {"latitude": 40.4168, "longitude": -3.7038}
CIRCLE = {"areaType": "CIRCLE", "center": HOME, "radius": 5000}


DEVICE_ONLY = (
    "getRoamingStatus",
    "getReachabilityStatus",
    "getConnectedNetworkType",
    "retrieveIdentifier",
    "retrieveType",
    "retrievePPID",
)
DAYS = ("2016-01-01", "2025-06-01", "2099-01-01")
CLAIMS = {
    "idDocument": "66666666Q",
    "idDocumentType": "passport",
    "idDocumentExpiryDate": "2031-05-17",
    "name": "Alma Serrano Vidal",
    "givenName": "ALMA",
    "familyName": "Serrano  Vidal",
    "nameKanaHankaku": "x",
    "nameKanaZenkaku": "x",
    "middleNames": "Ines",
    "familyNameAtBirth": "Serrano",
    "address": "Calle de la Luna 7",
    "streetName": "Calle de la Luna",
    "streetNumber": "7",
    "postalCode": "28004",
    "region": "Madrid",
    "locality": "Madrid",
    "country": "ES",
    "houseNumberExtension": "3B",
    "birthdate": "1987-03-14",
    "email": "alma@serrano.example",
    "gender": "FEMALE",
    "cityOfBirth": "Zaragoza",
    "countryOfBirth": "ES",
    "nationality": "ES",
}
TYPED = {"idDocumentType", "idDocumentExpiryDate", "birthdate", "email", "gender"}
DOCUMENT = {"idDocument": "66666666Q"}
CONSENT = {"scopes": ["consent-info:retrieve"], "purpose": "dpv:FraudPreventionAndDetection"}


def _about(phone: Any, **members: Any) -> Any:
    return {"phoneNumber": phone} | members


def _device(phone: Any, **members: Any) -> Any:
    return {"device": {"phoneNumber": phone}} | members


def _zone(latitude: float, longitude: float) -> Any:
    return {"type": "COVERAGE_ZONE", "latitude": latitude, "longitude": longitude}


SPECIAL: dict[str, Any] = {
    "checkNumberRecycling": lambda n: (
        [_about(n, specifiedDate=day) for day in (*DAYS, "2026-02-30")] + [{"specifiedDate": DAYS[0]}]
    ),
    "checkTenure": lambda n: [_about(n, tenureDate=day) for day in (*DAYS, "yesterday")] + [{"tenureDate": DAYS[0]}],
    "KYC_Match": lambda n: [
        _about(n, **CLAIMS),
        _about(n, **{name: "quite another" for name in CLAIMS if name not in TYPED}),
        _about(n, **DOCUMENT, name="A", familyName="Serrano"),
        _about(n, idDocument="1", birthdate="1987-03-15", gender="MALE"),
        _about(n),
        _about(n, birthdate="14.3.1987"),
        {"name": "Alma"},
    ],
    "verifyAge": lambda n: [
        _about(n, ageThreshold=18),
        _about(n, ageThreshold=120, name="Alma Serrano", includeContentLock=True, includeParentalControl=True),
        _about(n, ageThreshold=121),
        {"ageThreshold": 18},
    ],
    "verifyFrequentLocation": lambda n: [
        _device(n, geoReference=_zone(**HOME)),
        _device(n, geoReference=_zone(0, 0)),
        _device(n, geoReference={"type": "POSTAL_CODE", "postalCode": "28004"}),
        _device(n, geoReference={"type": "POSTAL_CODE", "postalCode": "nowhere"}),
        {"geoReference": _zone(**HOME)},
    ],
    "retrieveScoring": lambda n: [
        _about(n),
        _about(n, scoringType="veritasIndex", **DOCUMENT),
        _about(n, scoringType="gaugeMetric", idDocument="1"),
        _about(n, scoringType="percent"),
    ],
    "sendCode": lambda n: [_about(n, message="{{code}}, says Alba"), _about(n, message="no code")],
    "validateCode": lambda _n: [{"authenticationId": "unknown", "code": "123456"}, {"code": "123456"}],
    "retrieveStatus": lambda n: [
        _about(n, requestCaptureUrl=True, **CONSENT),
        _about(n, requestCaptureUrl=False, **CONSENT | {"purpose": "dpv:Marketing"}),
        _about(n, requestCaptureUrl=True, callbackUrl="javascript:alert(1)", **CONSENT),
        _about(n, requestCaptureUrl=1, **CONSENT),
        {"requestCaptureUrl": True} | CONSENT,
    ],
    "createPreAnnouncement": lambda n: [
        {"callingParticipant": "+34910000000", "calledParticipant": n},
        {"callingParticipant": n, "calledParticipant": n, "strategy": "SMS", "timeToLive": 86_400},
        {"callingParticipant": n, "calledParticipant": n, "timeToLive": 0},
        {"callingParticipant": n, "calledParticipant": n, "strategy": "FAX"},
        {"callingParticipant": n, "calledParticipant": n, "dynamicDisplayName": "x" * 33},
        {"calledParticipant": n},
    ],
    "bindDeviceImei": lambda n: [
        _device(n, bindType="IMEIBIND"),
        _device(n, bindType="AREALIMIT"),
        _device(n),
        {"bindType": "IMEIBIND"},
    ],
    "query": lambda n: [
        _device(n, queryType="IMEIBIND"),
        _device(n, queryType="AREALIMIT"),
        _device(n, queryType="x"),
        {"queryType": "IMEIBIND"},
    ],
    "unBindDeviceImei": lambda n: [
        _device(n, unBindType="IMEIBIND"),
        _device(n, unBindType="AREALIMIT"),
        _device(n, bindType="IMEIBIND"),
        {"unBindType": "AREALIMIT"},
    ],
    "retrieveLocation": lambda n: [
        _device(n),
        _device(n, maxAge=60),
        _device(n, maxAge="60"),
        _device(n, maxSurface=1_000_000),
        _device(n, maxSurface=1),
        _device(n, maxSurface=0),
    ],
    "matchIdentifier": lambda n: [
        _device(n, providedIdentifierType="TAC", providedIdentifier="35710001"),
        _device(n, providedIdentifierType="IMEI", providedIdentifier="357100010000011"),
        {"providedIdentifierType": "IMEI", "providedIdentifier": "357100010000011"},
        _device(n, providedIdentifierType="ICCID", providedIdentifier="357100010000011"),
    ],
} | dict.fromkeys(DEVICE_ONLY, lambda n: [_device(n), {"device": {}}, {"device": {"ipv6Address": "2001:db8::1"}}])


@pytest.fixture(scope="module")
def operators() -> Iterator[Any]:
    """One operator for each API and version, started when first asked for."""
    with ExitStack() as stack:
        running: dict[tuple[str, str, int | None], RunningOperator] = {}

        def start(api: str, version: str, retention_h: int | None = None) -> RunningOperator:
            key = (api, version, retention_h)
            if key not in running:
                offered = (OfferedApi(name=api, version=version, legs=frozenset(Legs)),)
                changes = {"apis": offered, "swap_retention": SwapRetention(hours=retention_h)}
                running[key] = stack.enter_context(running_operator(load_profile("alba").model_copy(update=changes)))
            return running[key]

        yield start


def _bodies(operation: Operation, number: str) -> list[Any]:
    """Bodies for a two-legged token, or for the three-legged one of number verification."""
    if operation.body is None:
        return [...]
    if operation.by_sim:
        return [{"phoneNumber": number}, {"phoneNumber": "+34600000101"}, {"hashedPhoneNumber": "ab" * 32}]
    if operation.name in SPECIAL:
        return [*SPECIAL[operation.name](number), {}]
    if operation.name == "verifyLocation":
        device = {"device": {"phoneNumber": number}}
        elsewhere = {"areaType": "CIRCLE", "center": {"latitude": 41.3874, "longitude": 2.1686}, "radius": 5000}
        return [
            device | {"area": CIRCLE},
            device | {"area": CIRCLE, "maxAge": 60},
            device | {"area": CIRCLE | {"radius": 200_000}, "maxAge": 0},
            device | {"area": elsewhere},
            {"area": CIRCLE},
            device | {"area": CIRCLE | {"radius": 1}},
            device | {"area": CIRCLE | {"radius": 0}},
            device | {"area": CIRCLE | {"center": {"latitude": -40.0, "longitude": 170.0}}},
        ]
    plain: list[Any] = [{"phoneNumber": number}, {}, {"phoneNumber": number[1:]}]
    if operation.path == "/check":
        plain += [{"phoneNumber": number, "maxAge": hours} for hours in (1, 24, 800, 2400, 2401)]
    return plain


def _token(operator: RunningOperator, operation: Operation, number: str) -> str | None:
    scope = max(operation.scopes) if len(operation.scopes) < 3 else "kyc-fill-in:set-all"
    if not operation.by_sim:
        return operator.client.token(scope)
    response = operator.client.ask_three_legged(f"operatortoken:ot-{number[1:]}", scope)
    # No consent, no such subscriber: there is no token, and nothing to hold against a definition.
    return str(response.json()["access_token"]) if response.is_success else None


WITH_RETENTION = [
    (*known, hours) for known in EVERY_OPERATION for hours in ([None, 168] if known[0].endswith("-swap") else [None])
]


@pytest.mark.parametrize(("api", "version", "operation", "retention_h"), _named(*WITH_RETENTION))
def test_every_answer_fits_the_definition(
    operators: Any, api: str, version: str, operation: Operation, retention_h: int | None
) -> None:
    operator = operators(api, version, retention_h)
    path = dialect(api, version).base_path + operation.path
    seen: set[int] = set()
    two_legged = None if operation.by_sim else _token(operator, operation, "")
    for ending in ENDINGS:
        number = operator.number(ending)
        bodies = _bodies(operation, number)
        # An operator that is down is down for every body.
        for body in bodies[: 1 if ending > "000200" else 3 if ending > "000119" else None]:
            token = two_legged or _token(operator, operation, number)
            if token is None:
                continue
            response = operator.client.call(token, path, body)
            validator = response_validator(api, version, operation.path, operation.method, response.status_code)
            # A quota can be used up at any API, whether its definition says so or not (Commonalities, 429).
            if validator is None or response.status_code == 429:
                validator = error_validator(api, version)
            answered = response.json() if response.content else None
            problems = [error.message for error in validator.iter_errors(answered)] if response.content else []
            assert problems == [], (ending, body, response.text)
            seen.add(response.status_code)
    assert operation.reference is not None or operation.status in seen
    declared = (
        status
        for status in (400, 404, 422)
        if response_validator(api, version, operation.path, operation.method, status) is not None
    )
    assert seen >= (set(declared) if operation.body and not operation.by_sim else set())


SECRET_RULES = {"KYC_Match"}
"""Operations whose prose demands more than their schema: one claim at least, and in kyc-match 0.2.1 the form
of countries and dates."""

WRONG_BODIES: list[Any] = [
    {},
    {"phoneNumber": "+34600000101"},
    {"phoneNumber": "34600000101"},
    {"phoneNumber": "0034600000101"},
    {"phoneNumber": "+3460000010１"},
    {"phoneNumber": "+0"},
    {"phoneNumber": None},
    {"phoneNumber": 34600000101},
    {"maxAge": "240"},
    {"maxAge": True},
    {"maxAge": None},
    {"maxAge": 0},
    {"maxAge": 1},
    {"maxAge": 2400},
    {"maxAge": 2401},
    {"unknown": 1},
    {"hashedPhoneNumber": "ab" * 32},
    {"hashedPhoneNumber": "ab" * 31},
    {"hashedPhoneNumber": "zz" * 32},
    {"phoneNumber": "+34600000101", "hashedPhoneNumber": "ab" * 32},
    {"phoneNumber": "+34600000101", "unknown": 1},
    {"device": {}, "area": CIRCLE},
    {"device": None, "area": CIRCLE},
    {"device": {"phoneNumber": "600000101"}, "area": CIRCLE},
    {"device": {"phoneNumber": "+34600000101"}},
    {"device": {"ipv6Address": "2001:db8::1"}, "area": CIRCLE},
    {"device": {"ipv6Address": "no address"}, "area": CIRCLE},
    {"device": {"ipv4Address": {"publicAddress": "84.125.93.10"}}, "area": CIRCLE},
    {"device": {"ipv4Address": {"publicAddress": "84.125.93.999", "publicPort": 1}}, "area": CIRCLE},
    {"device": {"ipv4Address": {"publicAddress": "84.125.93.10", "publicPort": 70_000}}, "area": CIRCLE},
    {"device": {"ipv4Address": {"publicAddress": "84.125.93.10", "publicPort": 59_765}}, "area": CIRCLE},
    {"device": {"networkAccessIdentifier": 5}, "area": CIRCLE},
    {"area": CIRCLE},
    {"area": CIRCLE, "maxAge": "60"},
    {"area": CIRCLE, "maxAge": 1.5},
    {"area": CIRCLE | {"areaType": "circle"}},
    {"area": {name: value for name, value in CIRCLE.items() if name != "areaType"}},
    {"area": {name: value for name, value in CIRCLE.items() if name != "radius"}},
    {"area": {name: value for name, value in CIRCLE.items() if name != "center"}},
    {"area": CIRCLE | {"center": {"latitude": 40.4}}},
    {"area": CIRCLE | {"center": {"latitude": 90.01, "longitude": 0}}},
    {"area": CIRCLE | {"center": {"latitude": 0, "longitude": -180.01}}},
    {"area": CIRCLE | {"center": {"latitude": "40.4", "longitude": 0}}},
    {"area": CIRCLE | {"radius": "5000"}},
    {"area": CIRCLE | {"radius": 0}},
    {"area": CIRCLE | {"radius": 1999}},
    {"area": CIRCLE | {"radius": 2500.5}},
    {"area": CIRCLE | {"radius": 200_001}},
    {"area": CIRCLE | {"radius": -1}},
]


WRONG_VALUES: tuple[Any, ...] = (None, True, -1, 1.5, 10**12, "", "x" * 600, "x\n", [], {})


_SINCE_0_4 = {"idDocumentType", "idDocumentExpiryDate", "cityOfBirth", "countryOfBirth", "nationality"}
LATER_CLAIMS = {("kyc-match", version): _SINCE_0_4 for version in ("0.2.1", "0.3.0")}
"""Members of later versions are unknown to these; the pretend operator minds their types all the same."""
FORMLESS = {("kyc-match", "0.2.1")}
"""Its schema says nothing about the form of a number; its test definitions do."""


def _mutants(body: Any, value: Any) -> Iterator[Any]:
    """The body with one of its members, at any depth, replaced by the value."""
    for name, member in body.items():
        yield body | {name: value}
        if isinstance(member, dict):
            yield from (body | {name: mutant} for mutant in _mutants(member, value))


@pytest.mark.parametrize(
    ("api", "version", "operation"),
    _named(*(known for known in EVERY_OPERATION if known[2].body and not known[2].by_sim)),
)
def test_one_wrong_member_is_refused_exactly_when_the_definition_refuses_it(
    operators: Any, api: str, version: str, operation: Operation
) -> None:
    """Types, lengths, patterns, bounds: whatever a schema says of a member, at whatever depth, and nothing more."""
    operator = operators(api, version)
    accepts = request_validator(api, version, operation.path)
    token = _token(operator, operation, "")
    good = next(body for body in _bodies(operation, "+34600000101") if accepts.is_valid(body))
    if (api, version) in LATER_CLAIMS:
        good = {name: member for name, member in good.items() if name not in LATER_CLAIMS[api, version]}
    for value in WRONG_VALUES:
        for mutant in _mutants(good, value):
            response = operator.client.call(token, dialect(api, version).base_path + operation.path, mutant)
            if not accepts.is_valid(mutant):
                assert response.status_code == 400, (mutant, response.text)
            elif response.status_code == 400 and (api, version) not in FORMLESS:
                # Well-formed, and refused for what it says.
                assert response.json()["code"] != "INVALID_ARGUMENT", (mutant, response.text)


WELL_FORMED_BUT_WRONG = {
    "checkNumberRecycling": "OUT_OF_RANGE",
    "checkTenure": "OUT_OF_RANGE",
    "verifyFrequentLocation": "MOST_FREQUENT_LOCATION.POSTAL_CODE_NOT_VALID",
}


@pytest.mark.parametrize(
    ("api", "version", "operation"), _named(*(known for known in EVERY_OPERATION if known[2].body))
)
def test_a_body_is_refused_exactly_when_the_definition_refuses_it(
    operators: Any, api: str, version: str, operation: Operation
) -> None:
    operator = operators(api, version)
    accepts = request_validator(api, version, operation.path)
    verdicts: set[bool] = set()
    two_legged = None if operation.by_sim else _token(operator, operation, "")
    own = SPECIAL[operation.name]("+34600000101") if operation.name in SPECIAL else []
    for body in (*WRONG_BODIES, *own, *(body | {"phoneNumber": 34600000101} for body in own)):
        token = two_legged or _token(operator, operation, operator.number("000101"))
        response = operator.client.call(token, dialect(api, version).base_path + operation.path, body)
        # The definition of number verification asks for one member in its schema, for one of two in its prose.
        well_formed = accepts.is_valid(body) and not (
            operation.by_sim and body.keys() & {"maxAge", "unknown", "area", "device"}
        )
        if operation.name in SECRET_RULES:
            well_formed = well_formed and bool(body.keys() & CLAIMS.keys())
            codes = {name: str(body.get(name, CLAIMS[name])) for name in ("country", "birthdate")}
            fits = len(codes["country"]) == 2 and codes["birthdate"][4] == "-"
            well_formed = well_formed and (version != "0.2.1" or fits)
        refused = response.status_code == 400 and response.json()["code"] != WELL_FORMED_BUT_WRONG.get(operation.name)
        assert refused is not well_formed, (body, response.text)
        verdicts.add(refused)
    assert verdicts == {True, False}


def test_only_versions_known_from_release_notes_go_without_a_definition() -> None:
    assert {(known.api, known.version) for known in DIALECTS} - set(SPOKEN) == RELEASE_NOTES_ONLY | WORK_IN_PROGRESS
