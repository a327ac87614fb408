"""Use a receipt, once, where the action happens; or take it back before that."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec

from broker.audit import receipts
from broker.audit.leaf import b64url
from broker.audit.receipts import Receipt, ReceiptExpired, ReceiptInvalid
from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.challenge import RefusalCode
from broker.domain.check import Action, Principal
from broker.domain.governance import Stop
from broker.domain.receipt import ReceiptFault
from broker.domain.tenancy import is_sandbox
from broker.errors import Conflict, NotFound, ReceiptRefused
from broker.storage.receipt_store import CONSUMED, REVOKED, ReceiptEnd, ReceiptStore, Standing
from broker.usecases.audit.prove_log import InclusionView, ProveLog
from broker.usecases.audit.refusals import Refusals
from broker.usecases.judgement import entry_of
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.show_check import CheckReader, own_check

_ALLOW = "allow"
State = Literal["usable", "consumed", "revoked", "expired"]


class StopReader(Protocol):
    """Where stops are kept."""

    async def stops(self, tenant: str) -> list[Stop]:
        """A tenant's stops, resumed ones too."""
        ...


class ReceiptTools(msgspec.Struct, frozen=True):
    """What using receipts works with, built once by ``bootstrap``. ``keys`` are those that verify receipts now."""

    clock: Clock
    new_id: Callable[[str], str]
    keys: Callable[[], Mapping[str, Any]]
    issuer: str
    store: ReceiptStore
    checks: CheckReader
    stops: StopReader
    prove: ProveLog
    refusals: Refusals


class ConsumedView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The action may be done, now, by whoever got this answer; with the ``proof`` where it was asked for and exists."""

    check: str
    action: str
    consumed_at: datetime
    proof: InclusionView | None = None


class ReceiptView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A receipt and whether it can still be used; ``since`` and ``reason`` say how it ended."""

    check: str
    receipt: str
    state: State
    valid_until: datetime
    since: datetime | None = None
    reason: str | None = None
    proof: InclusionView | None = None


class UseReceipts:
    """The end of receipts of the caller's own tenant."""

    def __init__(self, tools: ReceiptTools) -> None:
        self._tools = tools

    async def consume(
        self, principal: Principal, token: str, action: Action | None, *, prove: bool = False
    ) -> ConsumedView:
        """Use a receipt; durable, and nobody else's any more, when this returns.

        Args:
            principal: of the tenant that the receipt is for.
            token: the compact JWS.
            action: what is about to be done, to be compared with what the receipt was given for.
            prove: attach the proof that the decision is in the log, where a checkpoint covers it already.

        Raises:
            ReceiptRefused: it cannot be used, with the reason as its code.
            Unrecorded, Overloaded: whether it was used is not known; the next answer says so.
        """
        authorize.require(principal, authorize.CHECK)
        async with self._tools.refusals.noting({ReceiptRefused: RefusalCode.RECEIPT_REFUSED}, principal, ""):
            return await self._consume(principal, token, action, prove=prove)

    async def _consume(self, principal: Principal, token: str, action: Action | None, *, prove: bool) -> ConsumedView:
        now = self._tools.clock.now()
        receipt = self._verified(token, now, principal.tenant)
        if principal.tenant not in {receipt.tenant} & {receipt.aud}:
            raise ReceiptRefused(ReceiptFault.FOREIGN, "the receipt is for another tenant")
        if receipt.decision != _ALLOW:
            raise ReceiptRefused(ReceiptFault.NOT_ALLOWED, f"the decision was {receipt.decision}: it permits nothing")
        if action is not None and not receipts.covers(receipt, action):
            raise ReceiptRefused(
                ReceiptFault.OTHER_ACTION, "the receipt was given for another action: ask for this one"
            )
        standing = await self._standing(receipt)
        await self._end(receipt, standing.revision, CONSUMED, principal, None)
        proof = await self._proof(principal, receipt.jti) if prove else None
        return ConsumedView(receipt.check, receipt.action, now, proof)

    async def revoke(self, principal: Principal, check_id: str, reason: str) -> ReceiptView:
        """Take the receipt of a check back; repeating it changes nothing.

        Raises:
            NotFound: no such check, or none that this caller may see.
            ReceiptRefused: it was used already.
        """
        authorize.require(principal, authorize.CHECK)
        check = await own_check(self._tools.checks, principal, check_id)
        receipt = receipts.claims(check.receipt)
        try:
            await self._end(receipt, check.revision, REVOKED, principal, reason)
        except ReceiptRefused as refused:
            if refused.code != ReceiptFault.REVOKED:
                raise
        return await self.standing(principal, check_id)

    async def standing(self, principal: Principal, check_id: str, *, prove: bool = False) -> ReceiptView:
        """The receipt of a check, and whether it can still be used.

        Raises:
            NotFound: no such check, or none that this caller may see.
            Conflict: the proof was asked for, and no checkpoint covers the check yet.
        """
        authorize.require(principal, authorize.CHECK)
        check = await own_check(self._tools.checks, principal, check_id)
        receipt = receipts.claims(check.receipt)
        proof = await self._tools.prove.inclusion(principal, receipt.jti) if prove else None
        view = ReceiptView(check.id, check.receipt, "usable", check.valid_until, proof=proof)
        ended = await self._tools.store.find(receipt.tenant, receipt.jti)
        if ended is not None:
            state: State = "consumed" if ended.how == CONSUMED else "revoked"
            return msgspec.structs.replace(view, state=state, since=_instant(ended.at_ms), reason=ended.reason)
        stop = await self._stop(receipt, int(check.settled_at.timestamp() * 1000))
        if stop is not None:
            return msgspec.structs.replace(view, state="revoked", since=_instant(stop.stopped_ms), reason="STOPPED")
        if check.valid_until <= self._tools.clock.now():
            return msgspec.structs.replace(view, state="expired", since=check.valid_until)
        return view

    def _verified(self, token: str, now: datetime, tenant: str) -> Receipt:
        sandbox = is_sandbox(tenant)
        try:
            return receipts.verify(token, self._tools.keys(), now=now, issuer=self._tools.issuer, sandbox=sandbox)
        except ReceiptExpired as error:
            raise ReceiptRefused(ReceiptFault.EXPIRED, "the receipt has expired: ask again") from error
        except ReceiptInvalid as error:
            raise ReceiptRefused(ReceiptFault.FORGED, f"the receipt {error}") from error

    async def _standing(self, receipt: Receipt) -> Standing:
        """What the check is at. That the check is recorded, was not settled again, and nothing was stopped since."""
        found = await self._tools.store.standing(receipt.tenant, receipt.check, receipt.jti)
        if found is None or b64url(found.leaf_hash) != receipt.leaf:
            raise ReceiptRefused(ReceiptFault.UNRECORDED, "there is no record of this receipt: ask again")
        if entry_of(receipt.check, found.revision) != receipt.jti:
            raise ReceiptRefused(ReceiptFault.SUPERSEDED, "the check was settled again since: use its newest receipt")
        if await self._stop(receipt, found.settled_ms) is not None:
            raise ReceiptRefused(ReceiptFault.REVOKED, "this was stopped after the receipt was given: ask again")
        return found

    async def _stop(self, receipt: Receipt, given_ms: int) -> Stop | None:
        """A stop that takes the receipt back, be it resumed: what was allowed before that has to be asked again."""
        for stop in await self._tools.stops.stops(receipt.tenant):
            if stop.takes_back(given_ms, agent=receipt.agent, action_type=receipt.action, policy_id=receipt.policy):
                return stop
        return None

    async def _end(self, receipt: Receipt, revision: int, how: str, principal: Principal, reason: str | None) -> None:
        tools, tenant, by = self._tools, receipt.tenant, principal.consumer
        at_ms = int(tools.clock.now().timestamp() * 1000)
        end = ReceiptEnd(tenant, receipt.jti, receipt.check, how, by, reason, at_ms)
        event = "receipt.consume" if how == CONSUMED else "receipt.revoke"
        leaf = entry(tools.new_id("rce"), tenant, event, receipt.jti, None, by, tools.clock)
        if not await tools.store.end(end, revision, leaf):
            raise _ended(await tools.store.find(tenant, receipt.jti))

    async def _proof(self, principal: Principal, entry_name: str) -> InclusionView | None:
        try:
            return await self._tools.prove.inclusion(principal, entry_name)
        except (Conflict, NotFound):
            return None


def _ended(end: ReceiptEnd | None) -> ReceiptRefused:
    if end is None:
        return ReceiptRefused(ReceiptFault.SUPERSEDED, "the check was settled again just now: use its newest receipt")
    if end.how == REVOKED:
        return ReceiptRefused(ReceiptFault.REVOKED, f"the receipt was revoked at {_at(end)}: ask again")
    used = f"the receipt was used at {_at(end)} by {end.by}: each is good for one action"
    return ReceiptRefused(ReceiptFault.CONSUMED, used)


def _at(end: ReceiptEnd) -> str:
    return f"{_instant(end.at_ms):%FT%TZ}"


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
