"""One network API of one operator, bound to one question: token, headers, identifier, limits, errors in one place."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from broker.adapter_kit.adapter import OperatorFault, SignalQuery
from broker.adapter_kit.camara.errors import ErrorDialect, fault_of
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.instruments import Order
from broker.adapter_kit.oauth import Flow, TokenWanted
from broker.adapter_kit.tokens import Token, TokenManager
from broker.adapter_kit.transport import Transport, WireRequest, WireResponse
from broker.adapter_kit.waiting import retry_after_s
from broker.adapter_kit.wire import Reader, malformed
from broker.clock import Clock
from broker.domain.instrument import InstrumentName
from broker.domain.signal import SignalName, Unavailability, Value, Window

T = TypeVar("T")


class IdentifierRule(StrEnum):
    """Whether a request body names the subject: by the token's kind (Commonalities 6.2), or as an operator does it."""

    BY_TOKEN = "by_token"  # noqa: S105 - the name of a rule
    ALWAYS = "always"
    NEVER = "never"


class NumberClaim(StrEnum):
    """How number-verification is told which number is claimed; a hash is SHA-256 in hexadecimal."""

    PLAIN = "plain"
    SHA256 = "sha256"
    """Of the number with its ``+``, as CAMARA writes it."""
    SHA256_WITHOUT_PLUS = "sha256_without_plus"
    """Release 0.3.1 leaves the ``+`` to the operator."""


class Terms(msgspec.Struct, frozen=True):
    """How one operator offers one API: from its manifest and settings, ready for use.

    ``url`` is the API's root without a trailing slash; ``scopes`` maps each operation that is offered to its scope, and
    ``paths`` to what stands after the root, where that is not ``/`` and its name. ``headers`` go with every request.
    Times are in seconds, ``radius_min_m`` in metres. ``sentinel_dates`` maps texts that stand in for a date to what
    they mean: ``no_event`` (as ``null``) or ``no_data``; ``boolean_texts`` does so for booleans.
    ``media_types``, in small letters, are what the operator calls JSON. ``capture_hosts`` are the hosts to which a
    person may be sent to give consent.
    """

    url: str
    flow: Flow
    scopes: Mapping[str, str]
    attempt_timeout_s: float
    identifier: IdentifierRule = IdentifierRule.BY_TOKEN
    phone_plus: bool = True
    number_claim: NumberClaim = NumberClaim.PLAIN
    echo_required: bool = True
    window_max_s: float = 2400 * 3600.0
    window_fallback_s: float = 168 * 3600.0
    radius_min_m: float = 2000.0
    location_age_max_s: float = 3600.0
    sentinel_dates: Mapping[str, str] = {}
    boolean_texts: Mapping[str, bool] = {}
    media_types: frozenset[str] = frozenset({"application/json"})
    paths: Mapping[str, str] = {}
    headers: Headers = ()
    capture_hosts: frozenset[str] = frozenset()
    errors: ErrorDialect = ErrorDialect()

    def scopes_for(self, operation: str) -> tuple[str, ...]:
        """The scopes of a token for an operation.

        Where a person takes part, one token serves every operation: nobody is asked twice for one question.
        """
        if self.flow.of_openid:
            return tuple(dict.fromkeys(scope for scopes in self.scopes.values() for scope in scopes.split()))
        return tuple(self.scopes[operation].split())

    def __repr__(self) -> str:  # a header may be a key
        return f"Terms({self.flow} at {self.url})"


class Reading(msgspec.Struct, frozen=True):
    """What an API said, in the broker's words: the value, and the window that it covers where there is one."""

    value: Value
    window: Window | None = None


class ApiVersion(msgspec.Struct, frozen=True):
    """One released version of one CAMARA API, as the kit implements it.

    ``scopes`` maps operations (the last part of their path) to the scope each needs. ``base_path`` is ``None`` where
    the release leaves it to the operator. ``not_found`` is what 404 ``NOT_FOUND`` means in it. ``flows`` are the grants
    whose tokens the API can be asked with at all; ``single_use`` says that a token is spent by one call, and
    ``compares_owner`` that the answer is whether the token's owner has the number, whoever that is.
    ``from_notes`` marks what is written from release notes, the definition not being at hand.
    """

    signal: SignalName
    api: str
    version: str
    base_path: str | None
    scopes: Mapping[str, str]
    ask: "Callable[[ApiLine], Awaitable[Reading]]"
    not_found: Unavailability = Unavailability.UNSUPPORTED
    identifier: IdentifierRule = IdentifierRule.BY_TOKEN
    flows: frozenset[Flow] = frozenset(Flow)
    single_use: bool = False
    from_notes: bool = False
    compares_owner: bool = False


def all_scopes(terms: Terms, _order: object) -> tuple[str, ...]:
    """Those of every operation that is offered."""
    return tuple(dict.fromkeys(scope for scopes in terms.scopes.values() for scope in scopes.split()))


class InstrumentVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One released version of an API that serves as an instrument, in the words of :class:`ApiVersion`.

    ``carry_out`` gets the line and the order. ``discloses`` marks what tells personal data in clear. ``scopes_of`` are
    the scopes that an order takes.
    """

    instrument: InstrumentName
    api: str
    version: str
    base_path: str
    scopes: Mapping[str, str]
    carry_out: "Callable[[Line, Any], Awaitable[Any]]"
    scopes_of: Callable[[Terms, Any], tuple[str, ...]] = all_scopes
    not_found: Unavailability = Unavailability.UNSUPPORTED
    identifier: IdentifierRule = IdentifierRule.BY_TOKEN
    flows: frozenset[Flow] = frozenset(Flow)
    single_use: bool = False
    discloses: bool = False
    from_notes: bool = False
    compares_owner: bool = False


class BoundApi(msgspec.Struct, frozen=True):
    """An API at an operator with everything that asking takes."""

    version: ApiVersion
    terms: Terms
    transport: Transport
    tokens: TokenManager
    clock: Clock


class BoundInstrument(msgspec.Struct, frozen=True):
    """The same of an API that serves as an instrument."""

    version: InstrumentVersion
    terms: Terms
    transport: Transport
    tokens: TokenManager
    clock: Clock


class Line:
    """A bound API and one question or order about one subject. Made for it and thrown away with it."""

    def __init__(self, bound: BoundApi | BoundInstrument, asking: SignalQuery | Order[Any]) -> None:
        self.terms = bound.terms
        self.clock = bound.clock
        self.downgraded = False
        """Whether a token came that is not bound to our key although we asked for that."""
        self._bound = bound
        self._asking = asking

    @property
    def identifier(self) -> str | None:
        """The number as this operator writes it; ``None`` where the token names the subject and the body must not."""
        rule = self.terms.identifier
        absent = rule is IdentifierRule.NEVER or (rule is IdentifierRule.BY_TOKEN and self.terms.flow.three_legged)
        return None if absent else self.phone

    @property
    def phone(self) -> str:
        """The number as this operator writes it."""
        return self._asking.phone.e164 if self.terms.phone_plus else self._asking.phone.e164.removeprefix("+")

    @property
    def phone_body(self) -> dict[str, object]:
        """The identifier as APIs about a number want it, or an empty object."""
        return {} if self.identifier is None else {"phoneNumber": self.identifier}

    @property
    def device_body(self) -> dict[str, object]:
        """The identifier as APIs about a device want it, or an empty object."""
        return {} if self.identifier is None else {"device": {"phoneNumber": self.identifier}}

    def offers(self, operation: str) -> bool:
        """Whether the operator's manifest has this operation."""
        return operation in self.terms.scopes

    async def post(self, operation: str, body: Mapping[str, object], reader: Reader[T]) -> T:
        """Call an operation and read its documented success, which is 200.

        Raises:
            OperatorFault: anything but that success, with its typed reason.
        """
        return self.read(await self.call(operation, body), reader)

    def read(self, response: WireResponse, reader: Reader[T]) -> T:
        """Read an answer as this operator writes it.

        Raises:
            OperatorFault: *malformed*.
        """
        self._check_media_type(response)
        return reader.read(response.body, self.terms.boolean_texts, self._asking.phone.e164)

    async def call(
        self,
        operation: str,
        body: Mapping[str, object],
        *,
        done: Collection[int] = (HTTPStatus.OK,),
        scopes: tuple[str, ...] | None = None,
    ) -> WireResponse:
        """Call an operation (``check`` posts to ``…/check``), which succeeds with one of the statuses ``done``.

        A 401 drops the token and is tried again once with a new one, unless the token can be used only once. ``scopes``
        replace the operation's own.

        Raises:
            OperatorFault: anything but that success, with its typed reason.
        """
        if not self.offers(operation):
            raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.NOT_OFFERED)
        content = msgspec.json.encode(body)
        wanted = self._wanted(scopes or self.terms.scopes_for(operation))
        token = await self._token(wanted)
        response = await self._send(operation, token, content)
        if response.status == HTTPStatus.UNAUTHORIZED and token is not None and not wanted.single_use:
            self._bound.tokens.invalidate(wanted, token)
            response = await self._send(operation, await self._token(wanted), content)
        if response.status not in done:
            fault = fault_of(response.status, response.body, self._bound.version.not_found, self.terms.errors)
            fault.retry_after_s = retry_after_s(response.headers, self.clock.now())
            raise fault
        self._check_echo(response)
        return response

    def _wanted(self, scopes: tuple[str, ...]) -> TokenWanted:
        return TokenWanted(
            flow=self.terms.flow,
            subject=self._subject(),
            purpose=self._asking.purpose,
            scopes=scopes,
            single_use=self._bound.version.single_use,
            tenant=self._asking.tenant,
            consumer=self._asking.consumer,
            proof=self._asking.proof if self.terms.flow is Flow.AUTHORIZATION_CODE else None,
        )

    def _subject(self) -> str | None:
        flow, proves = self.terms.flow, self._bound.version.compares_owner
        if flow in {Flow.CLIENT_CREDENTIALS, Flow.API_KEY}:
            return None
        if flow is Flow.AUTHORIZATION_CODE:
            if self._asking.proof is None:
                raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_CEREMONY)
            return None
        if flow is Flow.JWT_BEARER_TEL or (flow is Flow.CIBA and not proves):
            return f"tel:{self._asking.phone.e164}"
        # Defensive: an API that proves possession is asked with the SIM's own token; a number would vouch for itself.
        if not self._asking.operator_token:
            raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_OPERATOR_TOKEN)
        return f"operatortoken:{self._asking.operator_token}"

    async def _token(self, wanted: TokenWanted) -> Token | None:
        """A token, or ``None`` where the operator's key does without."""
        if self.terms.flow is Flow.API_KEY:
            return None
        token = await self._bound.tokens.token(wanted, deadline_s=self._asking.patience_s)
        self.downgraded = self.downgraded or token.downgraded
        return token

    async def _send(self, operation: str, token: Token | None, content: bytes) -> WireResponse:
        """Send, and once more where only a nonce was missing: then the API has not looked at the question yet."""
        url = f"{self.terms.url}{self.terms.paths.get(operation, f'/{operation}')}"
        response = await self._send_once(url, token, content)
        if token is not None and self._bound.tokens.wants_nonce(token, url, response):
            response = await self._send_once(url, token, content)
        return response

    async def _send_once(self, url: str, token: Token | None, content: bytes) -> WireResponse:
        shown = () if token is None else self._bound.tokens.shown(token, "POST", url, content)
        headers = (
            *shown,
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"x-correlator", self._asking.correlator.encode("ascii")),
            *self.terms.headers,
        )
        left_s = self._asking.deadline_s - self.clock.monotonic_s()
        request = WireRequest("POST", url, headers, content)
        return await self._bound.transport.send(request, timeout_s=min(self.terms.attempt_timeout_s, left_s))

    def _check_echo(self, response: WireResponse) -> None:
        """Defensive: an answer that carries another correlator, or none where CAMARA demands it, may be another's."""
        echo = response.headers.get("x-correlator")
        if echo != self._asking.correlator and (echo is not None or self.terms.echo_required):
            raise malformed(KitCode.CORRELATOR_MISMATCH)

    def _check_media_type(self, response: WireResponse) -> None:
        """Defensive: what calls itself a page or a file was not made by the API, even if it parses."""
        named = response.headers.get("content-type")
        if named is not None and named.partition(";")[0].strip().lower() not in self.terms.media_types:
            raise malformed(KitCode.MEDIA_TYPE_UNKNOWN)


class ApiLine(Line):
    """A line with the whole question, for the modules that read signals."""

    def __init__(self, bound: BoundApi, query: SignalQuery) -> None:
        super().__init__(bound, query)
        self.query = query
