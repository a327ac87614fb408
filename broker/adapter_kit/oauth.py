"""Access tokens from operators: the grants that a server can use alone, cached per subject, purpose and scope.

Client credentials (RFC 6749 4.4) give two-legged tokens, JWT bearer (RFC 7523) with ``tel:`` or ``operatortoken:``
three-legged ones. Authorization code and CIBA need the person's device and are declared, not built.
"""

import asyncio
import base64
import re
from collections import OrderedDict
from enum import StrEnum
from random import Random
from urllib.parse import quote_plus, urlencode

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.assertions import AssertionSigner
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.oauth_answers import Granted, read_grant
from broker.adapter_kit.transport import Transport, WireRequest
from broker.adapter_kit.waiting import retry_after_s
from broker.clock import Clock
from broker.domain.signal import Unavailability

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HEADERS = ((b"content-type", b"application/x-www-form-urlencoded"), (b"accept", b"application/json"))
_PURPOSE = re.compile(r"[A-Za-z0-9]{1,64}")


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
    def built(self) -> bool:
        """Whether a server can use it alone."""
        return self not in {Flow.AUTHORIZATION_CODE, Flow.CIBA}


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
    """A client certificate (RFC 8705)."""

    @property
    def built(self) -> bool:
        """Whether the kit can do it."""
        return self not in {ClientAuth.CLIENT_SECRET_JWT, ClientAuth.TLS_CLIENT_AUTH}


class TokenHabits(msgspec.Struct, frozen=True):
    """Where an authorization server departs from CAMARA; the defaults are CAMARA's.

    ``purpose_template`` is what a form parameter ``purpose`` says, ``None`` where there is none. ``token_types`` are in
    small letters. ``headers`` go with every request. ``ttl_unsaid_s`` is how long a token is believed whose answer does
    not say, ``ttl_max_s`` how long any is.
    """

    grant_in_query: bool = False
    basic_header: bytes = b"authorization"
    purpose_template: str | None = None
    token_types: frozenset[str] = frozenset({"bearer"})
    headers: Headers = ()
    ttl_unsaid_s: float = 60.0
    ttl_max_s: float = 86_400.0

    def __repr__(self) -> str:  # a header may be a key
        return "TokenHabits(…)"


class ClientProfile(msgspec.Struct, frozen=True):
    """Who we are at one operator. ``signer`` or ``secret`` authenticates us, in the way that ``auth`` says.

    ``scope_template`` has ``{scopes}`` once, and ``{purpose}`` once where the purpose is a scope; empty, none is sent.
    """

    token_url: str
    client_id: str
    scope_template: str
    secret: str | None = None
    signer: AssertionSigner | None = None
    auth: ClientAuth = ClientAuth.PRIVATE_KEY_JWT
    habits: TokenHabits = TokenHabits()

    def __repr__(self) -> str:
        return f"ClientProfile({self.client_id} at {self.token_url})"


class TokenWanted(msgspec.Struct, frozen=True):
    """What a token must be good for, which is also its key in the cache of one operator and one client.

    ``subject`` is ``tel:…`` or ``operatortoken:…``, ``None`` for two-legged tokens. ``single_use`` tokens are neither
    kept nor shared: number verification's are spent by one call.
    """

    flow: Flow
    subject: str | None
    purpose: str
    scopes: tuple[str, ...]
    single_use: bool = False

    def __repr__(self) -> str:  # the subject is a number or a token
        return f"TokenWanted({self.flow}, {self.scopes})"


class TokenLimits(msgspec.Struct, frozen=True):
    """Seconds that one token request may take, and how many tokens are kept."""

    request_timeout_s: float = 1.2
    tokens_max: int = 10_000


class _Kept(msgspec.Struct):
    """A token in the cache. Instants are the clock's monotonic seconds."""

    value: str
    refresh_at_s: float
    usable_until_s: float

    def __repr__(self) -> str:
        return "_Kept(…)"


class TokenManager:
    """Tokens of one client at one operator: fetched once for all who wait, renewed before they end, dropped on 401."""

    def __init__(
        self, profile: ClientProfile, transport: Transport, clock: Clock, random: Random, limits: TokenLimits
    ) -> None:
        self._profile = profile
        self._transport = transport
        self._clock = clock
        self._random = random
        self._limits = limits
        self._kept: OrderedDict[TokenWanted, _Kept] = OrderedDict()
        self._fetching: dict[TokenWanted, asyncio.Task[str]] = {}

    async def token(self, wanted: TokenWanted, *, deadline_s: float) -> str:
        """A token that is good now. Waits until ``deadline_s`` (monotonic) at most.

        Raises:
            OperatorFault: *timeout*, or why the operator gave none; all who waited for one request get the same reason.
        """
        if wanted.single_use:
            return (await self._ask(wanted, self._time_left(deadline_s))).value
        kept = self._kept.get(wanted)
        now_s = self._clock.monotonic_s()
        if kept is None or now_s >= kept.usable_until_s:
            return await self._await_shared(wanted, deadline_s)
        self._kept.move_to_end(wanted)
        if now_s >= kept.refresh_at_s and wanted not in self._fetching:
            # Should this attempt fail, the next waits for half of what is left, and not for the next caller.
            kept.refresh_at_s = (now_s + kept.usable_until_s) / 2
            self._fetch(wanted)
        return kept.value

    def invalidate(self, wanted: TokenWanted, token: str) -> None:
        """Forget a token that the API refused, unless another has taken its place meanwhile."""
        kept = self._kept.get(wanted)
        if kept is not None and kept.value == token:
            del self._kept[wanted]

    async def aclose(self) -> None:
        """Give up requests under way."""
        tasks = tuple(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _await_shared(self, wanted: TokenWanted, deadline_s: float) -> str:
        """The one request under way for this key. It outlives whoever started it: others wait for it too."""
        task = self._fetching.get(wanted) or self._fetch(wanted)
        await asyncio.wait((task,), timeout=self._time_left(deadline_s))
        if not task.done():
            raise OperatorFault(Unavailability.TIMEOUT, KitCode.DEADLINE)
        if task.cancelled():
            raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.TRANSPORT_FAILED)
        try:
            return task.result()
        except OperatorFault as fault:
            # A fresh one for each: an exception shared by many collects the traceback of all of them.
            raise OperatorFault(
                fault.reason, fault.code, status=fault.status, retry_after_s=fault.retry_after_s
            ) from fault

    def _fetch(self, wanted: TokenWanted) -> asyncio.Task[str]:
        task = asyncio.get_running_loop().create_task(self._fetch_and_keep(wanted))
        self._fetching[wanted] = task
        task.add_done_callback(lambda done: self._settle(wanted, done))
        return task

    def _settle(self, wanted: TokenWanted, done: asyncio.Task[str]) -> None:
        self._fetching.pop(wanted, None)
        if not done.cancelled():
            done.exception()  # Everybody may have stopped waiting; asyncio would then complain about a lost exception.

    async def _fetch_and_keep(self, wanted: TokenWanted) -> str:
        granted = await self._ask(wanted, self._limits.request_timeout_s)
        habits = self._profile.habits
        ttl_s = min(habits.ttl_unsaid_s if granted.ttl_s is None else granted.ttl_s, habits.ttl_max_s)
        now_s = self._clock.monotonic_s()
        # Jitter, so that the tokens of a busy minute do not all come due in another one.
        refresh_at_s = now_s + ttl_s * (0.7 + 0.2 * self._random.random())
        self._kept[wanted] = _Kept(granted.value, refresh_at_s, now_s + ttl_s * 0.95)
        self._kept.move_to_end(wanted)
        while len(self._kept) > self._limits.tokens_max:
            self._kept.popitem(last=False)
        return granted.value

    async def _ask(self, wanted: TokenWanted, timeout_s: float) -> Granted:
        scope = self._scope(wanted)
        headers, form = self._request(wanted, scope)
        url = self._profile.token_url
        if self._profile.habits.grant_in_query:
            url = f"{url}?{urlencode({'grant_type': form.pop('grant_type')})}"
        request = WireRequest("POST", url, headers, urlencode(form).encode("ascii"))
        response = await self._transport.send(request, timeout_s=min(timeout_s, self._limits.request_timeout_s))
        try:
            return read_grant(response, scope, self._profile.habits.token_types)
        except OperatorFault as fault:
            fault.retry_after_s = retry_after_s(response.headers, self._clock.now())
            raise

    def _request(self, wanted: TokenWanted, scope: str) -> tuple[Headers, dict[str, str]]:
        profile = self._profile
        headers = (*_HEADERS, *profile.habits.headers)
        if wanted.flow in {Flow.JWT_BEARER_TEL, Flow.JWT_BEARER_OPERATOR_TOKEN}:
            if profile.signer is None or wanted.subject is None:
                raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
            # The assertion authenticates the client as well, whatever it uses for other grants (ICM profile, 1.5).
            assertion = profile.signer.bearer_assertion(profile.client_id, wanted.subject, scope)
            return headers, {"grant_type": _JWT_BEARER, "assertion": assertion}
        if wanted.flow is not Flow.CLIENT_CREDENTIALS:
            raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.FLOW_NOT_BUILT)
        form = {"grant_type": "client_credentials"}
        if scope:
            form["scope"] = scope
        if profile.habits.purpose_template is not None:
            form["purpose"] = profile.habits.purpose_template.format(purpose=wanted.purpose)
        proof_headers, proof = client_proof(profile)
        return (*headers, *proof_headers), {**form, **proof}

    def _scope(self, wanted: TokenWanted) -> str:
        """The API scopes, and exactly one purpose unless it is elsewhere, as this operator writes them."""
        if _PURPOSE.fullmatch(wanted.purpose) is None:
            # Defensive: a space in a purpose would ask for a scope of the caller's choice.
            raise OperatorFault(Unavailability.NOT_PERMITTED, KitCode.PURPOSE_INVALID)
        return self._profile.scope_template.format(purpose=wanted.purpose, scopes=" ".join(wanted.scopes))

    def _time_left(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise OperatorFault(Unavailability.TIMEOUT, KitCode.DEADLINE)
        return left_s


def client_proof(profile: ClientProfile) -> tuple[Headers, dict[str, str]]:
    """The header fields and form members that prove who we are, in the way that this operator wants.

    Raises:
        OperatorFault: *unsupported*, the way is not built; *operator_error*, a credential is not there.
    """
    if not profile.auth.built:
        raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.CLIENT_AUTH_NOT_BUILT)
    if profile.auth in {ClientAuth.BASIC, ClientAuth.CLIENT_SECRET_POST}:
        if profile.secret is None:
            raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
        if profile.auth is ClientAuth.BASIC:
            return ((profile.habits.basic_header, basic(profile.client_id, profile.secret)),), {}
        return (), {"client_id": profile.client_id, "client_secret": profile.secret}
    if profile.signer is None:
        raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
    if profile.auth is ClientAuth.APPLICATION_JWT:
        statement = profile.signer.application_statement(profile.client_id)
        return ((b"authorization", b"Bearer " + statement.encode("ascii")),), {}
    assertion = profile.signer.client_assertion(profile.client_id)
    kind = {"client_id": profile.client_id, "client_assertion_type": _CLIENT_ASSERTION}
    return (), {**kind, "client_assertion": assertion}


def basic(client_id: str, secret: str) -> bytes:
    """An ``Authorization`` value whose two parts are form-encoded first, as RFC 6749 2.3.1 asks and many forget."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return b"Basic " + base64.b64encode(pair.encode("ascii"))
