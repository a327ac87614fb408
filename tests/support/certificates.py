"""Certificates for tests of TLS, made on the spot: an authority, a server on loopback, and clients."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.mock.operator.server import TlsFiles

_A_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into a folder; `path` is its own."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key())
        self._certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
            self._key, hashes.SHA256()
        )
        self.path = folder / f"{name.replace(' ', '-')}.pem"
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, *, address: str = "127.0.0.1", ends_in: dt.timedelta = _A_DAY) -> Pair:
        """A certificate for a client or for an address; ``ends_in`` may be negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(address))]
        certificate = (
            _builder(subject, self._name, key.public_key(), ends_in)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _written(self._folder, common_name, key, certificate)

    def server(self) -> TlsFiles:
        """What a pretend operator needs to speak mutual TLS."""
        pair = self.issue("operator")
        return TlsFiles(pair.certificate, pair.key, self.path)

    def context(self, pair: Pair | None = None) -> ssl.SSLContext:
        """What a client needs to believe this authority, and to show a certificate."""
        context = ssl.create_default_context(cafile=str(self.path))
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context


def self_signed(folder: Path, common_name: str) -> Pair:
    """A certificate that nobody but its holder vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    basic = x509.BasicConstraints(ca=False, path_length=None)
    certificate = _builder(name, name, key.public_key()).add_extension(basic, critical=True).sign(key, hashes.SHA256())
    return _written(folder, common_name, key, certificate)


def _written(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pair


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, ends_in: dt.timedelta = _A_DAY
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * _A_DAY)
        .not_valid_after(now + ends_in)
    )
