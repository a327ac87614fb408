"""Access tokens from operators, in words: the CAMARA grants, who we are, and what a token must be good for.

Client credentials (RFC 6749 4.4) give two-legged tokens; JWT bearer (RFC 7523), authorization code with PKCE and CIBA
in poll mode three-legged ones. What is sent stands in ``token_endpoint.py``, what is kept in ``tokens.py``.
"""

from enum import StrEnum

import msgspec

from broker.adapter_kit.adapter import CeremonyProof
from broker.adapter_kit.assertions import AssertionSigner
from broker.adapter_kit.headers import Headers


class Flow(StrEnum):
    """How a token comes about. Agreed with each operator at onboarding, per API; never guessed at run time."""

    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER_TEL = "jwt_bearer_tel"
    JWT_BEARER_OPERATOR_TOKEN = "jwt_bearer_operator_token"  # noqa: S105 - the name of a grant
    AUTHORIZATION_CODE = "authorization_code"
    CIBA = "ciba"
    API_KEY = "api_key"
    """No token at all: the manifest's ``api_key`` opens the API. Not CAMARA's, and how several gateways sell it."""

    @property
    def three_legged(self) -> bool:
        """Whether the token names the subject, so that the request body must not."""
        return self not in {Flow.CLIENT_CREDENTIALS, Flow.API_KEY}

    @property
    def asserts(self) -> bool:
        """Whether the grant is a signed assertion, which proves the client as well."""
        return self in {Flow.JWT_BEARER_TEL, Flow.JWT_BEARER_OPERATOR_TOKEN}

    @property
    def of_openid(self) -> bool:
        """Whether it is a flow of OpenID Connect, whose scope carries ``openid`` (ICM profile)."""
        return self in {Flow.AUTHORIZATION_CODE, Flow.CIBA}


class ClientAuth(StrEnum):
    """How a client proves itself at a token endpoint. Agreed at onboarding, like the flow."""

    PRIVATE_KEY_JWT = "private_key_jwt"
    """CAMARA's: a signed assertion (OpenID Connect Core 9)."""
    BASIC = "basic"
    """Id and secret in a header (RFC 6749 2.3.1), which some operators give another name than ``authorization``."""
    CLIENT_SECRET_POST = "client_secret_post"  # noqa: S105 - the name of a method
    """Id and secret in the form (RFC 6749 2.3.1)."""
    APPLICATION_JWT = "application_jwt"
    """A signed statement of which application asks, as a bearer token: not a standard, and met in the wild."""
    CLIENT_SECRET_JWT = "client_secret_jwt"  # noqa: S105 - the name of a method
    TLS_CLIENT_AUTH = "tls_client_auth"
    """A client certificate (RFC 8705), which the connection carries; the form says only whose it is."""

    @property
    def built(self) -> bool:
        """Whether the kit can do it."""
        return self is not ClientAuth.CLIENT_SECRET_JWT

    @property
    def signs(self) -> bool:
        """Whether it takes our private key."""
        return self in {ClientAuth.PRIVATE_KEY_JWT, ClientAuth.APPLICATION_JWT}

    @property
    def shares(self) -> bool:
        """Whether it takes a secret that the operator knows as well."""
        return self in {ClientAuth.BASIC, ClientAuth.CLIENT_SECRET_POST, ClientAuth.CLIENT_SECRET_JWT}


class TokenHabits(msgspec.Struct, frozen=True):
    """Where an authorization server departs from CAMARA; the defaults are CAMARA's.

    ``purpose_template`` is what a form parameter ``purpose`` says, ``None`` where there is none. ``token_types`` are in
    small letters. ``headers`` go with every request. ``ttl_unsaid_s`` is how long a token is believed whose answer does
    not say, ``ttl_max_s`` how long any is. ``login_hint`` is how CIBA names a number: ``{e164}`` with its plus,
    ``{digits}`` without. ``openid`` says whether scopes of OpenID's flows carry that word, ``answers_with_issuer``
    whether an answer of the authorization endpoint without ``iss`` (RFC 9207) is refused.
    """

    grant_in_query: bool = False
    basic_header: bytes = b"authorization"
    purpose_template: str | None = None
    token_types: frozenset[str] = frozenset({"bearer"})
    headers: Headers = ()
    ttl_unsaid_s: float = 60.0
    ttl_max_s: float = 86_400.0
    login_hint: str = "tel:{e164}"
    openid: bool = True
    answers_with_issuer: bool = False

    def __repr__(self) -> str:  # a header may be a key
        return "TokenHabits(…)"


class ClientProfile(msgspec.Struct, frozen=True):
    """Who we are at one operator. ``signer`` or ``secret`` authenticates us, in the way that ``auth`` says.

    ``signs_requests`` puts what is asked of the authorization and backchannel endpoints into a signed request object;
    ``scope_template`` has ``{scopes}`` once, and ``{purpose}`` once where the purpose is a scope; empty, none is sent.
    """

    token_url: str
    client_id: str
    scope_template: str
    secret: str | None = None
    signer: AssertionSigner | None = None
    auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    habits: TokenHabits = TokenHabits()
    operator: str = ""
    issuer: str = ""
    authorize_url: str = ""
    backchannel_url: str = ""
    redirect_uri: str | None = None
    signs_requests: bool = False

    def __repr__(self) -> str:
        return f"ClientProfile({self.client_id} at {self.token_url})"


class TokenWanted(msgspec.Struct, frozen=True):
    """What a token must be good for, which is also its key in the cache of one operator and one client.

    ``subject`` is ``tel:…`` or ``operatortoken:…``, ``None`` for two-legged tokens. ``tenant`` and ``consumer`` are on
    whose behalf: what a person permitted one application is no other's. ``single_use`` tokens are neither kept nor
    shared: number verification's are spent by one call. ``proof`` is what came back from the person's device.
    ``bound_to`` is the one thing that a person is asked to approve, in words of ours that no operator sees.
    """

    flow: Flow
    subject: str | None
    purpose: str
    scopes: tuple[str, ...]
    single_use: bool = False
    tenant: str = ""
    consumer: str = ""
    proof: CeremonyProof | None = None
    bound_to: str = ""

    def __repr__(self) -> str:  # the subject is a number or a token
        return f"TokenWanted({self.flow}, {self.scopes})"


class TokenLimits(msgspec.Struct, frozen=True):
    """Seconds that one token request may take, and how many tokens are kept.

    ``asked_hold_s`` is how long nobody is asked again when it is not known whether a person was; ``quiet_s`` how long
    after a person said no, did not answer, or is not known.
    """

    request_timeout_s: float = 1.2
    tokens_max: int = 10_000
    asked_hold_s: float = 120.0
    quiet_s: float = 300.0
