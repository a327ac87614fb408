"""Tokens that only their holder can use: proofs of possession (RFC 9449) and certificates (RFC 8705)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from adapters.mock.operator.profile import ClientAuthentication, ClientTerms, DpopTerms, Grant, load_profile
from tests.support.certificates import Authority
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_client import PURPOSE

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
CHECK = "/sim-swap/v2/check"
BODY = {"phoneNumber": "+34600000101"}


@pytest.fixture(scope="module")
def alba() -> Iterator[RunningOperator]:
    with running_operator("alba") as operator:
        yield operator


@pytest.fixture(scope="module")
def strict() -> Iterator[RunningOperator]:
    terms = DpopTerms(required=True, nonce=True)
    with running_operator(load_profile("alba").model_copy(update={"dpop": terms})) as operator:
        yield operator


def ask(operator: RunningOperator, proof: str | None) -> httpx.Response:
    form = {"grant_type": "client_credentials", "scope": f"{PURPOSE} sim-swap:check"} | operator.client.proof()
    return operator.client.ask(form, {} if proof is None else {"dpop": proof})


def proof_at(operator: RunningOperator, key: ECKey = KEY, **claims: Any) -> str:
    return operator.client.dpop(key, "POST", operator.client.token_url, **claims)


def call(operator: RunningOperator, token: str, proof: str | None, scheme: str = "DPoP") -> httpx.Response:
    headers = {"authorization": f"{scheme} {token}"} | ({} if proof is None else {"dpop": proof})
    return operator.client.call(None, CHECK, BODY, headers=headers)


def bound(operator: RunningOperator) -> str:
    body = ask(operator, proof_at(operator)).json()
    assert body["token_type"] == "DPoP"
    return str(body["access_token"])


def test_a_bound_token_is_good_with_its_proof_alone(alba: RunningOperator) -> None:
    token, url = bound(alba), alba.url + CHECK
    assert call(alba, token, alba.client.dpop(KEY, "POST", url, token=token)).json() == {"swapped": False}
    assert call(alba, token, None).status_code == 401
    assert call(alba, token, None, "Bearer").status_code == 401


@pytest.mark.parametrize(
    ("key", "claims"),
    [
        (OTHER, {}),
        (KEY, {"ath": "x"}),
        (KEY, {"ath": ...}),
        (KEY, {"htm": "GET"}),
        (KEY, {"htu": "https://elsewhere.example"}),
        (KEY, {"iat": 1}),
        (KEY, {"jti": ...}),
        (KEY, {"camara:bh": "another body"}),
    ],
    ids=["another key", "ath", "no ath", "htm", "htu", "iat", "no jti", "camara:bh"],
)
def test_a_proof_that_breaks_a_rule_is_none(alba: RunningOperator, key: ECKey, claims: dict[str, Any]) -> None:
    token = bound(alba)
    response = call(alba, token, alba.client.dpop(key, "POST", alba.url + CHECK, **{"token": token, **claims}))
    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == 'DPoP error="invalid_dpop_proof"'


def test_a_proof_is_good_once(alba: RunningOperator) -> None:
    token = bound(alba)
    proof = alba.client.dpop(KEY, "POST", alba.url + CHECK, token=token)
    assert [call(alba, token, proof).status_code for _ in range(2)] == [200, 401]
    again = proof_at(alba)
    assert ask(alba, again).status_code == 200
    assert ask(alba, again).json()["error"] == "invalid_dpop_proof"


def test_where_it_is_offered_a_plain_client_gets_a_plain_token(alba: RunningOperator) -> None:
    token = ask(alba, None).json()
    assert token["token_type"] == "Bearer"
    assert call(alba, token["access_token"], None, "Bearer").status_code == 200
    proof = alba.client.dpop(KEY, "POST", alba.url + CHECK, token=token["access_token"])
    assert call(alba, token["access_token"], proof).status_code == 401, "a plain token is no bound one"


def test_where_it_is_required_a_proof_and_its_nonce_are(strict: RunningOperator) -> None:
    assert ask(strict, None).json()["error"] == "invalid_dpop_proof"
    challenged = ask(strict, proof_at(strict))
    assert (challenged.status_code, challenged.json()["error"]) == (400, "use_dpop_nonce")
    nonce = challenged.headers["dpop-nonce"]
    token = ask(strict, proof_at(strict, nonce=nonce)).json()["access_token"]
    url = strict.url + CHECK
    refused = call(strict, token, strict.client.dpop(KEY, "POST", url, token=token))
    assert refused.headers["www-authenticate"] == 'DPoP error="use_dpop_nonce"'
    nonce = refused.headers["dpop-nonce"]
    assert call(strict, token, strict.client.dpop(KEY, "POST", url, token=token, nonce=nonce)).status_code == 200


def test_an_operator_without_it_ignores_proofs() -> None:
    with running_operator(load_profile("alba").model_copy(update={"dpop": None})) as operator:
        assert ask(operator, "not a proof at all").json()["token_type"] == "Bearer"


TLS_TERMS = ClientTerms(
    id="trust-broker",
    authentication=frozenset({ClientAuthentication.TLS}),
    grants=frozenset({Grant.CLIENT_CREDENTIALS}),
    certificate_subject="CN=trust-broker",
)


def test_a_certificate_proves_the_client_and_binds_its_tokens(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Nobody")
    ours, another = authority.issue("trust-broker"), authority.issue("another")
    forged = Authority.issue(stranger, "trust-broker-forged")
    profile = load_profile("alba").model_copy(update={"clients": (TLS_TERMS,)})
    form = {
        "grant_type": "client_credentials",
        "client_id": "trust-broker",
        "scope": f"{PURPOSE} sim-swap:check",
    }
    with running_operator(profile, tls=authority.server(), trust=authority.context(ours)) as operator:
        assert operator.url.startswith("https://")
        token = operator.client.ask(form).json()["access_token"]
        assert operator.client.call(token, CHECK, BODY).status_code == 200
        for pair in (None, another):
            with httpx.Client(base_url=operator.url, verify=authority.context(pair), trust_env=False) as thief:
                refused = thief.post("/oauth2/token", data=form)
                assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
                stolen = thief.post(CHECK, json=BODY, headers={"authorization": f"Bearer {token}"})
                assert stolen.status_code == 401
        with (
            httpx.Client(base_url=operator.url, verify=authority.context(forged), trust_env=False) as liar,
            pytest.raises(httpx.HTTPError),
        ):
            liar.post("/oauth2/token", data=form)
        found = operator.client.http.get("/.well-known/openid-configuration").json()
        assert found["token_endpoint_auth_methods_supported"] == ["tls_client_auth"]
        assert found["tls_client_certificate_bound_access_tokens"] is True


def test_a_secret_may_stand_in_the_form_where_that_was_agreed() -> None:
    terms = ClientTerms(
        id="trust-broker",
        authentication=frozenset({ClientAuthentication.POST}),
        grants=frozenset({Grant.CLIENT_CREDENTIALS}),
    )
    form = {"grant_type": "client_credentials", "client_id": "trust-broker", "scope": f"{PURPOSE} sim-swap:check"}
    with running_operator(load_profile("alba").model_copy(update={"clients": (terms,)})) as operator:
        client = operator.client
        assert client.ask(form | {"client_secret": client.secret}).status_code == 200
        assert client.ask(form | {"client_secret": "wrong"}).json()["error"] == "invalid_client"
        assert client.ask(form, client.basic()).json()["error"] == "invalid_client"
        both = client.ask(form | {"client_secret": client.secret}, client.basic())
        assert both.json()["error"] == "invalid_request"
