"""An agent's own key: tokens, nonces and proofs, played by hand."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from broker.client import AnswerMalformed, BrokerRefused, BrokerUnreachable, Retry
from broker.client._exchange import Ask, Reply, Silence, exchange
from broker.client.oauth import PrivateKeyJwt
from tests.unit.client.played import HandWatch, Played, play, problem, reply

KEY = ECKey.generate_key("P-256")
ISSUER = "https://broker.example"
TOKEN = reply(200, {"access_token": "at_1", "token_type": "DPoP", "expires_in": 300, "scope": "trust:check"})
OTHER = reply(200, {"access_token": "at_2", "token_type": "DPoP", "expires_in": 300, "scope": "trust:check"})
OK = reply(200, {"a": 1})
NONCE = reply(401, {"error": "use_dpop_nonce"}, dpop_nonce="n1")
LOST = Silence("ReadTimeout", arrived=True)


class Wallet:
    """A credential and a clock that somebody else moves."""

    def __init__(self) -> None:
        self.now_s = 1_790_000_000.0
        pem = KEY.as_pem(private=True)
        self.credential = PrivateKeyJwt("cli_1", pem, issuer=ISSUER, scopes=("trust:check",), now_s=lambda: self.now_s)

    def ask(self, *told: Reply | Silence) -> Played:
        watch = HandWatch()
        ask = Ask("GET", "/v1/trust-checks/chk_1?waitMs=5", {}, None, 10, again=True)
        return play(exchange(ask, self.credential, Retry(), watch.around()), told, watch)


def opened(token: str, key: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWS, its signature checked with the key, or with the one it carries."""
    header = json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))
    keys = KeySet([key or ECKey.import_key(header["jwk"])])
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    signed = jws.deserialize_compact(token, keys.keys[0], registry=registry)
    return header, json.loads(signed.payload or b"")


def test_a_token_is_fetched_once_and_bound_to_each_request() -> None:
    wallet = Wallet()
    asked, used = wallet.ask(TOKEN, OK).asks
    form = {name: value for name, (value,) in parse_qs((asked.body or b"").decode()).items()}
    _, claims = opened(form["client_assertion"], KEY)
    assert (form["grant_type"], form["scope"]) == ("client_credentials", "trust:check")
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("cli_1", "cli_1", ISSUER)
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert used.headers["authorization"] == "DPoP at_1"
    header, proof = opened(used.headers["dpop"])
    assert header["typ"] == "dpop+jwt"
    assert "d" not in header["jwk"]
    assert (proof["htm"], proof["htu"]) == ("GET", f"{ISSUER}/v1/trust-checks/chk_1")
    assert proof["ath"] == base64.urlsafe_b64encode(hashlib.sha256(b"at_1").digest()).rstrip(b"=").decode()
    (again,) = wallet.ask(OK).asks
    assert opened(again.headers["dpop"])[1]["jti"] != proof["jti"]


def test_a_nonce_that_is_wanted_is_used_at_both_ends() -> None:
    wallet = Wallet()
    first, second, _ = wallet.ask(NONCE, TOKEN, OK).asks
    assert "nonce" not in opened(first.headers["dpop"])[1]
    assert opened(second.headers["dpop"])[1]["nonce"] == "n1"
    assertions = [parse_qs((one.body or b"").decode())["client_assertion"][0] for one in (first, second)]
    assert len({opened(one, KEY)[1]["jti"] for one in assertions}) == 2
    refused, repeated = wallet.ask(reply(401, {}, dpop_nonce="n2"), OK).asks
    assert opened(refused.headers["dpop"])[1]["nonce"] == "n1"
    assert opened(repeated.headers["dpop"])[1]["nonce"] == "n2"
    assert repeated.headers["authorization"] == "DPoP at_1"


def test_a_token_that_is_over_is_fetched_anew() -> None:
    wallet = Wallet()
    wallet.ask(TOKEN, OK)
    wallet.now_s += 280
    assert wallet.ask(OTHER, OK).asks[-1].headers["authorization"] == "DPoP at_2"
    assert wallet.ask(problem(401), TOKEN, OK).asks[-1].headers["authorization"] == "DPoP at_1"


def test_a_request_that_stays_unauthorised_ends() -> None:
    played = Wallet().ask(TOKEN, problem(401, "UNAUTHENTICATED"), TOKEN, problem(401), TOKEN, problem(401))
    assert isinstance(played.error, BrokerRefused)


def test_every_sending_has_a_proof_of_its_own() -> None:
    asks = Wallet().ask(TOKEN, problem(503), OK).asks
    assert len({opened(ask.headers["dpop"])[1]["jti"] for ask in asks}) == 3


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ([reply(401, {"error": "invalid_client"})], BrokerRefused),
        ([reply(400, {"error": "invalid_scope", "error_description": "no"})], BrokerRefused),
        ([problem(503)], BrokerRefused),
        ([reply(502, b"<html>")], BrokerUnreachable),
        ([LOST, LOST, LOST], BrokerUnreachable),
        ([NONCE, NONCE], BrokerRefused),
        ([reply(200, {"access_token": "a", "token_type": "Bearer", "expires_in": 300})], AnswerMalformed),
        ([reply(200, {"access_token": "a", "token_type": "DPoP"})], AnswerMalformed),
        ([reply(200, b"")], AnswerMalformed),
    ],
)
def test_without_a_token_nothing_is_asked(told: list[Reply | Silence], error: type[Exception]) -> None:
    played = Wallet().ask(*told)
    assert isinstance(played.error, error)
    assert {ask.path for ask in played.asks} == {"/oauth/token"}
