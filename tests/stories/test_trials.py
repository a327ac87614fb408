"""Candidates that decide nothing: replay to the last bit, backtest on recorded evidence, shadows beside live checks."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from broker.usecases.learning.open_checks import record_use
from tests.stories.test_policies import (
    DELAY_S,
    PAYMENT,
    STEADY,
    SWAPPED_3H,
    Office,
    building,
    changed,
    looser,
    office,
    publish,
)
from tests.support.databases import execute

__all__ = ["building", "office"]  # fixtures of the same stage


def ids(office: Office, *numbers: str) -> list[str]:
    return [str(office.decision(number)["id"]) for number in numbers]


def report(office: Office, shadow_id: str, checks: int) -> dict[str, Any]:
    """A run's report once it has counted so many checks: counting comes after the answer."""
    until_s = time.monotonic() + 20
    while True:
        found: dict[str, Any] = office.ana.get(f"/v1/policies/shadows/{shadow_id}").json()
        if found["trial"]["checks"] >= checks or time.monotonic() > until_s:
            return found
        time.sleep(0.05)


@pytest.mark.parametrize("number", [STEADY, SWAPPED_3H, "+34600000103", "+34601000101", "+34600000999"])
def test_any_check_decided_again_is_identical_to_the_last_bit(office: Office, number: str) -> None:
    (check_id,) = ids(office, number)
    found = office.ana.post(f"/v1/trust-checks/{check_id}/replay").json()
    assert found["identical"], found
    assert found["stored"] == found["replayed"]


def test_a_check_is_replayed_with_the_version_that_decided_it(office: Office) -> None:
    (check_id,) = ids(office, STEADY)
    publish(office.ana, changed(2, ("prior: 0.002", "prior: 0.004"))).raise_for_status()
    assert office.decision()["policy"]["version"] == 2
    office.clock.advance(600)
    assert office.ana.post(f"/v1/trust-checks/{check_id}/replay").json()["identical"]


def believing(version: int, entry: str) -> str:
    """The payment policy with one entry of its own in place of the deployment's scenario table."""
    return f"{changed(version)}evidence:\n  sources: {{ours: our own cases}}\n  {entry}\n"


def test_beliefs_of_ones_own_are_published_and_replayed_like_the_rest_of_a_policy(office: Office) -> None:
    stricter_map = "calibration: {calibrated: true, intercept: 0.01, source: ours}"
    (before,) = ids(office, STEADY)
    sent = publish(office.ana, believing(2, stricter_map)).json()
    assert "state" in sent, sent
    assert (sent["state"], sent["direction"]) == ("approved", "stricter")
    assert any(one["where"].startswith("evidence.calibration") for one in sent["changes"])

    (after,) = ids(office, STEADY)
    old, new = (office.ana.post(f"/v1/trust-checks/{one}/replay").json() for one in (before, after))
    assert old["identical"], old
    assert new["identical"], new
    assert new["stored"]["probability"] > old["stored"]["probability"]
    assert old["tableDigest"] == new["tableDigest"], "the deployment's: what differs stands in the policy"
    assert [one["calibrated"] for one in (office.decision(),)] == [True]

    office.clock.advance(600)
    looser_caps = believing(3, "caps: {total_low: 2.6, source: ours}")
    assert publish(office.ana, looser_caps).json()["state"] == "pending", "it lets some evidence weigh less"
    refused = publish(office.ana, believing(4, "caps: {total_high: 7.0}"))
    line = len(looser_caps.splitlines())
    assert refused.status_code == 400
    assert f"line {line}, /evidence/caps: needs a source of its own" in refused.json()["errors"][0]["detail"]
    assert [office.ana.post(f"/v1/trust-checks/{one}/replay").json()["identical"] for one in (before, after)] == [
        True
    ] * 2


def test_a_halted_check_replays_as_the_denial_that_it_was(office: Office) -> None:
    office.ana.post("/v1/policies/stops", json={"kind": "agent", "value": "till", "reason": "x"}).raise_for_status()
    (check_id,) = ids(office, STEADY)
    found = office.ana.post(f"/v1/trust-checks/{check_id}/replay").json()
    assert (found["identical"], found["replayed"]["decision"]) == (True, "deny")


def replayed(office: Office, check_id: str) -> dict[str, Any]:
    """A check decided again, which must come out the same."""
    found: dict[str, Any] = office.ana.post(f"/v1/trust-checks/{check_id}/replay").json()
    assert found["identical"], found
    again: dict[str, Any] = found["replayed"]
    assert found["stored"] == again
    return again


def test_what_was_remembered_is_as_old_again_when_it_is_replayed(office: Office) -> None:
    ids(office, STEADY)
    office.clock.advance(21.5)
    again = office.decision(STEADY)
    assert any(one["source"]["cached"] for one in again["signals"] if one["state"] == "observed")
    office.clock.advance(30)
    assert replayed(office, again["id"])["trustScore"] == again["trustScore"]


def test_what_a_human_ruled_is_replayed_with_the_ruling(office: Office) -> None:
    check = office.decision(action={"type": "sim.order"})
    review = office.till.post(f"/v1/trust-checks/{check['id']}/reviews", json={}).json()
    with office.person("rosa", "trust:review") as rosa:
        rosa.post(f"/v1/reviews/{review['id']}/claim").raise_for_status()
        ruling = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "called back on the number on file"}
        office.clock.advance(7)
        rosa.post(f"/v1/reviews/{review['id']}/decide", json=ruling).raise_for_status()
    until_s = time.monotonic() + 20
    while (found := replayed(office, check["id"]))["decision"] != "allow":
        assert time.monotonic() < until_s, found
        time.sleep(0.05)


class Replayed(NamedTuple):
    """A way to a check: the tenant's policy, the question, and what of the answer shows that it counted."""

    document: str | None
    asked: dict[str, Any]
    counted: Callable[[dict[str, Any]], bool]
    paused: bool = False


def signal(check: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in check["signals"] if one["name"] == name)


def limited(version: int, limit: str) -> str:
    return changed(version, ("\ngates:", f"\nsignals:\n  {limit}\n\ngates:"))


DEAR = {"type": "payment.transfer", "amount": {"value": "5000.00", "currency": "EUR"}}
PLATT = "calibration: {calibrated: true, slope: 1.001, intercepts: {medium: 0.01, high: 0.0}, source: ours}"
SITUATIONS = {
    "a person who is paused": Replayed(
        None, {}, lambda check: signal(check, "sim_swap")["code"] == "PAUSED", paused=True
    ),
    "a signal that is not asked in this country": Replayed(
        limited(2, "location: {countries: [FR]}"), {}, lambda check: signal(check, "location")["code"] == "COUNTRY"
    ),
    "a signal that takes more than this ground": Replayed(
        limited(2, "sim_swap: {legal_bases: [consent]}"),
        {},
        lambda check: signal(check, "sim_swap")["code"] == "LEGAL_BASIS",
    ),
    "a map of the tenant's own": Replayed(believing(2, PLATT), {}, lambda check: check["calibrated"]),
    "weights of the tenant's own": Replayed(
        believing(2, "caps: {total_low: 0.5, source: ours}"),
        {},
        lambda check: sum(one["contribution"] for one in check["signals"]) == -0.5,
    ),
    "a change from before the person was linked": Replayed(
        None,
        {"subject": {"phoneNumber": "+34600000117", "boundSince": "2026-11-21"}, "action": DEAR},
        lambda check: signal(check, "sim_swap")["value"] == "before_binding",
    ),
}


def in_force(office: Office, text: str) -> None:
    """A version for this tenant, with whatever that takes."""
    sent = publish(office.ana, text).json()
    assert "state" in sent, sent
    if sent["state"] == "pending":
        office.luis.post(f"/v1/policies/changes/{sent['id']}/approve").raise_for_status()
    office.clock.advance(10 * DELAY_S)


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_whatever_led_to_a_check_it_is_decided_again_bit_for_bit(office: Office, situation: Replayed) -> None:
    """And under the rules of then, however the person and the policy have changed since."""
    if situation.document is not None:
        in_force(office, situation.document)
    with office.person("pia", "privacy:write") as officer:
        if situation.paused:
            officer.post("/v1/subjects/pause", json={"phoneNumber": STEADY}).raise_for_status()
        check = office.decision(**situation.asked)
        assert situation.counted(check), check
        if situation.paused:
            officer.post("/v1/subjects/pause", json={"phoneNumber": STEADY, "on": False}).raise_for_status()
    in_force(office, changed(3, ("prior: 0.002", "prior: 0.004")))
    again = replayed(office, check["id"])
    assert (again["trustScore"], again["decision"]) == (check["trustScore"], check["decision"])


def test_a_record_that_was_tampered_with_does_not_replay(office: Office) -> None:
    """By somebody who holds all keys."""
    (check_id,) = ids(office, STEADY)
    kept = office.stage.kept(check_id, office.tenant)
    members = msgspec.json.decode(kept.record)
    members["assessment"]["probability"] *= 1 + 2**-52
    whose = (office.tenant, bytes.fromhex(members["subject"]))
    sealed = office.stage.in_vault(
        lambda vault, _: vault.seal(*whose, record_use(check_id), msgspec.json.encode(members))
    )
    put_record(office, check_id, sealed)
    found = office.ana.post(f"/v1/trust-checks/{check_id}/replay").json()
    assert not found["identical"], "one bit in the last place of one number is seen"


def test_a_record_that_was_changed_without_its_key_opens_for_nobody(office: Office) -> None:
    one, other = ids(office, STEADY, STEADY)
    query = f"SELECT record FROM checks WHERE check_id = '{other}'"
    ((foreign,),) = asyncio.run(execute(office.url, query))
    put_record(office, one, bytes(foreign))
    assert office.ana.post(f"/v1/trust-checks/{one}/replay").status_code == 500
    assert office.ana.post(f"/v1/trust-checks/{other}/replay").json()["identical"]


def put_record(office: Office, check_id: str, record: bytes) -> None:
    literal = f"x'{record.hex()}'" if office.url.startswith("sqlite") else f"'\\x{record.hex()}'::bytea"
    asyncio.run(execute(office.url, f"UPDATE checks SET record = {literal} WHERE check_id = '{check_id}'"))


def test_another_tenants_check_is_not_replayed(office: Office) -> None:
    (check_id,) = ids(office, STEADY)
    with office.person("eve", tenant=f"{office.tenant}-rival") as eve:
        assert eve.post(f"/v1/trust-checks/{check_id}/replay").status_code == 404


def test_a_backtest_tells_what_would_change_for_whom_and_what_it_costs(office: Office) -> None:
    swapped = ids(office, *[SWAPPED_3H] * 3)
    ids(office, *[STEADY] * 4)
    found = office.ana.post("/v1/policies:backtest", json={"document": looser(2)}).json()
    assert (found["checks"], found["changed"], found["looser"], found["stricter"]) == (7, 3, 3, 0)
    assert found["moves"] == {"deny -> review": 3}
    assert found["examples"] == sorted(swapped)
    assert found["affected"] == [
        {"consumer": "shop", "agent": "till", "actionType": "payment.transfer", "checks": 7, "looser": 3, "stricter": 0}
    ]
    assert found["changedInterval"]["low"] < found["changedShare"] < found["changedInterval"]["high"]
    assert found["meanCostChange"] != 0
    assert office.decision(SWAPPED_3H)["decision"] == "deny", "nothing was changed by looking"


def test_a_backtest_of_what_is_in_force_changes_nothing(office: Office) -> None:
    ids(office, STEADY, SWAPPED_3H)
    found = office.ana.post("/v1/policies:backtest", json={"document": PAYMENT}).json()
    assert (found["checks"], found["changed"], found["meanCostChange"], found["incomplete"]) == (2, 0, 0, 0)


def test_a_backtest_keeps_to_its_period_and_its_limit(office: Office) -> None:
    ids(office, STEADY)
    office.clock.advance(60)
    noon = office.clock.now().isoformat()
    ids(office, STEADY, STEADY)

    def counted(**members: Any) -> tuple[int, bool]:
        found = office.ana.post("/v1/policies:backtest", json={"document": PAYMENT} | members).json()
        return found["checks"], found.get("moreRecorded", False)

    assert counted() == (3, False)
    assert counted(since=noon) == (2, False)
    assert counted(until=noon) == (1, False)
    assert counted(limit=1) == (1, True)
    assert counted(limit=3) == (3, False)


def test_a_candidate_that_wants_to_know_more_says_that_it_could_not(office: Office) -> None:
    ids(office, STEADY)
    medium = "wanted: [sim_swap, number_verification, location, number_recycling"
    wanting = changed(2, (f"{medium}]", f"{medium}, device_swap]"))
    found = office.ana.post("/v1/policies:backtest", json={"document": wanting}).json()
    assert (found["incomplete"], found["signalsUnanswered"]) == (1, 1)


ELSEWHERE = {"phoneNumber": STEADY, "location": {"latitude": 41.3874, "longitude": 2.1686, "radiusM": 5000}}
MEDIUM = "wanted: [sim_swap, number_verification, location, number_recycling"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param((MEDIUM, "wanted: [sim_swap, number_verification, number_recycling"), id="not wanted"),
        pytest.param(("\ngates:", "\nsignals:\n  location: {countries: [FR]}\n\ngates:"), id="not asked in Spain"),
    ],
)
def test_a_candidate_is_decided_by_what_it_would_have_asked(office: Office, change: tuple[str, str]) -> None:
    """What the policy in force came to know is not known to a candidate that would never ask it."""
    assert office.decision(subject=ELSEWHERE)["decision"] == "step_up"
    found = office.ana.post("/v1/policies:backtest", json={"document": changed(2, change)}).json()
    assert (found["checks"], found["looser"], found["moves"]) == (1, 1, {"step_up -> allow": 1})


def test_a_shadow_counts_after_the_answer_and_decides_nothing(office: Office) -> None:
    started = office.ana.post("/v1/policies/payment/shadows", json={"document": looser(2)}).json()
    asked_before = office.stage.operator_calls()
    assert [office.decision(SWAPPED_3H)["decision"] for _ in range(3)] == ["deny"] * 3
    ids(office, STEADY, STEADY)
    asked = office.stage.operator_calls() - asked_before
    found = report(office, started["id"], 5)["trial"]
    assert (found["checks"], found["looser"], found["moves"]) == (5, 3, {"deny -> review": 3})
    assert found["affected"][0]["agent"] == "till"
    assert office.stage.operator_calls() - asked_before == asked, "a shadow asks nobody"

    ended = office.ana.post(f"/v1/policies/shadows/{started['id']}/end").json()
    assert (ended["shadow"]["endedAt"] is not None, ended["trial"]["checks"]) == (True, 5)
    ids(office, SWAPPED_3H)
    time.sleep(1.2)  # two rounds of writing down, in which nothing more may be counted
    assert report(office, started["id"], 0)["trial"]["checks"] == 5
    events = [leaf["event"] for leaf in office.leaves() if "event" in leaf]
    assert events[-2:] == ["shadow.start", "shadow.end"]


def test_a_shadow_agrees_with_a_backtest_of_the_same_checks(office: Office) -> None:
    started = office.ana.post("/v1/policies/payment/shadows", json={"document": looser(2)}).json()
    ids(office, SWAPPED_3H, STEADY, "+34600000103")
    live = report(office, started["id"], 3)["trial"]
    later = office.ana.post("/v1/policies:backtest", json={"document": looser(2)}).json()
    for found in (live, later):
        found["examples"].sort()
        for cost in ("meanCost", "meanCostChange"):  # added up in another order
            found[cost] = pytest.approx(found[cost])
    assert live == later


def test_shadows_are_few_and_of_their_policy(office: Office) -> None:
    path = "/v1/policies/payment/shadows"
    for _ in range(3):
        assert office.ana.post(path, json={"document": PAYMENT}).status_code == 201
    assert office.ana.post(path, json={"document": PAYMENT}).status_code == 409
    assert office.ana.post("/v1/policies/sign-in/shadows", json={"document": PAYMENT}).status_code == 409
    assert office.ana.post("/v1/policies/nothing/shadows", json={"document": PAYMENT}).status_code == 404
    assert office.ana.get("/v1/policies/shadows/shd_none").status_code == 404
