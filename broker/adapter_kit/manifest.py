"""What an adapter declares about an operator: ``manifest.toml``. Data only; a deviation is a key here and not code."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from broker.adapter_kit.assertions import SigningAlgorithm
from broker.adapter_kit.camara import INSTRUMENTS, SPOKEN, signals_of
from broker.adapter_kit.camara.errors import CODES
from broker.adapter_kit.camara.line import ApiVersion, IdentifierRule, InstrumentVersion, NumberClaim
from broker.adapter_kit.camara.urls import url_version
from broker.adapter_kit.headers import ExtraHeader, HeaderValue, ProofHeader
from broker.adapter_kit.oauth import ClientAuth, Flow
from broker.adapter_kit.toml_files import read_toml
from broker.domain.signal import SignalName
from broker.errors import Misconfigured

_JWT_BEARER = frozenset({Flow.JWT_BEARER_TEL, Flow.JWT_BEARER_OPERATOR_TOKEN})
_Path = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$", max_length=200)]
_OperationPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$", max_length=200)]
_Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$", max_length=200)]
_MediaType = Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$", max_length=100)]
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiKeyManifest(_Section):
    """A key of the operator's gateway, beside the tokens. Where it is kept is said by the deployment's ``api_key``."""

    header: ProofHeader
    prefix: Annotated[str, Field(pattern=r"^([!-~]+ )?$", max_length=20)] = ""
    """What stands before it, with its space: ``"App "``."""
    sent_to: Literal["apis", "token", "both"] = "apis"


class ErrorManifest(_Section):
    """How this operator writes errors, where it is not CAMARA's ``{status, code, message}``."""

    envelope: Literal["camara", "gateway", "service_exception"] = "camara"
    """``gateway``: ``code`` may be a number. ``service_exception``: it is ``requestError.serviceException.messageId``.
    CAMARA's own form is understood besides."""
    codes: dict[_Word, Annotated[str, Field(pattern=r"^[A-Z][A-Z_.]{1,79}$")]] = Field(default_factory=dict)
    """The operator's own codes to CAMARA's."""

    @field_validator("codes")
    @classmethod
    def _camaras(cls, codes: dict[str, str]) -> dict[str, str]:
        strange = {code for code in codes.values() if code not in CODES}
        if strange:
            raise ValueError(f"{', '.join(sorted(strange))}: no code of CAMARA's; use one like TOO_MANY_REQUESTS")
        return codes


class OAuthManifest(_Section):
    """How this operator's authorization server wants to be asked."""

    profile: Literal["camara", "own"] = "own"
    """``camara``: this operator holds clients to the CAMARA security profile, and what that forbids is refused here."""
    token_path: _Path = "/oauth2/token"  # noqa: S105 - a path
    """Joined to ``base_url`` of the deployment, unless that names a ``token_url``; so are the two others."""
    authorize_path: _Path = "/oauth2/authorize"
    backchannel_path: _Path = "/oauth2/bc-authorize"
    openid: bool = True
    """Whether scopes of authorization code and CIBA carry ``openid``, as CAMARA wants it."""
    login_hint: Annotated[str, Field(pattern=r"^[!-z|~]*\{(e164|digits)\}$", max_length=40)] = "tel:{e164}"
    """How CIBA names a number: ``{e164}`` has its plus, ``{digits}`` none."""
    signed_requests: bool = False
    """Put what is asked of the authorization and backchannel endpoints into a signed request object (RFC 9101)."""
    answers_with_issuer: bool = False
    """Refuse an answer of the authorization endpoint without ``iss`` (RFC 9207). One with it is always compared."""
    dpop: bool = False
    """Show a key with each token request (RFC 9449). A plain token in return is used, and said with the signal."""
    grant_in_query: bool = False
    """Gateways of one maker want ``?grant_type=client_credentials`` in the URL and ignore it in the form."""
    client_auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    basic_header: ProofHeader = "authorization"
    """Which header carries the Basic credentials, where ``client_auth`` is ``basic``."""
    assertion_alg: SigningAlgorithm = "ES256"
    assertion_audience: Literal["endpoint", "issuer"] = "endpoint"
    """CAMARA wants the token URL as ``aud``, RFC 7523bis the issuer."""
    assertion_lifetime_s: int = Field(default=90, ge=60, le=300)
    """CAMARA refuses more than 300 s."""
    scope_template: str = "dpv:{purpose} {scopes}"
    """CAMARA's is the default; ``dpv:{purpose}#{scopes}`` is met in the wild. Empty: no scope is sent at all."""
    purpose_in: Literal["scope", "parameter", "nowhere"] = "scope"
    """``parameter`` sends ``purpose=`` beside the scope; ``nowhere`` is for operators that know no purposes."""
    purpose_template: str = "dpv:{purpose}"
    """What the parameter says, where there is one; ``{scopes}`` may stand in it too."""
    token_types: tuple[_Word, ...] = Field(default=("Bearer",), min_length=1)
    """Names of the token type that mean a bearer token here, whatever their case."""
    ttl_unsaid_s: float = Field(default=60.0, ge=1, le=3600)
    """How long to believe a token whose answer has no ``expires_in``. One that is a string is read as its number."""
    ttl_max_s: float = Field(default=86_400.0, ge=1, le=86_400)
    """The longest to believe a token, whatever its answer says."""

    @property
    def built(self) -> bool:
        """Whether the kit can prove the client in this way; the capabilities of others are *unsupported*."""
        return self.client_auth.built

    @model_validator(mode="after")
    def _as_camara_wants(self) -> "OAuthManifest":
        if self.profile == "own":
            return self
        if self.client_auth not in {ClientAuth.PRIVATE_KEY_JWT, ClientAuth.TLS_CLIENT_AUTH}:
            raise ValueError(f"client_auth: the CAMARA profile forbids {self.client_auth}; use private_key_jwt")
        if self.scope_template != "dpv:{purpose} {scopes}" or self.purpose_in != "scope":
            raise ValueError("scope_template: the CAMARA profile has 'dpv:{purpose} {scopes}'; leave it out")
        if not self.openid:
            raise ValueError("openid: the CAMARA profile wants it in authorization code and CIBA; leave it out")
        return self

    @model_validator(mode="after")
    def _one_purpose(self) -> "OAuthManifest":
        in_scope = _fields(self.scope_template, "scope_template")
        if self.purpose_in != "scope" and in_scope not in (["scopes"], []):
            raise ValueError("scope_template: the purpose is elsewhere, so only {scopes} may stand here, or nothing")
        glued = self.scope_template.count("dpv:") == 1 and "dpv:{purpose}" in self.scope_template
        if self.purpose_in == "scope" and (in_scope != ["purpose", "scopes"] or not glued):
            raise ValueError(
                "scope_template: needs exactly one dpv:{purpose} and one {scopes}, like 'dpv:{purpose} {scopes}'"
            )
        if _fields(self.purpose_template, "purpose_template") not in (["purpose"], ["purpose", "scopes"]):
            raise ValueError("purpose_template: needs exactly one {purpose}, like 'dpv:{purpose}', {scopes} after it")
        return self


def _fields(template: str, key: str) -> list[str]:
    try:
        return sorted(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    except ValueError as error:
        raise ValueError(f"{key}: unbalanced braces; write it like 'dpv:{{purpose}} {{scopes}}'") from error


class ApiManifest(_Section):
    """One network API at one version, and where this operator departs from its YAML."""

    api: str
    version: str
    flow: Flow
    base_path: _Path | None = None
    """Left out, it is the one that CAMARA prescribes for the version."""
    operations: tuple[str, ...] | None = None
    """Left out, every operation of the version is offered."""
    paths: dict[str, _OperationPath] = Field(default_factory=dict)
    """Operation to its path below ``base_path``, where it is not ``/`` and the operation's name; may be empty."""
    scopes: dict[str, _Scope] = Field(default_factory=dict)
    """Operation to scope, where it is not CAMARA's."""
    identifier: IdentifierRule | None = None

    @property
    def known(self) -> ApiVersion | InstrumentVersion:
        """The kit's description of this API and version."""
        raise NotImplementedError

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
    def _fits_the_kit(self) -> "ApiManifest":
        self._refuse_unspoken()
        known = self.known
        if self.flow not in known.flows:
            fitting = ", ".join(flow for flow in Flow if flow in known.flows)
            raise ValueError(f"{self.api} {self.version} cannot be asked with {self.flow}; use one of {fitting}")
        if self.flow is Flow.JWT_BEARER_OPERATOR_TOKEN and not known.compares_owner:
            # Defensive: only number-verification compares the token's owner with the number that is asked about.
            raise ValueError(f"{self.api} under an operator token would answer for the token's owner, whoever that is")
        strange = {*(self.operations or ()), *self.scopes, *self.paths} - set(known.scopes)
        if strange or self.operations == ():
            raise ValueError(f"operations, paths and scopes must be among {', '.join(known.scopes)}")
        if self.base_path is None and known.base_path is None:
            raise ValueError(f"{self.api} {self.version} prescribes no path; give base_path")
        return self

    def _refuse_unspoken(self) -> None:
        """Raise what to write instead, where the kit does not speak this API and version."""
        raise NotImplementedError


class CapabilityManifest(ApiManifest):
    """An API that gives a signal."""

    signal: SignalName | None = None
    """Which signal, for an API that gives several: device-status 0.5.1."""
    number_claim: NumberClaim = NumberClaim.PLAIN
    """How number-verification is told the number, where this operator takes a hash only."""
    window_hours_max: int = Field(default=2400, ge=1, le=2400)
    """The longest ``maxAge`` to ask a swap API for."""
    window_hours_fallback: int = Field(default=168, ge=1, le=2400)
    """What to ask for after ``OUT_OF_RANGE``: the period for which this operator says it may answer."""
    radius_m_min: float = Field(default=2000.0, ge=2000, le=200_000)
    location_age_s_max: int = Field(default=3600, ge=60, le=2_592_000)
    ceremony: bool = False
    """Whether the person's own browser can prove it too (authorization code), beside ``flow``."""

    @model_validator(mode="after")
    def _holds_ceremonies(self) -> "CapabilityManifest":
        if self.ceremony and not (self.known.compares_owner and Flow.AUTHORIZATION_CODE in self.known.flows):
            raise ValueError(f"ceremony: {self.api} {self.version} is not proven by a person's browser; leave it out")
        return self

    @property
    def known(self) -> ApiVersion:
        """The kit's description of this API and version."""
        given = signals_of(self.api, self.version)
        return given[self.signal] if self.signal is not None else next(iter(given.values()))

    @model_validator(mode="after")
    def _one_claims_a_number(self) -> "CapabilityManifest":
        if self.number_claim is not NumberClaim.PLAIN and self.api != "number-verification":
            raise ValueError("number_claim: only number-verification is told a number as a claim")
        return self

    def _refuse_unspoken(self) -> None:
        given = signals_of(self.api, self.version)
        if not given:
            raise ValueError(_unspoken(self.api, self.version, [(one.api, one.version) for one in SPOKEN]))
        if self.signal not in given and (self.signal is not None or len(given) > 1):
            raise ValueError(f"signal: {self.api} {self.version} gives {' and '.join(given)}; say which")


class InstrumentManifest(ApiManifest):
    """An API that serves as an instrument: it is ordered by name and never part of a check's plan."""

    @property
    def known(self) -> InstrumentVersion:
        """The kit's description of this API and version."""
        return INSTRUMENTS[self.api, self.version]

    def _refuse_unspoken(self) -> None:
        if (self.api, self.version) not in INSTRUMENTS:
            raise ValueError(_unspoken(self.api, self.version, INSTRUMENTS))


def _unspoken(api: str, version: str, spoken: Iterable[tuple[str, str]]) -> str:
    pairs = list(spoken)
    versions = ", ".join(dict.fromkeys(known for name, known in pairs if name == api))
    if versions:
        return f"the kit speaks {api} {versions}, not {version}"
    return f"the kit has no API {api!r}; it has {', '.join(sorted({name for name, _ in pairs}))}"


class PromptManifest(_Section):
    """That this operator asks a person on their phone for each thing anew (CIBA with the number as hint)."""

    scope: _Scope
    """What is asked for then; the token that comes is thrown away."""


class Manifest(_Section):
    """Everything that an adapter says about its operator."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    title: str = Field(min_length=1, max_length=100)
    oauth: OAuthManifest = OAuthManifest()
    capabilities: tuple[CapabilityManifest, ...] = Field(min_length=1)
    instruments: tuple[InstrumentManifest, ...] = ()
    phone_format: Literal["e164", "e164_without_plus"] = "e164"
    correlator_echo: Literal["required", "optional"] = "required"
    """CAMARA demands that ``x-correlator`` comes back; ``optional`` tolerates its absence, never another value."""
    media_types: tuple[_MediaType, ...] = Field(default=("application/json",), min_length=1)
    """What the APIs call JSON, without parameters. An answer without any name for it is read as JSON."""
    sentinel_dates: dict[str, Literal["no_event", "no_data"]] = Field(default_factory=dict)
    """Texts that stand in for a date, such as a birthday in 1900: as if ``null`` came, or no data at all."""
    boolean_texts: dict[_Word, bool] = Field(default_factory=dict)
    """Texts that stand in for a boolean member of an answer. CAMARA's own texts, as ``not_available``, stay texts."""
    path_template: str = Field(default="", pattern=r"^(/([A-Za-z0-9._~-]|\{(api|v|digits)\})+)*$")
    """Where every API lives that has no ``base_path`` of its own: ``{api}``, ``{v}`` (``v2``, ``v0.4``), ``{digits}``
    (``040``). Empty: as CAMARA prescribes."""
    headers: dict[ExtraHeader, HeaderValue] = Field(default_factory=dict)
    """Sent with every request, to the token endpoint and to the APIs. The deployment may add its own."""
    api_key: ApiKeyManifest | None = None
    prompt: PromptManifest | None = None
    """Left out, the operator may answer for the person by a consent that it has, which proves nothing."""
    errors: ErrorManifest = ErrorManifest()

    @property
    def apis(self) -> tuple[ApiManifest, ...]:
        """Everything that is offered."""
        return (*self.capabilities, *self.instruments)

    @property
    def needs_key(self) -> bool:
        """Whether some grant, the client authentication or a signed request takes our private key."""
        flows = {one.flow for one in self.apis if self.asked(one)} | ({Flow.CIBA} if self.prompt else set())
        signs = self.oauth.client_auth.signs and flows - {Flow.API_KEY}
        asserts = any(flow.asserts for flow in flows)
        return bool(signs) or asserts or (self.oauth.signed_requests and any(flow.of_openid for flow in flows))

    @property
    def needs_secret(self) -> bool:
        """Whether some grant sends the shared secret."""
        return self.oauth.client_auth.shares and self._proves_client

    @property
    def needs_certificate(self) -> bool:
        """Whether some grant proves the client with a certificate."""
        return self.oauth.client_auth is ClientAuth.TLS_CLIENT_AUTH and self._proves_client

    @property
    def needs_redirect_uri(self) -> bool:
        """Whether a person's device is sent to the operator, and so must find back."""
        return any(one.flow is Flow.AUTHORIZATION_CODE and self.asked(one) for one in self.apis)

    @property
    def _proves_client(self) -> bool:
        proofless = {*_JWT_BEARER, Flow.API_KEY}
        return self.prompt is not None or any(self.asked(one) and one.flow not in proofless for one in self.apis)

    def asked(self, capability: ApiManifest) -> bool:
        """Whether its answer would be about the number that is asked about."""
        return capability.flow is not Flow.AUTHORIZATION_CODE or capability.known.compares_owner

    def built(self, capability: ApiManifest) -> bool:
        """Whether it can be asked today; everything else is declared and answered *unsupported*."""
        proofless = {*_JWT_BEARER, Flow.API_KEY}
        return self.asked(capability) and (capability.flow in proofless or self.oauth.built)

    def root_path(self, capability: ApiManifest) -> str:
        """Where a capability's API lives below ``base_url``."""
        if capability.base_path is not None or not self.path_template:
            return capability.root_path
        digits = capability.version.partition("-")[0].replace(".", "")
        return self.path_template.format(api=capability.api, v=url_version(capability.version), digits=digits)

    @model_validator(mode="after")
    def _keys_open_apis(self) -> "Manifest":
        flows = {one.flow for one in self.apis}
        goes_there = self.api_key is not None and self.api_key.sent_to != "token"
        if Flow.API_KEY in flows and not goes_there:
            raise ValueError("api_key: a capability with the flow api_key needs one that is sent to the APIs")
        if self.api_key is not None and self.api_key.header == "authorization" and flows != {Flow.API_KEY}:
            raise ValueError("api_key.header: authorization carries the token of another flow; name another header")
        return self

    @model_validator(mode="after")
    def _assertions_have_scopes(self) -> "Manifest":
        if not self.oauth.scope_template and any(one.flow in _JWT_BEARER for one in self.apis):
            raise ValueError("oauth.scope_template: the JWT bearer grant carries the scope in its assertion; give one")
        if self.oauth.purpose_in == "parameter" and any(one.flow in _JWT_BEARER for one in self.apis):
            raise ValueError("oauth.purpose_in: the JWT bearer grant carries the purpose in its assertion; use scope")
        return self

    @model_validator(mode="after")
    def _nobody_is_asked_twice(self) -> "Manifest":
        """Where the purpose is glued to a scope, one token has one scope, and each would ring the person's phone."""
        glued = "}#{" in self.oauth.scope_template
        for one in self.capabilities:
            if glued and one.flow is Flow.CIBA and len(set(one.offered_scopes.values())) > 1:
                raise ValueError(
                    f"capabilities: {one.api} over ciba has several scopes, and scope_template holds one; name one"
                    " of its operations, or give all of them the same scope"
                )
        return self

    @model_validator(mode="after")
    def _one_per_signal(self) -> "Manifest":
        signals = [capability.known.signal for capability in self.capabilities]
        twice = {signal for signal in signals if signals.count(signal) > 1}
        if twice:
            raise ValueError(f"two capabilities give {', '.join(sorted(twice))}; keep the better one")
        instruments = [one.known.instrument for one in self.instruments]
        if len(instruments) > len(set(instruments)):
            raise ValueError("instruments: two do the same; keep the better one")
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
