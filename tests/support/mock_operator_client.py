"""A CAMARA client with nothing hidden: every claim, header and parameter can be bent by a test."""

import base64
import hashlib
import itertools
import ssl
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from adapters.mock.operator.profile import ClientAuthentication, ClientTerms
from tests.support.loopback import NOBODY

PURPOSE = "dpv:FraudPreventionAndDetection"
CIBA = "urn:openid:params:grant-type:ciba"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "HS256"]


class OperatorClient:
    """One registered client. Claims given as `...` are left out."""

    def __init__(
        self,
        url: str,
        terms: ClientTerms,
        key: ECKey | RSAKey,
        secret: str,
        now: Callable[[], datetime],
        verify: ssl.SSLContext = NOBODY,
    ) -> None:
        self.url = url
        self.id = terms.id
        self.key = key
        self.secret = secret
        self.now = now
        self._by_key = ClientAuthentication.PRIVATE_KEY_JWT in terms.authentication
        self._numbers = itertools.count()
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=10, verify=verify)

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def basic(self, client_id: str | None = None, secret: str | None = None) -> dict[str, str]:
        pair = f"{quote_plus(client_id or self.id)}:{quote_plus(self.secret if secret is None else secret)}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def assertion(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A client assertion that is good, except for what is given."""
        issued = int(self.now().timestamp())
        good = {
            "iss": self.id,
            "sub": self.id,
            "aud": self.token_url,
            "iat": issued,
            "exp": issued + 120,
            "jti": f"{uuid.uuid4()}-{next(self._numbers)}",
        }
        used = {name: value for name, value in (good | claims).items() if value is not ...}
        full_header = {"alg": "ES256" if isinstance(self.key, ECKey) else "RS256", "kid": self.key.kid} | (header or {})
        return jwt.encode(
            {name: value for name, value in full_header.items() if value is not ...},
            used,
            key or self.key,
            algorithms=ALGORITHMS,
            default_type=None if (header or {}).get("typ", "JWT") is ... else "JWT",
        )

    def grant(self, subject: Any, *scopes: str, **changes: Any) -> str:
        """A JWT bearer assertion about a subject, scope inside."""
        return self.assertion(**({"sub": subject, "scope": " ".join([PURPOSE, *scopes])} | changes))

    def ask(self, form: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        """POST a form to the token endpoint, as it is."""
        return self.http.post("/oauth2/token", data=form, headers=headers)

    def ask_two_legged(self, *scopes: str, purpose: str = PURPOSE) -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": " ".join([purpose, *scopes])}
        if not self._by_key:
            return self.ask(form, self.basic())
        proof = {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": self.assertion()}
        return self.ask(form | proof)

    def ask_three_legged(self, subject: str, *scopes: str) -> httpx.Response:
        return self.ask({"grant_type": JWT_BEARER, "assertion": self.grant(subject, *scopes)})

    def proof(self, **changes: Any) -> dict[str, str]:
        """The form members of a client assertion."""
        return {"client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": self.assertion(**changes)}

    def ask_person(self, hint: str | None, *scopes: str, **form: str) -> httpx.Response:
        """POST to the backchannel, hint and scope plain."""
        url = f"{self.url}/oauth2/bc-authorize"
        plain = {"scope": " ".join(["openid", PURPOSE, *scopes])} | ({} if hint is None else {"login_hint": hint})
        return self.http.post("/oauth2/bc-authorize", data=plain | self.proof(aud=url) | form)

    def poll(self, auth_req_id: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.ask({"grant_type": CIBA, "auth_req_id": auth_req_id} | self.proof(), headers)

    def send_browser(self, cellular: str | None, **parameters: Any) -> httpx.Response:
        """GET the authorization endpoint as a phone would, over the mobile network or (`None`) over Wi-Fi."""
        headers = {} if cellular is None else {"x-cellular-msisdn": cellular}
        given = {name: value for name, value in parameters.items() if value is not ...}
        return self.http.get("/oauth2/authorize", params=given, headers=headers)

    def dpop(self, key: ECKey, method: str, url: str, *, token: str | None = None, **claims: Any) -> str:
        """A proof of possession that is good, except for what is given."""
        good: dict[str, Any] = {
            "htm": method,
            "htu": url,
            "iat": int(self.now().timestamp()),
            "jti": f"{uuid.uuid4()}-{next(self._numbers)}",
        }
        if token is not None:
            good["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        used = {name: value for name, value in (good | claims).items() if value is not ...}
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": key.as_dict(private=False)}
        return jwt.encode(header, used, key)

    def token(self, *scopes: str) -> str:
        return _token(self.ask_two_legged(*scopes))

    def token_for(self, subject: str, *scopes: str) -> str:
        return _token(self.ask_three_legged(subject, *scopes))

    def call(
        self, token: str | None, path: str, body: Any = ..., *, headers: dict[str, str] | None = None, **request: Any
    ) -> httpx.Response:
        """POST a body (or GET without one) with a bearer token."""
        sent = {"x-correlator": str(uuid.uuid4())} | (headers or {})
        if token is not None:
            sent = {"authorization": f"Bearer {token}"} | sent
        if body is not ...:
            return self.http.post(path, json=body, headers=sent, **request)
        method = request.pop("method", "GET")
        return self.http.request(method, path, headers=sent, **request)


def _token(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["access_token"])
