"""Verify a receipt of the trust broker without asking it: everything needed is on this page, and in ``cryptography``.

``verify`` says whether the action may be done; ``included`` that the decision is in the broker's transparency log. Get
the keys once, at ``/.well-known/jwks.json`` and ``/.well-known/log.vkey``; the proof is ``GET .../receipt?proof=true``.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils


def verify(token: str, jwks: dict[str, Any], *, audience: str, action: dict[str, Any]) -> dict[str, Any]:
    """The claims of a receipt that allows ``action`` now; an exception where it does not."""
    head, body, signature = token.split(".")
    header, claims = json.loads(_bytes(head)), json.loads(_bytes(body))
    if (header["alg"], header["typ"]) != ("ES256", "trust-receipt+jwt"):
        raise ValueError("not a receipt")
    (key,) = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
    public = ec.EllipticCurvePublicNumbers(_int(_bytes(key["x"])), _int(_bytes(key["y"])), ec.SECP256R1()).public_key()
    r, s = _int(_bytes(signature)[:32]), _int(_bytes(signature)[32:])
    public.verify(utils.encode_dss_signature(r, s), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    if not claims["iat"] - 30 <= time.time() < claims["exp"] <= claims["iat"] + 300:
        raise ValueError("expired, or not valid yet")
    if claims["aud"] != audience or claims["decision"] != "allow":
        raise ValueError("for somebody else, or no allow")
    digest = hmac.digest(_bytes(claims["action_salt"]), _canonical(action), hashlib.sha256)
    if not hmac.compare_digest(digest, _bytes(claims["action_digest"])):
        raise ValueError("for another action")
    return claims


def included(claims: dict[str, Any], proof: dict[str, Any], vkey: str) -> None:
    """Return where the log signed a tree that holds the decision; an exception where it did not."""
    name, key_id, public = vkey.strip().split("+", 2)
    text, _, lines = proof["checkpoint"].rpartition("\n\n")
    signer = f"— {name} "
    (signature,) = [
        data
        for data in (base64.b64decode(line[len(signer) :]) for line in lines.splitlines() if line.startswith(signer))
        if data[:4].hex() == key_id
    ]
    ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(public)[1:]).verify(signature[4:], f"{text}\n".encode())
    origin, size, root = text.split("\n")[:3]
    found, at, last = _bytes(claims["leaf"]), proof["index"], int(size) - 1
    for sibling in map(_bytes, proof["hashes"]):  # RFC 9162 section 2.1.3.2
        if at % 2 or at == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while at and not at % 2:
                at, last = at // 2, last // 2
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        at, last = at // 2, last // 2
    if origin != name or last != 0 or found != base64.b64decode(root):
        raise ValueError("not in the log")


def _canonical(action: dict[str, Any]) -> bytes:
    """RFC 8785 for what an action may hold: no fractions, names in ASCII; the amount without trailing zeros."""
    told = {name: value for name, value in action.items() if value not in (None, {})}
    if "amount" in told and "." in told["amount"]["value"]:
        told["amount"] = told["amount"] | {"value": told["amount"]["value"].rstrip("0").rstrip(".")}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _int(data: bytes) -> int:
    return int.from_bytes(data, "big")
