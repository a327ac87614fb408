"""Where the operator has no consent yet it is not asked for the thing itself; the person gets a link to permit it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.stories.conftest import PATIENT
from tests.support.broker import RunningBroker
from tests.support.clocks import HandClock
from tests.support.stage import MADRID, Stage, set_stage

CONSENTLESS, STEADY = "+34600000109", "+34600000101"
PURPOSE = "FraudPreventionAndDetection"
_PLACE = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))


@pytest.fixture(scope="module")
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, clock: HandClock) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("operator-consent"), clock=clock, changes=PATIENT) as standing:
        yield standing


@pytest.fixture
def agent(stage: Stage, clock: HandClock) -> Iterator[httpx.Client]:
    stage.alba.control.reset()
    clock.advance(6)  # what operators said a moment ago is remembered for so long
    with stage.broker.http() as http:
        yield http


def ask(broker: RunningBroker, number: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A check as the agent sees it, and its signals as an analyst does."""
    question = {
        "subject": {"phoneNumber": number, "location": _PLACE},
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": PURPOSE,
        "maxEvidenceAgeS": 0,
    }
    with broker.http() as http, broker.http(broker.analyst_key) as analyst:
        check = http.post("/v1/trust-checks", json=question).raise_for_status().json()
        shown = analyst.get(f"/v1/trust-checks/{check['id']}").raise_for_status().json()
    return check, {one["name"]: one for one in shown["signals"]}


def calls(stage: Stage, part: str) -> int:
    return sum(part in call["path"] for call in stage.alba.control.requests())


def link(agent: httpx.Client, check: dict[str, Any], number: str = CONSENTLESS) -> httpx.Response:
    (step,) = [step for step in check["nextSteps"] if step["type"] == "consent"]
    return agent.post(step["href"], json={"phoneNumber": number})


def opened(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, url, headers=headers, trust_env=False, follow_redirects=False)


def test_a_person_is_sent_to_their_operator_and_permits_it(stage: Stage, agent: httpx.Client, clock: HandClock) -> None:
    before = calls(stage, "location-verification")
    check, signals = ask(stage.broker, CONSENTLESS)
    place = signals["location"]
    assert (place["reason"], place["code"]) == ("not_permitted", "OPERATOR_CONSENT_MISSING")
    assert "cost" not in place
    assert calls(stage, "location-verification") == before, "no call was made for it"

    given = link(agent, check)
    assert given.status_code == 201, given.text
    assert stage.alba.url not in given.text, "the agent learns no address of anybody's"
    address = given.json()["link"]
    page = opened(address)
    assert (page.status_code, "127.0.0.1" in page.text, CONSENTLESS in page.text) == (200, True, False)
    assert f"form-action 'self' {stage.alba.url}" in page.headers["content-security-policy"]
    going = opened(address, "POST", **{"sec-fetch-site": "same-origin"})
    assert (going.status_code, going.headers["location"].startswith(stage.alba.url)) == (303, True)
    opened(going.headers["location"]).raise_for_status()

    clock.advance(6)
    _, signals = ask(stage.broker, CONSENTLESS)
    assert signals["location"]["state"] == "observed"


def test_a_consent_at_the_operator_lets_the_question_through(stage: Stage, agent: httpx.Client) -> None:
    before = calls(stage, "consent-info")
    _, signals = ask(stage.broker, STEADY)
    assert signals["location"]["state"] == "observed"
    assert calls(stage, "consent-info") > before


@pytest.mark.parametrize(("kind", "reason"), [("malformed", "malformed"), ("status", "operator_error")])
def test_what_nobody_can_tell_is_no_consent(stage: Stage, agent: httpx.Client, kind: str, reason: str) -> None:
    stage.alba.control.fault(kind, {"type": "api", "api": "consent-info"})
    before = calls(stage, "location-verification")
    check, signals = ask(stage.broker, "+34600000102")
    assert (signals["location"]["reason"], signals["location"]["code"]) == (reason, "OPERATOR_CONSENT_UNKNOWN")
    assert calls(stage, "location-verification") == before
    assert "consent" not in [step["type"] for step in check["nextSteps"]]


def test_a_link_is_for_the_callers_own_check_and_its_number(stage: Stage, agent: httpx.Client) -> None:
    check, _ = ask(stage.broker, CONSENTLESS)
    assert link(agent, check, STEADY).status_code == 400
    with stage.broker.http(stage.broker.analyst_key) as other:
        assert link(other, check).status_code == 404
    plain, _ = ask(stage.broker, STEADY)
    path = f"/v1/trust-checks/{plain['id']}/consent-links"
    assert agent.post(path, json={"phoneNumber": STEADY}).status_code == 409


def test_a_link_that_was_changed_or_made_up_leads_nowhere(stage: Stage, agent: httpx.Client) -> None:
    check, _ = ask(stage.broker, CONSENTLESS)
    address = link(agent, check).json()["link"]
    swapped = address[:-1] + ("A" if address[-1] != "A" else "B")
    for forged in (swapped, address[:-30], f"{stage.broker.url}/c/{'A' * 300}"):
        assert opened(forged).status_code == 410
        assert opened(forged, "POST").status_code == 410
    assert opened(address, "POST", **{"sec-fetch-site": "cross-site"}).status_code == 410
