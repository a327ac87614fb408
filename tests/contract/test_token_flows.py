"""The kit's grants against an operator that follows the specifications, over real HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from adapters.mock.operator.profile import (
    AuthorizeTerms,
    CibaTerms,
    ClientAuthentication,
    ClientTerms,
    DpopTerms,
    Grant,
    SubjectForm,
)
from broker.adapter_kit.adapter import Adapter, CeremonyProof, OperatorFault
from broker.adapter_kit.authorization_code import Started
from broker.adapter_kit.ciba import PendingMemory
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import Refused
from broker.adapter_kit.manifest import Manifest, PromptManifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.adapter_kit.prompts import AskPerson, HearPerson, PersonAsked, PromptAnswer, forbids, may_pass
from broker.domain.phone import PhoneNumber
from broker.domain.signal import AgeRange, Match, Observed, Signal, SignalName, Unavailability, Unavailable
from broker.operators.guards.breaker import EgressWatch
from broker.operators.guards.compose import guard
from broker.operators.guards.limits import GuardLimits
from tests.contract.token_flows import SIM_SWAP, VERIFICATION, Scene, client_of, manifest, profile
from tests.support.certificates import Authority
from tests.support.clocks import HandClock
from tests.support.loopback import NOBODY
from tests.support.mock_operator import RunningOperator, running_operator

U = Unavailability
STEADY, SILENT, SAYS_NO = "+34600000101", "+34600000109", "+34600000152"
CLIENT_CREDENTIALS = {"api": "sim-swap", "version": "2.1.0", "flow": "client_credentials"}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def alba(clock: HandClock) -> Iterator[RunningOperator]:
    with running_operator(profile(), clients=[client_of(profile())], now=clock.now) as operator:
        yield operator


@pytest.fixture
def scene(alba: RunningOperator, clock: HandClock, tmp_path: Path) -> Scene:
    return Scene(alba.url, clock, tmp_path)


def because(signal: Signal) -> tuple[Unavailability, str | None]:
    assert isinstance(signal, Unavailable), signal
    return signal.reason, signal.code


def prompting() -> Manifest:
    return manifest(SIM_SWAP).model_copy(update={"prompt": PromptManifest(scope="number-verification:verify")})


def asked(operator: RunningOperator, path: str) -> int:
    return len(operator.control.requests(path=path))


async def test_a_person_with_consent_on_file_is_never_asked(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        for _ in range(3):
            assert isinstance(await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY)), Observed)
    assert alba.control.prompts(STEADY) == []
    assert asked(alba, "/oauth2/bc-authorize") == 1, "one token serves both operations, and is kept"


async def test_a_person_is_asked_once_and_their_yes_is_found_by_a_later_question(
    alba: RunningOperator, scene: Scene
) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        question = scene.query(SignalName.SIM_SWAP, SILENT)
        for _ in range(3):
            assert because(await adapter.observe(question)) == (U.LATE, KitCode.PERSON_ASKED)
        assert asked(alba, "/oauth2/token") == 1, "the interval is kept"
        alba.control.answer(SILENT, approve=True)
        scene.clock.advance(2)
        signal = await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT))
        assert isinstance(signal, Observed)
        assert isinstance(signal.value, AgeRange)
    assert len(alba.control.prompts(SILENT)) == 1


async def test_a_person_who_says_no_is_left_in_peace_for_a_while(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        for _ in range(3):
            refusal = because(await adapter.observe(scene.query(SignalName.SIM_SWAP, SAYS_NO)))
            assert refusal == (U.NOT_PERMITTED, "access_denied")
        assert len(alba.control.prompts(SAYS_NO)) == 1
        scene.clock.advance(301)
        await adapter.observe(scene.query(SignalName.SIM_SWAP, SAYS_NO))
        assert len(alba.control.prompts(SAYS_NO)) == 2


async def test_many_questions_at_once_ring_one_phone_once(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as one, scene.adapter(manifest(SIM_SWAP)) as other:
        questions = [scene.query(SignalName.SIM_SWAP, SILENT) for _ in range(10)]
        signals = await asyncio.gather(*(adapter.observe(q) for q in questions for adapter in (one, other)))
        assert {because(signal) for signal in signals} == {(U.LATE, KitCode.PERSON_ASKED)}
    assert len(alba.control.prompts(SILENT)) == 1


async def test_a_signed_backchannel_request_and_the_operator_tokens_hint(clock: HandClock, tmp_path: Path) -> None:
    terms = CibaTerms(subject_forms=frozenset({SubjectForm.OPERATOR_TOKEN}), signed_requests="required")
    strict = profile(ciba=terms)
    with running_operator(strict, clients=[client_of(strict)], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(VERIFICATION | {"flow": "ciba"}, signed_requests=True)) as adapter:
            lone = await adapter.observe(scene.query(SignalName.NUMBER_VERIFICATION, STEADY))
            assert because(lone) == (U.NOT_APPLICABLE, KitCode.NO_OPERATOR_TOKEN)
            token = operator.control.operator_token(STEADY)
            question = scene.query(SignalName.NUMBER_VERIFICATION, STEADY, operator_token=token)
            signal = await adapter.observe(question)
            assert isinstance(signal, Observed)
            assert signal.value == Match(matched=True)


async def test_a_lost_answer_of_the_backchannel_asks_nobody_again_until_the_hold_is_over(
    alba: RunningOperator, scene: Scene
) -> None:
    alba.control.fault("hang", {"type": "backchannel"}, count=1, maxMs=400)
    async with scene.adapter(manifest(SIM_SWAP), token_timeout_ms=100, asked_hold_s=60) as adapter:
        reason, _ = because(await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT)))
        assert reason is U.TIMEOUT
        assert because(await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT))) == (
            U.LATE,
            KitCode.PERSON_ASKED,
        )
        assert len(alba.control.prompts(SILENT)) == 1, "their phone did ring, which nobody here knows"
        scene.clock.advance(61)
        await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT))
        assert len(alba.control.prompts(SILENT)) == 2


async def test_a_backchannel_in_trouble_is_asked_again(alba: RunningOperator, scene: Scene) -> None:
    alba.control.fault("status", {"type": "backchannel"}, count=1, status=503)
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        reason, _ = because(await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT)))
        assert reason is U.OPERATOR_ERROR
        assert because(await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT)))[0] is U.LATE


async def test_a_token_endpoint_in_trouble_is_polled_again_and_the_person_is_not_asked(
    alba: RunningOperator, scene: Scene
) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        alba.control.fault("status", {"type": "token"}, count=1, status=503)
        assert because(await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT)))[0] is U.OPERATOR_ERROR
        alba.control.answer(SILENT, approve=True)
        scene.clock.advance(2)
        # The answer with the token was spoiled on its way, as far as the operator knows it was never collected.
        assert isinstance(await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT)), Observed)
    assert len(alba.control.prompts(SILENT)) == 1


async def test_what_one_application_was_permitted_is_no_others(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        for changes in ({}, {"consumer": "other"}, {"tenant": "globex"}):
            await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY, **changes))
    assert asked(alba, "/oauth2/bc-authorize") == 3


async def test_each_application_asks_for_itself(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(manifest(SIM_SWAP)) as adapter:
        for changes in ({}, {"consumer": "other"}, {"tenant": "globex"}, {"purpose": "RequestedServiceProvision"}):
            for _ in range(2):
                await adapter.observe(scene.query(SignalName.SIM_SWAP, SILENT, **changes))
    assert len(alba.control.prompts(SILENT)) == 4


def carry(started: Started, cellular: str | None) -> dict[str, str]:
    """The person's browser: over the mobile network as this SIM, or over Wi-Fi."""
    headers = {} if cellular is None else {"x-cellular-msisdn": cellular}
    with httpx.Client(trust_env=False, verify=NOBODY) as browser:
        response = browser.get(started.url, headers=headers)
    assert response.status_code == 302, response.text
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


def held(adapter: ManifestAdapter, cellular: str | None) -> CeremonyProof:
    started = adapter.start_ceremony(SignalName.NUMBER_VERIFICATION, "FraudPreventionAndDetection")
    return adapter.finish_ceremony(carry(started, cellular), started.transaction)


@pytest.mark.parametrize(("cellular", "matched"), [(STEADY, True), ("+34600000102", False)])
async def test_a_ceremony_proves_who_holds_the_sim(scene: Scene, cellular: str, matched: bool) -> None:
    async with scene.adapter(manifest(VERIFICATION)) as adapter:
        proof = held(adapter, cellular)
        question = scene.query(SignalName.NUMBER_VERIFICATION, STEADY, proof=proof)
        signal = await adapter.observe(question)
        assert isinstance(signal, Observed)
        assert signal.value == Match(matched=matched)
        again = await adapter.observe(question)
        assert because(again) == (U.NOT_PERMITTED, "invalid_grant"), "a code is good once"


async def test_a_ceremony_over_signed_requests(clock: HandClock, tmp_path: Path) -> None:
    strict = profile(authorize=AuthorizeTerms(signed_requests="required"))
    with running_operator(strict, clients=[client_of(strict)], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(VERIFICATION, signed_requests=True)) as adapter:
            proof = held(adapter, STEADY)
            signal = await adapter.observe(scene.query(SignalName.NUMBER_VERIFICATION, STEADY, proof=proof))
            assert isinstance(signal, Observed)


@pytest.mark.parametrize(
    ("cellular", "reason", "code"),
    [(None, U.NOT_APPLICABLE, "login_required"), (SILENT, U.NOT_PERMITTED, "consent_required")],
)
async def test_a_ceremony_that_fails_says_why(scene: Scene, cellular: str | None, reason: U, code: str) -> None:
    async with scene.adapter(manifest(VERIFICATION)) as adapter:
        with pytest.raises(OperatorFault) as caught:
            held(adapter, cellular)
        assert (caught.value.reason, caught.value.code) == (reason, code)


@pytest.mark.parametrize(
    "forged",
    [{"state": "x"}, {"iss": "https://elsewhere.example"}, {"code": ""}, {"code": "a\nb"}, {"iss": None}],
    ids=str,
)
async def test_an_answer_that_is_not_to_this_ceremony_is_not_believed(scene: Scene, forged: dict[str, Any]) -> None:
    async with scene.adapter(manifest(VERIFICATION)) as adapter:
        started = adapter.start_ceremony(SignalName.NUMBER_VERIFICATION, "FraudPreventionAndDetection")
        answer = {name: value for name, value in (carry(started, STEADY) | forged).items() if value is not None}
        with pytest.raises(OperatorFault) as caught:
            adapter.finish_ceremony(answer, started.transaction)
        assert (caught.value.reason, caught.value.code) == (U.MALFORMED, KitCode.CALLBACK_FORGED)


async def test_an_answer_to_another_ceremony_is_not_believed_and_none_after_its_time(scene: Scene) -> None:
    async with scene.adapter(manifest(VERIFICATION)) as adapter:
        mine, other = (adapter.start_ceremony(SignalName.NUMBER_VERIFICATION, "Fraud") for _ in range(2))
        with pytest.raises(OperatorFault) as caught:
            adapter.finish_ceremony({"code": "c", "state": other.transaction.state, "iss": scene.url}, mine.transaction)
        assert caught.value.code == KitCode.CALLBACK_FORGED
        answer = {"code": "c", "state": mine.transaction.state, "iss": scene.url}
        scene.clock.advance(600)
        with pytest.raises(OperatorFault) as caught:
            adapter.finish_ceremony(answer, mine.transaction)
        assert (caught.value.reason, caught.value.code) == (U.NOT_APPLICABLE, KitCode.CEREMONY_OVER)


async def test_nothing_of_a_ceremony_shows(scene: Scene) -> None:
    async with scene.adapter(manifest(VERIFICATION)) as adapter:
        started = adapter.start_ceremony(SignalName.NUMBER_VERIFICATION, "Fraud")
        shown = repr(started) + repr(started.transaction) + repr(held(adapter, STEADY))
        assert started.transaction.verifier not in started.url
        for secret in (started.transaction.state, started.transaction.verifier):
            assert secret not in shown


@pytest.mark.parametrize("nonce", [False, True])
@pytest.mark.parametrize("flow", ["client_credentials", "ciba"])
async def test_tokens_are_bound_to_our_key_where_the_operator_does_that(
    clock: HandClock, tmp_path: Path, flow: str, nonce: bool
) -> None:
    strict = profile(dpop=DpopTerms(required=True, nonce=nonce))
    with running_operator(strict, clients=[client_of(strict)], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(SIM_SWAP | {"flow": flow}, dpop=True)) as adapter:
            for _ in range(2):
                signal = await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY))
                assert isinstance(signal, Observed), signal
                assert not signal.source.downgraded
        async with scene.adapter(manifest(SIM_SWAP | {"flow": flow})) as plain:
            signal = await plain.observe(scene.query(SignalName.SIM_SWAP, "+34600000102"))
            assert because(signal) == (U.OPERATOR_ERROR, "invalid_dpop_proof")


async def test_a_single_use_token_survives_the_question_for_a_nonce(clock: HandClock, tmp_path: Path) -> None:
    strict = profile(dpop=DpopTerms(required=True, nonce=True))
    with running_operator(strict, clients=[client_of(strict)], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(VERIFICATION, dpop=True)) as adapter:
            proof = held(adapter, STEADY)
            signal = await adapter.observe(scene.query(SignalName.NUMBER_VERIFICATION, STEADY, proof=proof))
            assert isinstance(signal, Observed), signal


async def test_a_plain_token_where_a_bound_one_was_asked_for_is_used_and_said(clock: HandClock, tmp_path: Path) -> None:
    without = profile(dpop=None)
    with running_operator(without, clients=[client_of(without)], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(manifest(CLIENT_CREDENTIALS, dpop=True)) as adapter:
            signal = await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY))
            assert isinstance(signal, Observed)
            assert signal.source.downgraded


TLS_TERMS = ClientTerms(
    id="trust-broker",
    authentication=frozenset({ClientAuthentication.TLS}),
    grants=frozenset({Grant.CLIENT_CREDENTIALS, Grant.CIBA}),
    certificate_subject="CN=trust-broker",
)


@pytest.mark.parametrize("flow", ["client_credentials", "ciba"])
async def test_a_certificate_proves_who_we_are_and_its_tokens_open_the_apis(
    clock: HandClock, tmp_path: Path, flow: str
) -> None:
    authority = Authority(tmp_path)
    ours, another = authority.issue("trust-broker"), authority.issue("another")
    mutual = profile(clients=(TLS_TERMS,))
    tls = authority.server()
    with running_operator(
        mutual, clients=[client_of(mutual)], now=clock.now, tls=tls, trust=authority.context()
    ) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        declared = manifest(SIM_SWAP | {"flow": flow}, client_auth="tls_client_auth")
        files = {"certificate": ours.certificate, "key": ours.key, "ca": authority.path}
        async with scene.adapter(declared, tls=files) as adapter:
            assert isinstance(await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY)), Observed)
        files = {"certificate": another.certificate, "key": another.key, "ca": authority.path}
        async with scene.adapter(declared, tls=files) as adapter:
            refused = await adapter.observe(scene.query(SignalName.SIM_SWAP, "+34600000102"))
            assert because(refused) == (U.OPERATOR_ERROR, "invalid_client")
        files = {"certificate": ours.certificate, "key": ours.key}
        async with scene.adapter(declared, tls=files) as adapter:
            stranger = await adapter.observe(scene.query(SignalName.SIM_SWAP, STEADY))
            assert because(stranger) == (U.OPERATOR_ERROR, KitCode.CONNECT_FAILED), "nobody vouches for this operator"


class Person(NamedTuple):
    """Somebody whom an adapter may ask for something."""

    adapter: Adapter
    clock: HandClock
    number: str = STEADY

    async def asked(self, bound_to: str) -> PersonAsked | Refused:
        return await self.adapter.carry_out(AskPerson(bound_to=bound_to, **self._said()))

    async def heard(self, bound_to: str) -> PromptAnswer | Refused:
        return await self.adapter.carry_out(HearPerson(bound_to=bound_to, **self._said()))

    def _said(self) -> dict[str, Any]:
        whose = {"tenant": "acme", "consumer": "shop", "correlator": "c", "purpose": "FraudPreventionAndDetection"}
        return {"phone": PhoneNumber(self.number), "deadline_s": self.clock.monotonic_s() + 5, **whose}


async def test_a_yes_to_one_thing_is_no_yes_to_another(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(prompting()) as adapter:
        person = Person(adapter, scene.clock)
        assert await person.heard("one") is PromptAnswer.EXPIRED, "looking rings nowhere"
        assert [await person.asked("one") for _ in range(2)] == [PersonAsked(anew=True), PersonAsked(anew=False)]
        assert await person.heard("one") is PromptAnswer.WAITING
        alba.control.answer(STEADY, approve=True)
        await person.asked("other")
        assert await person.heard("other") is PromptAnswer.WAITING
        scene.clock.advance(2)
        for _ in range(2):  # the yes is kept until whoever asked has written it down
            assert await person.heard("one") is PromptAnswer.APPROVED
        assert await person.heard("other") is PromptAnswer.WAITING
        alba.control.answer(STEADY, approve=False)
        scene.clock.advance(2)
        assert await person.heard("other") is PromptAnswer.DENIED
    assert len(alba.control.prompts(STEADY)) == 2


async def test_what_an_operator_grants_without_asking_anybody_is_no_yes(clock: HandClock, tmp_path: Path) -> None:
    trusting = profile(ciba=CibaTerms(subject_forms=frozenset({SubjectForm.TEL})))
    with running_operator(trusting, clients=[client_of(trusting)], now=clock.now) as operator:
        scene = Scene(operator.url, clock, tmp_path)
        async with scene.adapter(prompting()) as adapter:
            person = Person(adapter, clock)
            await person.asked("one")
            for _ in range(2):
                assert await person.heard("one") is PromptAnswer.NOBODY_ASKED
            stranger = await Person(adapter, clock, "+34600999999").asked("one")
            assert isinstance(stranger, Refused)
            assert (stranger.code, may_pass(stranger), forbids(stranger)) == ("unknown_user_id", False, False)
        async with scene.adapter(manifest(SIM_SWAP)) as adapter:
            refused = await Person(adapter, clock).asked("one")
            assert isinstance(refused, Refused)
            assert (dict(adapter.instruments), refused.reason) == ({}, U.UNSUPPORTED)
        assert operator.control.prompts(STEADY) == []


async def test_a_prompt_ends_when_its_time_is_over(alba: RunningOperator, scene: Scene) -> None:
    async with scene.adapter(prompting()) as adapter:
        person = Person(adapter, scene.clock)
        await person.asked("one")
        assert await person.heard("one") is PromptAnswer.WAITING
        scene.clock.advance(121)
        assert await person.heard("one") is PromptAnswer.EXPIRED
        alba.control.answer(STEADY, approve=True)
        assert await person.heard("one") is PromptAnswer.EXPIRED


async def test_an_operator_that_is_down_is_left_alone_and_may_be_asked_later(
    alba: RunningOperator, scene: Scene
) -> None:
    """The guards of questions are those of orders, too: what opens for one opens for all who would be asked."""
    limits = GuardLimits(breaker_failures_in_row=2)
    alba.control.fault("status", status=503)
    async with scene.adapter(prompting()) as inner:
        adapter = guard(inner, limits, scene.clock, Random(1), EgressWatch(1, 30.0)).adapter
        person = Person(adapter, scene.clock)
        told = [await person.asked("one") for _ in range(3)]
        assert all(isinstance(one, Refused) and may_pass(one) for one in told)
        assert [one.reason for one in told if isinstance(one, Refused)] == [*[U.OPERATOR_ERROR] * 2, U.BREAKER_OPEN]
        alba.control.no_faults()
        scene.clock.advance(60)
        assert await person.asked("one") == PersonAsked(anew=True)


async def test_nodes_that_share_a_memory_share_the_question(
    alba: RunningOperator, clock: HandClock, tmp_path: Path
) -> None:
    shared = PendingMemory()
    one, other = (Scene(alba.url, clock, tmp_path, shared) for _ in range(2))
    async with one.adapter(manifest(SIM_SWAP)) as first, other.adapter(manifest(SIM_SWAP)) as second:
        assert because(await first.observe(one.query(SignalName.SIM_SWAP, SILENT)))[0] is U.LATE
        assert because(await second.observe(other.query(SignalName.SIM_SWAP, SILENT)))[0] is U.LATE
        alba.control.answer(SILENT, approve=True)
        clock.advance(2)
        assert isinstance(await second.observe(other.query(SignalName.SIM_SWAP, SILENT)), Observed)
    assert len(alba.control.prompts(SILENT)) == 1
