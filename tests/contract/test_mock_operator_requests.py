"""What every request goes through: correlator, token, scope, media type, body, method; and in which order."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.mock.operator.profile import Legs, OfferedApi, load_profile
from tests.support.mock_operator import RunningOperator, running_operator

CHECK = "/sim-swap/v2/check"
STEADY = {"phoneNumber": "+34600000101"}
CIRCLE = {"areaType": "CIRCLE", "center": {"latitude": 40.4168, "longitude": -3.7038}, "radius": 5000}
UUID = "b4333c46-49c0-4f62-80d7-f0ef930f1c46"
JSON = {"content-type": "application/json"}


def _profile(*offered: tuple[str, str]) -> Any:
    apis = tuple(OfferedApi(name=name, version=version, legs=frozenset(Legs)) for name, version in offered)
    return load_profile("alba").model_copy(update={"apis": apis})


@pytest.fixture(scope="module")
def alba() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture(scope="module")
def older() -> Iterator[RunningOperator]:
    with running_operator(_profile(("sim-swap", "2.0.0"), ("location-verification", "1.0.0"))) as operator:
        yield operator


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningOperator]:
    """Versions under Commonalities 0.8."""
    offered = (("sim-swap", "2.2.0"), ("number-verification", "2.1.1"), ("device-swap", "1.1.0"))
    with running_operator(_profile(*offered)) as operator:
        yield operator


def _everything(operator: RunningOperator, correlator: str) -> dict[str, httpx.Response]:
    """Answers of every kind, each with the correlator."""
    client, headers = operator.client, {"x-correlator": correlator}
    token = client.token("sim-swap:check")
    return {
        "answer": client.call(token, CHECK, STEADY, headers=headers),
        "401": client.call(None, CHECK, STEADY, headers=headers),
        "403": client.call(token, "/sim-swap/v2/retrieve-date", STEADY, headers=headers),
        "400": client.call(token, CHECK, {"phoneNumber": 5}, headers=headers),
        "404": client.call(token, CHECK, {"phoneNumber": "+34600000404"}, headers=headers),
        "405": client.call(token, CHECK, headers=headers),
        "415": client.call(token, CHECK, headers=headers, method="POST", content=b"a=1"),
        "422": client.call(token, CHECK, {}, headers=headers),
        "fault": client.call(token, CHECK, {"phoneNumber": "+34600000204"}, headers=headers),
        "page": client.call(token, CHECK, {"phoneNumber": "+34600000211"}, headers=headers),
        "stream": client.call(token, CHECK, {"phoneNumber": "+34600000208"}, headers=headers),
        "nowhere": client.call(token, "/sim-swap/v9/check", STEADY, headers=headers),
        "other version": client.call(token, "/sim-swap/v1/check", STEADY, headers=headers),
        "token": client.ask({"grant_type": "client_credentials"}, headers),
        "discovery": client.http.get("/.well-known/openid-configuration", headers=headers),
    }


def test_the_correlator_comes_back_with_every_answer(alba: RunningOperator) -> None:
    for name, response in _everything(alba, UUID).items():
        assert response.headers.get_list("x-correlator") == [UUID], name


def test_without_a_correlator_none_comes_back(alba: RunningOperator) -> None:
    token = alba.client.token("sim-swap")
    headers = {"authorization": f"Bearer {token}"}
    assert "x-correlator" not in alba.client.http.post(CHECK, json=STEADY, headers=headers).headers
    assert (
        "x-correlator" not in alba.client.http.post(CHECK, json=STEADY, headers=headers | {"x-correlator": ""}).headers
    )


def test_every_error_has_the_same_three_members(alba: RunningOperator) -> None:
    answers = _everything(alba, UUID)
    for name in ("401", "403", "400", "404", "405", "415", "422", "fault", "nowhere", "other version"):
        body = answers[name].json()
        assert body.keys() == {"status", "code", "message"}, name
        assert body["status"] == answers[name].status_code, name
        assert answers[name].headers["content-type"] == "application/json", name
        assert body["message"], name
    assert {n: (answers[n].status_code, answers[n].json()["code"]) for n in ("405", "415", "nowhere")} == {
        "405": (405, "METHOD_NOT_ALLOWED"),
        "415": (415, "UNSUPPORTED_MEDIA_TYPE"),
        "nowhere": (404, "NOT_FOUND"),
    }


@pytest.mark.parametrize(
    ("path", "scope", "correlator", "accepted"),
    [
        # Commonalities 0.6: wide
        ("wide", "sim-swap", UUID, True),
        ("wide", "sim-swap", "a_b:c;d.e/f<g>{h}", True),
        ("wide", "sim-swap", "x" * 256, True),
        ("wide", "sim-swap", "x" * 257, False),
        ("wide", "sim-swap", "with blank", False),
        ("wide", "sim-swap", "plus+", False),
        # 0.5: narrow
        ("narrow", "sim-swap", UUID, True),
        ("narrow", "sim-swap", "a_b", False),
        ("narrow", "sim-swap", "x" * 55, True),
        ("narrow", "sim-swap", "x" * 56, False),
        # 0.4: no pattern
        ("none", "location-verification:verify", "plus+$", True),
    ],
)
def test_the_correlator_has_the_pattern_of_its_version(
    alba: RunningOperator, older: RunningOperator, path: str, scope: str, correlator: str, accepted: bool
) -> None:
    operator = alba if path == "wide" else older
    body: dict[str, Any] = {"device": STEADY, "area": CIRCLE} if path == "none" else STEADY
    url = "/location-verification/v1/verify" if path == "none" else CHECK
    response = operator.client.call(operator.client.token(scope), url, body, headers={"x-correlator": correlator})
    assert response.status_code == (200 if accepted else 400), response.text
    assert accepted or response.json()["code"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer made-up"},
        {"authorization": "Basic dHJ1c3QtYnJva2VyOng="},
        {"authorization": "Bearer " + "x" * 5000},
        {"authorization": "Bearer mäde"},
    ],
)
def test_no_good_token_is_401(alba: RunningOperator, header: dict[str, str]) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in header.items()]
    response = alba.client.http.post(CHECK, json=STEADY, headers=encoded)
    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_has_no_case(alba: RunningOperator, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {alba.client.token('sim-swap')}"}
    assert alba.client.http.post(CHECK, json=STEADY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "granted", "refused"),
    [
        (CHECK, ["sim-swap", "sim-swap:check"], ["sim-swap:retrieve-date", "device-swap"]),
        ("/sim-swap/v2/retrieve-date", ["sim-swap", "sim-swap:retrieve-date"], ["sim-swap:check"]),
        ("/device-swap/v1/check", ["device-swap", "device-swap:check"], ["device-swap:retrieve-date", "sim-swap"]),
        (
            "/call-forwarding-signal/v0.4/call-forwardings",
            ["call-forwarding-signal:call-forwardings:read"],
            ["call-forwarding-signal:unconditional-call-forwardings:read"],
        ),
    ],
)
def test_a_token_opens_what_its_scope_says(
    alba: RunningOperator, path: str, granted: list[str], refused: list[str]
) -> None:
    for scope in granted:
        assert alba.client.call(alba.client.token(scope), path, STEADY).status_code == 200
    for scope in refused:
        response = alba.client.call(alba.client.token(scope), path, STEADY)
        assert (response.status_code, response.json()["code"]) == (403, "PERMISSION_DENIED")


def test_the_order_is_401_403_400_422_404(alba: RunningOperator) -> None:
    wrong: dict[str, Any] = {"content": b"{", "method": "POST", "headers": JSON | {"x-correlator": "with blank"}}
    good, other = alba.client.token("sim-swap:check"), alba.client.token("device-swap")
    assert alba.client.call(None, CHECK, **wrong).status_code == 401
    assert alba.client.call(other, CHECK, **wrong).status_code == 403
    assert alba.client.call(good, CHECK, **wrong).status_code == 400
    three = alba.client.token_for("operatortoken:ot-34600000101", "sim-swap:check")
    nobody = {"phoneNumber": "+34600000404"}
    assert alba.client.call(three, CHECK, nobody | {"maxAge": 0}).status_code == 400
    assert alba.client.call(three, CHECK, nobody).status_code == 422
    assert alba.client.call(good, CHECK, nobody).status_code == 404


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {}, 400),
        (b"", JSON, 400),
        (b"{}", JSON, 422),
        (b"{}", {"content-type": "application/json; charset=utf-8"}, 422),
        (b"{}", {"content-type": "text/json"}, 415),
        (b"{}", {}, 415),
        (b"[]", JSON, 400),
        (b"null", JSON, 400),
        (b'"+34600000101"', JSON, 400),
        (b"{", JSON, 400),
        (b"\xff\xfe{}", JSON, 400),
        (b'{"maxAge": NaN}', JSON, 400),
        (b'{"maxAge": 1e400}', JSON, 400),
        (b'{"phoneNumber": "+34600000101", "phoneNumber": "+34600000102"}', JSON, 400),
        (b'{"phoneNumber": "+34600000101\\n"}', JSON, 400),
        (b'{"phoneNumber": "+3460000010\xef\xbc\x91"}', JSON, 400),
        (b"[" * 20_000, JSON, 400),
        (b'{"a": "' + b"x" * 65_536 + b'"}', JSON, 413),
    ],
)
def test_the_body_is_one_json_object(
    alba: RunningOperator, content: bytes, headers: dict[str, str], status: int
) -> None:
    token = alba.client.token("sim-swap")
    response = alba.client.call(token, CHECK, method="POST", content=content, headers=headers)
    assert response.status_code == status, response.text
    assert response.json()["status"] == status


def test_unknown_members_are_a_matter_of_the_version(alba: RunningOperator, strict: RunningOperator) -> None:
    body = STEADY | {"reason": "because"}
    assert alba.client.call(alba.client.token("sim-swap"), CHECK, body).status_code == 200
    for path, scope in ((CHECK, "sim-swap"), ("/device-swap/v1/check", "device-swap")):
        token = strict.client.token(scope)
        assert strict.client.call(token, path, STEADY).status_code == 200
        response = strict.client.call(token, path, body)
        assert (response.status_code, response.json()["code"]) == (400, "INVALID_ARGUMENT")


def test_unknown_members_are_found_at_every_depth() -> None:
    from adapters.mock.operator.apis.location_verification import VerifyLocation
    from adapters.mock.operator.bodies import BadBody, convert

    body: dict[str, Any] = {"area": CIRCLE | {"center": {"latitude": 1.0, "longitude": 2.0, "altitude": 3.0}}}
    assert convert(body, VerifyLocation, strict=False).area.center.latitude == 1.0
    with pytest.raises(BadBody, match="unknown"):
        convert(body, VerifyLocation, strict=True)
    ip = {"device": {"ipv4Address": {"publicAddress": "192.0.2.1", "publicPort": 1}}, "area": CIRCLE}
    assert convert(ip, VerifyLocation, strict=True).max_age is not None


@pytest.mark.parametrize(
    ("path", "allowed"),
    [(CHECK, "POST"), ("/number-verification/v2/device-phone-number", "GET"), ("/oauth2/token", "POST")],
)
def test_other_methods_are_405(alba: RunningOperator, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH"} - {allowed}:
        response = alba.client.http.request(method, path)
        assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED"), method
