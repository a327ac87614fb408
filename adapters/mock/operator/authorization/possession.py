"""Proof that a client holds a key: DPoP (RFC 9449) with nonces, and certificates of mutual TLS (RFC 8705)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from cryptography import x509
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from adapters.mock.operator.authorization.assertions import ALGORITHMS, JTI_LENGTH_MAX, ReplayGuard
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.profile import DpopTerms

WINDOW_S = 300
PROOF_BYTES_MAX = 8 * 1024
NONCE_S = 300


class _Registry(jws.JWSRegistry):
    """An RSA key of 2048 bits in a header is longer than joserfc reads by default."""

    max_header_length = 4096


class Binding(msgspec.Struct, frozen=True):
    """What a token is bound to: a key by its thumbprint (``jkt``), a certificate by its hash (``x5t``), or nothing."""

    jkt: str | None = None
    x5t: str | None = None


class Exchange(msgspec.Struct, frozen=True):
    """The request that a proof belongs to: its method and URL, and for an API the token and the body."""

    method: str
    url: str
    token: str | None = None
    body: bytes = b""


class BadProof(Exception):
    """The proof is refused; the message says which rule, never what was sent."""


class Possession:
    """Reads proofs. One for each operator, for it remembers what was used."""

    def __init__(self, terms: DpopTerms | None) -> None:
        self._terms = terms
        self._seen = ReplayGuard()
        self._pepper = secrets.token_bytes(32)

    def at_token_endpoint(self, proof: str | None, exchange: Exchange, now: datetime) -> str | None:
        """The thumbprint of the key that a token shall be bound to.

        An operator without DPoP ignores proofs and never fails because of one (ICM security profile).

        Raises:
            OAuthError: the proof is missing where it is required, bad, or without a good nonce.
        """
        if self._terms is None or (proof is None and not self._terms.required):
            return None
        if proof is None:
            raise OAuthError("invalid_dpop_proof", "a proof of possession is required")
        try:
            claims, thumbprint = self._read(proof, exchange, now)
        except BadProof as error:
            raise OAuthError("invalid_dpop_proof", str(error)) from error
        if not self._nonce_holds(claims, now):
            raise OAuthError("use_dpop_nonce", "the proof needs the nonce given here", nonce=self.nonce(now))
        return thumbprint

    def at_api(self, proof: str | None, exchange: Exchange, thumbprint: str, now: datetime) -> str | None:
        """Check the proof that comes with a bound token; a nonce, where the next proof must carry that one.

        Raises:
            BadProof: it is missing, bad, or another key's.
        """
        if proof is None:
            raise BadProof("no proof came with the token")
        claims, shown = self._read(proof, exchange, now)
        if not hmac.compare_digest(shown, thumbprint):
            raise BadProof("the token is bound to another key")
        ath = _hash(str(exchange.token).encode())
        if not hmac.compare_digest(str(claims.get("ath")), ath):
            raise BadProof("ath is not this token's")
        if "camara:bh" in claims and not hmac.compare_digest(str(claims["camara:bh"]), _hash(exchange.body)):
            raise BadProof("camara:bh is not this body's")
        return None if self._nonce_holds(claims, now) else self.nonce(now)

    def nonce(self, now: datetime) -> str:
        """The nonce of these minutes: nothing is kept for it."""
        return self._nonce_of(int(now.timestamp()) // NONCE_S)

    def _nonce_of(self, period: int) -> str:
        return hmac.new(self._pepper, str(period).encode(), hashlib.sha256).hexdigest()[:32]

    def _nonce_holds(self, claims: Mapping[str, Any], now: datetime) -> bool:
        if self._terms is None or not self._terms.nonce:
            return True
        period = int(now.timestamp()) // NONCE_S
        given = str(claims.get("nonce"))
        return any(hmac.compare_digest(given, self._nonce_of(one)) for one in (period, period - 1))

    def _read(self, proof: str, exchange: Exchange, now: datetime) -> tuple[dict[str, Any], str]:
        key, claims = _verified(proof)
        if claims.get("htm") != exchange.method or claims.get("htu") != exchange.url:
            raise BadProof("htm or htu is not this request's")
        issued, jti = claims.get("iat"), claims.get("jti")
        if isinstance(issued, bool) or not isinstance(issued, int | float):
            raise BadProof("iat is missing or not a number")
        if abs(now.timestamp() - issued) > WINDOW_S:
            raise BadProof("iat is not now")
        if not isinstance(jti, str) or not 0 < len(jti) <= JTI_LENGTH_MAX:
            raise BadProof("jti is missing or not usable")
        thumbprint = key.thumbprint()
        until = datetime.fromtimestamp(issued + 2 * WINDOW_S, now.tzinfo)
        if not self._seen.first_use(thumbprint, jti, until, now):
            raise BadProof("this jti was used before")
        return claims, thumbprint


def certificate_subject(der: bytes) -> str:
    """The subject of a certificate as RFC 4514 writes it."""
    return x509.load_der_x509_certificate(der).subject.rfc4514_string()


def certificate_thumbprint(der: bytes) -> str:
    """``x5t#S256`` of a certificate (RFC 8705 section 3.1)."""
    return _hash(der)


def _verified(proof: str) -> tuple[ECKey | RSAKey, dict[str, Any]]:
    if len(proof) > PROOF_BYTES_MAX:
        raise BadProof("the proof is too long")
    try:
        header = jws.extract_compact(proof.encode(), registry=_Registry(algorithms=ALGORITHMS)).headers()
        if header.get("typ") != "dpop+jwt" or header.get("alg") not in ALGORITHMS:
            raise BadProof("typ or alg is not accepted")
        shown = header.get("jwk")
        if not isinstance(shown, dict) or "d" in shown:
            raise BadProof("jwk is missing, or a private key")
        key = import_key(shown)
        if not isinstance(key, ECKey | RSAKey):
            raise BadProof("this kind of key is not accepted")
        return key, jwt.decode(proof, key, algorithms=[header["alg"]], registry=_Registry(algorithms=ALGORITHMS)).claims
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise BadProof(f"the proof does not hold: {type(error).__name__}") from error


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
