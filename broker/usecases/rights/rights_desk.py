"""What both sides of a person's request need: keeping it, its words under seal, and who may see it."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import msgspec

from broker.clock import Clock
from broker.consumers import authorize
from broker.domain.check import Action, Principal
from broker.domain.event import EventKind
from broker.domain.phone import PhoneNumber
from broker.domain.record import Check
from broker.domain.rights import ABOUT_A_CHECK, RequestWords, SubjectRequest
from broker.errors import Conflict, Erased, Fault, InvalidRequest, NotFound, NotPermitted
from broker.events.compose import Composer
from broker.privacy.pseudonyms import Pseudonyms
from broker.privacy.vault import Vault
from broker.rights import rules
from broker.rights.terms import Terms
from broker.storage.event_store import put
from broker.storage.policy_store import Entry
from broker.storage.review_store import ReviewStore
from broker.storage.rights_store import RightsStore
from broker.storage.unit_of_work import Step
from broker.usecases.audit.use_receipts import UseReceipts
from broker.usecases.consent.restrict_subject import RestrictSubject
from broker.usecases.marks import recorded
from broker.usecases.policy.policies_in_force import entry
from broker.usecases.ports import Answered, Asked
from broker.usecases.privacy.erase_subject import EraseSubject
from broker.usecases.resettle import Resettle
from broker.usecases.rights.report_holdings import ReportHoldings
from broker.usecases.show_check import CheckReader, own_check
from broker.usecases.step_up.challenge_checks import ChallengeChecks


class RightsLimits(msgspec.Struct, frozen=True):
    """How long a request waits for its proof, how long a proof holds, and how often anybody may ask.

    ``allow_within_s`` is how old a check may be that a human allows after all.
    """

    lapse_days: int = 7
    proof_s: int = 900
    proofs_max: int = 5
    daily_per_person: int = 5
    hourly_per_consumer: int = 300
    allow_within_s: int = 3600


class RightsTools(msgspec.Struct, frozen=True):
    """What requests work with, built once by ``bootstrap``. ``run_check`` is the broker's own, with its quotas."""

    store: RightsStore
    checks: CheckReader
    reviews: ReviewStore
    vault: Vault
    pseudonyms: Pseudonyms
    clock: Clock
    new_id: Callable[[str], str]
    compose: Composer
    terms: Terms
    limits: RightsLimits
    run_check: Callable[[Asked], Awaitable[Answered]]
    challenges: ChallengeChecks
    report: ReportHoldings
    erase: EraseSubject
    restrict: RestrictSubject
    receipts: UseReceipts
    resettle: Resettle


class RightsDesk:
    """Requests from their making to their end, whoever works on them."""

    def __init__(self, tools: RightsTools) -> None:
        self.tools = tools

    async def ours(self, principal: Principal, request_id: str) -> SubjectRequest:
        """A request that this caller may see: their own, or with ``privacy:read`` any of the tenant's.

        Raises:
            NotPermitted: an agent.
            NotFound: there is none, or it is none of theirs.
        """
        require_asker(principal)
        request = await self.tools.store.find(principal.tenant, request_id)
        mine = request is not None and request.opened_by == principal.consumer
        if request is None or not (mine or principal.scopes & {authorize.PRIVACY_READ, authorize.PRIVACY_WRITE}):
            raise NotFound("no such request")
        return request

    def require_same(self, request: SubjectRequest, phone: PhoneNumber) -> None:
        """Refuse another number than that of the request, which is not kept with it."""
        subject = self.tools.pseudonyms.subject(request.tenant, phone)
        if not hmac.compare_digest(subject, request.subject):
            raise InvalidRequest("this is another number", [Fault("/phoneNumber", "send the number of the request")])

    async def method(self, request: SubjectRequest) -> str | None:
        """By which method the person has proven the number, if they have, and if it still holds."""
        if request.proof is None:
            return None
        try:
            check = await self.check(request.tenant, request.proof)
        except (NotFound, Erased):
            return None
        mark = recorded(action_of(request), request.tenant, self.tools.pseudonyms).resource_mark or ""
        return rules.proving_method(request, check, mark, self.now_ms(), self.tools.limits.proof_s * 1000)

    async def check(self, tenant: str, check_id: str) -> Check:
        """A check of the tenant, whoever asked for it.

        Raises:
            NotFound, Erased: it is not there, or not any more.
        """
        seeing = Principal(tenant, "", None, frozenset({authorize.EXPLAIN}), "")
        return await own_check(self.tools.checks, seeing, check_id)

    async def require_about_them(self, request: SubjectRequest) -> Check | None:
        """The check that a dispute or a correction names, which has to be about that very person.

        Looked at only once the number is proven: before, it would tell anybody whose check it is.
        """
        if request.kind not in ABOUT_A_CHECK or request.about is None:
            return None
        check = await self.check(request.tenant, request.about)
        if not hmac.compare_digest(bytes.fromhex(check.subject), request.subject):
            raise NotFound("no such check")
        return check

    async def move(
        self, request: SubjectRequest, event: str, by: str, told: EventKind | None, also: Sequence[Step] = ()
    ) -> SubjectRequest:
        """Store a change, with its leaf and its event.

        Raises:
            Conflict: somebody else changed it at the same time.
        """
        events = () if told is None else (self.event(request, told),)
        if not await self.tools.store.move(request, self.leaf(request, event, by), (*also, *events)):
            raise Conflict("somebody else changed this request at the same time: look at it again")
        return request

    def event(self, request: SubjectRequest, kind: EventKind) -> Step:
        """What is told of it: ids and codes."""
        data = {
            "kind": str(request.kind),
            "state": str(request.state),
            "code": None if request.code is None else str(request.code),
            "about": request.about,
            "dueAt": instant(request.due_ms).isoformat(),
        }
        at = self.tools.clock.now()
        return put(self.tools.compose(kind, request.tenant, request.request_id, at, data, named="requestId"))

    def leaf(self, request: SubjectRequest, event: str, by: str) -> Entry:
        """What the log says."""
        words = (request.request_id, request.kind, request.about, request.code)
        about = " ".join(str(word) for word in words if word)
        name = f"subject_request.{event}"
        return entry(self.tools.new_id("srv"), request.tenant, name, about, None, by, self.tools.clock)

    async def seal(self, request: SubjectRequest, words: RequestWords) -> bytes:
        """What people wrote, as it goes into the row."""
        use = f"subject_request:{request.request_id}"
        return await self.tools.vault.seal(request.tenant, request.subject, use, msgspec.json.encode(words))

    async def words(self, request: SubjectRequest) -> RequestWords:
        """What people wrote; nothing where the person was erased since."""
        if not request.sealed:
            return RequestWords()
        use = f"subject_request:{request.request_id}"
        try:
            opened = await self.tools.vault.open(request.tenant, request.subject, use, request.sealed)
        except Erased:
            return RequestWords()
        return msgspec.json.decode(opened, type=RequestWords)

    def now_ms(self) -> int:
        """The instant, in milliseconds."""
        return int(self.tools.clock.now().timestamp() * 1000)


def require_asker(principal: Principal) -> None:
    """Let somebody pass who may bring requests of people: a portal of the tenant, or its staff; never an agent.

    Raises:
        NotPermitted: the credential lacks the scope, or acts through an agent.
    """
    if principal.agent is not None:
        raise NotPermitted("this is for people: use a credential without an agent")
    if not principal.scopes & {authorize.RIGHTS, authorize.PRIVACY_WRITE, authorize.PRIVACY_READ}:
        authorize.require(principal, authorize.RIGHTS)


def action_of(request: SubjectRequest) -> Action:
    """What the person is asked to approve when they prove their number: this request, and no other."""
    return Action(f"subject.{request.kind}", resource=request.request_id)


def instant(ms: int) -> datetime:
    """An instant of a row."""
    return datetime.fromtimestamp(ms / 1000, UTC)
