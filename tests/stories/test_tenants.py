"""A platform and its customers: made, limited, suspended, given keys; and nobody reaches beyond what is below them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from broker.bootstrap import open_deployment
from broker.surfaces.cli.app import create
from tests.support.broker import RunningBroker, running_broker, share_secrets

PATH = "/v1/trust-checks"
QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "10.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder = tmp_path_factory.mktemp("tenants")
    share_secrets(folder)
    with running_broker(folder, {}) as running:
        yield running


@pytest.fixture
def platform(broker: RunningBroker) -> Iterator[httpx.Client]:
    with broker.http(broker.key("acme", "tenant:admin", "trust:check", consumer="console")) as http:
        yield http


def made(http: httpx.Client, name: str, **members: Any) -> str:
    response = http.post("/v1/tenants", json={"name": name, **members})
    assert response.status_code == 201, response.text
    return str(response.json()["tenant"])


def key_of(http: httpx.Client, tenant: str, *scopes: str) -> str:
    response = http.post(f"/v1/tenants/{tenant}/keys", json={"consumer": "shop", "scopes": scopes})
    assert response.status_code == 201, response.text
    return str(response.json()["key"])


def test_a_platform_makes_a_customer_who_asks_under_a_name_of_its_own(
    broker: RunningBroker, platform: httpx.Client
) -> None:
    customer = made(platform, "bakery")
    assert customer == "acme.bakery"
    with broker.http(key_of(platform, customer, "trust:check", "tenant:admin")) as http:
        settled = http.post(PATH, json=QUESTION)
        assert settled.status_code == 200, settled.text
        below = made(http, "till", parent=customer)
        assert below == "acme.bakery.till"
        assert [each["tenant"] for each in http.get("/v1/tenants").json()["tenants"]] == [below]
    assert platform.get(f"/v1/tenants/{below}").json()["parent"] == customer
    check_id = settled.json()["id"]
    with broker.http() as other:
        assert other.get(f"{PATH}/{check_id}").status_code == 404


SURFACES = (
    *(("POST", "/mcp"), ("POST", "/access/v1/evaluation"), ("POST", "/camara/sim-swap/v2/check")),
    *(("GET", "/v1/operators"), ("GET", "/metrics")),
)


def test_a_suspended_tenant_asks_nothing_nor_do_those_below_it(broker: RunningBroker, platform: httpx.Client) -> None:
    customer = made(platform, "casino")
    with broker.http(key_of(platform, customer, "tenant:admin", "trust:check")) as http:
        below = made(http, "slot")
        below_key = key_of(http, below, "trust:check")
    assert platform.post(f"/v1/tenants/{customer}/suspend").json()["suspendedAt"]
    # Keys that were never used before, for a node remembers a tenant's standing for seconds.
    with broker.http(below_key) as http:
        refused = http.post(PATH, json=QUESTION)
        assert (refused.status_code, refused.json()["code"]) == (403, "NOT_PERMITTED")
        for method, path in SURFACES:
            assert http.request(method, path, json={}).status_code == 403, path
    assert platform.post(f"/v1/tenants/{customer}/resume").json()["suspendedAt"] is None


def test_nobody_reaches_a_tenant_that_is_not_below_their_own(broker: RunningBroker, platform: httpx.Client) -> None:
    customer = made(platform, "florist")
    customer_key = key_of(platform, customer, "tenant:admin")
    with broker.http(broker.key("globex", "tenant:admin")) as stranger, broker.http(customer_key) as itself:
        for http in (stranger, itself):
            for method, path, body in (
                ("POST", f"/v1/tenants/{customer}/suspend", None),
                ("POST", f"/v1/tenants/{customer}/resume", None),
                ("PUT", f"/v1/tenants/{customer}/limits", {}),
                ("POST", f"/v1/tenants/{customer}/keys", {"consumer": "x", "scopes": ["trust:explain"]}),
                ("POST", "/v1/tenants/acme/suspend", None),
                ("GET", "/v1/tenants/acme", None),
                ("GET", "/v1/tenants/acme/keys", None),
                ("POST", "/v1/tenants", {"name": "mole", "parent": "acme"}),
            ):
                answer = http.request(method, path, json=body)
                assert answer.status_code == 404, (method, path, answer.text)
        assert stranger.get(f"/v1/tenants/{customer}").status_code == 404
        assert itself.get(f"/v1/tenants/{customer}").status_code == 200
        # A name that is taken elsewhere is free here: names say nothing about others.
        assert made(stranger, "florist") == "globex.florist"
    with broker.http() as agent:
        assert agent.get("/v1/tenants").status_code == 403


def test_a_key_is_rotated_with_overlap_and_revoked(broker: RunningBroker, platform: httpx.Client) -> None:
    customer = made(platform, "grocer")
    old = key_of(platform, customer, "trust:check", "tenant:admin")
    (listed,) = platform.get(f"/v1/tenants/{customer}/keys").json()["keys"]
    assert "secret" not in str(listed)
    with broker.http(old) as http:
        path = f"/v1/tenants/{customer}/keys/{listed['keyId']}"
        new = http.post(f"{path}/rotate", json={"overlapS": 3600}).json()["key"]
    for key in (old, new):
        with broker.http(key) as http:
            assert http.post(PATH, json=QUESTION).status_code == 200
    keys = platform.get(f"/v1/tenants/{customer}/keys").json()["keys"]
    assert [bool(key["expiresAt"]) for key in keys] == [True, False]
    assert platform.delete(path).json()["keys"][0]["revokedAt"]
    assert platform.delete(f"/v1/tenants/{customer}/keys/nothing").status_code == 404
    assert platform.post(f"{path}/rotate", json={"overlapS": 0}).status_code == 404


def test_an_administrator_gets_no_colleagues_key_by_rotating_it(platform: httpx.Client, broker: RunningBroker) -> None:
    customer = made(platform, "baker")
    key_of(platform, customer, "trust:check")
    (other,) = platform.get(f"/v1/tenants/{customer}/keys").json()["keys"]
    with broker.http(key_of(platform, customer, "tenant:admin")) as http:
        path = f"/v1/tenants/{customer}/keys/{other['keyId']}/rotate"
        assert http.post(path, json={"overlapS": 60}).status_code == 403


LIMITS = {
    "negative": {"checksPerMinute": -1},
    "too large": {"checksPerDay": 10**18},
    "a fraction": {"checksPerMinute": 1.5},
    "an unknown member": {"checksPerSecond": 1},
    "a negative amount": {"budget": {"EUR": "-1.00"}},
    "an amount beyond all bounds": {"budget": {"EUR": "9" * 30}},
    "an amount with an exponent": {"budget": {"EUR": "1e9"}},
    "an amount that is not a number": {"budget": {"EUR": "NaN"}},
    "an amount in other digits": {"budget": {"EUR": "١٠٠"}},
    "no currency": {"budget": {"euro": "1.00"}},
    "too many currencies": {"budget": {f"A{chr(65 + n)}A": "1" for n in range(11)}},
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
def test_limits_that_nobody_could_mean_are_refused(platform: httpx.Client, limits: dict[str, Any]) -> None:
    refused = platform.post("/v1/tenants", json={"name": "odd", "limits": limits})
    assert refused.status_code == 400, refused.text
    assert refused.json()["errors"]


@pytest.mark.parametrize("name", ["", "UPPER", "a.b", "-a", "a--b", "a" * 40, "ä", "a b", "a\n"])
def test_names_that_could_be_mistaken_are_refused(platform: httpx.Client, name: str) -> None:
    assert platform.post("/v1/tenants", json={"name": name}).status_code == 400


def test_a_tree_has_an_end(broker: RunningBroker, platform: httpx.Client) -> None:
    parent = "acme"
    for name in ("one", "two", "three"):
        parent = made(platform, name, parent=parent)
    assert platform.post("/v1/tenants", json={"name": "four", "parent": parent}).status_code == 400
    assert platform.post("/v1/tenants", json={"name": "one"}).status_code == 409


def test_a_platform_lists_all_below_it_a_page_at_a_time(broker: RunningBroker) -> None:
    with broker.http(broker.key("umbrella", "tenant:admin", consumer="console")) as http:
        for name in ("a", "b", "c"):
            made(http, "till", parent=made(http, name))
        children = [f"umbrella.{name}" for name in ("a", "b", "c")]
        everything = sorted([*children, *(f"{child}.till" for child in children)])

        def listed(**asked: Any) -> list[str]:
            found: list[str] = []
            after: str | None = ""
            while after is not None:
                page = http.get("/v1/tenants", params={**asked, "after": after}).raise_for_status().json()
                assert len(page["tenants"]) <= asked["limit"]
                found += [each["tenant"] for each in page["tenants"]]
                after = page["next"]
            return found

        for limit in (1, 2, 6, 500):
            assert listed(depth=1, limit=limit) == children
            assert listed(depth=4, limit=limit) == everything
        for wrong in ({"depth": 0}, {"depth": 9}, {"limit": 0}, {"limit": 10_000}):
            assert http.get("/v1/tenants", params=wrong).status_code == 400
    with broker.http(broker.key("umbrella.a", "tenant:admin")) as customer:
        assert [each["tenant"] for each in customer.get("/v1/tenants?depth=4").json()["tenants"]] == ["umbrella.a.till"]


@pytest.mark.parametrize(
    "words",
    [
        ["keys", "create", "--consumer", "till"],
        ["clients", "create", "--consumer", "till", "--jwks-uri", "https://till.example/jwks.json"],
    ],
    ids=["a key", "a client"],
)
def test_nobody_is_below_a_platform_by_the_way(broker: RunningBroker, words: list[str]) -> None:
    """Else it would go by its platform's contracts and by none of its limits."""
    given = ["--tenant", "acme.orphan", "--config", str(broker.folder / "config")]
    refused = CliRunner().invoke(create(open_deployment), [*words, *given])
    assert "tenants create NAME --parent PLATFORM" in str(refused.exception)
    with broker.http(broker.key("acme", "tenant:admin", consumer="console")) as console:
        assert console.get("/v1/tenants/acme.orphan").status_code == 404
