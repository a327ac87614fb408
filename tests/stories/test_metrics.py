"""What is counted, and that it says nothing about anybody."""

import re

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.stage import Stage

QUESTION = {
    "subject": {"phoneNumber": "+34600000102"},
    "action": {"type": "payment.transfer", "amount": {"value": "120.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


def scraped(stage: Stage, tenant: str = "ops") -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, read by the parser that others use."""
    with stage.broker.http(stage.broker.key(tenant, "metrics:read")) as http:
        response = http.get("/metrics").raise_for_status()
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(response.text)  # type: ignore[no-untyped-call]
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_checks_signals_and_responses_are_counted(stage: Stage) -> None:
    before = scraped(stage)
    with stage.broker.http() as http:
        decision = http.post("/v1/trust-checks", json=QUESTION).json()["decision"]
        http.post("/v1/trust-checks", json={})
    after = scraped(stage)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after.get(key, 0.0) - before.get(key, 0.0)

    assert grown("trust_broker_checks_total", decision=decision, action_class="medium", degraded="false") == 1
    assert grown("trust_broker_check_seconds_count", action_class="medium") == 1
    assert grown("trust_broker_signals_total", operator="alba", signal="sim_swap", result="observed") == 1
    assert grown("trust_broker_http_responses_total", surface="v1", status="400") == 1
    assert grown("trust_broker_commits_total") >= 1
    assert after["trust_broker_breaker_open", (("operator", "alba"), ("signal", "sim_swap"))] == 0


def test_nothing_that_a_caller_sends_becomes_a_label(stage: Stage) -> None:
    with stage.broker.http() as http:
        http.post("/v1/trust-checks", json=QUESTION, headers={"x-correlator": "mine-1"})
        http.get("/nowhere/+34600000102")
    labels = {value for _, pairs in scraped(stage) for _, value in pairs}
    assert "other" in labels
    assert not [value for value in labels if re.search(r"600000|acme|shop|till|mine-1|nowhere|payment", value)]


def test_a_tenant_reads_its_own_figures_and_those_below_and_nobody_elses(stage: Stage) -> None:
    with stage.broker.http(stage.broker.key("plat", "tenant:admin", consumer="console")) as platform:
        for name in ("one", "two", "sandbox"):
            assert platform.post("/v1/tenants", json={"name": name}).status_code == 201
    asking = ("plat", "plat.one", "plat.two", "plat.sandbox", "plat.other")
    stage.in_vault(lambda _, store: store.ensure_tenant("plat.other", 1))  # of no platform, as one could once be made
    before = scraped(stage)
    for tenant in asking:
        with stage.broker.http(stage.broker.key(tenant, "trust:check", consumer="shop")) as http:
            http.post("/v1/trust-checks", json=QUESTION).raise_for_status()

    def told(samples: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> dict[str, float]:
        return {
            dict(labels)["tenant"]: value
            for (name, labels), value in samples.items()
            if name == "trust_broker_tenant_checks_total"
        }

    assert told(scraped(stage, "plat")) == dict.fromkeys(asking[:4], 1.0)
    below = scraped(stage, "plat.one")
    assert told(below) == {"plat.one": 1.0}
    assert {name for name, _ in below} == {
        "trust_broker_tenant_checks_total",
        "trust_broker_tenant_checks_created",
        *(f"trust_broker_tenant_check_seconds_{part}" for part in ("bucket", "count", "sum", "created")),
    }, "what the process does for others is nobody's below a platform"
    whole = scraped(stage)
    assert told(whole) == {}
    counted = [
        sum(value for (name, _), value in samples.items() if name == "trust_broker_checks_total")
        for samples in (before, whole)
    ]
    assert counted[1] - counted[0] == len(asking) - 1, "what a sandbox plays is no check of the process"


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("agent", 403)])
def test_figures_are_for_whoever_runs_the_broker(stage: Stage, key: str | None, status: int) -> None:
    headers = {"authorization": f"Bearer {stage.broker.agent_key}"} if key else {}
    assert httpx.get(f"{stage.broker.url}/metrics", headers=headers, trust_env=False).status_code == status
