"""Whoever is paused, objects or takes a consent back is left alone on every way to an operator, also half-way along."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from adapters.mock.phone import Phone, said
from tests.stories.conftest import PATIENT
from tests.support.broker import CONFIG
from tests.support.stage import Stage, set_stage

PURPOSE = "FraudPreventionAndDetection"
STEADY, SWAPPED_3D = "+34600000101", "+34600000103"
DEAR = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}, "attributes": {"newPayee": True}}


def by_consent() -> str:
    """The shipped purposes, where proving a SIM and sending a code rest on consent."""
    text = (CONFIG / "purposes.toml").read_text("utf-8")
    for name in ("number_verification", "one_time_password"):
        text = text.replace(f'{name} = "legitimate_interest"', f'{name} = "consent"')
    return text


class Person(NamedTuple):
    """Somebody with a bank: its agent and back ends, and what they may say to it."""

    stage: Stage
    number: str
    agent: httpx.Client
    backend: httpx.Client
    officer: httpx.Client

    def agrees(self) -> str:
        sent = {"phoneNumber": self.number, "purpose": PURPOSE, "signals": ["number_verification"]}
        sent |= {"instruments": ["one_time_password"], "noticeVersion": "1", "method": "spoken", "channel": "voice"}
        given = self.officer.post("/v1/consents", json=sent)
        assert given.status_code == 201, given.text
        return str(given.json()["id"])

    def says(self, what: str, *, on: bool = True) -> None:
        self.officer.post(f"/v1/subjects/{what}", json={"phoneNumber": self.number, "on": on}).raise_for_status()

    def start(self, method: str) -> httpx.Response:
        asked = {"subject": {"phoneNumber": self.number}, "action": DEAR, "purpose": PURPOSE}
        check = self.agent.post("/v1/trust-checks", json=asked).raise_for_status().json()
        assert method in [step.get("method") for step in check["nextSteps"]], check
        body = {"method": method, "phoneNumber": self.number}
        self.after_check()
        return self.agent.post(f"/v1/trust-checks/{check['id']}/challenges", json=body)

    def started(self, method: str) -> dict[str, Any]:
        answer = self.start(method)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def after_check(self) -> None:
        """Nothing, unless a story says so."""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    changes = PATIENT | {'ledger = "required"': 'ledger = "required"', "hourly = 6": "hourly = 60"}
    files = {"../purposes.toml": by_consent()}
    with set_stage(tmp_path_factory.mktemp("alone"), changes=changes, files=files) as stage:
        yield stage


@pytest.fixture(scope="module")
def bank(standing: Stage) -> Iterator[Person]:
    broker = standing.broker
    officer = broker.key("bank", "consent:read", "consent:write", "privacy:write", consumer="officer")
    with (
        broker.http(broker.key("bank", "trust:check", consumer="shop", agent="till")) as agent,
        broker.http(broker.key("bank", "network:read", consumer="backend")) as backend,
        broker.http(officer) as desk,
    ):
        yield Person(standing, STEADY, agent, backend, desk)


@pytest.fixture
def person(bank: Person, request: pytest.FixtureRequest) -> Iterator[Person]:
    """Somebody of whom nothing is on record, also afterwards."""
    person = bank._replace(number=getattr(request, "param", STEADY))
    yield person
    person.says("pause", on=False)
    person.says("objection", on=False)
    held = person.officer.post("/v1/consents/search", json={"phoneNumber": person.number}).raise_for_status().json()
    for consent in held["consents"]:
        person.officer.post(f"/v1/consents/{consent['id']}/withdraw").raise_for_status()


def _pause(person: Person, consent: str) -> None:
    person.says("pause")


def _withdraw(person: Person, consent: str) -> None:
    person.officer.post(f"/v1/consents/{consent}/withdraw").raise_for_status()


Stop = Callable[[Person, str], None]
STOPS = pytest.mark.parametrize("stop", [_pause, _withdraw])


@STOPS
@pytest.mark.parametrize(
    ("person", "method"),
    [(STEADY, "sms_otp"), (SWAPPED_3D, "network_auth"), (SWAPPED_3D, "operator_token")],
    indirect=["person"],
)
def test_no_challenge_begins(person: Person, method: str, stop: Stop) -> None:
    consent, asked = person.agrees(), 0

    class Stopping(Person):
        def after_check(self) -> None:
            nonlocal asked
            stop(self, consent)
            asked = self.stage.operator_calls()

    refused = Stopping(*person).start(method)
    assert (refused.status_code, "cannot do that" in refused.text) == (409, True), refused.text
    assert person.stage.operator_calls() == asked, "nobody was asked"


def ended(person: Person, challenge: dict[str, Any]) -> tuple[str, str | None]:
    now = person.agent.get(challenge["href"]).json()
    return now["status"], now.get("code")


@STOPS
@pytest.mark.parametrize(
    ("person", "method", "answer"),
    [(STEADY, "sms_otp", {"code": "123456"}), (SWAPPED_3D, "operator_token", {"operatorToken": "x" * 40})],
    indirect=["person"],
)
def test_what_was_begun_asks_nobody_any_more(person: Person, method: str, answer: dict[str, Any], stop: Stop) -> None:
    consent = person.agrees()
    challenge = person.started(method)
    stop(person, consent)
    asked = person.stage.operator_calls()
    person.agent.post(f"{challenge['href']}/answer", json=answer).raise_for_status()
    assert ended(person, challenge) == ("failed", "NOT_PERMITTED")
    assert person.stage.operator_calls() == asked


@STOPS
def test_no_second_code_is_sent(person: Person, stop: Stop) -> None:
    consent = person.agrees()
    challenge = person.started("sms_otp")
    stop(person, consent)
    asked = person.stage.operator_calls()
    person.agent.post(f"{challenge['href']}/resend")
    assert person.stage.operator_calls() == asked


@STOPS
@pytest.mark.parametrize("person", [SWAPPED_3D], indirect=True)
def test_a_link_leads_nowhere(person: Person, stop: Stop) -> None:
    consent = person.agrees()
    challenge, phone = person.started("network_auth"), Phone(SWAPPED_3D)
    try:
        page = phone.look(challenge["link"])
        stop(person, consent)
        asked = person.stage.operator_calls()
        assert phone.tap(challenge["link"], page).status_code == 410
    finally:
        phone.close()
    assert ended(person, challenge) == ("failed", "NOT_PERMITTED")
    assert person.stage.operator_calls() == asked


@STOPS
@pytest.mark.parametrize("person", [SWAPPED_3D], indirect=True)
def test_who_comes_back_from_the_operator_too_late_has_proven_nothing(person: Person, stop: Stop) -> None:
    consent = person.agrees()
    challenge, phone = person.started("network_auth"), Phone(SWAPPED_3D)
    try:
        tapped = phone.http.post(challenge["link"], headers={"sec-fetch-site": "same-origin"})
        back = phone.http.get(tapped.headers["location"], headers={"x-cellular-msisdn": SWAPPED_3D})
        stop(person, consent)
        assert said(phone.http.get(back.headers["location"]))[0] != "Done"
    finally:
        phone.close()
    assert ended(person, challenge) == ("failed", "NOT_PERMITTED")


def test_a_proof_says_on_which_consent_it_rests(person: Person) -> None:
    consent = person.agrees()
    challenge = person.started("sms_otp")
    (*_, last) = person.stage.alba.control.http.get(f"/subscribers/{STEADY}/messages").json()
    code = "".join(filter(str.isdigit, last["text"].split()[0]))
    person.agent.post(f"{challenge['href']}/answer", json={"code": code}).raise_for_status()
    assert ended(person, challenge) == ("met", None)
    check_id = challenge["href"].split("/")[3]
    proofs = msgspec.json.decode(person.stage.kept(check_id, "bank").record)["proofs"]
    assert proofs == [{"method": "sms_otp", "met": True, "consent": f"{consent}@1"}]


FACADE: list[tuple[str, dict[str, Any], str]] = [
    ("sim-swap/v2/check", {"phoneNumber": STEADY}, "pause"),
    ("sim-swap/v2/check", {"phoneNumber": STEADY}, "objection"),
    ("kyc-match/v0.4/match", {"phoneNumber": STEADY, "givenName": "Alma"}, "pause"),
    ("kyc-match/v0.4/match", {"phoneNumber": STEADY, "givenName": "Alma"}, "nothing"),
    (
        "location-verification/v3/verify",
        {
            "device": {"phoneNumber": STEADY},
            "area": {"areaType": "CIRCLE", "center": {"latitude": 40.4, "longitude": -3.7}, "radius": 5000},
        },
        "nothing",
    ),
]


@pytest.mark.parametrize(("path", "body", "stop"), FACADE)
def test_a_camara_client_is_told_that_it_is_not_permitted(
    person: Person, path: str, body: dict[str, Any], stop: str
) -> None:
    if stop != "nothing":
        person.says(stop)
    asked = person.stage.operator_calls()
    refused = person.backend.post(f"/camara/{path}", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "PERMISSION_DENIED"), refused.text
    assert person.stage.operator_calls() == asked
    leaves = person.stage.rows("SELECT cast(body AS text) FROM log_leaves ORDER BY rowid DESC LIMIT 1")
    assert "network.refuse" in str(leaves)


def test_a_camara_client_is_answered_where_the_person_agreed_and_the_log_says_on_what(person: Person) -> None:
    sent = {"phoneNumber": STEADY, "purpose": PURPOSE, "signals": ["kyc_match"]}
    sent |= {"noticeVersion": "1", "method": "spoken", "channel": "voice"}
    consent = person.officer.post("/v1/consents", json=sent).raise_for_status().json()["id"]
    answered = person.backend.post("/camara/kyc-match/v0.4/match", json={"phoneNumber": STEADY, "givenName": "Alma"})
    assert answered.status_code == 200, answered.text
    assert person.stage.rows("SELECT 1 FROM log_leaves WHERE cast(body AS text) LIKE ?", f"%consent {consent}@1%")
