"""Proof of possession (RFC 9449): tokens that are of no use to whoever steals them."""

import base64
import hashlib
import re
from collections import OrderedDict
from random import Random
from urllib.parse import urlsplit

from broker.adapter_kit.assertions import SigningKey, possession_proof
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.transport import WireResponse
from broker.clock import Clock

_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,512}")
_ORIGINS_MAX = 16


class Prover:
    """Makes proofs with one key, and remembers the nonce that each server wants in the next one."""

    def __init__(self, key: SigningKey, clock: Clock, random: Random) -> None:
        self._key = key
        self._clock = clock
        self._random = random
        self._nonces: OrderedDict[str, str] = OrderedDict()

    def headers(self, method: str, url: str, *, token: str | None = None, body: bytes = b"") -> Headers:
        """The header field for one request. ``token`` is the bound token that goes with it, to an API.

        There the body's hash is in it as well (``camara:bh``, ICM profile), so that the proof is for this question.
        """
        claims: dict[str, object] = {
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": int(self._clock.now().timestamp()),
            "jti": f"{self._random.getrandbits(128):032x}",
        }
        nonce = self._nonces.get(_origin(url))
        if nonce is not None:
            claims["nonce"] = nonce
        if token is not None:
            claims |= {"ath": _hash(token.encode("ascii")), "camara:bh": _hash(body)}
        return ((b"dpop", possession_proof(self._key, claims).encode("ascii")),)

    def learn(self, url: str, response: WireResponse) -> bool:
        """Keep the nonce that came with an answer; whether it was refused for want of it, and so may be tried again."""
        nonce = response.headers.get("dpop-nonce", "")
        if _NONCE.fullmatch(nonce) is None:
            return False
        known = self._nonces.get(_origin(url))
        self._nonces[_origin(url)] = nonce
        if len(self._nonces) > _ORIGINS_MAX:
            self._nonces.popitem(last=False)
        asks = b"use_dpop_nonce" in response.body or "use_dpop_nonce" in response.headers.get("www-authenticate", "")
        return asks and response.status in {400, 401} and nonce != known

    def __repr__(self) -> str:
        return "Prover(…)"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode("ascii")
