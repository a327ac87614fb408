"""From what a request brings to a principal: a bearer key, a token of ours, or a token with proof of its key."""

import hashlib
import hmac
from typing import Protocol

from broker.clock import Clock
from broker.consumers import certificates
from broker.consumers.access_tokens import Grant, TokenMint
from broker.consumers.authenticate import Authenticator
from broker.consumers.dpop import NonceWanted, Proofs
from broker.consumers.jose import TokenRefused
from broker.consumers.memory import Memory, MemoryLimits
from broker.consumers.resources import Resources
from broker.consumers.standing import Standings
from broker.domain.check import Principal
from broker.domain.credential import Presented
from broker.errors import NotAuthenticated
from broker.storage.consumer_store import ClientRow

_KEY_PREFIX = "tb_"
_ASK = "send a key or an access token: Authorization: Bearer tb_…, or Authorization: DPoP … with a DPoP header"
_REFUSAL = "this token is unknown, expired, revoked, or not meant for this address"


class TokenShelf(Protocol):
    """What is known of clients and of tokens that were revoked."""

    async def find_client(self, client_id: str) -> ClientRow | None:
        """The client of that id."""
        ...

    async def was_used(self, tenant: str, kind: str, digest: bytes) -> bool:
        """Whether an id is among those of a kind."""
        ...


class Tokens:
    """Reads access tokens and asks whether they still stand, remembering each good one for a few seconds."""

    def __init__(
        self, shelf: TokenShelf, mint: TokenMint, audiences: frozenset[str], clock: Clock, limits: MemoryLimits
    ) -> None:
        self._shelf = shelf
        self._mint = mint
        self._audiences = audiences
        self._clock = clock
        self._memory: Memory[Grant] = Memory(clock, limits)

    async def grant(self, token: str) -> Grant:
        """What a token of ours stands for, whichever of our resources it is meant for.

        Raises:
            NotAuthenticated: it is none, or stands no more.
            Overloaded, Unrecorded: that cannot be looked up now.
        """
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        return await self._memory.get(digest, lambda: self._look_up(token))

    async def _look_up(self, token: str) -> tuple[Grant, float]:
        now = self._clock.now()
        try:
            grant = self._mint.read(token, self._audiences, now)
        except TokenRefused as error:
            raise NotAuthenticated(_REFUSAL, error="invalid_token") from error
        client = await self._shelf.find_client(grant.client_id)
        revoked = await self._shelf.was_used(grant.tenant, "revoked", token_digest(grant))
        if client is None or client.tenant != grant.tenant or client.disabled_ms is not None or revoked:
            raise NotAuthenticated(_REFUSAL, error="invalid_token")
        return grant, grant.expires_s - now.timestamp()


class WhoCalls:
    """Knows the caller of every surface."""

    def __init__(
        self, keys: Authenticator, tokens: Tokens, proofs: Proofs, standings: Standings, resources: Resources
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._proofs = proofs
        self._standings = standings
        self._resources = resources

    async def __call__(self, presented: Presented) -> Principal:
        """The principal behind a request.

        Raises:
            NotAuthenticated: nothing was presented, or nothing that holds here and now.
            NotPermitted: the tenant is suspended, or a platform above it is.
            Overloaded, Unrecorded: it could not be looked up now.
        """
        scheme, _, token = (presented.authorization or "").partition(" ")
        if not token or scheme.lower() not in {"bearer", "dpop"}:
            raise NotAuthenticated(_ASK)
        if token.startswith(_KEY_PREFIX):
            principal = await self._keys(presented.authorization)
        else:
            principal = await self._by_token(presented, token, with_proof=scheme.lower() == "dpop")
        await self._standings.require_active(principal.tenant)
        return principal

    async def _by_token(self, presented: Presented, token: str, *, with_proof: bool) -> Principal:
        grant = await self._tokens.grant(token)
        # Defensive: a token that is bound must never pass without its proof (RFC 9449 7.1), nor an unbound one with it.
        if grant.audience != self._resources.at(presented.path) or with_proof != (grant.thumbprint is not None):
            raise NotAuthenticated(_REFUSAL, error="invalid_token")
        if grant.certificate is not None and not certificates.same(grant.certificate, presented.certificate):
            raise NotAuthenticated(_REFUSAL, error="invalid_token")
        if grant.thumbprint is not None:
            await self._require_holder(presented, token, grant.thumbprint, grant.tenant)
        return Principal(
            grant.tenant, grant.consumer, grant.agent, grant.scopes, grant.client_id, delegation=grant.delegation
        )

    async def _require_holder(self, presented: Presented, token: str, thumbprint: str, tenant: str) -> None:
        try:
            proof = self._proofs.verified(presented, token)
            if not hmac.compare_digest(proof.thumbprint, thumbprint):
                raise NotAuthenticated(_REFUSAL, error="invalid_token")
            await self._proofs.use(proof, tenant)
        except NonceWanted as error:
            raise NotAuthenticated(str(error), error="use_dpop_nonce", nonce=error.nonce) from error
        except TokenRefused as error:
            raise NotAuthenticated(str(error), error="invalid_dpop_proof") from error


def token_digest(grant: Grant) -> bytes:
    """The name under which a token is revoked."""
    return hashlib.sha256(grant.jti.encode("utf-8")).digest()
