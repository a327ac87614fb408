"""The life of a policy over the real broker: published, approved by a second person, in force, rolled back, stopped."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from broker.audit.leaf import leaf_hash
from tests.support.broker import CONFIG
from tests.support.clocks import HandClock
from tests.support.databases import BACKENDS, database, execute
from tests.support.stage import MADRID, Stage, set_stage

PAYMENT = (CONFIG / "policies" / "payment.yaml").read_text("utf-8")
STEADY, SWAPPED_3H = "+34600000101", "+34600000102"
DELAY_S = 60.0  # short, so that a SIM swapped three hours ago stays that for all stories
_TENANTS = itertools.count(1)
SCOPES = ("policy:read", "policy:publish", "policy:approve", "policy:stop", "trust:check", "trust:explain")


class Office(NamedTuple):
    """A tenant of a broker on one of the databases: an agent, and two people who may change policies."""

    stage: Stage
    clock: HandClock
    url: str
    tenant: str
    till: httpx.Client
    ana: httpx.Client
    luis: httpx.Client

    def decision(self, number: str = STEADY, **asked: Any) -> dict[str, Any]:
        return ask(self.till, number, **asked)

    def person(self, name: str, *scopes: str, tenant: str | None = None) -> httpx.Client:
        key = self.stage.broker.key(tenant or self.tenant, *(scopes or SCOPES), consumer=name)
        return self.stage.broker.http(key)

    def leaves(self) -> list[dict[str, Any]]:
        query = f"SELECT body, leaf_hash FROM log_leaves WHERE tenant = '{self.tenant}' ORDER BY seq"
        rows = asyncio.run(execute(self.url, query))
        assert all(bytes(digest) == leaf_hash(bytes(body)) for body, digest in rows)
        return [json.loads(body) for body, _ in rows]


def ask(
    http: httpx.Client, number: str = STEADY, *, headers: dict[str, str] | None = None, **members: Any
) -> dict[str, Any]:
    question = {
        "subject": {
            "phoneNumber": number,
            "location": dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True)),
        },
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": "FraudPreventionAndDetection",
    }
    answer = http.post("/v1/trust-checks", json=question | members, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module", params=BACKENDS)
def building(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, HandClock, str]]:
    folder, clock = tmp_path_factory.mktemp("policies"), HandClock()
    with (
        database(request.param, folder) as url,
        set_stage(
            folder,
            clock=clock,
            changes={
                f"sqlite:///{folder}/broker.db": url,
                "loosening_delay_s = 3600": f"loosening_delay_s = {DELAY_S:.0f}",
            },
        ) as stage,
    ):
        yield stage, clock, url


@pytest.fixture
def office(building: tuple[Stage, HandClock, str]) -> Iterator[Office]:
    """A tenant for each test, so that none meets another's policies."""
    stage, clock, url = building
    tenant = f"bank-{next(_TENANTS)}"
    broker = stage.broker
    with (
        broker.http(broker.key(tenant, "trust:check", "trust:explain", consumer="shop", agent="till")) as till,
        broker.http(broker.key(tenant, *SCOPES, consumer="ana")) as ana,
        broker.http(broker.key(tenant, *SCOPES, consumer="luis")) as luis,
    ):
        yield Office(stage, clock, url, tenant, till, ana, luis)


def changed(version: int, *pairs: tuple[str, str]) -> str:
    text = PAYMENT.replace("version: 1\n", f"version: {version}\n")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def looser(version: int) -> str:
    """Three hours after a SIM swap a human looks, where version 1 refuses."""
    evidence = "evidence: {sim_swap: 3h, number_verification: not_applicable, location: inside}\n    class: medium\n"
    return changed(
        version,
        ("SIM_CHANGED_24H: {medium: deny}", "SIM_CHANGED_24H: {medium: review}"),
        (f"{evidence}    decision: deny", f"{evidence}    decision: review"),
    )


def stricter(version: int) -> str:
    """No code over the phone network any more."""
    return changed(
        version,
        ("[network_auth, operator_token, tenant_factor, operator_prompt, sms_otp]", "[network_auth, tenant_factor]"),
    )


def publish(who: httpx.Client, text: str) -> httpx.Response:
    return who.post("/v1/policies", json={"document": text})


def test_the_configuration_is_the_first_version_of_every_tenant(office: Office) -> None:
    found = {one["id"]: one for one in office.ana.get("/v1/policies").json()["policies"]}
    assert sorted(found) == sorted(path.stem for path in (CONFIG / "policies").iterdir())
    assert (found["payment"]["inForce"], found["payment"]["versions"][0]["addedBy"]) == (1, "configuration")
    kept = office.ana.get("/v1/policies/payment/versions/1").json()
    assert kept["document"] == PAYMENT
    seeded = [leaf["about"] for leaf in office.leaves() if leaf.get("event") == "policy.seed"]
    assert "payment@1" in seeded


def test_a_stricter_version_is_in_force_at_once_and_recorded(office: Office) -> None:
    sent = publish(office.ana, stricter(2))
    assert (sent.status_code, sent.json()["state"], sent.json()["direction"]) == (201, "approved", "stricter")
    assert office.decision()["policy"]["version"] == 2
    (leaf,) = [leaf for leaf in office.leaves() if leaf.get("event") == "policy.publish"]
    assert (leaf["about"], leaf["by"]) == ("payment@2 approved", "ana")


def test_a_looser_version_needs_a_second_person_and_a_delay(office: Office) -> None:
    assert office.decision(SWAPPED_3H)["decision"] == "deny"
    change = publish(office.ana, looser(2)).json()
    assert (change["state"], change["direction"]) == ("pending", "looser")
    assert any(one["where"] == "decisions.medium" for one in change["changes"])
    office.clock.advance(10 * DELAY_S)
    assert office.decision()["policy"]["version"] == 1, "nothing happens while it is pending"

    approve = f"/v1/policies/changes/{change['id']}/approve"
    refused = office.ana.post(approve)
    assert (refused.status_code, "second person" in refused.json()["detail"]) == (403, True)
    assert office.luis.post(approve).json()["state"] == "approved"
    assert office.luis.post(approve).status_code == 409
    assert office.decision()["policy"]["version"] == 1, "the delay is not over"
    office.clock.advance(DELAY_S - 1)
    assert office.decision()["policy"]["version"] == 1
    office.clock.advance(1)
    assert office.decision()["policy"]["version"] == 2
    assert [leaf["event"] for leaf in office.leaves() if "event" in leaf][-2:] == ["policy.publish", "policy.approve"]


def test_two_keys_of_one_person_are_one_person(office: Office) -> None:
    change = publish(office.ana, looser(2)).json()
    with office.person("ana") as other_key:
        assert other_key.post(f"/v1/policies/changes/{change['id']}/approve").status_code == 403


def test_a_stricter_version_is_not_undone_by_a_looser_one_that_waited(office: Office) -> None:
    change = publish(office.ana, looser(2)).json()
    office.luis.post(f"/v1/policies/changes/{change['id']}/approve").raise_for_status()
    assert publish(office.ana, stricter(3)).json()["state"] == "approved"
    office.clock.advance(2 * DELAY_S)
    assert office.decision()["policy"]["version"] == 3


def test_what_was_requested_against_another_version_must_be_requested_again(office: Office) -> None:
    change = publish(office.ana, looser(2)).json()
    publish(office.ana, stricter(3)).raise_for_status()
    assert office.luis.post(f"/v1/policies/changes/{change['id']}/approve").status_code == 409
    assert office.ana.post(f"/v1/policies/changes/{change['id']}/withdraw").json()["state"] == "withdrawn"


def test_rolling_back_follows_the_same_rule(office: Office) -> None:
    publish(office.ana, stricter(2)).raise_for_status()
    back = office.ana.post("/v1/policies/payment/rollback", json={"version": 1}).json()
    assert (back["state"], back["kind"], back["direction"]) == ("pending", "rollback", "looser")
    office.luis.post(f"/v1/policies/changes/{back['id']}/approve").raise_for_status()
    office.clock.advance(DELAY_S)
    assert office.decision()["policy"]["version"] == 1
    forth = office.ana.post("/v1/policies/payment/rollback", json={"version": 2}).json()
    assert (forth["state"], office.decision()["policy"]["version"]) == ("approved", 2)
    assert office.ana.post("/v1/policies/payment/rollback", json={"version": 9}).status_code == 404
    assert office.ana.post("/v1/policies/payment/rollback", json={"version": 2}).status_code == 409


def test_versions_never_change(office: Office) -> None:
    refused = publish(office.ana, stricter(1))
    assert (refused.status_code, "send version 2" in refused.json()["detail"]) == (409, True)


def test_a_document_that_is_not_valid_is_refused_with_line_and_place(office: Office) -> None:
    text = changed(2, ("insult: 0.05", "insult: -1"))
    line = text.splitlines().index("  insult: -1") + 1
    refused = publish(office.ana, text)
    assert refused.status_code == 400
    (fault,) = refused.json()["errors"]
    assert (fault["pointer"], fault["detail"].startswith(f"line {line}, /costs/insult: ")) == ("/document", True)
    found = office.ana.post("/v1/policies:validate", json={"document": text}).json()
    assert (found["valid"], found["faults"][0]["line"], found["faults"][0]["pointer"]) == (False, line, "/costs/insult")


def test_two_policies_cannot_govern_one_action(office: Office) -> None:
    refused = publish(office.ana, PAYMENT.replace("id: payment", "id: payment-too"))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/document")


def test_two_that_wait_cannot_govern_one_action_either(office: Office) -> None:
    new = PAYMENT.replace("payment.transfer", "payment.instant")
    both = [publish(office.ana, new.replace("id: payment", f"id: {name}")).json() for name in ("one", "two")]
    first, second = (office.luis.post(f"/v1/policies/changes/{change['id']}/approve") for change in both)
    assert (first.status_code, second.status_code) == (200, 409)
    office.clock.advance(DELAY_S)
    assert office.decision()["decision"] == "allow", "and everything else is governed as before"


def test_a_difference_is_told_without_changing_anything(office: Office) -> None:
    found = office.ana.post("/v1/policies:diff", json={"document": looser(2)}).json()
    assert (found["direction"], found["needsSecondPerson"]) == ("looser", True)
    assert office.ana.get("/v1/policies/changes").json()["changes"][0]["kind"] == "seed"


def test_tenants_do_not_see_or_move_each_other(office: Office) -> None:
    change = publish(office.ana, looser(2)).json()
    with office.person("eve", tenant=f"{office.tenant}-rival") as eve:
        assert eve.post(f"/v1/policies/changes/{change['id']}/approve").status_code == 404
        assert {one["kind"] for one in eve.get("/v1/policies/changes").json()["changes"]} == {"seed"}
        assert eve.get("/v1/policies/payment/versions/2").status_code == 404
        publish(eve, stricter(2)).raise_for_status()
    assert office.decision()["policy"]["version"] == 1


@pytest.mark.parametrize("lacking", ["policy:publish", "policy:approve", "policy:stop", "policy:read"])
def test_each_right_is_its_own(office: Office, lacking: str) -> None:
    calls = {
        "policy:publish": ("POST", "/v1/policies", {"document": stricter(2)}),
        "policy:approve": ("POST", "/v1/policies/changes/pch_x/approve", None),
        "policy:stop": ("POST", "/v1/policies/stops", {"kind": "tenant", "reason": "x"}),
        "policy:read": ("GET", "/v1/policies", None),
    }
    method, path, body = calls[lacking]
    with office.person("eve", *(set(SCOPES) - {lacking})) as eve:
        assert eve.request(method, path, json=body).status_code == 403


def test_an_agent_changes_no_policy_whatever_it_holds(office: Office) -> None:
    key = office.stage.broker.key(office.tenant, *SCOPES, consumer="shop", agent="till")
    with office.stage.broker.http(key) as agent:
        assert publish(agent, stricter(2)).status_code == 403


STOPS = [
    ("tenant", None),
    ("agent", "till"),
    ("action", "payment.transfer"),
    ("policy", "payment"),
]


@pytest.mark.parametrize(("kind", "value"), STOPS)
def test_what_is_stopped_is_denied_until_a_second_person_resumes_it(
    office: Office, kind: str, value: str | None
) -> None:
    assert office.decision()["decision"] == "allow"
    asked_before = office.stage.operator_calls()
    body = {"kind": kind, "reason": "a strange night"} | ({"value": value} if value else {})
    stop = office.ana.post("/v1/policies/stops", json=body).json()
    denied = office.decision()
    assert (denied["decision"], denied["reasons"][0]["code"], denied["nextSteps"]) == ("deny", "STOPPED", [])
    assert office.stage.operator_calls() == asked_before, "nobody is asked about somebody for nothing"

    resume = f"/v1/policies/stops/{stop['id']}/resume"
    assert office.ana.post(resume).status_code == 403
    assert office.luis.post(resume).json()["resumedBy"] == "luis"
    assert office.luis.post(resume).status_code == 409
    assert office.decision()["decision"] == "allow"
    events = [(leaf["event"], leaf["by"]) for leaf in office.leaves() if leaf.get("event") in {"stop", "resume"}]
    assert events == [("stop", "ana"), ("resume", "luis")]


@pytest.mark.parametrize(("kind", "value"), [("agent", "other"), ("action", "sim.order"), ("policy", "sign-in")])
def test_a_stop_halts_nothing_else(office: Office, kind: str, value: str) -> None:
    office.ana.post("/v1/policies/stops", json={"kind": kind, "value": value, "reason": "x"}).raise_for_status()
    assert office.decision()["decision"] == "allow"


def test_an_earlier_allow_does_not_come_again_while_stopped(office: Office) -> None:
    once = {"Idempotency-Key": "once"}
    assert office.decision(headers=once)["decision"] == "allow"
    office.ana.post("/v1/policies/stops", json={"kind": "tenant", "reason": "x"}).raise_for_status()
    assert office.decision(headers=once)["decision"] == "deny"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "agent", "reason": "x"}, "/value"),
        ({"kind": "tenant", "value": "acme", "reason": "x"}, "/value"),
        ({"kind": "world", "reason": "x"}, "/kind"),
        ({"kind": "tenant"}, "/reason"),
        ({"kind": "tenant", "reason": "x", "until": "noon"}, "/until"),
    ],
)
def test_a_stop_that_means_nothing_is_refused(office: Office, body: dict[str, Any], pointer: str) -> None:
    refused = office.ana.post("/v1/policies/stops", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_node_stops_within_a_second(backend: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with database(backend, tmp_path) as url:
        changes = [{f"sqlite:///{tmp_path}/{name}/broker.db": url} for name in ("one", "two")]
        # Nodes of one database have one root key.
        changes[1][f'directory = "{tmp_path}/two/keys"'] = f'directory = "{tmp_path}/one/keys"'
        with (
            set_stage(tmp_path / "one", changes=changes[0]) as one,
            set_stage(tmp_path / "two", changes=changes[1]) as two,
            one.broker.http(one.broker.key("acme", *SCOPES, consumer="ana")) as ana,
            one.broker.http() as here,
            two.broker.http() as there,
        ):
            assert {ask(here)["decision"], ask(there)["decision"]} == {"allow"}
            ana.post("/v1/policies/stops", json={"kind": "agent", "value": "till", "reason": "x"}).raise_for_status()
            stopped_s = time.monotonic()
            assert ask(here)["decision"] == "deny", "at once where it was said"
            time.sleep(max(0.0, stopped_s + 1.0 - time.monotonic()))
            assert ask(there)["decision"] == "deny"
