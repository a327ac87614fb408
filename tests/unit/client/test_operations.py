"""What each operation sends and what it makes of the reply, played by hand."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from broker.client import Allowance, AnswerMalformed, ApiKey, BrokerRefused, ClientError, Retry
from broker.client._operations import Operations, Terms
from tests.unit.client.played import ANSWER, HandWatch, play, problem, reply

NUMBER = "+34600000101"


def operations(watch: HandWatch, language: str | None = None) -> Operations:
    credential = ApiKey("tb_key")
    return Operations(
        Terms(credential=credential, timeout_s=10, retry=Retry(), around=watch.around(), language=language)
    )


def test_a_question_carries_what_was_said_and_nothing_else() -> None:
    watch = HandWatch()
    plain = play(operations(watch).check(NUMBER, "sign_in.hint", {}), [reply(200, ANSWER)]).asks[0]
    assert json.loads(plain.body or b"") == {
        "subject": {"phoneNumber": NUMBER},
        "action": {"type": "sign_in.hint"},
        "purpose": "FraudPreventionAndDetection",
    }
    assert plain.headers["authorization"] == "Bearer tb_key"
    about: Any = {
        "amount": ("950.00", "EUR"),
        "resource": "iban:1",
        "attributes": {"newPayee": True},
        "location": (40.4, -3.7, 5000.0),
        "operator_token": "t",
        "bound_since": date(2024, 5, 1),
        "claims": {"givenName": "Ana"},
        "purpose": "P",
        "channel": "voice",
        "conversation_id": "c-1",
        "deadline_ms": 900,
        "max_evidence_age_s": 0,
        "idempotency_key": "mine",
    }
    ask = play(operations(watch, "es").check(NUMBER, "payment.transfer", about), [reply(200, ANSWER)]).asks[0]
    assert (ask.headers["idempotency-key"], ask.headers["accept-language"]) == ("mine", "es")
    assert json.loads(ask.body or b"") == {
        "subject": {
            "phoneNumber": NUMBER,
            "location": {"latitude": 40.4, "longitude": -3.7, "radiusM": 5000.0},
            "operatorToken": "t",
            "boundSince": "2024-05-01",
            "claims": {"givenName": "Ana"},
        },
        "action": {
            "type": "payment.transfer",
            "amount": {"value": "950.00", "currency": "EUR"},
            "resource": "iban:1",
            "attributes": {"newPayee": True},
        },
        "purpose": "P",
        "context": {"channel": "voice", "conversationId": "c-1"},
        "deadlineMs": 900,
        "maxEvidenceAgeS": 0,
    }


def test_each_question_has_a_key_of_its_own_and_keeps_it() -> None:
    watch = HandWatch()
    asked = operations(watch)
    one = play(asked.check(NUMBER, "a", {}), [problem(503), reply(200, ANSWER)], watch)
    other = play(asked.check(NUMBER, "a", {}), [reply(200, ANSWER)])
    keys = [ask.headers["idempotency-key"] for ask in one.asks]
    assert keys[0] == keys[1] != other.asks[0].headers["idempotency-key"]
    assert len(keys[0]) >= 20


def test_an_answer_is_typed() -> None:
    answer = play(
        operations(HandWatch()).check(NUMBER, "a", {}), [reply(200, ANSWER, idempotency_replayed="true")]
    ).result
    assert (answer.allowed, answer.pending, answer.replayed) == (True, False, True)
    assert answer.reason_codes == ("ACTION_SENSITIVE",)
    assert [(step.type, step.method) for step in answer.next_steps] == [("challenge", "network_auth"), ("review", None)]
    assert (answer.policy.id, answer.policy.version) == ("payment", 3)
    assert answer.document == ANSWER


@pytest.mark.parametrize(
    "changed",
    [
        *({name: missing} for name in ANSWER if name != "calibrated" for missing in (None,)),
        {"decision": "ALLOW"},
        {"decision": "permit"},
        {"decision": True},
        {"decision": ["allow"]},
        {"receipt": ""},
        {"reasons": {}},
        {"reasons": ["A"]},
        {"nextSteps": [{"method": "x"}]},
        {"policy": {"id": "x", "version": "1", "actionClass": "low"}},
        {"policy": {"id": "x", "version": True, "actionClass": "low"}},
        {"degraded": "no"},
        {"validUntil": "soon"},
        {"validUntil": "2026-11-22T16:20:00"},
    ],
    ids=str,
)
def test_half_an_answer_is_no_decision(changed: dict[str, Any]) -> None:
    members = {name: value for name, value in (ANSWER | changed).items() if value is not None}
    error = play(operations(HandWatch()).check(NUMBER, "a", {}), [reply(200, members)]).error
    assert isinstance(error, AnswerMalformed)


@pytest.mark.parametrize("body", [b"", b"ok", b"[]", b"null", b"\xff", b'{"decision":"deny","decision":"allow"}'])
def test_what_is_not_json_is_no_decision(body: bytes) -> None:
    error = play(operations(HandWatch()).check(NUMBER, "a", {}), [reply(200, body)]).error
    assert isinstance(error, AnswerMalformed)


@pytest.mark.parametrize(
    ("decision", "status", "allowed"),
    [("allow", "settled", True), ("allow", "pending", False), ("allow", "abandoned", False)]
    + [(decision, "settled", False) for decision in ("step_up", "review", "deny")],
)
def test_only_a_settled_allow_allows(decision: str, status: str, allowed: bool) -> None:
    members = ANSWER | {"decision": decision, "status": status}
    answer = play(operations(HandWatch()).read("chk_1"), [reply(200, members)]).result
    assert answer.allowed is allowed


def test_waiting_polls_until_it_is_settled() -> None:
    watch = HandWatch()
    work = operations(watch).wait("chk_1", 60)
    pending = reply(200, ANSWER | {"status": "pending", "decision": "step_up"})
    played = play(work, [pending, pending, reply(200, ANSWER)], watch)
    assert played.result.allowed
    # The broker answered at once both times, so the client did not ask in a circle.
    assert played.pauses_s == [1.0, 1.0]
    assert played.asks[0].path == "/v1/trust-checks/chk_1?waitMs=20000"
    assert played.asks[0].timeout_s == 30


def test_waiting_ends_in_time_with_what_there_is() -> None:
    watch = HandWatch()
    pending = reply(200, ANSWER | {"status": "pending", "decision": "step_up"})
    played = play(operations(watch).wait("chk_1", 2.5), [pending] * 4, watch)
    assert played.result.pending
    assert sum(played.pauses_s) == pytest.approx(2.5)


def test_an_id_cannot_lead_elsewhere() -> None:
    played = play(operations(HandWatch()).read("../policies?x=1#"), [reply(200, ANSWER)])
    assert played.asks[0].path == "/v1/trust-checks/..%2Fpolicies%3Fx%3D1%23"


def test_an_outcome_is_typed_and_may_be_said_again() -> None:
    said = {"id": "chk_1", "outcome": "fraud", "foundAt": "2026-11-22T16:20:00Z", "reportedAt": "2026-11-22T16:20:00Z"}
    watch = HandWatch()
    played = play(operations(watch).report_outcome("chk_1", "fraud"), [problem(500), reply(200, said)], watch)
    assert (played.result.check_id, played.result.outcome) == ("chk_1", "fraud")


STEP: dict[str, Any] = {"channel": "voice", "action": "sign_in.hint", "decision": "allow", "when": "minutes"}
STEP |= {"sameSubject": True, "possession": False}


def test_a_journey_is_told_step_by_step() -> None:
    said = {"steps": [STEP, STEP | {"checkId": "chk_2", "decision": "deny", "channel": None}]}
    first, second = play(operations(HandWatch()).journey("chk_2"), [reply(200, said)], HandWatch()).result
    assert (first.check_id, first.channel, first.decision, first.same_subject) == (None, "voice", "allow", True)
    assert (second.check_id, second.channel, second.decision, second.possession) == ("chk_2", None, "deny", False)


@pytest.mark.parametrize("said", [{}, {"steps": [STEP | {"decision": "perhaps"}]}, {"steps": [STEP | {"when": 3}]}])
def test_half_a_journey_is_none(said: dict[str, Any]) -> None:
    played = play(operations(HandWatch()).journey("chk_2"), [reply(200, said)], HandWatch())
    assert isinstance(played.error, AnswerMalformed)


@pytest.mark.parametrize("key", ["", "a b", "tb_\n", "tb_é"])
def test_a_key_that_is_none_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        ApiKey(key)


GRANT: dict[str, Any] = {
    "id": "dgr_1",
    "disclosure": "location_area",
    "purpose": "P",
    "reason": "lost riders",
    "stands": True,
    "grantedBy": "ana",
    "grantedAt": "2026-11-22T16:20:00Z",
    "expiresAt": "2026-11-23T16:20:00Z",
}
TOLD: dict[str, Any] = {
    "id": "dsc_1",
    "disclosure": "location_area",
    "purpose": "P",
    "grant": "dgr_1",
    "legalBasis": "consent",
    "told": True,
    "place": {"points": [{"latitude": 40, "longitude": -3.7}], "ageS": 12.0, "radiusM": 800},
}


@pytest.mark.parametrize("order", ["location", "identity", "grant"])
def test_what_costs_money_or_grants_is_not_sent_twice(order: str) -> None:
    asked, until = operations(HandWatch()), datetime(2026, 11, 23, tzinfo=UTC)
    works: dict[str, Callable[[], Any]] = {
        "location": lambda: asked.disclose_location(NUMBER, "P", None, None),
        "identity": lambda: asked.disclose_identity(NUMBER, ["name"], "P"),
        "grant": lambda: asked.grant_disclosure("location_area", "P", "why", until),
    }
    assert isinstance(play(works[order](), [problem(500)]).error, ClientError)


def test_a_grant_can_be_taken_back_until_the_broker_heard_it() -> None:
    watch, over = HandWatch(), GRANT | {"stands": False, "withdrawnBy": "ana", "withdrawnAt": "2026-11-22T17:00:00Z"}
    played = play(operations(watch).withdraw_disclosure("../x"), [problem(500), reply(200, over)], watch)
    assert played.asks[0].path == "/v1/disclosures/grants/..%2Fx/withdraw"
    assert (played.result.stands, played.result.withdrawn_by) == (False, "ana")


def test_an_order_carries_what_was_said_and_its_answer_is_typed() -> None:
    played = play(operations(HandWatch()).disclose_location(NUMBER, "P", 60, None), [reply(200, TOLD)])
    assert json.loads(played.asks[0].body or b"") == {"phoneNumber": NUMBER, "purpose": "P", "maxAgeS": 60}
    place = played.result.place
    assert (place.points, place.age_s, place.radius_m) == (((40.0, -3.7),), 12.0, 800.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"told": "yes"},
        {"told": False},
        {"grant": None},
        {"place": []},
        {"place": {"points": [{"latitude": "40", "longitude": 1}], "ageS": 1}},
        {"place": {"points": [], "ageS": True}},
        {"attributes": {"name": 1}},
    ],
    ids=str,
)
def test_half_a_disclosure_is_none(changed: dict[str, Any]) -> None:
    work = operations(HandWatch()).disclose_location(NUMBER, "P", None, None)
    assert isinstance(play(work, [reply(200, TOLD | changed)]).error, AnswerMalformed)


POLICY, LEFT = '"tenant-day";q=50;w=86400, "agent-minute";q=9;w=60', '"tenant-day";r=49;t=7, "agent-minute";r=0;t=3'


@pytest.mark.parametrize(
    ("policy", "left", "expected"),
    [
        (POLICY, LEFT, (Allowance("tenant-day", 50, 49, 86_400, 7), Allowance("agent-minute", 9, 0, 60, 3))),
        (POLICY, '"agent-minute"; t=3; r=0; pk=:cHg=:', (Allowance("agent-minute", 9, 0, 60, 3),)),
        ("", LEFT, ()),
        (POLICY, "", ()),
        (POLICY, '"tenant-day";r=-1;t=7', ()),
        (POLICY, f'"tenant-day";r={"9" * 5000};t=7', ()),
        (POLICY, '"tenant-day";r=\u0661;t=7, ;;=,"', ()),
    ],
)
def test_what_is_left_of_quotas_is_told_whole_or_not(policy: str, left: str, expected: tuple[Allowance, ...]) -> None:
    told = {"ratelimit_policy": policy, "ratelimit": left}
    asked = operations(HandWatch()).check(NUMBER, "sign_in.hint", {})
    assert play(asked, [reply(200, ANSWER, **told)]).result.allowances == expected
    refused = play(operations(HandWatch()).read("chk_1"), [problem(404, "NOT_FOUND", **told)]).error
    assert isinstance(refused, BrokerRefused)
    assert refused.allowances == expected
