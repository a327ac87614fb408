"""A clever caller tries smaller things, the same again, parts, many numbers; the broker remembers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker import FORGETFUL, running_broker, share_secrets
from tests.support.stage import MADRID, Stage, set_stage
from tests.support.valkey import valkey

REMEMBERING = {line: line for line in FORGETFUL} | {
    "subjects_flagged = 60": "subjects_flagged = 25",
    "subjects_max = 600": "subjects_max = 30",
}
PATH = "/v1/trust-checks"
PLACE = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for each story, for people are remembered."""
    with set_stage(tmp_path_factory.mktemp("cautious"), changes=REMEMBERING) as standing:
        yield standing


def ask(stage: Stage, key: str, number: str, action: str, amount: str | None = None) -> Any:
    told: dict[str, Any] = {"type": action}
    if amount is not None:
        told |= {"amount": {"value": amount, "currency": "EUR"}, "attributes": {"newPayee": False}}
    with stage.broker.http(key) as http:
        return http.post(PATH, json=question(number, told))


def question(number: str, told: Any) -> dict[str, Any]:
    subject = {"phoneNumber": number, "location": PLACE}
    return {"subject": subject, "action": told, "purpose": "FraudPreventionAndDetection"}


def decided(stage: Stage, number: str, action: str, amount: str | None = None) -> Any:
    return ask(stage, stage.broker.analyst_key, number, action, amount).raise_for_status().json()


def test_whoever_asked_for_much_does_not_get_a_little_next(stage: Stage) -> None:
    alone = decided(stage, "+34600000117", "payment.transfer", "20.00")
    assert alone["policy"]["actionClass"] == "low"
    decided(stage, "+34600000101", "sim.order")
    after = decided(stage, "+34600000101", "payment.transfer", "20.00")
    assert after["policy"]["actionClass"] == "high"
    assert "CLASS_RAISED" in after["gates"]
    assert {"code": "CLASS_RAISED", "effect": "worse"} in after["reasons"]


def test_a_refusal_stands_although_the_evidence_is_asked_for_again(stage: Stage) -> None:
    first = decided(stage, "+34600000102", "payment.transfer", "950.00")
    assert first["decision"] == "deny"
    again = decided(stage, "+34600000102", "payment.transfer", "950.00")
    assert (again["decision"], "ADVERSE_STANDS" in again["gates"]) == ("deny", True)


def test_parts_add_up(stage: Stage) -> None:
    found = [decided(stage, "+34600000101", "payment.transfer", "45.00") for _ in range(8)]
    assert found[0]["policy"]["actionClass"] == "low"
    assert found[0]["decision"] == "allow"
    assert found[-1]["policy"]["actionClass"] != "low"
    assert any("AMOUNT_ACCUMULATED" in one["gates"] for one in found)


def test_parts_at_the_same_time_add_up_too(stage: Stage) -> None:
    with ThreadPoolExecutor(8) as threads:
        parts = [threads.submit(decided, stage, "+34600000101", "payment.transfer", "45.00") for _ in range(8)]
        found = [part.result() for part in parts]
    allowed = [one for one in found if one["policy"]["actionClass"] == "low"]
    assert len(allowed) < len(found)


def test_parts_at_the_same_time_on_two_nodes_add_up_as_on_one(tmp_path: Path) -> None:
    """Of twenty at once, half of them on each node, one is within the 50 euros that count as little."""
    with valkey() as shared, ExitStack() as stack:
        together = REMEMBERING | {'url = ""\nconnections_max': f'url = "{shared}"\nconnections_max'}
        home, away = tmp_path / "home", tmp_path / "away"
        for folder in (home, away):
            folder.mkdir()
        stage = stack.enter_context(set_stage(home, changes=together))
        share_secrets(away)
        same = {
            f"sqlite:///{away}/broker.db": f"sqlite:///{home}/broker.db",
            f'directory = "{away}/keys"': f'directory = "{home}/keys"',
        }
        urls = {name: getattr(stage, name).url for name in ("alba", "borealis", "cadenza")}
        other = stack.enter_context(running_broker(away, urls, changes=together | same))
        key = stage.broker.analyst_key
        nodes = [stack.enter_context(node.http(key)) for node in (stage.broker, other)]
        asked = question("+34600000101", {"type": "payment.transfer", "amount": {"value": "40.00", "currency": "EUR"}})
        asked["deadlineMs"] = 4000  # both write to one file, and a busy machine makes them wait
        with ThreadPoolExecutor(20) as threads:
            parts = [threads.submit(nodes[n % 2].post, PATH, json=asked) for n in range(20)]
            found = [part.result().raise_for_status().json() for part in parts]
    small = [one for one in found if one["policy"]["actionClass"] == "low"]
    assert len(small) == 1
    assert all("AMOUNT_ACCUMULATED" in one["gates"] for one in found if one not in small)


def test_another_tenant_remembers_nothing_of_it(stage: Stage) -> None:
    decided(stage, "+34600000101", "sim.order")
    key = stage.broker.key("globex", "trust:check", "trust:explain")
    other = ask(stage, key, "+34600000101", "payment.transfer", "20.00").raise_for_status().json()
    assert other["policy"]["actionClass"] == "low"


def test_keys_and_customers_that_share_out_the_numbers_are_flagged_together(stage: Stage) -> None:
    with stage.broker.http(stage.broker.key("acme", "tenant:admin")) as platform:
        customers = [
            platform.post("/v1/tenants", json={"name": name}).raise_for_status().json()["tenant"]
            for name in ("one", "two")
        ]
    owners = ["acme", "acme", *customers]
    keys = [
        stage.broker.key(owner, "trust:check", "trust:explain", agent=f"helper-{n}") for n, owner in enumerate(owners)
    ]
    with ExitStack() as stack:
        helpers = [stack.enter_context(stage.broker.http(key)) for key in keys]
        answers = [
            helpers[n % 4].post(PATH, json=question(f"+3460001{n * 4:04d}", {"type": "sign_in.hint"})).json()
            for n in range(40)
        ]
    flagged = ["AGENT_UNUSUAL" in one["gates"] for one in answers]
    assert not any(flagged[:30])
    assert all(flagged[30:])


def test_an_agent_that_tries_out_numbers_is_flagged_and_then_has_to_wait(stage: Stage) -> None:
    answers = [ask(stage, stage.broker.agent_key, f"+3460001{at:04d}", "sign_in.hint") for at in range(31)]
    assert [one.status_code for one in answers[:30]] == [200] * 30
    assert answers[12].json()["decision"] != "allow"
    last = answers[30]
    assert (last.status_code, last.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert int(last.headers["retry-after"]) > 0
    assert ask(stage, stage.broker.analyst_key, "+34600000101", "sign_in.hint").status_code == 200


def test_what_the_past_asked_for_is_replayed_to_the_last_bit(stage: Stage) -> None:
    """Each rule of the past and what it led to stands in the record, for nobody looks back again."""
    decided(stage, "+34600000101", "sim.order")
    checks = [decided(stage, "+34600000101", "payment.transfer", "20.00")]
    checks += [decided(stage, "+34600000117", "payment.transfer", "45.00") for _ in range(3)]
    checks += [decided(stage, "+34600000102", "payment.transfer", "950.00") for _ in range(2)]
    told = {code for one in checks for code in one["gates"]}
    assert {"CLASS_RAISED", "AMOUNT_ACCUMULATED", "ADVERSE_STANDS"} <= told
    with stage.broker.http(stage.broker.key("acme", "policy:read")) as http:
        for one in checks:
            found = http.post(f"/v1/trust-checks/{one['id']}/replay").raise_for_status().json()
            assert found["identical"], one
            assert found["replayed"]["actionClass"] == one["policy"]["actionClass"]
