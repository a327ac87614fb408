"""Who may ask for tokens, and how each client proves who it is (RFC 6749 section 2.3, RFC 7523 section 2.2)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote_plus

import msgspec

from adapters.mock.operator.authorization.assertions import (
    CLIENT_ASSERTION_TYPES,
    AssertionRules,
    BadAssertion,
    unverified_claims,
    verify,
)
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.authorization.keys import ClientKeys, JwksFile, JwksUrl
from adapters.mock.operator.authorization.possession import certificate_subject
from adapters.mock.operator.authorization.presented import Presented
from adapters.mock.operator.profile import ClientAuthentication, ClientTerms

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BASIC_CHALLENGE = 'Basic realm="token"'


class Client(msgspec.Struct):
    """One registered client: the terms of the profile, and what it proves itself with."""

    terms: ClientTerms
    keys: ClientKeys | None = None
    secret_digest: bytes | None = None

    def __repr__(self) -> str:  # no secret, not even its digest, in logs
        return f"Client({self.terms.id})"


def register(terms: ClientTerms, *, jwks: str | None = None, secret: str | None = None) -> Client:
    """A client whose keys are at ``jwks`` (an http(s) URL, or the path of a file) and whose secret is ``secret``."""
    source = None
    if jwks is not None:
        source = JwksUrl(jwks) if jwks.startswith(("http://", "https://")) else JwksFile(Path(jwks))
    return Client(
        terms,
        keys=None if source is None else ClientKeys(source),
        secret_digest=None if secret is None else hashlib.sha256(secret.encode()).digest(),
    )


class Clients:
    """Every registered client, by its id."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._clients = {client.terms.id: client for client in clients}

    def find(self, client_id: object) -> Client | None:
        """The client with this id."""
        return self._clients.get(client_id) if isinstance(client_id, str) else None

    async def authenticate(self, presented: Presented, rules: AssertionRules) -> Client:
        """The client that this request comes from.

        Raises:
            OAuthError: it is unknown, proves nothing, proves the wrong thing, or uses two methods at once.
        """
        form, authorization = presented.form, presented.authorization
        ways = (authorization is not None, "client_assertion" in form, "client_secret" in form)
        if sum(ways) > 1:
            raise OAuthError("invalid_request", "one way of client authentication at a time")
        if "client_assertion" in form:
            client = await self._by_assertion(form, rules)
        elif authorization is not None:
            client = self._by_secret(*_basic(authorization), ClientAuthentication.BASIC)
        elif "client_secret" in form:
            client = self._by_secret(form.get("client_id", ""), form["client_secret"], ClientAuthentication.POST)
        elif presented.certificate is not None:
            client = self._by_certificate(form.get("client_id"), presented.certificate)
        else:
            raise _refused("the client did not authenticate")
        if form.get("client_id", client.terms.id) != client.terms.id:
            raise _refused("client_id is another client's")
        return client

    async def _by_assertion(self, form: Mapping[str, str], rules: AssertionRules) -> Client:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthError("invalid_request", "client_assertion_type is not supported")
        try:
            claims = unverified_claims(form["client_assertion"])
            client = self._accepting(claims.get("sub"), ClientAuthentication.PRIVATE_KEY_JWT)
            await verify(form["client_assertion"], client.terms.id, client.keys, CLIENT_ASSERTION_TYPES, rules)
        except BadAssertion as error:
            raise _refused(str(error)) from error
        return client

    def _by_certificate(self, client_id: object, certificate: bytes) -> Client:
        """The server has verified the chain already (RFC 8705 section 2.1); whose it is, is said by its subject."""
        client = self._accepting(client_id, ClientAuthentication.TLS)
        wanted = client.terms.certificate_subject
        if wanted is None or not hmac.compare_digest(certificate_subject(certificate).encode(), wanted.encode()):
            raise _refused("the certificate is not this client's")
        return client

    def _by_secret(self, client_id: str, secret: str, method: ClientAuthentication) -> Client:
        client = self._accepting(client_id, method)
        given = hashlib.sha256(secret.encode()).digest()
        if client.secret_digest is None or not hmac.compare_digest(given, client.secret_digest):
            challenge = BASIC_CHALLENGE if method is ClientAuthentication.BASIC else None
            raise _refused("the client is unknown or its secret is wrong", challenge=challenge)
        return client

    def _accepting(self, client_id: object, method: ClientAuthentication) -> Client:
        client = self.find(client_id)
        if client is None or method not in client.terms.authentication:
            challenge = BASIC_CHALLENGE if method is ClientAuthentication.BASIC else None
            raise _refused("the client is unknown or may not authenticate like this", challenge=challenge)
        return client


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of a Basic header; both are form-encoded inside it (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _refused("the Authorization header is not usable", challenge=BASIC_CHALLENGE) from error
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _refused("the Authorization header is not usable", challenge=BASIC_CHALLENGE)
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(description: str, challenge: str | None = None) -> OAuthError:
    return OAuthError("invalid_client", description, challenge=challenge)
