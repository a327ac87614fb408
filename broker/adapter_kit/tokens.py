"""The tokens of one client at one operator: fetched once for all who wait, renewed early, never kept where spent."""

import asyncio
from collections import OrderedDict
from random import Random

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.ciba import Ciba, PendingMemory
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.headers import Headers
from broker.adapter_kit.oauth import ClientProfile, Flow, TokenLimits, TokenWanted
from broker.adapter_kit.oauth_answers import Granted
from broker.adapter_kit.prompts import Prompts
from broker.adapter_kit.token_endpoint import TokenEndpoint, form_of
from broker.adapter_kit.transport import Transport, WireResponse
from broker.clock import Clock
from broker.domain.signal import Unavailability


class Token(msgspec.Struct, frozen=True):
    """A token that is good now.

    ``bound`` says that it is of use only with our key; ``downgraded`` that we asked for that and got a plain one.
    """

    value: str
    bound: bool = False
    downgraded: bool = False

    def __repr__(self) -> str:
        return f"Token(…, bound={self.bound})"


class _Kept(msgspec.Struct):
    """A token in the cache. Instants are the clock's monotonic seconds."""

    token: Token
    refresh_at_s: float
    usable_until_s: float

    def __repr__(self) -> str:
        return "_Kept(…)"


def two_legged(
    profile: ClientProfile, transport: Transport, clock: Clock, random: Random, limits: TokenLimits
) -> "TokenManager":
    """A manager for a client that never asks about a person."""
    endpoint = TokenEndpoint(profile, transport, limits.request_timeout_s)

    def nobody(_tenant: str, _content: bytes) -> bytes:
        raise OperatorFault(Unavailability.UNSUPPORTED, KitCode.NOT_OFFERED)

    return TokenManager(endpoint, Ciba(endpoint, PendingMemory(), nobody, clock, limits), clock, random, limits)


class TokenManager:
    """Tokens of one client at one operator: fetched once for all who wait, renewed before they end, dropped on 401."""

    def __init__(self, endpoint: TokenEndpoint, ciba: Ciba, clock: Clock, random: Random, limits: TokenLimits) -> None:
        self._endpoint = endpoint
        self._ciba = ciba
        self._clock = clock
        self._random = random
        self._limits = limits
        self._kept: OrderedDict[TokenWanted, _Kept] = OrderedDict()
        self._fetching: dict[TokenWanted, asyncio.Task[Token]] = {}

    async def token(self, wanted: TokenWanted, *, deadline_s: float) -> Token:
        """A token that is good now. Waits until ``deadline_s`` (monotonic) at most.

        Raises:
            OperatorFault: *timeout*, or why the operator gave none; all who waited for one request get the same reason.
        """
        if wanted.single_use or wanted.proof is not None:
            return self._token(await self._ask(wanted, self._time_left(deadline_s)))
        kept = self._kept.get(wanted)
        now_s = self._clock.monotonic_s()
        if kept is None or now_s >= kept.usable_until_s:
            return await self._await_shared(wanted, deadline_s)
        self._kept.move_to_end(wanted)
        # Defensive: renewing early must never make a phone ring for nobody, so CIBA waits for a question.
        if now_s >= kept.refresh_at_s and wanted not in self._fetching and wanted.flow is not Flow.CIBA:
            # Should this attempt fail, the next waits for half of what is left, and not for the next caller.
            kept.refresh_at_s = (now_s + kept.usable_until_s) / 2
            self._fetch(wanted)
        return kept.token

    def invalidate(self, wanted: TokenWanted, token: Token) -> None:
        """Forget a token that the API refused, unless another has taken its place meanwhile."""
        kept = self._kept.get(wanted)
        if kept is not None and kept.token == token:
            del self._kept[wanted]

    def shown(self, token: Token, method: str, url: str, body: bytes) -> Headers:
        """The header fields that show a token to an API, with the proof that it is bound to."""
        prover = self._endpoint.prover
        if not token.bound or prover is None:
            return ((b"authorization", b"Bearer " + token.value.encode("ascii")),)
        proof = prover.headers(method, url, token=token.value, body=body)
        return ((b"authorization", b"DPoP " + token.value.encode("ascii")), *proof)

    def wants_nonce(self, token: Token, url: str, response: WireResponse) -> bool:
        """Whether an API refused the proof for want of a nonce that it gives, and not the token."""
        prover = self._endpoint.prover
        return prover is not None and prover.learn(url, response) and token.bound

    def prompts(self, operator: str, scope: str) -> Prompts:
        """Asking people for a scope; the token in which a yes comes is not kept."""
        return Prompts(self._ciba, operator, scope, self._clock.monotonic_s)

    async def aclose(self) -> None:
        """Give up requests under way."""
        tasks = tuple(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _await_shared(self, wanted: TokenWanted, deadline_s: float) -> Token:
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

    def _fetch(self, wanted: TokenWanted) -> asyncio.Task[Token]:
        task = asyncio.get_running_loop().create_task(self._fetch_and_keep(wanted))
        self._fetching[wanted] = task
        task.add_done_callback(lambda done: self._settle(wanted, done))
        return task

    def _settle(self, wanted: TokenWanted, done: asyncio.Task[Token]) -> None:
        self._fetching.pop(wanted, None)
        if not done.cancelled():
            done.exception()  # Everybody may have stopped waiting; asyncio would then complain about a lost exception.

    async def _fetch_and_keep(self, wanted: TokenWanted) -> Token:
        granted = await self._ask(wanted, self._limits.request_timeout_s)
        token = self._token(granted)
        habits = self._endpoint.profile.habits
        ttl_s = min(habits.ttl_unsaid_s if granted.ttl_s is None else granted.ttl_s, habits.ttl_max_s)
        now_s = self._clock.monotonic_s()
        # Jitter, so that the tokens of a busy minute do not all come due in another one.
        refresh_at_s = now_s + ttl_s * (0.7 + 0.2 * self._random.random())
        self._kept[wanted] = _Kept(token, refresh_at_s, now_s + ttl_s * 0.95)
        self._kept.move_to_end(wanted)
        while len(self._kept) > self._limits.tokens_max:
            self._kept.popitem(last=False)
        return token

    def _token(self, granted: Granted) -> Token:
        asked = self._endpoint.prover is not None
        return Token(granted.value, granted.bound, downgraded=asked and not granted.bound)

    async def _ask(self, wanted: TokenWanted, timeout_s: float) -> Granted:
        if wanted.flow is Flow.CIBA:
            return await self._ciba.token(wanted, timeout_s)
        return await self._endpoint.redeem(wanted, form_of(self._endpoint.profile, wanted), timeout_s)

    def _time_left(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise OperatorFault(Unavailability.TIMEOUT, KitCode.DEADLINE)
        return left_s
