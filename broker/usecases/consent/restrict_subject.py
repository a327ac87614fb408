"""Leave a person alone: for a while (a pause), or for what nobody agreed to (an objection)."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.phone import PhoneNumber
from broker.domain.privacy import ChangeOf, Standing, SubjectChange
from broker.privacy.pseudonyms import Pseudonyms
from broker.storage.consent_store import ConsentStore
from broker.storage.privacy_store import leaf, news
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.privacy.subject_watch import SubjectWatch


class StandingOut(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Since when a person is left alone, and in what; without either, nothing is restricted."""

    paused_since: datetime | None = None
    objected_since: datetime | None = None


class RestrictTools(msgspec.Struct, frozen=True):
    """What restricting works with, built once by ``bootstrap``."""

    store: ConsentStore
    pseudonyms: Pseudonyms
    watch: SubjectWatch
    clock: Clock
    new_id: Callable[[str], str]


class RestrictSubject:
    """While a person is paused no operator is asked about them; an objection bars what rests on legitimate interest."""

    def __init__(self, tools: RestrictTools) -> None:
        self._tools = tools

    async def pause(self, principal: Principal, phone: PhoneNumber, *, on: bool) -> StandingOut:
        """Ask nobody about this person, or go on asking. Effective at once here and within seconds on every node."""
        return await self._change(principal, phone, "pause" if on else "resume", paused=on)

    async def objection(self, principal: Principal, phone: PhoneNumber, *, on: bool) -> StandingOut:
        """Note that the person objects (GDPR Art. 21), or objects no more."""
        return await self._change(principal, phone, "object" if on else "accept", objected=on)

    async def _change(
        self,
        principal: Principal,
        phone: PhoneNumber,
        event: str,
        *,
        paused: bool | None = None,
        objected: bool | None = None,
    ) -> StandingOut:
        authorize.require_person(principal, authorize.PRIVACY_WRITE)
        tools, tenant = self._tools, principal.tenant
        subject = tools.pseudonyms.subject(tenant, phone)
        before = (await tools.store.held(tenant, subject)).standing
        now_ms = int(tools.clock.now().timestamp() * 1000)
        standing = Standing(
            _since(before.paused_ms, now_ms, on=paused), _since(before.objected_ms, now_ms, on=objected)
        )
        event_id = tools.new_id("sev")
        about = entry(event_id, tenant, f"subject.{event}", "a subject", None, principal.consumer, tools.clock)
        change = SubjectChange(tenant, tools.new_id("chg"), subject, ChangeOf.STANDING, event_id, now_ms)
        await tools.store.put_standing(tenant, subject, standing, (leaf(tenant, about), news(change)))
        tools.watch.tell(tenant, subject)
        return StandingOut(_at(standing.paused_ms), _at(standing.objected_ms))


def _since(before_ms: int | None, now_ms: int, *, on: bool | None) -> int | None:
    """The first instant counts; ``on`` is ``None`` where this is not about it."""
    if on is None:
        return before_ms
    return (before_ms or now_ms) if on else None


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
