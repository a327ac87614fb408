"""People ask what is known about them, have it corrected, forgotten or looked at again; thieves ask the same."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import pytest
from typer.testing import CliRunner

from adapters.mock.phone import Phone, Way, said
from broker.surfaces.cli.rights import app as commands
from tests.support.clocks import HandClock
from tests.support.loopback import NOBODY
from tests.support.stage import Stage, set_stage

_TENANTS = itertools.count(1)
STEADY, TAKEN, TAKEN_LATELY, OTHER = "+34600000101", "+34600000102", "+34600000103", "+34600000107"
SMALL = {"type": "payment.transfer", "amount": {"value": "5.00", "currency": "EUR"}}
DEAR = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}
MONTH_S = 30 * 86_400


class Bank(NamedTuple):
    """A tenant: its shop asks, its portal speaks for people, its officer is staff, its judge decides disputes."""

    stage: Stage
    clock: HandClock
    tenant: str
    shop: httpx.Client
    portal: httpx.Client
    officer: httpx.Client
    judge: httpx.Client
    more: ExitStack

    def check(self, number: str = STEADY, action: dict[str, Any] | None = None) -> dict[str, Any]:
        asked = {
            "subject": {"phoneNumber": number},
            "action": action or SMALL,
            "purpose": "FraudPreventionAndDetection",
        }
        return dict(self.shop.post("/v1/trust-checks", json=asked).raise_for_status().json())

    def open(self, number: str = STEADY, kind: str = "access", via: httpx.Client | None = None, **members: Any) -> str:
        sent = {"phoneNumber": number, "kind": kind, **members}
        where = "/v1/subjects/requests"
        if kind == "dispute":
            where = "/v1/disputes"
            sent.pop("kind")
        opened = (via or self.portal).post(where, json=sent)
        assert opened.status_code == 201, opened.text
        assert (opened.json()["kind"], opened.json()["state"]) == (kind, "unproven")
        return str(opened.json()["id"])

    def start(self, request: str, number: str = STEADY, method: str = "network_auth") -> httpx.Response:
        return self.portal.post(
            f"/v1/subjects/requests/{request}/proof", json={"phoneNumber": number, "method": method}
        )

    def prove(self, request: str, number: str = STEADY, way: Way = Way.CELLULAR, sim: str | None = None) -> str:
        started = self.start(request, number)
        assert started.status_code == 201, started.text
        phone = Phone(sim or number, way, NOBODY)
        self.more.callback(phone.close)
        return said(phone.tap(started.json()["link"], phone.look(started.json()["link"])))[0]

    def answer(self, request: str, number: str = STEADY, via: httpx.Client | None = None) -> httpx.Response:
        return (via or self.portal).post(f"/v1/subjects/requests/{request}/answer", json={"phoneNumber": number})

    def proven(self, kind: str = "access", number: str = STEADY, **members: Any) -> str:
        request = self.open(number, kind, **members)
        assert self.prove(request, number) == "Done"
        return request

    def swap(self, number: str, ago_s: int) -> None:
        """Somebody has another SIM made for this number; the stage's clock may have moved since it was set."""
        self.stage.alba.control.event(number, {"type": "sim_change"}, ago_s=ago_s)

    def staff(self, request: str, what: str, **members: Any) -> httpx.Response:
        return self.officer.post(f"/v1/subjects/requests/{request}/{what}", json=members)

    def decide(self, request: str, via: httpx.Client | None = None, **members: Any) -> httpx.Response:
        return (via or self.judge).post(f"/v1/disputes/{request}/decide", json={"reason": "looked at it", **members})


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, HandClock]]:
    clock = HandClock()
    with set_stage(
        tmp_path_factory.mktemp("rights"),
        clock=clock,
        changes={"hourly = 6": "hourly = 60", "look_s = 60": "look_s = 1"},
    ) as stage:
        yield stage, clock


@pytest.fixture
def bank(building: tuple[Stage, HandClock]) -> Iterator[Bank]:
    stage, clock = building
    tenant, broker = f"bank-{next(_TENANTS)}", stage.broker
    scopes = {
        "shop": ("trust:check",),
        "portal": ("rights:request",),
        "officer": ("privacy:read", "privacy:write"),
        "judge": ("trust:review",),
    }
    with ExitStack() as more:
        keys = broker.keys(tenant, scopes)
        clients = {name: more.enter_context(broker.http(key)) for name, key in keys.items()}
        yield Bank(stage, clock, tenant, more=more, **clients)


def test_a_person_sees_everything_once_they_have_proven_their_number(bank: Bank) -> None:
    check = bank.check()
    request = bank.open()
    assert bank.answer(request).status_code == 409, "nothing before the proof"
    assert bank.prove(request) == "Done"
    assert bank.portal.get(f"/v1/subjects/requests/{request}").json()["provenBy"] == "network_auth"
    answered = bank.answer(request)
    assert (answered.status_code, answered.headers["cache-control"]) == (200, "no-store")
    body = answered.json()
    assert (body["request"]["state"], body["request"]["code"]) == ("answered", "COLLECTED")
    report = body["holdings"]
    (record,) = [one["record"] for one in report["held"]["checks"] if one["checkId"] == check["id"]]
    assert (record["action"]["type"], record["operator"]) == ("payment.transfer", "alba")
    assert any(signal["name"] == "sim_swap" for signal in record["evidence"]["signals"])
    assert "receipt" not in record
    assert [one["requestId"] for one in report["held"]["subject_requests"]] == [request]
    assert [one["method"] for one in report["held"]["challenges"]] == ["network_auth"]
    assert (report["complete"], report["recipients"], report["erased"]) == (True, ["alba"], None)
    assert STEADY not in answered.text, "whoever asks knows the number"


def test_an_answer_is_given_once(bank: Bank) -> None:
    request = bank.proven()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bank.answer(request), range(8)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 7
    assert all("holdings" not in one.text for one in answers if one.status_code == 409)


def test_a_proof_holds_for_a_quarter_of_an_hour(bank: Bank) -> None:
    request = bank.proven()
    bank.clock.advance(901)
    assert bank.answer(request).status_code == 409
    assert bank.prove(request) == "Done", "and may be given again"
    assert bank.answer(request).status_code == 200


def test_a_proof_is_for_its_own_request_and_number(bank: Bank) -> None:
    proven, other = bank.proven(), bank.open()
    assert bank.answer(other).status_code == 409, "proven for another request"
    erasure = bank.open(kind="erasure")
    assert bank.answer(erasure).status_code == 409, "nor for another kind"
    assert bank.answer(proven, OTHER).status_code == 400, "another number"
    assert bank.start(other, OTHER).status_code == 400
    assert bank.answer(proven).status_code == 200


def test_who_asks_for_the_number_of_another_proves_nothing(bank: Bank) -> None:
    request = bank.open()
    assert bank.prove(request, way=Way.THIEF, sim=OTHER) == "Another SIM"
    assert bank.answer(request).status_code == 409


@pytest.mark.parametrize(("number", "ago_s"), [(TAKEN, 3 * 3600), (TAKEN_LATELY, 3 * 86_400)])
def test_whoever_took_the_sim_over_gets_no_proof_offered(bank: Bank, number: str, ago_s: int) -> None:
    bank.swap(number, ago_s)
    request = bank.open(number)
    for method in ("network_auth", "sms_otp", "operator_token"):
        refused = bank.start(request, number, method)
        assert refused.status_code == 409
        assert "vouch" in refused.json()["detail"]
    assert bank.answer(request, number).status_code == 409


def test_a_reviewer_does_not_make_a_proof_of_a_line_in_doubt(bank: Bank) -> None:
    bank.swap(TAKEN, 3 * 3600)
    request = bank.open(TAKEN)
    assert bank.start(request, TAKEN).status_code == 409
    ((check,),) = bank.stage.rows("SELECT proof FROM subject_requests WHERE request_id = ?", request)
    broker = bank.stage.broker
    with broker.http(broker.key(bank.tenant, "trust:check", consumer="portal")) as asking:
        review = asking.post(f"/v1/trust-checks/{check}/reviews", json={}).json()["id"]
    bank.judge.post(f"/v1/reviews/{review}/claim").raise_for_status()
    ruling = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "they said so"}
    bank.judge.post(f"/v1/reviews/{review}/decide", json=ruling).raise_for_status()
    assert bank.answer(request, TAKEN).status_code == 409


def test_staff_vouch_where_the_line_proves_nothing_and_the_reason_is_kept(bank: Bank) -> None:
    bank.swap(TAKEN, 3 * 3600)
    request = bank.open(TAKEN)
    assert bank.staff(request, "vouch", reason="").status_code == 400
    assert bank.portal.post(f"/v1/subjects/requests/{request}/vouch", json={"reason": "me"}).status_code == 403
    vouched = bank.staff(request, "vouch", reason="passport seen in the branch").json()
    assert (vouched["state"], vouched["provenBy"], vouched["vouchedBy"]) == ("accepted", "vouched", "officer")
    assert bank.answer(request, TAKEN).status_code == 403, "for staff to hand over"
    assert bank.answer(request, TAKEN, via=bank.officer).status_code == 200
    file = bank.officer.get(f"/v1/subjects/requests/{request}/file").json()
    assert file["vouched"] == "passport seen in the branch"
    leaves = repr(bank.stage.rows("SELECT body FROM log_leaves WHERE tenant = ?", bank.tenant))
    assert "subject_request.vouch" in leaves
    assert "passport" not in leaves


def test_nobody_else_sees_a_request(bank: Bank) -> None:
    request = bank.open()
    broker = bank.stage.broker
    agent = broker.key(bank.tenant, "rights:request", "privacy:read", consumer="portal", agent="bot")
    for key, status in {
        broker.key(f"{bank.tenant}-other", "rights:request", "privacy:read", "privacy:write"): 404,
        broker.key(bank.tenant, "rights:request", consumer="another portal"): 404,
        agent: 403,
        broker.key(bank.tenant, "trust:check", consumer="portal"): 403,
    }.items():
        with broker.http(key) as http:
            assert http.get(f"/v1/subjects/requests/{request}").status_code == status
            assert bank.answer(request, via=http).status_code == status


def test_an_erasure_forgets_and_a_later_access_says_what_remains_and_why(bank: Bank) -> None:
    check = bank.check()
    request = bank.proven("erasure")
    done = bank.answer(request)
    assert (done.status_code, done.json()["request"]["code"]) == (200, "CARRIED_OUT")
    assert bank.shop.get(f"/v1/trust-checks/{check['id']}").status_code == 410
    assert bank.answer(request).status_code == 409
    report = bank.answer(bank.proven()).json()["holdings"]
    assert "What remains" in report["erased"]
    (left,) = [one for one in report["held"]["checks"] if one["checkId"] == check["id"]]
    assert (left["erased"], "record" in left) == (True, False)
    assert len(report["held"]["erasures"]) == 1


def test_an_objection_has_the_same_door(bank: Bank) -> None:
    assert bank.answer(bank.proven("objection")).json()["request"]["state"] == "answered"
    broker = bank.stage.broker
    with broker.http(broker.key(bank.tenant, "trust:check", "trust:explain")) as http:
        signals = bank._replace(shop=http).check()["signals"]
    assert {one.get("code") for one in signals} == {"OBJECTED"}


def test_a_disputed_allow_is_paused_and_somebody_uninvolved_decides(bank: Bank) -> None:
    check = bank.check()
    assert check["decision"] == "allow"
    request = bank.proven("dispute", checkId=check["id"], statement="I never asked for that")
    assert bank.answer(request).json()["request"]["state"] == "accepted"
    used = bank.shop.post("/v1/receipts/consume", json={"receipt": check["receipt"]})
    assert (used.status_code, used.json()["code"]) == (409, "RECEIPT_REVOKED")
    broker = bank.stage.broker
    for involved in ("shop", "portal"):
        with broker.http(broker.key(bank.tenant, "trust:review", consumer=involved)) as http:
            assert bank.decide(request, http, upheld=True).status_code == 403
    assert bank.decide(request, upheld=True, outcome="genuine").status_code == 400, "that contradicts itself"
    decided = bank.decide(request, upheld=True, outcome="fraud")
    assert (decided.status_code, decided.json()["code"]) == (200, "UPHELD")
    assert bank.decide(request, upheld=False).status_code == 409, "once"
    assert bank.shop.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "deny"
    assert bank.stage.rows("SELECT outcome, consumer FROM outcomes WHERE check_id = ?", check["id"]) == [
        ("fraud", "judge")
    ]
    kept = json.loads(bank.stage.kept(check["id"], bank.tenant).record)
    assert [(one["cause"], one["by"], one["before"]) for one in kept["revisions"]] == [("dispute", request, 0)]
    with broker.http(broker.key(bank.tenant, "trust:explain", consumer="desk")) as desk:
        explained = desk.get(f"/v1/trust-checks/{check['id']}/explanation").raise_for_status()
    told = [one["text"] for one in explained.json()["timeline"] if one["kind"] == "request"]
    assert told == [
        f"the person's dispute ({request}), proven by network_auth",
        "judge answers the dispute: answered UPHELD",
    ]


def test_a_disputed_refusal_stands_until_a_human_says_otherwise(bank: Bank) -> None:
    check = bank.check(action=DEAR | {"attributes": {"newPayee": True}})
    assert check["decision"] == "step_up"
    request = bank.proven("dispute", checkId=check["id"], statement="it was me")
    bank.answer(request).raise_for_status()
    assert bank.shop.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "step_up"
    assert bank.decide(request, upheld=True, outcome="genuine").status_code == 200
    assert bank.shop.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "allow"


def test_what_was_asked_long_ago_is_not_allowed_by_a_dispute(bank: Bank) -> None:
    check = bank.check(action=DEAR | {"attributes": {"newPayee": True}})
    bank.clock.advance(2 * 3600)
    request = bank.proven("dispute", checkId=check["id"], statement="it was me")
    bank.answer(request).raise_for_status()
    assert bank.decide(request, upheld=True, outcome="genuine").status_code == 200
    assert bank.shop.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "step_up"


def test_a_check_of_somebody_else_is_disputed_by_nobody(bank: Bank) -> None:
    check = bank.check(OTHER)
    request = bank.proven("dispute", checkId=check["id"], statement="mine, surely")
    assert bank.answer(request).status_code == 404
    assert bank.staff(request, "vouch", reason="knows them").status_code == 404
    assert bank.portal.get(f"/v1/subjects/requests/{request}").json()["state"] == "unproven"


def test_a_correction_is_attached_and_counts_as_outcome_and_the_record_stays(bank: Bank) -> None:
    check = bank.check()
    before = bank.stage.kept(check["id"], bank.tenant).record
    sent = {"checkId": check["id"], "fact": "sim_swap", "statement": "that swap was mine"}
    request = bank.proven("correction", **sent)
    assert bank.answer(request).json()["request"]["state"] == "accepted"
    assert bank.decide(request, upheld=True, outcome="genuine").status_code == 200
    assert bank.stage.kept(check["id"], bank.tenant).record == before
    assert bank.stage.rows("SELECT outcome FROM outcomes WHERE check_id = ?", check["id"]) == [("genuine",)]
    requests = bank.answer(bank.proven()).json()["holdings"]["held"]["subject_requests"]
    (told,) = [one for one in requests if one["kind"] == "correction"]
    assert (told["fact"], told["statement"], told["code"]) == ("sim_swap", "that swap was mine", "UPHELD")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"kind": "dispute"}, id="no check, no words"),
        pytest.param({"kind": "access", "checkId": "chk_1"}, id="a check where none belongs"),
        pytest.param({"kind": "correction", "checkId": "chk_1", "statement": "x"}, id="no fact"),
        pytest.param(
            {"kind": "correction", "checkId": "chk_1", "fact": "x", "statement": "\u202eevil"}, id="backwards"
        ),
        pytest.param({"kind": "gossip"}, id="an unknown kind"),
        pytest.param({"kind": "access", "more": 1}, id="an unknown member"),
    ],
)
def test_a_request_that_cannot_be_taken_says_why(bank: Bank, sent: dict[str, Any]) -> None:
    refused = bank.portal.post("/v1/subjects/requests", json={"phoneNumber": STEADY, **sent})
    assert refused.status_code == 400
    assert refused.json()["errors"]


def test_deadlines_are_kept_extended_once_and_told_when_they_are_over(bank: Bank) -> None:
    first, second = bank.open(), bank.open(OTHER)
    for request in (first, second):
        bank.staff(request, "vouch", reason="known").raise_for_status()
    due = bank.staff(first, "extend", reason="much to look through").json()["dueAt"]
    assert due > bank.portal.get(f"/v1/subjects/requests/{second}").json()["dueAt"]
    assert bank.staff(first, "extend", reason="again").status_code == 409
    bank.clock.advance(MONTH_S + 2 * 86_400)
    listed = bank.officer.get("/v1/subjects/requests?state=accepted").json()["requests"]
    assert [(one["id"], one.get("overdue", False)) for one in listed] == [(second, True), (first, False)]
    assert bank.staff(second, "extend", reason="too late").status_code == 409
    key = bank.officer.headers["authorization"].removeprefix("Bearer ")
    with bank.stage.broker.http(bank.stage.broker.key("ops", "metrics:read")) as ops:
        soon(lambda: re.search(r"^trust_broker_subject_requests_overdue [1-9]", ops.get("/metrics").text, re.MULTILINE))
        ready = ops.get("/health/ready")
        assert (ready.status_code, "are overdue" in ready.text) == (200, True), "said, and checks go on"
    shown = CliRunner().invoke(commands, ["list", "--url", bank.stage.broker.url, "--key", key])
    assert f"{second}  access  accepted  OVERDUE" in shown.output


def soon(holds: Callable[[], object]) -> None:
    """Look again until it holds; whoever watches looks every second."""
    until_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_what_nobody_proves_lapses(bank: Bank) -> None:
    request = bank.open()
    bank.clock.advance(7 * 86_400)
    assert bank.start(request).status_code == 409
    assert bank.staff(request, "vouch", reason="known").status_code == 409
    soon(lambda: bank.portal.get(f"/v1/subjects/requests/{request}").json().get("code") == "TIMED_OUT")


def test_staff_refuse_with_a_reason_of_the_law(bank: Bank) -> None:
    request = bank.open()
    assert bank.staff(request, "refuse", code="UPHELD", reason="no").status_code == 400
    refused = bank.staff(request, "refuse", code="NOT_IDENTIFIED", reason="nobody came")
    assert (refused.json()["state"], refused.json()["code"]) == ("refused", "NOT_IDENTIFIED")
    assert bank.start(request).status_code == 409


def test_a_flood_costs_nothing_and_keeps_nobody_from_being_heard(bank: Bank) -> None:
    asked = bank.stage.operator_calls()
    requests = [bank.open() for _ in range(5)]
    flooded = bank.portal.post("/v1/subjects/requests", json={"phoneNumber": STEADY, "kind": "access"})
    assert (flooded.status_code, "retry-after" in flooded.headers) == (429, True)
    assert bank.stage.operator_calls() == asked, "nobody was asked about anybody"
    bank.open(via=bank.officer)
    for _ in range(5):
        bank.start(requests[0])
    refused = bank.start(requests[0])
    assert (refused.status_code, "often enough" in refused.json()["detail"]) == (409, True)


def test_no_number_and_no_word_lies_in_the_open(bank: Bank) -> None:
    check = bank.check()
    bank.proven("dispute", checkId=check["id"], statement="a canary sang")
    everything = repr(
        [
            bank.stage.rows(f"SELECT * FROM {table} WHERE tenant = ?", bank.tenant)
            for table in ("subject_requests", "log_leaves", "outbox")
        ]
    )
    assert not re.search(r"34600000101|canary", everything)
