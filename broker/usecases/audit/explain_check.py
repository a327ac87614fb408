"""Explain a check afterwards: who asked for whom, what was asked and what not, what came of it, and everything since.

Nothing is worked out anew. What is told stands in the record, with the review, the ends of its receipts, what was
reported and what still waits for delivery beside it. Numbers and places are not in there to be told.
"""

from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from broker.audit.vcon import Told, vcon
from broker.consumers import authorize
from broker.domain.check import Principal
from broker.domain.outcome import OutcomeReport
from broker.domain.record import Check
from broker.domain.review import Review
from broker.domain.rights import SubjectRequest
from broker.domain.signal import SignalName, Unavailability
from broker.storage.event_store import WaitingDelivery
from broker.storage.receipt_store import ReceiptEnd
from broker.storage.records import StoredRevision
from broker.usecases.audit.timeline import Beside, Moment, timeline
from broker.usecases.judgement import entry_of
from broker.usecases.show_check import CheckReader, own_check
from broker.usecases.view import ChargeView, ExplainedCheckView, view

NOT_ASKED = frozenset(
    {Unavailability.UNSUPPORTED, Unavailability.NOT_PERMITTED, Unavailability.SKIPPED, Unavailability.BREAKER_OPEN}
)
"""Why a signal that the policy wanted was not asked for; all other reasons are answers that failed."""


class AskedView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who asked for what. ``subject`` is the tenant's pseudonym, other marks are keyed digests of what was sent.

    ``carried`` are signals that an earlier check of the same conversation heard, and which one.
    """

    tenant: str
    consumer: str
    agent: str | None
    key_id: str
    subject: str
    action: str
    purpose: str
    amount: ChargeView | None = None
    flags: dict[str, bool] = {}
    resource_mark: str | None = None
    channel: str | None = None
    conversation: str | None = None
    carried: dict[SignalName, str] = {}


class RulesView(msgspec.Struct, frozen=True, rename="camel"):
    """What decided: policy and evidence table by the SHA-256 of their texts, and what looking back asked for."""

    policy: str
    policy_digest: str
    table_digest: str
    floors: tuple[str, ...]


class NotAskedView(msgspec.Struct, frozen=True):
    """A signal that the policy wanted and nobody was asked for, and why."""

    signal: SignalName
    reason: Unavailability
    code: str | None


class LogEntryView(msgspec.Struct, frozen=True):
    """An entry of the transparency log about this check; without an index no checkpoint covers it yet."""

    entry: str
    index: int | None


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """Everything that is known about a check, for whoever has to answer for it."""

    asked: AskedView
    rules: RulesView
    check: ExplainedCheckView
    not_asked: tuple[NotAskedView, ...]
    log: tuple[LogEntryView, ...]
    timeline: tuple[Moment, ...]


class Reviews(Protocol):
    """Where reviews are kept."""

    async def of_check(self, tenant: str, check_id: str) -> Review | None:
        """The newest review of a check."""
        ...


class Ends(Protocol):
    """Where the ends of receipts are kept."""

    async def of_check(self, tenant: str, check_id: str) -> list[ReceiptEnd]:
        """How the receipts of a check ended."""
        ...


class Outcomes(Protocol):
    """Where reports are kept."""

    async def outcomes(self, tenant: str, check_id: str) -> list[OutcomeReport]:
        """Reports about a check, oldest first."""
        ...


class Deliveries(Protocol):
    """Where events wait."""

    async def waiting_of(self, tenant: str, check_id: str) -> list[WaitingDelivery]:
        """Events of a check that have not arrived yet."""
        ...


class Revisions(Protocol):
    """Where earlier revisions are kept."""

    async def earlier(self, tenant: str, check_id: str) -> list[StoredRevision]:
        """What a check was before."""
        ...


class Requests(Protocol):
    """Where requests of people are kept."""

    async def about(self, tenant: str, check_id: str) -> list[SubjectRequest]:
        """Disputes and corrections of a check."""
        ...


class Places(Protocol):
    """Where the log says what is in it."""

    async def index_of(self, tenant: str, entry: str) -> int | None:
        """The index of an entry; ``None`` while no checkpoint covers it."""
        ...


class ExplainTools(msgspec.Struct, frozen=True):
    """What explaining works with, built once by ``bootstrap``. ``issuer`` names the broker."""

    checks: CheckReader
    revisions: Revisions
    reviews: Reviews
    ends: Ends
    outcomes: Outcomes
    deliveries: Deliveries
    requests: Requests
    places: Places
    issuer: str


class ExplainCheck:
    """Explains checks of the caller's own tenant."""

    def __init__(self, tools: ExplainTools) -> None:
        self._tools = tools

    async def __call__(self, principal: Principal, check_id: str, language: str | None = None) -> Explanation:
        """The explanation.

        Raises:
            NotPermitted: the caller lacks ``trust:explain``.
            NotFound: no such check, or another tenant's.
            Erased: the person was erased since.
        """
        authorize.require(principal, authorize.EXPLAIN)
        check = await own_check(self._tools.checks, principal, check_id)
        return await self._explained(principal, check, language)

    async def vcon(self, principal: Principal, check_id: str, language: str | None = None) -> dict[str, Any]:
        """The same as a vCon, unsigned, with the signed receipt in it; errors as of a call."""
        authorize.require(principal, authorize.EXPLAIN)
        check = await own_check(self._tools.checks, principal, check_id)
        report = msgspec.to_builtins(await self._explained(principal, check, language))
        return vcon(check, Told(report, self._tools.issuer))

    async def _explained(self, principal: Principal, check: Check, language: str | None) -> Explanation:
        shown = view(check, principal, language)
        if not isinstance(shown, ExplainedCheckView):
            raise TypeError("whoever may explain is shown an explained check")
        tools, where = self._tools, (check.tenant, check.id)
        earlier = await tools.revisions.earlier(*where)
        beside = Beside(
            first_settled_at=_instant(earlier[0].settled_ms) if earlier else check.settled_at,
            review=await tools.reviews.of_check(*where),
            ends=tuple(await tools.ends.of_check(*where)),
            outcomes=tuple(await tools.outcomes.outcomes(*where)),
            deliveries=tuple(await tools.deliveries.waiting_of(*where)),
            requests=tuple(await tools.requests.about(*where)),
        )
        return Explanation(
            asked=_asked(check),
            rules=RulesView(
                policy=f"{check.policy_id}@{check.policy_version}",
                policy_digest=check.policy_digest,
                table_digest=check.table_digest,
                floors=tuple(floor.code for floor in check.floors),
            ),
            check=shown,
            not_asked=tuple(
                NotAskedView(signal.name, signal.reason, signal.code)
                for signal in shown.signals
                if signal.reason in NOT_ASKED and signal.reason is not None
            ),
            log=tuple([await self._entry(check, revision) for revision in range(check.revision + 1)]),
            timeline=timeline(check, shown, beside),
        )

    async def _entry(self, check: Check, revision: int) -> LogEntryView:
        entry = entry_of(check.id, revision)
        return LogEntryView(entry, await self._tools.places.index_of(check.tenant, entry))


def _asked(check: Check) -> AskedView:
    amount = check.action.amount
    return AskedView(
        tenant=check.tenant,
        consumer=check.consumer,
        agent=check.agent,
        key_id=check.key_id,
        subject=check.subject,
        action=check.action.type,
        purpose=check.purpose,
        amount=None if amount is None else ChargeView(str(amount.value), amount.currency),
        flags=check.action.flags,
        resource_mark=check.action.resource_mark,
        channel=check.channel,
        conversation=check.conversation_id,
        carried=check.carried,
    )


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
