"""A tenant with a contract of its own is asked for with its own credentials, and nobody else is; lists take away."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.mock.phone import Phone, Way, said
from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import create
from tests.stories.test_reviews import until
from tests.support.stage import Contract, Stage, set_stage

STEADY, SWAPPED_3D = "+34600000101", "+34600000103"
PAYMENT = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}
SCOPES = ("trust:check", "trust:explain", "network:read", "tenant:admin", "audit:read", "trust:watch")
PRICE = '[price]\ncurrency = "NOK"\nper_call = { sim-swap = "7" }'
CONTRACTS = {
    "alba-north": Contract(
        "alba", ("north",), "north-bank", '[price]\ncurrency = "NOK"\nper_call = { sim-swap = "7" }'
    ),
    "alba-south": Contract("alba", ("south", "nowhere"), "south-bank"),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    often = {"look_s = 5\n": "look_s = 0.05\n"}
    with set_stage(tmp_path_factory.mktemp("contracts"), contracts=CONTRACTS, changes=often) as standing:
        yield standing


def below(stage: Stage, platform: str, name: str, **limits: Any) -> httpx.Client:
    """A new customer of a platform, by a key of its own."""
    with stage.broker.http(stage.broker.key(platform, *SCOPES, consumer="console")) as console:
        made = console.post("/v1/tenants", json={"name": name, "limits": limits})
        assert made.status_code == 201, made.text
        wanted = {"consumer": "till", "scopes": SCOPES}
        key = console.post(f"/v1/tenants/{made.json()['tenant']}/keys", json=wanted).json()["key"]
    return stage.broker.http(key)


def ask(http: httpx.Client, number: str = STEADY) -> dict[str, Any]:
    asked = {"subject": {"phoneNumber": number}, "action": PAYMENT, "purpose": "FraudPreventionAndDetection"}
    answer = http.post("/v1/trust-checks", json=asked)
    assert answer.is_success, answer.text
    return dict(answer.json())


def who_asked(stage: Stage) -> set[str]:
    """The clients that Alba heard from since this was asked last."""
    heard = {one["client"] for one in stage.alba.control.requests() if one.get("client")}
    stage.alba.control.forget_requests()
    return heard


def test_an_operator_is_asked_under_the_contract_of_whoever_asks(stage: Stage) -> None:
    who_asked(stage)
    for platform, client, operator in (
        ("north", "north-bank", "alba-north"),
        ("south", "south-bank", "alba-south"),
        ("acme", "trust-broker", "alba"),
    ):
        with below(stage, platform, "shop") as http:
            check = ask(http)
            # The same person each time: what one tenant fetched is no answer for another.
            assert who_asked(stage) == {client}
            assert check["routing"]["sources"] == [operator]
            assert {one["source"]["operator"] for one in check["signals"] if one.get("source")} == {operator}
            called = http.post("/camara/sim-swap/v2/check", json={"phoneNumber": STEADY, "maxAge": 240})
            assert (called.json(), who_asked(stage)) == ({"swapped": False}, {client})
            told = [one["operator"] for one in http.get("/v1/operators").json()["operators"]]
            assert told == [operator, "borealis", "cadenza"]


def test_a_contract_has_prices_of_its_own(stage: Stage) -> None:
    with below(stage, "north", "till") as http:
        ask(http)
        lines = http.get("/v1/metering").json()["lines"]
    paid = {(one["operator"], one["amount"], one["currency"]) for one in lines if one.get("signal") == "sim_swap"}
    assert paid == {("alba-north", "7", "NOK")}


def test_a_person_proves_their_sim_under_the_contract_too(stage: Stage) -> None:
    with below(stage, "south", "bank") as http:
        check = ask(http, SWAPPED_3D)
        who_asked(stage)
        started = http.post(
            f"/v1/trust-checks/{check['id']}/challenges", json={"method": "network_auth", "phoneNumber": SWAPPED_3D}
        )
        assert started.status_code == 201, started.text
        phone = Phone(SWAPPED_3D, Way.CELLULAR)
        try:
            last = phone.tap(started.json()["link"], phone.look(started.json()["link"]))
        finally:
            phone.close()
        assert said(last)[0] == "Done"
        assert http.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "allow"
    assert who_asked(stage) == {"south-bank"}


def test_a_watch_looks_under_the_contract(stage: Stage) -> None:
    with below(stage, "north", "guard") as http:
        who_asked(stage)
        wanted = {"phoneNumber": STEADY, "actionType": "profile.change", "purpose": "FraudPreventionAndDetection"}
        started = http.post("/v1/watches", json={**wanted, "everyS": 3600})
        assert started.status_code == 201, started.text
        until(lambda: http.get(f"/v1/watches/{started.json()['id']}").json()["looks"] >= 1)
        assert http.delete(f"/v1/watches/{started.json()['id']}").is_success
    assert who_asked(stage) == {"north-bank"}


@pytest.mark.parametrize("named", [["borealis"], []], ids=["another", "nobody"])
def test_who_may_not_use_an_operator_is_told_so_and_the_operator_hears_nothing(stage: Stage, named: list[str]) -> None:
    who_asked(stage)
    with below(stage, "west", f"shop-{len(named)}", operators=named) as http:
        check = ask(http)
        swap = next(one for one in check["signals"] if one["name"] == "sim_swap")
        assert (swap["state"], swap["reason"], swap["code"]) == ("unavailable", "unsupported", "NETWORK_NOT_SERVED")
        assert not [one for one in check["signals"] if one["state"] == "observed"]
        assert check["decision"] != "allow"
        assert (check["routing"]["network"], check["routing"]["sources"]) == ("alba", [])
        refused = http.post("/camara/sim-swap/v2/check", json={"phoneNumber": STEADY, "maxAge": 240})
        assert (refused.status_code, refused.json()["code"]) == (422, "SERVICE_NOT_APPLICABLE")
        assert [one["operator"] for one in http.get("/v1/operators").json()["operators"]] == named
    assert stage.alba.control.requests() == []


def test_a_customer_never_has_more_than_its_platform(stage: Stage) -> None:
    with below(stage, "north", "mall", operators=["alba"]) as mall:
        made = mall.post("/v1/tenants", json={"name": "kiosk", "limits": {"operators": ["borealis"]}})
        assert made.status_code == 201, made.text
        wanted = {"consumer": "till", "scopes": ["trust:check", "trust:explain"]}
        assert mall.put("/v1/tenants/north.mall/limits", json={}).status_code == 404  # nobody lifts their own
        key = mall.post("/v1/tenants/north.mall.kiosk/keys", json=wanted).json()["key"]
        # Its platform's word for the operator is its word for the contract in that place.
        assert [one["operator"] for one in mall.get("/v1/operators").json()["operators"]] == ["alba-north"]
    with stage.broker.http(key) as kiosk:
        assert kiosk.get("/v1/operators").json() == {"signals": [], "operators": []}


@pytest.mark.parametrize("named", [["alba-south"], ["albs"], ["sandbox"], ["ALBA"], ["x" * 40]], ids=str)
def test_a_list_names_whom_the_tenant_can_be_asked_for_at(stage: Stage, named: list[str]) -> None:
    """Another's contract is as unknown as a name that nobody has."""
    with stage.broker.http(stage.broker.key("north", "tenant:admin", consumer="console")) as console:
        refused = console.post("/v1/tenants", json={"name": "typo", "limits": {"operators": named}})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["pointer"] == "/limits/operators"
        assert console.get("/v1/tenants/north.typo").status_code == 404


def test_a_sandbox_below_a_contract_asks_nobody_real(stage: Stage) -> None:
    who_asked(stage)
    with below(stage, "north", "sandbox") as http:
        assert ask(http)["routing"]["sources"] == ["sandbox"]
        assert [one["operator"] for one in http.get("/v1/operators").json()["operators"]] == ["sandbox"]
    assert stage.alba.control.requests() == []


def test_the_doctor_and_the_command_line_know_contracts(stage: Stage) -> None:
    stage.broker.key("south", "trust:check")
    cli, config = create(open_deployment), ["--config", str(stage.broker.folder / "config")]
    told = json.loads(CliRunner().invoke(cli, ["doctor", "--json", *config]).stdout)
    ours = {one["about"]: one for one in told if "alba-south" in one["about"]}
    assert ours["operator alba-south"]["seen"] == "it knows us (it gives tokens for a person alone)"
    assert "the tenant nowhere, and there is none" in ours["contract alba-south"]["seen"]
    south = ["tenants", "create", "--parent", "south", *config]
    for name, named, line in (
        ("shore", "alba-south", "south.shore"),
        ("cliff", "alba-north", "alba-north: nobody is asked for this tenant by that name"),
    ):
        limits = ["--limits", json.dumps({"operators": [named]})]
        made = CliRunner().invoke(cli, [*south, name, *limits])
        assert line in made.stdout + str(getattr(made.exception, "faults", ""))
