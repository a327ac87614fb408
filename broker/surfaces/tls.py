"""TLS that ends here, or before a proxy that we were told of: which certificate a caller showed (RFC 8705, 9440)."""

import base64
import binascii
import ipaddress
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEADER = b"client-cert"
_HEADER_BYTES_MAX = 24_576


@dataclass(frozen=True, slots=True)
class ServedTls:
    """What is served, as files in PEM; without a certificate it is plain HTTP.

    ``authorities`` issue the certificates of clients; where there are none, nobody is asked for one. ``proxies`` are
    the addresses from which, and from nowhere else, a ``Client-Cert`` header is believed.
    """

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None
    proxies: tuple[str, ...] = ()

    def options(self) -> dict[str, Any]:
        """Uvicorn's."""
        if self.certificate is None:
            return {}
        return {
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
            "ssl_ca_certs": self.authorities,
            "ssl_cert_reqs": ssl.CERT_OPTIONAL if self.authorities is not None else ssl.CERT_NONE,
            "ssl_context_factory": _context,
        }


def _context(_config: Any, default: Any) -> ssl.SSLContext:
    context: ssl.SSLContext = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1
    return context


def shown(transport: Any) -> str | None:
    """The certificate that a connection's client proved to hold, in PEM."""
    connection = transport.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection is not None else None
    return ssl.DER_cert_to_PEM_cert(der) if der else None


def passed_on(headers: Sequence[tuple[bytes, bytes]], peer: str | None, proxies: frozenset[str]) -> str | None:
    """The certificate that a proxy of ours says its client showed: a byte sequence (RFC 9440 2.2), once.

    Defensive: from anybody else the header is only somebody's claim, and is not looked at.
    """
    if not proxies or peer is None or str(ipaddress.ip_address(peer)) not in proxies:
        return None
    found = [value.strip() for name, value in headers if name == _HEADER]
    if len(found) != 1 or len(found[0]) > _HEADER_BYTES_MAX or not (found[0][:1] == found[0][-1:] == b":"):
        return None
    try:
        return ssl.DER_cert_to_PEM_cert(base64.b64decode(found[0][1:-1], validate=True))
    except binascii.Error:
        return None


def extension(pem: str) -> dict[str, Any]:
    """The TLS extension of ASGI, as far as it is ours to fill in."""
    return {"tls": {"server_cert": None, "client_cert_chain": (pem,), "client_cert_error": None}}


def certificate_of(scope: Mapping[str, Any]) -> bytes | None:
    """The caller's certificate in DER, from an ASGI scope."""
    chain = ((scope.get("extensions") or {}).get("tls") or {}).get("client_cert_chain") or ()
    return ssl.PEM_cert_to_DER_cert(chain[0]) if chain else None
