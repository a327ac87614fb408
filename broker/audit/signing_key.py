"""Signing keys: ES256 in a PKCS #8 file, named by their RFC 7638 thumbprint."""

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

ALGORITHM = "ES256"


def generate_pem() -> bytes:
    """A new P-256 private key as PKCS #8 PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class SigningKey:
    """One private key and its public name. Loaded once: importing a key costs more than a hundred signatures."""

    def __init__(self, pem: bytes) -> None:
        self.jwk = ECKey.import_key(pem)
        if self.jwk.get_op_key("sign").curve.name != "secp256r1":
            raise ValueError("the signing key must be on P-256 for ES256")
        self.kid = self.jwk.thumbprint()

    def public_jwk(self) -> dict[str, Any]:
        """The public half as a JWK for signatures."""
        return {**self.jwk.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": ALGORITHM}

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"
