"""Grants in which a person takes part: how often they are asked, who may answer, and what is believed of it."""

import base64
import hashlib
from collections.abc import Sequence

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.authorization_code import HoldsCeremonies, Started
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.manifest import CapabilityManifest
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.trial.bench import (
    DIGITS,
    OPERATOR_TOKEN,
    PURPOSE,
    REDIRECT_URI,
    Bench,
    Check,
    Failed,
    NotApplicable,
    Run,
    expect,
    observed,
    unavailable,
)
from broker.adapter_kit.trial.operator import PLAYED, Asked, Reply, Script
from broker.domain.signal import Unavailability

U = Unavailability
_INTERVAL_S, _SLOWER_S, _EXPIRES_S = 5.0, 5.0, 120.0
_OTHER_HINTS = ("login_hint_token", "id_token_hint")
_BEGUN = {"auth_req_id": "trial-request-1", "expires_in": 120, "interval": 5}
_USELESS: Sequence[tuple[str, str, Reply]] = (
    ("page", "a page", Reply(b"<html>")),
    ("no-id", "an answer without a request id", Reply({"expires_in": 120})),
    ("empty-id", "an empty request id", Reply({**_BEGUN, "auth_req_id": ""})),
    ("newline", "a request id that is not printable", Reply({**_BEGUN, "auth_req_id": "a\nb"})),
    ("huge", "a request id of 2 kB", Reply({**_BEGUN, "auth_req_id": "a" * 2048})),
    ("no-end", "a request without an end", Reply({**_BEGUN, "expires_in": 0})),
)
_REFUSED: Sequence[tuple[int, str, U]] = (
    (400, "unknown_user_id", U.UNKNOWN_SUBSCRIBER),
    (403, "access_denied", U.NOT_PERMITTED),
    (400, "unauthorized_client", U.OPERATOR_ERROR),
    (401, "invalid_client", U.OPERATOR_ERROR),
    (400, "invalid_scope", U.OPERATOR_ERROR),
    (503, "temporarily_unavailable", U.OPERATOR_ERROR),
)
_CAME_BACK: Sequence[tuple[str, U]] = (
    ("access_denied", U.NOT_PERMITTED),
    ("consent_required", U.NOT_PERMITTED),
    ("login_required", U.NOT_APPLICABLE),
    ("interaction_required", U.NOT_APPLICABLE),
    ("invalid_scope", U.OPERATOR_ERROR),
    ("server_error", U.OPERATOR_ERROR),
    ("words_of_their_own", U.OPERATOR_ERROR),
)


def _over(bench: Bench, flow: Flow) -> CapabilityManifest:
    for one in bench.subject.built:
        if one.flow is flow and one.api in PLAYED:
            return one
    raise NotApplicable(f"nothing is asked over {flow}")


def _phone(bench: Bench) -> CapabilityManifest:
    return _over(bench, Flow.CIBA)


def _says(code: str) -> Script:
    return lambda _: Reply({"error": code}, 400)


async def _pending(bench: Bench) -> CapabilityManifest:
    capability = _phone(bench)
    bench.operator.token = _says("authorization_pending")
    signal = unavailable(await bench.ask(capability), U.LATE)
    expect(signal.code == KitCode.PERSON_ASKED, f"the code is {signal.code}")
    return capability


async def _waits(bench: Bench) -> None:
    capability = await _pending(bench)
    unavailable(await bench.ask(capability), U.LATE)
    expect(len(bench.operator.token_requests) == 1, "the operator was polled before the interval was over")
    bench.clock.advance(_INTERVAL_S)
    unavailable(await bench.ask(capability), U.LATE)
    expect(len(bench.operator.token_requests) == 2, "the operator was not polled when the interval was over")  # noqa: PLR2004
    expect(len(bench.operator.backchannel_requests) == 1, "the person was asked again")
    expect(not bench.operator.api_requests, "the API was asked without a token")


async def _slows(bench: Bench) -> None:
    capability = _phone(bench)
    bench.operator.token = _says("slow_down")
    unavailable(await bench.ask(capability), U.LATE)
    bench.clock.advance(_INTERVAL_S + _SLOWER_S - 1)
    unavailable(await bench.ask(capability), U.LATE)
    expect(len(bench.operator.token_requests) == 1, "it did not slow down")


async def _yes(bench: Bench) -> None:
    capability = await _pending(bench)
    bench.operator.token = lambda _: Reply({"access_token": "trial-token-9", "token_type": "Bearer"})
    bench.clock.advance(_INTERVAL_S)
    observed(await bench.ask(capability))
    expect(len(bench.operator.backchannel_requests) == 1, "the person was asked twice")
    ids = {asked.fields.get("auth_req_id") for asked in bench.operator.token_requests}
    expect(ids == {"trial-request-1"}, f"it asked for {ids}")


def _no(code: str) -> Run:
    async def run(bench: Bench) -> None:
        capability = _phone(bench)
        bench.operator.token = _says(code)
        for _ in range(3):
            unavailable(await bench.ask(capability), U.NOT_PERMITTED)
        count = len(bench.operator.backchannel_requests)
        expect(count == 1, f"the person was asked {count} times in a minute")

    return run


async def _silence(bench: Bench) -> None:
    capability = await _pending(bench)
    bench.clock.advance(_EXPIRES_S + 1)
    unavailable(await bench.ask(capability), U.NOT_PERMITTED)
    expect(len(bench.operator.backchannel_requests) == 1, "the person was asked again at once")


async def _hint(bench: Bench) -> None:
    capability = _phone(bench)
    await bench.ask(capability)
    form = bench.operator.backchannel_requests[0].fields
    if "request" in form:
        raise NotApplicable("the request is signed")
    hint = form.get("login_hint", "")
    named = OPERATOR_TOKEN if capability.known.compares_owner else DIGITS
    expect(named in hint, "login_hint does not name the subject")
    expect(not any(name in form for name in _OTHER_HINTS), "there is another hint")
    expect(PURPOSE in f"{form.get('scope', '')} {form.get('purpose', '')}" or "dpv" not in str(form), "no purpose")


async def _both_answers(bench: Bench) -> None:
    capability = await _pending(bench)
    bench.clock.advance(_INTERVAL_S)
    unavailable(await bench.ask(capability, consumer="another"), U.LATE)
    count = len(bench.operator.backchannel_requests)
    expect(count == 2, "what one application asked served another")  # noqa: PLR2004


def _useless(reply: Reply) -> Run:
    async def run(bench: Bench) -> None:
        capability = _phone(bench)
        bench.operator.backchannel = lambda _: reply
        unavailable(await bench.ask(capability), U.MALFORMED)
        unavailable(await bench.ask(capability), U.LATE)
        expect(not bench.operator.token_requests, "a token was asked for without a request")
        expect(len(bench.operator.backchannel_requests) == 1, "a person who may have been asked was asked again")

    return run


def _refused(status: int, code: str, reason: U) -> Run:
    async def run(bench: Bench) -> None:
        bench.operator.backchannel = lambda _: Reply({"error": code}, status)
        unavailable(await bench.ask(_phone(bench)), reason)
        expect(not bench.operator.token_requests, "a token was asked for")

    return run


def _started(bench: Bench) -> tuple[CapabilityManifest, HoldsCeremonies, Started]:
    capability = _over(bench, Flow.AUTHORIZATION_CODE)
    if not isinstance(bench.adapter, HoldsCeremonies):
        raise Failed("it declares a ceremony and cannot hold one")
    return capability, bench.adapter, bench.adapter.start_ceremony(capability.known.signal, PURPOSE)


async def _alone(bench: Bench) -> None:
    capability = _over(bench, Flow.AUTHORIZATION_CODE)
    unavailable(await bench.ask(capability, proof=None), U.NOT_APPLICABLE)
    expect(not bench.operator.token_requests and not bench.operator.api_requests, "an operator was asked in vain")


async def _pkce(bench: Bench) -> None:
    capability, _, _ = _started(bench)
    observed(await bench.ask(capability))
    sent, form = bench.operator.browser_requests[-1].fields, bench.operator.token_requests[-1].fields
    if "request" in sent:
        raise NotApplicable("the request is signed")
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    expect(sent["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), "the verifier is another")
    expect(sent["code_challenge_method"] == "S256", "the challenge is not S256")
    expect(form["redirect_uri"] == sent["redirect_uri"] == REDIRECT_URI, "redirect_uri differs")


async def _fresh(bench: Bench) -> None:
    _, _, one = _started(bench)
    _, _, other = _started(bench)
    expect(one.transaction.state != other.transaction.state, "a state was used twice")
    expect(one.transaction.verifier != other.transaction.verifier, "a verifier was used twice")
    expect(one.transaction.verifier not in one.url, "the verifier is in the URL")
    expect(DIGITS not in one.url, "the number is in the URL")


def _came_back(callback: dict[str, str], *reasons: U) -> Run:
    async def run(bench: Bench) -> None:
        _, adapter, started = _started(bench)
        answer = {**bench.answer_to(started), **callback}
        if "error" in callback:
            del answer["code"]
        try:
            adapter.finish_ceremony(answer, started.transaction)
        except OperatorFault as fault:
            expect(fault.reason in reasons, f"expected {' or '.join(reasons)}, got {fault.reason}")
            return
        raise Failed("it was believed")

    return run


async def _too_late(bench: Bench) -> None:
    _, adapter, started = _started(bench)
    bench.clock.advance(3600)
    try:
        adapter.finish_ceremony(bench.answer_to(started), started.transaction)
    except OperatorFault:
        return
    raise Failed("an answer after an hour was believed")


async def _hangs(bench: Bench) -> None:
    capability = _phone(bench)

    async def lost(asked: Asked) -> None:
        if asked.endpoint == "backchannel":
            raise ConnectionResetError

    bench.operator.pause = lost
    unavailable(await bench.ask(capability), U.OPERATOR_ERROR)
    bench.operator.pause = None
    unavailable(await bench.ask(capability), U.LATE)
    expect(len(bench.operator.backchannel_requests) == 1, "a person who may have been asked was asked again")


_RULES: Sequence[tuple[str, str, Run]] = (
    ("ciba.waits", "a person who has not answered is late, and the interval is kept", _waits),
    ("ciba.slows", "slow_down makes the interval longer", _slows),
    ("ciba.yes", "a person who says yes was asked once", _yes),
    ("ciba.no", "a person who says no is left in peace", _no("access_denied")),
    ("ciba.expired", "a person who did not answer is left in peace", _no("expired_token")),
    ("ciba.silence", "after the end of a request nobody is asked again at once", _silence),
    ("ciba.hint", "the subject is the only hint", _hint),
    ("ciba.applications", "what one application asked is no other's", _both_answers),
    ("ciba.lost", "nobody is asked again while it is not known whether they were", _hangs),
    ("code.alone", "without a ceremony nobody is asked", _alone),
    ("code.pkce", "the code is redeemed with the verifier of its challenge", _pkce),
    ("code.fresh", "every ceremony has secrets of its own, and none is in the URL", _fresh),
    ("code.state", "an answer with another state is not believed", _came_back({"state": "forged"}, U.MALFORMED)),
    (
        "code.issuer",
        "an answer of another operator is not believed",
        _came_back({"iss": "https://elsewhere.example"}, U.MALFORMED),
    ),
    ("code.empty", "an answer without a code is not believed", _came_back({"code": ""}, U.MALFORMED)),
    ("code.late", "an answer that comes too late is not believed", _too_late),
)


def checks() -> list[Check]:
    """Every check of this kind."""
    rules = [Check(f"tokens.{name}", "tokens", says, run) for name, says, run in _RULES]
    useless = [
        Check(f"tokens.ciba.useless.{name}", "tokens", f"{says} from the backchannel is malformed", _useless(reply))
        for name, says, reply in _USELESS
    ]
    refused = [
        Check(f"tokens.ciba.error.{code}", "tokens", f"{code} from the backchannel is {reason}", _refused(
            status, code, reason))
        for status, code, reason in _REFUSED
    ]  # fmt: skip
    back = [
        Check(f"tokens.code.error.{code}", "tokens", f"{code} from the authorization endpoint is {reason}", _came_back(
            {"error": code}, reason))
        for code, reason in _CAME_BACK
    ]  # fmt: skip
    return [*rules, *useless, *refused, *back]
