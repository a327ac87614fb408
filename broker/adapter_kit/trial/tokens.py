"""Tokens: what is sent for one, what is believed of one, and how often one is asked for."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

from broker.adapter_kit.manifest import CapabilityManifest
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.trial.answers import first
from broker.adapter_kit.trial.bench import (
    OPERATOR_TOKEN,
    PURPOSE,
    Bench,
    Check,
    NotApplicable,
    Run,
    expect,
    observed,
    unavailable,
    uses_tokens,
)
from broker.adapter_kit.trial.operator import NOON, PLAYED, Reply, Script, error
from broker.domain.signal import Unavailability

U = Unavailability
_LIFETIME_S_MAX = 300
_TOGETHER = 20
_REFUSED: Sequence[tuple[int, str, tuple[U, ...]]] = (
    (400, "invalid_request", (U.OPERATOR_ERROR,)),
    (401, "invalid_client", (U.OPERATOR_ERROR,)),
    (400, "invalid_grant", (U.NOT_PERMITTED,)),
    (400, "unauthorized_client", (U.OPERATOR_ERROR,)),
    (400, "unsupported_grant_type", (U.OPERATOR_ERROR,)),
    (400, "invalid_scope", (U.OPERATOR_ERROR,)),
    (400, "access_denied", (U.NOT_PERMITTED,)),
    (400, "unknown_user_id", (U.UNKNOWN_SUBSCRIBER,)),
    (400, "consent_required", (U.NOT_PERMITTED,)),
    (503, "temporarily_unavailable", (U.OPERATOR_ERROR,)),
    (400, "words_of_their_own", (U.OPERATOR_ERROR,)),
)
_USELESS: Sequence[tuple[str, str, Reply]] = (
    ("gateway", "a gateway's error in JSON", Reply({"status": 429, "code": "TOO_MANY_REQUESTS", "message": "m"}, 429)),
    ("page", "an HTML page", Reply(b"<html>sign in</html>")),
    ("no-token", "an answer without a token", Reply({"token_type": "Bearer"})),
    ("no-type", "a token without a type", Reply({"access_token": "t"})),
    ("mac", "a token of another type", Reply({"access_token": "t", "token_type": "mac"})),
    ("number", "a token that is a number", Reply({"access_token": 1, "token_type": "Bearer"})),
    ("empty", "an empty token", Reply({"access_token": "", "token_type": "Bearer"})),
    ("newline", "a token that would write a header", Reply({"access_token": "t\r\nx: y", "token_type": "Bearer"})),
    ("huge", "a token of 20 kB", Reply({"access_token": "t" * 20_000, "token_type": "Bearer"})),
    ("twice", "a token given twice", Reply(b'{"access_token":"a","access_token":"b","token_type":"Bearer"}')),
    ("created", "a token with status 201", Reply({"access_token": "t", "token_type": "Bearer"}, 201)),
    ("redirect", "a redirect", Reply(b"", 302, {"location": "https://elsewhere.example"})),
)


def _with_tokens(bench: Bench) -> CapabilityManifest:
    first(bench)
    for capability in _played(bench):
        if capability.flow is not Flow.API_KEY:
            return capability
    return uses_tokens(first(bench))


def _played(bench: Bench) -> Sequence[CapabilityManifest]:
    return [one for one in bench.subject.built if one.api in PLAYED]


def _lasting(bench: Bench) -> CapabilityManifest:
    _with_tokens(bench)
    for capability in _played(bench):
        if capability.flow is not Flow.API_KEY and not capability.known.single_use:
            return capability
    raise NotApplicable("every token here is good for one call")


def _no_token(reply: Reply, *reasons: U) -> Run:
    async def run(bench: Bench) -> None:
        bench.operator.token = lambda _: reply
        unavailable(await bench.ask(_with_tokens(bench)), *reasons)
        expect(not bench.operator.api_requests, "the API was asked without a token")

    return run


def assertion_of(form: dict[str, Any] | Any) -> dict[str, Any]:
    """The claims of the assertion in a token request."""
    text = form.get("assertion") or form.get("client_assertion")
    if not text:
        raise NotApplicable("no assertion is sent")
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
    return claims


async def _claims(bench: Bench) -> dict[str, Any]:
    await bench.ask(_with_tokens(bench))
    return assertion_of(bench.operator.token_requests[0].fields)


async def _lifetime(bench: Bench) -> None:
    claims = await _claims(bench)
    expect(0 < claims["exp"] - claims["iat"] <= _LIFETIME_S_MAX, f"it lives {claims['exp'] - claims['iat']} s")


async def _issued(bench: Bench) -> None:
    expect((await _claims(bench))["iat"] == int(NOON.timestamp()), "iat is not the handed-in clock's now")


async def _addressed(bench: Bench) -> None:
    oauth, settings = bench.subject.manifest.oauth, bench.subject.settings
    wanted = settings.base_url + (oauth.token_path if oauth.assertion_audience == "endpoint" else "")
    expect((await _claims(bench))["aud"] == wanted, f"aud is not {wanted}")


async def _ourselves(bench: Bench) -> None:
    expect((await _claims(bench)).get("iss", "trial-client") == "trial-client", "iss is not the client's id")


async def _fresh_jti(bench: Bench) -> None:
    capability = _with_tokens(bench)
    bench.operator.token = lambda _: Reply({"error": "temporarily_unavailable"}, 503)
    for _ in range(5):
        await bench.ask(capability)
    asked_for = [*bench.operator.backchannel_requests, *bench.operator.token_requests]
    ids = [assertion_of(asked.fields)["jti"] for asked in asked_for]
    expect(len(set(ids)) == len(ids) > 1, "a jti was used twice")


async def _one_purpose(bench: Bench) -> None:
    await bench.ask(_with_tokens(bench))
    if bench.subject.manifest.oauth.purpose_in == "nowhere":
        raise NotApplicable("this operator knows no purposes")
    form = bench.operator.first_form
    said = form.get("scope") or assertion_of(form).get("scope", "")
    text = f"{said} {form.get('purpose', '')}"
    expect(text.count("dpv:") == 1, "not exactly one purpose was sent")
    expect(f"dpv:{PURPOSE}" in text, "another purpose was sent")


async def _smuggled(bench: Bench) -> None:
    unavailable(await bench.ask(_with_tokens(bench), purpose="X sim-swap:everything"), U.NOT_PERMITTED)
    expect(not bench.operator.token_requests, "a token was asked for")


async def _no_offline(bench: Bench) -> None:
    await bench.ask(_with_tokens(bench))
    expect("offline_access" not in json.dumps(dict(bench.operator.first_form)), "a refresh token is asked")


async def _kept(bench: Bench) -> None:
    capability = _lasting(bench)
    bench.operator.token = _lasting_token(bench)
    for _ in range(3):
        observed(await bench.ask(capability))
    scopes = len(capability.offered_scopes)
    expect(len(bench.operator.token_requests) <= scopes, "a good token was not used again")


def _lasting_token(bench: Bench) -> Script:
    return lambda _: Reply({"access_token": "t", "token_type": bench.token_type, "expires_in": "3600"})


async def _together(bench: Bench) -> None:
    capability = _lasting(bench)

    async def later(_: object) -> None:
        await asyncio.sleep(0)

    bench.operator.pause = later
    for signal in await asyncio.gather(*(bench.ask(capability) for _ in range(_TOGETHER))):
        observed(signal)
    scopes = len(capability.offered_scopes)
    expect(len(bench.operator.token_requests) <= scopes, f"{len(bench.operator.token_requests)} token requests at once")


async def _expires(bench: Bench) -> None:
    capability = _lasting(bench)
    observed(await bench.ask(capability))
    before = len(bench.operator.token_requests)
    bench.clock.advance(3600)
    observed(await bench.ask(capability))
    expect(len(bench.operator.token_requests) > before, "a token was used after its end")


async def _no_lifetime(bench: Bench) -> None:
    bench.operator.token = lambda _: Reply({"access_token": "t", "token_type": bench.token_type})
    observed(await bench.ask(_with_tokens(bench)))


async def _refused_once(bench: Bench) -> None:
    capability = _lasting(bench)
    bench.operator.api = lambda _: error(401, "UNAUTHENTICATED")
    unavailable(await bench.ask(capability), U.OPERATOR_ERROR)
    scopes = len(capability.offered_scopes)
    expect(len(bench.operator.api_requests) <= 2 * scopes, "a 401 was tried again more than once")


async def _less(bench: Bench) -> None:
    capability = _with_tokens(bench)
    if not bench.subject.manifest.oauth.scope_template:
        raise NotApplicable("no scopes are used")
    bench.operator.token = lambda _: Reply({"access_token": "t", "token_type": bench.token_type, "scope": "profile"})
    unavailable(await bench.ask(capability), U.NOT_PERMITTED)
    expect(not bench.operator.api_requests, "the API was asked with a token for less")


async def _other_purpose(bench: Bench) -> None:
    capability = _with_tokens(bench)
    if bench.subject.manifest.oauth.purpose_in != "scope":
        raise NotApplicable("the purpose is no scope here")
    scopes = " ".join(capability.offered_scopes.values())
    granted = {"access_token": "t", "token_type": bench.token_type, "scope": f"openid dpv:Marketing {scopes}"}
    bench.operator.token = lambda _: Reply(granted)
    unavailable(await bench.ask(capability), U.NOT_PERMITTED)


async def _not_for_another(bench: Bench) -> None:
    capability = _lasting(bench)
    bench.operator.token = _lasting_token(bench)
    observed(await bench.ask(capability))
    before = len(bench.operator.token_requests)
    observed(await bench.ask(capability, purpose="ServiceProvision"))
    purposes = bench.subject.manifest.oauth.purpose_in
    expect(purposes == "nowhere" or len(bench.operator.token_requests) > before, "a token served another purpose")


async def _spent(bench: Bench) -> None:
    single = [one for one in _played(bench) if one.known.single_use]
    if not single:
        raise NotApplicable("no API here has tokens for one call")
    for _ in range(2):
        observed(await bench.ask(single[0]))
    expect(len(bench.operator.token_requests) == 2, "a token for one call was used twice")  # noqa: PLR2004


async def _operator_token(bench: Bench) -> None:
    bearing = [one for one in _played(bench) if one.flow is Flow.JWT_BEARER_OPERATOR_TOKEN]
    if not bearing:
        raise NotApplicable("no operator token is used")
    unavailable(await bench.ask(bearing[0], operator_token=None), U.NOT_APPLICABLE)
    expect(not bench.operator.token_requests, "a token was asked for without proof")
    await bench.ask(bearing[0])
    subject = assertion_of(bench.operator.token_requests[0].fields)["sub"]
    expect(subject == f"operatortoken:{OPERATOR_TOKEN}", "the assertion's subject is not the operator token")


def _with_a_key(bench: Bench) -> CapabilityManifest:
    if not bench.subject.manifest.oauth.dpop:
        raise NotApplicable("no key is shown")
    return _with_tokens(bench)


async def _unasked(bench: Bench) -> None:
    if bench.subject.manifest.oauth.dpop:
        raise NotApplicable("a key is shown")
    bench.operator.token = lambda _: Reply({"access_token": "t", "token_type": "DPoP"})
    unavailable(await bench.ask(_with_tokens(bench)))
    expect(not bench.operator.api_requests, "the API was asked with a token that nobody can use")


async def _proofs(bench: Bench) -> None:
    capability = _with_a_key(bench)
    bench.operator.token = lambda _: Reply({"access_token": "t", "token_type": "DPoP", "expires_in": 300})
    signal = observed(await bench.ask(capability))
    expect(not signal.source.downgraded, "a bound token is called a plain one")
    asked = [*bench.operator.backchannel_requests, *bench.operator.token_requests, *bench.operator.api_requests]
    claims = [json.loads(base64.urlsafe_b64decode(one.headers["dpop"].split(".")[1] + "==")) for one in asked]
    expect(
        all(one["htu"] == made.url.partition("?")[0] for one, made in zip(claims, asked, strict=True)), "htu differs"
    )
    expect(len({one["jti"] for one in claims}) == len(claims), "a proof was used twice")
    for one in bench.operator.api_requests:
        expect(one.headers["authorization"] == "DPoP t", "a bound token was shown as a bearer token")
    expect(all("ath" in one for one in claims[-len(bench.operator.api_requests) :]), "the proof is for no token")


async def _downgraded(bench: Bench) -> None:
    capability = _with_a_key(bench)
    signal = observed(await bench.ask(capability))
    expect(signal.source.downgraded, "a plain token was not told apart from a bound one")
    for one in bench.operator.api_requests:
        expect("dpop" not in one.headers, "a plain token was shown with a proof")


async def _nonce(bench: Bench) -> None:
    capability = _with_a_key(bench)
    first = Reply({"error": "use_dpop_nonce"}, 400, {"dpop-nonce": "trial-nonce"})
    given = Reply({"access_token": "t", "token_type": "DPoP", "expires_in": 300})
    bench.operator.token = lambda _: given if len(bench.operator.token_requests) > 1 else first
    observed(await bench.ask(capability))
    proof = bench.operator.token_requests[1].headers["dpop"]
    claims = json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))
    expect(claims.get("nonce") == "trial-nonce", "the nonce was not used")


_RULES: Sequence[tuple[str, str, Run]] = (
    ("useless.dpop", "a token that is bound to a key we did not show is never a token", _unasked),
    ("dpop.proofs", "every request shows the key anew, and a bound token comes with its proof", _proofs),
    ("dpop.downgraded", "a plain token in the place of a bound one is used and said", _downgraded),
    ("dpop.nonce", "a proof is made again with the nonce that was given", _nonce),
    ("lifetime", "an assertion lives at most 300 s", _lifetime),
    ("iat", "an assertion is issued now", _issued),
    ("aud", "an assertion is addressed as the manifest says", _addressed),
    ("iss", "an assertion is issued by the client", _ourselves),
    ("jti", "every assertion has its own jti", _fresh_jti),
    ("one-purpose", "exactly one purpose is sent, the one asked for", _one_purpose),
    ("purpose-smuggled", "a purpose cannot carry a scope", _smuggled),
    ("no-refresh-token", "no refresh token is asked for", _no_offline),
    ("kept", "a good token is used again", _kept),
    ("together", "many at once share one token request", _together),
    ("expires", "a token is not used after its end", _expires),
    ("no-lifetime", "a token without expires_in is good", _no_lifetime),
    ("refused-once", "a 401 drops the token and is tried again once", _refused_once),
    ("less", "a token for less than asked is refused", _less),
    ("other-purpose", "a token for another purpose is refused", _other_purpose),
    ("not-for-another", "a token serves no other purpose", _not_for_another),
    ("spent", "a token for one call is neither kept nor shared", _spent),
    ("operator-token", "without an operator token nobody is asked; with one it is the subject", _operator_token),
)


def checks() -> list[Check]:
    """Every check of this kind."""
    refused = [
        Check(f"tokens.error.{code}", "tokens", f"{code} at the token endpoint is {' or '.join(reasons)}", _no_token(
            Reply({"error": code, "error_description": "+99900000000001"}, status), *reasons))
        for status, code, reasons in _REFUSED
    ]  # fmt: skip
    useless = [
        Check(f"tokens.useless.{name}", "tokens", f"{says} is never a token", _no_token(reply))
        for name, says, reply in _USELESS
    ]
    rules = [Check(f"tokens.{name}", "tokens", says, run) for name, says, run in _RULES]
    return [*refused, *useless, *rules]
