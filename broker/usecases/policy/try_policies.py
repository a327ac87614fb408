"""Try a candidate without letting it decide: replay a check, backtest on recorded evidence, run beside live traffic."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Action, Principal
from broker.domain.evidence import Evidence
from broker.domain.record import Check
from broker.domain.signal import Signal, SignalName, Unavailability, Unavailable
from broker.errors import Erased, Fault, InvalidRequest, Misconfigured, NotFound
from broker.policy.caution import RAISING, defined
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.redo import Beside, Redone, redo
from broker.policy.tally import Comparison, Tally, cost_interval, share_interval
from broker.storage.policy_store import PolicyStore, RecordedCheck
from broker.usecases.learning.open_checks import OpenChecks
from broker.usecases.policy.examine_policy import Rulebook
from broker.usecases.policy.recorded_rules import RecordedRules

BACKTEST_MAX = 20_000
_PAGE = 500
_PROVEN = frozenset({SignalName.NUMBER_VERIFICATION})


class ScoreView(msgspec.Struct, frozen=True, rename="camel"):
    """The numbers of one decision."""

    action_class: str
    trust_score: int
    probability: float
    decision: str
    gates: tuple[str, ...]


class ReplayView(msgspec.Struct, frozen=True, rename="camel"):
    """A check decided again from its own evidence, document and table. ``identical`` is to the last bit."""

    id: str
    identical: bool
    policy_digest: str
    table_digest: str
    stored: ScoreView
    replayed: ScoreView


class IntervalView(msgspec.Struct, frozen=True):
    """A 95 % interval."""

    low: float
    high: float


class AffectedView(msgspec.Struct, frozen=True, rename="camel"):
    """Whose checks of which action would be decided otherwise."""

    consumer: str
    agent: str | None
    action_type: str
    checks: int
    looser: int
    stricter: int


class TrialView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Champion and challenger.

    ``changed_share`` lies in ``changed_interval`` with 95 %. ``mean_cost`` is the expected cost of a check under the
    policy in force, in units of a typical loss, ``mean_cost_change`` what the candidate adds, both by the model of the
    policy in force; they are expectations and no losses that happened. ``incomplete`` checks lacked signals that the
    candidate wants, so that live it would know more. ``dropped`` and ``failed`` were not counted, nor were ``erased``
    ones, of which nothing is left to decide by.
    """

    policy: str
    checks: int
    changed: int
    looser: int
    stricter: int
    changed_share: float
    changed_interval: IntervalView
    mean_cost: float
    mean_cost_change: float
    cost_interval: IntervalView | None
    incomplete: int
    signals_unanswered: int
    signals_unneeded: int
    moves: dict[str, int]
    affected: tuple[AffectedView, ...]
    examples: tuple[str, ...]
    dropped: int = 0
    failed: int = 0
    erased: int = 0
    more_recorded: bool = False


class Laboratory:
    """Replay and backtest."""

    def __init__(self, checks: OpenChecks, policies: PolicyStore, rulebook: Rulebook, clock: Clock) -> None:
        self._checks = checks
        self._policies = policies
        self._rulebook = rulebook
        self._clock = clock
        self._rules = RecordedRules(policies, rulebook)

    async def replay(self, principal: Principal, check_id: str) -> ReplayView:
        """Decide a recorded check again.

        Raises:
            NotFound: no such check, or it was never decided.
            Conflict: it was recorded before rules were kept.
            Erased: nothing is left to decide by.
        """
        authorize.require(principal, authorize.POLICY_READ)
        stored = await self._checks.find_check(principal.tenant, check_id)
        if stored is None or not stored.record:
            raise NotFound("no such check")
        if not stored.evidence:
            raise Erased
        check, evidence = _decoded(stored.record, stored.evidence)
        document, table = await self._rules(check)
        again = await asyncio.to_thread(
            redo,
            document,
            table,
            action_class=check.action_class,
            evidence=evidence,
            at=check.settled_at,
            beside=Beside.of(check),
        )
        first = Redone(check.action_class, check.assessment, check.decision)
        return ReplayView(
            id=check.id,
            identical=first.bytes() == again.bytes(),
            policy_digest=check.policy_digest,
            table_digest=check.table_digest,
            stored=_score(first),
            replayed=_score(again),
        )

    async def backtest(
        self, principal: Principal, text: str, since: datetime | None, until: datetime | None, limit: int
    ) -> TrialView:
        """Decide recorded checks of a period under a candidate, the oldest first, ``limit`` at most.

        Raises:
            InvalidRequest: the candidate is not valid, with each fault.
        """
        authorize.require(principal, authorize.POLICY_READ)
        candidate = await read_candidate(self._rulebook, text)
        from_ms = 0 if since is None else int(since.timestamp() * 1000)
        until_ms = int((until or datetime.max.replace(tzinfo=UTC)).timestamp() * 1000)
        tally, after, seen, erased = Tally(), "", 0, 0
        while seen < limit:
            page = await self._checks.recorded(
                principal.tenant, after=after, from_ms=from_ms, until_ms=until_ms, limit=min(_PAGE, limit - seen)
            )
            if not page:
                break
            there = [one for one in page if one.record and one.evidence]
            erased += len(page) - len(there)
            await asyncio.to_thread(self._count, tally, candidate, there)
            seen, after = seen + len(page), page[-1].check_id
        more = seen >= limit and bool(
            await self._policies.recorded(principal.tenant, after=after, from_ms=from_ms, until_ms=until_ms, limit=1)
        )
        return trial_view(candidate.id, tally, more_recorded=more, erased=erased)

    def _count(self, tally: Tally, candidate: PolicyDocument, page: list[RecordedCheck]) -> None:
        for one in page:
            check, evidence = _decoded(one.record, one.evidence)
            compared = beside(candidate, self._rulebook.table_of(candidate), check, check.action.known(), evidence)
            if compared is not None:
                tally.count(compared)


async def read_candidate(rulebook: Rulebook, text: str) -> PolicyDocument:
    """A candidate that somebody sent.

    Raises:
        InvalidRequest: with each fault at ``/document``, its line and its place.
    """
    try:
        return await asyncio.to_thread(rulebook.read, text, "the document sent")
    except Misconfigured as error:
        faults = [Fault("/document", f"line {line}, {at or '/'}: {detail}") for at, line, detail in error.faults]
        raise InvalidRequest("the policy document is not valid", faults or [Fault("/document", str(error))]) from error


def beside(
    candidate: PolicyDocument, table: EvidenceTable, check: Check, action: Action, evidence: Evidence
) -> Comparison | None:
    """What a candidate makes of a check; ``None`` where it does not govern it, or a stop decided it."""
    if check.stop is not None or action.type not in candidate.actions:
        return None
    action_class = candidate.actions[action.type].classify(action)
    if RAISING & {floor.code for floor in check.floors}:
        # What came before is not told again: the class that it led to stands.
        action_class = defined(candidate, max(action_class, check.action_class))
    wanted, there = set(candidate.rules(action_class).wanted), {signal.name for signal in evidence.signals}
    again = redo(
        candidate,
        table,
        action_class=action_class,
        evidence=_as_asked(candidate, wanted, check, evidence),
        at=check.settled_at,
        beside=Beside.of(check),
    )
    costs = check.decision.expected_costs
    cost = costs[check.decision.outcome.wire]
    return Comparison(
        check_id=check.id,
        consumer=check.consumer,
        agent=check.agent,
        action_type=action.type,
        decided=check.decision.outcome,
        candidate=again.decision.outcome,
        cost=cost,
        cost_change=costs[again.decision.outcome.wire] - cost,
        unanswered=len(wanted - there),
        unneeded=len(there - wanted),
    )


def _as_asked(candidate: PolicyDocument, wanted: Collection[SignalName], check: Check, evidence: Evidence) -> Evidence:
    """The evidence that the candidate would have had: nothing that it does not want, or does not ask there.

    What somebody proved, or failed to, in a challenge is known whoever wants it.
    """
    proven = _PROVEN if check.proofs else frozenset[SignalName]()
    return Evidence.of(
        _within_limits(candidate, check, one) for one in evidence.signals if one.name in wanted or one.name in proven
    )


def _within_limits(candidate: PolicyDocument, check: Check, signal: Signal) -> Signal:
    limit = candidate.limits.get(signal.name)
    country = None if check.route is None else check.route.country
    code = None if limit is None else limit.bars(country, check.bases.get(signal.name))
    return signal if code is None else Unavailable(signal.name, Unavailability.NOT_PERMITTED, code)


def trial_view(policy: str, tally: Tally, *, more_recorded: bool = False, erased: int = 0) -> TrialView:
    """A tally as callers see it: who is affected most stands first."""
    changed = tally.looser + tally.stricter
    checks = max(tally.checks, 1)
    costs = cost_interval(tally)
    affected = sorted(tally.groups, key=lambda one: (-(one.looser + one.stricter), -one.checks))
    return TrialView(
        policy=policy,
        checks=tally.checks,
        changed=changed,
        looser=tally.looser,
        stricter=tally.stricter,
        changed_share=changed / checks,
        changed_interval=IntervalView(*share_interval(changed, tally.checks)),
        mean_cost=tally.cost / checks,
        mean_cost_change=tally.cost_change / checks,
        cost_interval=None if costs is None else IntervalView(*costs),
        incomplete=tally.incomplete,
        signals_unanswered=tally.signals_unanswered,
        signals_unneeded=tally.signals_unneeded,
        moves=dict(sorted(tally.moves.items())),
        affected=tuple(
            AffectedView(one.consumer, one.agent, one.action_type, one.checks, one.looser, one.stricter)
            for one in affected
            if one.looser or one.stricter
        ),
        examples=tuple(tally.examples),
        dropped=tally.dropped,
        failed=tally.failed,
        erased=erased,
        more_recorded=more_recorded,
    )


def _decoded(record: bytes, evidence: bytes) -> tuple[Check, Evidence]:
    return msgspec.json.decode(record, type=Check), msgspec.json.decode(evidence, type=Evidence)


def _score(one: Redone) -> ScoreView:
    return ScoreView(
        one.action_class.wire,
        one.assessment.trust_score,
        one.assessment.probability,
        one.decision.outcome.wire,
        one.decision.gates,
    )
