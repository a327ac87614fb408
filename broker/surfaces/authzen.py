"""OpenID AuthZEN 1.0 on the wire: an access evaluation as a trust check, and its answer as a decision.

Nothing is decided here. ``decision`` is true for *allow* alone: a step-up or a review is a denial that says how it can
be cured, for a gateway that does not understand the rest must not let anything through (Obligations profile, Draft 1).
Members that are not known are ignored, as the specification asks of receivers (section "JSON Serialization").
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from broker.domain.check import CheckRequest, Principal
from broker.domain.record import Check
from broker.errors import BrokerError, Fault, InvalidRequest
from broker.surfaces import wire
from broker.usecases.reviews.request_access import AccessTask, TaskStatus, Unusable
from broker.usecases.reviews.review_checks import JUSTIFICATION_MAX
from broker.usecases.view import CheckView, view

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
REQUESTS = "/access/v1/requests"
METADATA = "/.well-known/authzen-configuration"
ACCESS_REQUEST = "urn:openid:authzen:capability:access-request"
PHONE_NUMBER = "phone_number"
STEP_UP = "step-up"
EVALUATIONS_MAX = 100
_PURPOSE = "FraudPreventionAndDetection"
_OF_SUBJECT = ("claims", "location", "boundSince", "operatorToken")
_OF_CONTEXT = ("channel", "conversationId")
_OF_CHECK = ("deadlineMs", "maxEvidenceAgeS")
# Where a member of a question comes from, for faults that point at it.
_ORIGINS = {
    "/subject/phoneNumber": "/subject/id",
    "/subject": "/subject/properties",
    "/action/type": "/action/name",
    "/action/amount": "/action/properties/amount",
    "/action/attributes": "/action/properties",
    "/action/resource": "/resource/id",
    "/context": "/context",
    "/purpose": "/context/purpose",
    "/deadlineMs": "/context/deadlineMs",
    "/maxEvidenceAgeS": "/context/maxEvidenceAgeS",
}


class _Open(msgspec.Struct, frozen=True):
    """A part of a request that may have members of which nothing is known."""

    def __repr__(self) -> str:  # whatever a caller sent stays out of logs and traces
        return f"{type(self).__name__}(…)"


class EntityIn(_Open, frozen=True):
    """A subject or a resource: its type, its id, and what else is known of it."""

    type: str
    id: str
    properties: dict[str, Any] = {}


class DeedIn(_Open, frozen=True):
    """What is to be done, by the name that a policy knows, and its details."""

    name: str
    properties: dict[str, Any] = {}


class EvaluationIn(_Open, frozen=True):
    """May this subject do this to that?"""

    subject: EntityIn
    action: DeedIn
    resource: EntityIn
    context: dict[str, Any] = {}


class OptionsIn(_Open, frozen=True):
    """How several evaluations are carried out: all of them, or until the first denial or permit."""

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = "execute_all"


class EvaluationsIn(_Open, frozen=True):
    """Several evaluations; what stands beside them holds for each one that does not bring its own."""

    evaluations: list[dict[str, Any]] = []
    options: OptionsIn = OptionsIn()


class ObligationOut(msgspec.Struct, frozen=True):
    """What whoever enforces the decision has to do; if that cannot be done, the decision is a denial."""

    id: str
    type: str
    properties: dict[str, str]


class ErrorOut(msgspec.Struct, frozen=True):
    """Why one of several evaluations came to nothing."""

    status: int
    message: str


class AccessRequestOut(msgspec.Struct, frozen=True):
    """A human can be asked to change this denial, at the ``access_request_endpoint``, until ``expires_at``."""

    expires_at: datetime


class ApprovalOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """An approval, to be brought to a new evaluation as ``context.approval``; by itself it permits nothing."""

    id: str
    approved_until: datetime


class ResultOut(msgspec.Struct, frozen=True):
    """What came of a request for access: evaluate again, with the approval."""

    approval: ApprovalOut
    mode: Literal["reevaluate"] = "reevaluate"


class TaskOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request for access under way. While it is pending, a POST to its link ``cancel`` takes it back."""

    id: str
    status: TaskStatus
    status_endpoint: str
    expires_at: datetime
    links: dict[str, str] | None = None


class AccessTaskOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """The task, and its ``result`` where it was approved."""

    task: TaskOut
    result: ResultOut | None = None


class DenialIn(_Open, frozen=True):
    """The denial that a human shall change: ``evaluation_id`` and ``expires_at`` as they were answered."""

    evaluation_id: str
    expires_at: datetime


class AccessRequestIn(_Open, frozen=True):
    """The denied evaluation again, its ``denial``, and as ``context.business_justification`` why it should be let."""

    subject: EntityIn
    action: DeedIn
    resource: EntityIn
    denial: DenialIn
    context: dict[str, Any] = {}


class DecisionContextOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands behind a decision. ``trust`` is the check as this caller may see it, receipt included."""

    evaluation_id: str | None = None
    evaluated_at: datetime | None = None
    reason: str | None = None
    obligations: tuple[ObligationOut, ...] = ()
    access_request: AccessRequestOut | None = None
    approval: ApprovalOut | None = None
    next_action: Literal["request", "retry", "none"] | None = None
    trust: CheckView | None = None
    error: ErrorOut | None = None


class DecisionOut(msgspec.Struct, frozen=True):
    """The answer to one evaluation: true for *allow*, and for nothing else."""

    decision: bool
    context: DecisionContextOut


class MetadataOut(msgspec.Struct, frozen=True):
    """What this decision point offers, and where."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    access_request_endpoint: str
    jwks_uri: str
    supported_obligations: tuple[str, ...]
    capabilities: tuple[str, ...]


def metadata(public_url: str) -> MetadataOut:
    """The document at :data:`METADATA`; no searching, for nobody may ask the network for whom it would say yes."""
    return MetadataOut(
        public_url,
        public_url + EVALUATION,
        public_url + EVALUATIONS,
        public_url + REQUESTS,
        public_url + "/.well-known/jwks.json",
        (STEP_UP,),
        (ACCESS_REQUEST,),
    )


def to_request(members: Any, *, deadline_min_ms: int, deadline_cap_ms: int) -> CheckRequest:
    """One evaluation as the question of a trust check.

    Raises:
        InvalidRequest: with one JSON pointer for each fault, into the evaluation.
    """
    asked = wire.convert(members, EvaluationIn)
    question = _question(asked)
    try:
        return wire.to_request(question, deadline_min_ms=deadline_min_ms, deadline_cap_ms=deadline_cap_ms)
    except InvalidRequest as error:
        raise at_origin(error) from error


def to_evaluations(members: Any) -> tuple[EvaluationsIn, Sequence[dict[str, Any]]]:
    """The options of a request for several evaluations, and each of them with what it takes from the top level.

    A member is taken over as a whole or not at all: half of one subject and half of another would be nobody.

    Raises:
        InvalidRequest: not such a request, or too many.
    """
    asked = wire.convert(members, EvaluationsIn)
    if len(asked.evaluations) > EVALUATIONS_MAX:
        raise InvalidRequest(
            "too many evaluations", [Fault("/evaluations", f"send at most {EVALUATIONS_MAX} in one request")]
        )
    shared = {name: members[name] for name in EvaluationIn.__struct_fields__ if name in members}
    return asked, [shared | one for one in asked.evaluations]


def at_origin(error: InvalidRequest) -> InvalidRequest:
    """The same refusal, pointing at where the member came from."""
    return InvalidRequest(str(error), [Fault(_origin(fault.pointer), fault.detail) for fault in error.faults])


def render(check: Check, principal: Principal, public_url: str, unusable: Unusable | None = None) -> bytes:
    """A settled check as the decision that this caller may see; ``unusable`` is the approval that it came with."""
    return msgspec.json.encode(_decision(check, principal, public_url, unusable))


def render_approved(check: Check, principal: Principal, public_url: str, approval_id: str) -> bytes:
    """The check that an approval has settled, as the decision."""
    found = _decision(check, principal, public_url, None)
    context = msgspec.structs.replace(found.context, approval=ApprovalOut(approval_id, check.valid_until))
    return msgspec.json.encode(msgspec.structs.replace(found, context=context))


def approval_in(members: Any) -> str | None:
    """The id of the approval that an evaluation brings, where it brings one."""
    approval = members.get("context", {}).get("approval") if isinstance(members, dict) else None
    named = approval.get("id") if isinstance(approval, dict) else None
    return named if isinstance(named, str) else None


def to_access_request(members: Any) -> tuple[AccessRequestIn, str]:
    """A request for access, and the justification in it.

    Raises:
        InvalidRequest: not one, or the justification is too long.
    """
    asked = wire.convert(members, AccessRequestIn)
    why = asked.context.get("business_justification", "")
    if not isinstance(why, str) or len(why) > JUSTIFICATION_MAX:
        fault = Fault("/context/business_justification", f"send a text of at most {JUSTIFICATION_MAX} characters")
        raise InvalidRequest("the justification cannot be taken", [fault])
    return asked, why


def task_out(task: AccessTask, public_url: str) -> AccessTaskOut:
    """How a request for access stands, for whoever asked."""
    place = f"{public_url}{REQUESTS}/{task.id}"
    links = {"cancel": f"{place}/cancel"} if task.status == "pending" else None
    shown = TaskOut(task.id, task.status, place, task.expires_at, links)
    until = task.approved_until
    return AccessTaskOut(shown, None if until is None else ResultOut(ApprovalOut(task.id, until)))


def failed(error: BrokerError, status: int) -> bytes:
    """One of several evaluations that came to nothing: closed, as the specification has it."""
    return msgspec.json.encode(
        DecisionOut(decision=False, context=DecisionContextOut(error=ErrorOut(status, sentence(error))))
    )


def permits(decision: bytes) -> bool:
    """Whether a rendered decision is a permit."""
    return msgspec.json.decode(decision, type=_Decided).decision


class _Decided(msgspec.Struct):
    decision: bool


def sentence(error: BrokerError) -> str:
    """An error in words, with the places of what is wrong."""
    faults = error.faults if isinstance(error, InvalidRequest) else ()
    return "; ".join([f"{error}", *(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults)])


def _decision(check: Check, principal: Principal, public_url: str, unusable: Unusable | None) -> DecisionOut:
    shown = view(check, principal)
    permit = shown.decision == "allow"
    human = next((step.expires_at for step in shown.next_steps if step.type == "review"), None)
    context = DecisionContextOut(
        evaluation_id=check.id,
        evaluated_at=check.settled_at,
        reason=None if permit else unusable or shown.decision,
        obligations=_obligations(shown, public_url),
        access_request=None if human is None else AccessRequestOut(human),
        next_action=None if permit or unusable is None else _next_action(unusable, askable=human is not None),
        trust=shown,
    )
    return DecisionOut(decision=permit, context=context)


def _next_action(unusable: Unusable, *, askable: bool) -> Literal["request", "retry", "none"]:
    """What to do after an approval that did not carry: the profile's own defaults."""
    if unusable is Unusable.GRANT_PENDING:
        return "retry"
    again = unusable in {Unusable.APPROVAL_EXPIRED, Unusable.OUT_OF_SCOPE}
    return "request" if again and askable else "none"


def _obligations(shown: CheckView, public_url: str) -> tuple[ObligationOut, ...]:
    """The safest of the challenges on offer: obligations all have to be met, and one challenge is enough."""
    methods = [step.method for step in shown.next_steps if step.method is not None]
    if shown.decision != "step_up" or not methods:
        return ()
    return (ObligationOut("step-up-1", STEP_UP, {"acr_value": f"{public_url}/acr/{methods[0]}"}),)


def _question(asked: EvaluationIn) -> dict[str, Any]:
    person = dict(asked.subject.properties)
    phone = asked.subject.id if asked.subject.type == PHONE_NUMBER else person.pop("phoneNumber", None)
    if not isinstance(phone, str):
        raise InvalidRequest("the subject has no number", [Fault("/subject", _NO_NUMBER)])
    details = dict(asked.action.properties)
    action = {
        "type": asked.action.name,
        "resource": f"{asked.resource.type}:{asked.resource.id}",
        **_taken(details, ("amount",)),
    }
    subject = {"phoneNumber": phone, **_taken(person, _OF_SUBJECT)}
    action["attributes"] = _attributes(details, person, asked.resource.properties)
    context = asked.context
    return {
        "subject": subject,
        "action": action,
        "purpose": context.get("purpose", _PURPOSE),
        "context": {name: context[name] for name in _OF_CONTEXT if name in context},
        **{name: context[name] for name in _OF_CHECK if name in context},
    }


_NO_NUMBER = 'send {"type": "phone_number", "id": "+…"}, or the number as properties.phoneNumber'


def _taken(properties: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: properties.pop(name) for name in names if name in properties}


def _attributes(
    action: Mapping[str, Any], subject: Mapping[str, Any], resource: Mapping[str, Any]
) -> dict[str, str | bool | int]:
    """What policies may look at: the action's own properties, and the others' as ``subject_…`` and ``resource_…``.

    A condition can weigh texts, truth values and whole numbers; anything else comes as the text of its JSON. Defensive:
    left out, it would be absent to a condition like ``!has(…)``, and that could lower the class.
    """
    named = [*action.items()]
    named += [(f"subject_{name}", value) for name, value in subject.items()]
    named += [(f"resource_{name}", value) for name, value in resource.items()]
    plain = {name: value if isinstance(value, str | bool | int) else _text(value) for name, value in named}
    if len(plain) != len(named):
        raise InvalidRequest(
            "two properties have one name",
            [Fault("/action/properties", "send nothing that is called as a property of subject or resource is")],
        )
    return plain


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _origin(pointer: str) -> str:
    for ours, theirs in _ORIGINS.items():
        if pointer == ours or pointer.startswith(f"{ours}/"):
            return theirs + pointer.removeprefix(ours)
    return pointer
