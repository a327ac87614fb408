"""``/v1/trust-checks/{id}/challenges``: the person proves more."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from broker.consumers import authorize
from broker.domain.phone import PhoneNumber
from broker.errors import Fault, InvalidRequest
from broker.surfaces.api import contract
from broker.surfaces.api.policies import body_of, caller_of
from broker.surfaces.ports import Services
from broker.usecases.step_up.challenge_checks import Answer
from broker.usecases.step_up.challenge_views import ChallengeView

TAGS = ["Challenges"]
READ = contract.problem_responses(400, 401, 403, 404, 503)
WRITE = contract.problem_responses(400, 401, 403, 404, 409, 413, 415, 429, 503)
_TEXT_MAX = 4096


class ChallengeIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One of the methods of the check's ``nextSteps``, and the number of the check once more: it is not kept."""

    method: Annotated[str, msgspec.Meta(max_length=64)]
    phone_number: Annotated[str, msgspec.Meta(max_length=16)]

    def __repr__(self) -> str:
        return f"ChallengeIn({self.method})"


class AnswerIn(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """One member: the ``code`` that the person typed, the ``operatorToken`` of their device, or ``met``.

    ``met`` is the word of the tenant's own back end about a factor of its own, such as a passkey.
    """

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=10, pattern=r"^[!-~]+$(?!\n)")] | None = None
    operator_token: Annotated[str, msgspec.Meta(max_length=_TEXT_MAX)] | None = None
    met: bool | None = None

    def __repr__(self) -> str:
        return "AnswerIn(…)"


BODIES = (ChallengeIn, AnswerIn)
"""Read by hand, so named in the contract by hand."""


@post(
    "/v1/trust-checks/{check_id:str}/challenges",
    operation_class=contract.taking(ChallengeIn, "Which method"),
    operation_id="startChallenge",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.CREATED,
    tags=TAGS,
    summary="Start one of the offered challenges",
    responses=WRITE,
)
async def start_challenge(
    request: Request[Any, Any, Any], services: NamedDependency[Services], check_id: FromPath[str]
) -> ChallengeView:
    """For ``network_auth`` the answer holds a link for the person's phone, its QR code, and a code to compare."""
    principal = await caller_of(request, services)
    sent = await body_of(request, ChallengeIn)
    try:
        phone = PhoneNumber.parse(sent.phone_number)
    except ValueError as error:
        raise InvalidRequest("the number is not a number", [Fault("/phoneNumber", str(error))]) from None
    return await services.challenges.start(principal, check_id, sent.method, phone)


@get(
    "/v1/trust-checks/{check_id:str}/challenges/{challenge_id:str}",
    operation_id="readChallenge",
    security=contract.needs(authorize.CHECK),
    tags=TAGS,
    summary="How a challenge stands",
    responses=READ,
)
async def read_challenge(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    check_id: FromPath[str],
    challenge_id: FromPath[str],
) -> ChallengeView:
    """The check itself says what came of it."""
    return await services.challenges.show(await caller_of(request, services), check_id, challenge_id)


@post(
    "/v1/trust-checks/{check_id:str}/challenges/{challenge_id:str}/answer",
    operation_class=contract.taking(AnswerIn, "What the person gave"),
    operation_id="answerChallenge",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Answer a challenge",
    responses=WRITE,
)
async def answer_challenge(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    check_id: FromPath[str],
    challenge_id: FromPath[str],
) -> ChallengeView:
    """Each answer costs an attempt, right or wrong; of several at once one is looked at."""
    principal = await caller_of(request, services)
    sent = await body_of(request, AnswerIn)
    given = Answer(sent.code, sent.operator_token, sent.met)
    return await services.challenges.answer(principal, check_id, challenge_id, given)


@post(
    "/v1/trust-checks/{check_id:str}/challenges/{challenge_id:str}/resend",
    operation_id="resendChallenge",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Send another code",
    responses=WRITE,
)
async def resend_challenge(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    check_id: FromPath[str],
    challenge_id: FromPath[str],
) -> ChallengeView:
    """The code before is void; attempts are not given back."""
    return await services.challenges.resend(await caller_of(request, services), check_id, challenge_id)


@post(
    "/v1/trust-checks/{check_id:str}/challenges/{challenge_id:str}/cancel",
    operation_id="cancelChallenge",
    security=contract.needs(authorize.CHECK),
    status_code=HTTPStatus.OK,
    tags=TAGS,
    summary="Give a challenge up",
    responses=WRITE,
)
async def cancel_challenge(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    check_id: FromPath[str],
    challenge_id: FromPath[str],
) -> ChallengeView:
    """Nothing that the person does with it afterwards counts."""
    return await services.challenges.cancel(await caller_of(request, services), check_id, challenge_id)


ROUTES = (start_challenge, read_challenge, answer_challenge, resend_challenge, cancel_challenge)
