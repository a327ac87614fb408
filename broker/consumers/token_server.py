"""The token endpoint's rules. Authlib's core chooses the grant and words the errors; who may get what is ours.

The core is synchronous, so everything that has to be awaited is fetched before and handed in as :class:`Known`; and it
believes assertions of an hour that may be used again and again, so those are read by :mod:`broker.consumers.jose`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    BaseGrant,
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Request,
    TokenEndpointMixin,
    UnauthorizedClientError,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from broker.consumers import exchange
from broker.consumers.access_tokens import Grant, TokenMint
from broker.consumers.exchange import Held, Narrowing, Refused, User
from broker.consumers.jose import TokenRefused
from broker.consumers.resources import Resources
from broker.storage.consumer_store import ClientRow, TrustedIssuer, UsedId

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name, not a secret
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
USER_TOKENS = frozenset({"urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt"})
_UNAUTHORIZED = 401
_PROVEN = "proven"
"""The one method that the core knows: the client was found out before, by its signature or its certificate."""


NameUser = Callable[[str, str, str], str]
"""The tenant's pseudonym of a user: from tenant, issuer and the user's name there."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out before: the client that proved itself, what it holds, and whom its tenant trusts.

    ``subject`` and ``actor`` are the grants of those tokens of ours that came along and still stand.
    """

    now: datetime
    client: ClientRow | None
    held: Held = Held()
    issuers: tuple[TrustedIssuer, ...] = ()
    subject: Grant | None = None
    actor: Grant | None = None


class TokenAnswer(msgspec.Struct, frozen=True):
    """Status, members and headers of an answer. ``uses`` has to be used up, for once, before a token leaves."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = {}
    uses: tuple[UsedId, ...] = ()


class TokenServer(AuthorizationServer):  # type: ignore[misc]
    """Answers token requests of clients that proved themselves."""

    def __init__(self, mint: TokenMint, resources: Resources, name_user: NameUser, ttl_s: int) -> None:
        super().__init__()
        self.mint = mint
        self.resources = resources
        self.name_user = name_user
        self.ttl_s = ttl_s
        for grant in (_ClientCredentials, _TokenExchange, _IdentityAssertion):
            self.register_grant(grant)
        self.register_client_auth_method(_PROVEN, lambda _query, request: request.client_proven)

    def answer(self, form: Mapping[str, str], known: Known) -> TokenAnswer:
        """The answer to one request, its form read already."""
        answer: TokenAnswer = self.create_token_response(_Request(self.resources.rest, form, known))
        return answer

    def query_client(self, client_id: str) -> None:
        """Nobody: clients are looked up before."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: "_Request") -> "_Request":
        """It is one already."""
        return request

    def handle_response(self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]) -> TokenAnswer:
        """The core's answer, as ours."""
        # The core says 400 to a client that failed to prove itself; RFC 6749 5.2 and CAMARA want 401.
        status = _UNAUTHORIZED if body.get("error") == "invalid_client" else status
        uses = body.pop("uses", ())
        return TokenAnswer(status, body, dict(headers), uses)


class _Client:
    """A client as the core sees it."""

    def __init__(self, row: ClientRow) -> None:
        self.row = row

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == _PROVEN

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == CLIENT_CREDENTIALS or self.row.delegates


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, origin: str, form: Mapping[str, str], known: Known) -> None:
        # The core refuses plain http; whether TLS ends here or at a proxy before us, the caller came to our address.
        super().__init__("POST", "https://" + origin.partition("://")[2] + "/oauth/token")
        self.payload = BasicOAuth2Payload(dict(form))
        self.known = known
        self.client_proven = _Client(known.client) if known.client is not None else None


class _Issuing(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """What all grants have in common: the client proves itself with a key, and gets a token for what is decided."""

    TOKEN_ENDPOINT_AUTH_METHODS = (_PROVEN,)

    def validate_token_request(self) -> None:
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise UnauthorizedClientError("this client may not act for users: register it with delegates")
        self.request.client = client
        if client.row.bound and self.request.known.held == Held():
            raise InvalidRequestError("this client gets DPoP tokens only: send a DPoP header")
        form = self.request.payload.data
        try:
            narrowing = Narrowing(form.get("scope"), exchange.audience(form, self.server.resources))
            self._granted, self._uses = self._decide(form, client.row, narrowing)
        except TokenRefused as error:
            raise InvalidGrantError(f"the token or assertion was refused: {error}") from error
        except Refused as error:
            raise _error(error) from error

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        known: Known = self.request.known
        held = known.held
        granted = msgspec.structs.replace(self._granted, thumbprint=held.thumbprint, certificate=held.certificate)
        body = {
            "access_token": self.server.mint.sign(granted, known.now),
            "token_type": "DPoP" if granted.thumbprint else "Bearer",
            "expires_in": granted.expires_s - int(known.now.timestamp()),
            "scope": " ".join(sorted(granted.scopes)),
            "uses": self._uses,
        }
        if self.GRANT_TYPE == TOKEN_EXCHANGE:
            body["issued_token_type"] = ACCESS_TOKEN
        return 200, body, self.TOKEN_RESPONSE_HEADER

    def _decide(
        self, form: Mapping[str, str], client: ClientRow, narrowing: Narrowing
    ) -> tuple[Grant, tuple[UsedId, ...]]:
        raise NotImplementedError

    def _expires_s(self) -> int:
        return int(self.request.known.now.timestamp()) + int(self.server.ttl_s)

    def _alone(self, client: ClientRow, narrowing: Narrowing) -> Grant:
        return exchange.for_client(client, narrowing, self._expires_s(), self.server.resources.rest)

    def _for_user(self, user: User, client: ClientRow, narrowing: Narrowing) -> Grant:
        named = self.server.name_user(client.tenant, user.issuer, user.subject)
        return exchange.for_user(user, client, narrowing, self._alone(client, narrowing), named)


class _ClientCredentials(_Issuing):
    GRANT_TYPE = CLIENT_CREDENTIALS

    def _decide(
        self, form: Mapping[str, str], client: ClientRow, narrowing: Narrowing
    ) -> tuple[Grant, tuple[UsedId, ...]]:
        del form
        return self._alone(client, narrowing), ()


class _TokenExchange(_Issuing):
    """RFC 8693: somebody's token for one with which an agent acts for them."""

    GRANT_TYPE = TOKEN_EXCHANGE

    def _decide(
        self, form: Mapping[str, str], client: ClientRow, narrowing: Narrowing
    ) -> tuple[Grant, tuple[UsedId, ...]]:
        known: Known = self.request.known
        if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
            raise InvalidRequestError("only access tokens are given out")
        if "actor_token" in form and (known.actor is None or known.actor.client_id != client.client_id):
            raise InvalidRequestError("an actor_token is an access token of the client that asks")
        kind = form.get("subject_token_type")
        if kind == ACCESS_TOKEN:
            return exchange.of_ours(known.subject, client, narrowing, known.held, self._expires_s()), ()
        if kind not in USER_TOKENS:
            raise InvalidRequestError("subject_token_type is access_token, id_token or jwt")
        user = exchange.user_of(form.get("subject_token", ""), client, known.issuers, known.now)
        return self._for_user(user, client, narrowing), ()


class _IdentityAssertion(_Issuing):
    """ID-JAG: a user's identity provider vouches for the agent at our door (draft, typ ``oauth-id-jag+jwt``)."""

    GRANT_TYPE = JWT_BEARER

    def _decide(
        self, form: Mapping[str, str], client: ClientRow, narrowing: Narrowing
    ) -> tuple[Grant, tuple[UsedId, ...]]:
        known: Known = self.request.known
        issuer = self.server.resources.rest
        user = exchange.vouched(form.get("assertion", ""), client, known.issuers, issuer, known.now)
        granted = self._for_user(user, client, narrowing)
        return granted, (exchange.single_use(client.tenant, user.issuer, user.jti, user.expires_s),)


def _error(error: Refused) -> OAuth2Error:
    found = OAuth2Error(str(error))
    found.error = error.error
    return found
