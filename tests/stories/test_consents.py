"""Nobody is located without having agreed; who takes that back is left alone at once, everywhere, in flight too."""

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from tests.stories.conftest import PATIENT
from tests.support.broker import running_broker
from tests.support.databases import empty_postgres
from tests.support.stage import MADRID, Stage, set_stage

PURPOSE = "FraudPreventionAndDetection"
EVERYWHERE_S = 5.0
_PLACE = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))
_TENANTS = count(1)
REQUIRED = {'ledger = "required"': 'ledger = "required"'}


class Desk(NamedTuple):
    """A tenant: its back end, a clerk who takes down what people say, an officer for the rest."""

    stage: Stage
    shop: httpx.Client
    clerk: httpx.Client
    officer: httpx.Client
    tenant: str

    def ask(self, number: str = "+34600000101", via: httpx.Client | None = None, **members: Any) -> dict[str, Any]:
        """The signals of a check by name."""
        question = {
            "subject": {"phoneNumber": number, "location": _PLACE},
            "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
            "purpose": PURPOSE,
            **members,
        }
        answer = (via or self.shop).post("/v1/trust-checks", json=question).raise_for_status().json()
        return {signal["name"]: signal for signal in answer["signals"]}

    def give(self, number: str = "+34600000101", *signals: str, **members: Any) -> dict[str, Any]:
        sent = {"phoneNumber": number, "purpose": PURPOSE, "signals": signals or ("location",)}
        sent |= {"noticeVersion": "2026-11", "method": "spoken", "channel": "voice", **members}
        given = self.clerk.post("/v1/consents", json=sent)
        assert given.status_code == 201, given.text
        found: dict[str, Any] = given.json()
        return found

    def withdraw(self, consent: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.clerk.post(f"/v1/consents/{consent['id']}/withdraw").raise_for_status().json()
        return found


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("strict"), changes=PATIENT | REQUIRED) as standing:
        yield standing


@pytest.fixture
def desk(strict: Stage) -> Iterator[Desk]:
    broker, tenant = strict.broker, f"bank-{next(_TENANTS)}"
    with (
        broker.http(broker.key(tenant, "trust:check", "trust:explain")) as shop,
        broker.http(broker.key(tenant, "consent:read", "consent:write", consumer="clerk")) as clerk,
        broker.http(broker.key(tenant, "privacy:read", "privacy:write", consumer="officer")) as officer,
    ):
        yield Desk(strict, shop, clerk, officer, tenant)


def why(signal: dict[str, Any]) -> tuple[str, str] | None:
    """Why there is no answer; ``None`` where there is one."""
    return None if signal["state"] == "observed" else (signal["reason"], signal["code"])


def located(stage: Stage) -> int:
    return sum("location" in call["path"] for call in stage.alba.control.requests())


def test_location_is_asked_with_a_live_consent_and_not_without(desk: Desk) -> None:
    before = located(desk.stage)
    assert why(desk.ask()["location"]) == ("not_permitted", "CONSENT_MISSING")
    assert located(desk.stage) == before, "nobody was asked"
    given = desk.give()
    assert (given["state"], given["live"], given["version"]) == ("given", True, 1)
    signals = desk.ask()
    assert why(signals["location"]) is None
    assert (signals["location"]["legalBasis"], signals["location"]["consent"]) == ("consent", f"{given['id']}@1")
    assert desk.withdraw(given)["state"] == "withdrawn"
    assert why(desk.ask()["location"]) == ("not_permitted", "CONSENT_WITHDRAWN")
    assert why(desk.ask(maxEvidenceAgeS=3600)["location"]) == ("not_permitted", "CONSENT_WITHDRAWN"), "nor remembered"


def test_what_an_answer_rested_on_is_on_record_explained_and_replayed(desk: Desk) -> None:
    given = desk.give()
    question = {
        "subject": {"phoneNumber": "+34600000101", "location": _PLACE},
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": PURPOSE,
    }
    key = {"Idempotency-Key": f"relied-{given['id']}"}
    first = desk.shop.post("/v1/trust-checks", json=question, headers=key).raise_for_status()
    check = first.json()
    desk.withdraw(given)
    again = desk.shop.post("/v1/trust-checks", json=question, headers=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    relied = {one["name"]: one["consent"] for one in check["signals"] if "consent" in one}
    assert relied == {"location": f"{given['id']}@1"}
    assert msgspec.json.decode(desk.stage.kept(check["id"], desk.tenant).record)["consents"] == relied
    told = desk.shop.get(f"/v1/trust-checks/{check['id']}/explanation").raise_for_status().json()
    assert any(f"on consent {given['id']}@1" in moment["text"] for moment in told["timeline"])


def test_what_needs_no_consent_goes_on(desk: Desk) -> None:
    assert why(desk.ask()["sim_swap"]) is None


def test_a_consent_holds_for_its_person_purpose_and_tenant_alone(desk: Desk) -> None:
    desk.give("+34600000102")
    desk.give("+34600000101", "kyc_match")
    assert why(desk.ask()["location"]) == ("not_permitted", "CONSENT_MISSING")
    rival = desk.stage.broker.key(f"rival-{next(_TENANTS)}", "trust:check", "trust:explain")
    with desk.stage.broker.http(rival) as other:
        assert why(desk.ask("+34600000102", via=other)["location"]) == ("not_permitted", "CONSENT_MISSING")


@pytest.mark.parametrize(("jurisdiction", "found"), [("ES", None), ("FR", ("not_permitted", "CONSENT_MISSING"))])
def test_a_consent_may_hold_in_one_country(desk: Desk, jurisdiction: str, found: tuple[str, str] | None) -> None:
    desk.give(jurisdiction=jurisdiction)
    assert why(desk.ask()["location"]) == found


def test_an_answer_that_was_on_the_way_when_consent_was_taken_back_is_not_used(desk: Desk) -> None:
    given = desk.give()
    desk.stage.alba.control.fault("latency", {"type": "api", "api": "location-verification"}, delayMs=700)
    try:
        before = located(desk.stage)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(desk.ask, maxEvidenceAgeS=0)
            until_s = time.monotonic() + 5
            while located(desk.stage) == before and time.monotonic() < until_s:
                time.sleep(0.01)
            assert located(desk.stage) > before, "the question is out"
            desk.withdraw(given)
            assert why(asked.result()["location"]) == ("not_permitted", "CONSENT_WITHDRAWN")
    finally:
        desk.stage.alba.control.no_faults()


def test_another_node_knows_within_seconds(desk: Desk, tmp_path: Path) -> None:
    home = desk.stage.broker.folder
    shutil.copytree(home / "keys", tmp_path / "keys")  # operators know one client, whichever node speaks for it
    shared = {
        f"sqlite:///{tmp_path}/broker.db": f"sqlite:///{home}/broker.db",
        f'directory = "{tmp_path}/keys"': f'directory = "{home}/keys"',
    }
    urls = {name: getattr(desk.stage, name).url for name in ("alba", "borealis", "cadenza")}
    key = desk.shop.headers["authorization"].removeprefix("Bearer ")
    with running_broker(tmp_path, urls, changes=PATIENT | REQUIRED | shared) as node, node.http(key) as elsewhere:
        assert why(desk.ask(via=elsewhere)["location"]) == ("not_permitted", "CONSENT_MISSING")
        given = desk.give()
        for code in (None, ("not_permitted", "CONSENT_WITHDRAWN")):
            until_s = time.monotonic() + EVERYWHERE_S
            while why(desk.ask(via=elsewhere)["location"]) != code:
                assert time.monotonic() < until_s, why(desk.ask(via=elsewhere)["location"])
                time.sleep(0.05)
            if code is None:
                desk.withdraw(given)


def facade(http: httpx.Client) -> int:
    """What a CAMARA client is told who asks for the place of the same person."""
    area = {"areaType": "CIRCLE", "center": {"latitude": MADRID[0], "longitude": MADRID[1]}, "radius": MADRID[2]}
    asked = {"device": {"phoneNumber": "+34600000101"}, "area": area}
    return http.post("/camara/location-verification/v3/verify", json=asked).status_code


@pytest.mark.proof
def test_over_two_nodes_of_postgresql_a_withdrawal_holds_in_flight_in_memory_and_at_the_facade(tmp_path: Path) -> None:
    home, away, url = tmp_path / "home", tmp_path / "away", empty_postgres()

    def on(folder: Path) -> dict[str, str]:
        folder.mkdir()
        one_log = {'origin = ""': 'origin = "two.example/log"'}
        return PATIENT | REQUIRED | one_log | {f'url = "sqlite:///{folder}/broker.db"': f'url = "{url}"'}

    with ExitStack() as stack:
        stage = stack.enter_context(set_stage(home, changes=on(home)))
        elsewhere = on(away)
        shutil.copytree(home / "keys", away / "keys")
        urls = {name: getattr(stage, name).url for name in ("alba", "borealis", "cadenza")}
        node = stack.enter_context(running_broker(away, urls, changes=elsewhere))
        scopes = ("trust:check", "trust:explain", "network:read", "consent:read", "consent:write")
        key = stage.broker.key("bank", *scopes)
        near, far = (stack.enter_context(each.http(key)) for each in (stage.broker, node))
        desk = Desk(stage, far, near, near, "bank")
        for _ in range(3):
            given = desk.give()
            until(lambda: why(desk.ask()["location"]) is None)
            assert facade(far) == 200
            stage.alba.control.fault("latency", {"type": "api", "api": "location-verification"}, delayMs=800)
            before = located(stage)
            with ThreadPoolExecutor(2) as pool:
                asked, told = pool.submit(desk.ask, maxEvidenceAgeS=0), pool.submit(facade, far)
                until(lambda: located(stage) > before)  # noqa: B023 - looked at before it changes
                desk.withdraw(given)
                withdrawn_s = time.monotonic()
                assert why(asked.result()["location"]) == ("not_permitted", "CONSENT_WITHDRAWN")
                assert told.result() == 403
            stage.alba.control.no_faults()
            until(lambda: why(desk.ask(maxEvidenceAgeS=86_400)["location"]) is not None)
            until(lambda: facade(far) == 403)
            assert time.monotonic() - withdrawn_s < EVERYWHERE_S


def until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + EVERYWHERE_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def test_a_paused_person_is_left_alone_by_everybody(desk: Desk) -> None:
    desk.give()
    paused = desk.officer.post("/v1/subjects/pause", json={"phoneNumber": "+34600000101"}).raise_for_status().json()
    assert "pausedSince" in paused
    calls = desk.stage.operator_calls()
    assert {why(signal) for signal in desk.ask().values()} <= {
        ("not_permitted", "PAUSED"),
        ("not_applicable", "NO_OPERATOR_TOKEN"),
    } | {reason for signal in desk.ask().values() if (reason := why(signal)) and reason[0] == "not_applicable"}
    assert desk.stage.operator_calls() == calls
    resumed = desk.officer.post("/v1/subjects/pause", json={"phoneNumber": "+34600000101", "on": False}).json()
    assert resumed == {}
    assert why(desk.ask()["location"]) is None


def test_an_objection_bars_what_nobody_agreed_to(desk: Desk) -> None:
    desk.give()
    desk.officer.post("/v1/subjects/objection", json={"phoneNumber": "+34600000101"}).raise_for_status()
    signals = desk.ask()
    assert why(signals["sim_swap"]) == ("not_permitted", "OBJECTED")
    assert why(signals["location"]) != ("not_permitted", "OBJECTED"), "they agreed to this one"


def test_a_consent_is_shown_version_by_version_and_exported(desk: Desk) -> None:
    given = desk.give(proof="recording of a canary", expiresAt="2099-01-01T00:00:00Z", jurisdiction="ES")
    desk.withdraw(given)
    assert desk.withdraw(given)["version"] == 2, "once is enough"
    shown = desk.clerk.get(f"/v1/consents/{given['id']}").json()["consents"]
    assert [(one["version"], one["state"], one["recordedBy"]) for one in shown] == [
        (1, "given", "clerk"),
        (2, "withdrawn", "clerk"),
    ]
    found = desk.clerk.post("/v1/consents/search", json={"phoneNumber": "+34600000101"}).json()["consents"]
    assert [(one["id"], one["live"]) for one in found] == [(given["id"], False)]
    record = desk.clerk.get(f"/v1/consents/{given['id']}/export").raise_for_status().json()
    assert (record["@type"], record["dpv:hasConsentStatus"]) == ("dpv:ConsentRecord", "dpv:ConsentWithdrawn")
    assert record["dpv:hasProcess"]["dpv:hasPurpose"] == f"dpv:{PURPOSE}"
    assert record["dpv:hasJurisdiction"] == "loc:ES"
    assert [event["dpv:hasConsentStatus"] for event in record["dpv:hasConsentEvents"]] == [
        "dpv:ConsentGiven",
        "dpv:ConsentWithdrawn",
    ]
    for text in (str(record), str(shown)):
        assert "600000101" not in text
        assert "canary" not in text
    leaves = desk.stage.rows("select body from log_leaves where cast(body as text) like ?", f'%"{given["id"]}"%')
    assert [b"consent.given" in leaves[0][0], b"consent.withdrawn" in leaves[1][0]] == [True, True]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"signals": ["location", "sim_swap"]}, "/signals"),
        ({"purpose": "Marketing"}, "/purpose"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"givenAt": "2099-01-01T00:00:00Z"}, "/givenAt"),
        ({"phoneNumber": "600000101"}, "/phoneNumber"),
        ({"signals": ["shoe_size"]}, "/signals/0"),
    ],
)
def test_a_consent_that_makes_no_sense_is_refused_with_its_place(
    desk: Desk, changed: dict[str, Any], pointer: str
) -> None:
    sent = {"phoneNumber": "+34600000101", "purpose": PURPOSE, "signals": ["location"]}
    sent |= {"noticeVersion": "1", "method": "spoken", "channel": "voice", **changed}
    refused = desk.clerk.post("/v1/consents", json=sent)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)


def test_an_agent_records_no_consent_and_another_tenant_sees_none(desk: Desk) -> None:
    given, broker = desk.give(), desk.stage.broker
    scopes = ("consent:read", "consent:write")
    with broker.http(broker.key("bank-x", *scopes, agent="till")) as agent:
        sent = {"phoneNumber": "+34600000101", "purpose": PURPOSE, "signals": ["location"]}
        sent |= {"noticeVersion": "1", "method": "spoken", "channel": "voice"}
        assert agent.post("/v1/consents", json=sent).status_code == 403
    with broker.http(broker.key("bank-y", *scopes)) as stranger:
        assert stranger.get(f"/v1/consents/{given['id']}").status_code == 404
        assert stranger.post(f"/v1/consents/{given['id']}/withdraw").status_code == 404


def test_what_the_former_holder_of_a_number_agreed_to_permits_nothing(desk: Desk) -> None:
    """Threat T23: the number went to somebody else since the tenant knew it, and nobody asked them."""
    recycled, bound = "+34600000119", (datetime.now(UTC) - timedelta(days=400)).date().isoformat()
    subject = {"phoneNumber": recycled, "location": _PLACE}
    given = desk.give(recycled)
    assert why(desk.ask(subject=subject)["location"]) is None, "who does not ask, does not know"
    dear = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}
    dear |= {"attributes": {"newPayee": True}}
    signals = desk.ask(subject=subject | {"boundSince": bound}, action=dear, maxEvidenceAgeS=0)
    assert signals["number_recycling"]["value"] == "recycled", signals
    assert why(signals["location"]) == ("not_permitted", "CONSENT_EXPIRED"), "nor what was asked beside it"
    before = located(desk.stage)
    assert why(desk.ask(subject=subject)["location"]) == ("not_permitted", "CONSENT_EXPIRED")
    assert located(desk.stage) == before, "nor is it asked again, or remembered"
    versions = desk.clerk.get(f"/v1/consents/{given['id']}").json()["consents"]
    assert [(one["state"], one["recordedBy"]) for one in versions] == [
        ("given", "clerk"),
        ("expired", "a new holder of the number"),
    ]
    desk.give(recycled)
    assert why(desk.ask(subject=subject)["location"]) is None, "the new holder may agree for themselves"


def test_an_erased_person_has_agreed_to_nothing(desk: Desk) -> None:
    given = desk.give()
    desk.officer.post("/v1/subjects/erase", json={"phoneNumber": "+34600000101"}).raise_for_status()
    assert why(desk.ask()["location"]) == ("not_permitted", "CONSENT_MISSING")
    assert desk.clerk.get(f"/v1/consents/{given['id']}").status_code == 404
