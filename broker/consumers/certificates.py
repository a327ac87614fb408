"""Client certificates (RFC 8705): which one proves a client, and which one a token is bound to.

A certificate comes from the TLS of this process, which has verified its chain, or from a proxy that the settings name
and that has. Its name or its digest is compared here, and its time once more.
"""

import hashlib
import hmac
import ipaddress
import re
from datetime import datetime
from typing import Literal

import msgspec
from cryptography import x509

from broker.consumers import jose

CERTIFICATE_BYTES_MAX = 16_384
_VALUE_LENGTH_MAX = 512
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

Kind = Literal["subject_dn", "san_dns", "san_uri", "san_ip", "thumbprint"]


class CertificateName(msgspec.Struct, frozen=True):
    """What a certificate must have: a name (``tls_client_auth``) or a digest (``self_signed_tls_client_auth``).

    ``subject_dn`` is written as in RFC 4514; ``thumbprint`` is the SHA-256 of the DER in base64url (``x5t#S256``).
    """

    kind: Kind
    value: str

    def fault(self) -> str | None:
        """What to send instead, where nobody's certificate could have this."""
        if not (0 < len(self.value) <= _VALUE_LENGTH_MAX and self.value.isprintable()):
            return f"send 1 to {_VALUE_LENGTH_MAX} printable characters"
        try:
            if self.kind == "subject_dn" and not x509.Name.from_rfc4514_string(self.value).rdns:
                return "send a distinguished name such as CN=till,O=Acme"
            if self.kind == "san_ip":
                ipaddress.ip_address(self.value)
        except ValueError:
            return "send a distinguished name as in RFC 4514, or an IP address"
        if self.kind == "thumbprint" and not _THUMBPRINT.fullmatch(self.value):
            return "send the SHA-256 of the certificate in DER, in base64url without padding"
        return None


def write(name: CertificateName) -> str:
    """A name as it is stored."""
    return f"{name.kind}:{name.value}"


def read(text: str) -> CertificateName:
    """A name as it is stored."""
    kind, _, value = text.partition(":")
    return msgspec.convert({"kind": kind, "value": value}, CertificateName)


def thumbprint(der: bytes) -> str:
    """``x5t#S256`` (RFC 8705 3.1)."""
    return jose.b64url(hashlib.sha256(der).digest())


def proves(name: CertificateName, der: bytes, now: datetime) -> bool:
    """Whether a certificate is the one that a client was registered with, and holds now."""
    if len(der) > CERTIFICATE_BYTES_MAX:
        return False
    try:
        certificate = x509.load_der_x509_certificate(der)
        holds = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        return holds and _has(certificate, name, der)
    except (ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        return False


def same(bound_to: str, der: bytes | None) -> bool:
    """Whether a request came with the certificate that a token is bound to."""
    return der is not None and hmac.compare_digest(thumbprint(der), bound_to)


def _has(certificate: x509.Certificate, name: CertificateName, der: bytes) -> bool:
    if name.kind == "thumbprint":
        return same(name.value, der)
    if name.kind == "subject_dn":
        return certificate.subject == x509.Name.from_rfc4514_string(name.value)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    if name.kind == "san_dns":
        return name.value.lower() in {one.lower() for one in names.get_values_for_type(x509.DNSName)}
    if name.kind == "san_uri":
        return name.value in names.get_values_for_type(x509.UniformResourceIdentifier)
    return ipaddress.ip_address(name.value) in names.get_values_for_type(x509.IPAddress)
