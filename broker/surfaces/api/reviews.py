"""``/v1/reviews``: a human takes over."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from broker.consumers import authorize
from broker.domain.decision import ClassName
from broker.domain.review import QueueFilter, ReviewAnswer, ReviewState, Ruling, RulingCode
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.reviews.review_checks import JUSTIFICATION_MAX, PAGE_MAX, REASON_MAX
from broker.usecases.reviews.review_views import ReviewFile, ReviewHandle, ReviewOut, ReviewsOut

TAGS = ["Reviews"]
READ = contract.problem_responses(400, 401, 403, 404, 410, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 410, 413, 415, 503)
_PAGE_DEFAULT = 50

_WORD_MAX = 64


class ReviewIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a human should look: the agent's own words. A reviewer sees them last, as plain text."""

    justification: Annotated[str, msgspec.Meta(max_length=JUSTIFICATION_MAX)] = ""


class RulingIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reviewer decides, the code of why, and why in their own words."""

    ruling: Ruling
    code: RulingCode
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)]


BODIES = (ReviewIn, RulingIn, ReviewFile, ReviewHandle)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/trust-checks/{check_id:str}/reviews",
    operation_class=contract.taking(ReviewIn, "Why a human should look"),
    operation_id="requestReview",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Ask for a human",
    responses={
        201: ResponseSpec(ReviewHandle, description="In the queue; asked again, the same", generate_examples=False),
        **WRITE,
        **contract.problem_responses(429),
    },
)
async def request_review(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> Response[ReviewHandle]:
    """Put a check whose next step is a review in the queue; 200 with the same review where it is there already."""
    principal = await caller_of(request, services)
    sent = await body_of(request, ReviewIn)
    found, new = await services.reviews.request(principal, check_id, sent.justification)
    return Response(found, status_code=HTTPStatus.CREATED if new else HTTPStatus.OK)


@get(
    "/v1/reviews",
    operation_id="listReviews",
    security=contract.needs(authorize.REVIEW),
    tags=TAGS,
    summary="The queue",
    responses=READ,
)
async def list_reviews(  # noqa: PLR0913, PLR0917 - one parameter for each filter
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    in_state: Annotated[ReviewState | None, QueryParameter(name="state")] = None,
    action_class: Annotated[ClassName | None, QueryParameter(name="actionClass")] = None,
    action_type: Annotated[str, QueryParameter(name="actionType", max_length=_WORD_MAX)] = "",
    claimed_by: Annotated[str, QueryParameter(name="claimedBy", max_length=_WORD_MAX)] = "",
    after: Annotated[str, QueryParameter(max_length=_WORD_MAX)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX)] = _PAGE_DEFAULT,
) -> ReviewsOut:
    """Reviews of the caller's tenant, oldest first."""
    wanted = QueueFilter(str(in_state or ""), action_class or "", action_type, claimed_by)
    return await services.reviews.queue(await caller_of(request, services), wanted, after, limit)


@get(
    "/v1/reviews/{review_id:str}",
    operation_id="readReview",
    security=contract.needs(authorize.CHECK),
    tags=TAGS,
    summary="A review, with its evidence for those who decide",
    responses=READ,
)
async def read_review(
    request: Request[Any, Any, Any], services: NamedDependency[Services], review_id: FromPath[str]
) -> ReviewFile | ReviewHandle:
    """For whoever asked it is a handle that says how it stands; the answer itself is the check."""
    principal = await caller_of(request, services)
    return await services.reviews.show(principal, review_id, request.headers.get("accept-language"))


@post(
    "/v1/reviews/{review_id:str}/claim",
    operation_id="claimReview",
    security=contract.needs(authorize.REVIEW),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Take a review",
    responses=WRITE,
)
async def claim_review(
    request: Request[Any, Any, Any], services: NamedDependency[Services], review_id: FromPath[str]
) -> ReviewFile:
    """One person has it until their lease is over; claiming again renews the lease. 409 where somebody else has it."""
    principal = await caller_of(request, services)
    return await services.reviews.claim(principal, review_id, request.headers.get("accept-language"))


@post(
    "/v1/reviews/{review_id:str}/release",
    operation_id="releaseReview",
    security=contract.needs(authorize.REVIEW),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Give a review back",
    responses=WRITE,
)
async def release_review(
    request: Request[Any, Any, Any], services: NamedDependency[Services], review_id: FromPath[str]
) -> ReviewOut:
    """It is in the queue again."""
    return await services.reviews.release(await caller_of(request, services), review_id)


@post(
    "/v1/reviews/{review_id:str}/decide",
    operation_class=contract.taking(RulingIn, "The ruling"),
    operation_id="decideReview",
    security=contract.needs(authorize.REVIEW),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Decide a review",
    responses=WRITE,
)
async def decide_review(
    request: Request[Any, Any, Any], services: NamedDependency[Services], review_id: FromPath[str]
) -> ReviewOut:
    """Once, by whoever has claimed it and has not asked for it; the check settles again by it."""
    principal = await caller_of(request, services)
    sent = await body_of(request, RulingIn)
    return await services.reviews.decide(principal, review_id, ReviewAnswer(sent.ruling, sent.code, sent.reason))


ROUTES = (request_review, list_reviews, read_review, claim_review, release_review, decide_review)
