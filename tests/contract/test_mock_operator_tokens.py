"""The token endpoint: every way in, and every refusal."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.profile import (
    ClientAuthentication,
    ClientTerms,
    Grant,
    Legs,
    OfferedApi,
    SubjectForm,
    load_profile,
)
from tests.support.mock_operator import (
    SECRET,
    RunningOperator,
    default_client,
    running_operator,
    sha256,
)
from tests.support.mock_operator_client import CLIENT_ASSERTION_TYPE, JWT_BEARER, PURPOSE, OperatorClient

STEADY = "operatortoken:ot-34600000101"


@pytest.fixture(scope="module")
def alba() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture(scope="module")
def borealis() -> Iterator[RunningOperator]:
    with running_operator("borealis") as operator:
        yield operator


@pytest.fixture(scope="module")
def both_subjects() -> Iterator[RunningOperator]:
    """Alba, taking the client's word for a number as well."""
    forms = frozenset({SubjectForm.OPERATOR_TOKEN, SubjectForm.TEL})
    with running_operator(load_profile("alba").model_copy(update={"subject_forms": forms})) as operator:
        yield operator


def _form(client: OperatorClient, scope: Any = f"{PURPOSE} sim-swap:check", **changes: Any) -> dict[str, Any]:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": CLIENT_ASSERTION_TYPE,
        "client_assertion": client.assertion(),
        "scope": scope,
    } | changes
    return {name: value for name, value in form.items() if value is not ...}


def _asserting(client: OperatorClient, **changes: Any) -> httpx.Response:
    return client.ask(_form(client, client_assertion=client.assertion(**changes)))


def _granting(client: OperatorClient, subject: Any = STEADY, **changes: Any) -> httpx.Response:
    return client.ask({"grant_type": JWT_BEARER, "assertion": client.grant(subject, "sim-swap:check", **changes)})


def _seconds(client: OperatorClient, offset: int) -> int:
    return int(client.now().timestamp()) + offset


def _refused(response: httpx.Response, code: str) -> None:
    assert response.json().keys() == {"error", "error_description"}, response.text
    assert response.json()["error"] == code, response.text
    assert response.status_code == (401 if code == "invalid_client" else 400)
    assert response.headers["cache-control"] == "no-store"


def test_a_two_legged_token_says_what_was_granted(alba: RunningOperator) -> None:
    response = alba.client.ask_two_legged("sim-swap:check", "device-swap")
    assert response.status_code == 200
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert set(body["scope"].split()) == {PURPOSE, "sim-swap:check", "device-swap"}
    assert response.headers["cache-control"] == "no-store"


def test_a_three_legged_token_lives_shorter(alba: RunningOperator) -> None:
    body = alba.client.ask_three_legged(STEADY, "sim-swap:check").json()
    assert body["expires_in"] == 120
    assert "refresh_token" not in body


def test_a_secret_may_hold_any_character(borealis: RunningOperator) -> None:
    assert ":" in SECRET
    assert borealis.client.ask_two_legged("sim-swap:check").status_code == 200


@pytest.mark.parametrize("audience", ["token endpoint", "issuer"])
def test_an_assertion_may_name_the_endpoint_or_the_issuer(alba: RunningOperator, audience: str) -> None:
    named = alba.client.token_url if audience == "token endpoint" else alba.url
    assert _asserting(alba.client, aud=named).status_code == 200
    assert _asserting(alba.client, aud=[named]).status_code == 200


REFUSED_HEADERS: dict[str, Callable[[OperatorClient], dict[str, Any]]] = {
    "another kind of token": lambda c: {"header": {"typ": "at+jwt"}},
    "a receipt": lambda c: {"header": {"typ": "receipt+jwt"}},
    "unknown kid": lambda c: {"header": {"kid": "nobody"}},
    "another key": lambda c: {"key": ECKey.generate_key("P-256")},
    "another curve": lambda c: {"header": {"alg": "ES384"}, "key": ECKey.generate_key("P-384")},
    "key confusion": lambda c: {
        "header": {"alg": "HS256"},
        "key": OctKey.import_key(str(c.key.as_dict(private=False)["x"])),
    },
}
REFUSED_CLAIMS: dict[str, Callable[[OperatorClient], dict[str, Any]]] = {
    "no jti": lambda c: {"jti": ...},
    "empty jti": lambda c: {"jti": ""},
    "jti of another type": lambda c: {"jti": 7},
    "endless jti": lambda c: {"jti": "j" * 257},
    "no exp": lambda c: {"exp": ...},
    "no iat": lambda c: {"iat": ...},
    "exp as text": lambda c: {"exp": str(_seconds(c, 60))},
    "exp as boolean": lambda c: {"exp": True},
    "absurd exp": lambda c: {"exp": 10**18},
    "expired": lambda c: {"iat": _seconds(c, -120), "exp": _seconds(c, -1)},
    "iat in the future": lambda c: {"iat": _seconds(c, 30), "exp": _seconds(c, 60)},
    "lives 301 s": lambda c: {"iat": _seconds(c, -10), "exp": _seconds(c, 291)},
    "an hour": lambda c: {"exp": _seconds(c, 3600)},
    "not yet": lambda c: {"nbf": _seconds(c, 30)},
    "no aud": lambda c: {"aud": ...},
    "another server": lambda c: {"aud": "https://operator.example/oauth2/token"},
    "two audiences": lambda c: {"aud": [c.token_url, "https://operator.example/oauth2/token"]},
    "another path": lambda c: {"aud": f"{c.url}/oauth2/authorize"},
}


@pytest.mark.parametrize("name", [*REFUSED_HEADERS, *REFUSED_CLAIMS])
def test_a_bad_client_assertion_is_no_client(alba: RunningOperator, name: str) -> None:
    changes = (REFUSED_HEADERS | REFUSED_CLAIMS)[name](alba.client)
    _refused(_asserting(alba.client, **changes), "invalid_client")


@pytest.mark.parametrize("name", [*REFUSED_HEADERS, *REFUSED_CLAIMS])
def test_a_bad_grant_assertion_is_no_grant(alba: RunningOperator, name: str) -> None:
    changes = (REFUSED_HEADERS | REFUSED_CLAIMS)[name](alba.client)
    _refused(_granting(alba.client, **changes), "invalid_grant")


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", ...])
def test_the_types_of_a_client_assertion(alba: RunningOperator, typ: Any) -> None:
    assert _asserting(alba.client, header={"typ": typ}).status_code == 200


def test_a_client_assertion_may_live_exactly_300_s(alba: RunningOperator) -> None:
    issued = _seconds(alba.client, 0)
    assert _asserting(alba.client, iat=issued, exp=issued + 300).status_code == 200


def test_issuer_and_subject_must_be_the_same_client(alba: RunningOperator) -> None:
    _refused(_asserting(alba.client, iss="somebody"), "invalid_client")
    _refused(_asserting(alba.client, sub="somebody"), "invalid_client")
    _refused(_asserting(alba.client, sub=["trust-broker"]), "invalid_client")


def test_an_assertion_is_good_once(alba: RunningOperator) -> None:
    assertion = alba.client.assertion()
    assert alba.client.ask(_form(alba.client, client_assertion=assertion)).status_code == 200
    _refused(alba.client.ask(_form(alba.client, client_assertion=assertion)), "invalid_client")
    grant = {"grant_type": JWT_BEARER, "assertion": alba.client.grant(STEADY, "sim-swap:check")}
    assert alba.client.ask(grant).status_code == 200
    _refused(alba.client.ask(grant), "invalid_grant")


def test_a_client_assertion_is_no_grant_and_the_other_way_round(alba: RunningOperator) -> None:
    _refused(alba.client.ask({"grant_type": JWT_BEARER, "assertion": alba.client.assertion()}), "invalid_scope")
    grant = alba.client.grant(STEADY, "sim-swap:check")
    _refused(alba.client.ask(_form(alba.client, client_assertion=grant)), "invalid_client")


def _tampered(client: OperatorClient) -> str:
    header, payload, signature = client.assertion().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | {"jti": "mine"}).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


def _unsigned(client: OperatorClient) -> str:
    _, payload, _ = client.assertion().split(".")
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{payload}."


BROKEN_FORMS: dict[str, tuple[Callable[[OperatorClient], dict[str, Any]], str]] = {
    "no authentication": (
        lambda c: {"client_assertion": ..., "client_assertion_type": ...},
        "invalid_client",
    ),
    "tampered": (lambda c: {"client_assertion": _tampered(c)}, "invalid_client"),
    "unsigned": (lambda c: {"client_assertion": _unsigned(c)}, "invalid_client"),
    "no JWT": (lambda c: {"client_assertion": "a.b.c"}, "invalid_client"),
    "not ASCII": (lambda c: {"client_assertion": "ä.ö.ü"}, "invalid_client"),
    "endless": (lambda c: {"client_assertion": "a" * 9000}, "invalid_client"),
    "another assertion type": (lambda c: {"client_assertion_type": "saml2-bearer"}, "invalid_request"),
    "another client_id": (lambda c: {"client_id": "somebody"}, "invalid_client"),
    "a secret in the body": (
        lambda c: {"client_secret": c.secret, "client_id": c.id, "client_assertion": ...},
        "invalid_client",
    ),
    "two proofs": (lambda c: {"client_secret": c.secret}, "invalid_request"),
    "no grant type": (lambda c: {"grant_type": ...}, "invalid_request"),
    "another grant": (lambda c: {"grant_type": "password"}, "unsupported_grant_type"),
    "no code": (lambda c: {"grant_type": "authorization_code"}, "invalid_grant"),
    "no request id": (lambda c: {"grant_type": "urn:openid:params:grant-type:ciba"}, "invalid_grant"),
    "repeated scope": (lambda c: {"scope": [f"{PURPOSE} sim-swap", "sim-swap"]}, "invalid_request"),
    "no scope": (lambda c: {"scope": ...}, "invalid_scope"),
    "empty scope": (lambda c: {"scope": ""}, "invalid_scope"),
    "no purpose": (lambda c: {"scope": "sim-swap:check"}, "invalid_scope"),
    "two purposes": (lambda c: {"scope": f"{PURPOSE} dpv:RequestedServiceProvision sim-swap"}, "invalid_scope"),
    "a purpose not agreed": (lambda c: {"scope": "dpv:Marketing sim-swap"}, "invalid_scope"),
    "a purpose alone": (lambda c: {"scope": PURPOSE}, "invalid_scope"),
    "an unknown scope": (lambda c: {"scope": f"{PURPOSE} sim-swap:everything"}, "invalid_scope"),
    "openid": (lambda c: {"scope": f"openid {PURPOSE} sim-swap"}, "invalid_scope"),
    "a scope for three legs": (lambda c: {"scope": f"{PURPOSE} number-verification:verify"}, "invalid_scope"),
    "a wild form": (lambda c: {"scope": f"{PURPOSE}#sim-swap"}, "invalid_scope"),
    "two blanks": (lambda c: {"scope": f"{PURPOSE}  sim-swap"}, "invalid_scope"),
}


@pytest.mark.parametrize("name", BROKEN_FORMS)
def test_a_broken_request_is_refused_by_its_rule(alba: RunningOperator, name: str) -> None:
    changes, code = BROKEN_FORMS[name]
    _refused(alba.client.ask(_form(alba.client, **changes(alba.client))), code)


def test_the_client_id_may_be_said_again(alba: RunningOperator) -> None:
    assert alba.client.ask(_form(alba.client, client_id=alba.client.id)).status_code == 200


def test_two_ways_of_authentication_are_one_too_many(alba: RunningOperator) -> None:
    _refused(alba.client.ask(_form(alba.client), alba.client.basic()), "invalid_request")


def test_the_body_must_be_a_form(alba: RunningOperator) -> None:
    _refused(alba.client.http.post("/oauth2/token", json=_form(alba.client)), "invalid_request")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"", b"grant_type", b"\xff\xfe=1", b"a=1&" * 50):
        _refused(alba.client.http.post("/oauth2/token", content=body, headers=headers), "invalid_request")


BASIC: dict[str, Callable[[OperatorClient], dict[str, str]]] = {
    "wrong secret": lambda c: c.basic(secret="wrong"),
    "empty secret": lambda c: c.basic(secret=""),
    "unknown client": lambda c: c.basic(client_id="somebody"),
    "no base64": lambda c: {"authorization": "Basic !!!"},
    "no colon": lambda c: {"authorization": "Basic " + base64.b64encode(b"trust-broker").decode()},
    "no text": lambda c: {"authorization": "Basic " + base64.b64encode(b"\xff:\xfe").decode()},
    "another scheme": lambda c: {"authorization": "Bearer " + base64.b64encode(b"a:b").decode()},
}


@pytest.mark.parametrize("name", BASIC)
def test_a_wrong_secret_is_no_client_and_is_told_how_to_come_back(borealis: RunningOperator, name: str) -> None:
    form = {"grant_type": "client_credentials", "scope": f"{PURPOSE} sim-swap"}
    response = borealis.client.ask(form, BASIC[name](borealis.client))
    _refused(response, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_each_operator_takes_only_its_own_method(alba: RunningOperator, borealis: RunningOperator) -> None:
    form = {"grant_type": "client_credentials", "scope": f"{PURPOSE} sim-swap"}
    _refused(alba.client.ask(form, alba.client.basic()), "invalid_client")
    _refused(borealis.client.ask(_form(borealis.client)), "invalid_client")


BROKEN_GRANTS: dict[str, tuple[dict[str, Any], str]] = {
    "another client's": ({"iss": "somebody"}, "invalid_client"),
    "no scope inside": ({"scope": ...}, "invalid_scope"),
    "no purpose": ({"scope": "sim-swap:check"}, "invalid_scope"),
    "scope as a list": ({"scope": [PURPOSE, "sim-swap:check"]}, "invalid_scope"),
    "openid": ({"scope": f"openid {PURPOSE} sim-swap"}, "invalid_scope"),
    "no subject": ({"sub": ...}, "invalid_grant"),
    "bare number": ({"sub": "+34600000101"}, "invalid_grant"),
    "a form not agreed": ({"sub": "tel:+34600000101"}, "invalid_grant"),
    "ipport": ({"sub": "ipport:80.90.34.2:16790"}, "invalid_grant"),
    "an empty operator token": ({"sub": "operatortoken:"}, "invalid_grant"),
    "an invented operator token": ({"sub": "operatortoken:eyJhbGciOiJFUzI1NiJ9.e30.AA"}, "invalid_grant"),
    "nobody's": ({"sub": "operatortoken:ot-34600000404"}, "invalid_grant"),
    "another operator's": ({"sub": "operatortoken:ot-447700000101"}, "invalid_grant"),
    "no consent": ({"sub": "operatortoken:ot-34600000109"}, "invalid_grant"),
}


@pytest.mark.parametrize("name", BROKEN_GRANTS)
def test_a_broken_grant_is_refused_by_its_rule(alba: RunningOperator, name: str) -> None:
    changes, code = BROKEN_GRANTS[name]
    _refused(_granting(alba.client, **changes), code)


def test_the_scope_of_a_grant_belongs_inside(alba: RunningOperator) -> None:
    form = {"grant_type": JWT_BEARER, "assertion": alba.client.grant(STEADY, "sim-swap:check")}
    _refused(alba.client.ask(form | {"scope": f"{PURPOSE} sim-swap:check"}), "invalid_request")
    _refused(alba.client.ask({"grant_type": JWT_BEARER}), "invalid_request")


@pytest.mark.parametrize(
    "subject", ["tel:447700000101", "tel:+44 7700 000101", "tel:+447700000101\n", "tel:", "tel:+447700000404"]
)
def test_a_tel_subject_is_a_number_of_this_operator(borealis: RunningOperator, subject: str) -> None:
    _refused(borealis.client.ask_three_legged(subject, "location-verification:verify"), "invalid_grant")
    assert borealis.client.ask_three_legged("tel:+447700000101", "location-verification:verify").status_code == 200


def test_location_of_borealis_is_for_three_legs_only(borealis: RunningOperator) -> None:
    _refused(borealis.client.ask_two_legged("location-verification:verify"), "invalid_scope")


def test_an_operator_token_from_the_control_api_is_signed_and_expires(alba: RunningOperator) -> None:
    token = alba.control.operator_token("+34600000101")
    assert "34600000101" not in token
    assert alba.client.ask_three_legged(f"operatortoken:{token}", "sim-swap:check").status_code == 200
    header, payload, signature = token.split(".")
    forged = f"{header}.{payload}.{signature[:-2]}AA"
    _refused(alba.client.ask_three_legged(f"operatortoken:{forged}", "sim-swap:check"), "invalid_grant")
    with running_operator("alba") as another:
        _refused(another.client.ask_three_legged(f"operatortoken:{token}", "sim-swap:check"), "invalid_grant")
        aged = another.control.operator_token("+34600000101")
        another.control.advance(601, authorization=True)
        later = _seconds(another.client, 601)
        grant = another.client.grant(f"operatortoken:{aged}", "sim-swap:check", iat=later, exp=later + 60)
        _refused(another.client.ask({"grant_type": JWT_BEARER, "assertion": grant}), "invalid_grant")


def test_a_client_may_be_limited_to_one_grant() -> None:
    terms = ClientTerms(
        id="narrow",
        authentication=frozenset({ClientAuthentication.BASIC}),
        grants=frozenset({Grant.CLIENT_CREDENTIALS}),
    )
    profile = load_profile("alba").model_copy(update={"clients": (terms,)})
    with running_operator(profile) as operator:
        assert operator.client.ask_two_legged("sim-swap").status_code == 200
        _refused(operator.client.ask_three_legged(STEADY, "sim-swap"), "unauthorized_client")


def test_number_verification_tokens_are_for_one_use_and_short(both_subjects: RunningOperator) -> None:
    client = both_subjects.client
    body = client.ask_three_legged(STEADY, "number-verification:verify", "sim-swap:check").json()
    assert body["expires_in"] <= 300
    claim = {"phoneNumber": "+34600000101"}
    first = client.call(body["access_token"], "/number-verification/v2/verify", claim)
    assert (first.status_code, first.json()) == (200, {"devicePhoneNumberVerified": True})
    second = client.call(body["access_token"], "/number-verification/v2/verify", claim)
    assert (second.status_code, second.json()["code"]) == (401, "UNAUTHENTICATED")


def test_only_a_sim_proves_possession(both_subjects: RunningOperator) -> None:
    token = both_subjects.client.token_for("tel:+34600000101", "number-verification:verify")
    response = both_subjects.client.call(token, "/number-verification/v2/verify", {"phoneNumber": "+34600000101"})
    assert response.status_code == 403
    assert response.json()["code"] == "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"


def test_a_two_legged_token_proves_no_possession_either() -> None:
    offered = (OfferedApi(name="number-verification", version="2.1.0", legs=frozenset(Legs)),)
    with running_operator(load_profile("alba").model_copy(update={"apis": offered})) as operator:
        token = operator.client.token("number-verification:device-phone-number:read")
        response = operator.client.call(token, "/number-verification/v2/device-phone-number")
        assert response.json()["code"] == "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_rsa_keys_are_as_good(algorithm: str) -> None:
    key = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig"})
    profile = load_profile("alba")
    with running_operator(profile, clients=[default_client(profile, key)]) as operator:
        client = OperatorClient(operator.url, profile.clients[0], key, SECRET, operator.client.now)
        with client.http:
            assert _asserting(client, header={"alg": algorithm}).status_code == 200


def test_discovery_says_what_is_accepted(alba: RunningOperator, borealis: RunningOperator) -> None:
    for operator, method in ((alba, "private_key_jwt"), (borealis, "client_secret_basic")):
        found = operator.client.http.get("/.well-known/openid-configuration").json()
        assert found["issuer"] == operator.url
        assert found["token_endpoint"] == operator.client.token_url
        assert found["token_endpoint_auth_methods_supported"] == [method]
        keys = operator.client.http.get(found["jwks_uri"].removeprefix(operator.url)).json()["keys"]
        assert [key["kid"] for key in keys] == ["operator-1"]
        assert "d" not in keys[0]


def test_a_client_says_nothing_of_its_secret() -> None:
    client = Client(load_profile("alba").clients[0], None, sha256(SECRET))
    assert repr(client) == "Client(trust-broker)"
