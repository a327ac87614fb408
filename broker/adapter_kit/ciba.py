"""CIBA in poll mode (OpenID CIBA Core 1.0, ICM profile): the person answers on the phone, whenever they do.

A question never waits for a person. Each one takes a single step: ask the person, or ask the operator whether they have
answered; *late* while they have not. What was asked is remembered outside of the process, so that neither a restart nor
another node asks the same person the same thing again. The rules, in the order in which they are tried:

* a refusal is believed for a while, and so is silence: nobody is asked again at once;
* before a person is asked, that intent is written down. Should we die, or hear nothing, in between, nobody knows
  whether their phone rang: they are left in peace until the hold is over;
* between two polls lies the interval, whoever polls: the turn is taken by compare-and-set.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Protocol

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.oauth import TokenLimits, TokenWanted
from broker.adapter_kit.oauth_answers import OAUTH_ERRORS, Granted, error_in, seconds_of
from broker.adapter_kit.token_endpoint import CIBA_GRANT, TokenEndpoint, purpose_of, scope_of
from broker.adapter_kit.transport import WireResponse
from broker.adapter_kit.wire import Reader, malformed
from broker.clock import Clock
from broker.domain.signal import Unavailability
from broker.errors import BrokerError

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,1024}")
_INTERVAL_S, _INTERVAL_S_MAX, _SLOWER_S = 5.0, 3600.0, 5.0
_EXPIRES_S_MAX = 86_400.0
# The operator has not seen the request, or refused it: nobody's phone rang.
_NOT_ASKED = frozenset({KitCode.DEADLINE, KitCode.CONNECT_TIMEOUT, KitCode.CONNECT_FAILED, KitCode.POOL_TIMEOUT})
# Answers that a person, or the number itself, has given: they are not asked again at once.
_BELIEVED = frozenset({"access_denied", "expired_token", "unknown_user_id", "consent_required"})
# After these the request id is of no more use (CIBA Core 11, ICM profile).
_DEAD = frozenset({"invalid_grant", "invalid_request"})


class PendingKey(msgspec.Struct, frozen=True):
    """Whose request it is, and a digest of everything that it asks for; the number is not in it in clear."""

    tenant: str
    digest: bytes

    def __repr__(self) -> str:
        return f"PendingKey({self.tenant})"


class Pending(msgspec.Struct, frozen=True):
    """What is remembered about one request. Instants are milliseconds since the epoch.

    ``auth_req_id`` is there once the operator has answered; ``refusal`` is the code of the person's answer, if it was
    no. Until ``next_poll_ms`` nobody asks the operator, after ``expires_ms`` the person can no longer answer, and after
    ``until_ms`` all this may be forgotten.
    """

    auth_req_id: str | None
    refusal: str | None
    interval_ms: int
    next_poll_ms: int
    expires_ms: int
    until_ms: int
    heard: bool = False
    """Whether the operator ever said that it waits for the person: what was granted before that, nobody approved."""
    approved: bool = False
    """The person's yes to one thing, kept until whoever asked has written it down."""

    def __repr__(self) -> str:  # the id is good for a token, with our credentials
        return f"Pending(refusal={self.refusal}, until_ms={self.until_ms})"


class Versioned(msgspec.Struct, frozen=True):
    """A remembered request, and the number that whoever changes it must name."""

    version: int
    pending: Pending


class PendingStore(Protocol):
    """Memory that outlives the process. One row for each key."""

    async def find_pending(self, key: PendingKey) -> Versioned | None:
        """The row, over or not."""
        ...

    async def swap_pending(self, key: PendingKey, seen: int, pending: Pending | None) -> int:
        """Put a row in the place of version ``seen`` (0: there is none), or take it away.

        The version of the new row, once it is durable; 0 where another was quicker, and nothing was changed. A row that
        was taken away and came again has another version, so that nobody mistakes it for the one they knew.
        """
        ...


class PendingMemory:
    """A store for one process, for tools and tests: it forgets when the process ends."""

    def __init__(self) -> None:
        self._rows: dict[PendingKey, Versioned] = {}
        self._count = 0

    async def find_pending(self, key: PendingKey) -> Versioned | None:
        """The row, over or not."""
        return self._rows.get(key)

    async def swap_pending(self, key: PendingKey, seen: int, pending: Pending | None) -> int:
        """Compare and set, as the protocol says."""
        found = self._rows.get(key)
        if (found.version if found else 0) != seen:
            return 0
        self._count += 1
        if pending is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = Versioned(self._count, pending)
        return self._count


class _Begun(msgspec.Struct):
    auth_req_id: str
    expires_in: int | float | str
    interval: int | float | str | None = None


_BEGUN = Reader(_Begun)
Digest = Callable[[str, bytes], bytes]
"""A keyed digest of 32 bytes, another one for each tenant: a plain hash of a number is the number."""


class Ciba:
    """The CIBA requests of one client at one operator."""

    def __init__(
        self, endpoint: TokenEndpoint, store: PendingStore, digest: Digest, clock: Clock, limits: TokenLimits
    ) -> None:
        self._endpoint = endpoint
        self._store = store
        self._digest = digest
        self._clock = clock
        self._limits = limits

    async def token(self, wanted: TokenWanted, timeout_s: float) -> Granted:
        """One step towards a token: the token, if the person has said yes (or need not be asked).

        Raises:
            OperatorFault: *late* while they have not answered; else why there will be none.
        """
        key = self._key(wanted)
        found = await self._found(wanted, key, timeout_s)
        self._require_due(found.pending)
        granted, version, _ = await self._poll(wanted, key, found, timeout_s)
        # The token is here. A row that cannot be taken away now is found dead by the next poll, and goes then.
        with suppress(BrokerError):
            await self._store.swap_pending(key, version, None)
        return granted

    async def ask(self, wanted: TokenWanted, timeout_s: float) -> bool:
        """Have the operator ask the person; whether it got the request by this very call, and not before.

        Raises:
            OperatorFault: it did not take the request; *late* while nobody knows whether it has.
        """
        key = self._key(wanted)
        found = await self._store.find_pending(key)
        if found is None or found.pending.until_ms <= self._now_ms():
            await self._begin(wanted, key, 0 if found is None else found.version, timeout_s)
            return True
        if found.pending.auth_req_id is None and found.pending.refusal is None:
            raise _not_yet()
        return False

    async def approval(self, wanted: TokenWanted, timeout_s: float) -> bool:
        """One step towards the person's yes to what they were asked; the token that says so is thrown away.

        False where the operator gave it without asking anybody: it had a consent, and that is no answer to this.

        Raises:
            OperatorFault: *late* while they have not answered; else why there will be no yes.
        """
        key = self._key(wanted)
        found = await self._store.find_pending(key)
        if found is None or found.pending.until_ms <= self._now_ms():
            raise OperatorFault(OAUTH_ERRORS["expired_token"], "expired_token")
        if not found.pending.approved:
            self._require_due(found.pending)
            _, version, pending = await self._poll(wanted, key, found, timeout_s)
            # Should we die before this is written, the next poll finds the request used up, and nobody is asked again.
            found = Versioned(version, msgspec.structs.replace(pending, approved=True))
            await self._store.swap_pending(key, version, found.pending)
        return found.pending.heard

    async def _found(self, wanted: TokenWanted, key: PendingKey, timeout_s: float) -> Versioned:
        found = await self._store.find_pending(key)
        if found is None or found.pending.until_ms <= self._now_ms():
            return await self._begin(wanted, key, 0 if found is None else found.version, timeout_s)
        return found

    def _require_due(self, pending: Pending) -> None:
        if pending.refusal is not None:
            raise OperatorFault(OAUTH_ERRORS[pending.refusal], pending.refusal)
        if pending.auth_req_id is not None and pending.expires_ms <= self._now_ms():
            raise OperatorFault(OAUTH_ERRORS["expired_token"], "expired_token")
        if pending.auth_req_id is None or self._now_ms() < pending.next_poll_ms:
            raise _not_yet()

    async def _begin(self, wanted: TokenWanted, key: PendingKey, seen: int, timeout_s: float) -> Versioned:
        """Ask the person, once this is written down."""
        now_ms = self._now_ms()
        hold_ms = now_ms + round(self._limits.asked_hold_s * 1000)
        intent = Pending(None, None, 0, hold_ms, hold_ms, hold_ms)
        version = await self._store.swap_pending(key, seen, intent)
        if not version:
            raise _not_yet()
        try:
            pending = self._read(await self._ask(wanted, timeout_s))
        except OperatorFault as fault:
            await self._give_up(key, version, fault)
            raise
        return Versioned(await self._store.swap_pending(key, version, pending), pending)

    async def _ask(self, wanted: TokenWanted, timeout_s: float) -> WireResponse:
        profile = self._endpoint.profile
        asked = {"scope": scope_of(profile, wanted), "login_hint": self._hint(wanted), **purpose_of(profile, wanted)}
        signer = profile.signer if profile.signs_requests else None

        def form() -> dict[str, str]:
            if signer is None:
                return dict(asked)
            return {"request": signer.request_object(profile.client_id, asked, profile.backchannel_url)}

        return await self._endpoint.post(profile.backchannel_url, form, timeout_s)

    def _read(self, response: WireResponse) -> Pending:
        fault = error_in(response)
        if fault is not None:
            raise fault
        try:
            begun = _BEGUN.read(response.body)
        except OperatorFault as error:
            raise malformed(KitCode.BACKCHANNEL_MALFORMED) from error
        expires_s = seconds_of(begun.expires_in)
        interval_s = _INTERVAL_S if begun.interval is None else seconds_of(begun.interval)
        if _REQUEST_ID.fullmatch(begun.auth_req_id) is None or not expires_s or interval_s is None:
            raise malformed(KitCode.BACKCHANNEL_MALFORMED)
        now_ms = self._now_ms()
        expires_ms = now_ms + round(min(expires_s, _EXPIRES_S_MAX) * 1000)
        interval_ms = round(min(interval_s, _INTERVAL_S_MAX) * 1000)
        until_ms = expires_ms + round(self._limits.quiet_s * 1000)
        # With the consent on file the first poll may succeed, and nothing forbids to send it at once.
        return Pending(begun.auth_req_id, None, interval_ms, now_ms, expires_ms, until_ms)

    async def _give_up(self, key: PendingKey, version: int, fault: OperatorFault) -> None:
        """Forget the intent where surely nobody was asked; else the hold stays."""
        if fault.code in _BELIEVED:
            await self._store.swap_pending(key, version, self._refused(fault.code))
        elif fault.code in _NOT_ASKED or (fault.status or HTTPStatus.OK) >= HTTPStatus.BAD_REQUEST:
            await self._store.swap_pending(key, version, None)

    async def _poll(
        self, wanted: TokenWanted, key: PendingKey, found: Versioned, timeout_s: float
    ) -> tuple[Granted, int, Pending]:
        """The grant, and the row as it was when it came."""
        pending = self._later(found.pending, found.pending.interval_ms)
        version = await self._store.swap_pending(key, found.version, pending)
        if not version:
            raise _not_yet()
        auth_req_id = pending.auth_req_id or ""
        try:
            granted = await self._endpoint.redeem(
                wanted, lambda: {"grant_type": CIBA_GRANT, "auth_req_id": auth_req_id}, timeout_s
            )
        except OperatorFault as fault:
            await self._note(key, version, pending, fault)
            raise _not_yet() if fault.reason is Unavailability.LATE else fault from fault
        return granted, version, pending

    async def _note(self, key: PendingKey, version: int, pending: Pending, fault: OperatorFault) -> None:
        """What a poll without a token changes."""
        if fault.code == "slow_down":
            slower_ms = min(pending.interval_ms + _SLOWER_S * 1000, _INTERVAL_S_MAX * 1000)
            slower = msgspec.structs.replace(self._later(pending, round(slower_ms)), heard=True)
            await self._store.swap_pending(key, version, slower)
        elif fault.code == "authorization_pending" and not pending.heard:
            await self._store.swap_pending(key, version, msgspec.structs.replace(pending, heard=True))
        elif fault.code in _BELIEVED:
            await self._store.swap_pending(key, version, self._refused(fault.code))
        elif fault.code in _DEAD:
            await self._store.swap_pending(key, version, None)

    def _later(self, pending: Pending, interval_ms: int) -> Pending:
        return msgspec.structs.replace(
            pending, interval_ms=interval_ms, next_poll_ms=self._now_ms() + max(interval_ms, 1)
        )

    def _refused(self, code: str) -> Pending:
        until_ms = self._now_ms() + round(self._limits.quiet_s * 1000)
        return Pending(None, code, 0, until_ms, until_ms, until_ms)

    def _hint(self, wanted: TokenWanted) -> str:
        if wanted.subject is None:
            raise OperatorFault(Unavailability.OPERATOR_ERROR, KitCode.INTERNAL)
        form, _, value = wanted.subject.partition(":")
        if form != "tel":
            return wanted.subject
        return self._endpoint.profile.habits.login_hint.format(e164=value, digits=value.removeprefix("+"))

    def _key(self, wanted: TokenWanted) -> PendingKey:
        parts = (self._endpoint.profile.operator, wanted.consumer, wanted.subject, wanted.purpose, *wanted.scopes)
        content = msgspec.json.encode((wanted.flow, *parts, *([{"for": wanted.bound_to}] if wanted.bound_to else [])))
        return PendingKey(wanted.tenant, self._digest(wanted.tenant, content))

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _not_yet() -> OperatorFault:
    return OperatorFault(Unavailability.LATE, KitCode.PERSON_ASKED)
