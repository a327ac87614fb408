"""What one deployment knows about one operator: ``config/operators/<id>.toml``. The manifest says the rest."""

import ipaddress
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from broker.adapter_kit.headers import ExtraHeader, HeaderValue
from broker.adapter_kit.toml_files import read_toml
from broker.errors import Misconfigured

_SECRET_BYTES_MAX = 16_384
_OPERATOR_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def _safe_url(url: str) -> str:
    """Defensive: tokens and numbers go there, so it is https, or this machine, and nothing is hidden in it."""
    if not url.isascii() or re.search(r"[\s\x00-\x1f\x7f\\]", url):
        raise ValueError("only printable ASCII without spaces or backslashes")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("not a URL") from error
    if not host or parts.username is not None or parts.password is not None or "?" in url or "#" in url:
        raise ValueError("needs a host, and no user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("must be https; http is for loopback addresses only")
    return url.rstrip("/")


def _as_registered(url: str) -> str:
    """As safe as any, and not changed in any letter."""
    _safe_url(url)
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Url = Annotated[str, Field(max_length=500), AfterValidator(_safe_url)]
_Tenant = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
_RedirectUrl = Annotated[str, Field(max_length=500), AfterValidator(_as_registered)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretRef(_Section):
    """Where a secret is: in a file or in an environment variable, never in the settings themselves."""

    file: Path | None = None
    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")

    @model_validator(mode="after")
    def _one_place(self) -> "SecretRef":
        if (self.file is None) == (self.env is None):
            raise ValueError("give exactly one of file and env")
        return self

    def read(self) -> str:
        """The secret, without the newline that editors put at its end. A relative path starts at the working folder.

        Raises:
            Misconfigured: it is not there, empty, or far too long; the message never holds any of it.
        """
        text = self._text().rstrip("\r\n")
        if not text:
            raise Misconfigured(f"{self}: is empty; put the secret there")
        return text

    def _text(self) -> str:
        if self.env is not None:
            if self.env not in os.environ:
                raise Misconfigured(f"{self}: not set; put the secret there")
            return os.environ[self.env]
        assert self.file is not None  # noqa: S101 - model validation has seen to it
        try:
            with self.file.open("rb") as file:
                content = file.read(_SECRET_BYTES_MAX + 1)
            if len(content) > _SECRET_BYTES_MAX:
                raise Misconfigured(f"{self}: longer than {_SECRET_BYTES_MAX} bytes; that is not a secret or a key")
            return content.decode()
        except FileNotFoundError as error:
            raise Misconfigured(
                f"{self}: is not there; put the secret there, for your eyes only (chmod 600)"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{self}: cannot be read as text; put the secret there") from error

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env is not None else f"file {self.file}"


class Price(_Section):
    """What one call of an API costs; a price is per operation call, since every question is billed."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per_call: dict[str, Annotated[Decimal, Field(ge=0, le=1000)]]


class TlsSettings(_Section):
    """Who we are on the connection itself (RFC 8705), and whom we believe there; PEM files."""

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    """Who vouches for the operator, in the place of the public authorities."""

    @model_validator(mode="after")
    def _pair(self) -> "TlsSettings":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("give certificate and key, or neither")
        return self


class Latency(_Section):
    """How long one call of an API typically takes, in milliseconds: what is asked first depends on it."""

    typical_ms: dict[str, Annotated[float, Field(gt=0, le=10_000)]] = Field(default_factory=dict)


class OperatorSettings(_Section):
    """One operator of this deployment."""

    adapter: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    """The name under which the adapter is registered in the entry points ``broker.adapters``."""
    sandbox: bool = False
    """Only tenants of the sandbox are asked about here, and they nowhere else. The adapter needs magic numbers."""
    tenants: frozenset[_Tenant] | None = Field(default=None, min_length=1, max_length=10_000)
    """Full names of tenants: they and those below them are asked for here, and nobody else ever."""
    in_place_of: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """An operator of the routing tables: where a route leads there, ``tenants`` are asked for here instead."""
    base_url: Url
    token_url: Url | None = None
    """Where the authorization server lives elsewhere than below ``base_url``."""
    authorize_url: Url | None = None
    backchannel_url: Url | None = None
    """Likewise, for the person's browser and for CIBA."""
    issuer: Url | None = None
    """The audience of assertions where the manifest wants the issuer, and who must speak in the answer of the
    authorization endpoint; ``base_url`` if left out."""
    redirect_uri: _RedirectUrl | None = None
    """Where a person's browser comes back to us from the authorization endpoint, letter by letter as registered
    there. Best one for each operator, so that an answer cannot be taken for another's."""
    client_id: str = Field(pattern=r"^[!-~]+$", max_length=200)
    client_secret: SecretRef | None = None
    client_key: SecretRef | None = None
    client_key_id: str | None = Field(default=None, pattern=r"^[!-~]+$", max_length=200)
    """``kid`` of assertions; the key's RFC 7638 thumbprint if left out."""
    tls: TlsSettings | None = None
    api_key: SecretRef | None = None
    """The key that the manifest's ``api_key`` speaks of."""
    headers: dict[ExtraHeader, HeaderValue] = Field(default_factory=dict)
    """Sent with every request, such as a customer number; they replace the manifest's. Not for secrets."""
    price: Price | None = None
    not_ordered: frozenset[str] = frozenset()
    """APIs of the manifest that our contract with this operator leaves out: nobody is asked for them here."""
    disclosures: frozenset[str] = frozenset()
    """APIs that tell personal data in clear and are switched on all the same: location-retrieval, kyc-fill-in.
    Each order needs the tenant's grant besides."""
    capture_hosts: frozenset[str] = Field(default=frozenset(), max_length=10)
    """Where people give their consent, if not at the host of one of the addresses above: names of hosts."""
    latency: Latency = Latency()
    attempt_timeout_ms: int = Field(default=1200, ge=50, le=10_000)
    token_timeout_ms: int = Field(default=1200, ge=50, le=10_000)
    body_bytes_max: int = Field(default=65_536, ge=1024, le=65_536)
    connections_max: int = Field(default=64, ge=1, le=1024)
    tokens_max: int = Field(default=10_000, ge=1, le=1_000_000)
    asked_hold_s: int = Field(default=120, ge=10, le=3600)
    """How long nobody is asked again when we do not know whether a person's phone rang."""
    ask_again_after_s: int = Field(default=300, ge=0, le=86_400)
    """How long a person who said no, or nothing, is left in peace."""

    @property
    def hosts(self) -> frozenset[str]:
        """The operator's own hosts, as far as they are known here."""
        urls = (self.base_url, self.authorize_url, self.issuer)
        return self.capture_hosts | {host for url in urls if url and (host := urlsplit(url).hostname)}


def load_operator(path: Path) -> OperatorSettings:
    """Read one file.

    Raises:
        Misconfigured: names the file, the key and the fix.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error
    return read_toml(OperatorSettings, text, str(path))


def load_operators(folder: Path) -> dict[str, OperatorSettings]:
    """Every ``*.toml`` of a folder; the file's name is the operator's id.

    Raises:
        Misconfigured: a file is wrong, or its name cannot be an id.
    """
    operators = {}
    for path in sorted(folder.glob("*.toml")):
        if _OPERATOR_ID.fullmatch(path.stem) is None:
            raise Misconfigured(f"{path}: name it by the operator's id: small letters, digits, '-' and '_'")
        operators[path.stem] = load_operator(path)
    return operators
