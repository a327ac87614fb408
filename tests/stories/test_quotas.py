"""Quotas, budgets and the meter: what a platform allows its customers, and what it can put on their invoice."""

import asyncio
import csv
import io
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import httpx
import pytest

from broker.client import TrustBroker
from tests.stories.test_reviews import until
from tests.stories.test_webhooks import QUICKLY
from tests.support.sinks import running_sink
from tests.support.stage import Stage, set_stage

PATH = "/v1/trust-checks"


def question(number: int = 101) -> dict[str, Any]:
    return {
        "subject": {"phoneNumber": f"+34600000{number:03}"},
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
        "purpose": "FraudPreventionAndDetection",
    }


LOOKING = {"low_percent = 80\nlook_s = 30": "low_percent = 80\nlook_s = 0.05"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("quotas"), changes=QUICKLY | LOOKING) as standing:
        yield standing


@pytest.fixture(scope="module")
def platform(stage: Stage) -> Iterator[httpx.Client]:
    scopes = ("tenant:admin", "trust:check", "trust:explain", "audit:read")
    with stage.broker.http(stage.broker.key("acme", *scopes, consumer="console")) as http:
        yield http


def customer(platform: httpx.Client, name: str, agent: str | None = None, **limits: Any) -> tuple[str, str]:
    """A new customer with limits: its name and a key."""
    tenant = platform.post("/v1/tenants", json={"name": name, "limits": limits}).json()["tenant"]
    sent = {
        "consumer": "shop",
        "scopes": ["trust:check", "trust:explain", "audit:read", "tenant:admin"],
        "agent": agent,
    }
    return tenant, platform.post(f"/v1/tenants/{tenant}/keys", json=sent).json()["key"]


def ask_at_once(stage: Stage, key: str, times: int) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=stage.broker.url, headers=headers, trust_env=False, timeout=20) as http:
            return await asyncio.gather(*(http.post(PATH, json=question(n % 10)) for n in range(times)))

    return asyncio.run(ask())


def test_of_many_at_once_exactly_as_many_pass_as_the_quota_has(stage: Stage, platform: httpx.Client) -> None:
    _, key = customer(platform, "racing", checksPerDay=7)
    answers = ask_at_once(stage, key, 20)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 13
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "QUOTA_EXCEEDED"
    assert "tenant-day" in refused.json()["detail"]
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert refused.headers["ratelimit-policy"] == '"tenant-day";q=7;w=86400'
    assert refused.headers["ratelimit"].startswith('"tenant-day";r=0;t=')


def test_what_is_left_is_said_with_each_answer(stage: Stage, platform: httpx.Client) -> None:
    _, key = customer(platform, "counting", agent="till", checksPerDay=50, agentChecksPerMinute=1000)
    with stage.broker.http(key) as http:
        answer = http.post(PATH, json=question())
    assert answer.headers["ratelimit-policy"] == '"tenant-day";q=50;w=86400, "agent-minute";q=1000;w=60'
    assert answer.headers["ratelimit"].startswith('"tenant-day";r=49;t=')
    with TrustBroker(stage.broker.url, key) as broker:
        told = broker.check("+34600000101", "sign_in.hint").allowances
    assert [(one.name, one.limit, one.left) for one in told] == [("tenant-day", 50, 48), ("agent-minute", 1000, 998)]


def test_customers_of_one_platform_share_its_quota_at_every_level(stage: Stage, platform: httpx.Client) -> None:
    _, reseller_key = customer(platform, "reseller", checksPerDay=3)
    with ExitStack() as open_:
        reseller = open_.enter_context(stage.broker.http(reseller_key))
        one = open_.enter_context(stage.broker.http(customer(reseller, "one")[1]))
        branch = open_.enter_context(stage.broker.http(customer(one, "branch")[1]))
        answers = [who.post(PATH, json=question()) for who in (reseller, one, branch, one)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert "platform-day" in answers[-1].json()["detail"]


def test_nobody_counts_for_somebody_else(stage: Stage, platform: httpx.Client) -> None:
    _, used_up = customer(platform, "used-up", checksPerDay=1)
    _, fresh = customer(platform, "fresh", checksPerDay=1)
    with stage.broker.http(used_up) as http:
        assert [http.post(PATH, json=question()).status_code for _ in range(2)] == [200, 429]
    with stage.broker.http(fresh) as http:
        assert http.post(PATH, json=question()).status_code == 200


def test_a_budget_is_never_overspent_however_many_ask_at_once(stage: Stage, platform: httpx.Client) -> None:
    _, key = customer(platform, "thrifty", budget={"EUR": "0.20"})
    before = stage.operator_calls()
    answers = ask_at_once(stage, key, 30)
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "tenant-budget-eur" in refused.json()["detail"]
    with stage.broker.http(key) as http:
        spent = Decimal(http.get("/v1/metering").json()["totals"]["EUR"])
    assert Decimal(0) < spent <= Decimal("0.20")
    assert stage.operator_calls() > before


def test_a_budget_that_is_nearly_spent_is_told_before_it_stops_anybody(stage: Stage, platform: httpx.Client) -> None:
    tenant, key = customer(platform, "careful", budget={"EUR": "0.10"})
    listening = stage.broker.key(tenant, "events:manage", consumer="ops")
    with running_sink() as sink, stage.broker.http(listening) as ops, stage.broker.http(key) as http:
        ops.post("/v1/webhooks", json={"url": sink.url, "events": ["budget.low"]}).raise_for_status()
        assert http.post(PATH, json=question(102)).status_code == 200
        answers = [http.post(PATH, json=question(number)).status_code for number in range(103, 113)]
        assert {*answers} == {200, 429}
        until(lambda: len(sink.arrivals()) == 1)
        (event,) = [arrival.event for arrival in sink.arrivals()]
    assert event["type"] == "trust-broker.budget.low.v1"
    data = event["data"]
    assert (data["currency"], data["limit"]) == ("EUR", "0.10")
    assert event["subject"] == data["budget"] == f"budget-{data['period']}-EUR"
    assert 80 <= data["spentPercent"] <= 100
    assert Decimal("0.08") <= Decimal(data["spent"]) <= Decimal("0.10")


def test_without_money_nobody_is_asked(stage: Stage, platform: httpx.Client) -> None:
    _, key = customer(platform, "broke", budget={"EUR": "0.00"})
    with stage.broker.http(key) as http:
        before = stage.operator_calls()
        assert http.post(PATH, json=question(102)).status_code == 429
        assert stage.operator_calls() == before


def test_the_meter_adds_up_to_the_record(stage: Stage, platform: httpx.Client) -> None:
    tenant, key = customer(platform, "metered", agent="=till")
    with stage.broker.http(key) as http:
        answers = [http.post(PATH, json=question(number)).json() for number in (101, 101, 102, 201)]
        own = http.get("/v1/metering").json()
    metered = platform.get("/v1/metering", params={"tenant": tenant}).json()
    assert metered == own
    bills = [Decimal(charge["value"]) for answer in answers for charge in answer.get("cost", {}).get("total", [])]
    assert Decimal(metered["totals"]["EUR"]) == sum(bills) > 0
    assert metered["checks"] == len(answers)
    leaves = stage.rows("SELECT check_id FROM log_leaves WHERE tenant = ? AND check_id LIKE 'chk_%'", tenant)
    assert {check_id for (check_id,) in leaves} == {answer["id"] for answer in answers}
    lines = metered["lines"]
    assert metered["calls"] == sum(line["count"] for line in lines if line["kind"] == "call")
    assert sum(Decimal(line.get("amount", "0")) for line in lines) == sum(bills)
    text = platform.get("/v1/metering", params={"tenant": tenant, "format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(lines)
    assert sum(Decimal(row["amount"] or "0") for row in rows) == sum(bills)
    assert {row["agent"] for row in rows} == {"'=till"}


@pytest.mark.parametrize(
    "asked", [{"until": "0001-01-01"}, {"since": "9999-12-31"}, {"until": "9999-12-31", "since": "0001-01-01"}]
)
def test_a_period_that_is_none_is_refused(platform: httpx.Client, asked: dict[str, str]) -> None:
    refused = platform.get("/v1/metering", params=asked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/until"), refused.text


def test_a_platform_reads_the_meter_of_all_below_and_it_adds_up_to_the_record(
    stage: Stage, platform: httpx.Client
) -> None:
    tenant, key = customer(platform, "chain")
    below = platform.post("/v1/tenants", json={"name": "till", "parent": tenant}).raise_for_status().json()["tenant"]
    sent = {"consumer": "till", "scopes": ["trust:check"]}
    below_key = platform.post(f"/v1/tenants/{below}/keys", json=sent).raise_for_status().json()["key"]
    for each, times in ((key, 2), (below_key, 3)):
        assert {answer.status_code for answer in ask_at_once(stage, each, times)} == {200}
    with stage.broker.http(key) as http:
        metered = http.get("/v1/metering", params={"below": "true"}).raise_for_status().json()
        alone = http.get("/v1/metering").json()
        rows = list(csv.DictReader(io.StringIO(http.get("/v1/metering?below=true&format=csv").text)))
    recorded = dict(
        stage.rows("SELECT tenant, count(*) FROM checks WHERE tenant IN (?, ?) GROUP BY tenant", tenant, below)
    )
    leaves = dict(
        stage.rows(
            "SELECT tenant, count(DISTINCT check_id) FROM log_leaves WHERE tenant IN (?, ?) AND check_id LIKE 'chk_%' "
            "GROUP BY tenant",
            tenant,
            below,
        )
    )
    assert recorded == leaves == {tenant: 2, below: 3}
    for told in (metered["lines"], rows):
        counted = {
            name: sum(int(line["count"]) for line in told if line["tenant"] == name and line["kind"] == "check")
            for name in (tenant, below)
        }
        assert counted == recorded
    assert (metered["checks"], alone["checks"]) == (5, 2)
    assert sum(Decimal(line.get("amount", "0")) for line in metered["lines"]) == sum(
        map(Decimal, metered["totals"].values())
    )


def evaluation(number: int = 101) -> dict[str, Any]:
    return {
        "subject": {"type": "phone_number", "id": f"+34600000{number}"},
        "action": {"name": "payment.transfer", "properties": {"amount": {"value": "10.00", "currency": "EUR"}}},
        "resource": {"type": "account", "id": "ES91"},
        "context": {"purpose": "FraudPreventionAndDetection"},
    }


def test_every_surface_says_what_is_left_and_when_to_come_back(stage: Stage, platform: httpx.Client) -> None:
    tenant, key = customer(platform, "surfaces", checksPerDay=4)
    backend = stage.broker.key(tenant, "network:read", consumer="backend")
    body = {"name": "check_trust", "arguments": question()}
    tool = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": body}
    accepted = {"Accept": "application/json, text/event-stream"}
    asked = {"phoneNumber": "+34600000101", "maxAge": 24}
    with stage.broker.http(key) as http, stage.broker.http(backend) as camara:
        evaluated = http.post("/access/v1/evaluation", json=evaluation())
        several = http.post("/access/v1/evaluations", json={"evaluations": [evaluation()]})
        network = camara.post("/camara/sim-swap/v2/check", json=asked)
        told = http.post("/mcp", json=tool, headers=accepted).json()["result"]
        left = [answer.headers["RateLimit"].partition(";t=")[0] for answer in (evaluated, several, network)]
        assert left == ['"tenant-day";r=3', '"tenant-day";r=2', '"tenant-day";r=1']
        assert told["_meta"]["trust-broker/rateLimit"][0]["left"] == 0
        for refused in (
            http.post("/access/v1/evaluation", json=evaluation()),
            camara.post("/camara/sim-swap/v2/check", json=asked),
        ):
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) > 0
        told = http.post("/mcp", json=tool, headers=accepted).json()["result"]
        assert told["isError"] is True
        assert told["_meta"]["trust-broker/retryAfterS"] > 0


def by_text(http: httpx.Client) -> httpx.Response:
    """A code by text message after a check that wants more."""
    asked = question()
    asked["action"]["attributes"] = {"newPayee": True}
    check = http.post(PATH, json=asked).json()
    return http.post(
        f"/v1/trust-checks/{check['id']}/challenges", json={"method": "sms_otp", "phoneNumber": "+34600000101"}
    )


def test_what_is_asked_outside_checks_is_on_the_meter_too(stage: Stage, platform: httpx.Client) -> None:
    tenant, key = customer(platform, "mixed")
    backend = stage.broker.key(tenant, "network:read", consumer="backend")
    with stage.broker.http(key) as http, stage.broker.http(backend) as camara:
        assert by_text(http).status_code == 201
        for _ in range(3):
            asked = camara.post("/camara/sim-swap/v2/check", json={"phoneNumber": "+34600000101", "maxAge": 24})
            assert asked.status_code == 200
        metered = http.get("/v1/metering").json()
    calls = {(line["consumer"], line["signal"]): line["count"] for line in metered["lines"] if line["kind"] == "call"}
    assert metered["checks"] == 1
    assert calls["backend", "sim_swap"] == 3
    assert calls["shop", "one_time_password"] == 1
    assert calls["shop", "sim_swap"] == 1
    answered = stage.rows("SELECT count(*) FROM log_leaves WHERE tenant = ? AND check_id LIKE 'ask_%.answer'", tenant)
    assert answered == [(3,)]


def test_the_budget_holds_outside_checks_too(stage: Stage, platform: httpx.Client) -> None:
    tenant, _ = customer(platform, "frugal", budget={"EUR": "0.05"})
    with stage.broker.http(stage.broker.key(tenant, "network:read", consumer="backend")) as camara:
        statuses = []
        for _ in range(4):
            before = stage.operator_calls()
            asked = camara.post("/camara/sim-swap/v2/check", json={"phoneNumber": "+34600000101", "maxAge": 24})
            statuses.append(asked.status_code)
            assert (stage.operator_calls() > before) is asked.is_success
    assert statuses == [200, 200, 429, 429]
    assert asked.json()["code"] == "QUOTA_EXCEEDED"


def test_a_question_through_the_facade_counts_as_a_check_does(stage: Stage, platform: httpx.Client) -> None:
    tenant, _ = customer(platform, "counted", checksPerDay=2)
    with stage.broker.http(stage.broker.key(tenant, "network:read", consumer="backend")) as camara:
        asked = [
            camara.post("/camara/sim-swap/v2/check", json={"phoneNumber": "+34600000101", "maxAge": 24})
            for _ in range(3)
        ]
    assert [answer.status_code for answer in asked] == [200, 200, 429]


def test_the_meter_of_others_is_not_found(stage: Stage, platform: httpx.Client) -> None:
    tenant, _ = customer(platform, "discreet")
    with stage.broker.http(stage.broker.key("globex", "tenant:admin")) as stranger:
        assert stranger.get("/v1/metering", params={"tenant": tenant}).status_code == 404
        assert stranger.get("/v1/metering", params={"tenant": "acme"}).status_code == 404
        assert stranger.get("/v1/metering", params={"since": "2020-01-01"}).status_code == 400
    with stage.broker.http() as agent:
        assert agent.get("/v1/metering").status_code == 403


def batch(http: httpx.Client, *checks: dict[str, Any]) -> list[dict[str, Any]]:
    response = http.post(f"{PATH}:batch", json={"checks": checks})
    assert response.status_code == 200, response.text
    return list(response.json()["results"])


def test_each_check_of_a_batch_counts_and_has_its_own_answer(stage: Stage, platform: httpx.Client) -> None:
    tenant, key = customer(platform, "batches", checksPerDay=5)
    wrong = question() | {"purpose": "Curiosity"}
    with stage.broker.http(key) as http:
        asked = [{"request": question(n), "idempotencyKey": f"order-{n}"} for n in (101, 102, 103)]
        told = batch(http, *asked, {"request": wrong}, {"request": {"subject": {}}})
        assert [one["status"] for one in told] == [200, 200, 200, 400, 400]
        assert [one["check"]["decision"] for one in told[:3]] == ["allow", "deny", "step_up"]
        assert told[3]["problem"]["errors"][0]["pointer"] == "/purpose"
        ids = [one["check"]["id"] for one in told[:3]]
        assert [http.get(f"{PATH}/{one}").json()["id"] for one in ids] == ids
        # Its own idempotency, shared with checks that come alone, which is the fifth question that could be read.
        alone = http.post(PATH, json=question(102), headers={"Idempotency-Key": "order-102"})
        assert (alone.json()["id"], alone.headers["idempotency-replayed"]) == (ids[1], "true")
        over = batch(http, {"request": question(101), "idempotencyKey": "order-102"}, {"request": question()})
        assert {one["status"] for one in over} == {429}
        assert all(one["retryAfterS"] > 0 for one in over)
    assert len(stage.rows("SELECT 1 FROM checks WHERE tenant = ?", tenant)) == 3
    assert platform.get(f"/v1/metering?tenant={tenant}").json()["checks"] == 3


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        pytest.param({"checks": []}, 400, "/checks", id="none"),
        pytest.param({"checks": [{"request": {}}] * 101}, 400, "/checks", id="too many"),
        pytest.param({"checks": [{"request": {}, "more": 1}]}, 400, "/checks", id="an unknown member"),
        pytest.param(
            {"checks": [{"request": {}, "idempotencyKey": "k"}] * 2}, 400, "/checks/1/idempotencyKey", id="a key twice"
        ),
        pytest.param({"checks": [{"request": {"x": "y" * 70_000}}]}, 413, "", id="too large"),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(stage: Stage, body: Any, status: int, pointer: str) -> None:
    with stage.broker.http() as http:
        refused = http.post(f"{PATH}:batch", json=body)
        assert refused.status_code == status, refused.text
        assert any(one["pointer"].startswith(pointer) for one in refused.json().get("errors", [])) or not pointer
        keyed = http.post(f"{PATH}:batch", json={"checks": [{"request": {}}]}, headers={"Idempotency-Key": "k"})
        assert keyed.status_code == 400
    with stage.broker.http(stage.broker.key("acme", "policy:read")) as http:
        assert http.post(f"{PATH}:batch", json=body).status_code == 403
