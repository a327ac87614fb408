"""Give an agent a token, or take one back. What leaves was used up first: an assertion buys one token."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

import msgspec

from broker.clock import Clock
from broker.consumers import certificates, exchange, jose, keys
from broker.consumers.access_tokens import Grant
from broker.consumers.dpop import NonceWanted, Proof, Proofs
from broker.consumers.exchange import Held
from broker.consumers.fetched_keys import FetchedKeys
from broker.consumers.jose import PublicKey, Rules, TokenRefused
from broker.consumers.standing import Standings
from broker.consumers.token_server import ACCESS_TOKEN, JWT_BEARER, TOKEN_EXCHANGE, Known, TokenAnswer, TokenServer
from broker.consumers.who_calls import Tokens, token_digest
from broker.domain.credential import Presented
from broker.errors import NotAuthenticated
from broker.storage.consumer_store import ClientRow, TrustedIssuer, UsedId

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_S = 300
_TYPES: frozenset[str | None] = frozenset({"JWT", "client-authentication+jwt"})
_GRANTS_FOR_USERS = frozenset({TOKEN_EXCHANGE, JWT_BEARER})


class ClientShelf(Protocol):
    """Where clients are kept, and what was used once."""

    async def find_client(self, client_id: str) -> ClientRow | None:
        """The client of that id."""
        ...

    async def issuers(self, tenant: str) -> list[TrustedIssuer]:
        """Whose word a tenant takes for who its users are."""
        ...

    async def use(self, ids: list[UsedId]) -> bool:
        """Use an id that may be used once; False where it was used before."""
        ...


class IssueTools(msgspec.Struct, frozen=True):
    """What the token endpoint works with, built once by ``bootstrap``. ``endpoint`` is its address, ``issuer`` ours."""

    clock: Clock
    shelf: ClientShelf
    sealing_key: bytes
    server: TokenServer
    proofs: Proofs
    tokens: Tokens
    fetched: FetchedKeys
    standings: Standings
    issuer: str
    endpoint: str


class _Proven(msgspec.Struct, frozen=True):
    """A client, what it proved itself with for once, and the certificate that it showed instead."""

    client: ClientRow
    assertion: UsedId | None
    certificate: str | None = None


class IssueToken:
    """The token endpoint and the revocation endpoint (RFC 6749, 7009, 7523, 8693, 8705, 9449)."""

    def __init__(self, tools: IssueTools) -> None:
        self._tools = tools

    async def issue(self, form: Mapping[str, str], presented: Presented) -> TokenAnswer:
        """Answer a token request; its form has each parameter once.

        Raises:
            Overloaded, Unrecorded: nothing was given; try again.
        """
        now = self._tools.clock.now()
        proven = await self._prove(form, presented, now)
        if proven is None:
            return self._tools.server.answer(form, Known(now=now, client=None))
        try:
            proof = self._tools.proofs.verified(presented) if presented.proofs else None
        except NonceWanted as wanted:
            return _refusal("use_dpop_nonce", str(wanted), {"DPoP-Nonce": wanted.nonce})
        except TokenRefused as error:
            return _refusal("invalid_dpop_proof", str(error))
        answer = self._tools.server.answer(form, await self._known(form, proven, proof, now))
        return answer if answer.status != HTTPStatus.OK else await self._paid_for(answer, proven, proof)

    async def _paid_for(self, answer: TokenAnswer, proven: _Proven, proof: Proof | None) -> TokenAnswer:
        """The answer, once all that is good for one token is used up: last, and the client's own word first.

        Defensive: who only found an assertion that was used before uses up nobody's proof, and fills no memory.
        """
        if not await self._use(proven):
            return _refusal("invalid_client", "this assertion was used before", status=HTTPStatus.UNAUTHORIZED)
        try:
            if proof is not None:
                await self._tools.proofs.use(proof, proven.client.tenant)
        except TokenRefused as error:
            return _refusal("invalid_dpop_proof", str(error))
        if answer.uses and not await self._tools.shelf.use(list(answer.uses)):
            return _refusal("invalid_grant", "this assertion was used before")
        return answer

    async def revoke(self, form: Mapping[str, str], presented: Presented) -> TokenAnswer:
        """Take a token back: the client's own. What is no token is as good as revoked (RFC 7009 2.2)."""
        proven = await self._prove(form, presented, self._tools.clock.now())
        if proven is None:
            return _refusal("invalid_client", "the client could not prove itself", status=HTTPStatus.UNAUTHORIZED)
        if not await self._use(proven):
            return _refusal("invalid_client", "this assertion was used before", status=HTTPStatus.UNAUTHORIZED)
        grant = await self._standing(form.get("token", ""))
        if grant is not None and grant.client_id == proven.client.client_id:
            revoked = UsedId(grant.tenant, "revoked", token_digest(grant), grant.expires_s * 1000)
            await self._tools.shelf.use([revoked])
        return TokenAnswer(HTTPStatus.OK, {})

    async def _use(self, proven: _Proven) -> bool:
        """Use up what a client proved itself with; a certificate proves as often as it is shown."""
        return proven.assertion is None or await self._tools.shelf.use([proven.assertion])

    async def _prove(self, form: Mapping[str, str], presented: Presented, now: datetime) -> _Proven | None:
        """The client behind a request, if it is; why it is not is nobody's business.

        One way and no other (RFC 6749 2.3): an assertion, or without one the certificate of the connection.
        """
        assertion = form.get("client_assertion", "")
        if assertion or "client_assertion_type" in form:
            return await self._signed(assertion, form, now)
        client = await self._find(form.get("client_id"))
        if client is None or client.certificate is None or presented.certificate is None:
            return None
        if not certificates.proves(certificates.read(client.certificate), presented.certificate, now):
            return None
        return _Proven(client, None, certificates.thumbprint(presented.certificate))

    async def _signed(self, assertion: str, form: Mapping[str, str], now: datetime) -> _Proven | None:
        """The client that signed an assertion."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return None
        try:
            claimed = jose.members(jose.parts(assertion).payload).get("sub")
            client = await self._find(claimed)
            if client is None or form.get("client_id", client.client_id) != client.client_id:
                return None
            audiences = frozenset({self._tools.issuer, self._tools.endpoint})
            rules = Rules(
                _TYPES, audiences, client.client_id, ("iss", "sub", "aud", "exp", "jti"), lifetime_max_s=_ASSERTION_S
            )
            claims = jose.read(assertion, await self._keys(client, assertion), rules, now)
        except TokenRefused:
            return None
        if claims["sub"] != client.client_id:
            return None
        used = exchange.single_use(client.tenant, client.client_id, claims["jti"], float(claims["exp"]))
        return _Proven(client, used)

    async def _keys(self, client: ClientRow, assertion: str) -> tuple[PublicKey, ...]:
        if client.jwks_uri is not None:
            kid = jose.parts(assertion)[0].get("kid")
            return await self._tools.fetched.of(client.tenant, client.jwks_uri, kid)
        if not client.jwks:
            raise TokenRefused("this client proves itself with its certificate")
        return jose.key_set(client.jwks)

    async def _find(self, client_id: object) -> ClientRow | None:
        # Defensive: only ids that were sealed here reach the database, as with keys.
        if not isinstance(client_id, str) or not keys.is_client_id(client_id, self._tools.sealing_key):
            return None
        client = await self._tools.shelf.find_client(client_id)
        if client is None or client.disabled_ms is not None:
            return None
        return None if (await self._tools.standings.of(client.tenant)).suspended else client

    async def _known(self, form: Mapping[str, str], proven: _Proven, proof: Proof | None, now: datetime) -> Known:
        held = Held(proof.thumbprint if proof is not None else None, proven.certificate)
        if form.get("grant_type") not in _GRANTS_FOR_USERS:
            return Known(now=now, client=proven.client, held=held)
        ours = form.get("subject_token_type") == ACCESS_TOKEN
        return Known(
            now=now,
            client=proven.client,
            held=held,
            issuers=tuple(await self._tools.shelf.issuers(proven.client.tenant)),
            subject=await self._standing(form.get("subject_token", "")) if ours else None,
            actor=await self._standing(form.get("actor_token", "")),
        )

    async def _standing(self, token: str) -> Grant | None:
        if not token:
            return None
        try:
            return await self._tools.tokens.grant(token)
        except NotAuthenticated:
            return None


def _refusal(
    error: str, detail: str, headers: dict[str, str] | None = None, *, status: int = HTTPStatus.BAD_REQUEST
) -> TokenAnswer:
    return TokenAnswer(status, {"error": error, "error_description": detail}, headers or {})
