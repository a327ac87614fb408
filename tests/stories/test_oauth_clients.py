"""A tenant's OAuth clients and identity providers, administered over the API by whoever may."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.support.broker import RunningBroker, running_broker, share_secrets
from tests.support.oauth import EXCHANGE, ID_TOKEN, Agent, jwks, now_s, signed

PATH = "/v1/trust-checks"
IDP = "https://idp.acme.example"
QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "10.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}
EVERYTHING = ("tenant:admin", "trust:check", "trust:explain", "policy:publish", "policy:approve")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder = tmp_path_factory.mktemp("clients")
    share_secrets(folder)
    with running_broker(folder, {}) as running:
        yield running


@pytest.fixture(scope="module")
def admin(broker: RunningBroker) -> Iterator[httpx.Client]:
    with broker.http(broker.key("acme", *EVERYTHING, consumer="console")) as http:
        yield http


@pytest.fixture(scope="module")
def customer(admin: httpx.Client) -> str:
    return str(admin.post("/v1/tenants", json={"name": "shop"}).raise_for_status().json()["tenant"])


def keys(*found: ECKey) -> Any:
    return json.loads(jwks(*found))


def wanted(key: ECKey, **members: Any) -> dict[str, Any]:
    return {"consumer": "shop", "agent": "till", "scopes": ["trust:check"], "jwks": keys(key), **members}


def registered(admin: httpx.Client, broker: RunningBroker, tenant: str, **members: Any) -> Agent:
    key = ECKey.generate_key("P-256")
    made = admin.post(f"/v1/tenants/{tenant}/clients", json=wanted(key, **members))
    assert made.status_code == 201, made.text
    return Agent(broker, made.json()["clientId"], key)


def asked(agent: Agent, http: httpx.Client, token: str) -> int:
    return http.post(PATH, json=QUESTION, headers=agent.headers(token, "POST", PATH)).status_code


@pytest.fixture
def nobody(broker: RunningBroker) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=broker.url, trust_env=False, timeout=10) as http:
        yield http


@pytest.mark.parametrize("whose", ["acme", "acme.shop"])
def test_a_client_is_registered_and_asks(
    broker: RunningBroker, admin: httpx.Client, nobody: httpx.Client, customer: str, whose: str
) -> None:
    assert customer == "acme.shop"
    agent = registered(admin, broker, whose)
    assert asked(agent, nobody, agent.token(nobody)) == 200
    listed = admin.get(f"/v1/tenants/{whose}/clients").json()["clients"]
    (shown,) = [one for one in listed if one["clientId"] == agent.client_id]
    assert (shown["consumer"], shown["agent"], shown["disabled"]) == ("shop", "till", False)
    assert "keys" not in str(shown)


def test_keys_are_rotated_with_both_for_a_while(
    broker: RunningBroker, admin: httpx.Client, nobody: httpx.Client, customer: str
) -> None:
    agent = registered(admin, broker, customer)
    path, old, new = f"/v1/tenants/{customer}/clients/{agent.client_id}/keys", agent.key, ECKey.generate_key("P-256")
    assert admin.put(path, json={"jwks": keys(old, new)}).status_code == 200
    for each in (old, new):
        agent.key = each
        agent.token(nobody)
    assert admin.put(path, json={"jwks": keys(new)}).status_code == 200
    agent.token(nobody)
    agent.key = old
    assert agent.ask(nobody).json()["error"] == "invalid_client"
    private = {"keys": [old.as_dict(private=True)]}
    refused = admin.put(path, json={"jwks": private})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/jwks")


def test_a_client_is_suspended_resumed_and_forgotten(
    broker: RunningBroker, admin: httpx.Client, nobody: httpx.Client, customer: str
) -> None:
    agent = registered(admin, broker, customer)
    path = f"/v1/tenants/{customer}/clients/{agent.client_id}"
    assert admin.post(f"{path}/suspend").json()["disabled"] is True
    assert agent.ask(nobody).status_code == 401
    assert admin.post(f"{path}/resume").json()["disabled"] is False
    agent.token(nobody)
    left = admin.delete(path).json()["clients"]
    assert agent.client_id not in {one["clientId"] for one in left}
    assert agent.ask(nobody).status_code == 401
    assert admin.delete(path).status_code == 404


def test_what_a_platform_suspended_its_customer_does_not_resume(
    broker: RunningBroker, admin: httpx.Client, customer: str
) -> None:
    agent = registered(admin, broker, customer)
    path = f"/v1/tenants/{customer}/clients/{agent.client_id}"
    assert admin.post(f"{path}/suspend").status_code == 200
    with broker.http(broker.key(customer, "tenant:admin", "trust:check")) as itself:
        assert itself.post(f"{path}/resume").status_code == 404
        assert itself.post(f"{path}/suspend").json()["disabled"] is True


def test_an_identity_provider_is_trusted_until_it_is_not(
    broker: RunningBroker, admin: httpx.Client, nobody: httpx.Client, customer: str
) -> None:
    agent, idp = registered(admin, broker, customer, delegates=True), ECKey.generate_key("P-256")
    path = f"/v1/tenants/{customer}/issuers"

    def exchanged() -> int:
        claims = {"iss": IDP, "sub": "ana", "aud": agent.client_id, "iat": now_s(), "exp": now_s() + 600}
        form = agent.form(grant_type=EXCHANGE, subject_token=signed(claims, idp), subject_token_type=ID_TOKEN)
        return agent.ask(nobody, form).status_code

    assert exchanged() == 400
    assert admin.put(path, json={"issuer": IDP, "jwks": keys(idp)}).json() == {"issuers": [IDP]}
    assert exchanged() == 200
    assert admin.get(path).json() == {"issuers": [IDP]}
    assert admin.delete(path, params={"issuer": IDP}).json() == {"issuers": []}
    assert exchanged() == 400
    assert admin.delete(path, params={"issuer": IDP}).status_code == 404
    assert admin.put(path, json={"issuer": "http://idp.example", "jwks": keys(idp)}).status_code == 400


REACHING: dict[str, tuple[str, dict[str, Any]]] = {
    "what it does not hold": ("acme.shop", {"scopes": ["audit:read"]}),
    "an approver beside the publishers it can make": ("acme.shop", {"scopes": ["policy:approve"]}),
    "a second person in its own tenant": ("acme", {"scopes": ["policy:publish"]}),
    "a second administrator in its own tenant": ("acme", {"scopes": ["tenant:admin"]}),
}


@pytest.mark.parametrize(("tenant", "members"), REACHING.values(), ids=REACHING)
def test_nobody_gives_a_client_or_a_key(
    admin: httpx.Client, customer: str, tenant: str, members: dict[str, Any]
) -> None:
    del customer
    sent = wanted(ECKey.generate_key("P-256"), **members)
    assert admin.post(f"/v1/tenants/{tenant}/clients", json=sent).status_code == 403
    if tenant != "acme":
        assert admin.post(f"/v1/tenants/{tenant}/keys", json={"consumer": "x", **members}).status_code == 403


def test_nobody_becomes_a_client_or_a_key_that_it_could_not_have_made(
    broker: RunningBroker, admin: httpx.Client, customer: str
) -> None:
    """Whoever sets a client's keys, or rotates a key, is that client from then on."""
    other = broker.key(customer, "policy:approve", consumer="approver")
    assert other
    with broker.http(broker.key(customer, "tenant:admin", "audit:read", consumer="second")) as second:
        agent = registered(second, broker, customer, scopes=["audit:read"])
    path = f"/v1/tenants/{customer}/clients/{agent.client_id}"
    assert admin.put(f"{path}/keys", json={"jwks": keys(ECKey.generate_key("P-256"))}).status_code == 403
    assert admin.post(f"{path}/suspend").status_code == 200  # to take away is everybody's above
    assert admin.post(f"{path}/resume").status_code == 403
    listed = admin.get(f"/v1/tenants/{customer}/keys").json()["keys"]
    (approver,) = [key for key in listed if key["consumer"] == "approver"]
    rotate = f"/v1/tenants/{customer}/keys/{approver['keyId']}/rotate"
    assert admin.post(rotate, json={"overlapS": 60}).status_code == 403


def test_no_agent_administers(broker: RunningBroker) -> None:
    with broker.http(broker.key("acme", "tenant:admin", agent="helper")) as agent:
        for path in ("/v1/tenants", "/v1/tenants/acme/clients", "/v1/tenants/acme/keys"):
            assert agent.get(path).status_code == 403


def test_a_stranger_finds_no_clients_and_a_client_of_another_tenant_is_none(
    broker: RunningBroker, admin: httpx.Client, customer: str
) -> None:
    agent = registered(admin, broker, customer)
    with broker.http(broker.key("globex", *EVERYTHING)) as stranger:
        for tenant in ("acme", customer, "globex"):
            path = f"/v1/tenants/{tenant}/clients/{agent.client_id}"
            for method, place, body in (
                ("PUT", f"{path}/keys", {"jwks": keys(agent.key)}),
                ("POST", f"{path}/suspend", None),
                ("POST", f"{path}/resume", None),
                ("DELETE", path, None),
            ):
                answer = stranger.request(method, place, json=body)
                assert answer.status_code == 404, (method, place, answer.text)


UNSOUND: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to prove itself with": ({}, "/jwks"),
    "two things": ({"jwksUri": "https://keys.example/set", "jwks": "own"}, "/jwks"),
    "keys over plain http": ({"jwksUri": "http://keys.example/set"}, "/jwksUri"),
    "keys on this machine": ({"jwksUri": "https://127.0.0.1/set"}, "/jwksUri"),
    "keys at the metadata service of a cloud": ({"jwksUri": "https://169.254.169.254/latest"}, "/jwksUri"),
    "keys on another port": ({"jwksUri": "https://keys.example:6379/set"}, "/jwksUri"),
    "keys behind a password": ({"jwksUri": "https://a:b@keys.example/set"}, "/jwksUri"),
    "a certificate without a name": ({"certificate": {"kind": "subject_dn", "value": ""}}, "/certificate/value"),
    "a name that is none": ({"certificate": {"kind": "subject_dn", "value": "till"}}, "/certificate/value"),
    "a digest that is none": ({"certificate": {"kind": "thumbprint", "value": "00"}}, "/certificate/value"),
    "an address that is none": ({"certificate": {"kind": "san_ip", "value": "1.2.3"}}, "/certificate/value"),
    "a kind that is none": ({"certificate": {"kind": "serial", "value": "1"}}, "/certificate/kind"),
}


@pytest.mark.parametrize(("members", "pointer"), UNSOUND.values(), ids=UNSOUND)
def test_a_client_proves_itself_in_one_sound_way(admin: httpx.Client, members: dict[str, Any], pointer: str) -> None:
    key = ECKey.generate_key("P-256")
    sent = {name: value for name, value in wanted(key).items() if name != "jwks"} | members
    if sent.get("jwks") == "own":
        sent["jwks"] = keys(key)
    refused = admin.post("/v1/tenants/acme/clients", json=sent)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer), refused.text
