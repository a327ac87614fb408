"""Personal data in clear: told to a back end when everybody wants it, and to nobody when one of them does not."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

import httpx
import pytest
from typer.testing import CliRunner

from broker.client import AsyncTrustBroker, BrokerRefused, TrustBroker
from broker.surfaces.cli import disclosure
from tests.stories.conftest import PATIENT
from tests.stories.test_operator_consent import CONSENTLESS
from tests.support.stage import Stage, set_stage

PURPOSE = "FraudPreventionAndDetection"
NUMBER = "+34600000101"
_TENANTS = count(1)
OPEN = {
    "operators/alba.toml": {
        'adapter = "mock"\n': 'adapter = "mock"\ndisclosures = ["location-retrieval", "kyc-fill-in"]\n',
    },
    # Could tell places, and is not switched on for it.
    "operators/borealis.toml": {'"mock_legacy"': '"mock"', "client_secret =": "# client_secret ="},
}


class House(NamedTuple):
    """A tenant: who administers it, who takes consents down, an officer, and its back end."""

    stage: Stage
    tenant: str
    admin: httpx.Client
    clerk: httpx.Client
    officer: httpx.Client
    desk: httpx.Client

    def grant(self, disclosure: str = "location_area", **members: Any) -> httpx.Response:
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        sent = {"disclosure": disclosure, "purpose": PURPOSE, "reason": "lost riders", "expiresAt": until}
        return self.admin.post("/v1/disclosures/grants", json=sent | members)

    def consent(self, *disclosures: str, number: str = NUMBER) -> str:
        sent = {"phoneNumber": number, "purpose": PURPOSE, "instruments": disclosures, "noticeVersion": "7"}
        given = self.clerk.post("/v1/consents", json=sent | {"method": "spoken", "channel": "voice"})
        assert given.status_code == 201, given.text
        return str(given.json()["id"])

    def locate(self, number: str = NUMBER, **members: Any) -> httpx.Response:
        sent = {"phoneNumber": number, "purpose": PURPOSE, "maxAgeS": 3600, **members}
        return self.desk.post("/v1/disclosures/location", json=sent)

    def identify(self, *attributes: str, number: str = NUMBER) -> httpx.Response:
        sent = {"phoneNumber": number, "purpose": PURPOSE, "attributes": attributes}
        return self.desk.post("/v1/disclosures/identity", json=sent)

    def leaves(self) -> list[str]:
        rows = self.stage.rows("SELECT body FROM log_leaves WHERE tenant = ? AND check_id NOT LIKE 'cev%'", self.tenant)
        return [bytes(body).decode() for (body,) in rows]


@pytest.fixture(scope="module")
def open_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    required = {'ledger = "required"': 'ledger = "required"'}
    with set_stage(tmp_path_factory.mktemp("open"), changes=PATIENT | required, edits=OPEN) as standing:
        yield standing


@pytest.fixture
def house(open_stage: Stage) -> Iterator[House]:
    tenant = f"house-{next(_TENANTS)}"
    scopes = (("tenant:admin",), ("consent:read", "consent:write"), ("privacy:write",), ("disclosure:order",))
    with ExitStack() as stack:
        keys = [open_stage.broker.key(tenant, *each, consumer=each[0].partition(":")[0]) for each in scopes]
        yield House(open_stage, tenant, *(stack.enter_context(open_stage.broker.http(key)) for key in keys))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def asked(stage: Stage) -> int:
    apis = ("location-retrieval", "kyc-fill-in")
    return sum(any(api in call["path"] for api in apis) for call in stage.alba.control.requests())


def test_a_place_is_told_when_everybody_wants_it(house: House) -> None:
    granted = house.grant()
    assert granted.status_code == 201, granted.text
    assert (granted.json()["stands"], granted.json()["grantedBy"]) == (True, "tenant")
    house.consent("location_area")
    answer = house.locate()
    told = answer.raise_for_status().json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert told["place"]["points"] == [{"latitude": 40.4168, "longitude": -3.7038}]
    assert (told["told"], told["legalBasis"], told["grant"]) == (True, "consent", granted.json()["id"])


def test_a_file_is_opened_as_far_as_it_was_ordered(house: House) -> None:
    house.grant("identity_record")
    house.consent("identity_record")
    told = house.identify("name", "birthdate").raise_for_status().json()
    assert told["attributes"] == {"name": "Alma Serrano Vidal", "birthdate": "1987-03-14"}


async def test_the_python_client_grants_orders_and_takes_back(house: House) -> None:
    """Both clients, each against the broker: the same five operations, typed, and silent in a log."""
    url, until = house.stage.broker.url, datetime.now(UTC) + timedelta(days=1)
    house.consent("location_area")
    house.consent("identity_record")
    admin_key, desk_key = (str(each.headers["Authorization"])[7:] for each in (house.admin, house.desk))
    with TrustBroker(url, admin_key) as admin, TrustBroker(url, desk_key) as desk:
        granted = admin.grant_disclosure("location_area", PURPOSE, "lost riders", until)
        found = desk.disclose_location(NUMBER, PURPOSE, max_age_s=3600)
        assert found.place is not None
        assert found.place.points == ((40.4168, -3.7038),)
        assert (found.told, found.grant, "40.4" in repr(found)) == (True, granted.id, False)
        ended = admin.withdraw_disclosure(granted.id)
        assert (granted.stands, ended.stands, ended.withdrawn_by) == (True, False, "tenant")
        assert admin.disclosure_grants() == (ended,)
        with pytest.raises(BrokerRefused) as refused:
            desk.disclose_location(NUMBER, PURPOSE)
        assert refused.value.code == "NOT_GRANTED"
    async with AsyncTrustBroker(url, admin_key) as later, AsyncTrustBroker(url, desk_key) as back:
        granted = await later.grant_disclosure("identity_record", PURPOSE, "lost riders", until)
        opened = await back.disclose_identity(NUMBER, ["name", "birthdate"], PURPOSE)
        assert opened.attributes == {"name": "Alma Serrano Vidal", "birthdate": "1987-03-14"}
        assert "Alma" not in repr(opened)
        assert not (await later.withdraw_disclosure(granted.id)).stands
        assert {one.id for one in await later.disclosure_grants()} == {granted.id, ended.id}
        with pytest.raises(BrokerRefused):
            await back.disclose_location(NUMBER, PURPOSE, max_age_s=60)


def test_the_order_is_on_record_and_the_answer_is_not(house: House) -> None:
    house.grant("identity_record")
    house.consent("identity_record")
    order = house.identify("name").raise_for_status().json()["id"]
    leaves = house.leaves()
    assert [event for leaf in leaves for event in ("granted", "order", "answer") if f"disclosure.{event}" in leaf] == [
        "granted",
        "order",
        "answer",
    ]
    assert sum(order in leaf for leaf in leaves) == 2
    everything = house.stage.broker.folder.joinpath("broker.db").read_bytes()
    everything += b"".join(path.read_bytes() for path in house.stage.broker.folder.glob("broker.db-wal"))
    assert b"Alma" not in everything
    assert b"600000101" not in everything


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("grant", "NOT_GRANTED"),
        ("other grant", "NOT_GRANTED"),
        ("withdrawn grant", "NOT_GRANTED"),
        ("consent", "CONSENT_MISSING"),
        ("withdrawn consent", "CONSENT_WITHDRAWN"),
        ("pause", "PAUSED"),
    ],
)
def test_without_one_of_them_nothing_is_asked(house: House, missing: str, why: str) -> None:
    if missing not in {"grant", "other grant"}:
        grant = house.grant().json()["id"]
    if missing == "other grant":
        house.grant("identity_record")
    if missing != "consent":
        consent = house.consent("location_area")
    if missing == "withdrawn grant":
        ended = house.admin.post(f"/v1/disclosures/grants/{grant}/withdraw").raise_for_status().json()
        assert (ended["stands"], ended["withdrawnBy"]) == (False, "tenant")
    if missing == "withdrawn consent":
        house.clerk.post(f"/v1/consents/{consent}/withdraw").raise_for_status()
    if missing == "pause":
        house.officer.post("/v1/subjects/pause", json={"phoneNumber": NUMBER}).raise_for_status()
    before = asked(house.stage)
    assert code(house.locate()) == (403, why)
    assert asked(house.stage) == before
    if missing == "pause":
        house.officer.post("/v1/subjects/pause", json={"phoneNumber": NUMBER, "on": False}).raise_for_status()


def test_an_operator_that_is_not_switched_on_tells_nothing(house: House) -> None:
    house.grant()
    number = house.stage.borealis.number("000101")
    house.consent("location_area", number=number)
    assert code(house.locate(number)) == (403, "NOT_DISCLOSED")
    assert any("disclosure.answer" in leaf for leaf in house.leaves()), "the order and what became of it are on record"


@pytest.mark.parametrize("what", ["location_area", "identity_record"])
def test_whoever_has_not_permitted_it_at_their_operator_is_not_told_of(house: House, what: str) -> None:
    """Our ledger has a consent; the operator, which keeps one of its own, is asked for that first."""
    house.grant(what)
    house.consent(what, number=CONSENTLESS)
    before = asked(house.stage)
    order = house.locate(CONSENTLESS) if what == "location_area" else house.identify("name", number=CONSENTLESS)
    told = order.raise_for_status().json()
    assert (told["told"], told["reason"], told["code"]) == (False, "not_permitted", "OPERATOR_CONSENT_MISSING")
    assert asked(house.stage) == before


def test_what_the_operator_does_not_know_is_an_answer(house: House) -> None:
    house.grant()
    house.consent("location_area", number="+34600000404")
    told = house.locate("+34600000404").raise_for_status().json()
    assert (told["told"], told["reason"]) == (False, "unknown_subscriber")
    assert "place" not in told


def test_a_consent_to_compare_places_is_none_to_tell_them(house: House) -> None:
    house.grant()
    sent = {"phoneNumber": NUMBER, "purpose": PURPOSE, "signals": ["location"], "noticeVersion": "7"}
    house.clerk.post("/v1/consents", json=sent | {"method": "spoken", "channel": "voice"}).raise_for_status()
    assert code(house.locate()) == (403, "CONSENT_MISSING")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"purpose": "DirectMarketing"}, "/purpose"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, "/expiresAt"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(house: House, members: dict[str, Any], pointer: str) -> None:
    refused = house.grant(**members)
    assert refused.status_code == 400
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_it_is_nobody_elses_and_no_agents(house: House) -> None:
    granted = house.grant().json()["id"]
    house.consent("location_area")
    broker = house.stage.broker
    agent = broker.key(house.tenant, "disclosure:order", "tenant:admin", agent="till")
    other = broker.key(f"rival-{next(_TENANTS)}", "disclosure:order", "tenant:admin", "trust:check")
    with broker.http(agent) as via_agent, broker.http(other) as rival, broker.http() as checks_only:
        body = {"phoneNumber": NUMBER, "purpose": PURPOSE}
        assert via_agent.post("/v1/disclosures/location", json=body).status_code == 403
        assert via_agent.post(f"/v1/disclosures/grants/{granted}/withdraw").status_code == 403
        assert checks_only.post("/v1/disclosures/location", json=body).status_code == 403
        assert rival.post(f"/v1/disclosures/grants/{granted}/withdraw").status_code == 404
        assert rival.get("/v1/disclosures/grants").json() == {"grants": []}
        assert rival.post("/v1/disclosures/location", json=body).status_code == 403
    assert [one["id"] for one in house.admin.get("/v1/disclosures/grants").json()["grants"]] == [granted]


def test_the_command_line_grants_orders_and_takes_back(house: House) -> None:
    house.consent("location_area")
    url = house.stage.broker.url

    def told(who: httpx.Client, *words: str) -> Any:
        key = who.headers["Authorization"].removeprefix("Bearer ")
        done = CliRunner().invoke(disclosure.app, [*words, "--url", url, "--key", key, "--json"])
        return json.loads(done.output) if done.exit_code == 0 else done.exit_code

    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    granted = told(house.admin, "grant", "location_area", "--reason", "lost riders", "--expires", until)
    assert told(house.admin, "list")["grants"] == [granted]
    assert told(house.desk, "locate", NUMBER, "--max-age", "3600")["told"] is True
    assert told(house.desk, "identify", NUMBER, "--attribute", "name") == 1
    assert told(house.admin, "withdraw", granted["id"])["stands"] is False
    assert told(house.desk, "locate", NUMBER) == 1
