import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from broker.domain.check import Amount, Circle, Claims, Principal
from broker.errors import InvalidRequest
from broker.surfaces import wire

QUESTION: dict[str, Any] = {
    "subject": {
        "phoneNumber": "+34600000101",
        "claims": {"name": "Ana García", "birthdate": "1988-04-12"},
        "location": {"latitude": 40.4168, "longitude": -3.7038, "radiusM": 5000},
        "boundSince": "2024-05-01",
        "operatorToken": "ot-34600000101",
    },
    "action": {
        "type": "payment.transfer",
        "amount": {"value": "950.00", "currency": "EUR"},
        "resource": "iban:…1234",
        "attributes": {"newPayee": True},
    },
    "context": {"channel": "voice", "conversationId": "c-123"},
    "purpose": "FraudPreventionAndDetection",
    "deadlineMs": 1500,
    "maxEvidenceAgeS": 60,
}


def read(question: Any) -> Any:
    return wire.to_request(wire.members_of(json.dumps(question).encode()), deadline_min_ms=250, deadline_cap_ms=4000)


def test_the_question_of_the_contract_is_read_whole() -> None:
    request = read(QUESTION)
    assert request.subject.phone.e164 == "+34600000101"
    assert request.subject.location == Circle(40.4168, -3.7038, 5000)
    assert request.subject.bound_since == date(2024, 5, 1)
    assert request.subject.claims == Claims(name="Ana García", birthdate=date(1988, 4, 12))
    assert "Ana" not in repr(request)
    assert request.action.amount == Amount(Decimal("950.00"), "EUR")
    assert request.action.attributes == {"newPayee": True}
    assert (request.deadline_ms, request.max_evidence_age_s, request.channel) == (1500, 60, "voice")


def at(*path: str, value: Any) -> Callable[[Any], None]:
    def change(question: Any) -> None:
        for step in path[:-1]:
            question = question[step]
        question[path[-1]] = value

    return change


def without(*path: str) -> Callable[[Any], None]:
    def change(question: Any) -> None:
        for step in path[:-1]:
            question = question[step]
        del question[path[-1]]

    return change


FAULTS: list[tuple[Callable[[Any], None], str]] = [
    (at("subject", "phoneNumber", value="600000101"), "/subject/phoneNumber"),
    (at("subject", "phoneNumber", value="+34600000101\n"), "/subject/phoneNumber"),
    (at("subject", "phoneNumber", value=34600000101), "/subject/phoneNumber"),
    (at("subject", "phonenumber", value="x"), "/subject/phonenumber"),
    (at("subject", "location", "radiusM", value=0), "/subject/location/radiusM"),
    (at("subject", "location", "latitude", value=91), "/subject/location/latitude"),
    (at("subject", "location", "latitude", value="40"), "/subject/location/latitude"),
    (at("subject", "boundSince", value="2024-13-01"), "/subject/boundSince"),
    (at("subject", "operatorToken", value="has space"), "/subject/operatorToken"),
    (at("subject", "operatorToken", value="x" * 5000), "/subject/operatorToken"),
    (at("action", "type", value="payment transfer"), "/action/type"),
    (at("action", "type", value="payment.transfer\n"), "/action/type"),
    (at("action", "amount", "value", value="-1"), "/action/amount/value"),
    (at("action", "amount", "value", value="1e9"), "/action/amount/value"),
    (at("action", "amount", "value", value="NaN"), "/action/amount/value"),
    (at("action", "amount", "value", value=950), "/action/amount/value"),
    (at("action", "amount", "value", value="9" * 30), "/action/amount/value"),
    (at("action", "amount", "currency", value="eur"), "/action/amount/currency"),
    (at("action", "attributes", "newPayee", value=[1]), "/action/attributes/*"),
    (at("action", "attributes", "newPayee", value=1.5), "/action/attributes/*"),
    (at("action", "attributes", "newPayee", value=1.0), "/action/attributes/*"),
    (at("action", "attributes", "newPayee", value=2**53), "/action/attributes/*"),
    (at("action", "attributes", "newPayee", value="x" * 257), "/action/attributes/*"),
    (at("action", "attributes", value={str(i): i for i in range(21)}), "/action/attributes"),
    (at("action", "class", value="low"), "/action/class"),
    (at("unknown", value=1), "/unknown"),
    (at("a/b~c", value=1), "/a~1b~0c"),
    (at("deadlineMs", value=249), "/deadlineMs"),
    (at("deadlineMs", value=4001), "/deadlineMs"),
    (at("deadlineMs", value="1500"), "/deadlineMs"),
    (at("deadlineMs", value=True), "/deadlineMs"),
    (at("maxEvidenceAgeS", value=-1), "/maxEvidenceAgeS"),
    (without("purpose"), "/purpose"),
    (without("subject"), "/subject"),
    (without("action", "type"), "/action/type"),
]


@pytest.mark.parametrize(("change", "pointer"), FAULTS, ids=[pointer for _, pointer in FAULTS])
def test_a_bad_member_is_pointed_at(change: Callable[[Any], None], pointer: str) -> None:
    question = deepcopy(QUESTION)
    change(question)
    with pytest.raises(InvalidRequest) as refused:
        read(question)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]
    assert all(fault.detail for fault in refused.value.faults)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_anything_but_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        wire.to_request(wire.members_of(body), deadline_min_ms=250, deadline_cap_ms=4000)


def test_a_refusal_does_not_repeat_the_number() -> None:
    question = deepcopy(QUESTION)
    question["subject"]["phoneNumber"] = "0034600000101"
    with pytest.raises(InvalidRequest) as refused:
        read(question)
    assert "600000101" not in f"{refused.value} {refused.value.faults}".replace("+34600000101", "")


def caller(**changed: Any) -> Principal:
    members: dict[str, Any] = {"consumer": "shop", "agent": "till", "scopes": frozenset({"trust:check"})}
    return Principal(tenant="acme", key_id="k", **(members | changed))


def test_equal_requests_of_one_caller_have_one_fingerprint_whatever_the_order_of_their_members() -> None:
    turned = dict(reversed(list(QUESTION.items())))
    first = wire.fingerprint(QUESTION, caller())
    assert first == wire.fingerprint(turned, caller())
    others = (
        wire.fingerprint({**QUESTION, "deadlineMs": 1501}, caller()),
        wire.fingerprint(QUESTION, caller(agent=None)),
        wire.fingerprint(QUESTION, caller(consumer="desk")),
        wire.fingerprint(QUESTION, caller(scopes=frozenset({"trust:check", "trust:explain"}))),
    )
    assert len({first, *others}) == 5
