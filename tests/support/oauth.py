"""The other side of the token endpoint: clients and identity providers that sign what they are told to, true or not."""

import asyncio
import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, Key

from broker.usecases.consumers.manage_clients import NewClient
from tests.support.broker import RunningBroker

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
EVERY = ["HS256", "ES256", "ES384", "RS256", "PS256", "Ed25519", "none"]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def sha256_of(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest())


def jwks(*keys: Key, **members: str) -> str:
    found = [{**key.as_dict(private=False), "kid": key.thumbprint(), **members} for key in keys]
    return json.dumps({"keys": found})


def raw(header: bytes, payload: bytes, key: Key | None, algorithm: str = "ES256") -> str:
    """A compact token with exactly these bytes in it, whatever they say about themselves."""
    signing_input = f"{b64(header)}.{b64(payload)}".encode()
    if key is None:
        return signing_input.decode() + "."
    model = jws.JWSRegistry.algorithms[algorithm]
    return f"{signing_input.decode()}.{b64(model.sign(signing_input, key))}"


def signed(claims: Mapping[str, Any], key: Key, header: Mapping[str, Any] | None = None) -> str:
    full = {"alg": "ES256", "typ": "JWT", "kid": key.thumbprint(), **(header or {})}
    return raw(json.dumps(full).encode(), json.dumps(claims).encode(), key)


def now_s() -> int:
    return int(time.time())


class Agent:
    """An OAuth client with a key to prove itself and a key to bind its tokens to."""

    def __init__(self, broker: RunningBroker, client_id: str, key: ECKey) -> None:
        self.url = broker.url
        self.client_id = client_id
        self.key = key
        self.bound = ECKey.generate_key("P-256")
        self.nonce: str | None = None

    def claims(self, **changed: Any) -> dict[str, Any]:
        """A client assertion's claims; ``None`` leaves one out."""
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.url,
            "iat": now_s(),
            "exp": now_s() + 60,
            "jti": uuid.uuid4().hex,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def form(self, **parameters: str) -> dict[str, str]:
        assertion = signed(self.claims(), self.key)
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            **parameters,
        }

    def proof(self, method: str, path: str, token: str | None = None, **changed: Any) -> str:
        claims: dict[str, Any] = {"htm": method, "htu": self.url + path, "iat": now_s(), "jti": uuid.uuid4().hex}
        if token is not None:
            claims["ath"] = sha256_of(token)
        claims |= {"nonce": self.nonce, **changed}
        claims = {name: value for name, value in claims.items() if value is not None}
        return signed(claims, self.bound, self.proof_header())

    def proof_header(self) -> dict[str, Any]:
        return {"typ": "dpop+jwt", "jwk": self.bound.as_dict(private=False), "kid": "any"}

    def ask(self, http: httpx.Client, form: Mapping[str, str] | None = None, *, bound: bool = True) -> httpx.Response:
        """A token request; a nonce that is wanted is taken and used."""
        for _ in range(2):
            headers = {"DPoP": self.proof("POST", "/oauth/token")} if bound else {}
            response = http.post("/oauth/token", data=dict(form or self.form()), headers=headers)
            if "DPoP-Nonce" not in response.headers:
                break
            self.nonce = response.headers["DPoP-Nonce"]
        return response

    def token(self, http: httpx.Client, *, bound: bool = True, **parameters: str) -> str:
        response = self.ask(http, self.form(**parameters), bound=bound)
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])

    def headers(self, token: str, method: str, path: str, **changed: Any) -> dict[str, str]:
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, path, token, **changed)}


def registered(broker: RunningBroker, tenant: str = "acme", **members: Any) -> Agent:
    """A client of a tenant, registered as an operator of the broker would."""
    key = ECKey.generate_key("P-256")
    given = {"consumer": "shop", "agent": "till", "scopes": ("trust:check",), "jwks": jwks(key), **members}

    async def register() -> str:
        async with broker.deployment.consumers() as administration:
            row = await administration.clients.register(None, NewClient(tenant=tenant, **given))
            return row.client_id

    with ThreadPoolExecutor(1) as pool:  # the caller may have a loop of its own
        return Agent(broker, pool.submit(lambda: asyncio.run(register())).result(), key)


def trusting(broker: RunningBroker, issuer: str, key: Key, tenant: str = "acme") -> None:
    """Have a tenant trust an identity provider."""

    async def trust() -> None:
        async with broker.deployment.consumers() as administration:
            await administration.clients.trust(None, tenant, issuer, jwks(key))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(trust())).result()
