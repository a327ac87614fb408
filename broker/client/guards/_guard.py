"""The guard: asks before a tool runs, and says no wherever it does not hear a yes.

The frameworks' modules beside this one translate a :class:`Verdict` and decide nothing.
"""

import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypedDict, Unpack

import anyio.to_thread

from broker.client._answers import Answer, Challenge
from broker.client._claims import unverified
from broker.client._client import AsyncTrustBroker, TrustBroker
from broker.client._errors import BrokerRefused, ClientError, ReceiptInvalid
from broker.client._exchange import Work
from broker.client._operations import Operations
from broker.client.guards._memory import Memory
from broker.client.guards._rule import ARGUMENTS, Rule
from broker.client.guards._verdict import Code, Prompt, Verdict

_MISMATCH = "IDEMPOTENCY_MISMATCH"
_log = logging.getLogger("broker.client.guards")
_receipt: ContextVar[str | None] = ContextVar("trust_receipt", default=None)


def held_receipt() -> str | None:
    """The receipt under which the tool that is now running was allowed; the tool passes it on to whoever executes."""
    return _receipt.get()


@contextmanager
def holding(receipt: str | None) -> Iterator[None]:
    """Run a tool under its receipt."""
    token = _receipt.set(receipt)
    try:
        yield
    finally:
        _receipt.reset(token)


def hold(receipt: str | None) -> None:
    """As :func:`holding`, for hooks that return before the tool runs."""
    _receipt.set(receipt)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool.

    ``id`` names it in the framework, the same one when a paused run goes on, together with ``run`` unique; without one
    the guard remembers what is open by tool, number and arguments. ``context`` is the trusted context, or empty.
    """

    tool: str
    arguments: Mapping[str, Any] = field(repr=False)
    id: str | None = None
    run: str = ""
    context: tuple[Any, ...] = field(default=(), repr=False)


class GuardOptions(TypedDict, total=False):
    """``show`` is told how the person goes on, past the model; with ``wait_s`` the guard then waits that long for them.

    What a check wants is started: the first of its challenges that is in ``challenges`` (those for which the person
    only needs a link), or a review, unless ``ask_reviewers`` is false. ``now`` is the clock by which a decision is too
    old.
    """

    show: Callable[[Prompt], None] | None
    wait_s: float
    challenges: Collection[str]
    ask_reviewers: bool
    now: Callable[[], datetime]


class Guard:
    """Asks one broker about the tools of an agent.

    ``rules`` are by tool name. A tool that has none is not run, unless it is named in ``unguarded``: a misspelt name
    must not open a tool.
    """

    def __init__(
        self,
        broker: TrustBroker | AsyncTrustBroker,
        rules: Mapping[str, Rule],
        *,
        unguarded: Collection[str] = (),
        **options: Unpack[GuardOptions],
    ) -> None:
        both = set(rules) & set(unguarded)
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: either guarded or not")
        self._broker = broker
        self._rules = dict(rules)
        self._unguarded = frozenset(unguarded)
        self._show, self._wait_s = options.get("show"), options.get("wait_s", 0.0)
        self._challenges = frozenset(options.get("challenges", ("network_auth",)))
        self._ask_reviewers = options.get("ask_reviewers", True)
        self._now = options.get("now", lambda: datetime.now(UTC))
        self._open: Memory[str] = Memory()
        self._spent: Memory[str] = Memory()

    @property
    def blocking(self) -> bool:
        """Whether it can be used without a running event loop."""
        return isinstance(self._broker, TrustBroker)

    def ask(self, call: Call) -> Verdict:
        """Decide about a call; never raises for anything that goes wrong, it then says no."""
        if not isinstance(self._broker, TrustBroker):
            raise TypeError("a blocking guard needs a TrustBroker and not an AsyncTrustBroker")
        try:
            return self._broker.run(self._asked(call, self._broker.operations))
        except Exception as error:  # noqa: BLE001 - whatever failed, the tool must not run
            return _failed(call, error)

    async def aask(self, call: Call) -> Verdict:
        """As :meth:`ask`; a blocking client works in a thread of its own."""
        try:
            if isinstance(self._broker, TrustBroker):
                return await anyio.to_thread.run_sync(self.ask, call)
            return await self._broker.run(self._asked(call, self._broker.operations))
        except Exception as error:  # noqa: BLE001 - whatever failed, the tool must not run
            return _failed(call, error)

    def last_look(self, verdict: Verdict, call: Call) -> Verdict:
        """Right before the tool runs: is this still what was decided about, in time, and for the first time?

        ``call`` holds the arguments that the tool is about to get.
        """
        if verdict.code is not Code.ALLOWED or verdict.answer is None:
            return verdict
        try:
            code = self._fit(verdict.answer, call)
        except Exception as error:  # noqa: BLE001 - whatever failed, the tool must not run
            return _failed(call, error)
        return verdict if code is Code.ALLOWED else replace(verdict, code=code)

    def _fit(self, answer: Answer, call: Call) -> Code:
        receipt = unverified(answer.receipt)
        if not receipt.covers(self._rules[call.tool].action_of(call.arguments)):
            return Code.CHANGED
        if answer.expired(self._now()):
            return Code.EXPIRED
        return Code.ALLOWED if self._spent.put(answer.id, call.tool) else Code.USED

    def _asked(self, call: Call, broker: Operations) -> Work[Verdict]:
        if call.tool in self._unguarded:
            return Verdict(Code.UNGUARDED)
        rule = self._rules.get(call.tool)
        if rule is None:
            _log.error("the tool %s has no trust rule and is not named as unguarded", call.tool)
            return Verdict(Code.NO_RULE)
        answer = yield from self._answer(call, rule, broker)
        if answer is None:
            return Verdict(Code.CHANGED)
        if answer.allowed or answer.decision == "deny":
            return self._judged(answer, None)
        prompt = yield from self._prompt(answer, call, rule, broker)
        if self._show is not None:
            self._show(prompt)
            if self._wait_s > 0:
                answer = self._closing(call, rule, (yield from broker.wait(answer.id, self._wait_s)))
        return self._judged(answer, prompt)

    def _answer(self, call: Call, rule: Rule, broker: Operations) -> Work[Answer | None]:
        """The check of this call as it stands now; None where the call's id was used with other arguments."""
        number = rule.number_of(call.arguments, call.context)
        about = rule.about(call.arguments, call.context)
        for _ in range(2):
            fresh = secrets.token_urlsafe(18)
            about["idempotency_key"] = _key(call) if call.id else self._open.get(_mark(call, rule), fresh)
            try:
                answer = yield from broker.check(number, rule.action, about)
            except BrokerRefused as error:
                if error.code == _MISMATCH:
                    return None
                raise
            replayed = answer.replayed
            if replayed:
                answer = yield from broker.read(answer.id)
            self._closing(call, rule, answer)
            if call.id or not (replayed and self._over(answer)):
                break
        return answer

    def _closing(self, call: Call, rule: Rule, answer: Answer) -> Answer:
        """Forget what was open once it is decided, or over: the same call after that is another one."""
        if answer.allowed or answer.decision == "deny" or self._over(answer):
            self._open.take(_mark(call, rule))
        return answer

    def _over(self, answer: Answer) -> bool:
        return answer.expired(self._now()) and not answer.pending

    def _prompt(self, answer: Answer, call: Call, rule: Rule, broker: Operations) -> Work[Prompt]:
        """Start what the check wants, unless it is under way already, and say how the person goes on."""
        challenge: Challenge | None = None
        if not answer.pending:
            try:
                challenge = yield from self._started(answer, rule.number_of(call.arguments, call.context), broker)
            except ClientError as error:
                _log.warning("what the check wants was not started: %s", type(error).__name__)
        return Prompt(answer.id, call.tool, rule.action, answer.decision, answer.next_steps, challenge)

    def _started(self, answer: Answer, number: str, broker: Operations) -> Work[Challenge | None]:
        for step in answer.next_steps:
            if step.method is not None and step.method in self._challenges:
                return (yield from broker.start_challenge(answer.id, step.method, number))
        if self._ask_reviewers and answer.decision == "review" and any(s.type == "review" for s in answer.next_steps):
            yield from broker.request_review(answer.id, "")
        return None

    def _judged(self, answer: Answer, prompt: Prompt | None) -> Verdict:
        if answer.decision == "deny":
            return Verdict(Code.DENIED, answer)
        if self._over(answer):
            return Verdict(Code.EXPIRED, answer)
        if answer.allowed:
            return Verdict(Code.ALLOWED, answer)
        return Verdict(Code.REVIEW if answer.decision == "review" else Code.STEP_UP, answer, prompt)


def covered(receipt: str | None, rule: Rule, arguments: Mapping[str, Any], now: datetime) -> Code:
    """Whether a receipt, not verified here, allows a tool with these arguments now."""
    if receipt is None:
        return Code.UNAVAILABLE
    try:
        claims = unverified(receipt)
        same = claims.covers(rule.action_of(arguments))
    except (ReceiptInvalid, ValueError):
        return Code.CHANGED
    if not same or claims.decision != "allow":
        return Code.CHANGED
    return Code.EXPIRED if claims.expires_at <= now else Code.ALLOWED


def _mark(call: Call, rule: Rule) -> str:
    """What makes two calls without an id the same one: tool, run, person, and the arguments that are bound."""
    number, action = rule.number_of(call.arguments, call.context), rule.action_of(call.arguments)
    return sha256(f"{call.tool}\n{call.run}\n{number}\n{action.attributes[ARGUMENTS]}".encode()).hexdigest()


def _key(call: Call) -> str:
    """One key for one call of one run, whatever its arguments: the broker itself refuses it with other ones."""
    return "guard-" + sha256(f"{call.run}\n{call.tool}\n{call.id}".encode()).hexdigest()


def _failed(call: Call, error: Exception) -> Verdict:
    _log.warning("the tool %s is not run: %s", call.tool, type(error).__name__)
    return Verdict(Code.UNAVAILABLE)
