"""What one pretend operator is like: read from a TOML file that a person writes, unknown keys refused."""

import tomllib
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from adapters.mock.operator.deviations import Deviations, OperationPath, UrlPath, Written
from adapters.mock.operator.faults import fault_named

HOUR_S = 3600
FINDER_SCOPE = "telco-finder:search"
MAX_AGE_LIMIT_H = 2400
"""The largest ``maxAge`` the swap APIs know, hours (sim-swap, ``CreateCheckSimSwap``)."""


class Grant(StrEnum):
    """The CAMARA grants that this operator can accept."""

    AUTHORIZATION_CODE = "authorization_code"
    CIBA = "urn:openid:params:grant-type:ciba"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class ClientAuthentication(StrEnum):
    """How a client proves who it is at the token endpoint (names of the OpenID Connect discovery metadata)."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    TLS = "tls_client_auth"


class SubjectForm(StrEnum):
    """How an assertion or a ``login_hint`` may name the subscriber (ICM security profile)."""

    OPERATOR_TOKEN = "operatortoken"  # noqa: S105 - the prefix of a subject, no secret
    TEL = "tel"


class Legs(StrEnum):
    """Whether a token stands for the client alone, or for the client and one subscriber."""

    TWO = "two"
    THREE = "three"


def _known(name: str) -> str:
    fault_named(name)
    return name


KnownFault = Annotated[str, AfterValidator(_known)]


class NumberRange(Written):
    """Numbers that belong to this operator: those that begin with ``prefix`` and have ``digits`` digits in all."""

    prefix: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{1,9}$")]
    digits: Annotated[int, Field(ge=8, le=15)]


class Place(Written):
    """A point on the map, in degrees (WGS 84)."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Geography(Written):
    """Where the sandbox subscribers live, and how far the network reaches from there."""

    home: Place
    elsewhere: Place
    coverage_radius_m: Annotated[float, Field(gt=0, le=20_000_000)]
    minimum_radius_m: Annotated[float, Field(ge=1)] = 1.0
    postal_codes: dict[str, Place] = Field(default_factory=dict, max_length=1000)


class TokenLifetimes(Written):
    """How long access tokens live, seconds. Number verification allows at most 300 and one use (2.1.1)."""

    two_legged_s: Annotated[int, Field(ge=1, le=86_400)]
    three_legged_s: Annotated[int, Field(ge=1, le=3600)]
    single_use_s: Annotated[int, Field(ge=1, le=300)]
    operator_token_s: Annotated[int, Field(ge=1, le=3600)] = 600


class ClientTerms(Written):
    """What was agreed with one client at onboarding: how it authenticates and which grants it may use."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    authentication: frozenset[ClientAuthentication] = frozenset()
    grants: Annotated[frozenset[Grant], Field(min_length=1)]
    redirect_uris: Annotated[tuple[Annotated[str, Field(max_length=500)], ...], Field(max_length=20)] = ()
    """Where the answer of the authorization endpoint may go, compared letter by letter."""
    certificate_subject: Annotated[str, Field(max_length=200)] | None = None
    """The subject of its certificate (RFC 4514) for ``tls_client_auth``."""


class AuthorizeTerms(Written):
    """The authorization endpoint: whether requests must be signed, and how long a code lives, seconds."""

    signed_requests: Literal["optional", "required"] = "optional"
    code_s: Annotated[int, Field(ge=1, le=600)] = 60


class CibaTerms(Written):
    """The backchannel endpoint: who may be hinted at, how often a client may poll, how long the person has, seconds.

    Under a scope of ``asks_anew`` a person who is named by number is asked each time, whatever they permitted before.
    """

    subject_forms: Annotated[frozenset[SubjectForm], Field(min_length=1)]
    signed_requests: Literal["optional", "required"] = "optional"
    interval_s: Annotated[int, Field(ge=1, le=60)] = 2
    expires_s: Annotated[int, Field(ge=1, le=3600)] = 120
    asks_anew: frozenset[str] = frozenset()


class DpopTerms(Written):
    """Tokens that are bound to a key (RFC 9449). ``nonce``: proofs must carry one that came from here."""

    required: bool = False
    nonce: bool = False


class OfferedApi(Written):
    """One network API at one version, and the kinds of token it is open to.

    It may live elsewhere (``base_path``), offer some ``operations`` only, and have them at ``paths`` of its own;
    operations are called by CAMARA's path without its slash.
    """

    name: str
    version: str
    legs: Annotated[frozenset[Legs], Field(min_length=1)]
    base_path: UrlPath | None = None
    operations: frozenset[str] | None = None
    paths: dict[str, OperationPath] = Field(default_factory=dict)


class SwapRetention(Written):
    """How far back swap answers reach (no hours: without end), and whether ``monitoredPeriod`` says so."""

    hours: Annotated[int, Field(ge=1)] | None = None
    disclosed: bool = True


class MovedNumber(Written):
    """A number that left the range it was given in. ``to`` is absent where its network takes no part in the finder.

    ``shallow`` when it moved so long ago that a quick search knows it too.
    """

    number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{7,14}$")]
    to: str | None = None
    shallow: bool = False


class FinderTerms(Written):
    """A Telco Finder at this operator: whose the ranges are, and which numbers moved."""

    ranges: Annotated[dict[str, str], Field(max_length=1000)]
    moved: Annotated[tuple[MovedNumber, ...], Field(max_length=1000)] = ()


class Profile(Written):
    """One pretend operator."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    issuer_name: str
    utc_offset_min: Annotated[int, Field(ge=-14 * 60, le=14 * 60)] = 0
    purposes: Annotated[frozenset[str], Field(min_length=1)]
    subject_forms: frozenset[SubjectForm] = frozenset()
    authorize: AuthorizeTerms | None = None
    ciba: CibaTerms | None = None
    dpop: DpopTerms | None = None
    numbers: Annotated[tuple[NumberRange, ...], Field(min_length=1)]
    geography: Geography
    tokens: TokenLifetimes
    swap_retention: SwapRetention = SwapRetention()
    clients: Annotated[tuple[ClientTerms, ...], Field(min_length=1)]
    apis: Annotated[tuple[OfferedApi, ...], Field(min_length=1)]
    deviations: Deviations = Deviations()
    telco_finder: FinderTerms | None = None
    ported_in: Annotated[tuple[Annotated[str, Field(pattern=r"^\+[1-9][0-9]{7,14}$")], ...], Field(max_length=100)] = ()
    attacks: Annotated[tuple[KnownFault, ...], Field(max_length=100)] = ()
    """What each API does to its callers in turn; kinds of faults and attacks."""
    token_attacks: Annotated[tuple[KnownFault, ...], Field(max_length=100)] = ()

    @property
    def deviates(self) -> bool:
        """Whether anything is not as CAMARA has it, so that a gateway must stand in front."""
        plain = all(api.base_path is None and api.operations is None and not api.paths for api in self.apis)
        return not plain or self.deviations != Deviations()


def shipped_profiles() -> list[str]:
    """The names of the profiles that come with this package, sorted."""
    folder = resources.files(__package__).joinpath("profiles")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_profile(name_or_path: str) -> Profile:
    """Read a shipped profile by its name, or any profile by the path of its TOML file.

    Raises:
        ValueError: nothing is there, or it does not describe an operator (pydantic's message says where).
    """
    if name_or_path in shipped_profiles():
        text = resources.files(__package__).joinpath("profiles", f"{name_or_path}.toml").read_text(encoding="utf-8")
    elif name_or_path.endswith(".toml") and Path(name_or_path).is_file():
        text = Path(name_or_path).read_text(encoding="utf-8")
    else:
        raise ValueError(f"no profile {name_or_path!r}; shipped are {', '.join(shipped_profiles())}")
    return Profile.model_validate(tomllib.loads(text))
