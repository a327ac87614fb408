"""What an adapter declares about an operator: ``manifest.toml``. Data only; a deviation is a key here and not code."""

from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from broker.adapter_kit.assertions import SigningAlgorithm
from broker.adapter_kit.camara import APIS
from broker.adapter_kit.camara.line import ApiVersion, IdentifierRule
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.toml_files import read_toml
from broker.errors import Misconfigured

_BUILT_CLIENT_AUTH = ("private_key_jwt", "basic")
_JWT_BEARER = frozenset({Flow.JWT_BEARER_TEL, Flow.JWT_BEARER_OPERATOR_TOKEN})
_Path = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$", max_length=200)]
_Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$", max_length=200)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OAuthManifest(_Section):
    """How this operator's authorization server wants to be asked."""

    token_path: _Path = "/oauth2/token"  # noqa: S105 - a path
    """Joined to ``base_url`` of the deployment, unless that names a ``token_url``."""
    client_auth: Literal[
        "private_key_jwt", "basic", "client_secret_post", "client_secret_jwt", "tls_client_auth", "none"
    ] = "private_key_jwt"
    assertion_alg: SigningAlgorithm = "ES256"
    assertion_audience: Literal["endpoint", "issuer"] = "endpoint"
    """CAMARA wants the token URL as ``aud``, RFC 7523bis the issuer."""
    assertion_lifetime_s: int = Field(default=90, ge=60, le=300)
    """CAMARA refuses more than 300 s."""
    scope_template: str = "dpv:{purpose} {scopes}"
    """CAMARA's is the default; ``dpv:{purpose}#{scopes}`` is met in the wild."""
    ttl_unsaid_s: float = Field(default=60.0, ge=1, le=3600)
    """How long to believe a token whose answer has no ``expires_in``. One that is a string is read as its number."""

    @field_validator("client_auth")
    @classmethod
    def _built(cls, method: str) -> str:
        if method not in _BUILT_CLIENT_AUTH:
            raise ValueError(f"{method} is known and not built yet; use one of {', '.join(_BUILT_CLIENT_AUTH)}")
        return method

    @field_validator("scope_template")
    @classmethod
    def _one_purpose(cls, template: str) -> str:
        try:
            names = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        except ValueError as error:
            raise ValueError("unbalanced braces; write it like 'dpv:{purpose} {scopes}'") from error
        if sorted(names) != ["purpose", "scopes"] or template.count("dpv:") != 1 or "dpv:{purpose}" not in template:
            raise ValueError("needs exactly one dpv:{purpose} and one {scopes}, like 'dpv:{purpose} {scopes}'")
        return template


class CapabilityManifest(_Section):
    """One network API at one version, and where this operator departs from its YAML."""

    api: str
    version: str
    flow: Flow
    base_path: _Path | None = None
    """Left out, it is the one that CAMARA prescribes for the version."""
    operations: tuple[str, ...] | None = None
    """Left out, every operation of the version is offered."""
    scopes: dict[str, _Scope] = Field(default_factory=dict)
    """Operation to scope, where it is not CAMARA's."""
    identifier: IdentifierRule | None = None
    window_hours_max: int = Field(default=2400, ge=1, le=2400)
    """The longest ``maxAge`` to ask a swap API for."""
    window_hours_fallback: int = Field(default=168, ge=1, le=2400)
    """What to ask for after ``OUT_OF_RANGE``: the period for which this operator says it may answer."""
    radius_m_min: float = Field(default=2000.0, ge=2000, le=200_000)
    location_age_s_max: int = Field(default=3600, ge=60, le=2_592_000)

    @property
    def known(self) -> ApiVersion:
        """The kit's description of this API and version."""
        return APIS[self.api, self.version]

    @property
    def root_path(self) -> str:
        """Where the API lives below ``base_url``."""
        path = self.base_path or self.known.base_path
        assert path is not None  # noqa: S101 - model validation has seen to it
        return path

    @property
    def offered_scopes(self) -> dict[str, str]:
        """The operations that are offered, each with its scope."""
        scopes = {**self.known.scopes, **self.scopes}
        return {name: scopes[name] for name in self.operations or self.known.scopes}

    @model_validator(mode="after")
    def _fits_the_kit(self) -> "CapabilityManifest":
        if (self.api, self.version) not in APIS:
            spoken = ", ".join(version for api, version in APIS if api == self.api)
            raise ValueError(
                f"the kit speaks {self.api} {spoken}, not {self.version}"
                if spoken
                else f"the kit has no API {self.api!r}; it has {', '.join(sorted({api for api, _ in APIS}))}"
            )
        known = self.known
        if self.flow not in known.flows:
            fitting = ", ".join(flow for flow in Flow if flow in known.flows)
            raise ValueError(f"{self.api} {self.version} cannot be asked with {self.flow}; use one of {fitting}")
        strange = {*(self.operations or ()), *self.scopes} - set(known.scopes)
        if strange or self.operations == ():
            raise ValueError(f"operations and scopes must be among {', '.join(known.scopes)}")
        if self.base_path is None and known.base_path is None:
            raise ValueError(f"{self.api} {self.version} prescribes no path; give base_path")
        return self


class Manifest(_Section):
    """Everything that an adapter says about its operator."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    title: str = Field(min_length=1, max_length=100)
    oauth: OAuthManifest = OAuthManifest()
    capabilities: tuple[CapabilityManifest, ...] = Field(min_length=1)
    phone_format: Literal["e164", "e164_without_plus"] = "e164"
    correlator_echo: Literal["required", "optional"] = "required"
    """CAMARA demands that ``x-correlator`` comes back; ``optional`` tolerates its absence, never another value."""
    sentinel_dates: dict[str, Literal["no_event", "no_data"]] = Field(default_factory=dict)
    """Texts that stand in for a date, such as a birthday in 1900: as if ``null`` came, or no data at all."""

    @property
    def needs_key(self) -> bool:
        """Whether some grant or the client authentication signs assertions."""
        signs = self.oauth.client_auth == "private_key_jwt"
        return signs or any(capability.flow in _JWT_BEARER for capability in self.capabilities)

    @property
    def needs_secret(self) -> bool:
        """Whether some grant sends the shared secret."""
        return self.oauth.client_auth == "basic" and any(
            capability.flow is Flow.CLIENT_CREDENTIALS for capability in self.capabilities
        )

    @model_validator(mode="after")
    def _one_per_signal(self) -> "Manifest":
        signals = [capability.known.signal for capability in self.capabilities]
        twice = {signal for signal in signals if signals.count(signal) > 1}
        if twice:
            raise ValueError(f"two capabilities give {', '.join(sorted(twice))}; keep the better one")
        return self


def load_manifest(place: Path | str) -> Manifest:
    """Read a manifest from a file, or from the package of that name (``adapters.mock``).

    Raises:
        Misconfigured: it is missing or says something impossible; names the file, the key and the fix.
    """
    where = str(place) if isinstance(place, Path) else f"manifest.toml of {place}"
    try:
        file = place if isinstance(place, Path) else resources.files(place) / "manifest.toml"
        text = file.read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{where}: cannot be read; every adapter is a package with a manifest.toml") from error
    return read_toml(Manifest, text, where)
