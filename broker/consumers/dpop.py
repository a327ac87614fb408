"""Proofs of possession coming in (RFC 9449): whoever presents a token holds the key that it is bound to."""

import hashlib
import hmac
from collections import OrderedDict
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from broker.clock import Clock
from broker.consumers import jose
from broker.consumers.jose import TokenRefused
from broker.domain.credential import Presented
from broker.storage.kv import Kv

TYP = "dpop+jwt"
_JTI_LENGTH_MAX = 128
_NONCE_WINDOW_S = 120
_NONCES_KEPT = 2  # that of these two minutes, and of the two before
_MAC_BYTES = 16
_HOLDERS_MAX = 10_000


class NonceWanted(TokenRefused):
    """The proof is well but for the nonce; ``nonce`` is the one to use."""

    def __init__(self, nonce: str) -> None:
        super().__init__("use the nonce of this answer")
        self.nonce = nonce


class _Holder(NamedTuple):
    key: jose.PublicKey
    thumbprint: str


class Proof(NamedTuple):
    """A proof that holds: the thumbprint (RFC 7638) of its key, and a digest of its id, which is good once."""

    thumbprint: str
    jti_digest: str


class ProofRules(msgspec.Struct, frozen=True):
    """How old a proof may be, in seconds, and whether it must carry a nonce of ours."""

    age_max_s: int = 60
    nonce: bool = True


class Proofs:
    """Checks proofs. ``origin`` is our public address; what a request says about its own host is not believed.

    Nonces are kept nowhere: one is a keyed digest of the two minutes in which it was given out, and good until the end
    of the next two.
    """

    def __init__(self, origin: str, key: bytes, kv: Kv, clock: Clock, rules: ProofRules) -> None:
        self._origin = _normal(origin)
        self._key = key
        self._kv = kv
        self._clock = clock
        self._rules = rules
        self._holders: OrderedDict[str, _Holder] = OrderedDict()
        self._nonce = lru_cache(_NONCES_KEPT)(self._made)

    def verified(self, presented: Presented, token: str | None = None) -> Proof:
        """The proof of a request, which :meth:`use` has yet to use up.

        ``token`` is the access token that came with it; at the token endpoint there is none yet.

        Raises:
            TokenRefused: there is not exactly one proof, or it is not one for this very request, now.
            NonceWanted: it lacks a nonce of ours, or has one that is over.
        """
        if len(presented.proofs) != 1:
            raise TokenRefused("send one DPoP header")
        (proof,) = presented.proofs
        told = jose.parts(proof)
        holder = self._holder(proof.partition(".")[0], told.header)
        jose.verify(told, holder.key)
        claims = jose.members(told.payload)
        self._require_request(claims, presented, token)
        self._require_time(claims)
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_LENGTH_MAX or not jti.isascii():
            raise TokenRefused("the proof has no id of its own")
        return Proof(holder.thumbprint, jose.sha256(jti))

    async def use(self, proof: Proof, tenant: str) -> None:
        """Use a proof up. Defensive: last, for whoever fails otherwise must neither use up an id nor fill the memory.

        What one tenant was shown is used up for that tenant: another that found it ends nothing.

        Raises:
            TokenRefused: it was used before.
            Overloaded: it cannot be remembered now.
        """
        kept_s = self._rules.age_max_s + jose.SKEW_S + 1
        once = f"dpop:{len(tenant)}:{tenant}:{proof.thumbprint}:{proof.jti_digest}"
        if not await self._kv.put_if_absent(once, kept_s):
            raise TokenRefused("the proof was used before")

    def _holder(self, spelt: str, header: dict[str, Any]) -> "_Holder":
        """The key of a header. To import one costs as much as to verify with it, and a caller's is always the same."""
        known = self._holders.get(spelt)
        if known is None:
            key = _own_key(header)
            known = self._holders[spelt] = _Holder(key, key.key.thumbprint())
            if len(self._holders) > _HOLDERS_MAX:
                self._holders.popitem(last=False)
        return known

    def nonce(self) -> str:
        """The nonce that a proof must carry now."""
        return self._nonce(int(self._clock.now().timestamp()) // _NONCE_WINDOW_S)

    def _made(self, window: int) -> str:
        stamp = window.to_bytes(8, "big")
        return jose.b64url(stamp + hmac.digest(self._key, stamp, hashlib.sha256)[:_MAC_BYTES])

    def _require_request(self, claims: dict[str, Any], presented: Presented, token: str | None) -> None:
        if claims.get("htm") != presented.method:
            raise TokenRefused("the proof is for another method")
        url = claims.get("htu")
        if not isinstance(url, str) or _normal(url) != self._origin + presented.path:
            raise TokenRefused("the proof is for another address")
        if token is not None and claims.get("ath") != jose.sha256(token):
            raise TokenRefused("the proof is for another token")

    def _require_time(self, claims: dict[str, Any]) -> None:
        now_s = self._clock.now().timestamp()
        issued = jose.seconds(claims, "iat")
        if issued is None or not now_s - self._rules.age_max_s <= issued <= now_s + jose.SKEW_S:
            raise TokenRefused("the proof is not from now")
        nonce = claims.get("nonce")
        if nonce is None and not self._rules.nonce:
            return
        window = int(now_s) // _NONCE_WINDOW_S
        good = [self._nonce(window), self._nonce(window - 1)]
        # Defensive: both are compared, so that the time says nothing about which one was near.
        if not isinstance(nonce, str) or not nonce.isascii() or True not in [_same(nonce, each) for each in good]:
            raise NonceWanted(good[0])


def _own_key(header: dict[str, Any]) -> jose.PublicKey:
    """The key that a proof brings along: here, and nowhere else, that is the point."""
    if header.get("typ") != TYP or not header.keys() <= {"typ", "alg", "jwk", "kid"}:
        raise TokenRefused("the proof is not of the type dpop+jwt, or its header says too much")
    try:
        return jose.public_key(header.get("jwk"))
    except ValueError as error:
        raise TokenRefused("the proof does not bring a public key that we take") from error


def _normal(url: str) -> str:
    """An address without query and fragment, in one spelling (RFC 9449 4.3, RFC 3986 6.2.3)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = (parts.hostname or "") if port in {None, default} else f"{parts.hostname}:{port}"
    if "@" in parts.netloc:
        return ""
    return f"{parts.scheme}://{host}{parts.path}"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one, other)
