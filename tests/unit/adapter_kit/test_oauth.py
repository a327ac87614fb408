"""Tokens: what is sent for each grant, what is believed of the answer, and how rarely an operator is asked."""

import asyncio
import base64
import json
from random import Random
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.assertions import (
    AssertionSigner,
    AssertionStyle,
    SigningAlgorithm,
    import_signing_key,
    public_jwks,
)
from broker.adapter_kit.client_proof import basic
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import Flow, TokenLimits, TokenWanted
from broker.adapter_kit.tokens import Token, TokenManager
from broker.domain.signal import Unavailability
from broker.errors import Misconfigured
from tests.support.clocks import NOON, HandClock
from tests.support.turns import settle, until
from tests.unit.adapter_kit.pretend import KEY, TOKEN_URL, PretendOperator, ok

U = Unavailability

CHECK = TokenWanted(Flow.CLIENT_CREDENTIALS, None, "FraudPreventionAndDetection", ("sim-swap:check",))
TEL = TokenWanted(
    Flow.JWT_BEARER_TEL, "tel:+34600000101", "FraudPreventionAndDetection", ("location-verification:verify",)
)
SINGLE = TokenWanted(
    Flow.JWT_BEARER_OPERATOR_TOKEN,
    "operatortoken:opaque",
    "FraudPreventionAndDetection",
    ("number-verification:verify",),
    single_use=True,
)
SOON = 1001.0


@pytest.fixture
def operator() -> PretendOperator:
    return PretendOperator()


def grant(**overrides: Any) -> httpx.Response:
    body = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, **overrides}
    return ok({name: value for name, value in body.items() if value is not None})


async def fault_of(tokens: TokenManager, wanted: TokenWanted = CHECK, deadline_s: float = SOON) -> OperatorFault:
    with pytest.raises(OperatorFault) as caught:
        await tokens.token(wanted, deadline_s=deadline_s)
    return caught.value


def claims_of(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    token = jwt.decode(assertion, KEY, algorithms=["ES256"])
    return dict(token.header), dict(token.claims)


async def test_client_credentials_prove_the_client_with_a_short_signed_assertion(operator: PretendOperator) -> None:
    assert await operator.tokens().token(CHECK, deadline_s=SOON) == Token("token-1")
    form = operator.forms[0]
    header, claims = claims_of(form.pop("client_assertion"))
    assert form == {
        "grant_type": "client_credentials",
        "scope": "dpv:FraudPreventionAndDetection sim-swap:check",
        "client_id": "trust-broker",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert header == {"alg": "ES256", "typ": "JWT", "kid": KEY.thumbprint()}
    assert claims.pop("jti")
    issued_at = int(NOON.timestamp())
    assert claims == {
        "iss": "trust-broker",
        "sub": "trust-broker",
        "aud": TOKEN_URL,
        "iat": issued_at,
        "exp": issued_at + 90,
    }
    assert "authorization" not in operator.token_headers[0]


@pytest.mark.parametrize("wanted", [TEL, SINGLE])
async def test_jwt_bearer_carries_subject_and_scope_inside_the_assertion_alone(
    operator: PretendOperator, wanted: TokenWanted
) -> None:
    await operator.tokens(secret="s3cret").token(wanted, deadline_s=SOON)
    form = operator.forms[0]
    _, claims = claims_of(form.pop("assertion"))
    assert form == {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    assert (claims["iss"], claims["sub"]) == ("trust-broker", wanted.subject)
    assert claims["scope"] == f"dpv:FraudPreventionAndDetection {wanted.scopes[0]}"
    assert "authorization" not in operator.token_headers[0]


async def test_basic_credentials_are_form_encoded_first(operator: PretendOperator) -> None:
    tokens = operator.tokens(client_id="a:b c", secret="p%:ä&+", signer=None)
    await tokens.token(CHECK, deadline_s=SOON)
    sent = operator.token_headers[0]["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"a%3Ab+c:p%25%3A%C3%A4%26%2B"
    assert set(operator.forms[0]) == {"grant_type", "scope"}
    assert basic("a", "b") == b"Basic " + base64.b64encode(b"a:b")


async def test_no_assertion_is_ever_used_twice(operator: PretendOperator) -> None:
    tokens = operator.tokens()
    for _ in range(20):
        await tokens.token(SINGLE, deadline_s=SOON)
    ids = {claims_of(form["assertion"])[1]["jti"] for form in operator.forms}
    assert len(ids) == 20


@pytest.mark.parametrize("purpose", ["", "Fraud dpv:Marketing", "Fraud\n", "a" * 65, "Fräud", "dpv:Fraud"])
async def test_a_purpose_that_could_be_more_than_one_is_refused_before_the_wire(
    operator: PretendOperator, purpose: str
) -> None:
    fault = await fault_of(operator.tokens(), TokenWanted(Flow.CLIENT_CREDENTIALS, None, purpose, ("sim-swap",)))
    assert (fault.reason, fault.code) == (U.NOT_PERMITTED, KitCode.PURPOSE_INVALID)
    assert operator.forms == []


async def test_a_hundred_askers_cause_one_request(operator: PretendOperator) -> None:
    operator.token_gate = asyncio.Event()
    tokens = operator.tokens()
    askers = [asyncio.create_task(tokens.token(CHECK, deadline_s=SOON)) for _ in range(100)]
    await until(lambda: operator.forms)
    await settle()
    operator.token_gate.set()
    assert set(await asyncio.gather(*askers)) == {Token("token-1")}
    assert len(operator.forms) == 1


@pytest.mark.parametrize(
    "other",
    [
        TokenWanted(CHECK.flow, None, "RequestedServiceProvision", CHECK.scopes),
        TokenWanted(CHECK.flow, None, CHECK.purpose, ("sim-swap:retrieve-date",)),
        TokenWanted(Flow.JWT_BEARER_TEL, "tel:+34600000101", CHECK.purpose, CHECK.scopes),
        TokenWanted(Flow.JWT_BEARER_TEL, "tel:+34600000102", CHECK.purpose, CHECK.scopes),
    ],
)
async def test_tokens_are_never_shared_across_purpose_scope_flow_or_subject(
    operator: PretendOperator, other: TokenWanted
) -> None:
    tokens = operator.tokens()
    first = await tokens.token(TEL, deadline_s=SOON)
    second = await tokens.token(CHECK, deadline_s=SOON)
    third = await tokens.token(other, deadline_s=SOON)
    assert len({first, second, third}) == 3


async def test_followers_of_a_failed_request_get_its_reason_and_the_next_asker_a_new_request(
    operator: PretendOperator,
) -> None:
    operator.token_gate = asyncio.Event()
    operator.token_answers = [httpx.Response(400, json={"error": "invalid_grant"}), grant(access_token="later")]
    tokens = operator.tokens()
    askers = [asyncio.create_task(tokens.token(CHECK, deadline_s=SOON)) for _ in range(10)]
    await until(lambda: operator.forms)
    await settle()
    operator.token_gate.set()
    faults = await asyncio.gather(*askers, return_exceptions=True)
    assert all(isinstance(fault, OperatorFault) and fault.reason is U.NOT_PERMITTED for fault in faults)
    assert len({id(fault) for fault in faults}) == 10
    assert await tokens.token(CHECK, deadline_s=SOON) == Token("later")
    assert len(operator.forms) == 2


async def test_a_follower_waits_within_its_own_deadline_and_a_leader_that_leaves_takes_nobody_along(
    operator: PretendOperator,
) -> None:
    operator.token_gate = asyncio.Event()
    tokens = operator.tokens()
    leader = asyncio.create_task(tokens.token(CHECK, deadline_s=SOON))
    patient = asyncio.create_task(tokens.token(CHECK, deadline_s=SOON))
    await asyncio.sleep(0)
    hasty = await fault_of(tokens, deadline_s=1000.05)
    assert (hasty.reason, hasty.code) == (U.TIMEOUT, KitCode.DEADLINE)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    operator.token_gate.set()
    assert await patient == Token("token-1")


async def test_a_past_deadline_asks_nothing(operator: PretendOperator) -> None:
    for wanted in (CHECK, SINGLE):
        assert (await fault_of(operator.tokens(), wanted, deadline_s=1000.0)).reason is U.TIMEOUT
    assert operator.forms == []


async def test_a_hanging_token_endpoint_meets_the_wall_clock(operator: PretendOperator) -> None:
    operator.token_gate = asyncio.Event()
    limits = TokenLimits(request_timeout_s=0.05)
    tokens = operator.tokens(random=Random(1), limits=limits)
    fault = await fault_of(tokens)
    assert (fault.reason, fault.code) == (U.TIMEOUT, KitCode.ATTEMPT_TIMEOUT)


async def test_a_token_is_used_until_it_is_due_and_renewed_beside_the_callers(operator: PretendOperator) -> None:
    tokens = operator.tokens()
    assert await tokens.token(CHECK, deadline_s=SOON) == Token("token-1")
    operator.clock.advance(200)  # before 70 % of 300 s
    assert await tokens.token(CHECK, deadline_s=2000) == Token("token-1")
    assert len(operator.forms) == 1
    operator.clock.advance(75)  # past 90 %, before 95 %
    assert await tokens.token(CHECK, deadline_s=2000) == Token("token-1")
    await until(lambda: len(operator.forms) == 2)
    await settle()
    assert await tokens.token(CHECK, deadline_s=2000) == Token("token-2")
    assert len(operator.forms) == 2


async def test_renewal_is_spread(operator: PretendOperator) -> None:
    due = set()
    for seed in range(20):
        tokens = operator.tokens(random=Random(seed), limits=TokenLimits())
        await tokens.token(CHECK, deadline_s=SOON)
        due.add(round(tokens._kept[CHECK].refresh_at_s - 1000))
    assert min(due) >= 210
    assert max(due) <= 270
    assert len(due) > 10


async def test_a_failed_renewal_keeps_the_old_token_and_does_not_ask_at_every_call(operator: PretendOperator) -> None:
    tokens = operator.tokens()
    await tokens.token(CHECK, deadline_s=SOON)
    operator.token_answers = [httpx.Response(503)]
    operator.clock.advance(275)
    for _ in range(10):
        assert await tokens.token(CHECK, deadline_s=2000) == Token("token-1")
        await asyncio.sleep(0.001)
    assert len(operator.forms) == 2
    operator.clock.advance(20)  # past 95 %: no longer believed
    assert (await fault_of(tokens, deadline_s=2000)).code == KitCode.HTTP_SERVER_ERROR


@pytest.mark.parametrize(
    ("expires_in", "good_for_s"),
    [(300, 285), ("300", 285), (300.9, 285), (None, 57), ("soon", 57), ("-5", 57), (-5, 0), (0, 0), (10**30, 82_080)],
)
async def test_lifetimes_as_operators_write_them(
    operator: PretendOperator, expires_in: object, good_for_s: float
) -> None:
    operator.token_answers = [grant(expires_in=expires_in)]
    tokens = operator.tokens()
    assert await tokens.token(CHECK, deadline_s=SOON) == Token("t")
    assert tokens._kept[CHECK].usable_until_s - 1000 == pytest.approx(good_for_s, abs=1)


async def test_number_verification_tokens_are_neither_kept_nor_shared(operator: PretendOperator) -> None:
    tokens = operator.tokens()
    values = await asyncio.gather(*(tokens.token(SINGLE, deadline_s=SOON) for _ in range(5)))
    assert len(set(values)) == 5
    assert not tokens._kept


async def test_the_cache_forgets_the_least_recently_used(operator: PretendOperator) -> None:
    limits = TokenLimits(tokens_max=3)
    tokens = operator.tokens(random=Random(1), limits=limits)
    wanted = [TokenWanted(Flow.JWT_BEARER_TEL, f"tel:+3460000010{n}", "Fraud", ("sim-swap",)) for n in range(4)]
    for one in (*wanted[:3], wanted[0], wanted[3]):
        await tokens.token(one, deadline_s=SOON)
    assert set(tokens._kept) == {wanted[0], wanted[2], wanted[3]}


async def test_a_refused_token_is_dropped_but_not_its_successor(operator: PretendOperator) -> None:
    tokens = operator.tokens()
    first = await tokens.token(CHECK, deadline_s=SOON)
    tokens.invalidate(CHECK, first)
    second = await tokens.token(CHECK, deadline_s=SOON)
    tokens.invalidate(CHECK, first)
    assert await tokens.token(CHECK, deadline_s=SOON) == second != first


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        (
            httpx.Response(429, json={"status": 429, "code": "X", "message": "no"}),
            U.OPERATOR_ERROR,
            "TOO_MANY_REQUESTS",
        ),
        (httpx.Response(400, json={"message": "gateway"}), U.OPERATOR_ERROR, KitCode.HTTP_CLIENT_ERROR),
        (httpx.Response(400, json={"error": "invented_here"}), U.OPERATOR_ERROR, KitCode.HTTP_CLIENT_ERROR),
        (
            httpx.Response(400, json={"access_token": "t", "token_type": "bearer"}),
            U.OPERATOR_ERROR,
            KitCode.HTTP_CLIENT_ERROR,
        ),
        (
            httpx.Response(201, json={"access_token": "t", "token_type": "bearer"}),
            U.MALFORMED,
            KitCode.UNEXPECTED_STATUS,
        ),
        (httpx.Response(502, text="<html>"), U.OPERATOR_ERROR, KitCode.HTTP_SERVER_ERROR),
        (httpx.Response(200, text="<html>"), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (ok({}), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (ok({"status": 429, "code": "QUOTA_EXCEEDED"}), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(access_token=""), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(access_token="a b"), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(access_token="a\r\nx-evil: 1"), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(access_token="a\n"), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(access_token="x" * 8193), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(access_token=5), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(token_type=None), U.MALFORMED, KitCode.TOKEN_MALFORMED),
        (grant(token_type="DPoP"), U.MALFORMED, KitCode.TOKEN_TYPE_UNKNOWN),
        (grant(token_type="mac"), U.MALFORMED, KitCode.TOKEN_TYPE_UNKNOWN),
        (
            ok('{"access_token":"a","access_token":"b","token_type":"bearer"}'),
            U.MALFORMED,
            KitCode.TOKEN_MALFORMED,
        ),
        (grant(scope=""), U.NOT_PERMITTED, KitCode.SCOPE_REDUCED),
        (grant(scope="sim-swap:retrieve-date"), U.NOT_PERMITTED, KitCode.SCOPE_REDUCED),
        (grant(scope="dpv:FraudPreventionAndDetection"), U.NOT_PERMITTED, KitCode.SCOPE_REDUCED),
        (grant(scope="dpv:Marketing sim-swap:check"), U.NOT_PERMITTED, KitCode.SCOPE_REDUCED),
    ],
)
async def test_whatever_is_not_a_fitting_token_is_never_kept(
    operator: PretendOperator, answer: httpx.Response, reason: U, code: str
) -> None:
    operator.token_answers = [answer]
    tokens = operator.tokens()
    fault = await fault_of(tokens)
    assert (fault.reason, fault.code) == (reason, code)
    assert not tokens._kept


@pytest.mark.parametrize(
    "scope", ["sim-swap:check", "dpv:FraudPreventionAndDetection sim-swap:check", "openid sim-swap:check more", None]
)
async def test_at_least_the_scope_asked_for_is_enough(operator: PretendOperator, scope: str | None) -> None:
    operator.token_answers = [grant(scope=scope, token_type="bearer")]
    assert await operator.tokens().token(CHECK, deadline_s=SOON) == Token("t")


@pytest.mark.parametrize(
    ("granted", "fits"),
    [
        ("dpv:FraudPreventionAndDetection#sim-swap:check", True),
        ("dpv:Marketing#sim-swap:check", False),
        ("dpv:FraudPreventionAndDetection#sim-swap:retrieve-date", False),
    ],
)
async def test_a_purpose_glued_to_the_scope_is_compared_too(
    operator: PretendOperator, granted: str, fits: bool
) -> None:
    operator.token_answers = [grant(scope=granted)]
    tokens = operator.tokens(scope_template="dpv:{purpose}#{scopes}")
    if fits:
        assert await tokens.token(CHECK, deadline_s=SOON) == Token("t")
        assert operator.forms[0]["scope"] == "dpv:FraudPreventionAndDetection#sim-swap:check"
    else:
        assert (await fault_of(tokens)).code == KitCode.SCOPE_REDUCED


async def test_closing_gives_up_what_is_under_way_and_those_who_wait_get_a_reason(operator: PretendOperator) -> None:
    operator.token_gate = asyncio.Event()
    tokens = operator.tokens()
    asker = asyncio.create_task(tokens.token(CHECK, deadline_s=SOON))
    await until(lambda: operator.forms)
    await tokens.aclose()
    with pytest.raises(OperatorFault):
        await asker


async def test_no_secret_shows_in_a_repr(operator: PretendOperator) -> None:
    profile = operator.profile(secret="s3cret")
    tokens = operator.tokens(secret="s3cret", signer=None)
    await tokens.token(CHECK, deadline_s=SOON)
    shown = repr((profile, tokens._kept, TEL, SINGLE, tokens))
    for secret in ("s3cret", "token-1", "+34600000101", "opaque"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("ES256", KEY), ("ES384", ECKey.generate_key("P-384")), ("RS256", RSAKey.generate_key(2048)), ("PS256", None)],
)
def test_assertions_verify_under_the_published_key_with_each_algorithm(algorithm: SigningAlgorithm, key: Any) -> None:
    key = key or RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    imported = import_signing_key(pem, algorithm, "file key.pem")
    style = AssertionStyle(algorithm, "https://issuer.example", 60)
    assertion = AssertionSigner(imported, "k1", style, HandClock(), Random(1)).client_assertion("me", TOKEN_URL)
    published = public_jwks(imported, "k1")["keys"]
    assert isinstance(published, list)
    assert published[0]["kid"] == "k1"
    assert "d" not in published[0]
    token = jwt.decode(assertion, type(key).import_key(published[0]), algorithms=[algorithm])
    assert token.claims["aud"] == "https://issuer.example"


def test_a_key_may_be_a_jwk() -> None:
    text = json.dumps(KEY.as_dict(private=True))
    assert import_signing_key(text, "ES256", "env KEY").thumbprint() == KEY.thumbprint()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a key",
        "{}",
        "{",
        '{"kty":"oct","k":"AAAA"}',
        json.dumps(KEY.as_dict(private=False)),
        KEY.as_pem(private=False).decode(),
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        RSAKey.generate_key(2048).as_pem(private=True).decode(),
    ],
)
def test_an_unfit_key_names_its_place_and_not_itself(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"^file key\.pem: ") as caught:
        import_signing_key(text, "ES256", "file key.pem")
    assert len(text) < 9 or text[:40] not in str(caught.value)
