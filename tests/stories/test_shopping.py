"""An agent that was told no shops for a yes (threat T10): it gets no more than the honest question."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.broker import FORGETFUL
from tests.support.stage import MADRID, Stage, set_stage

SUSPECT = "+34600000103"
"""Its SIM was swapped three days ago: what is asked about it is for a person to prove."""
PURPOSE = "FraudPreventionAndDetection"
REMEMBERING = {line: line for line in FORGETFUL}
RANK = {"allow": 0, "step_up": 1, "review": 2, "deny": 3}
DEAR = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}, "attributes": {"newPayee": True}}
_TENANTS = count(1)
_PLACE = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("shopping"), changes=REMEMBERING) as standing:
        yield standing


class Shopper(NamedTuple):
    """An agent of a tenant of its own, which nobody has asked before."""

    stage: Stage
    tenant: str
    http: httpx.Client

    def ask(self, action: dict[str, Any] | None = None, via: httpx.Client | None = None, **members: Any) -> Any:
        question = {"subject": {"phoneNumber": SUSPECT}, "action": action or DEAR, "purpose": PURPOSE, **members}
        answer = (via or self.http).post("/v1/trust-checks", json=question)
        if answer.status_code == 403:  # not permitted at all is as good as a no
            return {"decision": "deny"}
        return answer.raise_for_status().json()

    def paying(self, amount: str, currency: str = "EUR", **members: Any) -> Any:
        return self.ask(DEAR | {"amount": {"value": amount, "currency": currency}, **members})

    def other(self, agent: str | None, consumer: str = "shop") -> httpx.Client:
        return self.stage.broker.http(self.stage.broker.key(self.tenant, "trust:check", consumer=consumer, agent=agent))


@pytest.fixture
def shopper(stage: Stage) -> Iterator[Shopper]:
    tenant = f"shopped-{next(_TENANTS)}"
    key = stage.broker.key(tenant, "trust:check", consumer="shop", agent="till")
    with stage.broker.http(key) as http:
        yield Shopper(stage, tenant, http)


def through(shopper: Shopper, agent: str | None) -> list[Any]:
    with shopper.other(agent) as http:
        return [shopper.ask(via=http)]


def over_authzen(shopper: Shopper) -> list[Any]:
    evaluation = {
        "subject": {"type": "phone_number", "id": SUSPECT},
        "action": {"name": "payment.transfer"},
        "resource": {"type": "payment", "id": "1"},
        "context": {"amount": {"value": "950.00", "currency": "EUR"}, "purpose": PURPOSE},
    }
    told = shopper.http.post("/access/v1/evaluation", json=evaluation).raise_for_status().json()
    return [{"decision": "allow" if told["decision"] else "step_up"}]


STRATEGIES: dict[str, Callable[[Shopper], list[Any]]] = {
    "again and again": lambda one: [one.ask() for _ in range(5)],
    "with a new idempotency key each time": lambda one: [
        one.http.post(
            "/v1/trust-checks",
            json={"subject": {"phoneNumber": SUSPECT}, "action": DEAR, "purpose": PURPOSE},
            headers={"Idempotency-Key": f"try-{at}"},
        ).json()
        for at in range(3)
    ],
    "a cent less": lambda one: [one.paying("949.99")],
    "in many small parts": lambda one: [one.paying("20.00") for _ in range(10)],
    "without the amount": lambda one: [one.ask({"type": "payment.transfer", "attributes": {"newPayee": True}})],
    "in another currency": lambda one: [one.paying("950.00", currency) for currency in ("USD", "JPY", "XXX")],
    "as a payment to somebody known": lambda one: [one.paying("950.00", attributes={"newPayee": False})],
    "without saying whom to": lambda one: [one.paying("950.00", attributes={})],
    "an easier action": lambda one: [
        one.ask({"type": "sign_in.hint"}),
        one.ask({"type": "profile.change"}),
        one.ask({"type": "tool.call", "attributes": {"effect": "read"}}),
    ],
    "in another conversation and channel": lambda one: [
        one.ask(context={"channel": channel, "conversationId": f"c-{channel}"}) for channel in ("voice", "mail", "web")
    ],
    "with evidence as old as it gets": lambda one: [one.ask(maxEvidenceAgeS=86_400)],
    "in a great hurry": lambda one: [one.ask(deadlineMs=260)],
    "for another purpose": lambda one: [one.ask(purpose="RequestedServiceProvision")],
    "with a day of the binding that suits": lambda one: [
        one.ask(subject={"phoneNumber": SUSPECT, "boundSince": day}) for day in ("2001-01-01", "2026-11-01")
    ],
    "with a place that suits": lambda one: [one.ask(subject={"phoneNumber": SUSPECT, "location": _PLACE})],
    "through another agent": lambda one: through(one, "colleague"),
    "as a back end": lambda one: through(one, None),
    "through AuthZEN": over_authzen,
}


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
def test_nothing_gets_more_than_the_honest_question(shopper: Shopper, strategy: Callable[[Shopper], list[Any]]) -> None:
    honest = shopper.ask()
    assert honest["decision"] != "allow"
    found = [told["decision"] for told in strategy(shopper)]
    assert found
    assert all(RANK[each] >= RANK[honest["decision"]] for each in found), found


def test_of_an_easier_question_nothing_is_left_for_the_dear_one(shopper: Shopper) -> None:
    """Where nothing was refused before, a small allow is one, and worth nothing for anything but itself."""
    small = shopper.ask({"type": "sign_in.hint"}, subject={"phoneNumber": "+34600000117"})
    assert small["decision"] == "allow"
    used = shopper.http.post("/v1/receipts/consume", json={"receipt": small["receipt"], "action": DEAR})
    assert (used.status_code, used.json()["code"]) == (409, "RECEIPT_OTHER_ACTION")


@pytest.mark.parametrize("by", ["check", "facade"])
def test_nobody_is_found_circle_by_circle(shopper: Shopper, by: str) -> None:
    """Threat T14, over both ways in; what the database keeps of it is no place."""
    broker, tenant = shopper.stage.broker, shopper.tenant
    scopes = ("trust:check", "trust:explain", "network:read", "consent:write")
    with broker.http(broker.key(tenant, *scopes, consumer="back-end")) as http:
        sent = {"phoneNumber": "+34600000101", "purpose": PURPOSE, "signals": ["location"]}
        http.post("/v1/consents", json=sent | {"noticeVersion": "1", "method": "spoken", "channel": "voice"})
        told = [circle(http, by, 5000.0 - 137.0 * step) for step in range(6)]
    assert told == [True] * 3 + [False] * 3
    for path in broker.folder.glob("broker.db*"):
        content = path.read_bytes()
        assert not [place for place in ("40.4168", "3.7038", "4863.0") if place.encode() in content]


def circle(http: httpx.Client, by: str, radius_m: float) -> bool:
    """Whether it was told if they are within that circle."""
    if by == "facade":
        area = {"areaType": "CIRCLE", "center": {"latitude": MADRID[0], "longitude": MADRID[1]}, "radius": radius_m}
        asked = {"device": {"phoneNumber": "+34600000101"}, "area": area}
        answer = http.post("/camara/location-verification/v3/verify", json=asked)
        assert answer.status_code in {200, 403}, answer.text
        return answer.status_code == 200
    subject = {"phoneNumber": "+34600000101", "location": _PLACE | {"radiusM": radius_m}}
    question = {"subject": subject, "action": DEAR, "purpose": PURPOSE, "maxEvidenceAgeS": 0}
    told = http.post("/v1/trust-checks", json=question).raise_for_status().json()
    (place,) = (one for one in told["signals"] if one["name"] == "location")
    if place["state"] == "unavailable":
        assert place["code"] == "TOO_MANY_PLACES"
    return bool(place["state"] == "observed")
