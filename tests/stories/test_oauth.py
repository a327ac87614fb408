"""Agents that call with tokens: client credentials, proof of possession, delegation, revocation."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.support.broker import RunningBroker, running_broker, share_secrets
from tests.support.forgeries import FORGERIES, Forgery, Honest
from tests.support.loopback import NOBODY
from tests.support.oauth import ACCESS_TOKEN, EXCHANGE, ID_TOKEN, JWT_BEARER, Agent, now_s, registered, signed, trusting

PATH = "/v1/trust-checks"
IDP = "https://idp.acme.example"
QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "10.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    folder = tmp_path_factory.mktemp("oauth")
    share_secrets(folder)
    with running_broker(folder, {}) as running:
        yield running


@pytest.fixture
def http(broker: RunningBroker) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=broker.url, trust_env=False, timeout=10, verify=NOBODY) as client:
        yield client


@pytest.fixture(scope="module")
def till(broker: RunningBroker) -> Agent:
    return registered(broker, scopes=("trust:check", "trust:explain"), delegates=True)


@pytest.fixture(scope="module")
def back_end(broker: RunningBroker) -> Agent:
    return registered(broker, agent=None, consumer="desk", bound=False)


@pytest.fixture(scope="module")
def idp(broker: RunningBroker) -> ECKey:
    key = ECKey.generate_key("P-256")
    trusting(broker, IDP, key)
    return key


def checked(http: httpx.Client, agent: Agent, token: str) -> httpx.Response:
    return http.post(PATH, json=QUESTION, headers=agent.headers(token, "POST", PATH))


def of_user(agent: Agent, **changed: Any) -> dict[str, Any]:
    return {"iss": IDP, "sub": "canaries", "aud": agent.client_id, "iat": now_s(), "exp": now_s() + 600, **changed}


def vouching(agent: Agent, **changed: Any) -> dict[str, Any]:
    members = {
        "aud": agent.url,
        "client_id": agent.client_id,
        "exp": now_s() + 120,
        "jti": "1",
    }
    return {**of_user(agent), **members, **changed}


def test_a_client_gets_a_token_for_its_key_and_asks_with_it(http: httpx.Client, till: Agent) -> None:
    response = till.ask(http)
    answer = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert (answer["token_type"], answer["scope"]) == ("DPoP", "trust:check trust:explain")
    assert 0 < answer["expires_in"] <= 300
    settled = checked(http, till, answer["access_token"])
    assert settled.status_code == 200, settled.text
    assert "trustScore" in settled.json()


def test_a_narrower_token_sees_less(http: httpx.Client, till: Agent) -> None:
    settled = checked(http, till, till.token(http, scope="trust:check"))
    assert settled.status_code == 200
    assert "trustScore" not in settled.json()


def test_a_client_that_needs_no_proof_gets_a_bearer_token(http: httpx.Client, back_end: Agent) -> None:
    token = back_end.token(http, bound=False)
    assert http.post(PATH, json=QUESTION, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_client_that_needs_a_proof_gets_nothing_without(http: httpx.Client, till: Agent) -> None:
    response = till.ask(http, bound=False)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_the_first_proof_is_refused_for_want_of_a_nonce(broker: RunningBroker, http: httpx.Client) -> None:
    agent = registered(broker)
    refused = http.post("/oauth/token", data=agent.form(), headers={"DPoP": agent.proof("POST", "/oauth/token")})
    assert (refused.status_code, refused.json()["error"]) == (400, "use_dpop_nonce")
    token = agent.token(http)
    agent.nonce = None
    challenged = checked(http, agent, token)
    assert challenged.status_code == 401
    assert 'error="use_dpop_nonce"' in challenged.headers["www-authenticate"]
    agent.nonce = challenged.headers["DPoP-Nonce"]
    assert checked(http, agent, token).status_code == 200


def test_a_stolen_token_is_worth_nothing(broker: RunningBroker, http: httpx.Client, till: Agent) -> None:
    token = till.token(http)
    thief = registered(broker)
    thief.token(http)
    # A proof of another key is refused each time alike: it is not even remembered.
    shown = thief.headers(token, "POST", PATH)
    for _ in range(2):
        refused = http.post(PATH, json=QUESTION, headers=shown)
        assert (refused.status_code, "invalid_token" in refused.headers["www-authenticate"]) == (401, True)
    assert http.post(PATH, json=QUESTION, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert http.post(PATH, json=QUESTION, headers={"Authorization": f"DPoP {token}"}).status_code == 401


PROOFS = {
    "another method": {"htm": "GET"},
    "another address": {"htu": "http://127.0.0.1/v1/trust-checks"},
    "another path": {"htu": "/v1/policies"},
    "another token": {"ath": "bm90IHRoaXM"},
    "no token": {"ath": None},
    "too old": {"iat": now_s() - 3600},
    "from the future": {"iat": now_s() + 3600},
    "no instant": {"iat": None},
    "no id": {"jti": None},
    "an id that is too long": {"jti": "x" * 200},
    "a nonce of its own": {"nonce": "AAAAAAAAAAA"},
}


@pytest.mark.parametrize("changed", PROOFS.values(), ids=PROOFS)
def test_a_proof_of_something_else_proves_nothing(http: httpx.Client, till: Agent, changed: dict[str, Any]) -> None:
    token = till.token(http)
    response = http.post(PATH, json=QUESTION, headers=till.headers(token, "POST", PATH, **changed))
    assert response.status_code == 401, response.text


def test_a_proof_is_good_once(http: httpx.Client, till: Agent) -> None:
    headers = till.headers(till.token(http), "POST", PATH)
    assert http.post(PATH, json=QUESTION, headers=headers).status_code == 200
    again = http.post(PATH, json=QUESTION, headers=headers)
    assert again.status_code == 401
    assert "invalid_dpop_proof" in again.headers["www-authenticate"]
    two = [("Authorization", headers["Authorization"]), ("DPoP", headers["DPoP"]), ("DPoP", headers["DPoP"])]
    assert http.post(PATH, json=QUESTION, headers=two).status_code == 401


def test_a_proof_that_another_tenant_showed_is_not_used_up(
    broker: RunningBroker, http: httpx.Client, till: Agent
) -> None:
    other = registered(broker, tenant="globex")
    other.bound = till.bound
    till.token(http)  # takes a nonce
    proof = {"DPoP": till.proof("POST", "/oauth/token")}
    answers = [http.post("/oauth/token", data=one.form(), headers=proof) for one in (other, till, till)]
    assert [one.status_code for one in answers] == [200, 200, 400]
    assert answers[-1].json()["error"] == "invalid_dpop_proof"


def test_an_assertion_buys_one_token(http: httpx.Client, till: Agent) -> None:
    form = till.form()
    assert till.ask(http, form).status_code == 200
    again = till.ask(http, form)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


def test_who_is_no_client_learns_and_uses_up_nothing(broker: RunningBroker, http: httpx.Client, till: Agent) -> None:
    """A stranger with somebody's proof, and with an assertion that was used, leaves the proof to its owner."""
    till.token(http)  # takes a nonce
    used = till.form()
    assert till.ask(http, used).status_code == 200
    proof = {"DPoP": till.proof("POST", "/oauth/token")}
    stranger = {"grant_type": "client_credentials"}
    for form in (
        stranger,
        used,
        {**till.form(), "client_assertion": signed(till.claims(), ECKey.generate_key("P-256"))},
    ):
        refused = http.post("/oauth/token", data=form, headers=proof)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), refused.text
    without = {"DPoP": till.proof("POST", "/oauth/token", nonce=None)}
    assert "DPoP-Nonce" not in http.post("/oauth/token", data=stranger, headers=without).headers
    assert http.post("/oauth/token", data=till.form(), headers=proof).status_code == 200
    again = http.post("/oauth/token", data=till.form(), headers=proof)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_dpop_proof")


def test_scopes_and_audiences_beyond_the_clients_own_are_refused(http: httpx.Client, till: Agent) -> None:
    assert till.ask(http, till.form(scope="trust:check policy:publish")).json()["error"] == "invalid_scope"
    assert till.ask(http, till.form(scope="")).json()["error"] == "invalid_scope"
    assert till.ask(http, till.form(resource="https://elsewhere.example")).json()["error"] == "invalid_target"
    assert till.ask(http, till.form(grant_type="password")).json()["error"] == "unsupported_grant_type"


def test_a_token_is_for_one_of_our_addresses(http: httpx.Client, till: Agent) -> None:
    token = till.token(http, resource=f"{till.url}/mcp")
    assert checked(http, till, token).status_code == 401
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accepted = {"Accept": "application/json, text/event-stream"}
    answered = http.post("/mcp", json=body, headers=till.headers(token, "POST", "/mcp") | accepted)
    assert answered.status_code == 200, answered.text
    rest = till.token(http)
    refused = http.post("/mcp", json=body, headers=till.headers(rest, "POST", "/mcp") | accepted)
    assert refused.status_code == 401
    assert "/.well-known/oauth-protected-resource/mcp" in refused.headers["www-authenticate"]


def test_a_token_can_be_taken_back_by_its_client_alone(broker: RunningBroker, http: httpx.Client, till: Agent) -> None:
    token, other = till.token(http), registered(broker)

    def revoke(agent: Agent) -> int:
        form = {name: value for name, value in agent.form(token=token).items() if name != "grant_type"}
        return http.post("/oauth/revoke", data=form).status_code

    assert revoke(other) == 200
    assert checked(http, till, till.token(http)).status_code == 200
    assert revoke(till) == 200
    assert http.post("/oauth/revoke", data={"token": token}).status_code == 401


def test_an_agent_acts_for_a_user_and_the_record_says_so(
    broker: RunningBroker, http: httpx.Client, till: Agent, idp: ECKey
) -> None:
    id_token = signed(of_user(till), idp)
    form = till.form(grant_type=EXCHANGE, subject_token=id_token, subject_token_type=ID_TOKEN)
    response = till.ask(http, form)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["issued_token_type"], answer["scope"]) == (ACCESS_TOKEN, "trust:check trust:explain")
    settled = checked(http, till, answer["access_token"])
    assert settled.status_code == 200
    assert "canaries" not in settled.text
    delegation = settled.json()["delegation"]
    assert delegation["chain"] == ["till"]
    assert delegation["user"].startswith("usr_")
    path = f"{PATH}/{settled.json()['id']}"
    read = http.get(path, headers=till.headers(till.token(http), "GET", path))
    assert read.json()["delegation"] == delegation


def test_what_an_agent_passes_on_only_narrows(broker: RunningBroker, http: httpx.Client, till: Agent) -> None:
    """RFC 8693: never more scopes, another audience, a longer life, or another key."""
    helper = registered(broker, agent="helper", scopes=("trust:check", "trust:explain"), delegates=True)
    open_hand = registered(broker, agent="open", bound=False, delegates=True, scopes=("trust:check",))
    held, shared = till.token(http, scope="trust:check"), open_hand.token(http, bound=False)

    def exchanged(agent: Agent, token: str, **parameters: str) -> httpx.Response:
        members = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        return agent.ask(http, agent.form(**members, **parameters))

    assert exchanged(helper, held).json()["error"] == "invalid_grant"
    assert exchanged(till, held, scope="trust:check trust:explain").json()["error"] == "invalid_scope"
    assert exchanged(till, held, resource=f"{till.url}/mcp").json()["error"] == "invalid_target"
    assert exchanged(till, "made up").json()["error"] == "invalid_grant"
    assert exchanged(helper, shared, scope="trust:check trust:explain").json()["error"] == "invalid_scope"
    passed = exchanged(helper, shared)
    assert passed.status_code == 200, passed.text
    assert passed.json()["scope"] == "trust:check"
    assert passed.json()["expires_in"] <= 300
    stranger = registered(broker, tenant="globex", delegates=True)
    assert exchanged(stranger, shared).json()["error"] == "invalid_grant"
    mere = registered(broker)
    assert exchanged(mere, shared).json()["error"] == "unauthorized_client"


def test_a_chain_of_agents_has_an_end(broker: RunningBroker, http: httpx.Client) -> None:
    agent = registered(broker, bound=False, delegates=True)
    token = agent.token(http, bound=False)
    for _ in range(4):
        form = agent.form(grant_type=EXCHANGE, subject_token=token, subject_token_type=ACCESS_TOKEN)
        response = agent.ask(http, form, bound=False)
        assert response.status_code == 200, response.text
        token = response.json()["access_token"]
    form = agent.form(grant_type=EXCHANGE, subject_token=token, subject_token_type=ACCESS_TOKEN)
    assert agent.ask(http, form, bound=False).status_code == 400


def test_an_identity_provider_vouches_for_an_agent_once(http: httpx.Client, till: Agent, idp: ECKey) -> None:
    assertion = signed(vouching(till, jti="once", scope="trust:check"), idp, {"typ": "oauth-id-jag+jwt"})
    granted = till.ask(http, till.form(grant_type=JWT_BEARER, assertion=assertion))
    assert granted.status_code == 200, granted.text
    assert granted.json()["scope"] == "trust:check"
    assert checked(http, till, granted.json()["access_token"]).status_code == 200
    again = till.ask(http, till.form(grant_type=JWT_BEARER, assertion=assertion))
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


VOUCHED_WRONG = {
    "another client": {"client_id": "cl_other"},
    "another audience": {"aud": "https://elsewhere.example"},
    "another issuer": {"iss": "https://idp.globex.example"},
    "over": {"exp": now_s() - 1},
    "an hour": {"exp": now_s() + 3600},
    "no id": {"jti": ""},
    "nobody": {"sub": ""},
}


@pytest.mark.parametrize("changed", VOUCHED_WRONG.values(), ids=VOUCHED_WRONG)
def test_a_wrong_word_is_not_taken(http: httpx.Client, till: Agent, idp: ECKey, changed: dict[str, Any]) -> None:
    assertion = signed(vouching(till, **changed), idp, {"typ": "oauth-id-jag+jwt"})
    refused = till.ask(http, till.form(grant_type=JWT_BEARER, assertion=assertion))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_a_token_of_one_kind_never_passes_as_another(http: httpx.Client, till: Agent, idp: ECKey) -> None:
    """An ID token as ID-JAG and the other way round; an assertion or a proof as an access token."""
    as_jag = till.form(grant_type=JWT_BEARER, assertion=signed(vouching(till, jti="kind"), idp))
    assert till.ask(http, as_jag).json()["error"] == "invalid_grant"
    jag = signed(vouching(till, jti="kind2", aud=till.client_id), idp, {"typ": "oauth-id-jag+jwt"})
    as_id = till.form(grant_type=EXCHANGE, subject_token=jag, subject_token_type=ID_TOKEN)
    assert till.ask(http, as_id).json()["error"] == "invalid_grant"
    for token in (signed(till.claims(), till.key), till.proof("POST", PATH), jag):
        assert http.post(PATH, json=QUESTION, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_metadata_says_where_and_how(http: httpx.Client, till: Agent) -> None:
    server = http.get("/.well-known/oauth-authorization-server").json()
    assert server["issuer"] == till.url
    assert server["token_endpoint"] == f"{till.url}/oauth/token"
    for path, resource in (("", till.url), ("/mcp", f"{till.url}/mcp")):
        metadata = http.get(f"/.well-known/oauth-protected-resource{path}").json()
        assert metadata["resource"] == resource
        assert metadata["authorization_servers"] == [till.url]
    (key,) = http.get("/oauth/jwks.json").json()["keys"]
    assert key["use"] == "sig"
    assert "d" not in key
    assert key["kid"] not in {one["kid"] for one in http.get("/.well-known/jwks.json").json()["keys"]}


def test_without_a_credential_one_is_told_where_to_get_one(http: httpx.Client, broker: RunningBroker) -> None:
    refused = http.post(PATH, json=QUESTION)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith(
        f'Bearer realm="trust-broker", resource_metadata="{broker.url}/.well-known/oauth-protected-resource"'
    )
    lacking = http.get("/v1/policies", headers={"Authorization": f"Bearer {broker.agent_key}"})
    assert lacking.status_code == 403
    assert 'error="insufficient_scope"' in lacking.headers["www-authenticate"]


FORMS = {
    "a parameter twice": "grant_type=client_credentials&grant_type=client_credentials",
    "not ASCII": "grant_type=\xff",
    "too many": "&".join(f"a{n}=1" for n in range(50)),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_with_two_readings_is_refused(http: httpx.Client, form: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.post("/oauth/token", content=form.encode("latin-1"), headers=headers).status_code == 400
    assert http.post("/oauth/token", json={"grant_type": "client_credentials"}).status_code == 415


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_no_forged_assertion_buys_a_token(http: httpx.Client, till: Agent, forge: Forgery) -> None:
    """The confusion matrix (threat T19) at the door, with the client's own key behind each forgery."""
    honest = Honest(till.key, {"alg": "ES256", "typ": "JWT", "kid": till.key.thumbprint()}, till.claims())
    response = http.post("/oauth/token", data={**till.form(), "client_assertion": forge(honest)})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_no_forged_token_opens_anything(http: httpx.Client, back_end: Agent, idp: ECKey, forge: Forgery) -> None:
    token = back_end.token(http, bound=False) if forge is FORGERIES["tampered with"] else None
    claims = {**back_end.claims(), "client_id": back_end.client_id, "tenant": "acme", "consumer": "desk"}
    honest = Honest(idp, {"alg": "ES256", "typ": "at+jwt"}, {**claims, "scope": "trust:check", "iss": back_end.url})
    forged = forge(honest) if token is None else ".".join([*token.split(".")[:2], forge(honest).split(".")[2]])
    refused = http.post(PATH, json=QUESTION, headers={"Authorization": "Bearer " + forged.strip()})
    assert refused.status_code == 401
