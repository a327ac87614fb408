"""Two tenants on one broker: whatever one does, the other never sees, counts or changes anything of it (threat T7).

The endpoints come from the published contract, so a new one is part of this without being named here.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from broker.consumers import authorize
from tests.support.broker import RunningBroker, running_broker, share_secrets

TENANTS = ("acme", "globex")
_ID = re.compile(r"\b[a-z]{2,5}_[0-9A-Za-z]{10,}")
_REFUSALS = {400, 403, 404, 405, 409, 415, 422}
_WORDS = {"acme": "Quicksilver", "globex": "Zirconium"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder = tmp_path_factory.mktemp("isolation")
    share_secrets(folder)
    with running_broker(folder, {}) as running:
        yield running


@pytest.fixture(scope="module")
def clients(broker: RunningBroker) -> Iterator[dict[str, httpx.Client]]:
    found = {
        tenant: broker.http(broker.key(tenant, *sorted(authorize.SCOPES), consumer=_WORDS[tenant]))
        for tenant in TENANTS
    }
    yield found
    for client in found.values():
        client.close()


class Operation(NamedTuple):
    """An operation of the contract: whether it takes an id in its path, and whether a body."""

    method: str
    path: str
    takes_id: bool
    takes_body: bool


@pytest.fixture(scope="module")
def operations(clients: dict[str, httpx.Client]) -> list[Operation]:
    contract = clients["acme"].get("/schema/openapi.json").json()
    found = [
        Operation(method.upper(), path, "{" in path, "requestBody" in operation)
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/")
    ]
    assert len([one for one in found if one.takes_id]) > 20
    return found


def bodies(word: str) -> dict[str, Any]:
    return {
        "/v1/trust-checks": {
            "subject": {"phoneNumber": "+34600000101"},
            "action": {"type": "payment.transfer", "amount": {"value": "10.00", "currency": "EUR"}, "resource": word},
            "context": {"conversationId": word},
            "purpose": "FraudPreventionAndDetection",
        },
        "/v1/webhooks": {"url": f"https://hooks.{word.lower()}.example/in"},
        "/v1/tenants": {"name": word.lower()},
        "/v1/policies/stops": {"kind": "agent", "value": word, "reason": word},
    }


def _lists(operations: list[Operation]) -> list[str]:
    return sorted(one.path for one in operations if one.method == "GET" and not one.takes_id)


def _reaching(operations: list[Operation]) -> list[Operation]:
    return [one for one in operations if one.takes_id]


def machine(clients: dict[str, httpx.Client], operations: list[Operation]) -> type[RuleBasedStateMachine]:
    class TwoTenants(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.owned: dict[str, set[str]] = {tenant: {tenant} for tenant in TENANTS}

        @rule(tenant=st.sampled_from(TENANTS), path=st.sampled_from(sorted(bodies(""))))
        def make(self, tenant: str, path: str) -> None:
            headers = {"Idempotency-Key": "the same for both"} if path == "/v1/trust-checks" else {}
            answer = clients[tenant].post(path, json=bodies(_WORDS[tenant])[path], headers=headers)
            assert answer.status_code in {200, 201, 400, 404, 405, 409}, answer.text
            if answer.is_success:
                self.owned[tenant] |= set(_ID.findall(answer.text))
            self.look(tenant, answer)

        @rule(tenant=st.sampled_from(TENANTS), path=st.sampled_from(_lists(operations)))
        def list_(self, tenant: str, path: str) -> None:
            self.look(tenant, clients[tenant].get(path))

        @rule(tenant=st.sampled_from(TENANTS), data=st.data())
        def reach_over(self, tenant: str, data: st.DataObject) -> None:
            other = TENANTS[1 - TENANTS.index(tenant)]
            method, path, _, wants_body = data.draw(st.sampled_from(_reaching(operations)))
            theirs = data.draw(st.sampled_from(sorted(self.owned[other])))
            place = re.sub(r"\{[^}]+\}", theirs, path)
            answer = clients[tenant].request(method, place, json={} if wants_body else None)
            assert answer.status_code in _REFUSALS, (method, place, answer.status_code, answer.text)
            self.look(tenant, answer, asked=theirs)

        def look(self, tenant: str, answer: httpx.Response, asked: str = "") -> None:
            other = TENANTS[1 - TENANTS.index(tenant)]
            text = answer.text.replace(asked, "") if asked else answer.text
            assert _WORDS[other].lower() not in text.lower(), (answer.request.url, text)
            seen = set(_ID.findall(text)) & self.owned[other]
            assert not seen, (answer.request.url, seen)

        @invariant()
        def nothing_is_shared(self) -> None:
            assert not self.owned["acme"] & self.owned["globex"]

    return TwoTenants


def play(clients: dict[str, httpx.Client], operations: list[Operation], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine(clients, operations),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
            database=None,
        ),
    )


def test_two_tenants_never_meet(clients: dict[str, httpx.Client], operations: list[Operation]) -> None:
    play(clients, operations, examples=8, steps=20)


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_two_tenants_never_meet_in_a_long_time(clients: dict[str, httpx.Client], operations: list[Operation]) -> None:
    play(clients, operations, examples=150, steps=50)


def test_every_operation_of_one_is_closed_to_the_other(
    clients: dict[str, httpx.Client], operations: list[Operation]
) -> None:
    check_id = clients["globex"].post("/v1/trust-checks", json=bodies("word")["/v1/trust-checks"]).json()["id"]
    for method, path, _, wants_body in _reaching(operations):
        place = re.sub(r"\{[^}]+\}", "globex" if "tenants" in path else check_id, path)
        answer = clients["acme"].request(method, place, json={} if wants_body else None)
        assert answer.status_code in _REFUSALS, (method, place, answer.status_code, answer.text)
