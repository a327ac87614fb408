"""``/v1/subjects/requests`` and ``/v1/disputes``: what people ask about their own data, and what becomes of it."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from broker.consumers import authorize
from broker.domain.outcome import TurnedOut
from broker.domain.rights import DisputeAnswer, RequestCode, RequestState, RightKind
from broker.surfaces import wire
from broker.surfaces.api import contract
from broker.surfaces.api.challenges import AnswerIn
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.api.subjects import SubjectRefIn
from broker.surfaces.ports import Services
from broker.usecases.rights.request_rights import STATEMENT_MAX, NewRequest, RequestAnswer
from broker.usecases.rights.rights_views import RequestFile, RequestOut, RequestsOut
from broker.usecases.rights.tend_requests import PAGE_MAX, REASON_MAX
from broker.usecases.step_up.challenge_checks import Answer
from broker.usecases.step_up.challenge_views import ChallengeView

TAGS = ["Requests of people"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 429, 503)
_PAGE_DEFAULT = 50
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$(?!\n)")]
_Number = Annotated[str, msgspec.Meta(max_length=64, examples=["+34600000101"])]
_Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]


class PersonRequestIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whose number it is, and what they ask for: ``access``, ``correction``, ``erasure`` or ``objection``.

    A correction names the check, the ``fact`` in it that is wrong (a signal, or ``outcome``), and says what is right.
    """

    phone_number: _Number
    kind: RightKind
    check_id: _Word | None = None
    fact: _Word | None = None
    statement: Annotated[str, msgspec.Meta(max_length=STATEMENT_MAX)] = ""

    def __repr__(self) -> str:
        return f"PersonRequestIn({self.kind})"


class DisputeIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Whose number it is, which check they dispute, and why, in their own words."""

    phone_number: _Number
    check_id: _Word
    statement: Annotated[str, msgspec.Meta(min_length=1, max_length=STATEMENT_MAX)]

    def __repr__(self) -> str:
        return f"DisputeIn({self.check_id})"


class NumberProofIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How the person proves the number: ``network_auth``, ``operator_token`` or ``sms_otp``."""

    phone_number: _Number
    method: _Word

    def __repr__(self) -> str:
        return f"NumberProofIn({self.method})"


class ReasonIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, in your own words."""

    reason: _Reason


class RefusalIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is refused: for programs, and in your own words for the person."""

    code: RequestCode
    reason: _Reason


class DisputeRulingIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the person was right, what the check turned out to be, and why."""

    upheld: bool
    reason: _Reason
    outcome: TurnedOut = TurnedOut.UNKNOWN


BODIES = (PersonRequestIn, DisputeIn, NumberProofIn, ReasonIn, RefusalIn, DisputeRulingIn, RequestOut, RequestAnswer)
"""Read by hand, so named in the contract by hand."""

_TAKEN_IN = {
    201: ResponseSpec(RequestOut, description="Taken in; the number is to be proven", generate_examples=False),
    **WRITE,
}


@post(
    "/v1/subjects/requests",
    operation_class=contract.taking(PersonRequestIn, "Who asks for what"),
    operation_id="openSubjectRequest",
    security=contract.needs(authorize.RIGHTS),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="A person asks about their own data",
    responses=_TAKEN_IN,
)
async def open_request(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[RequestOut]:
    """For the scope `rights:request` without an agent. Nothing is told or changed before the number is proven."""
    principal = await caller_of(request, services)
    sent = await body_of(request, PersonRequestIn)
    new = NewRequest(wire.to_phone(sent.phone_number), sent.kind, sent.check_id, sent.fact or "", sent.statement)
    return Response(await services.rights.open(principal, new), status_code=HTTPStatus.CREATED)


@post(
    "/v1/disputes",
    operation_class=contract.taking(DisputeIn, "Who disputes which decision"),
    operation_id="openDispute",
    security=contract.needs(authorize.RIGHTS),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="A person disputes a decision",
    responses=_TAKEN_IN,
)
async def open_dispute(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[RequestOut]:
    """Once the number is proven, an unused receipt is revoked, and a human looks who had no part in the decision."""
    principal = await caller_of(request, services)
    sent = await body_of(request, DisputeIn)
    phone = wire.to_phone(sent.phone_number)
    new = NewRequest(phone, RightKind.DISPUTE, sent.check_id, "", sent.statement)
    return Response(await services.rights.open(principal, new), status_code=HTTPStatus.CREATED)


@get(
    "/v1/subjects/requests",
    operation_id="listSubjectRequests",
    security=contract.needs(authorize.PRIVACY_READ),
    tags=TAGS,
    summary="Who waits for what",
    responses=READ,
)
async def list_requests(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    in_state: Annotated[RequestState | None, QueryParameter(name="state")] = None,
    after: Annotated[str, QueryParameter(max_length=64)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = _PAGE_DEFAULT,
) -> RequestsOut:
    """The tenant's requests, the one that is due first at the head. For the scope `privacy:read`."""
    return await services.requests.listed(await caller_of(request, services), str(in_state or ""), after, limit)


@get(
    "/v1/subjects/requests/{request_id:str}",
    operation_id="readSubjectRequest",
    security=contract.needs(authorize.RIGHTS),
    tags=TAGS,
    summary="How a request stands",
    responses=READ,
)
async def read_request(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> RequestOut:
    """One of your own, or with `privacy:read` any of the tenant's."""
    return await services.rights.show(await caller_of(request, services), request_id)


@get(
    "/v1/subjects/requests/{request_id:str}/file",
    operation_id="readSubjectRequestFile",
    security=contract.needs(authorize.PRIVACY_READ),
    tags=TAGS,
    summary="A request with what people wrote",
    responses=READ,
)
async def read_file(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> RequestFile:
    """For staff who work on it, with the scope `privacy:read`."""
    return await services.requests.file(await caller_of(request, services), request_id)


@post(
    "/v1/subjects/requests/{request_id:str}/proof",
    operation_class=contract.taking(NumberProofIn, "How"),
    operation_id="proveSubjectRequest",
    security=contract.needs(authorize.RIGHTS),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Have the person prove the number",
    responses=WRITE,
)
async def prove(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> ChallengeView:
    """Start a challenge that proves this request and no other; 409 where the line does not show now whose it is."""
    principal = await caller_of(request, services)
    sent = await body_of(request, NumberProofIn)
    return await services.rights.prove(principal, request_id, wire.to_phone(sent.phone_number), sent.method)


@post(
    "/v1/subjects/requests/{request_id:str}/proof/{challenge_id:str}/answer",
    operation_class=contract.taking(AnswerIn, "What the person gave"),
    operation_id="answerSubjectRequestProof",
    security=contract.needs(authorize.RIGHTS),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Answer the challenge",
    responses=WRITE,
)
async def answer_proof(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    request_id: FromPath[str],
    challenge_id: FromPath[str],
) -> ChallengeView:
    """The code that the person typed, or the token of their device."""
    principal = await caller_of(request, services)
    sent = await body_of(request, AnswerIn)
    given = Answer(sent.code, sent.operator_token, sent.met)
    return await services.rights.answer_proof(principal, request_id, challenge_id, given)


@post(
    "/v1/subjects/requests/{request_id:str}/answer",
    operation_class=contract.taking(SubjectRefIn, "Whose number it is, once more"),
    operation_id="answerSubjectRequest",
    security=contract.needs(authorize.RIGHTS),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Do what a proven request asks for",
    responses={200: ResponseSpec(RequestAnswer, description="Done, or under way", generate_examples=False), **WRITE},
)
async def carry_out(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> Response[RequestAnswer]:
    """An access request is answered here, once, with everything that is held; others are carried out, or begun."""
    principal = await caller_of(request, services)
    sent = await body_of(request, SubjectRefIn)
    done = await services.rights.carry_out(principal, request_id, wire.to_phone(sent.phone_number))
    return Response(done, headers={"Cache-Control": "no-store"})


@post(
    "/v1/subjects/requests/{request_id:str}/vouch",
    operation_class=contract.taking(ReasonIn, "How you know the person"),
    operation_id="vouchSubjectRequest",
    security=contract.needs(authorize.PRIVACY_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Vouch for a person",
    responses=WRITE,
)
async def vouch(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> RequestOut:
    """For staff with the scope `privacy:write`, where the line proves nothing; the reason is kept."""
    principal = await caller_of(request, services)
    return await services.requests.vouch(principal, request_id, (await body_of(request, ReasonIn)).reason)


@post(
    "/v1/subjects/requests/{request_id:str}/extend",
    operation_class=contract.taking(ReasonIn, "Why it takes longer"),
    operation_id="extendSubjectRequest",
    security=contract.needs(authorize.PRIVACY_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Take more time, once",
    responses=WRITE,
)
async def extend(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> RequestOut:
    """As far as the law of the number's country lets you, and before it is due."""
    principal = await caller_of(request, services)
    return await services.requests.extend(principal, request_id, (await body_of(request, ReasonIn)).reason)


@post(
    "/v1/subjects/requests/{request_id:str}/refuse",
    operation_class=contract.taking(RefusalIn, "Why"),
    operation_id="refuseSubjectRequest",
    security=contract.needs(authorize.PRIVACY_WRITE),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Refuse a request",
    responses=WRITE,
)
async def refuse(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> RequestOut:
    """For staff with the scope `privacy:write`."""
    principal = await caller_of(request, services)
    sent = await body_of(request, RefusalIn)
    return await services.requests.refuse(principal, request_id, sent.code, sent.reason)


@post(
    "/v1/disputes/{request_id:str}/decide",
    operation_class=contract.taking(DisputeRulingIn, "The answer"),
    operation_id="decideDispute",
    security=contract.needs(authorize.REVIEW),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Decide a dispute or a correction",
    responses=WRITE,
)
async def decide(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> RequestOut:
    """For a person with the scope `trust:review` who had no part in the check, its review or the request."""
    principal = await caller_of(request, services)
    sent = await body_of(request, DisputeRulingIn)
    answer = DisputeAnswer(sent.upheld, sent.outcome, sent.reason)
    return await services.requests.decide(principal, request_id, answer)


ROUTES = (
    *(open_request, open_dispute, list_requests, read_request, read_file, prove, answer_proof, carry_out),
    *(vouch, extend, refuse, decide),
)
