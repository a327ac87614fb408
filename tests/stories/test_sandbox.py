"""Who plays asks nobody real, and who does not play never hears what was made up; nobody takes one for the other."""

import csv
import io
import json
import re
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.mock.phone import Phone, Way, said
from broker.audit import receipts
from broker.bootstrap import open_deployment
from broker.client import ReceiptInvalid, TrustBroker
from broker.client.receipts import Action, ReceiptVerifier
from broker.surfaces.cli.app import create
from tests.support.broker import CONFIG
from tests.support.mock_operator import RunningOperator
from tests.support.stage import Stage, set_stage

STEADY, SWAPPED_3H, SWAPPED_3D, OF_BOREALIS, UNHEARD_OF = (
    *("+34600000101", "+34600000102", "+34600000103", "+447700000102", "+34611000101"),
)
PAYMENT = {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}}
HINT = {"type": "sign_in.hint"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    changes = {'finder = ""': 'finder = "finder.toml"'}
    with set_stage(tmp_path_factory.mktemp("sandbox"), sandbox=True, changes=changes) as standing:
        yield standing


@pytest.fixture(scope="module")
def pretend(stage: Stage) -> RunningOperator:
    assert stage.sandbox is not None
    return stage.sandbox


@pytest.fixture(scope="module")
def player(stage: Stage) -> Iterator[httpx.Client]:
    """Below a platform that is real, made as any tenant is."""
    scopes = ["trust:check", "trust:explain", "network:read", "tenant:admin"]
    with stage.broker.http(stage.broker.key("acme", *scopes, consumer="console")) as platform:
        made = platform.post("/v1/tenants", json={"name": "sandbox"}).raise_for_status().json()
        assert (made["tenant"], made["sandbox"]) == ("acme.sandbox", True)
        assert platform.get("/v1/tenants/acme").json()["sandbox"] is False
        wanted = {"consumer": "till", "scopes": scopes}
        key = platform.post("/v1/tenants/acme.sandbox/keys", json=wanted).raise_for_status().json()["key"]
    assert key.startswith("tb_sandbox_")
    with stage.broker.http(key) as http:
        yield http


def ask(http: httpx.Client, number: str, action: dict[str, Any] = HINT) -> dict[str, Any]:
    asked = {"subject": {"phoneNumber": number}, "action": action, "purpose": "FraudPreventionAndDetection"}
    answer = http.post("/v1/trust-checks", json=asked)
    assert answer.is_success, answer.text
    return dict(answer.json())


def codes(check: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in check["reasons"]}


def test_a_sandbox_asks_its_own_operator_and_nobody_real(
    stage: Stage, pretend: RunningOperator, player: httpx.Client
) -> None:
    before = stage.operator_calls()
    pretend.control.forget_requests()
    check = ask(player, SWAPPED_3H, PAYMENT)
    assert (check["decision"], check["sandbox"]) == ("deny", True)
    assert "SIM_CHANGED_24H" in codes(check)
    assert {one["source"]["operator"] for one in check["signals"] if one.get("source")} == {"sandbox"}
    assert (check["routing"]["network"], check["routing"]["sources"]) == ("sandbox", ["sandbox"])
    called = player.post("/camara/sim-swap/v2/check", json={"phoneNumber": SWAPPED_3H, "maxAge": 240})
    assert (called.json(), called.headers["x-trust-broker-sandbox"]) == ({"swapped": True}, "true")
    assert pretend.control.requests()
    # Numbers of real operators, one that a finder would be asked about, and one that is no magic number.
    asked = len(pretend.control.requests())
    for number in (OF_BOREALIS, UNHEARD_OF, "+34600999999"):
        check = ask(player, number, PAYMENT)
        unseen = {one["code"] for one in check["signals"] if one["name"] == "sim_swap"}
        assert (unseen, check["decision"] == "allow") == ({"NOT_A_MAGIC_NUMBER"}, False)
        assert player.post("/camara/sim-swap/v2/check", json={"phoneNumber": number}).status_code == 404
    assert (stage.operator_calls(), len(pretend.control.requests())) == (before, asked)


def test_a_real_tenant_never_hears_what_was_made_up(stage: Stage, pretend: RunningOperator) -> None:
    pretend.control.forget_requests()
    key = stage.broker.key("acme", "trust:check", "trust:explain", "network:read", consumer="back")
    assert not key.startswith("tb_sandbox_")
    with stage.broker.http(key) as http:
        check = ask(http, STEADY, PAYMENT)
        called = http.post("/camara/sim-swap/v2/check", json={"phoneNumber": STEADY, "maxAge": 240})
        ask(http, UNHEARD_OF)
    assert "sandbox" not in check
    assert check["routing"]["sources"] == ["alba"]
    assert (called.json(), called.headers.get("x-trust-broker-sandbox")) == ({"swapped": False}, None)
    assert pretend.control.requests() == []


def test_a_step_up_is_played_to_its_end(stage: Stage, pretend: RunningOperator, player: httpx.Client) -> None:
    before = stage.operator_calls()
    check = ask(player, SWAPPED_3D, PAYMENT)
    started = player.post(
        f"/v1/trust-checks/{check['id']}/challenges", json={"method": "network_auth", "phoneNumber": SWAPPED_3D}
    )
    assert started.status_code == 201, started.text
    phone = Phone(SWAPPED_3D, Way.CELLULAR)
    try:
        last = phone.tap(started.json()["link"], phone.look(started.json()["link"]))
    finally:
        phone.close()
    assert said(last)[0] == "Done"
    assert player.get(f"/v1/trust-checks/{check['id']}").json()["decision"] == "allow"
    assert any("number-verification" in one["path"] for one in pretend.control.requests())
    assert stage.operator_calls() == before


def test_a_review_is_played_to_its_end(stage: Stage, player: httpx.Client) -> None:
    before = stage.operator_calls()
    check = ask(player, STEADY, {"type": "sim.order"})
    assert check["sandbox"]
    assert check["decision"] != "allow"
    asked = player.post(f"/v1/trust-checks/{check['id']}/reviews", json={"justification": "a rehearsal"})
    assert asked.status_code == 201, asked.text
    path = f"/v1/reviews/{asked.json()['id']}"
    real, pretend_clerk = (
        stage.broker.http(stage.broker.key(tenant, "trust:review", consumer="clerk"))
        for tenant in ("acme", "acme.sandbox")
    )
    with real, pretend_clerk:
        # Nobody at the platform is bothered with what is played.
        assert asked.json()["id"] not in real.get("/v1/reviews").text
        assert real.post(f"{path}/claim").status_code == 404
        assert pretend_clerk.post(f"{path}/claim").status_code == 200
        ruling = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "called back"}
        assert pretend_clerk.post(f"{path}/decide", json=ruling).json()["status"] == "approved"
    settled = player.get(f"/v1/trust-checks/{check['id']}").json()
    assert (settled["decision"], settled["sandbox"]) == ("allow", True)
    with stage.broker.client() as broker:
        verifier = ReceiptVerifier(broker.keys, audience="acme.sandbox", issuer=stage.broker.url, sandbox=True)
        assert verifier.verify(settled["receipt"], action=Action("sim.order")).aud == "acme.sandbox"
    assert stage.operator_calls() == before


def test_quotas_hold_and_what_is_played_counts_for_the_platforms_above(stage: Stage, player: httpx.Client) -> None:
    made = player.post("/v1/tenants", json={"name": "stall", "limits": {"checksPerDay": 3}}).raise_for_status().json()
    below = player.post("/v1/tenants", json={"name": "shelf", "parent": made["tenant"], "limits": {"checksPerDay": 2}})
    wanted = {"consumer": "till", "scopes": ["trust:check", "trust:explain"]}
    keys = [
        player.post(f"/v1/tenants/{one['tenant']}/keys", json=wanted).raise_for_status().json()["key"]
        for one in (made, below.raise_for_status().json())
    ]
    asked = {"subject": {"phoneNumber": STEADY}, "action": HINT, "purpose": "FraudPreventionAndDetection"}
    with stage.broker.http(keys[0]) as stall, stage.broker.http(keys[1]) as shelf:
        answers = [one.post("/v1/trust-checks", json=asked) for one in (shelf, shelf, shelf, stall, stall)]
    assert [one.status_code for one in answers] == [200, 200, 429, 200, 429]
    assert all(int(one.headers["retry-after"]) > 0 for one in answers if one.status_code == 429)
    assert '"tenant-day";r=0' in answers[1].headers["ratelimit"].replace("; ", ";")


def test_a_receipt_of_the_sandbox_passes_only_where_it_is_expected(stage: Stage, player: httpx.Client) -> None:
    played = ask(player, STEADY)["receipt"]
    with stage.broker.http() as http:
        real = ask(http, STEADY)["receipt"]
    action, now = Action("sign_in.hint"), datetime.now(UTC)
    with stage.broker.client() as broker:
        verifiers = {
            sandbox: ReceiptVerifier(broker.keys, audience=tenant, issuer=stage.broker.url, sandbox=sandbox)
            for tenant, sandbox in (("acme.sandbox", True), ("acme", False))
        }
        keys = broker.keys()
        assert verifiers[True].verify(played, action=action).aud == "acme.sandbox"
        assert verifiers[False].verify(real, action=action).aud == "acme"
        unaware = ReceiptVerifier(broker.keys, audience="acme.sandbox", issuer=stage.broker.url)
        for verifier, token in ((unaware, played), (verifiers[True], real)):
            with pytest.raises(ReceiptInvalid, match=r"of the sandbox|a real one"):
                verifier.verify(token, action=action)
    with pytest.raises(receipts.ReceiptInvalid, match="of the sandbox"):
        receipts.verify(played, keys, now=now)
    page = runpy.run_path(str(CONFIG.parent / "openapi" / "verify_receipt.py"))
    with pytest.raises(ValueError, match="not a receipt"):
        page["verify"](played, keys, audience="acme.sandbox", action={"type": "sign_in.hint"})
    with TrustBroker(stage.broker.url, player.headers["authorization"].removeprefix("Bearer ")) as broker:
        assert broker.check(STEADY, "sign_in.hint").sandbox
        # A key of the sandbox in earnest allows nothing for people who are real.
        assert not broker.check(UNHEARD_OF, "sign_in.hint").allowed
    consumed = player.post("/v1/receipts/consume", json={"receipt": played, "action": HINT})
    assert consumed.status_code == 200, consumed.text
    with stage.broker.http() as http:
        assert http.post("/v1/receipts/consume", json={"receipt": ask(player, STEADY)["receipt"]}).status_code == 409


def test_what_is_exported_says_that_it_was_played(stage: Stage, player: httpx.Client) -> None:
    check = ask(player, SWAPPED_3H)
    assert stage.rows("SELECT json_extract(body, '$.sandbox') FROM log_leaves WHERE check_id = ?", check["id"]) == [
        (1,)
    ]
    metered = player.get("/v1/metering").json()
    assert metered["sandbox"] is True
    lines = list(csv.DictReader(io.StringIO(player.get("/v1/metering?format=csv").text)))
    assert lines
    assert {line["sandbox"] for line in lines} == {"true"}


def test_each_side_is_told_of_its_own_operators(stage: Stage, player: httpx.Client) -> None:
    (only,) = player.get("/v1/operators").json()["operators"]
    assert (only["operator"], only["sandbox"]) == ("sandbox", True)
    assert {one["phoneNumber"] for one in player.get("/v1/sandbox/numbers").json()["numbers"]} > {STEADY, SWAPPED_3H}
    with stage.broker.http(stage.broker.analyst_key) as analyst:
        told = analyst.get("/v1/operators").json()
    assert [one["operator"] for one in told["operators"]] == ["alba", "borealis", "cadenza"]
    known = {one["signal"]: one for one in told["operators"][0]["capabilities"]}
    assert known["sim_swap"] == {
        "signal": "sim_swap",
        "api": "sim-swap",
        "version": "2.1.0",
        "health": "well",
        "price": {"value": "0.02", "currency": "EUR"},
    }
    # An agent learns what can be known, and not from whom, at which price, or who is in trouble.
    with stage.broker.http(stage.broker.agent_key) as agent:
        assert agent.get("/v1/operators").json() == {"signals": told["signals"], "operators": []}
    with stage.broker.http(stage.broker.key("acme", "policy:read")) as other:
        assert other.get("/v1/operators").status_code == 403
    shown = CliRunner().invoke(
        create(open_deployment), ["operators", "--url", stage.broker.url, "--key", stage.broker.analyst_key]
    )
    assert "  sim_swap  sim-swap 2.1.0  well  0.02 EUR" in shown.output.splitlines()


def test_nobody_leaves_the_sandbox(stage: Stage, player: httpx.Client) -> None:
    below = player.post("/v1/tenants", json={"name": "till"}).raise_for_status().json()
    assert (below["tenant"], below["sandbox"]) == ("acme.sandbox.till", True)
    # A key says whose it is; what was changed in it is no key any more.
    key = re.sub("^Bearer tb_sandbox_", "Bearer tb_", player.headers["authorization"])
    with httpx.Client(base_url=stage.broker.url, headers={"authorization": key}, trust_env=False) as http:
        assert http.get("/v1/tenants").status_code == 401


def test_the_numbers_and_the_doctor_say_what_there_is_to_play_with(stage: Stage) -> None:
    cli = create(open_deployment)
    config = str(stage.broker.folder / "config")
    listed = CliRunner().invoke(cli, ["sandbox", "numbers", "--json", "--config", config])
    numbers = {one["phoneNumber"]: one for one in json.loads(listed.output)["numbers"]}
    assert numbers[SWAPPED_3H]["summary"] == "SIM swapped 3 hours ago"
    told = json.loads(CliRunner().invoke(cli, ["doctor", "--json", "--config", config]).stdout)
    (found,) = [one for one in told if one["about"] == "sandbox sandbox"]
    assert (found["state"], f"{len(numbers)} magic numbers" in found["seen"]) == ("well", True)
    path = stage.broker.folder / "config" / "operators" / "sandbox.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('adapter = "mock"', 'adapter = "kpn"'), "utf-8")
    try:
        refused = CliRunner().invoke(cli, ["sandbox", "numbers", "--config", config])
    finally:
        path.write_text(text, "utf-8")
    assert "kpn has none" in str(refused.exception)
