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
_PLACES = re.compile(r"\{(\w+)\}")
_REFUSALS = {403, 404}
"""With a body that is in order: whoever hears of a mistake in it first might have been let in with a better one."""
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
    """An operation of the contract: whether it takes an id in its path, and the example of its body."""

    method: str
    path: str
    takes_id: bool
    body: Any

    def reach(self, http: httpx.Client, **ids: str) -> httpx.Response:
        """Ask for something by the ids in its path."""
        return http.request(self.method, self.path.format(**ids), json=self.body)


@pytest.fixture(scope="module")
def operations(clients: dict[str, httpx.Client]) -> list[Operation]:
    contract = clients["acme"].get("/schema/openapi.json").json()
    found = [
        Operation(method.upper(), path, "{" in path, _example(operation))
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    ]
    assert {one.path.split("/")[1] for one in found} >= {"v1", "access", "oauth", "metrics", ".well-known"}
    assert len([one for one in found if one.takes_id]) > 20
    return found


def _example(operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {"content": {}})["content"]
    return content.get("application/json", {}).get("example")


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
            operation = data.draw(st.sampled_from(_reaching(operations)))
            owned = sorted(self.owned[other])  # how many there are is no part of what is drawn
            theirs = owned[data.draw(st.integers(0, 9_999)) % len(owned)]
            ids = dict.fromkeys(_PLACES.findall(operation.path), theirs) | {"version": "1"}
            answer = operation.reach(clients[tenant], **ids)
            assert answer.status_code in _REFUSALS, (operation, theirs, answer.status_code, answer.text)
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


MADE_BY = {
    "webhook_id": "/v1/webhooks",
    "watch_id": "/v1/watches",
    "consent_id": "/v1/consents",
    "grant_id": "/v1/disclosures/grants",
    "request_id": "/v1/subjects/requests",
    "stop_id": "/v1/policies/stops",
    "change_id": "/v1/policies",
    "shadow_id": "/v1/policies/payment/shadows",
    "review_id": "/v1/trust-checks/{check_id}/reviews",
}
"""What makes a thing of each kind, by the name of its id in a path; the example of its contract is sent."""


@pytest.fixture(scope="module")
def holdings(clients: dict[str, httpx.Client], operations: list[Operation]) -> dict[str, str]:
    """One thing of every kind at one tenant: its id, by the name that it has in a path."""
    http = clients["globex"]
    examples = {one.path: one.body for one in operations if one.method == "POST"}
    check = http.post("/v1/trust-checks", json=examples["/v1/trust-checks"] | {"action": {"type": "sim.order"}}).json()
    found = {"check_id": check["id"], "policy_id": "payment", "tenant": "globex", "version": "1"}
    policy = http.get("/v1/policies/payment/versions/1").json()["document"]
    for name, path in MADE_BY.items():
        body = examples.get(path, {"document": policy.replace("version: 1", "version: 2", 1)})
        found[name] = http.post(path.format(**found), json=body).raise_for_status().json()["id"]
    found["task_id"] = asked_for_access(http, examples)
    found["key_id"] = http.get("/v1/tenants/globex/keys").json()["keys"][0]["keyId"]
    client = http.post("/v1/tenants/globex/clients", json=examples["/v1/tenants/{tenant}/clients"])
    found["client_id"] = client.raise_for_status().json()["clientId"]
    found["challenge_id"] = "chl_" + "0" * 26  # no operator is there to begin one; the stores have a story for them
    return found


def asked_for_access(http: httpx.Client, examples: dict[str, Any]) -> str:
    """A task: a human is asked about an evaluation that was denied."""
    about = {**examples["/access/v1/evaluation"], "action": {"name": "sim.order"}}
    denied = http.post("/access/v1/evaluation", json=about).raise_for_status().json()["context"]
    denial = {"evaluation_id": denied["evaluation_id"], "expires_at": denied["access_request"]["expires_at"]}
    asked = about | {"denial": denial}
    return str(http.post("/access/v1/requests", json=asked).raise_for_status().json()["task"]["id"])


def test_every_operation_of_one_is_closed_to_the_other(
    clients: dict[str, httpx.Client], operations: list[Operation], holdings: dict[str, str]
) -> None:
    reaching = _reaching(operations)
    assert {name for one in reaching for name in _PLACES.findall(one.path)} <= holdings.keys()
    for operation in reaching:
        names = set(_PLACES.findall(operation.path))
        if names <= {"policy_id", "version"}:
            continue  # policies of one name are there at both; whose they are, the other stories tell
        answer = operation.reach(clients["acme"], **holdings)
        assert answer.status_code in _REFUSALS, (operation, answer.status_code, answer.text)


def test_what_is_closed_to_the_other_is_open_to_its_own(
    clients: dict[str, httpx.Client], operations: list[Operation], holdings: dict[str, str]
) -> None:
    """Or the story above would be one of ids that nobody has."""
    opened: list[str] = []
    closed: list[str] = []
    for operation in _reaching(operations):
        if operation.method == "GET":
            with clients["globex"].stream("GET", operation.path.format(**holdings)) as answer:
                (opened if answer.status_code == 200 else closed).append(operation.path)
    assert closed == ["/v1/trust-checks/{check_id}/challenges/{challenge_id}"]
    assert len(opened) > 12
