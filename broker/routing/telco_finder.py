"""The GSMA's Telco Finder: who serves this number now? One search, quick or authoritative, with a token of its own.

``POST /telco-finder/v1/search`` (GSMA Open Gateway, routing). SHALLOW answers from what the finder has stored and may
be stale; DEEP asks whoever knows, takes longer and costs more.
"""

from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.assertions import AssertionSigner, AssertionStyle, SigningAlgorithm, import_signing_key
from broker.adapter_kit.camara.errors import fault_of
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.deployment import SecretRef, Url
from broker.adapter_kit.oauth import ClientAuth, ClientProfile, Flow, TokenLimits, TokenWanted
from broker.adapter_kit.tokens import Token, two_legged
from broker.adapter_kit.toml_files import read_toml
from broker.adapter_kit.transport import Transport, WireRequest, WireResponse
from broker.adapter_kit.wire import Reader, malformed
from broker.clock import Clock
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Unavailability
from broker.errors import Misconfigured

_OPERATOR_ID_CHARS_MAX = 100
_TOKENS_MAX = 100
_FAILURES_IN_ROW = 3
_OURS_TO_WAIT = frozenset({Unavailability.TIMEOUT, Unavailability.OPERATOR_ERROR, Unavailability.MALFORMED})


class FinderSettings(BaseModel):
    """``config/routing/finder.toml``: where the finder is, and who we are there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Url
    token_url: Url
    client_id: str = Field(pattern=r"^[!-~]+$", max_length=200)
    client_auth: Literal["private_key_jwt", "basic"] = "private_key_jwt"
    client_key: SecretRef | None = None
    client_secret: SecretRef | None = None
    assertion_alg: SigningAlgorithm = "ES256"
    scope: str = Field(default="dpv:{purpose} telco-finder:search", max_length=500)
    path: str = Field(default="/telco-finder/v1/search", pattern=r"^(/[A-Za-z0-9._-]+)+$", max_length=200)
    timeout_ms: int = Field(default=400, ge=50, le=5000)
    pause_ms: int = Field(default=5000, ge=0, le=600_000)
    """How long it is left alone after it failed three times in a row."""

    @model_validator(mode="after")
    def _credential_there(self) -> "FinderSettings":
        if (self.client_key if self.client_auth == "private_key_jwt" else self.client_secret) is None:
            raise ValueError("client_auth private_key_jwt needs client_key, basic needs client_secret")
        return self


def load_finder(path: Path) -> FinderSettings:
    """Read the settings of a finder.

    Raises:
        Misconfigured: names the file, the key and the fix.
    """
    try:
        return read_toml(FinderSettings, path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read as text") from error


class Search(msgspec.Struct, frozen=True):
    """One question to the finder; ``deep`` wants the authoritative answer."""

    phone: PhoneNumber
    deep: bool
    purpose: str
    correlator: str


class _Found(msgspec.Struct):
    operator_id: str = msgspec.field(name="operatorId")


_ANSWERS = Reader(_Found)


class TelcoFinder:
    """A client of one finder. Who fails three times in a row is left alone for a while, and nobody waits for it."""

    def __init__(self, settings: FinderSettings, transport: Transport, clock: Clock, random: Random) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        limits = TokenLimits(settings.timeout_ms / 1000, _TOKENS_MAX)
        self._tokens = two_legged(_profile(settings, clock, random), transport, clock, random, limits)
        self._failures = 0
        self._rests_until_s = 0.0

    async def search(self, search: Search) -> str:
        """The id of the operator that serves the number, as the finder writes it.

        Raises:
            OperatorFault: *unknown_subscriber*: nobody has this number; *not_applicable*: somebody has, and cannot be
                asked; anything else: the finder gave no usable answer.
        """
        now_s = self._clock.monotonic_s()
        if now_s < self._rests_until_s:
            raise OperatorFault(Unavailability.BREAKER_OPEN, KitCode.BREAKER_OPEN)
        try:
            found = await self._ask(search, now_s + self._settings.timeout_ms / 1000)
        except OperatorFault as fault:
            self._count(failed=fault.reason in _OURS_TO_WAIT)
            raise
        self._count(failed=False)
        return found

    async def aclose(self) -> None:
        """Give up token requests and close connections."""
        await self._tokens.aclose()
        await self._transport.aclose()

    def _count(self, *, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= _FAILURES_IN_ROW:
            self._rests_until_s = self._clock.monotonic_s() + self._settings.pause_ms / 1000

    async def _ask(self, search: Search, deadline_s: float) -> str:
        wanted = TokenWanted(Flow.CLIENT_CREDENTIALS, None, search.purpose, ())
        token = await self._tokens.token(wanted, deadline_s=deadline_s)
        response = await self._send(search, token, deadline_s)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._tokens.invalidate(wanted, token)
            token = await self._tokens.token(wanted, deadline_s=deadline_s)
            response = await self._send(search, token, deadline_s)
        if response.status != HTTPStatus.OK:
            raise fault_of(response.status, response.body, Unavailability.UNKNOWN_SUBSCRIBER)
        if response.headers.get("x-correlator", search.correlator) != search.correlator:
            raise malformed(KitCode.CORRELATOR_MISMATCH)  # Defensive: it may be the answer about another number
        found = _ANSWERS.read(response.body).operator_id
        if not (0 < len(found) <= _OPERATOR_ID_CHARS_MAX and found.isascii() and found.isprintable()):
            raise malformed(KitCode.ABSURD_VALUE)
        return found

    async def _send(self, search: Search, token: Token, deadline_s: float) -> WireResponse:
        headers = (
            (b"authorization", b"Bearer " + token.value.encode("ascii")),
            (b"content-type", b"application/json"),
            (b"accept", b"application/json"),
            (b"x-correlator", search.correlator.encode("ascii")),
        )
        body = {
            "target": {"phoneNumber": search.phone.e164},
            "portabilitySearchMode": "DEEP" if search.deep else "SHALLOW",
            # Defensive: where to send tokens and numbers is written in our configuration, whatever a finder says.
            "includeApiRoot": False,
            "includeAuthProviderConfiguration": False,
        }
        url = self._settings.base_url + self._settings.path
        request = WireRequest("POST", url, headers, msgspec.json.encode(body))
        return await self._transport.send(request, timeout_s=deadline_s - self._clock.monotonic_s())


def _profile(settings: FinderSettings, clock: Clock, random: Random) -> ClientProfile:
    signer = None
    if settings.client_key is not None and settings.client_auth == "private_key_jwt":
        key = import_signing_key(settings.client_key.read(), settings.assertion_alg, str(settings.client_key))
        style = AssertionStyle(settings.assertion_alg, settings.token_url, 120)
        signer = AssertionSigner(key, None, style, clock, random)
    return ClientProfile(
        token_url=settings.token_url,
        client_id=settings.client_id,
        scope_template=settings.scope,
        secret=settings.client_secret.read() if settings.client_secret and settings.client_auth == "basic" else None,
        signer=signer,
        auth=ClientAuth.PRIVATE_KEY_JWT if settings.client_auth == "private_key_jwt" else ClientAuth.BASIC,
    )
